package overlay

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

const link1, link2, link3 = "1111111111111111111111111111111111111111", "2222222222222222222222222222222222222222", "3333333333333333333333333333333333333333"

func TestFiles(t *testing.T) {
	const text = "a\nb\nc\nd\ne\nf\ng\n"
	for _, c := range []struct {
		name               string
		base, ours, theirs files
		want               files
		conflicts          []string // "path: why"
	}{
		{"both sides touch the same file far apart", files{"f": text}, files{"f": "A" + text[1:]}, files{"f": text + "h\n"}, files{"f": "A" + text[1:] + "h\n"}, nil},
		{"the same lines", files{"f": text}, files{"f": strings.Replace(text, "c", "C", 1)}, files{"f": strings.Replace(text, "c", "D", 1)},
			nil, []string{"f: both sides changed lines 3"}},
		{"lines that touch", files{"f": text}, files{"f": strings.Replace(text, "c\n", "C\n", 1)}, files{"f": strings.Replace(text, "d\ne\n", "D\n", 1)},
			nil, []string{"f: both sides changed lines 3-5"}},
		{"lines added at one place", files{"f": text}, files{"f": text + "x\n"}, files{"f": text + "y\n"},
			nil, []string{"f: both sides added lines after line 7"}},
		{"the same change on both sides", files{"f": text}, files{"f": text + "x\n"}, files{"f": text + "x\n"}, files{"f": text + "x\n"}, nil},
		{"CRLF and no newline at the end are kept", files{"f": "a\r\nb\r\nc\r\nd"}, files{"f": "A\r\nb\r\nc\r\nd"}, files{"f": "a\r\nb\r\nc\r\nD"},
			files{"f": "A\r\nb\r\nc\r\nD"}, nil},
		{"a newline added at the end", files{"f": "a\nb\nc"}, files{"f": "a\nb\nc\n"}, files{"f": "A\nb\nc"}, files{"f": "A\nb\nc\n"}, nil},
		{"mode on one side, lines on the other", files{"f": text}, files{"f*": text}, files{"f": text + "h\n"}, files{"f*": text + "h\n"}, nil},
		{"deleted and changed", files{"f": text}, files{}, files{"f": "x"}, nil, []string{"f: deleted by ours, changed by theirs"}},
		{"changed and deleted", files{"f": text}, files{"f": "x"}, files{}, nil, []string{"f: changed by ours, deleted by theirs"}},
		{"deleted on both sides", files{"f": text, "g": ""}, files{"g": ""}, files{"g": ""}, files{"g": ""}, nil},
		{"all deleted", files{"d/f": text}, files{}, files{"d/f": text}, files{}, nil},
		{"added alike", files{}, files{"d/f": text}, files{"d/f": text}, files{"d/f": text}, nil},
		{"added with different text", files{}, files{"f": "a\n"}, files{"f": "b\n"}, nil, []string{"f: both sides added it with different content"}},
		{"added with different modes", files{}, files{"f": "a\n"}, files{"f*": "a\n"}, nil, []string{"f: both sides changed its mode, to 100644 and 100755"}},
		{"binary on both sides", files{"f": "\x00" + text}, files{"f": "\x00A" + text}, files{"f": "\x00" + text + "h\n"}, nil, []string{"f: both sides changed the binary file"}},
		{"binary on one side", files{"f": "\x00a"}, files{"f": "\x00b"}, files{"f": "\x00a", "g": ""}, files{"f": "\x00b", "g": ""}, nil},
		{"links are atomic", files{"l@": "a\nb\nc\n"}, files{"l@": "A\nb\nc\n"}, files{"l@": "a\nb\nC\n"}, nil, []string{"l: both sides changed the symbolic link"}},
		{"a link on one side", files{"l@": "a"}, files{"l@": "b"}, files{"l@": "a", "g": ""}, files{"l@": "b", "g": ""}, nil},
		{"gitlinks are atomic", files{"m%": link1}, files{"m%": link2}, files{"m%": link3}, nil, []string{"m: both sides changed the submodule"}},
		{"a gitlink on one side", files{"m%": link1}, files{"m%": link1, "g": ""}, files{"m%": link3}, files{"m%": link3, "g": ""}, nil},
		{"a file became a link", files{"f": "a"}, files{"f@": "b"}, files{"f": "c"}, nil, []string{"f: a symbolic link on our side, a file on theirs"}},
		{"file and directory", files{}, files{"d": "x"}, files{"d/f": "y"}, nil, []string{"d: a file on one side, a directory on the other"}},
		{"a directory became a file, a file below changed", files{"d/f": "x", "d/g": ""}, files{"d": "x"}, files{"d/f": "y", "d/g": ""},
			nil, []string{"d/f: deleted by ours, changed by theirs"}},
		{"a directory became a file, a file was added below", files{"d/f": "x"}, files{"d": "x"}, files{"d/f": "x", "d/new": "y"},
			nil, []string{"d: a file on one side, a directory on the other"}},
		{"a directory became a file", files{"d/f": "x"}, files{"d": "x"}, files{"d/f": "x", "g": "y"}, files{"d": "x", "g": "y"}, nil},
		{"every conflict is told", files{"a": "1\n", "d/b": "1\n", "ok": "1\n"}, files{"a": "2\n", "d/b": "2\n", "ok": "2\n"}, files{"a": "3\n", "d/b": "3\n", "ok": "1\n"},
			nil, []string{"a: both sides changed lines 1", "d/b: both sides changed lines 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newObjects()
			tree, conflicts, err := New(o, nil).Files(context.Background(), c.base.tree(t, o), c.ours.tree(t, o), c.theirs.tree(t, o))
			if err != nil {
				t.Fatal(err)
			}
			var say []string
			for _, c := range conflicts {
				say = append(say, c.Path+": "+c.Why)
			}
			if !slices.Equal(say, c.conflicts) {
				t.Fatalf("conflicts %q, want %q", say, c.conflicts)
			}
			if len(conflicts) > 0 {
				if tree != "" {
					t.Fatalf("a merge with conflicts gave the tree %s", tree)
				}
				return
			}
			if got := readFiles(t, o, tree); !maps.Equal(got, c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestFiles_conflictNamesObjects(t *testing.T) {
	o := newObjects()
	base, ours, theirs := files{"f": "a\n"}.tree(t, o), files{"f": "b\n"}.tree(t, o), files{}.tree(t, o)
	_, conflicts, err := New(o, nil).Files(context.Background(), base, ours, theirs)
	if err != nil || len(conflicts) != 1 {
		t.Fatal(conflicts, err)
	}
	blob := func(s string) string { return plumbing.ComputeHash(plumbing.BlobObject, []byte(s)).String() }
	if c := conflicts[0]; c.Base != blob("a\n") || c.Ours != blob("b\n") || c.Theirs != "" {
		t.Errorf("conflict names %q, %q, %q", c.Base, c.Ours, c.Theirs)
	}
}

// A merge must cost what its change costs: directories in which two of the three sides agree are not read.
func TestFiles_readsOnlyWhatDiffers(t *testing.T) {
	base := files{}
	for d := range 50 {
		for f := range 50 {
			base[fmt.Sprintf("d%d/e/f%d", d, f)] = "x\n"
		}
	}
	ours, theirs := maps.Clone(base), maps.Clone(base)
	ours["d1/e/f1"], ours["d3/e/new"] = "ours\n", "ours\n"
	theirs["d2/e/f1"], theirs["d3/e/other"] = "theirs\n", "theirs\n"
	o := newObjects()
	b, m, y := base.tree(t, o), ours.tree(t, o), theirs.tree(t, o)
	o.read, o.written = nil, 0
	tree, conflicts, err := New(o, nil).Files(context.Background(), b, m, y)
	if err != nil || conflicts != nil {
		t.Fatal(conflicts, err)
	}
	// Three versions of the root, of d3 and of d3/e; no blob, for no file changed on both sides.
	if len(o.read) != 9 {
		t.Errorf("%d objects read, want 9", len(o.read))
	}
	if o.written != 3 {
		t.Errorf("%d objects written, want 3", o.written)
	}
	want := maps.Clone(ours)
	want["d2/e/f1"], want["d3/e/other"] = "theirs\n", "theirs\n"
	if got := readFiles(t, o, tree); !maps.Equal(got, want) {
		t.Error("the merged files are not those of both sides")
	}
	for _, same := range [][3]jitos.TreeID{{b, b, y}, {b, y, b}, {b, y, y}} {
		o.read, o.written = nil, 0
		tree, _, err := New(o, nil).Files(context.Background(), same[0], same[1], same[2])
		if err != nil || tree != y || len(o.read)+o.written != 0 {
			t.Errorf("a trivial merge: %s, %v, %d objects read", tree, err, len(o.read))
		}
	}
}

func TestFiles_emptyAndInvalidTrees(t *testing.T) {
	o := newObjects()
	m, ctx := New(o, nil), context.Background()
	one := files{"f": "x"}.tree(t, o)
	for _, empty := range []jitos.TreeID{"", jitos.TreeID(emptyTree.String())} {
		if tree, _, err := m.Files(ctx, empty, empty, one); err != nil || tree != one {
			t.Errorf("into the empty tree: %s, %v", tree, err)
		}
		if tree, _, err := m.Files(ctx, one, empty, one); err != nil || tree != jitos.TreeID(emptyTree.String()) {
			t.Errorf("all deleted: %s, %v", tree, err)
		}
	}
	if _, _, err := m.Files(ctx, "not-an-id", one, one); err == nil {
		t.Error("a malformed id was taken")
	}
}

// ---- against a model ----

// modelFile is a file of one line, so that a change on both sides is a conflict.
type modelFile struct {
	content string
	exec    bool
}

type modelFiles map[string]modelFile

func genFiles(t *rapid.T, label string) modelFiles {
	part := rapid.SampledFrom([]string{"a", "b", "c"})
	m := modelFiles{}
	for range rapid.IntRange(0, 5).Draw(t, label+" size") {
		p := strings.Join(rapid.SliceOfN(part, 1, 3).Draw(t, label+" path"), "/")
		m.put(p, genFile(t, label))
	}
	return m
}

func genFile(t *rapid.T, label string) modelFile {
	return modelFile{rapid.SampledFrom([]string{"1\n", "2\n", "3\n", "4"}).Draw(t, label+" content"), rapid.Bool().Draw(t, label+" exec")}
}

// put adds a file as a working tree would take it: what is in its way goes.
func (m modelFiles) put(p string, f modelFile) {
	for q := range m {
		if strings.HasPrefix(q, p+"/") || strings.HasPrefix(p, q+"/") {
			delete(m, q)
		}
	}
	m[p] = f
}

func (m modelFiles) edit(t *rapid.T, label string) modelFiles {
	e := maps.Clone(m)
	for range rapid.IntRange(0, 3).Draw(t, label+" edits") {
		if keys := sortedKeys(e); len(keys) > 0 && rapid.Bool().Draw(t, label+" existing") {
			p := rapid.SampledFrom(keys).Draw(t, label+" which")
			if rapid.IntRange(0, 3).Draw(t, label+" drop") == 0 {
				delete(e, p)
			} else {
				e[p] = genFile(t, label)
			}
			continue
		}
		for p, f := range genFiles(t, label) {
			e.put(p, f)
		}
	}
	return e
}

func (m modelFiles) files() files {
	f := files{}
	for p, file := range m {
		if file.exec {
			p += "*"
		}
		f[p] = file.content
	}
	return f
}

// mergeModel is the three-way merge said as simply as possible.
func mergeModel(base, ours, theirs modelFiles) (merged modelFiles, conflicts []string) {
	merged = modelFiles{}
	all := maps.Clone(base)
	maps.Copy(all, ours)
	maps.Copy(all, theirs)
	bad := map[string]bool{}
	for p := range all {
		b, inB := base[p]
		o, inO := ours[p]
		y, inT := theirs[p]
		switch {
		case inO == inT && o == y, inT == inB && y == b:
			if inO {
				merged[p] = o
			}
		case inO == inB && o == b:
			if inT {
				merged[p] = y
			}
		case inO && inT && inB && (o.content == y.content || o.content == b.content || y.content == b.content):
			f := modelFile{o.content, o.exec}
			if f.content == b.content {
				f.content = y.content
			}
			if f.exec == b.exec {
				f.exec = y.exec
			}
			merged[p] = f
		default:
			bad[p] = true
		}
	}
	for p := range merged {
		for q := range all {
			if _, there := merged[q]; strings.HasPrefix(q, p+"/") && there {
				bad[p] = true
			}
		}
	}
	return merged, sortedKeys(bad)
}

func TestFiles_model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		base := genFiles(rt, "base")
		ours, theirs := base.edit(rt, "ours"), base.edit(rt, "theirs")
		o := newObjects()
		m, ctx := New(o, nil), context.Background()
		b, x, y := base.files().tree(t, o), ours.files().tree(t, o), theirs.files().tree(t, o)
		o.written = 0
		tree, conflicts, err := m.Files(ctx, b, x, y)
		if err != nil {
			rt.Fatal(err)
		}
		want, bad := mergeModel(base, ours, theirs)
		var paths []string
		for _, c := range conflicts {
			paths = append(paths, c.Path)
		}
		slices.Sort(paths)
		if !slices.Equal(paths, bad) {
			rt.Fatalf("conflicts at %q, want %q", paths, bad)
		}
		turned, conflicts2, err := m.Files(ctx, b, y, x)
		if err != nil || turned != tree || len(conflicts2) != len(conflicts) {
			rt.Fatalf("the merge does not commute: %s %v, %v", turned, conflicts2, err)
		}
		if len(bad) > 0 {
			if o.written > 0 {
				rt.Fatal("a merge that failed wrote objects")
			}
			return
		}
		if got := readFiles(t, o, tree); !maps.Equal(got, want.files()) {
			rt.Fatalf("got %q, want %q", got, want.files())
		}
	})
}
