package overlay

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// View shows a graph as it would be after rewrites that nobody has committed: for previews, and to check what a rewrite rests
// on before it is written. The rewrites are applied in order, each as if it were submitted; what View shows of one that a
// store would refuse (an edge without its ends, an item set and dropped at once) is not defined. Their files are not shown: a
// graph has none.
//
// A view yields what the base has in the base's order, and then what is new in order of ids. It keeps what the rewrites
// change and reads the rest through; it is safe for concurrent use.
func View(base jitos.Graph, rewrites ...jitos.Rewrite) (jitos.Graph, error) {
	v := &view{base: base, nodes: map[jitos.NodeID]*jitos.Node{}, edges: map[jitos.NodeID]map[jitos.ItemID]*jitos.Edge{},
		blobs: map[jitos.ItemID]jitos.BlobID{}}
	for _, rw := range rewrites {
		if err := v.apply(rw); err != nil {
			return nil, fmt.Errorf("view: %w", err)
		}
	}
	return v, nil
}

// view is what rewrites change of a base: a nil node or edge was dropped.
type view struct {
	base  jitos.Graph
	nodes map[jitos.NodeID]*jitos.Node
	edges map[jitos.NodeID]map[jitos.ItemID]*jitos.Edge // by source
	blobs map[jitos.ItemID]jitos.BlobID                 // "" for what was dropped
}

func (v *view) apply(rw jitos.Rewrite) error {
	for _, n := range rw.Set {
		fields := n.Fields
		if fields == nil {
			fields = map[string]any{}
		}
		fields, err := v.put(n.ID.Item(), fields)
		if err != nil {
			return err
		}
		v.nodes[n.ID] = &jitos.Node{ID: n.ID, Fields: fields}
	}
	for _, e := range rw.Edges {
		fields, err := v.put(e.Item(), edgeFields(e))
		if err != nil {
			return err
		}
		written, err := edgeOf(e.Item(), fields)
		if err != nil {
			return err
		}
		v.edgesOf(e.From)[e.Item()] = &written
	}
	for name, data := range rw.Fabric {
		v.blobs[jitos.FabricItem(name)] = ""
		if data != nil {
			v.blobs[jitos.FabricItem(name)] = blobID(data)
		}
	}
	for _, item := range rw.Drop {
		p, err := item.Parse()
		if err != nil {
			return err
		}
		v.blobs[item] = ""
		switch {
		case p.Label != "":
			v.edgesOf(p.Node)[item] = nil
		case p.File == "":
			v.nodes[p.Node] = nil
		}
	}
	return nil
}

// put remembers the bytes that an item would have, and returns its fields as they would be read from them.
func (v *view) put(item jitos.ItemID, fields map[string]any) (map[string]any, error) {
	data, err := jitos.Canonical(fields)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", item, err)
	}
	v.blobs[item] = blobID(data)
	return jitos.DecodeFields(data)
}

func blobID(data []byte) jitos.BlobID {
	return jitos.BlobID(plumbing.ComputeHash(plumbing.BlobObject, data).String())
}

func (v *view) edgesOf(from jitos.NodeID) map[jitos.ItemID]*jitos.Edge {
	if v.edges[from] == nil {
		v.edges[from] = map[jitos.ItemID]*jitos.Edge{}
	}
	return v.edges[from]
}

// Node implements jitos.Graph.
func (v *view) Node(ctx context.Context, id jitos.NodeID) (jitos.Node, error) {
	n, known := v.nodes[id]
	switch {
	case !known:
		return v.base.Node(ctx, id)
	case n == nil:
		return jitos.Node{}, fmt.Errorf("node %s: %w", id, jitos.ErrNotFound)
	}
	return *n, nil
}

// Nodes implements jitos.Graph.
func (v *view) Nodes(ctx context.Context, kind string) iter.Seq2[jitos.Node, error] {
	var changed []jitos.NodeID
	for id := range v.nodes {
		if kind == "" || id.Kind == kind {
			changed = append(changed, id)
		}
	}
	slices.SortFunc(changed, func(a, b jitos.NodeID) int { return cmp.Compare(a.String(), b.String()) })
	return through(v.base.Nodes(ctx, kind), changed, v.nodes, func(n jitos.Node) jitos.NodeID { return n.ID })
}

// Edges implements jitos.Graph.
func (v *view) Edges(ctx context.Context, from jitos.NodeID, label string) iter.Seq2[jitos.Edge, error] {
	var changed []jitos.ItemID
	for item := range v.edges[from] {
		if p, err := item.Parse(); err == nil && (label == "" || p.Label == label) {
			changed = append(changed, item)
		}
	}
	slices.Sort(changed)
	return through(v.base.Edges(ctx, from, label), changed, v.edges[from], jitos.Edge.Item)
}

// Blob implements jitos.Graph.
func (v *view) Blob(ctx context.Context, item jitos.ItemID) (jitos.BlobID, error) {
	if blob, known := v.blobs[item]; known {
		return blob, nil
	}
	return v.base.Blob(ctx, item)
}

// through yields what a base yields with the changes of a view: replaced where it stands, left out, or added at the end.
func through[T any, K comparable](base iter.Seq2[T, error], order []K, changes map[K]*T, key func(T) K) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		seen := map[K]bool{}
		for t, err := range base {
			if err != nil {
				yield(t, err)
				return
			}
			now, changed := changes[key(t)]
			seen[key(t)] = true
			if changed && now == nil {
				continue
			}
			if changed {
				t = *now
			}
			if !yield(t, nil) {
				return
			}
		}
		for _, k := range order {
			if now := changes[k]; now != nil && !seen[k] && !yield(*now, nil) {
				return
			}
		}
	}
}
