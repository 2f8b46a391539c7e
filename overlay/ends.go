package overlay

import (
	"context"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// ends finds edges that would hang in the air: one side made or changed them, the other deleted a node at one end.
func (g *graphMerge) ends(ctx context.Context) error {
	there := map[jitos.NodeID]bool{}
	for _, n := range g.rw.Set {
		there[n.ID] = true
	}
	for _, e := range g.rw.Edges {
		for _, end := range []jitos.NodeID{e.From, e.To} {
			if _, known := there[end]; !known {
				blob, err := g.at.ours.Blob(ctx, end.Item())
				if err != nil {
					return err
				}
				there[end] = blob != ""
			}
			if !there[end] {
				g.dangling(e, end, "ours")
			}
		}
	}
	if len(g.deleted) == 0 {
		return nil
	}
	return g.newEdges(ctx)
}

// newEdges finds the edges that ours made or changed since the base at nodes that theirs deleted.
func (g *graphMerge) newEdges(ctx context.Context) error {
	diff, err := differItems(ctx, g.objects, g.fabric.base, g.fabric.ours)
	if err != nil {
		return err
	}
	for _, d := range diff {
		p, err := d.item.Parse()
		if err != nil {
			return err
		}
		if p.Label == "" || d.b.IsZero() {
			continue
		}
		e, err := g.edge(ctx, d.item, d.b)
		if err != nil {
			return err
		}
		for _, end := range []jitos.NodeID{e.From, e.To} {
			if g.deleted[end] {
				g.dangling(e, end, "theirs")
			}
		}
	}
	return nil
}

func (g *graphMerge) edge(ctx context.Context, item jitos.ItemID, blob plumbing.Hash) (jitos.Edge, error) {
	data, err := g.objects.Blob(ctx, blob)
	if err != nil {
		return jitos.Edge{}, err
	}
	fields, err := jitos.DecodeFields(data)
	if err != nil {
		return jitos.Edge{}, fmt.Errorf("%s: %w", item, err)
	}
	return edgeOf(item, fields)
}

// dangling notes an edge without its end.
func (g *graphMerge) dangling(e jitos.Edge, end jitos.NodeID, side string) {
	why := fmt.Sprintf("an edge %s of %s, which %s deleted", e.Label, end, side)
	g.clashes = append(g.clashes, clash{Conflict: jitos.Conflict{Item: e.Item(), Why: why}, also: end.Item()})
}
