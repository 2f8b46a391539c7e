package overlay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

// mergeFieldsModel merges maps of fields, or of attributes.
func mergeFieldsModel(b, o, y map[string]string) (map[string]string, bool) {
	merged := map[string]string{}
	for _, name := range []string{"x", "y", "z"} {
		vb, inB := b[name]
		vo, inO := o[name]
		vy, inY := y[name]
		switch {
		case vo == vy && inO == inY, vy == vb && inY == inB:
			if inO {
				merged[name] = vo
			}
		case vo == vb && inO == inB:
			if inY {
				merged[name] = vy
			}
		default:
			return nil, false
		}
	}
	return merged, true
}

// mergeMaps merges two maps three-way; keys in conflict are told, and stay as in ours.
func mergeMaps[K comparable, V any](b, o, y map[K]V, equal func(V, V) bool, both func(b, o, y V) (V, bool), conflict func(K)) map[K]V {
	merged := maps.Clone(o)
	all := maps.Clone(b)
	maps.Copy(all, y)
	for k := range all {
		vb, inB := b[k]
		vo, inO := o[k]
		vy, inY := y[k]
		switch {
		case inY == inB && equal(vy, vb), inY == inO && equal(vy, vo):
		case inO == inB && equal(vo, vb):
			if merged[k] = vy; !inY {
				delete(merged, k)
			}
		case !inO || !inY:
			conflict(k)
		default:
			if v, ok := both(vb, vo, vy); ok {
				merged[k] = v
			} else {
				conflict(k)
			}
		}
	}
	return merged
}

// mergeWarps is the merge of WARPs said on maps.
func mergeWarps(b, o, y warp) (warp, []string) {
	bad := map[string]bool{}
	var m warp
	m.nodes = mergeMaps(b.nodes, o.nodes, y.nodes, maps.Equal, mergeFieldsModel, func(id jitos.NodeID) { bad[id.String()] = true })
	m.edges = mergeMaps(b.edges, o.edges, y.edges, maps.Equal, mergeFieldsModel, func(e modelEdge) { bad[string(e.edge(nil).Item())] = true })
	m.conf = mergeMaps(b.conf, o.conf, y.conf, func(a, b string) bool { return a == b },
		func(b, o, y string) (string, bool) { return "", false }, func(name string) { bad["./"+name] = true })
	there := func(id jitos.NodeID) bool { // and no side wants it gone
		_, inB := b.nodes[id]
		_, inO := o.nodes[id]
		_, inY := y.nodes[id]
		return (inO || inY) && (!inB || inO && inY)
	}
	for e := range m.edges {
		if !there(e.From) || !there(e.To) {
			bad[string(e.edge(nil).Item())] = true
		}
	}
	var paths []string
	m.files, paths = mergeModel(b.files, o.files, y.files)
	return m, append(sortedKeys(bad), paths...)
}

func conflictNames(conflicts []jitos.Conflict) []string {
	var names []string
	for _, c := range conflicts {
		names = append(names, string(c.Item)+c.Path)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// The merge of two WARPs is the three-way merge of their maps; it commutes, and where it fails nothing has changed.
func TestMerge_model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFabric(t)
		start := emptyWarp()
		w := start.edit(rt, 12)
		base := f.system(start.rewrite(f, w))
		wo, wy := w, w
		var ours, theirs []jitos.Rewrite
		for range rapid.IntRange(0, 2).Draw(rt, "commits of ours") {
			next := wo.edit(rt, 4)
			ours, wo = append(ours, wo.rewrite(f, next)), next
		}
		for range rapid.IntRange(0, 2).Draw(rt, "commits of theirs") {
			next := wy.edit(rt, 4)
			theirs, wy = append(theirs, wy.rewrite(f, next)), next
		}
		x, y := f.sws("one", base, ours...), f.sws("two", base, theirs...)

		ctx := context.Background()
		rw, conflicts, err := f.Merge(ctx, base, x, y)
		if err != nil {
			rt.Fatal(err)
		}
		back, conflicts2, err := f.Merge(ctx, base, y, x)
		if err != nil {
			rt.Fatal(err)
		}
		want, bad := mergeWarps(w, wo, wy)
		slices.Sort(bad)
		for _, got := range [][]jitos.Conflict{conflicts, conflicts2} {
			if !slices.Equal(conflictNames(got), slices.Compact(bad)) {
				rt.Fatalf("conflicts %q, want %q", conflictNames(got), bad)
			}
		}
		if len(bad) > 0 {
			inGraph := slices.ContainsFunc(conflicts, func(c jitos.Conflict) bool { return c.Item != "" })
			if rw.Tree != "" || inGraph && (rw.Set != nil || rw.Edges != nil || rw.Drop != nil || rw.Fabric != nil) {
				rt.Fatalf("a merge with conflicts gave a rewrite: %+v", rw)
			}
			if inGraph {
				return
			}
			want.files = wo.files // only files conflict: the graph is merged, the files are left to the caller
			if got := f.readWarp(f.sws("one", base, rw)); !equalWarps(got, want) {
				rt.Fatalf("the graph merged to %v, want %v", got, want)
			}
			return
		}
		rw.Parents = []jitos.CommitID{y.Commit().ID}
		there := f.sws("one", base, rw)
		back.Parents = []jitos.CommitID{x.Commit().ID}
		again := f.sws("two", base, back)
		if got := f.readWarp(there); !equalWarps(got, want) {
			rt.Fatalf("merged to %v, want %v", got, want)
		}
		if got := f.readWarp(again); !equalWarps(got, want) {
			rt.Fatalf("the other way merged to %v, want %v", got, want)
		}
	})
}

func TestMerge_conflicts(t *testing.T) {
	for _, c := range []struct {
		name         string
		base         jitos.Rewrite
		ours, theirs jitos.Rewrite
		want         []string // "item: why"
	}{
		{"one field", jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1", "y=1")}},
			jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2", "y=1")}}, jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=3", "y=1")}},
			[]string{"a/n: both sides changed x"}},
		{"two fields", jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1", "y=1")}},
			jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2", "y=1")}}, jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1", "y=2")}}, nil},
		{"a field that one side took out", jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1")}},
			jitos.Rewrite{Set: []jitos.Node{node("a/n")}}, jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2")}}, []string{"a/n: both sides changed x"}},
		{"created differently", jitos.Rewrite{},
			jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1")}}, jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2")}}, []string{"a/n: both sides changed x"}},
		{"the same gate measured twice", jitos.Rewrite{},
			jitos.Rewrite{Set: []jitos.Node{node("evidence/n", "x=1")}}, jitos.Rewrite{Set: []jitos.Node{node("evidence/n", "x=2")}}, nil},
		{"created alike", jitos.Rewrite{},
			jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1")}}, jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1")}}, nil},
		{"deleted and changed", jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1")}},
			jitos.Rewrite{Drop: []jitos.ItemID{"a/n"}}, jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2")}}, []string{"a/n: deleted by ours, changed by theirs"}},
		{"a new edge to a node that ours deleted", jitos.Rewrite{Set: []jitos.Node{node("a/n"), node("a/m")}},
			jitos.Rewrite{Drop: []jitos.ItemID{"a/n"}}, jitos.Rewrite{Edges: []jitos.Edge{edge("a/m", "l", "a/n")}},
			[]string{string(edge("a/m", "l", "a/n").Item()) + ": an edge l of a/n, which ours deleted"}},
		{"a new edge of ours to a node that theirs deleted", jitos.Rewrite{Set: []jitos.Node{node("a/n"), node("a/m")}},
			jitos.Rewrite{Edges: []jitos.Edge{edge("a/m", "l", "a/n")}}, jitos.Rewrite{Drop: []jitos.ItemID{"a/n"}},
			[]string{string(edge("a/m", "l", "a/n").Item()) + ": an edge l of a/n, which theirs deleted"}},
		{"a new edge of ours from a node that theirs deleted", jitos.Rewrite{Set: []jitos.Node{node("a/n"), node("a/m")}},
			jitos.Rewrite{Edges: []jitos.Edge{edge("a/n", "l", "a/m")}}, jitos.Rewrite{Drop: []jitos.ItemID{"a/n"}},
			[]string{string(edge("a/n", "l", "a/m").Item()) + ": an edge l of a/n, which theirs deleted"}},
		{"attributes", jitos.Rewrite{Set: []jitos.Node{node("a/n"), node("a/m")}, Edges: []jitos.Edge{edge("a/n", "l", "a/m", "x=1")}},
			jitos.Rewrite{Edges: []jitos.Edge{edge("a/n", "l", "a/m", "x=2")}}, jitos.Rewrite{Edges: []jitos.Edge{edge("a/n", "l", "a/m", "x=3")}},
			[]string{string(edge("a/n", "l", "a/m").Item()) + ": both sides changed x"}},
		{"the policy, the same lines", jitos.Rewrite{Fabric: map[string][]byte{"policy.yaml": []byte("a\nb\nc\nd\n")}},
			jitos.Rewrite{Fabric: map[string][]byte{"policy.yaml": []byte("A\nb\nc\nd\n")}}, jitos.Rewrite{Fabric: map[string][]byte{"policy.yaml": []byte("B\nb\nc\nd\n")}},
			[]string{"./policy.yaml: both sides changed lines 1"}},
		{"the policy, other lines", jitos.Rewrite{Fabric: map[string][]byte{"policy.yaml": []byte("a\nb\nc\nd\n")}},
			jitos.Rewrite{Fabric: map[string][]byte{"policy.yaml": []byte("A\nb\nc\nd\n")}}, jitos.Rewrite{Fabric: map[string][]byte{"policy.yaml": []byte("a\nb\nc\nD\n")}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFabric(t)
			base := f.system(c.base)
			theirs := f.sws("try", base, c.theirs)
			ours := f.system(c.ours)
			_, conflicts, err := f.Merge(context.Background(), base, ours, theirs)
			if err != nil {
				t.Fatal(err)
			}
			var say []string
			for _, c := range conflicts {
				say = append(say, string(c.Item)+": "+c.Why)
				if want := []string{string(ours.Commit().ID), string(theirs.Commit().ID)}; !slices.Equal(c.By, want) {
					t.Errorf("by %q, want %q", c.By, want)
				}
			}
			if !slices.Equal(say, c.want) {
				t.Errorf("conflicts %q, want %q", say, c.want)
			}
		})
	}
}

// Each conflict names the last commit of each side that touched what is in conflict, not just the tips.
func TestMerge_by(t *testing.T) {
	f := newFabric(t)
	base := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1")}, Tree: f.files(files{"f": "1\n", "g": "1\n"})})
	o1 := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2")}})
	o2 := f.system(jitos.Rewrite{Tree: f.files(files{"f": "2\n", "g": "1\n"})})
	o3 := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/other")}})
	t1 := f.sws("try", base, jitos.Rewrite{Tree: f.files(files{"f": "3\n", "g": "1\n"})})
	t2 := f.sws("try", base, jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=3")}})
	t3 := f.sws("try", base, jitos.Rewrite{Set: []jitos.Node{node("a/more")}})
	_, conflicts, err := f.Merge(context.Background(), base, o3, t3)
	if err != nil || len(conflicts) != 2 {
		t.Fatal(conflicts, err)
	}
	ids := func(s ...jitos.Snapshot) []string {
		var out []string
		for _, c := range s {
			out = append(out, string(c.Commit().ID))
		}
		return out
	}
	if c := conflicts[0]; c.Path != "f" || !slices.Equal(c.By, ids(o2, t1)) {
		t.Errorf("%s by %q, want %q", c.Path, c.By, ids(o2, t1))
	}
	if c := conflicts[1]; c.Item != "a/n" || !slices.Equal(c.By, ids(o1, t2)) {
		t.Errorf("%s by %q, want %q", c.Item, c.By, ids(o1, t2))
	}
}

// Directories of 32 leaves and fewer are whole, larger ones are split: a merge across that bound must see the same leaves.
func TestMerge_differentShards(t *testing.T) {
	many := func(from, to int) (nodes []jitos.Node) {
		for i := from; i < to; i++ {
			nodes = append(nodes, node(fmt.Sprintf("a/n%d", i), "x=1"))
		}
		return nodes
	}
	for _, c := range []struct{ base, ours, theirs int }{{30, 40, 31}, {30, 31, 40}, {40, 41, 30}, {40, 30, 41}, {0, 40, 600}, {600, 30, 700}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			f := newFabric(t)
			change := func(to int, from int) jitos.Rewrite {
				rw := jitos.Rewrite{Set: many(from, to)}
				for i := to; i < from; i++ {
					rw.Drop = append(rw.Drop, node(fmt.Sprintf("a/n%d", i)).ID.Item())
				}
				return rw
			}
			base := f.system(jitos.Rewrite{Set: many(0, c.base)})
			theirs := f.sws("try", base, change(c.theirs, c.base), jitos.Rewrite{Set: []jitos.Node{node("a/theirs")}})
			ours := f.system(change(c.ours, c.base), jitos.Rewrite{Set: []jitos.Node{node("a/ours")}})
			rw, conflicts, err := f.Merge(context.Background(), base, ours, theirs)
			if err != nil || conflicts != nil {
				t.Fatal(conflicts, err)
			}
			got := readGraph(t, f.system(rw))
			want := 2 + max(c.base, c.ours, c.theirs)
			if min(c.ours, c.theirs) < c.base {
				want = 2 + min(c.ours, c.theirs) + max(c.ours, c.theirs) - c.base
			}
			if len(got.nodes) != want {
				t.Errorf("%d nodes, want %d", len(got.nodes), want)
			}
		})
	}
}

// The cost of a merge must not grow with the graph: two sides that change one node each in a graph of thousands.
func TestMerge_readsOnlyWhatDiffers(t *testing.T) {
	reads := func(nodes int) int {
		f := newFabric(t)
		var set []jitos.Node
		for i := range nodes {
			set = append(set, node(fmt.Sprintf("a/n%d", i), "x=1"))
		}
		base := f.system(jitos.Rewrite{Set: set})
		theirs := f.sws("try", base, jitos.Rewrite{Set: []jitos.Node{node("a/n1", "x=2")}})
		ours := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n2", "x=2")}})
		f.count.reads = 0
		if _, conflicts, err := f.Merge(context.Background(), base, ours, theirs); err != nil || conflicts != nil {
			t.Fatal(conflicts, err)
		}
		return f.count.reads
	}
	small, large := reads(100), reads(5000)
	if large > small+12 {
		t.Errorf("a merge reads %d objects in a graph of 100 nodes, %d in one of 5000", small, large)
	}
}

func TestMerge_refuses(t *testing.T) {
	f := newFabric(t)
	base := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1")}})
	ours := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/m")}})
	other := newFabric(t)
	ctx := context.Background()
	if _, _, err := f.Merge(ctx, ours, ours, base); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("a side that is behind the base: %v", err)
	}
	stranger := other.system(jitos.Rewrite{Set: []jitos.Node{node("a/stranger")}})
	if _, _, err := f.Merge(ctx, base, ours, stranger); err == nil {
		t.Error("a commit that this repository lacks was merged")
	}
}
