package overlay

import (
	"context"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Names below .jitos/, as package warpgit lays them out.
const (
	fabricDir   = ".jitos"
	rewriteFile = "rewrite.json"
	fabricFile  = "fabric.json"
	nodesDir    = "nodes"
	edgesDir    = "edges"
	methodsDir  = "methods"
	leafSuffix  = ".json"
	fromSuffix  = ".e"
)

func entryOf(entries []object.TreeEntry, name string) plumbing.Hash {
	for _, e := range entries {
		if e.Name == name {
			return e.Hash
		}
	}
	return plumbing.ZeroHash
}

// itemDiff is an item in which two .jitos/ differ, with its bytes on both sides; the zero hash is none.
type itemDiff struct {
	item jitos.ItemID
	a, b plumbing.Hash
}

// differItems lists the items in which two trees .jitos/ differ, in order: nodes, edges and the fabric's own files, all but
// the record. It reads only directories whose hashes differ. The error Is jitos.ErrInvalid where something differs that is
// no item.
func differItems(ctx context.Context, objects Reader, a, b plumbing.Hash) ([]itemDiff, error) {
	if a == b {
		return nil, nil
	}
	w := itemWalk{objects: objects}
	if err := w.plain(ctx, pair{a, b}, w.top); err != nil {
		return nil, err
	}
	for _, d := range w.found {
		if _, err := d.item.Parse(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(w.found, func(x, y itemDiff) int { return strings.Compare(string(x.item), string(y.item)) })
	return paired(w.found), nil
}

// paired makes one difference of what went and came under one name, as a file and a directory do.
func paired(found []itemDiff) []itemDiff {
	out := found[:0]
	for _, d := range found {
		last := len(out) - 1
		switch {
		case last < 0 || out[last].item != d.item:
			out = append(out, d)
		case d.a.IsZero():
			out[last].b = d.b
		default:
			out[last].a = d.a
		}
	}
	return out
}

// pair are the two versions of an entry in a comparison, zero for none.
type pair struct{ a, b plumbing.Hash }

// visit is told of an entry whose versions differ.
type visit func(ctx context.Context, name string, v pair) error

// itemWalk is one comparison of two trees .jitos/ under way.
type itemWalk struct {
	objects Reader
	found   []itemDiff
}

func (w *itemWalk) top(ctx context.Context, name string, v pair) error {
	switch name {
	case rewriteFile:
		return nil
	case nodesDir:
		return w.plain(ctx, v, w.nodes)
	case edgesDir:
		return w.plain(ctx, v, w.edges)
	case methodsDir:
		return w.plain(ctx, v, func(_ context.Context, file string, v pair) error {
			return w.add(jitos.FabricItem(name+"/"+file), v)
		})
	}
	return w.add(jitos.FabricItem(name), v)
}

func (w *itemWalk) add(item jitos.ItemID, v pair) error {
	w.found = append(w.found, itemDiff{item, v.a, v.b})
	return nil
}

// nodes compares the nodes of a kind.
func (w *itemWalk) nodes(ctx context.Context, kind string, v pair) error {
	return w.sharded(ctx, v, func(_ context.Context, leaf string, v pair) error {
		return w.add(jitos.NodeID{Kind: kind, Name: strings.TrimSuffix(leaf, leafSuffix)}.Item(), v)
	})
}

// edges compares the edges that leave the nodes of a kind.
func (w *itemWalk) edges(ctx context.Context, kind string, v pair) error {
	return w.sharded(ctx, v, func(ctx context.Context, leaf string, v pair) error {
		from := jitos.NodeID{Kind: kind, Name: strings.TrimSuffix(leaf, fromSuffix)}
		return w.plain(ctx, v, func(ctx context.Context, label string, v pair) error {
			return w.sharded(ctx, v, func(_ context.Context, leaf string, v pair) error {
				return w.add(jitos.ItemID(from.String()+"#"+label+"/"+strings.TrimSuffix(leaf, leafSuffix)), v)
			})
		})
	})
}

// plain visits the entries in which two directories differ. Equal ones are not visited, so not read either.
func (w *itemWalk) plain(ctx context.Context, v pair, visit visit) error {
	a, err := w.objects.Tree(ctx, v.a)
	if err != nil {
		return err
	}
	b, err := w.objects.Tree(ctx, v.b)
	if err != nil {
		return err
	}
	return visitDiffering(ctx, a, b, visit)
}

// sharded visits the leaves in which two sharded directories differ. Which way a directory is split follows from its leaves
// alone, so two versions may be split differently: shards that both have are compared one by one, and where only one of them
// has shards, all leaves below it stand for it. That reads more than what differs, but then nearly all of it does: one side
// has 32 leaves or fewer and the other more.
func (w *itemWalk) sharded(ctx context.Context, v pair, visit visit) error {
	a, err := w.objects.Tree(ctx, v.a)
	if err != nil {
		return err
	}
	b, err := w.objects.Tree(ctx, v.b)
	if err != nil {
		return err
	}
	if isSharded(a) && isSharded(b) {
		return visitDiffering(ctx, a, b, func(ctx context.Context, _ string, v pair) error { return w.sharded(ctx, v, visit) })
	}
	for _, side := range []*[]object.TreeEntry{&a, &b} {
		if !isSharded(*side) {
			continue
		}
		if *side, err = w.leaves(ctx, *side); err != nil {
			return err
		}
		slices.SortFunc(*side, func(x, y object.TreeEntry) int { return strings.Compare(sortName(x), sortName(y)) })
	}
	return visitDiffering(ctx, a, b, visit)
}

// isSharded tells whether a directory's entries are shards, named by one hex digit where every leaf has an extension.
func isSharded(entries []object.TreeEntry) bool {
	return len(entries) > 0 && len(entries[0].Name) == 1 && entries[0].Mode == filemode.Dir
}

// leaves lists what stands below the entries of a sharded directory.
func (w *itemWalk) leaves(ctx context.Context, entries []object.TreeEntry) ([]object.TreeEntry, error) {
	if !isSharded(entries) {
		return entries, nil
	}
	var all []object.TreeEntry
	for _, e := range entries {
		below, err := w.objects.Tree(ctx, e.Hash)
		if err != nil {
			return nil, err
		}
		if below, err = w.leaves(ctx, below); err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return all, nil
}

// visitDiffering visits what two directories, whose entries are in git's order, do not have in common.
func visitDiffering(ctx context.Context, a, b []object.TreeEntry, visit visit) error {
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		case a[0].Name != b[0].Name:
			order = strings.Compare(sortName(a[0]), sortName(b[0]))
		}
		var name string
		var v pair
		if order <= 0 {
			name, v.a, a = a[0].Name, a[0].Hash, a[1:]
		}
		if order >= 0 {
			name, v.b, b = b[0].Name, b[0].Hash, b[1:]
		}
		if v.a == v.b {
			continue
		}
		if err := visit(ctx, name, v); err != nil {
			return err
		}
	}
	return nil
}

// sortName is what git orders an entry by.
func sortName(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}
