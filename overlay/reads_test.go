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

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
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
			reads := []jitos.Read{{Item: "a/never"}, c.read, {Path: "never"}, {Pattern: &jitos.Pattern{Kind: "never"}}}
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

// plain makes a commit as a person's git would: files, and .jitos/ as in the parent, but for its nodes where some are given.
func (f *fabric) plain(parent jitos.Snapshot, tree jitos.TreeID, nodes plumbing.Hash) jitos.CommitID {
	f.t.Helper()
	ctx := context.Background()
	id, err := hashOf(tree)
	if err != nil {
		f.t.Fatal(err)
	}
	root, err := f.store.Objects.Tree(ctx, id)
	if err != nil {
		f.t.Fatal(err)
	}
	inside := object.TreeEntry{Name: fabricDir, Mode: filemode.Dir, Hash: f.fabricWith(parent, nodes)}
	whole, err := f.store.Objects.PutTree(append(slices.Clone(root), inside))
	if err != nil {
		f.t.Fatal(err)
	}
	return f.commitLike(parent, func(c *object.Commit) {
		c.Message, c.TreeHash, c.ParentHashes = "by hand\n", whole, []plumbing.Hash{plumbing.NewHash(string(parent.Commit().ID))}
	})
}

// fabricWith is the tree .jitos/ of a snapshot, with other nodes where some are given.
func (f *fabric) fabricWith(s jitos.Snapshot, nodes plumbing.Hash) plumbing.Hash {
	f.t.Helper()
	ctx := context.Background()
	inside, err := fabricOf(ctx, f.store.Objects, s.Commit().ID)
	if err != nil || nodes.IsZero() {
		return inside
	}
	entries, err := f.store.Objects.Tree(ctx, inside)
	if err != nil {
		f.t.Fatal(err)
	}
	entries = slices.Clone(entries)
	for i := range entries {
		if entries[i].Name == nodesDir {
			entries[i].Hash = nodes
		}
	}
	if inside, err = f.store.Objects.PutTree(entries); err != nil {
		f.t.Fatal(err)
	}
	return inside
}

// nodesOf is the tree .jitos/nodes of a snapshot.
func (f *fabric) nodesOf(s jitos.Snapshot) plumbing.Hash {
	f.t.Helper()
	entries, err := f.store.Objects.Tree(context.Background(), f.fabricWith(s, plumbing.ZeroHash))
	if err != nil {
		f.t.Fatal(err)
	}
	return entryOf(entries, nodesDir)
}

// commitLike makes another commit of a snapshot's.
func (f *fabric) commitLike(s jitos.Snapshot, edit func(*object.Commit)) jitos.CommitID {
	f.t.Helper()
	c, err := f.store.Objects.Commit(context.Background(), plumbing.NewHash(string(s.Commit().ID)))
	if err != nil {
		f.t.Fatal(err)
	}
	edit(c)
	id, err := f.store.Objects.PutCommit(c)
	if err != nil {
		f.t.Fatal(err)
	}
	return jitos.CommitID(id.String())
}

// A plain commit has read the paths that it changed.
func TestMerge_plainCommit(t *testing.T) {
	f, ctx := newFabric(t), context.Background()
	base := f.system(jitos.Rewrite{Tree: f.files(files{"f": "1\n2\n3\n4\n5\n", "g": "1\n"})})
	theirs := f.open(f.plain(base, f.files(files{"f": "1\n2\n3\n4\nfive\n", "g": "1\n"}), plumbing.ZeroHash))
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
	ours := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2")}})
	good := f.append(jitos.SWSPrefix+"good", base.Commit().ID, jitos.Rewrite{Set: []jitos.Node{node("a/m")}})
	if _, _, err := f.Merge(ctx, base, ours, good); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, tip, bad jitos.CommitID) {
		t.Helper()
		_, _, err := f.Merge(ctx, base, ours, f.open(tip))
		if !errors.Is(err, jitos.ErrInvalid) || !strings.Contains(err.Error(), string(bad[:10])) {
			t.Errorf("%s: want ErrInvalid and %s named, got %v", what, bad[:10], err)
		}
	}
	// A plain commit with nodes of its own, and a rewrite put on top of it, as git rebase would.
	hand := f.plain(base, base.Tree(), f.nodesOf(ours))
	on := f.commitLike(good, func(c *object.Commit) { c.ParentHashes = []plumbing.Hash{plumbing.NewHash(string(hand))} })
	refused("a commit by hand below a rewrite", on, hand)

	// A rewrite that was amended: its record fits the commit, but its node is another.
	other := f.append(jitos.SWSPrefix+"other", base.Commit().ID, jitos.Rewrite{Set: []jitos.Node{node("a/m", "x=9")}})
	inside := object.TreeEntry{Name: fabricDir, Mode: filemode.Dir, Hash: f.fabricWith(good, f.nodesOf(other))}
	root, err := f.store.Objects.PutTree([]object.TreeEntry{inside, {Name: "f", Mode: filemode.Regular, Hash: plumbing.ComputeHash(plumbing.BlobObject, []byte("1\n"))}})
	if err != nil {
		t.Fatal(err)
	}
	amended := f.commitLike(good, func(c *object.Commit) { c.TreeHash = root })
	refused("an amended rewrite", amended, amended)
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
