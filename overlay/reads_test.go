package overlay

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/jitos/jitos"
)

// A workspace that relied on something is stale where that has moved, though nothing clashes; and not otherwise.
func TestMerge_reads(t *testing.T) {
	ab := edge("a/n", "l", "a/m")
	start := jitos.Rewrite{
		Set:    []jitos.Node{node("a/n", "x=1"), node("a/m", "x=1"), node("b/k", "x=1")},
		Edges:  []jitos.Edge{ab},
		Fabric: map[string][]byte{"policy.yaml": []byte("a: 1\n")},
	}
	was := files{"src/one.go": "1\n", "src/deep/two.go": "1\n", "doc/readme": "1\n"}
	with := func(path, text string) files {
		f := files{path: text}
		for p, old := range was {
			if p != path {
				f[p] = old
			}
		}
		return f
	}
	set := func(id string, fields ...string) jitos.Rewrite {
		return jitos.Rewrite{Set: []jitos.Node{node(id, fields...)}}
	}
	for _, c := range []struct {
		name  string
		read  jitos.Read
		ours  jitos.Rewrite
		files files
		stale bool
	}{
		{"a node that changed", jitos.Read{Item: "a/n"}, set("a/n", "x=2"), nil, true},
		{"another node changed", jitos.Read{Item: "a/n"}, set("a/m", "x=2"), nil, false},
		{"a node that was absent", jitos.Read{Item: "a/new"}, set("a/new"), nil, true},
		{"a node that went", jitos.Read{Item: "b/k"}, jitos.Rewrite{Drop: []jitos.ItemID{"b/k"}}, nil, true},
		{"an edge that went", jitos.Read{Item: ab.Item()}, jitos.Rewrite{Drop: []jitos.ItemID{ab.Item()}}, nil, true},
		{"the source of an edge changed", jitos.Read{Item: ab.Item()}, set("a/n", "x=2"), nil, true},
		{"the target of an edge changed", jitos.Read{Item: ab.Item()}, set("a/m", "x=2"), nil, true},
		{"an edge, something else changed", jitos.Read{Item: ab.Item()}, set("b/k", "x=2"), nil, false},
		{"the policy", jitos.Read{Item: "./policy.yaml"}, jitos.Rewrite{Fabric: map[string][]byte{"policy.yaml": []byte("a: 2\n")}}, nil, true},
		{"a path", jitos.Read{Path: "src/one.go"}, jitos.Rewrite{}, with("src/one.go", "2\n"), true},
		{"a directory, a file below changed", jitos.Read{Path: "src"}, jitos.Rewrite{}, with("src/deep/two.go", "2\n"), true},
		{"a directory, a file elsewhere changed", jitos.Read{Path: "src"}, jitos.Rewrite{}, with("doc/readme", "2\n"), false},
		{"a path that was absent", jitos.Read{Path: "go.mod"}, jitos.Rewrite{}, with("go.mod", "m\n"), true},
		{"a path pattern", jitos.Read{Path: "src/**/*.go"}, jitos.Rewrite{}, with("src/deep/two.go", "2\n"), true},
		{"a path pattern, a new path", jitos.Read{Path: "src/*.go"}, jitos.Rewrite{}, with("src/new.go", "2\n"), true},
		{"a path pattern, a path elsewhere", jitos.Read{Path: "**/*.go"}, jitos.Rewrite{}, with("doc/readme", "2\n"), false},
		{"all paths", jitos.Read{Path: "**"}, jitos.Rewrite{}, with("doc/readme", "2\n"), true},
		{"a pattern, one more answer", jitos.Read{Pattern: &jitos.Pattern{Kind: "a", Has: map[string]string{"x": "1"}}}, set("a/new", "x=1"), nil, true},
		{"a pattern, an answer less", jitos.Read{Pattern: &jitos.Pattern{Kind: "a", Has: map[string]string{"x": "1"}}}, set("a/m", "x=2"), nil, true},
		{"a pattern, no other answer", jitos.Read{Pattern: &jitos.Pattern{Kind: "a", Has: map[string]string{"x": "1"}}}, set("a/new", "x=2"), nil, false},
		{"a pattern of another kind", jitos.Read{Pattern: &jitos.Pattern{Kind: "a"}}, set("b/new", "x=1"), nil, false},
		{"a pattern of any kind", jitos.Read{Pattern: &jitos.Pattern{Has: map[string]string{"x": "1"}}}, set("b/new", "x=1"), nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFabric(t)
			first := start
			first.Tree = f.files(was)
			base := f.system(first)
			reads := []jitos.Read{c.read, {Item: "a/never"}}
			theirs := f.sws("try", base, jitos.Rewrite{Set: []jitos.Node{node("c/made")}, Reads: reads}, jitos.Rewrite{Set: []jitos.Node{node("c/more")}, Reads: reads})
			if c.files != nil {
				c.ours.Tree = f.files(c.files)
			}
			ours := f.system(c.ours)
			stale, err := f.StaleReads(context.Background(), base, ours, theirs)
			if err != nil {
				t.Fatal(err)
			}
			rw, conflicts, err := f.Merge(context.Background(), base, ours, theirs)
			if err != nil {
				t.Fatal(err)
			}
			if !c.stale {
				if len(stale)+len(conflicts) > 0 {
					t.Errorf("stale %v, conflicts %v", stale, conflicts)
				}
				return
			}
			if len(stale) != 1 || len(conflicts) != 1 || !strings.HasPrefix(conflicts[0].Why, ReadMoved+": ") || !conflicts[0].ReadMoved() {
				t.Fatalf("stale %v, conflicts %v", stale, conflicts)
			}
			if by := []string{string(ours.Commit().ID), string(theirs.Commit().ID)}; !slices.Equal(conflicts[0].By, by) {
				t.Errorf("by %q, want %q", conflicts[0].By, by)
			}
			if rw.Tree == "" || len(rw.Set) != 2 {
				t.Errorf("a merge in which only reads moved must give the rewrite of a rebase, not %+v", rw)
			}
		})
	}
}

// Reads of the base itself, and of what ours did not touch, never make a workspace stale on an unmoved system line.
func TestStaleReads_nothingMoved(t *testing.T) {
	f := newFabric(t)
	base := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1")}})
	theirs := f.sws("try", base, jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2")}, Reads: []jitos.Read{{Item: "a/n"}, {Path: "**"}}})
	stale, err := f.StaleReads(context.Background(), base, base, theirs)
	if err != nil || len(stale) > 0 {
		t.Fatal(stale, err)
	}
}

// Write skew: everybody may leave as long as somebody else stays on call. Each workspace sees that and takes another one off;
// no two of them change the same node, so a merge that only looks at what was written lets all of them go.
func TestMerge_writeSkew(t *testing.T) {
	onCall := jitos.Pattern{Kind: "person", Has: map[string]string{"on": "true"}}
	run := func(seed int64, withReads bool) (left int) {
		r := rand.New(rand.NewSource(seed))
		f, ctx := newFabric(t), context.Background()
		var people []jitos.Node
		for i := range 2 + r.Intn(3) {
			people = append(people, node(fmt.Sprintf("person/p%d", i), "on=true"))
		}
		system := f.system(jitos.Rewrite{Set: people})
		for round := range 6 {
			base := system
			var tries []jitos.Snapshot
			for i := range 3 {
				found, err := onCall.Find(ctx, base)
				if err != nil {
					t.Fatal(err)
				}
				if len(found) < 2 {
					continue
				}
				off := found[r.Intn(len(found))].ID
				rw := jitos.Rewrite{Set: []jitos.Node{node(off.String(), "on=false")}}
				if withReads {
					rw.Reads = []jitos.Read{{Pattern: &onCall}}
				}
				tries = append(tries, f.sws(fmt.Sprintf("r%d-%d", round, i), base, rw))
			}
			for _, try := range tries {
				rw, conflicts, err := f.Merge(ctx, base, system, try)
				if err != nil {
					t.Fatal(err)
				}
				if len(conflicts) == 0 {
					system = f.system(rw)
				}
			}
		}
		found, err := onCall.Find(ctx, system)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	skewed := 0
	for seed := range int64(60) {
		if left := run(seed, true); left == 0 {
			t.Errorf("seed %d: nobody is on call", seed)
		}
		if run(seed, false) == 0 {
			skewed++
		}
	}
	if skewed == 0 {
		t.Error("without reads nothing went wrong: the test proves nothing")
	}
	t.Logf("without reads, %d of 60 runs broke the rule", skewed)
}

// plain makes a commit as a person's git would: files, and .jitos/ as edit leaves it.
func (f *fabric) plain(parent jitos.Snapshot, tree jitos.TreeID, edit func([]object.TreeEntry) []object.TreeEntry) jitos.CommitID {
	f.t.Helper()
	ctx := context.Background()
	objects := f.store.Objects
	c, err := objects.Commit(ctx, plumbing.NewHash(string(parent.Commit().ID)))
	if err != nil {
		f.t.Fatal(err)
	}
	inside, err := fabricOf(ctx, objects, parent.Commit().ID)
	if err != nil {
		f.t.Fatal(err)
	}
	entries, err := objects.Tree(ctx, inside)
	if err != nil {
		f.t.Fatal(err)
	}
	if edit != nil {
		if inside, err = objects.PutTree(edit(slices.Clone(entries))); err != nil {
			f.t.Fatal(err)
		}
	}
	id, err := hashOf(tree)
	if err != nil {
		f.t.Fatal(err)
	}
	root, err := objects.Tree(ctx, id)
	if err != nil {
		f.t.Fatal(err)
	}
	whole, err := objects.PutTree(append(slices.Clone(root), object.TreeEntry{Name: fabricDir, Mode: filemode.Dir, Hash: inside}))
	if err != nil {
		f.t.Fatal(err)
	}
	hash, err := objects.PutCommit(&object.Commit{Author: c.Author, Committer: c.Committer, Message: "by hand\n", TreeHash: whole, ParentHashes: []plumbing.Hash{plumbing.NewHash(string(parent.Commit().ID))}})
	if err != nil {
		f.t.Fatal(err)
	}
	return jitos.CommitID(hash.String())
}

// A plain commit has read the paths that it changed.
func TestMerge_plainCommit(t *testing.T) {
	f, ctx := newFabric(t), context.Background()
	base := f.system(jitos.Rewrite{Tree: f.files(files{"f": "1\n2\n3\n4\n5\n", "g": "1\n"})})
	theirs := f.open(f.plain(base, f.files(files{"f": "1\n2\n3\n4\nfive\n", "g": "1\n"}), nil))
	if theirs.Commit().Record != nil {
		t.Fatal("not a plain commit")
	}
	apart := f.append(jitos.SWSPrefix+"apart", base.Commit().ID, jitos.Rewrite{Tree: f.files(files{"f": "1\n2\n3\n4\n5\n", "g": "2\n"})})
	rw, conflicts, err := f.Merge(ctx, base, apart, theirs)
	if err != nil || conflicts != nil {
		t.Fatal(conflicts, err)
	}
	if got := readFiles(t, f.store.Objects, rw.Tree); got["f"] != "1\n2\n3\n4\nfive\n" || got["g"] != "2\n" {
		t.Errorf("merged to %q", got)
	}
	same := f.system(jitos.Rewrite{Tree: f.files(files{"f": "one\n2\n3\n4\n5\n", "g": "1\n"})})
	_, conflicts, err = f.Merge(ctx, base, same, theirs)
	if err != nil || len(conflicts) != 1 || conflicts[0].Path != "f" || !conflicts[0].ReadMoved() {
		t.Errorf("a plain commit on a path that moved: %v, %v", conflicts, err)
	}
}

// Whatever changes .jitos/ without being a rewrite is refused, and the commit named, also below commits that are rewrites.
func TestMerge_byHand(t *testing.T) {
	f, ctx := newFabric(t), context.Background()
	base := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1")}, Tree: f.files(files{"f": "1\n"})})
	foreign := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2")}})
	tree, err := fabricOf(ctx, f.store.Objects, foreign.Commit().ID)
	if err != nil {
		t.Fatal(err)
	}
	other, err := f.store.Objects.Tree(ctx, tree)
	if err != nil {
		t.Fatal(err)
	}
	nodes := entryOf(other, nodesDir)
	hand := f.plain(base, base.Tree(), func(entries []object.TreeEntry) []object.TreeEntry {
		for i := range entries {
			if entries[i].Name == nodesDir {
				entries[i].Hash = nodes
			}
		}
		return entries
	})
	over := f.append(jitos.SWSPrefix+"over", base.Commit().ID, jitos.Rewrite{Set: []jitos.Node{node("a/m")}})
	forged := f.forge(over, hand)
	_, _, err = f.Merge(ctx, base, foreign, forged)
	if !errors.Is(err, jitos.ErrInvalid) || !strings.Contains(err.Error(), string(hand[:10])) {
		t.Errorf("want ErrInvalid and %s named, got %v", hand[:10], err)
	}
	if _, _, err = f.Merge(ctx, base, foreign, over); err != nil {
		t.Errorf("the same without the commit by hand: %v", err)
	}
}

// forge puts a rewrite's commit on another parent, as git rebase would: what it changed in .jitos/ stays its own.
func (f *fabric) forge(s jitos.Snapshot, parent jitos.CommitID) jitos.Snapshot {
	f.t.Helper()
	c, err := f.store.Objects.Commit(context.Background(), plumbing.NewHash(string(s.Commit().ID)))
	if err != nil {
		f.t.Fatal(err)
	}
	c.ParentHashes = []plumbing.Hash{plumbing.NewHash(string(parent))}
	id, err := f.store.Objects.PutCommit(c)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.open(jitos.CommitID(id.String()))
}

// After a rebase the base is the system commit that was merged in, which the workspace's first parents do not lead to.
func TestMerge_afterRebase(t *testing.T) {
	f, ctx := newFabric(t), context.Background()
	fork := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1"), node("a/m", "x=1")}})
	f.sws("try", fork, jitos.Rewrite{Set: []jitos.Node{node("b/made")}, Reads: []jitos.Read{{Item: "a/n"}}})
	base := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/m", "x=2")}}, jitos.Rewrite{Set: []jitos.Node{node("a/o")}})
	tip := f.sws("try", fork)
	rw, conflicts, err := f.Merge(ctx, fork, tip, base)
	if err != nil || conflicts != nil {
		t.Fatal(conflicts, err)
	}
	rw.Rule, rw.Parents = jitos.RuleRebase, []jitos.CommitID{base.Commit().ID}
	theirs := f.sws("try", fork, rw, jitos.Rewrite{Set: []jitos.Node{node("b/after")}})

	ours := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/m", "x=3")}})
	rw, conflicts, err = f.Merge(ctx, base, ours, theirs)
	if err != nil || conflicts != nil {
		t.Fatal(conflicts, err)
	}
	got := readGraph(t, f.system(rw))
	if len(got.nodes) != 5 || got.nodes[node("a/m").ID]["x"] != "3" {
		t.Errorf("merged to %v", got.nodes)
	}
	ours = f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2")}})
	if stale, err := f.StaleReads(ctx, base, ours, theirs); err != nil || len(stale) != 1 {
		t.Errorf("what was read before the rebase counts: %v, %v", stale, err)
	}
	if _, _, err := f.Merge(ctx, ours, ours, theirs); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("a base that was never merged in: %v", err)
	}
}
