package warpgit

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

func TestObjects_conformance(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		o := s.Objects
		blob, err := o.PutBlob([]byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		entries := []object.TreeEntry{ // git's order: a-b, a.c, a/ — and the mode that git no longer writes stays
			{Name: "a", Mode: filemode.Dir, Hash: EmptyTree}, {Name: "a.c", Mode: filemode.Deprecated, Hash: blob}, {Name: "a-b", Mode: filemode.Executable, Hash: blob}}
		tree, err := o.PutTree(entries)
		if err != nil {
			t.Fatal(err)
		}
		got, err := o.Tree(ctx, tree)
		if err != nil || len(got) != 3 || got[0].Name != "a-b" || got[1].Name != "a.c" || got[2].Name != "a" || got[1].Mode != filemode.Deprecated {
			t.Errorf("tree %v %v", got, err)
		}
		if data, err := o.Blob(ctx, blob); err != nil || string(data) != "text" {
			t.Errorf("blob %q %v", data, err)
		}
		if _, err := o.Blob(ctx, tree); !errors.Is(err, jitos.ErrInvalid) {
			t.Errorf("a tree read as a blob: %v", err)
		}
		if _, err := o.Blob(ctx, plumbing.NewHash(strings.Repeat("1", 40))); !errors.Is(err, jitos.ErrNotFound) {
			t.Errorf("an absent blob: %v", err)
		}
		for _, zero := range []plumbing.Hash{{}, EmptyTree} {
			if got, err := o.Tree(ctx, zero); err != nil || len(got) != 0 {
				t.Errorf("the empty tree: %v %v", got, err)
			}
		}
		for _, name := range []string{"", ".", "..", ".git", ".GIT", "a/b", "a\x00b"} {
			if _, err := o.PutTree([]object.TreeEntry{{Name: name, Mode: filemode.Regular, Hash: blob}}); !errors.Is(err, jitos.ErrInvalid) {
				t.Errorf("entry %q: %v", name, err)
			}
		}
		twice := []object.TreeEntry{{Name: "a", Mode: filemode.Regular, Hash: blob}, {Name: "a", Mode: filemode.Dir, Hash: EmptyTree}}
		if _, err := o.PutTree(twice); !errors.Is(err, jitos.ErrInvalid) {
			t.Errorf("a name twice: %v", err)
		}
		if _, err := o.PutTree([]object.TreeEntry{{Name: "a", Mode: filemode.Regular}}); !errors.Is(err, jitos.ErrInvalid) {
			t.Errorf("an entry without an object: %v", err)
		}
	})
}

// What is staged is durable with the Append that leads to it; what a refused Append staged can be appended later.
func TestObjects_staging(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	tree := putFiles(t, r.Store.Objects, map[string]string{"later.txt": "later\n"})
	next := appendTo(t, r.Store, jitos.SystemRef, tip, graphRule(nil, nil))
	if got := run(t, dir, "cat-file", "--batch-all-objects", "--batch-check"); strings.Contains(got, string(tree)) {
		t.Error("a tree was written that the commit does not lead to")
	}
	run(t, dir, "gc", "-q", "--prune=now")
	rw := graphRule(nil, nil)
	rw.Tree = tree
	if _, err := r.Store.Append(ctx, jitos.SystemRef, tip, tip, rw); !errors.Is(err, jitos.ErrStale) {
		t.Fatalf("append on an old tip: %v", err)
	}
	last := appendTo(t, r.Store, jitos.SystemRef, next, rw)
	if left := r.Store.Objects.batch.list; len(left) > 0 {
		t.Errorf("%d objects are staged still", len(left))
	}
	if got := run(t, dir, "show", string(last)+":later.txt"); got != "later" {
		t.Errorf("a file that was staged before a gc is %q", got)
	}
}

// More than memory should hold goes to a pack that no gc takes, until it is referred to or forgotten.
func TestObjects_spill(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	r.Store.Objects.spillAt = 100_000
	tip := born(t, r.Store)
	noise := rand.NewChaCha8([32]byte{1})
	files := map[string]string{}
	for i := range 50 {
		data := make([]byte, 10_000)
		noise.Read(data)
		files[fmt.Sprintf("f%d", i)] = string(data)
	}
	rw := graphRule(nil, nil)
	rw.Tree = putFiles(t, r.Store.Objects, files)
	keeps, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.keep"))
	if err != nil || len(keeps) < 4 {
		t.Errorf("%d packs are held, %v", len(keeps), err)
	}
	run(t, dir, "gc", "-q", "--prune=now")
	tip = appendTo(t, r.Store, jitos.SystemRef, tip, rw)
	snap := open(t, openDir(t, dir).Store, tip)
	for name, want := range files {
		if data, err := snap.ReadFile(ctx, name); err != nil || string(data) != want {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
}

// git's own packs, with deltas of both kinds, are read as git reads them.
func TestObjects_gitPacks(t *testing.T) {
	dir := newDir(t)
	var text bytes.Buffer
	for i := range 300 {
		fmt.Fprintf(&text, "line %d\n", i)
		if i%10 == 0 {
			write(t, dir, "grows.txt", text.String())
			run(t, dir, "add", ".")
			run(t, dir, "commit", "-q", "-m", fmt.Sprint("grow ", i))
		}
	}
	all := run(t, dir, "rev-list", "--all", "--objects", "--no-object-names")
	check := func(what string) {
		t.Helper()
		r := openDir(t, dir)
		for id := range strings.Lines(all) {
			id = strings.TrimSpace(id)
			raw, err := r.Store.Objects.get(plumbing.NewHash(id))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if got := plumbing.ComputeHash(raw.kind, raw.data); got.String() != id {
				t.Fatalf("%s: object %s reads as %s", what, id, got)
			}
		}
	}
	check("loose")
	run(t, dir, "-c", "pack.indexVersion=2", "repack", "-q", "-a", "-d", "-f", "--depth=50")
	check("offset deltas")
	run(t, dir, "-c", "repack.useDeltaBaseOffset=false", "repack", "-q", "-a", "-d", "-f")
	check("reference deltas")
	run(t, dir, "multi-pack-index", "write")
	check("indexed")
}

// A file tree is nowhere stored but in the root of its commit; later, and elsewhere, it is found again by its hash.
func TestFiles_byHash(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	src := putFiles(t, r.Store.Objects, map[string]string{"src/a.go": "a\n"})
	rw := graphRule(nil, nil)
	rw.Tree = src
	first := appendTo(t, r.Store, jitos.SystemRef, tip, rw)
	rw.Tree = putFiles(t, r.Store.Objects, map[string]string{"src/b.go": "b\n"})
	appendTo(t, r.Store, jitos.SystemRef, first, rw)
	run(t, dir, "gc", "-q", "--prune=now") // takes the trees that no commit refers to
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := openDir(t, dir).Store.Files(src)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := files.ReadFile(ctx, "src/a.go"); err != nil || string(data) != "a\n" {
		t.Errorf("by its hash: %q %v", data, err)
	}
	unknown, err := openDir(t, dir).Store.Files("1111111111111111111111111111111111111111")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unknown.ReadFile(ctx, "x"); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("a tree of nobody's: %v", err)
	}
}

// What git stored for us and no ref leads to may be gone the next moment: what a rewrite adds goes into our own pack.
func TestObjects_stageBeyond(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	write(t, dir, "src/new.txt", "stored by git\n")
	run(t, dir, "add", "src")
	tree := plumbing.NewHash(run(t, dir, "write-tree"))
	durable := plumbing.NewHash(run(t, dir, "rev-parse", "HEAD^{tree}"))
	if err := r.Store.Objects.StageBeyond(ctx, tree, durable); err != nil {
		t.Fatal(err)
	}
	if staged := len(r.Store.Objects.batch.list); staged != 3 {
		t.Errorf("%d objects are staged, want the file and the two trees above it", staged)
	}
	run(t, dir, "reset", "-q")
	run(t, dir, "gc", "-q", "--prune=now")
	rw := graphRule(nil, nil)
	rw.Tree = treeID(tree)
	last := appendTo(t, r.Store, jitos.SystemRef, tip, rw)
	if got := run(t, dir, "show", string(last)+":src/new.txt"); got != "stored by git" {
		t.Errorf("the file is %q", got)
	}
	run(t, dir, "fsck", "--strict")
}
