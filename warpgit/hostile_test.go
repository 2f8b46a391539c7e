package warpgit

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// hostile is a remote that was made up: it borrows the objects of an honest one, and adds some of its own.
type hostile struct {
	t     *testing.T
	dir   string
	store *Store
	tip   jitos.CommitID // of the honest system line
}

func newHostile(t *testing.T, honest string, tip jitos.CommitID) *hostile {
	h := &hostile{t: t, dir: filepath.Join(t.TempDir(), "remote.git"), tip: tip}
	write(t, h.dir, "HEAD", "ref: refs/heads/main\n")
	write(t, h.dir, "config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
	write(t, h.dir, "objects/info/alternates", filepath.Join(honest, "objects")+"\n")
	h.point(string(jitos.SystemRef), plumbing.NewHash(string(tip)))
	h.store = openDir(t, h.dir).Store
	return h
}

// put writes an object past every check.
func (h *hostile) put(kind string, data []byte) plumbing.Hash {
	head := fmt.Sprintf("%s %d\x00", kind, len(data))
	id := plumbing.ComputeHash(map[string]plumbing.ObjectType{"blob": plumbing.BlobObject, "tree": plumbing.TreeObject, "commit": plumbing.CommitObject}[kind], data)
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(append([]byte(head), data...))
	w.Close()
	write(h.t, h.dir, "objects/"+id.String()[:2]+"/"+id.String()[2:], b.String())
	return id
}

func (h *hostile) blob(text string) plumbing.Hash { return h.put("blob", []byte(text)) }

// tree writes entries as given: "mode name" and what they name, in that order.
func (h *hostile) tree(pairs ...any) plumbing.Hash {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		id := pairs[i+1].(plumbing.Hash)
		b = append(append(append(b, pairs[i].(string)...), 0), id[:]...)
	}
	return h.put("tree", b)
}

func (h *hostile) point(ref string, id plumbing.Hash) { write(h.t, h.dir, ref, id.String()+"\n") }

// absorb puts files on the system line by a rewrite that is right but for them.
func (h *hostile) absorb(files plumbing.Hash) {
	h.tip = appendTo(h.t, h.store, jitos.SystemRef, h.tip, jitos.Rewrite{Rule: jitos.RuleAbsorb, Actor: ada, What: "main at 1234", Tree: treeID(files)})
}

// file puts one file on the system line.
func (h *hostile) file(modeName, text string) { h.absorb(h.tree(modeName, h.blob(text))) }

func (h *hostile) collapse(nodes ...jitos.Node) {
	h.tip = appendTo(h.t, h.store, jitos.SystemRef, h.tip, collapseRule(nodes...))
}

// forge makes a commit anew with another .jitos/, message or parents, and returns it.
func (h *hostile) forge(id jitos.CommitID, fabric func(t tree) tree, commit func(c *object.Commit)) plumbing.Hash {
	v, err := h.store.view(ctx, plumbing.NewHash(string(id)))
	if err != nil {
		h.t.Fatal(err)
	}
	at := v.fabric
	if fabric != nil {
		t, err := h.store.Objects.tree(ctx, at)
		if err != nil {
			h.t.Fatal(err)
		}
		at = h.put("tree", fabric(t))
	}
	c := *v.commit
	root := v.files.with(nil, object.TreeEntry{Name: fabricDir, Mode: filemode.Dir, Hash: at})
	c.TreeHash = h.put("tree", root)
	if commit != nil {
		commit(&c)
	}
	return h.put("commit", encodeCommit(nil, &c))
}

// forged replaces the tip of the system line by a forgery of it.
func (h *hostile) forged(fabric func(t tree) tree, commit func(c *object.Commit)) {
	h.point(string(jitos.SystemRef), h.forge(h.tip, fabric, commit))
}

// record changes the record of the tip by words.
func (h *hostile) record(old, new string) {
	h.forged(func(t tree) tree {
		e, _ := t.find(rewriteFile)
		data, err := h.store.Objects.Blob(ctx, e.id)
		if err != nil || !bytes.Contains(data, []byte(old)) {
			h.t.Fatalf("%q is not in the record: %v\n%s", old, err, data)
		}
		return set(t, rewriteFile, filemode.Regular, h.blob(strings.Replace(string(data), old, new, 1)))
	}, nil)
}

func set(t tree, name string, mode filemode.FileMode, id plumbing.Hash) tree {
	return t.with(nil, object.TreeEntry{Name: name, Mode: mode, Hash: id})
}

// nested is a directory at a depth.
func (h *hostile) nested(depth int) plumbing.Hash {
	id := h.tree("100644 leaf", h.blob("leaf\n"))
	for range depth {
		id = h.tree("40000 d", id)
	}
	return id
}

var hostiles = []struct {
	name, why string
	make      func(h *hostile)
}{
	// User files that git does not check out, or not twice the same.
	{"git's directory", "git's own directory", func(h *hostile) { h.absorb(h.tree("40000 .git", h.tree("100644 config", h.blob("x")))) }},
	{"in upper case", "git's own directory", func(h *hostile) { h.file("100644 .GIT", "x") }},
	{"by its short name", "git's own directory", func(h *hostile) { h.file("100644 GIT~1", "x") }},
	{"with dots behind", "git's own directory", func(h *hostile) { h.file("100644 .git . .", "x") }},
	{"as a stream", "git's own directory", func(h *hostile) { h.file("100644 .git::$INDEX_ALLOCATION", "x") }},
	{"with what HFS ignores", "git's own directory", func(h *hostile) { h.file("100644 .g\u200ci\ufefft", "x") }},
	{"behind a backslash", "git's own directory", func(h *hostile) { h.file(`100644 a\.git\hooks`, "x") }},
	{"the directory above", "not a file name", func(h *hostile) { h.absorb(h.tree("40000 ..", h.tree("100644 x", h.blob("x")))) }},
	{"a path for a name", "not a file name", func(h *hostile) { h.file("100644 a/b", "x") }},
	{"a mode that is none", "777777 is no mode", func(h *hostile) { h.file("777777 x", "x") }},
	{"a device", "20644 is no mode", func(h *hostile) { h.file("020644 x", "x") }},
	{"out of order", `"a".*out of order`, func(h *hostile) { h.absorb(h.tree("100644 b", h.blob("b"), "100644 a", h.blob("a"))) }},
	{"twice", "named twice", func(h *hostile) { h.absorb(h.tree("100644 a", h.blob("a"), "100644 a", h.blob("b"))) }},
	{"as a file and as a directory", "named twice", func(h *hostile) {
		h.absorb(h.tree("100644 a", h.blob("a"), "100644 a.b", h.blob("b"), "40000 a", h.tree("100644 x", h.blob("x"))))
	}},
	{"nothing behind a name", "(names no object|unable to read 0000)", func(h *hostile) { h.absorb(h.tree("100644 a", plumbing.ZeroHash)) }},
	{"below, with its path", `"deep/er/.git"`, func(h *hostile) {
		h.absorb(h.tree("40000 deep", h.tree("40000 er", h.tree("100644 .git", h.blob("gitdir: ../x")))))
	}},
	{"in history behind an absorb", "git's own directory", func(h *hostile) {
		c := &object.Commit{TreeHash: h.tree("100644 .git", h.blob("x")), Message: "old\n"}
		c.Author.When, c.Committer.When = pinned, pinned
		old := h.put("commit", encodeCommit(nil, c))
		h.tip = appendTo(h.t, h.store, jitos.SystemRef, h.tip, jitos.Rewrite{Rule: jitos.RuleAbsorb, Actor: ada, What: "main",
			Parents: []jitos.CommitID{commitID(old)}})
	}},
	{"a bomb of trees", "unfolds to more", func(h *hostile) {
		id := h.tree("100644 f", h.blob("f"))
		for range 9 {
			var list []any
			for i := range 10 {
				list = append(list, fmt.Sprintf("40000 %d", i), id)
			}
			id = h.tree(list...)
		}
		h.absorb(id)
	}},
	{"300 levels", "more than 256 levels", func(h *hostile) { h.absorb(h.nested(300)) }},
	{"a file for a directory", "tree", func(h *hostile) { h.absorb(h.tree("40000 d", h.blob("x"))) }},
	{"a file that was not sent", "(object|missing|necessary)", func(h *hostile) { h.absorb(h.tree("100644 f", plumbing.NewHash(strings.Repeat("12", 20)))) }},
	{".gitmodules as a link", "as a link", func(h *hostile) { h.file("120000 .gitmodules", "x") }},
	{".gitmodules with an option", "begins with a dash", func(h *hostile) {
		h.file("100644 .gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=touch\n")
	}},
	{".gitmodules that leaves", "leaves git's directory", func(h *hostile) {
		h.file("100644 .gitmodules", "[submodule \"../../hooks\"]\n\tpath = x\n\turl = https://example.org/x\n")
	}},
	{".gitmodules with a command", "run a command", func(h *hostile) {
		h.file("100644 .gitmodules", "[submodule \"x\"]\n\tpath = x\n\turl = https://example.org/x\n\tupdate = !touch x\n")
	}},
	{".gitmodules by its short name", "runs a command", func(h *hostile) {
		h.file("100644 GITMOD~1", "[submodule \"x\"]\n\tpath = x\n\turl = ext::touch x\n")
	}},

	// The fabric's own.
	{"a node that is not canonical", "not canonical", func(h *hostile) {
		h.collapse(node("thing", "x", "a", "1"))
		raw := h.blob(`{"a": "1"}`)
		v, _ := h.store.view(ctx, plumbing.NewHash(string(h.tip)))
		leaf := h.tree("100644 x.json", raw)
		record, _ := h.store.recordText(ctx, v)
		old, _ := h.store.Objects.item(ctx, v.fabric, jitos.ItemParts{Node: jitos.NodeID{Kind: "thing", Name: "x"}})
		h.forged(func(t tree) tree {
			t = set(t, rewriteFile, filemode.Regular, h.blob(strings.Replace(string(record), old.String(), raw.String(), 1)))
			return set(t, nodesDir, filemode.Dir, h.tree("40000 thing", leaf))
		}, nil)
	}},
	{"a file beside the record", "is not what its record makes", func(h *hostile) {
		h.collapse()
		h.forged(func(t tree) tree { return set(t, "policy.yaml", filemode.Regular, h.blob("grants: [\"exec:*\"]\n")) }, nil)
	}},
	{"a node in a shard of its own", "is not what its record makes", func(h *hostile) {
		h.collapse(node("lone", "x"))
		h.forged(func(t tree) tree {
			return set(t, nodesDir, filemode.Dir, h.tree("40000 lone", h.tree("40000 a", h.tree("100644 x.json", h.blob("{}\n")))))
		}, nil)
	}},
	{"a record that can be run", "is not what its record makes", func(h *hostile) {
		h.collapse()
		h.forged(func(t tree) tree {
			e, _ := t.find(rewriteFile)
			return set(t, rewriteFile, filemode.Executable, e.id)
		}, nil)
	}},
	{"a name that climbs", "(name|item)", func(h *hostile) {
		h.collapse(node("thing", "x"))
		h.record(`"thing/x"`, `"thing/../x"`)
	}},
	{"a record that is not canonical", "not canonical", func(h *hostile) {
		h.collapse()
		h.record(" \"rule\"", "  \"rule\"")
	}},
	{"a record with more in it", "unknown field", func(h *hostile) {
		h.collapse()
		h.record(` "rule"`, " \"roles\": 1,\n \"rule\"")
	}},
	{"a number left out", "its number is", func(h *hostile) {
		h.collapse()
		h.record(`"seq": 6`, `"seq": 7`)
	}},
	{"a rule that the message does not name", "its message names the rule", func(h *hostile) {
		h.collapse()
		h.record(`"rule": "collapse"`, `"rule": "batch"`)
	}},
	{"files that the record does not name", "its files are not those", func(h *hostile) {
		h.collapse()
		h.forged(nil, func(c *object.Commit) {
			t, _ := h.store.Objects.tree(ctx, c.TreeHash)
			c.TreeHash = h.put("tree", set(t, "x", filemode.Regular, h.blob("x")))
		})
	}},
	{"a rule that nobody knows", "unknown rule", func(h *hostile) {
		rw := graphRule(nil, nil)
		rw.Rule = "annex"
		appendTo(h.t, h.store, jitos.SystemRef, h.tip, rw)
	}},
	{"a rule of workspaces on the system line", "no rewrite of the kernel's", func(h *hostile) {
		appendTo(h.t, h.store, jitos.SystemRef, h.tip, graphRule([]jitos.Node{node("thing", "y")}, nil))
	}},
	{"evidence written by hand", "may not write evidence/", func(h *hostile) {
		if _, err := h.store.Append(ctx, jitos.SWSPrefix+"try", "", h.tip, graphRule([]jitos.Node{node("evidence", "e")}, nil)); err != nil {
			h.t.Fatal(err)
		}
	}},
	{"a plain commit on the system line", "stands on the system line", func(h *hostile) {
		h.point(string(jitos.SystemRef), h.forge(h.tip, nil, func(c *object.Commit) {
			c.ParentHashes = []plumbing.Hash{plumbing.NewHash(string(h.tip))}
			c.Message = "small fix\n"
		}))
	}},
	{"a second parent", "has one parent", func(h *hostile) {
		appendTo(h.t, h.store, jitos.SystemRef, h.tip, jitos.Rewrite{Rule: jitos.RuleTask, Actor: ada, What: "x", Parents: []jitos.CommitID{h.tip}})
	}},
	{"another id from now on", "changes fabric.json", func(h *hostile) {
		file, _ := FabricFile("other-bbbbbbbb")
		h.collapse(node("thing", "x"))
		v, _ := h.store.view(ctx, plumbing.NewHash(string(h.tip)))
		record, _ := h.store.recordText(ctx, v)
		blob := h.blob(string(file))
		h.forged(func(t tree) tree {
			text := strings.Replace(string(record), ` "set": {`, " \"set\": {\n  \"./fabric.json\": \""+blob.String()+"\",", 1)
			return set(set(t, fabricFile, filemode.Regular, blob), rewriteFile, filemode.Regular, h.blob(text))
		}, nil)
	}},
	{"an edge without an end", "does not replay", func(h *hostile) {
		h.collapse(node("thing", "x"), node("thing", "y"))
		rw := collapseRule()
		rw.Edges = []jitos.Edge{edge(node("thing", "x"), "to", node("thing", "y"), "")}
		h.tip = appendTo(h.t, h.store, jitos.SystemRef, h.tip, rw)
		v, _ := h.store.view(ctx, plumbing.NewHash(string(h.tip)))
		record, _ := h.store.recordText(ctx, v)
		text := strings.Replace(string(record), ` "rule"`, " \"drop\": [\n  \"thing/y\"\n ],\n \"rule\"", 1)
		h.forged(func(t tree) tree { return set(t, rewriteFile, filemode.Regular, h.blob(text)) }, nil)
	}},
	{"a workspace that was collapsed, forged", "is not what its record makes", func(h *hostile) {
		ids, err := h.store.Append(ctx, jitos.SWSPrefix+"try", "", h.tip, graphRule([]jitos.Node{node("thing", "y")}, nil))
		if err != nil {
			h.t.Fatal(err)
		}
		forged := h.forge(ids[0], func(t tree) tree { return set(t, "policy.yaml", filemode.Regular, h.blob("{}\n")) }, nil)
		rw := collapseRule(node("thing", "y"))
		rw.Parents = []jitos.CommitID{commitID(forged)}
		appendTo(h.t, h.store, jitos.SystemRef, h.tip, rw)
		os.Remove(filepath.Join(h.dir, jitos.SWSPrefix+"try"))
	}},
	{"a month with files", "with files", func(h *hostile) { h.point(jitos.ArchivePrefix+"2026-01", plumbing.NewHash(string(h.tip))) }},
	{"a month that holds on to a forgery", "no .jitos", func(h *hostile) {
		c := &object.Commit{TreeHash: h.tree("100644 x", h.blob("x")), Message: "graph: x\n\nJitos-Rule: graph\n"}
		c.Author.When, c.Committer.When = pinned, pinned
		lone := h.put("commit", encodeCommit(nil, c))
		c.TreeHash = h.tree()
		first := h.put("commit", encodeCommit(nil, c))
		c.ParentHashes = []plumbing.Hash{first, lone}
		h.point(jitos.ArchivePrefix+"2026-01", h.put("commit", encodeCommit(nil, c)))
	}},
	{"a line of another fabric", "another fabric", func(h *hostile) { h.born("other-bbbbbbbb") }},
	{"the same id, born otherwise", "born otherwise", func(h *hostile) { h.born("test-aaaaaaaa") }},
	{"a format that is not known", "format 2", func(h *hostile) {
		birth := h.born("test-aaaaaaaa")
		v, _ := h.store.view(ctx, plumbing.NewHash(string(birth)))
		record, _ := h.store.recordText(ctx, v)
		e, _ := h.store.Objects.child(ctx, v.fabric, fabricFile)
		blob := h.blob("{\n \"format\": 2,\n \"id\": \"test-aaaaaaaa\"\n}\n")
		h.tip = birth
		h.forged(func(t tree) tree {
			text := strings.Replace(string(record), e.String(), blob.String(), 1)
			return set(set(t, fabricFile, filemode.Regular, blob), rewriteFile, filemode.Regular, h.blob(text))
		}, nil)
	}},

	// Refs, sizes, time.
	{"a workspace in a directory", "not a name", func(h *hostile) { h.point(jitos.SWSPrefix+"a/b", plumbing.NewHash(string(h.tip))) }},
	{"a workspace like an option", "not a name", func(h *hostile) { h.point(jitos.SWSPrefix+"--force", plumbing.NewHash(string(h.tip))) }},
	{"a workspace that turns the text around", "not a name", func(h *hostile) { h.point(jitos.SWSPrefix+"a\u202eb", plumbing.NewHash(string(h.tip))) }},
	{"a month that is none", "not a name", func(h *hostile) {
		h.point(jitos.ArchivePrefix+"2026-13", h.put("commit", []byte("tree "+EmptyTree.String()+"\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\n")))
	}},
	{"too many branches", "branches came", func(h *hostile) {
		for i := range 21 {
			h.point(fmt.Sprint(jitos.SWSPrefix, "w", i), plumbing.NewHash(string(h.tip)))
		}
	}},
	{"too many objects", "objects (came|are new)", func(h *hostile) {
		var list []any
		for i := range 501 {
			list = append(list, fmt.Sprintf("100644 %04d", i), h.blob(fmt.Sprint(i)))
		}
		h.absorb(h.tree(list...))
	}},
	{"an object too large", "may have 65536", func(h *hostile) { h.file("100644 zeros", strings.Repeat("\x00", 65537)) }},
	{"too many bytes", "bytes came", func(h *hostile) {
		noise, random := make([]byte, 60_000), rand.New(rand.NewSource(1))
		var list []any
		for i := range 3 {
			random.Read(noise)
			list = append(list, fmt.Sprint("100644 ", i), h.blob(string(noise)))
		}
		h.absorb(h.tree(list...))
	}},
	{"a commit too large", "it has 1048", func(h *hostile) {
		h.point(string(jitos.SystemRef), h.forge(h.tip, nil, func(c *object.Commit) { c.Message += strings.Repeat("x", 1<<20) }))
	}},
}

// born makes a line of its own, and points the system ref to it.
func (h *hostile) born(id string) jitos.CommitID {
	file, err := FabricFile(id)
	if err != nil {
		h.t.Fatal(err)
	}
	rw := birth()
	rw.What = "otherwise"
	rw.Fabric = map[string][]byte{"fabric.json": file}
	os.Remove(filepath.Join(h.dir, string(jitos.SystemRef)))
	return appendTo(h.t, h.store, jitos.SystemRef, "", rw)
}

// TestHostile fetches from remotes that were made up to harm. Each is refused with its reason, and neither a ref nor an object is
// other than before; and what is honest is taken in the end.
func TestHostile(t *testing.T) {
	_, victim, tip, honest := pair(t)
	for _, set := range [][]string{{"jitos.fetchObjects", "500"}, {"jitos.fetchObjectBytes", "64k"}, {"jitos.fetchBytes", "100k"}, {"jitos.fetchRefs", "20"}} {
		run(t, victim.Worktree, append([]string{"config"}, set...)...)
	}
	if _, err := victim.Fetch(ctx, "origin", string(jitos.SystemRef)); err != nil {
		t.Fatal(err)
	}
	if _, err := victim.Store.Append(ctx, jitos.SystemRef, "", tip); err != nil {
		t.Fatal(err)
	}
	state := func() string {
		refs := run(t, victim.Worktree, "for-each-ref")
		files, err := filepath.Glob(filepath.Join(victim.Common, "objects/*/*"))
		if err != nil {
			t.Fatal(err)
		}
		return refs + "\n" + strings.Join(files, "\n")
	}
	before := state()
	for _, c := range hostiles {
		t.Run(c.name, func(t *testing.T) {
			h := newHostile(t, honest, tip)
			c.make(h)
			_, err := victim.Fetch(ctx, h.dir, "refs/heads/jitos/*")
			if err == nil || !matches(t, c.why, err.Error()) {
				t.Errorf("error %v, want %q", err, c.why)
			}
		})
	}
	was, is := strings.Split(before, "\n"), strings.Split(state(), "\n")
	is = slices.DeleteFunc(is, func(line string) bool { return slices.Contains(was, line) })
	if len(is) > 0 {
		t.Errorf("refs and objects that were not there before: %q", is)
	}
	h := newHostile(t, honest, tip)
	h.collapse(node("thing", "honest"))
	if _, err := victim.Fetch(ctx, h.dir, "refs/heads/jitos/*"); err != nil {
		t.Errorf("an honest one: %v", err)
	}
}

// What is refused of a fetch is refused of what a plain git fetch has brought before, too.
func TestHostile_fetchedBefore(t *testing.T) {
	_, victim, tip, honest := pair(t)
	h := newHostile(t, honest, tip)
	h.file("100644 .GIT", "x")
	run(t, victim.Worktree, "-c", "fetch.fsckObjects=false", "fetch", "-q", h.dir, "refs/heads/jitos/system:refs/remotes/x/jitos/system")
	if _, err := victim.Fetch(ctx, h.dir, "refs/heads/jitos/*"); err == nil || !strings.Contains(err.Error(), "git's own directory") {
		t.Errorf("error %v", err)
	}
	run(t, victim.Worktree, "update-ref", "-d", "refs/remotes/x/jitos/system")
	run(t, victim.Worktree, "gc", "-q", "--prune=now")
}

// A remote that was moved back raises an alarm every time, until somebody accepts it.
func TestRewound(t *testing.T) {
	a, b, tip, bare := pair(t)
	if _, err := b.Fetch(ctx, "origin", string(jitos.SystemRef)); err != nil {
		t.Fatal(err)
	}
	back := jitos.CommitID(run(t, bare, "rev-parse", string(tip)+"~2"))
	run(t, bare, "update-ref", string(jitos.SystemRef), string(back))
	for range 2 {
		_, err := b.Fetch(ctx, "origin", string(jitos.SystemRef))
		var rewound *RewoundError
		if !errors.As(err, &rewound) || !errors.Is(err, jitos.ErrConflict) || rewound.Refs[0] != (Rewound{"origin", jitos.SystemRef, tip, back}) {
			t.Fatalf("error %v", err)
		}
	}
	// Other commits in the place of those.
	if _, err := a.Store.Append(ctx, jitos.SWSPrefix+"side", "", back, collapseRule(node("thing", "other"))); err != nil {
		t.Fatal(err)
	}
	if err := a.Push(ctx, "origin", jitos.SWSPrefix+"side:"+string(jitos.SystemRef)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Fetch(ctx, "origin", string(jitos.SystemRef)); !errors.As(err, new(*RewoundError)) {
		t.Errorf("error %v", err)
	}
	run(t, bare, "update-ref", "-d", string(jitos.SystemRef))
	if _, err := b.Fetch(ctx, "origin", string(jitos.SystemRef)); !errors.As(err, new(*RewoundError)) || !strings.Contains(err.Error(), "is gone there") {
		t.Errorf("error %v", err)
	}
	run(t, bare, "update-ref", string(jitos.SystemRef), string(back))
	alarms, err := b.Alarms()
	if err != nil || len(alarms) != 3 || alarms[0].Old != tip || alarms[0].New != back || alarms[0].Accepted {
		t.Errorf("alarms %+v %v", alarms, err)
	}
	if err := b.AcceptRewound(ctx, "origin"); err != nil {
		t.Fatal(err)
	}
	if list, err := b.Fetch(ctx, "origin", string(jitos.SystemRef)); err != nil || list[0].New != back {
		t.Errorf("after it was accepted: %v %v", list, err)
	}
	if alarms, err = b.Alarms(); err != nil || len(alarms) != 3 || !alarms[2].Accepted {
		t.Errorf("alarms %+v %v", alarms, err)
	}
}

// A remote that does not answer is given up; one that would run a command, or that is an option, is not asked.
func TestFetch_transports(t *testing.T) {
	_, b, _, bare := pair(t)
	trap := filepath.Join(t.TempDir(), "trap")
	for _, remote := range []string{"ext::touch " + trap, "fd::7", "foo+bar::x", "--upload-pack=touch " + trap, "-", "", "a\nb", "x\x1b[2J"} {
		if _, err := b.Fetch(ctx, remote, string(jitos.SystemRef)); !errors.Is(err, jitos.ErrInvalid) {
			t.Errorf("fetch from %q: %v", remote, err)
		}
		if err := b.Push(ctx, remote, string(jitos.SystemRef)); !errors.Is(err, jitos.ErrInvalid) {
			t.Errorf("push to %q: %v", remote, err)
		}
	}
	t.Setenv("GIT_ALLOW_PROTOCOL", "ext:file")
	for _, set := range [][]string{{"protocol.ext.allow", "always"}, {"remote.trap.url", "ext::touch " + trap}, {"core.fsmonitor", "touch " + trap},
		{"url.ext::touch .insteadOf", "short:"}, {"remote.slow.url", bare}, {"remote.slow.uploadpack", "sleep 20; true"}, {"jitos.fetchSeconds", "1"}} {
		run(t, b.Worktree, append([]string{"config"}, set...)...)
	}
	for _, remote := range []string{"trap", "short:" + trap} {
		if _, err := b.Fetch(ctx, remote, string(jitos.SystemRef)); err == nil {
			t.Errorf("fetch from %s went through", remote)
		}
	}
	if _, err := b.DirtyPaths(ctx); err != nil {
		t.Error(err)
	}
	if exists(trap) {
		t.Error("a command of the remote's or of a setting ran")
	}
	if _, err := b.Fetch(ctx, "slow", string(jitos.SystemRef)); !errors.Is(err, jitos.ErrDenied) || !strings.Contains(err.Error(), "1 seconds") {
		t.Errorf("a remote that does not answer: %v", err)
	}
	if _, err := b.Fetch(ctx, "origin", string(jitos.SystemRef)); err != nil {
		t.Errorf("origin: %v", err)
	}
	run(t, b.Worktree, "config", "--unset", "core.fsmonitor")
	if err := os.Remove(filepath.Join(b.GitDir, "index")); err != nil { // it names the monitor
		t.Fatal(err)
	}
}
