package jitos

import (
	"context"
	"errors"
)

// record writes to the system line: the only way there. It shows fn the newest snapshot, checks what fn returns (Apply) and
// appends it by compare-and-swap, and starts again where another process was faster. No rewrites: nothing is written. It returns
// the snapshot that resulted, once that is durable.
//
// Callers that come while another one writes are taken together: each sees what the one before it wrote, and they share the
// pack, its fsyncs and the move of the ref.
func (k *Kernel) record(ctx context.Context, fn func(at Snapshot) ([]Rewrite, error)) (Snapshot, error) {
	w := &pendingWrite{ctx: ctx, fn: fn}
	k.mu.Lock()
	k.pending = append(k.pending, w)
	k.mu.Unlock()
	k.turn.Lock()
	defer k.turn.Unlock()
	if !w.done {
		k.mu.Lock()
		group := k.pending
		k.pending = nil
		k.mu.Unlock()
		k.recordAll(group)
	}
	return w.at, w.err
}

// pendingWrite is what one caller of record wants, and what came of it.
type pendingWrite struct {
	ctx  context.Context
	fn   func(at Snapshot) ([]Rewrite, error)
	at   Snapshot
	err  error
	done bool
}

// recordAll settles a group of callers. The error of one of them is its own; one of the append is that of all who had something
// to write.
func (k *Kernel) recordAll(group []*pendingWrite) {
	for retry := true; retry; {
		retry = false
		var wrote []*pendingWrite
		// One who gives up must not take the others along.
		ctx := group[0].ctx
		if len(group) > 1 {
			ctx = context.WithoutCancel(ctx)
		}
		at, err := k.System(ctx)
		if err == nil {
			wrote, err = k.tryRecording(ctx, at, group)
		}
		if errors.Is(err, ErrStale) && ctx.Err() == nil && len(wrote) > 0 {
			retry = true
			continue
		}
		if err != nil && len(wrote) == 0 {
			wrote = group
		}
		for _, w := range wrote {
			if err != nil {
				w.at, w.err = nil, err
			}
		}
	}
	for _, w := range group {
		w.done = true
	}
}

// tryRecording asks each caller for its rewrites, on top of those of the callers before it, and appends them all at once. It
// returns who had any.
func (k *Kernel) tryRecording(ctx context.Context, at Snapshot, group []*pendingWrite) ([]*pendingWrite, error) {
	var wrote []*pendingWrite
	head, tip := at.Commit().ID, at
	for _, w := range group {
		var rewrites []Rewrite
		w.at = tip
		if w.err = w.ctx.Err(); w.err == nil {
			rewrites, w.err = w.fn(tip)
		}
		if w.err == nil && len(rewrites) > 0 {
			w.err = applyAll(w.ctx, tip, rewrites, true)
		}
		if w.err != nil {
			w.at = nil
		}
		if w.err != nil || len(rewrites) == 0 {
			continue
		}
		next, err := k.Store.Stage(ctx, tip.Commit().ID, rewrites...)
		if err != nil {
			w.at, w.err = nil, err
			continue
		}
		w.at, tip = next, next
		wrote = append(wrote, w)
	}
	if len(wrote) == 0 {
		return nil, nil
	}
	if err := k.release(ctx); err != nil {
		return wrote, err
	}
	_, err := k.Store.Append(ctx, SystemRef, head, tip.Commit().ID)
	return wrote, err
}
