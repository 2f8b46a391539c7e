package warpgit

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"
)

// flushed is what one flush wrote: a pack, held until the ref has moved.
type flushed struct {
	pack  *heldPack // nil where there was nothing to write
	made  []*staged // of a layer
	loose []*staged // that were staged before, and are reached now
}

// flush makes durable what was put into a layer (nil for none), and what is staged of roots and all that they lead to, and
// holds it. An object stays staged until a ref that leads to it is durable, for until then a git gc may take it; so it may be
// written twice.
func (o *Objects) flush(ctx context.Context, layer *Objects, roots ...plumbing.Hash) (flushed, error) {
	var f flushed
	if layer != nil {
		f.made = layer.batch.list
	}
	if base, ok := o.base.(memory); ok {
		base.write(f.made...)
		return f, nil
	}
	o.mu.Lock()
	seen := map[plumbing.Hash]bool{}
	var err error
	for _, id := range roots {
		err = errors.Join(err, o.batch.reach(id, seen, &f.loose))
	}
	o.mu.Unlock()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return f, err
	}
	all := f.made
	if len(f.loose) > 0 {
		all = make([]*staged, 0, len(f.loose)+len(f.made))
		copies := map[*staged]*staged{} // another flush may write them at the same time: each encodes its own
		for _, s := range f.loose {
			copies[s] = &staged{rawObject: s.rawObject, id: s.id}
			all = append(all, copies[s])
		}
		for s, c := range copies {
			c.next = copies[s.next]
		}
		all = append(all, f.made...)
	}
	if len(all) == 0 {
		return f, nil
	}
	f.pack, err = o.packs.write(all)
	return f, err
}

// settle ends a flush. Where the ref moved, what it reaches is safe and leaves the staging. The last of each line of selves is
// what will be read next.
func (o *Objects) settle(f flushed, moved bool) error {
	if moved && o.packs != nil {
		o.mu.Lock()
		o.batch.remove(f.loose)
		o.mu.Unlock()
		for _, s := range f.made {
			if s.next == nil {
				o.remember(s.id, rawObject{s.kind, append([]byte(nil), s.data...)})
			}
		}
		for _, s := range f.loose {
			o.remember(s.id, s.rawObject)
		}
	}
	if f.pack == nil {
		return nil
	}
	return f.pack.release()
}

// spill writes what a layer holds, grown large, to a pack that stays held until close: memory is bounded, and no gc takes it.
func (o *Objects) spill(full *batch) error {
	if base, ok := o.base.(memory); ok {
		base.write(full.list...)
		return nil
	}
	pack, err := o.packs.write(full.list)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	o.mu.Lock()
	o.spilled = append(o.spilled, pack)
	o.mu.Unlock()
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
	for _, pack := range o.spilled {
		err = errors.Join(err, pack.release())
	}
	o.spilled = nil
	return errors.Join(err, o.packs.close())
}
