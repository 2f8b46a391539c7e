package warpgit

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// Decoders of what is on the disk beside packs, or came from a remote in a commit. Each target says what must hold whatever
// the bytes are; where git reads the same file, git is the oracle. Inputs that once mattered are kept in testdata/fuzz.

const someHash = "ce013625030ba8dba906f756967f9e9ca394464a"

// A packed-refs that git reads says the same here.
func FuzzPackedRefs(f *testing.F) {
	isolate(f)
	dir := f.TempDir()
	run(f, dir, "init", "-q", "--bare", "-b", "main")
	header := "# pack-refs with: peeled fully-peeled sorted \n"
	for _, text := range []string{"", header, header + someHash + " refs/heads/a\n" + someHash + " refs/tags/v1\n^" + someHash + "\n",
		someHash + " refs/heads/a", someHash + " refs/heads/../b\n", someHash + "  refs/heads/a \n", someHash + "\trefs/heads/a\n", "^" + someHash + "\n", "\n\n",
		someHash + someHash[:24] + " refs/heads/a\n", someHash + " refs/heads/a\r\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := parsePackedRefs(text)
		for name := range got {
			if err := checkRef(name); err != nil {
				t.Errorf("took %v", err)
			}
		}
		write(t, dir, "packed-refs", string(text))
		cmd := exec.Command("git", "for-each-ref", "--format=%(refname) %(objectname)")
		cmd.Dir = dir
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if cmd.Run() != nil || errs.Len() > 0 {
			return
		}
		n := 0
		for line := range strings.Lines(out.String()) {
			name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
			if !strings.HasPrefix(name, "refs/") {
				continue // git lists what lies there, and would write no ref of that name
			}
			if n++; got[name].String() != id {
				t.Errorf("%s is %s, git reads %s", name, got[name], id)
			}
		}
		if n != len(got) {
			t.Errorf("%d refs, git reads %d: %v\n%s", len(got), n, got, out.String())
		}
	})
}

// A file of a ref holds one hash, or names one ref.
func FuzzRef(f *testing.F) {
	for _, text := range []string{someHash + "\n", "ref: refs/heads/main\n", "ref:refs/heads/main", "", someHash + someHash, "ref: ", someHash[:39]} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		id, target, err := parseRef("refs/heads/x", text)
		if trimmed := strings.TrimSpace(string(text)); err == nil && target == "" && id.String() != strings.ToLower(trimmed) {
			t.Errorf("%q is read as %s", text, id)
		}
		if err != nil && (!id.IsZero() || target != "") {
			t.Errorf("%q is refused, and read", text)
		}
	})
}

// The shallow file: its two readers agree, and what is read can be written and read again.
func FuzzShallow(f *testing.F) {
	dir := f.TempDir()
	for _, text := range []string{"", someHash + "\n", someHash + "\n" + strings.Repeat("1", 40) + "\n", someHash, "\n", someHash + "\r\n", strings.ToUpper(someHash) + "\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ids, err := parseShallow(text)
		if err != nil {
			return
		}
		write(t, dir, "shallow", string(text))
		r := &Repo{Common: dir}
		var again strings.Builder
		for _, id := range ids {
			again.WriteString(id.String() + "\n")
		}
		if edges, err := r.shallow(); err != nil || !reflect.DeepEqual(edges, ids) {
			t.Errorf("the list is %v, read from the disk %v: %v", ids, edges, err)
		}
		if twice, err := parseShallow([]byte(again.String())); err != nil || !reflect.DeepEqual(ids, twice) {
			t.Errorf("%v, and read again %v %v", ids, twice, err)
		}
	})
}

// A file of settings means here what it means to git, and is refused where git refuses it.
func FuzzConfig(f *testing.F) {
	isolate(f)
	dir := f.TempDir()
	for _, text := range []string{"", "[core]\n\tbare = false\n", "[a \"Sub.x\"]\nkey = \"q \\\" uoted\" ; c\n", "[a]b", "[a]\nb = x \\\n y\n", "[a", "a=b", "[a]\n\xff=1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseConfig(text)
		if bytes.IndexByte(text, 0) >= 0 {
			if err == nil {
				t.Error("a NUL was taken")
			}
			return
		}
		write(t, dir, "config", string(text))
		out, gerr := exec.Command("git", "config", "--file", filepath.Join(dir, "config"), "--list", "-z").Output()
		if (err == nil) != (gerr == nil) {
			t.Fatalf("here %v, git %v", err, gerr)
		}
		var b strings.Builder
		for _, s := range got {
			b.WriteString(s.name)
			if !s.alone {
				b.WriteString("\n" + s.value)
			}
			b.WriteByte(0)
		}
		plain := strings.NewReplacer("\t", " ", "\r", " ") // an older git makes a blank of each in a value
		if err == nil && plain.Replace(b.String()) != plain.Replace(string(out)) {
			t.Errorf("here %q\ngit  %q", b.String(), out)
		}
	})
}

// A .keep goes with the writer that it names, if that is one of ours and dead; any other stays. Nothing outside is touched.
func FuzzKeep(f *testing.F) {
	dead := "jitos-0123456789abcdef"
	for _, text := range []string{"", "jitos " + dead + "\n", "jitos " + dead, "receive-pack 1234 on host\n", "jitos", "jitos jitos-", "jitos jitos-/../../../outside\n",
		"jitos  " + dead, "jitos " + dead + " and more"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		write(t, dir, "outside.alive", "")
		p := &packWriter{objects: filepath.Join(dir, "objects"), own: filepath.Join(dir, "jitos")}
		write(t, dir, "objects/pack/pack-1.keep", text)
		write(t, dir, "objects/pack/pack-1.pack", "")
		write(t, dir, "objects/pack/pack-1.idx", "")
		if err := os.MkdirAll(p.tmpDir(), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := p.sweep(); err != nil {
			t.Fatal(err)
		}
		ours := strings.TrimSpace(text)
		owner, named := strings.CutPrefix(ours, "jitos ")
		gone := named && isWriter(owner)
		if exists(p.packDir()+"/pack-1.keep") == gone {
			t.Errorf("the .keep is ours: %v, and it is gone: %v", gone, !gone)
		}
		if !exists(p.packDir()+"/pack-1.pack") || !exists(filepath.Join(dir, "outside.alive")) {
			t.Error("a file that is none of its business is gone")
		}
	})
}

// A record that is read is written in the same words, however it came.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"actor":"Ada <ada@example.org>","rule":"graph","seq":2,"set":{"a/b":"` + someHash + `"},"version":1,"tree":"` + someHash + `"}`))
	f.Add([]byte(`{"seq":1e3}`))
	f.Add([]byte(`{"seq":9223372036854775808}`))
	f.Add([]byte(`{"reads":[{"path":"a","is":"x"},{}],"drop":[""]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first := &jitos.Record{}
		if json.Unmarshal(data, first) != nil {
			return
		}
		text, err := jitos.Canonical(first)
		if err != nil {
			t.Fatal(err)
		}
		again := &jitos.Record{}
		if err := json.Unmarshal(text, again); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if twice, err := jitos.Canonical(again); err != nil || !bytes.Equal(text, twice) {
			t.Errorf("%s\nand then %s %v", text, twice, err)
		}
	})
}

// A node that is read and written is read as the same, and its canonical bytes are a fixed point.
func FuzzNode(f *testing.F) {
	for _, text := range []string{`{}`, `{"port":"8080","tags":["a"],"n":{"x":1.50,"y":-0,"z":1e400}}`, `{"a":1,"a":2}`, `{"\ud800":"\u0000"}`, `[]`, `{} {}`, `{"a":null}`} {
		f.Add([]byte(text))
	}
	id := jitos.NodeID{Kind: "thing", Name: "one"}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := decodeNode(id, data)
		if err != nil {
			return
		}
		text, err := encodeNode(n)
		if errors.Is(err, jitos.ErrInvalid) {
			return // Verify refuses what cannot be written again
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeNode(id, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if twice, err := encodeNode(again); err != nil || !bytes.Equal(text, twice) {
			t.Errorf("%s\nand then %s %v", text, twice, err)
		}
	})
}

// An edge is only read under the id that its content has, so that no file can pass for another edge.
func FuzzEdge(f *testing.F) {
	from := jitos.NodeID{Kind: "service", Name: "greeter"}
	to := jitos.Node{ID: jitos.NodeID{Kind: "library", Name: "words"}}
	for _, e := range []jitos.Edge{edge(jitos.Node{ID: from}, "uses", to, ""), edge(jitos.Node{ID: from}, "uses", to, "k\n")} {
		text, err := encodeEdge(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.EdgeID(), text)
	}
	f.Add("72cbacc8e1ded3b5212229abebcdd46b", []byte(`{"to":"library/words","attrs":{"since":3}}`))
	f.Add("", []byte(`{"to":"library/words","to":"../x"}`))
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		e, err := decodeEdge(from, "uses", id, data)
		if err != nil {
			return
		}
		if e.EdgeID() != id || e.To.Check() != nil {
			t.Errorf("edge %+v is read as %s", e, id)
		}
		text, err := encodeEdge(e)
		if errors.Is(err, jitos.ErrInvalid) {
			return // as a node
		}
		if err != nil {
			t.Fatal(err)
		}
		if again, err := decodeEdge(from, "uses", id, text); err != nil || again.EdgeID() != id {
			t.Errorf("%s: %+v %v", text, again, err)
		}
	})
}

// A fabric.json that is taken has this program's format and an id, and says no more.
func FuzzFabricFile(f *testing.F) {
	for _, text := range []string{`{"format":1,"id":"greeter-mfzwizlt"}`, `{"format":2,"id":"x"}`, `{"format":1}`, `{"format":1,"id":"../x"}`, `null`, `{"format":1,"id":"a"} `} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := parseFabricFile(data)
		if err == nil && (info.Format != jitos.Format || info.ID == "") {
			t.Errorf("took %+v", info)
		}
	})
}

// A tag's target is found where it is, and nowhere else, whatever the tag says.
func FuzzStagedTag(f *testing.F) {
	blob := plumbing.ComputeHash(plumbing.BlobObject, []byte("x"))
	f.Add([]byte("object " + blob.String() + "\ntype blob\n"))
	f.Add([]byte("object "))
	f.Add([]byte(blob.String()))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := newBatch(2)
		b.add(blob, rawObject{plumbing.BlobObject, []byte("x")}, plumbing.ZeroHash)
		tag := plumbing.ComputeHash(plumbing.TagObject, data)
		b.add(tag, rawObject{plumbing.TagObject, data}, plumbing.ZeroHash)
		var out []*staged
		err := b.reach(tag, map[plumbing.Hash]bool{}, &out)
		line, _, _ := strings.Cut(string(data), "\n")
		if want := 1 + strings.Count(line, "object "+blob.String()); err != nil || len(out) > 2 || line == "object "+blob.String() && len(out) != want {
			t.Errorf("%d reached, %v", len(out), err)
		}
	})
}

// A block of the index whose checksum is right may still hold any rows, if a program wrote it wrong: walking them ends, and
// stays within the block.
func FuzzSegment(f *testing.F) {
	dir := f.TempDir()
	from, to := EmptyTree, EmptyTree
	from[0], to[0] = 1, 2
	path := filepath.Join(dir, segmentName(from, to))
	f.Add([]byte("\x00\x02\x01kv"), "k")
	f.Add([]byte("\x00\x02\x01kv\x01\x03\x00l"), "kl")
	f.Add([]byte("\x05\x02\x01kv"), "")
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x01"), "")
	f.Add([]byte("\x00\xfe\xff\xff\xff\x0f\x00"), "x")
	f.Fuzz(func(t *testing.T, rows []byte, key string) {
		if len(rows) > blockRows {
			return
		}
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		w := &segmentWriter{file: file, block: append([]byte{0, 0}, rows...), rows: 1}
		if err := w.finish(from, to, 0, "here"); err != nil {
			t.Fatal(err)
		}
		s, err := openSegment(path, "here")
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		c, walked := &cursor{segment: s}, 0
		for more := true; more; walked++ {
			if more, err = c.next(); err != nil && !errors.Is(err, errSegment) {
				t.Fatal(err)
			}
			if walked > len(rows) || len(c.row.key) > blockSize {
				t.Fatalf("%d rows of %d bytes, the last has a key of %d", walked, len(rows), len(c.row.key))
			}
		}
		if c, err := s.seek(key); err == nil {
			c.next()
		} else if !errors.Is(err, errSegment) {
			t.Error(err)
		}
	})
}
