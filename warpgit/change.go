package warpgit

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// change is a rewrite's effect on .jitos/: items by their new blobs. Append makes one of a rewrite, Verify of a record; so
// what is written and what is replayed cannot differ.
type change struct {
	set    []itemBlob // by item, each once
	drop   []jitos.ItemID
	record plumbing.Hash // the new rewrite.json
}

// itemBlob is an item and what it is set to.
type itemBlob struct {
	item jitos.ItemID
	blob plumbing.Hash
	to   jitos.NodeID // of an edge that was just encoded; else its blob tells
}

// sort brings what is set into order, and refuses one item with two values.
func (c *change) sort() error {
	slices.SortStableFunc(c.set, func(a, b itemBlob) int { return strings.Compare(string(a.item), string(b.item)) })
	once := c.set[:0]
	for _, s := range c.set {
		if n := len(once); n > 0 && once[n-1].item == s.item {
			if once[n-1].blob != s.blob {
				return fmt.Errorf("item %s: %w: set twice in one rewrite", s.item, jitos.ErrInvalid)
			}
			continue
		}
		once = append(once, s)
	}
	c.set = once
	return nil
}

func (c change) sets(item jitos.ItemID) bool {
	_, found := slices.BinarySearchFunc(c.set, item, func(b itemBlob, item jitos.ItemID) int { return strings.Compare(string(b.item), string(item)) })
	return found
}

// plan is a change sorted by the directories that it touches.
type plan struct {
	nodes   []kindChange
	edges   map[jitos.NodeID]map[string][]leafChange // by source and label
	methods []leafChange
	files   []leafChange // directly below .jitos/
	added   []newEdge
	removed []jitos.NodeID
}

// newEdge is an edge that a change sets; to is the zero id where that is still to be read.
type newEdge struct {
	parts jitos.ItemParts
	to    jitos.NodeID
}

// kindChange is what changes of one kind.
type kindChange struct {
	kind   string
	leaves []leafChange
}

// inKind adds a change to those of a kind, of which a rewrite has few.
func inKind(list []kindChange, kind string, c leafChange) []kindChange {
	for i := range list {
		if list[i].kind == kind {
			list[i].leaves = append(list[i].leaves, c)
			return list
		}
	}
	return append(list, kindChange{kind, []leafChange{c}})
}

func (p *plan) add(parts jitos.ItemParts, blob plumbing.Hash) {
	e := leafChange{Mode: filemode.Regular, Hash: blob}
	switch {
	case parts.File != "" && path.Dir(parts.File) == methodsDir:
		e.Name = path.Base(parts.File)
		p.methods = append(p.methods, e)
	case parts.File != "":
		e.Name = parts.File
		p.files = append(p.files, e)
	case parts.Label == "":
		e.Name = nodeLeaf(parts.Node.Name)
		p.nodes = inKind(p.nodes, parts.Node.Kind, e)
	default:
		e.Name = edgeLeaf(parts.Edge)
		labels := p.edges[parts.Node]
		if labels == nil {
			labels = map[string][]leafChange{}
			p.edges[parts.Node] = labels
		}
		labels[parts.Label] = append(labels[parts.Label], e)
	}
}

// change applies to a .jitos/ tree and returns the new one. It reads only what it touches. The error Is jitos.ErrInvalid
// where something to drop is not there, or where an edge would be left without one of its ends.
func (o *Objects) change(ctx context.Context, fabric plumbing.Hash, c change) (plumbing.Hash, error) {
	p, err := o.sortChange(ctx, fabric, c)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	before, err := o.tree(ctx, fabric)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	changes := p.files
	set := func(name string, apply func(old plumbing.Hash) (plumbing.Hash, error)) {
		old, _ := before.find(name)
		id, failed := apply(old.id)
		if failed != nil {
			err = failed
		} else if id != old.id {
			changes = append(changes, leafChange{Name: name, Mode: filemode.Dir, Hash: id})
		}
	}
	set(nodesDir, func(old plumbing.Hash) (plumbing.Hash, error) { return o.changeNodes(ctx, old, p.nodes) })
	set(edgesDir, func(old plumbing.Hash) (plumbing.Hash, error) { return o.changeEdges(ctx, old, p.edges) })
	set(methodsDir, func(old plumbing.Hash) (plumbing.Hash, error) { return o.changeDir(ctx, old, p.methods) })
	if err != nil {
		return plumbing.ZeroHash, err
	}
	id, err := o.changeDir(ctx, fabric, changes)
	if err == nil && id.IsZero() {
		err = fmt.Errorf("%s: %w: it would be empty", fabricDir, jitos.ErrInvalid)
	}
	if err != nil {
		return id, err
	}
	return id, o.checkEnds(ctx, id, p, c)
}

func (o *Objects) sortChange(ctx context.Context, fabric plumbing.Hash, c change) (*plan, error) {
	p := &plan{edges: map[jitos.NodeID]map[string][]leafChange{}}
	for _, s := range c.set {
		parts, err := s.item.Parse()
		if err != nil {
			return nil, err
		}
		if parts.Label != "" {
			p.added = append(p.added, newEdge{parts, s.to})
		}
		p.add(parts, s.blob)
	}
	if !c.record.IsZero() {
		p.files = append(p.files, leafChange{Name: rewriteFile, Mode: filemode.Regular, Hash: c.record})
	}
	if len(c.drop) == 0 {
		return p, nil
	}
	seen := map[jitos.ItemID]bool{}
	for _, item := range c.drop {
		parts, err := item.Parse()
		if err != nil {
			return nil, err
		}
		if c.sets(item) || seen[item] {
			return nil, fmt.Errorf("item %s: %w: named twice in one rewrite", item, jitos.ErrInvalid)
		}
		seen[item] = true
		old, err := o.item(ctx, fabric, parts)
		if err != nil {
			return nil, err
		}
		if old.IsZero() {
			return nil, fmt.Errorf("drop %s: %w: it is not there", item, jitos.ErrInvalid)
		}
		if parts.File == fabricFile {
			return nil, fmt.Errorf("drop %s: %w: no fabric is without it", item, jitos.ErrInvalid)
		}
		if parts.File == "" && parts.Label == "" {
			p.removed = append(p.removed, parts.Node)
		}
		p.add(parts, plumbing.ZeroHash)
	}
	return p, nil
}

func (o *Objects) changeNodes(ctx context.Context, nodes plumbing.Hash, kinds []kindChange) (plumbing.Hash, error) {
	if len(kinds) == 0 {
		return nodes, nil
	}
	var room [4]leafChange
	dirs := room[:0]
	for _, k := range kinds {
		old, err := o.child(ctx, nodes, k.kind)
		if err != nil {
			return old, err
		}
		id, err := o.updateLeaves(ctx, old, k.leaves)
		if err != nil {
			return id, err
		}
		dirs = append(dirs, leafChange{Name: k.kind, Mode: filemode.Dir, Hash: id})
	}
	return o.changeDir(ctx, nodes, dirs)
}

func (o *Objects) changeEdges(ctx context.Context, edges plumbing.Hash, sources map[jitos.NodeID]map[string][]leafChange) (plumbing.Hash, error) {
	var kinds []kindChange
	for from, labels := range sources {
		kind, err := o.child(ctx, edges, from.Kind)
		if err != nil {
			return kind, err
		}
		old, _, err := o.leaf(ctx, kind, fromLeaf(from.Name))
		if err != nil {
			return kind, err
		}
		var dirs []leafChange
		for label, leaves := range labels {
			was, err := o.child(ctx, old.id, label)
			if err != nil {
				return was, err
			}
			id, err := o.updateLeaves(ctx, was, leaves)
			if err != nil {
				return id, err
			}
			dirs = append(dirs, leafChange{Name: label, Mode: filemode.Dir, Hash: id})
		}
		id, err := o.changeDir(ctx, old.id, dirs)
		if err != nil {
			return id, err
		}
		kinds = inKind(kinds, from.Kind, leafChange{Name: fromLeaf(from.Name), Mode: filemode.Dir, Hash: id})
	}
	return o.changeNodes(ctx, edges, kinds)
}

// changeDir applies changes to a directory that is not sharded; an empty one vanishes.
func (o *Objects) changeDir(ctx context.Context, dir plumbing.Hash, changes []leafChange) (plumbing.Hash, error) {
	if len(changes) == 0 {
		return dir, nil
	}
	t, err := o.tree(ctx, dir)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	slices.SortFunc(changes, compareEntries)
	size := len(t)
	for _, c := range changes {
		size += entrySize(len(c.Name))
	}
	after := t.with(o.take(size), changes...)
	if len(after) == 0 {
		return plumbing.ZeroHash, nil
	}
	return o.putOwn(plumbing.TreeObject, after, dir)
}

// checkEnds refuses a graph with an edge that hangs in the air: the ends of each new edge are looked up, and a node that goes
// may not leave edges of its own behind. That nothing else points to it is checked where the index is at hand.
func (o *Objects) checkEnds(ctx context.Context, fabric plumbing.Hash, p *plan, c change) error {
	there := map[jitos.NodeID]bool{}
	for _, e := range p.added {
		to := e.to
		if to == (jitos.NodeID{}) {
			var err error
			if to, err = o.edgeEnd(ctx, fabric, e.parts); err != nil {
				return err
			}
		}
		for _, end := range []jitos.NodeID{e.parts.Node, to} {
			if there[end] || c.sets(end.Item()) {
				continue
			}
			node, err := o.item(ctx, fabric, jitos.ItemParts{Node: end})
			if err != nil {
				return err
			}
			if node.IsZero() {
				item := jitos.ItemID(e.parts.Node.String() + "#" + e.parts.Label + "/" + e.parts.Edge)
				return fmt.Errorf("edge %s to %s: %w: there is no node %s", item, to, jitos.ErrInvalid, end)
			}
			there[end] = true
		}
	}
	for _, id := range p.removed {
		left, err := o.edgesOf(ctx, fabric, id)
		if err != nil {
			return err
		}
		if !left.IsZero() {
			return fmt.Errorf("drop %s: %w: edges still leave it", id, jitos.ErrInvalid)
		}
	}
	return nil
}

// edgeEnd reads where an edge leads to.
func (o *Objects) edgeEnd(ctx context.Context, fabric plumbing.Hash, parts jitos.ItemParts) (jitos.NodeID, error) {
	blob, err := o.item(ctx, fabric, parts)
	if err != nil {
		return jitos.NodeID{}, err
	}
	data, err := o.Blob(ctx, blob)
	if err != nil {
		return jitos.NodeID{}, err
	}
	e, err := decodeEdge(parts.Node, parts.Label, parts.Edge, data)
	return e.To, err
}
