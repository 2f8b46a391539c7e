package warpgit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// A sharded directory keeps any number of leaves so that finding or changing one costs a few small trees. Its shape follows
// from its leaves alone, whatever the order in which they came and went:
//
//   - up to 32 leaves stand in the directory itself
//   - of more, each stands in the sub-directory named by the next hex digit of SHA-256(leaf name), and so on
//
// Shards are told from leaves by their names: one hex digit, where every leaf has an extension.
const maxLeaves = 32

const hexDigits = "0123456789abcdef"

// shardPath is where a leaf stands: a hex digit a depth.
type shardPath [sha256.Size]byte

func pathOf(leaf string) shardPath { return sha256.Sum256([]byte(leaf)) }

const maxDepth = 2 * sha256.Size

func (p *shardPath) nibble(depth int) int {
	b := p[depth/2]
	if depth%2 == 0 {
		b >>= 4
	}
	return int(b & 15)
}

// name is the name of the shard that a leaf stands in.
func (p *shardPath) name(depth int) string {
	n := p.nibble(depth)
	return hexDigits[n : n+1]
}

func (e entry) isShard() bool { return len(e.name) == 1 && e.isDir() }

// isSharded tells whether a directory's entries are shards. An empty one's are not.
func (t tree) isSharded() bool {
	if len(t) == 0 {
		return false
	}
	e, _ := t.next()
	return e.isShard()
}

func endless(dir plumbing.Hash) error {
	return fmt.Errorf("directory %s: %w: shards without end", dir, jitos.ErrCorrupt)
}

// leaf finds one leaf of a sharded directory.
func (o *Objects) leaf(ctx context.Context, dir plumbing.Hash, name string) (entry, bool, error) {
	var path shardPath
	for depth := 0; depth < maxDepth; depth++ {
		t, err := o.tree(ctx, dir)
		if err != nil {
			return entry{}, false, err
		}
		if !t.isSharded() {
			e, ok := t.find(name)
			return e, ok, nil
		}
		if depth == 0 {
			path = pathOf(name)
		}
		shard, ok := t.find(path.name(depth))
		if !ok {
			return entry{}, false, nil
		}
		dir = shard.id
	}
	return entry{}, false, endless(dir)
}

// eachLeaves calls fn for the directories of leaves below a sharded one, in the order of the shards, until it gives an error.
func (o *Objects) eachLeaves(ctx context.Context, dir plumbing.Hash, fn func(tree) error) error {
	return o.eachLeavesBelow(ctx, dir, 0, fn)
}

func (o *Objects) eachLeavesBelow(ctx context.Context, dir plumbing.Hash, depth int, fn func(tree) error) error {
	read := o.tree
	if depth > 1 { // these are many: kept, they would only drive others out
		read = o.passTree
	}
	t, err := read(ctx, dir)
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return endless(dir)
	}
	if !t.isSharded() {
		return fn(t)
	}
	for len(t) > 0 {
		var e entry
		e, t = t.next()
		if err := o.eachLeavesBelow(ctx, e.id, depth+1, fn); err != nil {
			return err
		}
	}
	return nil
}

// leafChange sets a leaf, or takes it out where Hash is zero.
type leafChange = object.TreeEntry

// updateLeaves applies changes, no two of one name, to a sharded directory and returns its new hash, zero where it became
// empty. It reads and writes only the shards on the way to the changes, and where leaves went, such siblings as decide
// whether the shards are joined.
func (o *Objects) updateLeaves(ctx context.Context, dir plumbing.Hash, changes []leafChange) (plumbing.Hash, error) {
	return o.updateShard(ctx, dir, 0, pathsOf(changes))
}

// placedLeaf is a change with its place.
type placedLeaf struct {
	leafChange
	path shardPath
}

func pathsOf(changes []leafChange) []placedLeaf {
	out := make([]placedLeaf, len(changes))
	for i, c := range changes {
		out[i] = placedLeaf{c, pathOf(c.Name)}
	}
	slices.SortFunc(out, func(a, b placedLeaf) int { return compareEntries(a.leafChange, b.leafChange) })
	return out
}

func (o *Objects) updateShard(ctx context.Context, dir plumbing.Hash, depth int, changes []placedLeaf) (plumbing.Hash, error) {
	if depth >= maxDepth {
		return plumbing.ZeroHash, endless(dir)
	}
	t, err := o.tree(ctx, dir)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if !t.isSharded() {
		return o.buildLeaves(o.edited(t, changes), depth, dir)
	}
	var room [2]leafChange
	shards := room[:0]
	shrank := false
	for n, part := range byNibble(changes, depth) {
		if len(part) == 0 {
			continue
		}
		for _, c := range part {
			shrank = shrank || c.Hash.IsZero()
		}
		name := hexDigits[n : n+1]
		old, _ := t.find(name)
		id, err := o.updateShard(ctx, old.id, depth+1, part)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if id != old.id {
			shards = append(shards, leafChange{Name: name, Mode: filemode.Dir, Hash: id})
		}
	}
	after := t.with(o.take(len(t)+len(shards)*entrySize(1)), shards...)
	if shrank {
		few, err := o.fewLeaves(ctx, after)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if few != nil {
			return o.buildLeaves(encodeTree(sortedTree(few)), depth, dir)
		}
	}
	return o.putOwn(plumbing.TreeObject, after, dir)
}

// entrySize is at most how many bytes an entry with a name of a length has.
func entrySize(name int) int { return len("100644 ") + name + 21 }

// edited applies changes to the leaves of one directory.
func (o *Objects) edited(t tree, changes []placedLeaf) tree {
	size := len(t)
	plain := make([]leafChange, len(changes))
	for i, c := range changes {
		plain[i] = c.leafChange
		size += entrySize(len(c.Name))
	}
	return t.with(o.take(size), plain...)
}

// fewLeaves returns the leaves below shards when they are so few that they belong together, nil when they are too many.
func (o *Objects) fewLeaves(ctx context.Context, shards tree) ([]leafChange, error) {
	few := []leafChange{}
	for len(shards) > 0 {
		var s entry
		s, shards = shards.next()
		t, err := o.tree(ctx, s.id)
		if err != nil {
			return nil, err
		}
		if t.isSharded() || len(few)+t.count(maxLeaves+1) > maxLeaves {
			return nil, nil
		}
		few = append(few, t.entries()...)
	}
	return few, nil
}

// buildLeaves writes leaves as a sharded directory at a depth, in the place of a former one.
func (o *Objects) buildLeaves(leaves tree, depth int, former plumbing.Hash) (plumbing.Hash, error) {
	if len(leaves) == 0 {
		return plumbing.ZeroHash, nil
	}
	if leaves.count(maxLeaves+1) <= maxLeaves {
		return o.putOwn(plumbing.TreeObject, leaves, former)
	}
	return o.splitLeaves(pathsOf(leaves.entries()), depth)
}

func (o *Objects) splitLeaves(leaves []placedLeaf, depth int) (plumbing.Hash, error) {
	if depth >= maxDepth {
		return plumbing.ZeroHash, endless(plumbing.ZeroHash)
	}
	if len(leaves) <= maxLeaves {
		return o.putOwn(plumbing.TreeObject, o.edited(nil, leaves), plumbing.ZeroHash)
	}
	var shards tree
	for n, part := range byNibble(leaves, depth) {
		if len(part) == 0 {
			continue
		}
		id, err := o.splitLeaves(part, depth+1)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		shards = appendEntry(shards, filemode.Dir, hexDigits[n:n+1], id)
	}
	return o.putOwn(plumbing.TreeObject, shards, plumbing.ZeroHash)
}

// byNibble sorts leaves by the shard that they stand in; within one they stay in order.
func byNibble(leaves []placedLeaf, depth int) [16][]placedLeaf {
	var parts [16][]placedLeaf
	if len(leaves) == 1 {
		parts[leaves[0].path.nibble(depth)] = leaves
		return parts
	}
	for _, l := range leaves {
		n := l.path.nibble(depth)
		parts[n] = append(parts[n], l)
	}
	return parts
}
