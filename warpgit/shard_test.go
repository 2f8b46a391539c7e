package warpgit

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"pgregory.net/rapid"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// build makes a sharded directory of a model, from nothing.
func build(t require, o *Objects, model map[string]plumbing.Hash) plumbing.Hash {
	var leaves []object.TreeEntry
	for _, name := range slices.Sorted(maps.Keys(model)) {
		leaves = append(leaves, object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: model[name]})
	}
	id, err := o.splitLeaves(pathsOf(leaves), 0)
	if len(leaves) == 0 {
		return plumbing.ZeroHash
	}
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// require is what a test and a property have in common.
type require interface{ Fatal(args ...any) }

// The shape of a sharded directory follows from its leaves, whatever the order in which they came and went.
func TestShards_canonical(t *testing.T) {
	o := NewMemory().Objects
	blobs := make([]plumbing.Hash, 3)
	for i := range blobs {
		blobs[i], _ = o.PutBlob([]byte{byte(i)})
	}
	rapid.Check(t, func(t *rapid.T) {
		r := dice(t)
		pool := []int{40, 150, 3000}[r.IntN(3)] // so that directories cross the limit in both directions, at several depths
		model := map[string]plumbing.Hash{}
		var dir plumbing.Hash
		for range rapid.IntRange(1, 8).Draw(t, "rounds") {
			changes := map[string]plumbing.Hash{}
			drops := r.IntN(11)
			for range r.IntN(pool) {
				name := fmt.Sprintf("n%d.json", r.IntN(pool))
				if _, there := model[name]; there && r.IntN(10) < drops {
					changes[name] = plumbing.ZeroHash
				} else {
					changes[name] = blobs[r.IntN(len(blobs))]
				}
			}
			var list []leafChange
			for name, id := range changes {
				list = append(list, leafChange{Name: name, Mode: filemode.Regular, Hash: id})
			}
			before, was := dir, maps.Clone(model)
			for _, c := range list {
				if c.Hash.IsZero() {
					delete(model, c.Name)
				} else {
					model[c.Name] = c.Hash
				}
			}
			var err error
			if dir, err = o.updateLeaves(ctx, dir, list); err != nil {
				t.Fatal(err)
			}
			checkDiff(t, o, before, dir, was, model)
			if want := build(t, o, model); dir != want {
				t.Fatalf("%d leaves: shape %s, from nothing %s", len(model), dir, want)
			}
			for name, id := range model {
				if e, ok, err := o.leaf(ctx, dir, name); err != nil || !ok || e.id != id {
					t.Fatalf("leaf %s: %v %v %v", name, e, ok, err)
				}
			}
			if _, ok, _ := o.leaf(ctx, dir, "absent.json"); ok {
				t.Fatal("a leaf that nobody set")
			}
		}
	})
}

// checkDiff looks whether a diff names exactly the leaves that two models do not have in common.
func checkDiff(t *rapid.T, o *Objects, a, b plumbing.Hash, was, is map[string]plumbing.Hash) {
	got := map[string]bool{}
	err := o.diffLeaves(ctx, a, b, func(name string, x, y plumbing.Hash) error {
		if got[name] || x == y || x != was[name] || y != is[name] {
			t.Fatalf("diff of %s: %s to %s, want %s to %s; named before: %v", name, x, y, was[name], is[name], got[name])
		}
		got[name] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range []map[string]plumbing.Hash{was, is} {
		for name := range model {
			if was[name] != is[name] && !got[name] {
				t.Fatalf("the diff does not name %s", name)
			}
		}
	}
}

// dice are the random choices of one run: rapid draws where they begin. Its own draws are small too often to fill directories.
func dice(t *rapid.T) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "dice"), 0))
}

// The limit itself: 32 leaves stand together, 33 are split, and dropping one joins them again.
func TestShards_limit(t *testing.T) {
	o := NewMemory().Objects
	blob, err := o.PutBlob(nil)
	if err != nil {
		t.Fatal(err)
	}
	model := map[string]plumbing.Hash{}
	for i := range maxLeaves {
		model[fmt.Sprintf("n%d.json", i)] = blob
	}
	full := build(t, o, model)
	if entries, _ := o.tree(ctx, full); entries.count(99) != maxLeaves || entries.isSharded() {
		t.Errorf("%d leaves make %d entries", maxLeaves, entries.count(99))
	}
	one := []leafChange{{Name: "one-more.json", Mode: filemode.Regular, Hash: blob}}
	split, err := o.updateLeaves(ctx, full, one)
	if err != nil {
		t.Fatal(err)
	}
	if entries, _ := o.tree(ctx, split); !entries.isSharded() || entries.count(99) > 16 {
		t.Errorf("%d leaves are not split: %v", maxLeaves+1, entries)
	}
	one[0].Hash = plumbing.ZeroHash
	if joined, err := o.updateLeaves(ctx, split, one); err != nil || joined != full {
		t.Errorf("joined again it is %s %v, was %s", joined, err, full)
	}
}

// Leaves whose hashes begin alike fill one shard only: the directory has a single entry, and must not be joined for that.
func TestShards_deep(t *testing.T) {
	o := NewMemory().Objects
	blob, err := o.PutBlob(nil)
	if err != nil {
		t.Fatal(err)
	}
	model := map[string]plumbing.Hash{}
	other := ""
	for i := 0; len(model) <= maxLeaves || other == ""; i++ {
		name := fmt.Sprintf("n%d.json", i)
		if pathNibble(name) == 0 && len(model) <= maxLeaves {
			model[name] = blob
		} else if pathNibble(name) != 0 {
			other = name
		}
	}
	want := build(t, o, model)
	model[other] = blob
	got, err := o.updateLeaves(ctx, build(t, o, model), []leafChange{{Name: other, Mode: filemode.Regular}})
	if err != nil || got != want {
		t.Errorf("after a drop %s %v, from nothing %s", got, err, want)
	}
}

func pathNibble(name string) int {
	p := pathOf(name)
	return p.nibble(0)
}

// graphModel is a graph as plainly as can be.
type graphModel struct {
	nodes map[jitos.ItemID]jitos.Node
	edges map[jitos.ItemID]jitos.Edge
}

// step makes a rewrite that is legal, and applies it to the model.
func (m *graphModel) step(r *rand.Rand) jitos.Rewrite {
	rw := jitos.Rewrite{Rule: "graph", Actor: ada, What: "a step"}
	touched := map[jitos.ItemID]bool{}
	for range r.IntN(60) {
		n := node([]string{"a", "b"}[r.IntN(2)], fmt.Sprintf("n%d", r.IntN(100)), "v", []string{"", "x", "y"}[r.IntN(3)])
		if item := n.ID.Item(); !touched[item] {
			touched[item] = true
			m.nodes[item] = n
			rw.Set = append(rw.Set, n)
		}
	}
	ids := slices.Sorted(maps.Keys(m.nodes))
	few := ids[:min(len(ids), 3)] // sources with many edges each
	for range r.IntN(80) {
		if len(ids) == 0 {
			break
		}
		from, to := m.nodes[few[r.IntN(len(few))]], m.nodes[ids[r.IntN(len(ids))]]
		e := edge(from, []string{"x", "y"}[r.IntN(2)], to, []string{"", "k"}[r.IntN(2)])
		if item := e.Item(); !touched[item] {
			touched[item], touched[from.ID.Item()], touched[to.ID.Item()] = true, true, true
			m.edges[item] = e
			rw.Edges = append(rw.Edges, e)
		}
	}
	drops := r.IntN(2) * r.IntN(60)
	for range drops {
		m.drop(&rw, touched, ids[r.IntN(max(1, len(ids))):])
	}
	return rw
}

// drop takes out one edge, or a node with all its edges, of those that the rewrite has not touched.
func (m *graphModel) drop(rw *jitos.Rewrite, touched map[jitos.ItemID]bool, ids []jitos.ItemID) {
	if all := slices.Sorted(maps.Keys(m.edges)); len(all) > 0 && !touched[all[len(all)/2]] {
		item := all[len(all)/2]
		touched[item] = true
		delete(m.edges, item)
		rw.Drop = append(rw.Drop, item)
	}
	if len(ids) == 0 || touched[ids[0]] {
		return
	}
	gone := []jitos.ItemID{ids[0]}
	for id, e := range m.edges {
		if e.From.Item() == ids[0] || e.To.Item() == ids[0] {
			if touched[id] {
				return
			}
			gone = append(gone, id)
		}
	}
	for _, id := range gone {
		touched[id] = true
		delete(m.nodes, id)
		delete(m.edges, id)
		rw.Drop = append(rw.Drop, id)
	}
}

// After any rewrites the graph is that of the plain model; nodes/ and edges/ are those that the model gives when written in
// one go; who points to a node is as the model says; and the history replays to the same bytes.
func TestStore_againstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewMemory()
		m := &graphModel{map[jitos.ItemID]jitos.Node{}, map[jitos.ItemID]jitos.Edge{}}
		ids, err := s.Append(ctx, jitos.SystemRef, "", "", birth())
		if err != nil {
			t.Fatal(err)
		}
		head, r := ids[0], dice(t)
		for range rapid.IntRange(1, 5).Draw(t, "groups") {
			var group []jitos.Rewrite
			for range rapid.IntRange(1, 3).Draw(t, "size") {
				group = append(group, m.step(r))
			}
			if ids, err = s.Append(ctx, jitos.SystemRef, head, head, group...); err != nil {
				t.Fatal(err)
			}
			head = ids[len(ids)-1]
		}
		compareModel(t, s, head, m)
		seq := int64(0)
		for v, err := range s.Verify(ctx, head) {
			if err != nil {
				t.Fatal(err)
			}
			if seq++; v.Commit.Record.Seq != seq {
				t.Fatalf("verified %d, want %d", v.Commit.Record.Seq, seq)
			}
		}
		once := NewMemory()
		rw := jitos.Rewrite{Rule: "graph", Actor: ada, Set: slices.Collect(maps.Values(m.nodes)), Edges: slices.Collect(maps.Values(m.edges))}
		first, err := once.Append(ctx, jitos.SystemRef, "", "", birth(), rw)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range []string{nodesDir, edgesDir} {
			a, b := fabricPart(t, s, head, dir), fabricPart(t, once, first[1], dir)
			if a != b {
				t.Fatalf("%s/ is %s, written in one go %s", dir, a, b)
			}
		}
	})
}

func fabricPart(t require, s *Store, id jitos.CommitID, dir string) plumbing.Hash {
	snap, err := s.open(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	part, err := s.Objects.child(ctx, snap.fabric, dir)
	if err != nil {
		t.Fatal(err)
	}
	return part
}

func compareModel(t *rapid.T, s *Store, head jitos.CommitID, m *graphModel) {
	snap, err := s.Open(ctx, head)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for n, err := range snap.Nodes(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		want, ok := m.nodes[n.ID.Item()]
		if !ok || fmt.Sprint(want) != fmt.Sprint(n) {
			t.Fatalf("node %v, want %v", n, want)
		}
		seen++
	}
	if seen != len(m.nodes) {
		t.Fatalf("%d nodes, want %d", seen, len(m.nodes))
	}
	var from, to []string
	for _, n := range m.nodes {
		for e, err := range snap.Edges(ctx, n.ID, "") {
			if err != nil {
				t.Fatal(err)
			}
			from = append(from, string(e.Item())+" "+e.To.String())
		}
		for e, err := range s.To(ctx, snap, n.ID) {
			if err != nil {
				t.Fatal(err)
			}
			to = append(to, string(e.Item())+" "+e.To.String())
		}
	}
	var want []string
	for item, e := range m.edges {
		want = append(want, string(item)+" "+e.To.String())
	}
	slices.Sort(from)
	slices.Sort(to)
	slices.Sort(want)
	if !slices.Equal(from, want) || !slices.Equal(to, want) {
		t.Fatalf("edges by source\n%s\nby target\n%s\nwant\n%s", strings.Join(from, "\n"), strings.Join(to, "\n"), strings.Join(want, "\n"))
	}
}
