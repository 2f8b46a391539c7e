package warpgit

import (
	"context"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/jitos/jitos"
)

// diffLeaves calls fn for each leaf in which two sharded directories differ; the absent one's hash is zero. Shards with equal
// hashes are not read, and a directory that was split or joined is compared by its leaves.
func (o *Objects) diffLeaves(ctx context.Context, a, b plumbing.Hash, fn func(name string, a, b plumbing.Hash) error) error {
	if a == b {
		return nil
	}
	left, err := o.Tree(ctx, a)
	if err != nil {
		return err
	}
	right, err := o.Tree(ctx, b)
	if err != nil {
		return err
	}
	if len(left) > 0 && len(right) > 0 && isSharded(left) != isSharded(right) {
		if left, err = o.allLeaves(ctx, a); err != nil {
			return err
		}
		if right, err = o.allLeaves(ctx, b); err != nil {
			return err
		}
	}
	return eachPair(left, right, func(name string, x, y object.TreeEntry) error {
		if isShard(x) || isShard(y) {
			return o.diffLeaves(ctx, x.Hash, y.Hash, fn)
		}
		return fn(name, x.Hash, y.Hash)
	})
}

func (o *Objects) allLeaves(ctx context.Context, dir plumbing.Hash) ([]object.TreeEntry, error) {
	var all []object.TreeEntry
	_, err := o.eachLeaf(ctx, dir, func(e object.TreeEntry) bool {
		all = append(all, e)
		return true
	})
	return all, err
}

// eachPair calls fn for each name that two lists of entries do not have in common, as it is in each: first those of a.
func eachPair(a, b []object.TreeEntry, fn func(name string, a, b object.TreeEntry) error) error {
	right := make(map[string]object.TreeEntry, len(b))
	for _, e := range b {
		right[e.Name] = e
	}
	for _, e := range a {
		other := right[e.Name]
		delete(right, e.Name)
		if e != other {
			if err := fn(e.Name, e, other); err != nil {
				return err
			}
		}
	}
	for _, e := range b {
		if _, ok := right[e.Name]; ok {
			if err := fn(e.Name, object.TreeEntry{}, e); err != nil {
				return err
			}
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
	left, err := o.Tree(ctx, a)
	if err != nil {
		return err
	}
	right, err := o.Tree(ctx, b)
	if err != nil {
		return err
	}
	return eachPair(left, right, func(name string, x, y object.TreeEntry) error { return fn(name, x.Hash, y.Hash) })
}
