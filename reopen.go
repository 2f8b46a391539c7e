package jitos

import (
	"context"
	"errors"
	"fmt"
)

// What a reconciliation could not put on the line stays an open workspace. The record of its conflict has the workspace's tip
// as second parent: so the work is reachable from the system line, wherever that goes, and its branch can be made again.

// dispute is a rewrite without a workspace that clashes with the line: a user's nodes, or a file of the fabric's own.
type dispute struct {
	was         Commit
	before, own Snapshot
	conflicts   []Conflict
}

// open gives a dispute a workspace, made by hand: a task, a plan and a process at the end of the line, and in the workspace the
// nodes and edges as ours has them. To collapse it takes ours, to discard it leaves theirs. Its names are derived, so
// that they are the same whoever opens it.
func (r *reconciliation) open(ctx context.Context, d *dispute) error {
	k, from := r.k, string(originOf(d.was))
	what, _ := words(d.was)
	intent := "decide between two versions: " + what
	task, p := TaskID(DerivedName(intent, from)), ProcessView{ID: ProcessID(DerivedName("ours", from))}
	if ok, err := Has(ctx, r.at, p.ID.Node()); ok || err != nil {
		return err
	}
	s := Slap{Task: task, By: d.was.Record.Actor, Title: "by hand", Steps: []Step{{Name: "work", Title: what, Worker: humanWorker}}}
	slap := SlapID(DerivedName("ours", string(task), HashOf(s)))
	p.Process = Process{Task: task, Slap: slap, Number: 1, SWS: string(p.ID), Tree: r.at.Tree(), Owner: k.Local.Clone(), Actor: k.Actor,
		Grants: k.bounds().Grants, Hand: true}
	declare := k.rule(RuleTask, task, "", intent)
	plan := k.rule(RulePlan, task, "", "one step by hand")
	plan.Edges = []Edge{{From: task.Node(), Label: LabelPlan, To: slap.Node()}}
	start := k.rule(RuleProcess, task, p.ID, "by hand")
	start.Edges = []Edge{{From: task.Node(), Label: LabelAttempt, To: p.ID.Node()}, {From: slap.Node(), Label: LabelProcess, To: p.ID.Node()}}
	err := errors.Join(declare.put(task.Node(), Task{Intent: intent, Actor: k.Actor}), plan.put(slap.Node(), s), start.put(p.ID.Node(), p.Process))
	if err == nil {
		err = r.stage(ctx, declare, plan, start)
	}
	if err != nil {
		return err
	}
	tip, err := r.ours(ctx, p, d)
	if err != nil {
		return err
	}
	r.reopen = append(r.reopen, reopened{p: p, tip: tip, was: d.was, conflicts: d.conflicts})
	return nil
}

// ours makes the workspace of a dispute. Where the line has no place for our version (an end of an edge is gone, or it is a file of
// the fabric's own) the workspace is empty: what we had is in the archive, as the conflict tells.
func (r *reconciliation) ours(ctx context.Context, p ProcessView, d *dispute) (CommitID, error) {
	k := r.k
	chain, err := k.compile(ctx, p, r.at)
	if err != nil {
		return "", err
	}
	made, err := k.Store.Stage(ctx, r.at.Commit().ID, chain...)
	if err != nil {
		return "", err
	}
	all, _, err := k.Merger.Merge(ctx, d.before, d.before, d.own)
	if err != nil {
		return "", err
	}
	rw := k.rewrite(RuleGraph, p, "")
	rw.Set, rw.Edges = all.Set, all.Edges
	rw.What, rw.Why = words(d.was)
	for _, item := range all.Drop {
		if blob, err := made.Blob(ctx, item); err != nil {
			return "", err
		} else if blob != "" {
			rw.Drop = append(rw.Drop, item)
		}
	}
	if len(rw.Set)+len(rw.Edges)+len(rw.Drop) == 0 || applyAll(ctx, made, []Rewrite{rw}, false) != nil {
		return made.Commit().ID, nil
	}
	if with, err := k.Store.Stage(ctx, made.Commit().ID, rw); err == nil {
		made = with
	} else if !errors.Is(err, ErrInvalid) {
		return "", err
	}
	return made.Commit().ID, nil
}

// recordReopened writes why a workspace stays open, with its tip.
func (r *reconciliation) recordReopened(ctx context.Context, w reopened) error {
	why := (&ConflictError{w.conflicts}).Error()
	rw := r.k.rule(RuleConflict, w.p.Process.Task, w.p.ID, fmt.Sprintf("%s stays open: %s", w.p.Process.SWS, plural(len(w.conflicts), "conflict")))
	rw.Why, rw.Parents = why, []CommitID{w.tip}
	chain, err := r.k.conflictNodes(ctx, r.at, w.p, rw, w.conflicts)
	if err != nil {
		return err
	}
	if len(chain) == 0 { // the same clash as once before
		chain = []Rewrite{rw}
	}
	chain[0].Also = []Trailer{{trailerWas, string(originOf(w.was))}}
	if err := r.stage(ctx, chain...); err != nil {
		return err
	}
	r.done.Reopened = append(r.done.Reopened, Reopened{w.p.Process.SWS, w.p.Process.Task, w.p.ID, w.p.Process.Hand, why})
	return nil
}

// healReopened gives the workspaces that the last rewrites of a line leave open their branches, where they lack them.
func (k *Kernel) healReopened(ctx context.Context, at Snapshot) error {
	for c, err := range k.Store.Log(ctx, at.Commit().ID) {
		if err != nil || !leftOpen(c) {
			return err
		}
		p, err := viewOf(ctx, at, c.Record.Process)
		if err != nil {
			return err
		}
		if !p.Open() || p.Process.Owner != k.Local.Clone() {
			continue
		}
		if _, err := k.Store.Append(ctx, p.ref(), "", c.Parents[1]); err != nil && !errors.Is(err, ErrStale) {
			return err
		}
	}
	return nil
}

// leftOpen tells whether a commit is a reconciliation's record of a workspace that stays open; its second parent is the tip.
func leftOpen(c Commit) bool {
	return c.Record != nil && c.Record.Rule == RuleConflict && len(c.Parents) == 2
}
