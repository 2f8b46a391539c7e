package warpgit

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// These decoders read bytes that come from a disk or from a remote: whatever the bytes are, they end, with an error or with
// what go-git reads there too. `go test -fuzz NAME ./warpgit` looks for more; what it finds is kept in testdata/fuzz.

func FuzzTree(f *testing.F) {
	id := strings.Repeat("\x01", 20)
	for _, seed := range []string{"", "100644 a\x00" + id, "40000 d\x00" + id + "100755 x.sh\x00" + id, "0 a\x00" + id, "100644\x00", " a\x00" + id, "100644 \x00" + id} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := parseTree(data)
		if err != nil {
			return
		}
		entries := tr.entries()
		if again, err := parseTree(encodeTree(entries)); err != nil || !reflect.DeepEqual(again.entries(), entries) {
			t.Errorf("%q encodes to %q, %v", data, again, err)
		}
		if tr.count(1<<30) != len(entries) {
			t.Errorf("%d entries, counted %d", len(entries), tr.count(1<<30))
		}
		m := &plumbing.MemoryObject{}
		m.SetType(plumbing.TreeObject)
		m.Write(data)
		var theirs object.Tree
		if err := theirs.Decode(m); err != nil {
			return // it is stricter about modes
		}
		same := len(entries) == len(theirs.Entries)
		for i := 0; same && i < len(entries); i++ { // it reads odd modes as ordinary ones
			same = entries[i].Name == theirs.Entries[i].Name && entries[i].Hash == theirs.Entries[i].Hash
		}
		if !same {
			t.Errorf("%q: %v, go-git %v", data, entries, theirs.Entries)
		}
	})
}

func FuzzCommit(f *testing.F) {
	id := strings.Repeat("ab", 20)
	for _, seed := range []string{"",
		"tree " + id + "\nparent " + id + "\nauthor A <a@x> 1 +0130\ncommitter B C <> 2 -0000\n\nmessage\n\nbody\n",
		"tree " + id + "\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\nencoding latin1\ngpgsig -----BEGIN\n x\n -----END\n\nm",
		"tree " + id + "\nauthor\ncommitter A\n", "tree x\n\n", "parent " + id + "\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decodeCommit(data)
		if err != nil {
			return
		}
		again, err := decodeCommit(encodeCommit(nil, c))
		if err != nil || again.TreeHash != c.TreeHash || again.Message != c.Message || len(again.ParentHashes) != len(c.ParentHashes) {
			t.Errorf("%q: decoded %v, again %v, %v", data, c, again, err)
		}
	})
}

func FuzzDelta(f *testing.F) {
	f.Add([]byte("a base of some length"), []byte("\x15\x05\x05other"))
	f.Add([]byte("a base of some length"), []byte("\x15\x04\x90\x04"))
	f.Add([]byte("a base of some length"), []byte("\x15\x80\x80\x80\x80\x08\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		got, err := applyDelta(base, delta)
		want, theirs := packfile.PatchDelta(base, delta)
		if err == nil && theirs == nil && !bytes.Equal(got, want) {
			t.Errorf("%q, go-git %q", got, want)
		}
		if err != nil && theirs == nil && len(want) > 0 && int64(len(base)) == firstSize(delta) && secondSize(delta) == int64(len(want)) {
			t.Errorf("%v, and go-git reads %q", err, want)
		}
	})
}

func firstSize(delta []byte) int64 {
	n, _, _ := readSize(delta, 7)
	return n
}

func secondSize(delta []byte) int64 {
	_, rest, _ := readSize(delta, 7)
	return firstSize(rest)
}

func FuzzPackEntry(f *testing.F) {
	for _, e := range []struct {
		kind plumbing.ObjectType
		text string
	}{{plumbing.BlobObject, ""}, {plumbing.CommitObject, "text"}, {plumbing.TreeObject, strings.Repeat("long ", 50)}} {
		enc := &packEncoder{}
		enc.buf = append(enc.buf, byte(e.kind)<<4|byte(len(e.text)&15)|0x80, byte(len(e.text)>>4))
		if err := enc.deflate(e.kind, []byte(e.text)); err != nil {
			f.Fatal(err)
		}
		f.Add(enc.buf)
	}
	f.Add([]byte("\x60\x81\x01\x78\x01"))
	f.Add([]byte("\x7f" + strings.Repeat("\xff", 12)))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, rest, err := readHeader(data)
		if err != nil || h.size > 1<<20 {
			return
		}
		var in inflater
		got, err := in.inflate(rest, h.size)
		if err != nil {
			return
		}
		zr, err := zlib.NewReader(bytes.NewReader(rest))
		if err != nil {
			t.Fatal("only we read it:", err)
		}
		if want, err := io.ReadAll(zr); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q, the standard library %q %v", got, want, err)
		}
	})
}

func FuzzLoose(f *testing.F) {
	for _, text := range []string{"blob 4\x00text", "tree 0\x00", "blob 5\x00text", "blob -1\x00", "odd 1\x00x", "blob"} {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var in inflater
		if r, err := in.decodeLoose(data); err == nil {
			zr, err := zlib.NewReader(bytes.NewReader(data))
			if err != nil {
				t.Fatal("only we read it:", err)
			}
			want := fmt.Sprintf("%s %d\x00%s", r.kind, len(r.data), r.data)
			if whole, err := io.ReadAll(zr); err != nil || len(whole) != len(want) && !bytes.HasSuffix(whole, r.data) {
				t.Errorf("%q, the standard library %q %v", want, whole, err)
			}
		}
	})
}

func FuzzPackIndex(f *testing.F) {
	enc := &packEncoder{}
	for i := range 3 {
		data := []byte{byte(i)}
		enc.entries = append(enc.entries, &staged{id: hashOwn(plumbing.BlobObject, data), pack: slot{offset: int64(12 + i*1<<31)}})
	}
	f.Add(enc.index(plumbing.ZeroHash))
	f.Add(enc.index(plumbing.ZeroHash)[:1100])
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "p")
		if err := os.WriteFile(path+".idx", data, 0o666); err != nil {
			t.Fatal(err)
		}
		p, err := openPack(path)
		if err != nil {
			return
		}
		defer p.close()
		for _, id := range p.ids() {
			p.find(id)
		}
		p.find(plumbing.ZeroHash)
	})
}

func FuzzMultiPackIndex(f *testing.F) {
	dir := newDir(f)
	born(f, openDir(f, dir).Store)
	run(f, dir, "repack", "-q", "-a", "-d")
	run(f, dir, "multi-pack-index", "write")
	data, err := os.ReadFile(filepath.Join(dir, ".git/objects/pack/multi-pack-index"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &midx{data: data}
		if m.parse() != nil {
			return
		}
		for range m.names {
			m.packs = append(m.packs, &pack{})
		}
		for i := range m.count {
			var id plumbing.Hash
			copy(id[:], m.ids[20*i:])
			m.find(id)
		}
	})
}

// go-git reads the same repositories, object for object, however they are packed.
func TestObjects_againstGoGit(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	for i := range 6 {
		write(t, dir, "grows.txt", strings.Repeat(fmt.Sprintln("line", i), 20*i+1))
		run(t, dir, "add", ".")
		run(t, dir, "commit", "-q", "-m", fmt.Sprint("grow ", i))
		rw := graphRule(nil, nil)
		for j := range 60 {
			rw.Set = append(rw.Set, node("thing", fmt.Sprint("n", i*31+j), "round", fmt.Sprint(i)))
		}
		tip = appendTo(t, r.Store, "refs/heads/jitos/system", tip, rw, graphRule(nil, nil), graphRule(nil, nil))
	}
	check := func(layout string) {
		t.Helper()
		theirs, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
		if err != nil {
			t.Fatal(err)
		}
		ours := openDir(t, dir).Store.Objects
		for line := range strings.Lines(run(t, dir, "cat-file", "--batch-all-objects", "--batch-check") + "\n") {
			id := plumbing.NewHash(strings.Fields(line)[0])
			want, err := theirs.Storer.EncodedObject(plumbing.AnyObject, id)
			if err != nil {
				t.Fatalf("%s: go-git: %s: %v", layout, id, err)
			}
			reader, err := want.Reader()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(reader)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ours.get(id)
			if err != nil || got.kind != want.Type() || !bytes.Equal(got.data, data) {
				t.Fatalf("%s: %s: %v %d bytes, %v; go-git %v %d bytes", layout, id, got.kind, len(got.data), err, want.Type(), len(data))
			}
			if hashOwn(got.kind, got.data) != id || hashForeign(got.kind, got.data) != id {
				t.Fatalf("%s: %s has another name", layout, id)
			}
			if got.kind != plumbing.CommitObject {
				continue
			}
			c, err := object.GetCommit(theirs.Storer, id)
			if err != nil {
				t.Fatal(err)
			}
			mine, err := decodeCommit(got.data)
			if err != nil || mine.Message != c.Message || mine.TreeHash != c.TreeHash || !reflect.DeepEqual(mine.ParentHashes, c.ParentHashes) ||
				signatureText(mine.Author) != c.Author.String() || !mine.Committer.When.Equal(c.Committer.When) {
				t.Errorf("%s: commit %s: %v %v", layout, id, mine, err)
			}
			if again := encodeCommit(nil, mine); !bytes.Equal(again, data) {
				t.Errorf("%s: commit %s encodes to %q, is %q", layout, id, again, data)
			}
		}
	}
	check("as written")
	run(t, dir, "multi-pack-index", "write")
	check("with a multi-pack-index")
	run(t, dir, "repack", "-q", "-a", "-d", "-f", "--depth=50")
	check("repacked")
	run(t, dir, "-c", "repack.useDeltaBaseOffset=false", "repack", "-q", "-a", "-d", "-f")
	check("reference deltas")
}
