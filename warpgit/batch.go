package warpgit

import (
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// staged is an object that this process made and that no ref leads to yet.
type staged struct {
	rawObject
	id   plumbing.Hash
	next *staged // its later self: what a pack stores it against
	pack slot    // where the pack encoder has put it
}

// batch is a set of staged objects in the order in which they were made: what an object leads to comes before it.
type batch struct {
	ids   map[plumbing.Hash]*staged
	list  []*staged
	bytes int64

	slab []staged // room for the next ones: many small objects come and go together
	room []byte   // for their bytes
	took int      // how large the last room was
}

// slabSize is how many objects, and arenaSize how many bytes, are taken from memory at a time, at most. The first room of a batch is
// small: whoever keeps one object keeps the room that it is in.
const (
	slabSize   = 256
	arenaSize  = 1 << 17
	firstArena = 1 << 12
)

// newBatch returns a batch with room for about so many objects.
func newBatch(objects int) *batch {
	return &batch{ids: make(map[plumbing.Hash]*staged, objects), list: make([]*staged, 0, objects)}
}

// take returns room for size bytes, of which none are used yet.
func (b *batch) take(size int) []byte {
	if size > arenaSize/8 {
		return make([]byte, 0, size)
	}
	if len(b.room) < size {
		b.took = min(max(2*b.took, firstArena), arenaSize)
		b.room = make([]byte, max(size, b.took))
	}
	out := b.room[:0:size]
	b.room = b.room[size:]
	return out
}

// add puts an object into the batch; data must not change afterwards. former is the object that it takes the place of, zero for
// none.
func (b *batch) add(id plumbing.Hash, r rawObject, former plumbing.Hash) *staged {
	if s, ok := b.ids[id]; ok {
		return s
	}
	if len(b.slab) == 0 {
		b.slab = make([]staged, min(max(len(b.list), slabSize/16), slabSize))
	}
	s := &b.slab[0]
	b.slab = b.slab[1:]
	s.rawObject, s.id = r, id
	b.ids[id] = s
	b.list = append(b.list, s)
	b.bytes += int64(len(r.data))
	if old := b.ids[former]; old != nil && old.next == nil && old != s && old.kind == r.kind {
		old.next = s
	}
	return s
}

// remove forgets objects that are durable, or that nobody wants any more. The order of the rest stays.
func (b *batch) remove(gone []*staged) {
	for _, s := range gone {
		if b.ids[s.id] == s {
			delete(b.ids, s.id)
			b.bytes -= int64(len(s.data))
		}
	}
	kept := b.list[:0]
	for _, s := range b.list {
		if b.ids[s.id] == s {
			kept = append(kept, s)
		}
	}
	clear(b.list[len(kept):])
	b.list = kept
}

// reach collects what is staged of an object and of all that it leads to. What is not staged was durable, with all that it
// leads to, before: a walk costs what was added.
func (b *batch) reach(id plumbing.Hash, seen map[plumbing.Hash]bool, out *[]*staged) error {
	s := b.ids[id]
	if s == nil || seen[id] {
		return nil
	}
	seen[id] = true
	switch s.kind {
	case plumbing.TreeObject:
		t, err := parseTree(s.data)
		if err != nil {
			return fmt.Errorf("tree %s: %w", id, err)
		}
		for len(t) > 0 {
			var e entry
			e, t = t.next()
			if err := b.reach(e.id, seen, out); err != nil {
				return err
			}
		}
	case plumbing.TagObject: // "object <hash>" is its first line
		line, _, _ := strings.Cut(string(s.data), "\n")
		if err := b.reach(plumbing.NewHash(strings.TrimPrefix(line, "object ")), seen, out); err != nil {
			return err
		}
	case plumbing.CommitObject:
		c, err := decodeCommit(s.data)
		if err != nil {
			return fmt.Errorf("commit %s: %w", id, err)
		}
		for _, next := range append(c.ParentHashes, c.TreeHash) {
			if err := b.reach(next, seen, out); err != nil {
				return err
			}
		}
	}
	*out = append(*out, s)
	return nil
}
