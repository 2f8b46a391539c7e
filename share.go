package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Remote is a repository in which clones of a fabric meet.
type Remote interface {
	// Fetch brings what the fabric's refs there lead to and is not here, and returns where they stand, in order of their
	// names; none where no fabric is there. What came was looked at before. No ref of the fabric here moves. The refs of except
	// are passed over.
	Fetch(ctx context.Context, except ...Ref) ([]Tip, error)
	// Push moves refs there, all or none. The error Is ErrStale where one of them is not at its From.
	Push(ctx context.Context, moves []Move) error
}

// Move is what becomes of a ref: From "" where it must not be there, To "" where it goes.
type Move struct {
	Ref      Ref      `json:"ref"`
	From, To CommitID `json:"-"`
}

// Synced is what a sync did.
type Synced struct {
	Reconciled          // of the last try; Reopened and Left of all of them
	Tries      int      // 1 where nobody else pushed meanwhile
	Taken      []Move   // workspaces and months of the archive that were moved here
	Pushed     []Move   // what was moved there
	Kept       []string // refs that stay as they are, with why
}

// maxTries bounds how often a sync starts again because others were faster. Each time one of them has got through.
const maxTries = 8

// syncing is the name under which a sync holds its lock.
const syncing ProcessID = "sync"

// Sync makes the fabric here and on a remote the same: it fetches, reconciles the lines, the archive and the workspaces, and
// pushes, and does so again where another clone pushed meanwhile. Whatever step it is killed at, the lines are whole, and the
// next Sync goes on. The error Is ErrBusy where a sync is at work in this
// repository, ErrStale where others were faster all the time.
func (k *Kernel) Sync(ctx context.Context, remote Remote) (Synced, error) {
	var done Synced
	release, err := k.Local.Hold(syncing)
	if errors.Is(err, ErrBusy) {
		err = fmt.Errorf("%w: a sync is at work in this repository", ErrBusy)
	}
	if err != nil {
		return done, err
	}
	defer release()
	for done.Tries = 1; ; done.Tries++ {
		moves, err := k.meet(ctx, remote, &done)
		if err != nil || len(moves) == 0 {
			return done, err
		}
		err = remote.Push(ctx, moves)
		if err == nil {
			done.Pushed = moves
			return done, nil
		}
		if !errors.Is(err, ErrStale) || ctx.Err() != nil {
			return done, err
		}
		if done.Tries == maxTries {
			return done, Hint(err, "others pushed all the time; what is here is whole, sync again")
		}
		k.notify(Event{Kind: "sync", Text: "somebody else has pushed meanwhile; again"})
	}
}

// Compare fetches, and tells what both sides have of their own: Theirs and Ours. From is the line here, To the one there. Nothing
// moves but the memory of where the remote stands.
func (k *Kernel) Compare(ctx context.Context, remote Remote) (Reconciled, error) {
	tips, err := remote.Fetch(ctx)
	if err != nil {
		return Reconciled{}, err
	}
	head, err := k.Store.Head(ctx, SystemRef)
	if err != nil {
		return Reconciled{}, err
	}
	done := Reconciled{From: head}
	for _, t := range tips {
		if t.Ref != SystemRef {
			continue
		}
		theirs, err := k.Store.Open(ctx, t.ID)
		if err == nil {
			err = k.sameFabric(ctx, head, theirs)
		}
		if err != nil {
			return done, err
		}
		ours, came, err := k.parted(ctx, head, t.ID)
		done.To, done.Ours, done.Theirs = t.ID, len(ours), came
		return done, err
	}
	for _, err := range k.Store.Log(ctx, head) { // no fabric is there: all is ours
		if err != nil {
			return done, err
		}
		done.Ours++
	}
	return done, nil
}

// meet fetches and reconciles, and returns what is to be pushed.
func (k *Kernel) meet(ctx context.Context, remote Remote, done *Synced) ([]Move, error) {
	var retired []Ref
	before, err := k.System(ctx)
	if err == nil {
		retired, err = retiredRefs(ctx, before)
	}
	if err != nil && !errors.Is(err, ErrNotFound) { // a clone without the fabric takes it
		return nil, err
	}
	tips, err := remote.Fetch(ctx, retired...)
	if err != nil {
		return nil, err
	}
	there := map[Ref]CommitID{}
	for _, t := range tips {
		there[t.Ref] = t.ID
	}
	if tip := there[SystemRef]; tip != "" {
		r, err := k.Reconcile(ctx, tip)
		if err != nil {
			return nil, err
		}
		r.Reopened, r.Left = append(done.Reopened, r.Reopened...), append(done.Left, r.Left...)
		done.Reconciled = r
	}
	at, err := k.System(ctx)
	if err != nil {
		return nil, err
	}
	ours, err := k.meetWorkspaces(ctx, at, there, done)
	if err != nil {
		return nil, err
	}
	moves := []Move{{SystemRef, there[SystemRef], at.Commit().ID}}
	months, err := k.meetMonths(ctx, at, there, done)
	if err != nil {
		return nil, err
	}
	moves = append(append(moves, months...), ours...)
	return slices.DeleteFunc(moves, func(m Move) bool { return m.From == m.To }), nil
}

// retiredRefs are the months of the archive that the fabric has dropped.
func retiredRefs(ctx context.Context, at Graph) ([]Ref, error) {
	gone, err := RetiredMonths(ctx, at)
	var list []Ref
	for month := range gone {
		list = append(list, Ref(ArchivePrefix+month))
	}
	slices.Sort(list)
	return list, err
}

// meetMonths joins the months of the archive, and returns those that are to be pushed. Those that were dropped stay so.
func (k *Kernel) meetMonths(ctx context.Context, at Snapshot, there map[Ref]CommitID, done *Synced) ([]Move, error) {
	retired, err := retiredRefs(ctx, at)
	if err != nil {
		return nil, err
	}
	for _, ref := range sortedRefs(there, ArchivePrefix) {
		if slices.Contains(retired, ref) {
			continue
		}
		from, to, err := k.Store.JoinMonth(ctx, ref, there[ref])
		if err != nil {
			return nil, err
		}
		if from != to {
			done.Taken = append(done.Taken, Move{ref, from, to})
		}
	}
	var moves []Move
	for month, err := range k.Store.Refs(ctx, ArchivePrefix) {
		if err != nil {
			return nil, err
		}
		if !slices.Contains(retired, month.Ref) {
			moves = append(moves, Move{month.Ref, there[month.Ref], month.ID})
		}
	}
	return moves, nil
}

func sortedRefs(there map[Ref]CommitID, prefix string) []Ref {
	var list []Ref
	for ref := range there {
		if strings.HasPrefix(string(ref), prefix) {
			list = append(list, ref)
		}
	}
	slices.Sort(list)
	return list
}

// meetWorkspaces takes the workspaces of others as they are there, and returns those of this clone that are to be pushed, and
// those that have ended and go there, too. Of an open workspace that has gone two ways, that of the clone that owns it
// counts; the other tip goes to the archive first.
func (k *Kernel) meetWorkspaces(ctx context.Context, at Snapshot, there map[Ref]CommitID, done *Synced) ([]Move, error) {
	here := map[Ref]CommitID{}
	all := map[Ref]CommitID{}
	for t, err := range k.Store.Refs(ctx, SWSPrefix) {
		if err != nil {
			return nil, err
		}
		here[t.Ref], all[t.Ref] = t.ID, t.ID
	}
	for _, ref := range sortedRefs(there, SWSPrefix) {
		all[ref] = there[ref]
	}
	var moves []Move
	for _, ref := range sortedRefs(all, SWSPrefix) {
		m := meeting{k: k, at: at, ref: ref, here: here[ref], there: there[ref], done: done}
		to, err := m.settle(ctx)
		if err != nil {
			return nil, fmt.Errorf("workspace %s: %w", m.name(), err)
		}
		if to != m.there {
			moves = append(moves, Move{ref, m.there, to})
		}
	}
	return moves, nil
}

// meeting is one workspace, as it is here and there; "" where it is not.
type meeting struct {
	k           *Kernel
	at          Snapshot // the system line
	ref         Ref
	here, there CommitID
	done        *Synced
}

func (m meeting) name() string { return strings.TrimPrefix(string(m.ref), SWSPrefix) }

// settle brings the branch here to where it belongs, and returns where it belongs there.
func (m meeting) settle(ctx context.Context) (CommitID, error) {
	var p ProcessView
	for _, tip := range []CommitID{m.there, m.here} {
		if tip == "" {
			continue
		}
		v, why, err := m.processOf(ctx, tip)
		if err != nil {
			return "", err
		}
		if why == "" && p.ID != "" && v.ID != p.ID {
			why = "it is another workspace than the one of that name there, and stays here alone until one of the two has ended"
		}
		if why != "" {
			return m.there, m.keep(why)
		}
		p = v
	}
	if !p.Open() {
		return "", m.end(ctx, p)
	}
	mine := p.Process.Owner == m.k.Local.Clone()
	switch {
	case m.here == m.there:
		return m.there, nil
	case m.there == "" && mine:
		return m.here, nil
	case m.there == "":
		return "", nil // taken from elsewhere, and its owner has not shared it again
	case m.here == "":
		return m.there, m.move(ctx, m.there)
	}
	behind, err := m.k.Repository.Contains(ctx, m.there, m.here)
	if err != nil || behind {
		return m.there, errors.Join(err, m.forward(ctx, p))
	}
	ahead, err := m.k.Repository.Contains(ctx, m.here, m.there)
	if err != nil || ahead {
		return m.here, err
	}
	if mine {
		return m.here, m.k.Store.Archive(ctx, m.there, m.name()+": what another clone did in it")
	}
	if err := m.k.Store.Archive(ctx, m.here, m.name()+": what this clone did in it"); err != nil {
		return "", err
	}
	return m.there, m.forward(ctx, p)
}

// processOf finds the process of a tip on the system line; why tells why there is none.
func (m meeting) processOf(ctx context.Context, tip CommitID) (p ProcessView, why string, err error) {
	w, err := m.k.openWorkspace(ctx, m.name(), tip)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrInvalid):
		return p, "no process of this fabric made it", nil
	case err != nil:
		return p, "", err
	case w.Broken != nil:
		return p, w.Broken.Error(), nil
	}
	p, err = viewOf(ctx, m.at, w.Process.ID)
	if errors.Is(err, ErrNotFound) {
		return p, "its process is not on the system line", nil
	}
	return p, "", err
}

func (m meeting) keep(why string) error {
	m.done.Kept = append(m.done.Kept, m.name()+": "+why)
	return nil
}

// end removes the branch of a workspace that has ended. What was done in it beyond its end goes to the archive.
func (m meeting) end(ctx context.Context, p ProcessView) error {
	last := CommitID("")
	if p.Collapse != nil {
		last = p.Collapse.Tip
	} else {
		last = p.Attempt.Tip
	}
	for _, tip := range []CommitID{m.here, m.there} {
		if tip == "" || tip == last {
			continue
		}
		if held, err := m.k.Repository.Contains(ctx, last, tip); err != nil {
			return err
		} else if held {
			continue
		}
		if err := m.k.Store.Archive(ctx, tip, m.name()+": what was done in it after it had ended"); err != nil {
			return err
		}
	}
	if m.here == "" {
		return nil
	}
	return m.k.drop(ctx, p, m.here)
}

// forward moves the branch here to where it is there, unless somebody works on it.
func (m meeting) forward(ctx context.Context, p ProcessView) error {
	if dir, err := m.k.Repository.CheckedOut(ctx, m.ref); err != nil {
		return err
	} else if dir != "" {
		return m.keep("it has gone on there, and is checked out in " + dir)
	}
	if alive, err := m.k.alive(p.ID); err != nil {
		return err
	} else if alive {
		return m.keep("it has gone on there, and is at work here")
	}
	return m.move(ctx, m.there)
}

func (m meeting) move(ctx context.Context, to CommitID) error {
	if _, err := m.k.Store.Append(ctx, m.ref, m.here, to); err != nil {
		return err
	}
	m.done.Taken = append(m.done.Taken, Move{m.ref, m.here, to})
	return nil
}
