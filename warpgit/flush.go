package warpgit

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// flushed is what one flush wrote: the pack, held until the ref has moved.
type flushed struct {
	pack    string // "" where there was nothing to write
	reached []plumbing.Hash
}

// flush makes durable everything that is staged and everything staged earlier that the tip reaches, and holds it. An object
// stays staged until a tip that reaches it is durable, for until then a git gc may take it; so it may be written twice.
func (o *Objects) flush(ctx context.Context, tip plumbing.Hash) (flushed, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.packs == nil {
		return flushed{}, nil
	}
	var f flushed
	out := map[plumbing.Hash]rawObject{}
	if err := o.reach(ctx, tip, out, 0); err != nil {
		return f, err
	}
	for id := range out {
		f.reached = append(f.reached, id)
	}
	for id, s := range o.staged {
		if !s.written {
			out[id] = s.rawObject
		}
	}
	if len(out) == 0 {
		return f, nil
	}
	var err error
	if f.pack, err = o.packs.write(out); err != nil {
		return f, err
	}
	for _, s := range o.staged {
		s.written = true
	}
	o.bytes = 0
	return f, nil
}

// spill moves what is staged to a pack that stays held until close: memory is bounded, and no gc takes it.
func (o *Objects) spill() error {
	out := map[plumbing.Hash]rawObject{}
	for id, s := range o.staged {
		if !s.written {
			out[id] = s.rawObject
		}
	}
	path, err := o.packs.write(out)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	o.spilled = append(o.spilled, path)
	clear(o.staged)
	o.bytes = 0
	return nil
}

// close lets go of everything that was staged and not appended.
func (o *Objects) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.packs == nil {
		return nil
	}
	var err error
	for _, path := range o.spilled {
		err = errors.Join(err, o.packs.release(path))
	}
	o.spilled = nil
	return errors.Join(err, o.packs.close())
}

// reach collects the staged objects that a staged object leads to. What is not staged was durable, with all that it leads
// to, before: a walk costs what was added.
func (o *Objects) reach(ctx context.Context, id plumbing.Hash, out map[plumbing.Hash]rawObject, depth int) error {
	s, ok := o.staged[id]
	if _, done := out[id]; !ok || done {
		return ctx.Err()
	}
	out[id] = s.rawObject
	switch s.kind {
	case plumbing.TreeObject:
		entries, err := decodeTree(s.data)
		if err != nil {
			return fmt.Errorf("tree %s: %w", id, err)
		}
		for _, e := range entries {
			if err := o.reach(ctx, e.Hash, out, depth+1); err != nil {
				return err
			}
		}
	case plumbing.CommitObject:
		tree, parents, err := commitLinks(s.data)
		if err != nil {
			return fmt.Errorf("commit %s: %w", id, err)
		}
		for _, next := range append(parents, tree) {
			if err := o.reach(ctx, next, out, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// commitLinks reads the tree and the parents of a commit's bytes.
func commitLinks(data []byte) (plumbing.Hash, []plumbing.Hash, error) {
	m := &plumbing.MemoryObject{}
	m.SetType(plumbing.CommitObject)
	if _, err := m.Write(data); err != nil {
		return plumbing.ZeroHash, nil, err
	}
	var c object.Commit
	if err := c.Decode(m); err != nil {
		return plumbing.ZeroHash, nil, err
	}
	return c.TreeHash, c.ParentHashes, nil
}

// settle ends a flush. Where the ref moved, what it reaches is safe and leaves the staging map.
func (o *Objects) settle(f flushed, moved bool) error {
	if f.pack == "" && len(f.reached) == 0 {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if moved {
		for _, id := range f.reached {
			if s, ok := o.staged[id]; ok {
				o.raw.put(id, s.rawObject, len(s.data)+64)
				delete(o.staged, id)
			}
		}
	}
	if f.pack == "" {
		return nil
	}
	return o.packs.release(f.pack)
}
