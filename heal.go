package jitos

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Heal finishes what a crash, or plain git, left halfway: it is the first thing that a command which writes does. Several
// refs cannot move at once, so they move singly, in an order in which each step is recognised here: a workspace whose end
// is on the system line is removed; a landed commit that the line does not know is recorded; a landing that was writing files
// goes on; a plain commit on the system line moves to a workspace of its own; a workspace that a reconciliation left open gets
// its branch.
func (k *Kernel) Heal(ctx context.Context) error {
	at, err := k.System(ctx)
	if err != nil {
		return err
	}
	if at.Commit().Record == nil {
		if err := k.rescue(ctx, at); err != nil {
			return err
		}
		if at, err = k.System(ctx); err != nil {
			return err
		}
	}
	if err := k.healReopened(ctx, at); err != nil {
		return err
	}
	if err := k.healWorkspaces(ctx, at); err != nil {
		return err
	}
	if err := k.healLanding(ctx, at); err != nil {
		return err
	}
	return k.finishLanding(ctx)
}

func (k *Kernel) healWorkspaces(ctx context.Context, at Snapshot) error {
	for found, err := range k.Store.Refs(ctx, SWSPrefix) {
		if err != nil {
			return err
		}
		ref, tip := found.Ref, found.ID
		w, err := k.openWorkspace(ctx, strings.TrimPrefix(string(ref), SWSPrefix), tip)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalid) {
			k.notify(Event{Kind: "notice", Text: "branch " + string(ref) + " is not a workspace of this fabric"})
			continue
		}
		if err != nil {
			return err
		}
		v, err := viewProcess(ctx, at, Found[Process]{w.Process.ID.Node(), w.Process.Process})
		if err != nil {
			return err
		}
		ended := v.Collapse != nil && v.Collapse.Tip == tip || v.Attempt != nil && v.Attempt.Tip == tip
		if !ended {
			continue
		}
		if err := k.drop(ctx, v, tip); err != nil {
			return err
		}
	}
	return nil
}

// healLanding records a landing whose second ref was not moved, by the trailer of the commit that was.
func (k *Kernel) healLanding(ctx context.Context, at Snapshot) error {
	sync, err := Get[Sync](ctx, at, SyncNode)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	tip, err := k.followedTip(ctx, sync)
	if err != nil || tip == "" || tip == sync.Commit {
		return err
	}
	user, err := k.Store.Open(ctx, tip)
	if err != nil {
		return err
	}
	c := user.Commit()
	carried := CommitID(c.Trailers[landedTrailer])
	if carried == "" || len(c.Parents) > 0 && c.Parents[0] != sync.Commit || len(c.Parents) == 0 && sync.Commit != "" {
		return nil // it is absorbed as any commit
	}
	ours, err := k.Repository.Contains(ctx, at.Commit().ID, carried)
	if err != nil || !ours {
		return nil // made elsewhere, or of a line that was given up
	}
	k.notify(Event{Kind: "notice", Text: "recording the landing " + short(tip) + ", which was interrupted"})
	err = k.recordLanding(ctx, sync, tip, sync.Branch, user.Tree(), false)
	if errors.Is(err, ErrConflict) { // the line went on, by a sync: it is absorbed as any commit, by a command that can tell of the conflict
		k.notify(Event{Kind: "notice", Text: err.Error()})
		return nil
	}
	return err
}

// finishLanding goes on with a landing that was interrupted while it wrote the user's files. Where the user has changed one
// of them since, it writes nothing and says which: only the user knows what was meant.
func (k *Kernel) finishLanding(ctx context.Context) error {
	branch, found, err := k.Repository.Unfinished(ctx)
	if err != nil || !found {
		return err
	}
	at, err := k.System(ctx)
	if err != nil {
		return err
	}
	sync, err := Get[Sync](ctx, at, SyncNode)
	if err != nil || sync.Dirty || branch == "" && sync.Branch != "" { // another landing by now
		return err
	}
	k.notify(Event{Kind: "notice", Text: "going on with the landing on " + branchWords(branch) + ", which was interrupted"})
	_, err = k.Land(ctx, LandOptions{Branch: branch})
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrStale) || errors.Is(err, ErrBusy) { // or another process was faster
		k.notify(Event{Kind: "notice", Text: err.Error()})
		return nil
	}
	return err
}

func (k *Kernel) followedTip(ctx context.Context, sync Sync) (CommitID, error) {
	if sync.Branch == "" {
		cur, err := k.Repository.Current(ctx)
		if err != nil || cur.Branch != "" {
			return "", err
		}
		return cur.Tip, nil
	}
	tip, err := k.Repository.Tip(ctx, sync.Branch)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return tip, err
}

// rescue moves plain commits that stand on the system line, made by somebody who checked it out, to a workspace of their
// own, and sets the line back to its last rewrite.
func (k *Kernel) rescue(ctx context.Context, at Snapshot) error {
	tip := at.Commit().ID
	var last CommitID
	for c, err := range k.Store.Log(ctx, tip) {
		if err != nil {
			return err
		}
		if c.Record != nil {
			last = c.ID
			break
		}
	}
	if last == "" {
		return fmt.Errorf("system line: %w: no rewrite stands on it", ErrCorrupt)
	}
	name := DerivedName("stray", string(tip))
	if _, err := k.Store.Append(ctx, Ref(SWSPrefix+name), "", tip); err != nil && !errors.Is(err, ErrStale) {
		return err
	}
	if err := k.release(ctx); err != nil {
		return err
	}
	if _, err := k.Store.Append(ctx, SystemRef, tip, last); err != nil {
		return err
	}
	k.notify(Event{Kind: "notice", Text: "a plain commit stood on " + string(SystemRef) + "; it is now in workspace " + name})
	slap, err := k.handPlan(ctx, name, "plain commits found on the system line")
	if err != nil {
		return err
	}
	return k.openAdopted(ctx, slap, name)
}

// openAdopted writes the process of a workspace whose branch is there already.
func (k *Kernel) openAdopted(ctx context.Context, id SlapID, name string) error {
	p := ProcessID(NewName(slugOf(id)))
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		slap, err := Get[Slap](ctx, at, id.Node())
		if err != nil {
			return nil, err
		}
		rw := k.rule(RuleProcess, slap.Task, p, name)
		rw.Edges = []Edge{{From: slap.Task.Node(), Label: LabelAttempt, To: p.Node()}, {From: id.Node(), Label: LabelProcess, To: p.Node()}}
		return rw.with(p.Node(), Process{Task: slap.Task, Slap: id, Number: 1, SWS: name, Tree: at.Tree(), Owner: k.Local.Clone(), Actor: k.Actor,
			Grants: k.grants(ProcessView{}), Hand: true})
	})
	return err
}

// release detaches a worktree that has the system line checked out, so that the line does not move under it.
func (k *Kernel) release(ctx context.Context) error {
	dir, err := k.Repository.CheckedOut(ctx, SystemRef)
	if err != nil || dir == "" {
		return err
	}
	if err := k.Repository.Detach(ctx, dir); err != nil {
		return err
	}
	k.notify(Event{Kind: "notice", Text: "the worktree " + dir + " had jitos/system checked out; its HEAD is now detached there"})
	return nil
}

// drop removes the branch of a workspace that has ended. A worktree of it stays, detached.
func (k *Kernel) drop(ctx context.Context, p ProcessView, tip CommitID) error {
	dir, err := k.Repository.CheckedOut(ctx, p.ref())
	if err != nil {
		return err
	}
	if dir != "" {
		if err := k.Repository.Detach(ctx, dir); err != nil {
			return err
		}
		k.notify(Event{Kind: "notice", Text: "the worktree " + dir + " stays, detached: its workspace has ended"})
	}
	return k.Store.Delete(ctx, p.ref(), tip)
}
