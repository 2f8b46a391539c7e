package overlay

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"pgregory.net/rapid"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
	"github.com/jitos/jitos/warpgit/object"
)

// fabric is a store in memory with a system line, and what counts the objects that a merge reads.
type fabric struct {
	t     testing.TB
	store *warpgit.Store
	count *counter
	*Merger
}

// counter counts the objects read through it.
type counter struct {
	*warpgit.Objects
	reads int
}

func (c *counter) Blob(ctx context.Context, id plumbing.Hash) ([]byte, error) {
	c.reads++
	return c.Objects.Blob(ctx, id)
}

func (c *counter) Tree(ctx context.Context, id plumbing.Hash) ([]object.TreeEntry, error) {
	c.reads++
	return c.Objects.Tree(ctx, id)
}

func newFabric(t testing.TB) *fabric {
	t.Helper()
	store := warpgit.NewMemory()
	count := &counter{Objects: store.Objects}
	f := &fabric{t, store, count, New(count, store)}
	info, err := warpgit.FabricFile("test-fabric")
	if err != nil {
		t.Fatal(err)
	}
	f.append(jitos.SystemRef, "", jitos.Rewrite{Rule: jitos.RuleBirth, Fabric: map[string][]byte{"fabric.json": info}})
	return f
}

// append adds rewrites to a ref, which starts at parent where there is none yet, and opens the last.
func (f *fabric) append(ref jitos.Ref, parent jitos.CommitID, rewrites ...jitos.Rewrite) jitos.Snapshot {
	f.t.Helper()
	ctx := context.Background()
	old, err := f.store.Head(ctx, ref)
	if err == nil {
		parent = old
	}
	for i := range rewrites {
		rw := &rewrites[i]
		if rw.Rule == "" {
			rw.Rule = jitos.RuleGraph
		}
		rw.Actor, rw.What = "tester <tester@localhost>", "something happens"
	}
	ids, err := f.store.Append(ctx, ref, old, parent, rewrites...)
	if err != nil {
		f.t.Fatalf("append to %s: %v", ref, err)
	}
	id := parent
	if len(ids) > 0 {
		id = ids[len(ids)-1]
	}
	return f.open(id)
}

func (f *fabric) open(id jitos.CommitID) jitos.Snapshot {
	f.t.Helper()
	s, err := f.store.Open(context.Background(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *fabric) system(rewrites ...jitos.Rewrite) jitos.Snapshot {
	f.t.Helper()
	return f.append(jitos.SystemRef, "", rewrites...)
}

func (f *fabric) sws(name string, from jitos.Snapshot, rewrites ...jitos.Rewrite) jitos.Snapshot {
	f.t.Helper()
	return f.append(jitos.Ref(jitos.SWSPrefix+name), from.Commit().ID, rewrites...)
}

// node makes a node of "kind/name" and fields "a=1".
func node(id string, fields ...string) jitos.Node {
	nid, err := jitos.ParseNodeID(id)
	if err != nil {
		panic(err)
	}
	n := jitos.Node{ID: nid, Fields: map[string]any{}}
	for _, f := range fields {
		k, v, _ := strings.Cut(f, "=")
		n.Fields[k] = v
	}
	return n
}

func edge(from, label, to string, attrs ...string) jitos.Edge {
	e := jitos.Edge{From: node(from).ID, Label: label, To: node(to).ID}
	if len(attrs) > 0 {
		e.Attrs = node(from, attrs...).Fields
	}
	return e
}

func (f *fabric) files(files files) jitos.TreeID { return files.tree(f.t, f.store.Objects) }

// ---- the model: a WARP as maps ----

// modelEdge is an edge as a key of a map.
type modelEdge struct {
	From  jitos.NodeID
	Label string
	To    jitos.NodeID
	Key   string
}

type warp struct {
	nodes map[jitos.NodeID]map[string]string
	edges map[modelEdge]map[string]string
	files modelFiles
	conf  map[string]string
}

func emptyWarp() warp {
	return warp{map[jitos.NodeID]map[string]string{}, map[modelEdge]map[string]string{}, modelFiles{}, map[string]string{}}
}

func (w warp) clone() warp {
	c := warp{maps.Clone(w.nodes), maps.Clone(w.edges), maps.Clone(w.files), maps.Clone(w.conf)}
	for k, v := range c.nodes {
		c.nodes[k] = maps.Clone(v)
	}
	for k, v := range c.edges {
		c.edges[k] = maps.Clone(v)
	}
	return c
}

func (e modelEdge) edge(attrs map[string]string) jitos.Edge {
	edge := jitos.Edge{From: e.From, Label: e.Label, To: e.To, Key: e.Key}
	if len(attrs) > 0 {
		edge.Attrs = values(attrs)
	}
	return edge
}

func values(fields map[string]string) map[string]any {
	v := map[string]any{}
	for k, f := range fields {
		v[k] = f
	}
	return v
}

func genFields(t *rapid.T) map[string]string {
	return rapid.MapOfN(rapid.SampledFrom([]string{"x", "y", "z"}), rapid.SampledFrom([]string{"1", "2", "3"}), 0, 3).Draw(t, "fields")
}

func genNodeID(t *rapid.T) jitos.NodeID {
	return jitos.NodeID{Kind: rapid.SampledFrom([]string{"a", "bb"}).Draw(t, "kind"), Name: rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "name")}
}

func sortedBy[K comparable, V any](m map[K]V) []K {
	keys := slices.Collect(maps.Keys(m))
	slices.SortFunc(keys, func(a, b K) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return keys
}

// edit changes a few things at random, and leaves no edge without its ends.
func (w warp) edit(t *rapid.T, most int) warp {
	w = w.clone()
	for range rapid.IntRange(0, most).Draw(t, "edits") {
		switch rapid.IntRange(0, 7).Draw(t, "edit") {
		case 0, 1, 2:
			w.nodes[genNodeID(t)] = genFields(t)
		case 3, 4:
			if ids := sortedBy(w.nodes); len(ids) > 0 {
				end := rapid.SampledFrom(ids)
				e := modelEdge{end.Draw(t, "from"), rapid.SampledFrom([]string{"l", "m"}).Draw(t, "label"), end.Draw(t, "to"), rapid.SampledFrom([]string{"", "k"}).Draw(t, "key")}
				w.edges[e] = genFields(t)
			}
		case 5:
			if ids := sortedBy(w.nodes); len(ids) > 0 {
				id := rapid.SampledFrom(ids).Draw(t, "drop")
				delete(w.nodes, id)
				maps.DeleteFunc(w.edges, func(e modelEdge, _ map[string]string) bool { return e.From == id || e.To == id })
			}
		case 6:
			if edges := sortedBy(w.edges); len(edges) > 0 {
				delete(w.edges, rapid.SampledFrom(edges).Draw(t, "drop edge"))
			}
		case 7:
			name := rapid.SampledFrom([]string{"policy.yaml", "methods/one.yaml"}).Draw(t, "file")
			if text := rapid.SampledFrom([]string{"", "a\n", "b\n"}).Draw(t, "text"); text != "" {
				w.conf[name] = text
			} else {
				delete(w.conf, name)
			}
		}
	}
	w.files = w.files.edit(t, "files")
	return w
}

// rewrite is the one that makes to of w.
func (w warp) rewrite(f *fabric, to warp) jitos.Rewrite {
	rw := jitos.Rewrite{Tree: f.files(to.files.files()), Fabric: map[string][]byte{}}
	for id, fields := range to.nodes {
		if old, ok := w.nodes[id]; !ok || !maps.Equal(old, fields) {
			rw.Set = append(rw.Set, jitos.Node{ID: id, Fields: values(fields)})
		}
	}
	for e, attrs := range to.edges {
		if old, ok := w.edges[e]; !ok || !maps.Equal(old, attrs) {
			rw.Edges = append(rw.Edges, e.edge(attrs))
		}
	}
	for id := range w.nodes {
		if _, ok := to.nodes[id]; !ok {
			rw.Drop = append(rw.Drop, id.Item())
		}
	}
	for e := range w.edges {
		if _, ok := to.edges[e]; !ok {
			rw.Drop = append(rw.Drop, e.edge(nil).Item())
		}
	}
	for name, text := range to.conf {
		if old, ok := w.conf[name]; !ok || old != text {
			rw.Fabric[name] = []byte(text)
		}
	}
	for name := range w.conf {
		if _, ok := to.conf[name]; !ok {
			rw.Fabric[name] = nil
		}
	}
	return rw
}

// readGraph reads a graph whole.
func readGraph(t testing.TB, g jitos.Graph) warp {
	t.Helper()
	ctx := context.Background()
	w := emptyWarp()
	text := func(fields map[string]any) map[string]string {
		out := map[string]string{}
		for k, v := range fields {
			out[k] = jitos.FieldText(v)
		}
		return out
	}
	for n, err := range g.Nodes(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		w.nodes[n.ID] = text(n.Fields)
	}
	for id := range w.nodes {
		for e, err := range g.Edges(ctx, id, "") {
			if err != nil {
				t.Fatal(err)
			}
			w.edges[modelEdge{e.From, e.Label, e.To, e.Key}] = text(e.Attrs)
		}
	}
	return w
}

// readWarp reads a snapshot whole.
func (f *fabric) readWarp(s jitos.Snapshot) warp {
	f.t.Helper()
	w := readGraph(f.t, s)
	for name, text := range readFiles(f.t, f.store.Objects, s.Tree()) {
		exec := strings.HasSuffix(name, "*")
		w.files[strings.TrimSuffix(name, "*")] = modelFile{text, exec}
	}
	conf, err := s.Fabric(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	for name, text := range conf {
		if name != "fabric.json" {
			w.conf[name] = string(text)
		}
	}
	return w
}

func equalWarps(a, b warp) bool { return reflect.DeepEqual(a, b) }
