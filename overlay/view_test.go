package overlay

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

// A view shows what the store shows once the rewrites are really written: the same nodes, edges and bytes.
func TestView_model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f, ctx := newFabric(t), context.Background()
		start := emptyWarp()
		w := start.edit(rt, 12)
		base := f.system(start.rewrite(f, w))
		var rewrites []jitos.Rewrite
		was := w
		for range rapid.IntRange(0, 3).Draw(rt, "rewrites") {
			next := w.edit(rt, 5)
			rewrites, w = append(rewrites, w.rewrite(f, next)), next
		}
		shown, err := View(base, rewrites...)
		if err != nil {
			rt.Fatal(err)
		}
		written := f.system(rewrites...)
		got, want := readGraph(t, shown), readGraph(t, written)
		if !equalWarps(got, want) {
			rt.Fatalf("shown %v, written %v", got, want)
		}
		for _, side := range []warp{was, w} {
			for _, item := range side.items() {
				a, err := shown.Blob(ctx, item)
				b, err2 := written.Blob(ctx, item)
				if err := errors.Join(err, err2); err != nil || a != b {
					rt.Fatalf("%s: shown %s, written %s: %v", item, a, b, err)
				}
			}
			for id := range side.nodes {
				_, err := shown.Node(ctx, id)
				_, err2 := written.Node(ctx, id)
				if errors.Is(err, jitos.ErrNotFound) != errors.Is(err2, jitos.ErrNotFound) {
					rt.Fatalf("%s: shown %v, written %v", id, err, err2)
				}
				for _, label := range []string{"l", "m"} {
					if a, b := edgeSet(rt, shown, id, label), edgeSet(rt, written, id, label); !reflect.DeepEqual(a, b) {
						rt.Fatalf("edges %s of %s: shown %v, written %v", label, id, a, b)
					}
				}
			}
		}
	})
}

func (w warp) items() []jitos.ItemID {
	items := []jitos.ItemID{"./policy.yaml", "./methods/one.yaml"}
	for id := range w.nodes {
		items = append(items, id.Item())
	}
	for e := range w.edges {
		items = append(items, e.edge(nil).Item())
	}
	return items
}

func edgeSet(t *rapid.T, g jitos.Graph, from jitos.NodeID, label string) map[jitos.ItemID]jitos.Edge {
	edges := map[jitos.ItemID]jitos.Edge{}
	for e, err := range g.Edges(context.Background(), from, label) {
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := edges[e.Item()]; twice {
			t.Fatalf("%s twice", e.Item())
		}
		edges[e.Item()] = e
	}
	return edges
}

// What a view shows is what a store would give back, also where Go's numbers are not JSON's.
func TestView_readsAsWritten(t *testing.T) {
	f, ctx := newFabric(t), context.Background()
	base := f.system()
	rw := jitos.Rewrite{Set: []jitos.Node{{ID: node("a/n").ID, Fields: map[string]any{"cost": 3, "list": []string{"x"}}}}}
	shown, err := View(base, rw)
	if err != nil {
		t.Fatal(err)
	}
	written := f.system(rw)
	a, err := shown.Node(ctx, node("a/n").ID)
	b, err2 := written.Node(ctx, node("a/n").ID)
	if err := errors.Join(err, err2); err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("shown %#v, written %#v: %v", a, b, err)
	}
	if _, err := View(base, jitos.Rewrite{Drop: []jitos.ItemID{"not an item"}}); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("an item that is none: %v", err)
	}
}

// The difference of two graphs, applied to the first as maps, gives the second.
func TestDiffGraph_model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFabric(t)
		start := emptyWarp()
		w := start.edit(rt, 10)
		next := w.edit(rt, 6)
		a := f.system(start.rewrite(f, w))
		b := f.system(w.rewrite(f, next))
		d, err := f.DiffGraph(context.Background(), a, b)
		if err != nil {
			rt.Fatal(err)
		}
		got := w.clone()
		for _, n := range d.Nodes {
			id, err := jitos.ParseNodeID(string(n.ID))
			if err != nil {
				rt.Fatal(err)
			}
			if got.nodes[id] = patchFields(rt, got.nodes[id], n.Fields); n.Op == Removed {
				delete(got.nodes, id)
			}
		}
		for _, e := range d.Edges {
			key := modelEdge{node(e.From).ID, e.Label, node(e.To).ID, e.Key}
			if got.edges[key] = patchFields(rt, got.edges[key], e.Attrs); e.Op == Removed {
				delete(got.edges, key)
			}
		}
		for _, file := range d.Fabric {
			if _, there := w.conf[file.Path]; there == (file.Op == Added) {
				rt.Fatalf("%s %s", file.Path, file.Op)
			}
			if got.conf[file.Path] = next.conf[file.Path]; file.Op == Removed {
				delete(got.conf, file.Path)
			}
		}
		if got.files = next.files; !equalWarps(got, next) {
			rt.Fatalf("got %v, want %v, of %+v", got, next, d)
		}
	})
}

func patchFields(t *rapid.T, fields map[string]string, diffs []FieldDiff) map[string]string {
	out := map[string]string{}
	for k, v := range fields {
		out[k] = v
	}
	quote := func(v string, there bool) string {
		if !there {
			return ""
		}
		return `"` + v + `"`
	}
	for _, d := range diffs {
		v, there := out[d.Name]
		if quote(v, there) != string(d.Old) {
			t.Fatalf("field %s was %s, told %s", d.Name, v, d.Old)
		}
		if delete(out, d.Name); d.New != nil {
			out[d.Name] = string(d.New[1 : len(d.New)-1])
		}
	}
	return out
}

func TestWriteGraph(t *testing.T) {
	f := newFabric(t)
	a := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=1", "y=1", "same=1"), node("a/m", "x=1"), node("a/gone", "x=1")},
		Edges: []jitos.Edge{edge("a/n", "l", "a/m", "w=1")}})
	with := edge("a/n", "knows", "b/new")
	with.Key = "again"
	b := f.system(jitos.Rewrite{Set: []jitos.Node{node("a/n", "x=2", "z=1", "same=1"), {ID: node("b/new").ID, Fields: map[string]any{"deep": map[string]any{"k": []any{"1", true, nil}}}}},
		Edges:  []jitos.Edge{with},
		Drop:   []jitos.ItemID{"a/gone", edge("a/n", "l", "a/m").Item()},
		Fabric: map[string][]byte{"policy.yaml": []byte("a\n")}})
	d, err := f.DiffGraph(context.Background(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteGraph(&out, d); err != nil {
		t.Fatal(err)
	}
	want := `- a/gone
    - x: "1"
~ a/n
    ~ x: "1" → "2"
    - y: "1"
    + z: "1"
+ b/new
    + deep: {"k":["1",true,null]}
+ a/n -knows-> b/new "again"
- a/n -l-> a/m
    - w: "1"
+ .jitos/policy.yaml
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
