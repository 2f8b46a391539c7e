package warpgit

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

// Two packs of the same objects never share a file: a .keep that comes to a pack which is there already may come too late.
func TestPack_twins(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	data := []byte("the same twice\n")
	objects := []*staged{{id: hashOwn(plumbing.BlobObject, data), rawObject: rawObject{plumbing.BlobObject, data}}}
	var held []*heldPack
	for i := range 4 {
		h, err := r.packs.write(objects)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 { // one that nobody holds any more is as bad as one that somebody does
			if err := held[0].release(); err != nil {
				t.Fatal(err)
			}
		}
		for _, other := range held {
			if h.path == other.path {
				t.Fatalf("%s twice", filepath.Base(h.path))
			}
		}
		if !exists(h.path + ".keep") {
			t.Errorf("%s is not held", h.path)
		}
		run(t, dir, "verify-pack", h.path+".idx") // also that its name is its checksum
		held = append(held, h)
	}
	for _, h := range held[1:] {
		if err := h.release(); err != nil || exists(h.path+".keep") {
			t.Errorf("released: %v, %v", err, exists(h.path+".keep"))
		}
	}
	run(t, dir, "fsck", "--strict")
}

// Callers that come together share packs, and each has what it wanted when it is answered.
func TestAppend_shareAPack(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	r.precious = true // so that nobody joins the packs that are counted
	before := packCount(t, dir)
	const callers = 40
	r.packs.turn.Lock() // as if a pack were being written: all of them come meanwhile
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			ref := jitos.Ref(fmt.Sprint(jitos.SWSPrefix, "w", i))
			ids, err := r.Store.Append(ctx, ref, "", tip, graphRule([]jitos.Node{node("job", fmt.Sprint("j", i))}, nil))
			if err != nil {
				t.Error(err)
			} else if got := run(t, dir, "rev-parse", string(ref)); got != string(ids[0]) {
				t.Errorf("%s is at %s, want %s", ref, got, ids[0])
			}
		})
	}
	for waiting := 0; waiting < callers; {
		r.packs.mu.Lock()
		waiting = len(r.packs.waiting)
		r.packs.mu.Unlock()
	}
	r.packs.turn.Unlock()
	all.Wait()
	if made := packCount(t, dir) - before; made != 1 {
		t.Errorf("%d callers made %d packs", callers, made)
	}
	if keeps, _ := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.keep")); len(keeps) > 0 {
		t.Errorf("still held: %v", keeps)
	}
	run(t, dir, "fsck", "--strict")
}

func packCount(t *testing.T, dir string) int {
	packs, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	return len(packs)
}

// A delta makes what it was made for, whatever the two have in common; git's rules for reading it are go-git's.
func TestDelta(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(t, "src")
		dst := append([]byte(nil), src...)
		for range rapid.IntRange(0, 4).Draw(t, "edits") {
			at := rapid.IntRange(0, len(dst)).Draw(t, "at")
			end := rapid.IntRange(at, min(len(dst), at+30)).Draw(t, "end")
			dst = append(append(append([]byte(nil), dst[:at]...), rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "new")...), dst[end:]...)
		}
		for _, kind := range []plumbing.ObjectType{plumbing.TreeObject, plumbing.BlobObject} {
			delta := appendDelta(nil, kind, src, dst)
			got, err := applyDelta(src, delta)
			if len(src) == 0 || len(delta) < 4 {
				continue // go-git refuses such deltas; a pack has none, for they are no shorter
			}
			if err != nil || !bytes.Equal(got, dst) {
				t.Fatalf("%s: %d bytes to %d: %v", kind, len(src), len(dst), err)
			}
		}
	})
}

// A long line of selves is read back by git and by us, and no chain of deltas is longer than git makes them.
func TestPack_chains(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	var rewrites []jitos.Rewrite
	for i := range 200 {
		rw := graphRule([]jitos.Node{node("thing", fmt.Sprint("n", i%90), "text", fmt.Sprint("round ", i))}, nil)
		rewrites = append(rewrites, rw)
	}
	last := appendTo(t, r.Store, jitos.SystemRef, tip, rewrites...)
	run(t, dir, "fsck", "--strict")
	packs, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.idx"))
	if err != nil {
		t.Fatal(err)
	}
	deltas := 0
	for _, idx := range packs {
		for line := range bytes.Lines([]byte(run(t, dir, "verify-pack", "-v", idx))) {
			f := bytes.Fields(line)
			if len(f) == 7 { // id, kind, size, size in the pack, offset, depth, base
				deltas++
				if n := len(f[5]); n > 2 || n == 2 && string(f[5]) > fmt.Sprint(maxChain) {
					t.Errorf("a chain of %s", f[5])
				}
			}
		}
	}
	if deltas < 800 {
		t.Errorf("only %d deltas", deltas)
	}
	count := 0
	for v, err := range openDir(t, dir).Store.Verify(ctx, last) {
		if err != nil {
			t.Fatal(v, err)
		}
		count++
	}
	if count != 201 {
		t.Errorf("%d commits hold", count)
	}
}
