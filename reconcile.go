package jitos

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
)

// Two clones that work on one fabric without each other make two lines that part. They meet again by one rule: the line that
// was shared first stays as it is, and what the other clone wrote since they parted is submitted again on top of it, in
// order (see resubmit.go). The line as it was goes to the archive first; then the system line moves, in one step; then the
// workspaces that could not be collapsed again get their branches back, which Heal does after a crash. So a reconciliation
// is all there or not at all, and nothing that was acknowledged is ever out of reach.

// Reconciled is what a reconciliation did.
type Reconciled struct {
	From, To CommitID   // the system line before and after; From is "" where there was none
	Theirs   int        // rewrites that came
	Ours     int        // rewrites that the other line lacked
	Again    int        // of those, submitted again
	Known    int        // of those, what they wrote is on the other line by now
	Reopened []Reopened // of those, in workspaces that stay open
	Left     []LeftOut  // of those, what the other line has no place for; the archive keeps them
}

// Reopened is a workspace that stays open because what it holds could not be made part of the line again.
type Reopened struct {
	Name    string    `json:"name"`
	Task    TaskID    `json:"task"`
	Process ProcessID `json:"process"`
	Hand    bool      `json:"by_hand"`
	Why     string    `json:"why"`
}

// LeftOut is a rewrite that was not submitted again.
type LeftOut struct {
	Commit CommitID `json:"commit"`
	What   string   `json:"what"` // the first line of its message
	Why    string   `json:"why"`
}

// reconciliation is one under way: a line is staged on theirs, and nothing of it counts before publish.
type reconciliation struct {
	k        *Kernel
	onto     CommitID // their tip
	at       Snapshot // the end of the staged line
	done     Reconciled
	disputes []dispute  // to be opened at the end of the line
	reopen   []reopened // the same for workspaces
	proven   []Evidence // by this reconciliation
}

// Reconcile makes the system line one that goes on from a tip that was made elsewhere and fetched. Where only one side has
// gone on this is a move forward, or nothing. Where both have, every rewrite of ours since they parted is submitted again on
// theirs; gates run again where the files are not those that were proven. Refused with ErrConflict, unchanged: the line of
// another fabric.
func (k *Kernel) Reconcile(ctx context.Context, tip CommitID) (Reconciled, error) {
	var proven []Evidence
	for {
		r := &reconciliation{k: k, proven: proven}
		moved, err := r.run(ctx, tip)
		if err != nil {
			return Reconciled{}, fmt.Errorf("reconcile with %s: %w", short(tip), err)
		}
		if !moved { // another process wrote meanwhile: with what it wrote, once more
			proven = r.proven
			continue
		}
		return r.done, nil
	}
}

// run reports false where the system line was moved by somebody else meanwhile.
func (r *reconciliation) run(ctx context.Context, tip CommitID) (bool, error) {
	k := r.k
	theirs, err := k.Store.Open(ctx, tip)
	if err != nil {
		return false, err
	}
	r.at, r.onto, r.done.To = theirs, tip, tip
	head, err := k.Store.Head(ctx, SystemRef)
	if errors.Is(err, ErrNotFound) {
		return k.advanceTo(ctx, "", tip)
	}
	if err != nil {
		return false, err
	}
	r.done.From = head
	if head == tip {
		return true, nil
	}
	if err := k.sameFabric(ctx, head, theirs); err != nil {
		return false, err
	}
	ours, came, err := k.parted(ctx, head, tip)
	if err != nil {
		return false, err
	}
	r.done.Theirs, r.done.Ours = came, len(ours)
	switch {
	case len(ours) == 0:
		return k.advanceTo(ctx, head, tip)
	case came == 0:
		r.done.To = head
		return true, nil
	}
	k.notify(Event{Kind: "sync", Text: fmt.Sprintf("both sides have gone on: %s of yours after %s of theirs", plural(len(ours), "rewrite"), plural(came, "rewrite"))})
	for i := len(ours) - 1; i >= 0; i-- {
		if err := r.submit(ctx, ours[i]); err != nil {
			return false, fmt.Errorf("%s %q: %w", short(ours[i].ID), ours[i].Subject, err)
		}
	}
	if err := r.finish(ctx); err != nil {
		return false, err
	}
	return r.publish(ctx, head)
}

// finish puts at the end of the line what belongs there: what the files are recognised as, and what stays open. A library that this
// jitos cannot read (of another version, or pushed without it) recognises nothing, and keeps nobody from sharing.
func (r *reconciliation) finish(ctx context.Context) error {
	seen, err := r.k.observed(ctx, r.at)
	if errors.Is(err, ErrInvalid) {
		r.k.notify(Event{Kind: "notice", Text: "what the files are was not looked at: " + err.Error()})
	} else if err != nil {
		return err
	}
	if err := r.stage(ctx, seen...); err != nil {
		return err
	}
	for i := range r.disputes {
		if err := r.open(ctx, &r.disputes[i]); err != nil {
			return err
		}
	}
	for _, w := range r.reopen {
		if err := r.recordReopened(ctx, w); err != nil {
			return err
		}
	}
	r.done.To = r.at.Commit().ID
	return nil
}

// publish moves the refs: archive, system line, workspaces. False where the system line is elsewhere by now.
func (r *reconciliation) publish(ctx context.Context, head CommitID) (bool, error) {
	if err := r.k.Store.Archive(ctx, head, "the system line before it was put on "+short(r.onto)); err != nil {
		return false, err
	}
	moved, err := r.k.advanceTo(ctx, head, r.done.To)
	if !moved || err != nil {
		return false, err
	}
	return true, r.k.healReopened(ctx, r.at)
}

// advanceTo moves the system line, and reports false where it is not at old any more.
func (k *Kernel) advanceTo(ctx context.Context, old, tip CommitID) (bool, error) {
	if old != "" {
		if err := k.release(ctx); err != nil {
			return false, err
		}
	}
	_, err := k.Store.Append(ctx, SystemRef, old, tip)
	if errors.Is(err, ErrStale) {
		return false, ctx.Err()
	}
	return err == nil, err
}

// sameFabric refuses the line of another fabric.
func (k *Kernel) sameFabric(ctx context.Context, head CommitID, theirs Snapshot) error {
	ours, err := k.Store.Open(ctx, head)
	if err != nil {
		return err
	}
	mine, err := ours.Blob(ctx, FabricItem("fabric.json"))
	if err != nil {
		return err
	}
	other, err := theirs.Blob(ctx, FabricItem("fabric.json"))
	if err != nil {
		return err
	}
	if mine != other || other == "" {
		return fmt.Errorf("%w: it is the line of another fabric", ErrConflict)
	}
	return nil
}

// parted lists what ours has since the two lines parted, newest first, and counts what theirs has. A plain commit on theirs is
// refused: only rewrites stand on a system line.
func (k *Kernel) parted(ctx context.Context, ours, theirs CommitID) (list []Commit, came int, err error) {
	nextA, stopA := iter.Pull2(k.Store.Log(ctx, ours))
	defer stopA()
	nextB, stopB := iter.Pull2(k.Store.Log(ctx, theirs))
	defer stopB()
	a, errA, more := nextA()
	b, errB, moreB := nextB()
	for {
		switch err := errors.Join(errA, errB); {
		case err != nil:
			return nil, 0, err
		case !more || !moreB:
			return nil, 0, fmt.Errorf("%w: the two lines have no commit in common", ErrConflict)
		case a.ID == b.ID:
			return list, came, nil
		case b.Record == nil:
			return nil, 0, Hint(fmt.Errorf("%w: a plain commit, %s, stands on the line", ErrInvalid, short(b.ID)),
				"somebody pushed to jitos/system with plain git; `jitos sync` in that clone moves it to a workspace")
		}
		up, down := number(a), number(b)
		if up >= down {
			list = append(list, a)
			a, errA, more = nextA()
		}
		if down >= up {
			came++
			b, errB, moreB = nextB()
		}
	}
}

// number is a commit's on its line; what is no rewrite stands after all that are.
func number(c Commit) int64 {
	if c.Record == nil {
		return math.MaxInt64
	}
	return c.Record.Seq
}
