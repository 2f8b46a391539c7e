package warpgit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/jitos/jitos"
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

// nibble is the hex digit of a leaf's name at a depth, 0 for the first.
func nibble(leaf string, depth int) byte {
	sum := sha256.Sum256([]byte(leaf))
	b := sum[depth/2]
	if depth%2 == 0 {
		b >>= 4
	}
	return b & 15
}

func isShard(e object.TreeEntry) bool {
	return len(e.Name) == 1 && e.Mode == filemode.Dir
}

// isSharded tells whether a directory's entries are shards. An empty one's are not.
func isSharded(entries []object.TreeEntry) bool { return len(entries) > 0 && isShard(entries[0]) }

// leaf finds one leaf of a sharded directory.
func (o *Objects) leaf(ctx context.Context, dir plumbing.Hash, name string) (object.TreeEntry, bool, error) {
	for depth := 0; depth < 2*sha256.Size; depth++ {
		entries, err := o.Tree(ctx, dir)
		if err != nil {
			return object.TreeEntry{}, false, err
		}
		if !isSharded(entries) {
			e, ok := find(entries, name)
			return e, ok, nil
		}
		shard, ok := find(entries, hexDigits[nibble(name, depth):][:1])
		if !ok {
			return object.TreeEntry{}, false, nil
		}
		dir = shard.Hash
	}
	return object.TreeEntry{}, false, fmt.Errorf("directory %s: %w: shards without end", dir, jitos.ErrCorrupt)
}

// eachLeaf calls fn for every leaf, in the order of the shards and then of the names. It stops when fn says false.
func (o *Objects) eachLeaf(ctx context.Context, dir plumbing.Hash, fn func(object.TreeEntry) bool) (bool, error) {
	entries, err := o.Tree(ctx, dir)
	if err != nil {
		return false, err
	}
	sharded := isSharded(entries)
	for _, e := range entries {
		if !sharded {
			if !fn(e) {
				return false, nil
			}
			continue
		}
		if more, err := o.eachLeaf(ctx, e.Hash, fn); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// leafChange sets a leaf, or takes it out where Hash is zero.
type leafChange = object.TreeEntry

// updateLeaves applies changes, no two of one name, to a sharded directory and returns its new hash, zero where it became
// empty. It reads and writes only the shards on the way to the changes, and where leaves went, such siblings as decide
// whether the shards are joined.
func (o *Objects) updateLeaves(ctx context.Context, dir plumbing.Hash, depth int, changes []leafChange) (plumbing.Hash, error) {
	if depth >= 2*sha256.Size {
		return plumbing.ZeroHash, fmt.Errorf("directory %s: %w: shards without end", dir, jitos.ErrCorrupt)
	}
	entries, err := o.Tree(ctx, dir)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if !isSharded(entries) {
		return o.buildLeaves(mergeLeaves(entries, changes), depth)
	}
	shards := append([]object.TreeEntry(nil), entries...)
	shrank := false
	for n, part := range byNibble(changes, depth) {
		if len(part) == 0 {
			continue
		}
		for _, c := range part {
			shrank = shrank || c.Hash.IsZero()
		}
		name := hexDigits[n : n+1]
		old, _ := find(shards, name)
		id, err := o.updateLeaves(ctx, old.Hash, depth+1, part)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if id != old.Hash {
			shards = with(shards, name, filemode.Dir, id)
		}
	}
	if shrank {
		few, err := o.fewLeaves(ctx, shards)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if few != nil {
			return o.buildLeaves(few, depth)
		}
	}
	return o.PutTree(shards)
}

// fewLeaves returns the leaves below shards when they are so few that they belong together, nil when they are too many.
func (o *Objects) fewLeaves(ctx context.Context, shards []object.TreeEntry) ([]object.TreeEntry, error) {
	few := []object.TreeEntry{}
	for _, s := range shards {
		entries, err := o.Tree(ctx, s.Hash)
		if err != nil {
			return nil, err
		}
		if isSharded(entries) || len(few)+len(entries) > maxLeaves {
			return nil, nil
		}
		few = append(few, entries...)
	}
	return few, nil
}

// buildLeaves writes leaves as a sharded directory at a depth.
func (o *Objects) buildLeaves(leaves []object.TreeEntry, depth int) (plumbing.Hash, error) {
	if len(leaves) == 0 {
		return plumbing.ZeroHash, nil
	}
	if len(leaves) <= maxLeaves {
		return o.PutTree(leaves)
	}
	var shards []object.TreeEntry
	for n, part := range byNibble(leaves, depth) {
		id, err := o.buildLeaves(part, depth+1)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		if !id.IsZero() {
			shards = append(shards, object.TreeEntry{Name: hexDigits[n : n+1], Mode: filemode.Dir, Hash: id})
		}
	}
	return o.PutTree(shards)
}

func byNibble(entries []object.TreeEntry, depth int) [16][]object.TreeEntry {
	var parts [16][]object.TreeEntry
	for _, e := range entries {
		n := nibble(e.Name, depth)
		parts[n] = append(parts[n], e)
	}
	return parts
}

// mergeLeaves applies changes to the leaves of one directory.
func mergeLeaves(entries []object.TreeEntry, changes []leafChange) []object.TreeEntry {
	changed := make(map[string]leafChange, len(changes))
	for _, c := range changes {
		changed[c.Name] = c
	}
	out := make([]object.TreeEntry, 0, len(entries)+len(changes))
	for _, e := range entries {
		if _, ok := changed[e.Name]; !ok {
			out = append(out, e)
		}
	}
	for _, c := range changes {
		if !c.Hash.IsZero() {
			out = append(out, c)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
