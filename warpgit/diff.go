package warpgit

import (
	"context"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// diffLeaves calls fn for each leaf in which two sharded directories differ; the absent one's hash is zero. Shards with equal
// hashes are not read, and a directory that was split or joined is compared by its leaves.
func (o *Objects) diffLeaves(ctx context.Context, a, b plumbing.Hash, fn func(name string, a, b plumbing.Hash) error) error {
	if a == b {
		return nil
	}
	left, err := o.tree(ctx, a)
	if err != nil {
		return err
	}
	right, err := o.tree(ctx, b)
	if err != nil {
		return err
	}
	if len(left) > 0 && len(right) > 0 && left.isSharded() != right.isSharded() {
		if left, err = o.allLeaves(ctx, a); err != nil {
			return err
		}
		if right, err = o.allLeaves(ctx, b); err != nil {
			return err
		}
	}
	return eachPair(left, right, func(x, y entry) error {
		if x.isShard() || y.isShard() {
			return o.diffLeaves(ctx, x.id, y.id, fn)
		}
		return fn(either(x, y), x.id, y.id)
	})
}

// allLeaves returns the leaves of a sharded directory as if it were one tree.
func (o *Objects) allLeaves(ctx context.Context, dir plumbing.Hash) (tree, error) {
	var all []object.TreeEntry
	err := o.eachLeaves(ctx, dir, func(t tree) error {
		all = append(all, t.entries()...)
		return nil
	})
	return encodeTree(sortedTree(all)), err
}

func either(x, y entry) string {
	if x.name != nil {
		return string(x.name)
	}
	return string(y.name)
}

// eachPair calls fn for each entry that two trees do not have in common, as it is in each: the absent one is zero. A file and a
// directory of one name are no pair.
func eachPair(a, b tree, fn func(a, b entry) error) error {
	for len(a) > 0 || len(b) > 0 {
		var x, y entry
		restA, restB := a, b
		if len(a) > 0 {
			x, restA = a.next()
		}
		if len(b) > 0 {
			y, restB = b.next()
		}
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		default:
			order = compareNames(x.name, x.isDir(), y.name, y.isDir())
		}
		if order <= 0 {
			a = restA
		} else {
			x = entry{}
		}
		if order >= 0 {
			b = restB
		} else {
			y = entry{}
		}
		if order == 0 && x.id == y.id && x.mode == y.mode {
			continue
		}
		if err := fn(x, y); err != nil {
			return err
		}
	}
	return nil
}

// diffEdges calls fn for each edge in which two edges/ trees differ.
func (o *Objects) diffEdges(ctx context.Context, a, b plumbing.Hash, fn func(p jitos.ItemParts, a, b plumbing.Hash) error) error {
	return o.diffDirs(ctx, a, b, func(kind string, a, b plumbing.Hash) error {
		return o.diffLeaves(ctx, a, b, func(from string, a, b plumbing.Hash) error {
			id := jitos.NodeID{Kind: kind, Name: strings.TrimSuffix(from, ".e")}
			return o.diffDirs(ctx, a, b, func(label string, a, b plumbing.Hash) error {
				return o.diffLeaves(ctx, a, b, func(edge string, a, b plumbing.Hash) error {
					return fn(jitos.ItemParts{Node: id, Label: label, Edge: strings.TrimSuffix(edge, ".json")}, a, b)
				})
			})
		})
	})
}

// diffDirs calls fn for each entry in which two directories differ that are not sharded.
func (o *Objects) diffDirs(ctx context.Context, a, b plumbing.Hash, fn func(name string, a, b plumbing.Hash) error) error {
	if a == b {
		return nil
	}
	left, err := o.tree(ctx, a)
	if err != nil {
		return err
	}
	right, err := o.tree(ctx, b)
	if err != nil {
		return err
	}
	return eachPair(left, right, func(x, y entry) error { return fn(either(x, y), x.id, y.id) })
}
