package jitos

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

func (p ProcessView) ref() Ref { return Ref(SWSPrefix + p.Process.SWS) }

// fork makes the workspace of a process at its commit on the system line, the DAG of its jobs as the first rewrite.
func (k *Kernel) fork(ctx context.Context, p ProcessView, at Snapshot) error {
	chain, err := k.compile(ctx, p, at)
	if err != nil {
		return err
	}
	kept, err := k.carry(ctx, p, at)
	if err != nil {
		return err
	}
	chain = append(chain, kept...)
	if err := applyAll(ctx, at, chain, false); err != nil {
		return err
	}
	ids, err := k.Store.Append(ctx, p.ref(), "", at.Commit().ID, chain...)
	if err == nil {
		k.seeSettled(chain, ids)
	}
	if errors.Is(err, ErrStale) {
		return fmt.Errorf("workspace %s: %w: there is one of that name", p.Process.SWS, ErrBusy)
	}
	for _, rw := range kept {
		if rw.Rule == RuleSettle && err == nil {
			k.notify(Event{Kind: "settle", Task: p.Process.Task, Process: p.ID, Text: rw.What, Verdict: Pass})
		}
	}
	return err
}

// compile turns a plan into a DAG of jobs. Ids come from the process and the step, so that it can be run again.
func (k *Kernel) compile(ctx context.Context, p ProcessView, at Graph) ([]Rewrite, error) {
	slap, err := Get[Slap](ctx, at, p.Process.Slap.Node())
	if err != nil {
		return nil, err
	}
	id := func(step string) JobID { return JobID(DerivedName(step, string(p.ID), step)) }
	rw := k.rewrite(RuleCompile, p, plural(len(slap.Steps), "job")+" of "+string(p.Process.Slap))
	for _, step := range slap.Steps {
		job := id(step.Name)
		if err := rw.put(job.Node(), Job{Process: p.ID, Step: step}); err != nil {
			return nil, err
		}
		rw.Edges = append(rw.Edges, Edge{From: p.ID.Node(), Label: LabelJob, To: job.Node()})
		for _, dep := range step.After {
			rw.Edges = append(rw.Edges, Edge{From: id(dep).Node(), Label: LabelThen, To: job.Node()})
		}
	}
	return []Rewrite{rw}, nil
}

// restore makes the workspace of an open process where a crash came between its commit and its branch, or where the branch is in
// another clone: with what a reconciliation left open, else from its beginning.
func (k *Kernel) restore(ctx context.Context, p ProcessView) error {
	_, err := k.Store.Head(ctx, p.ref())
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	head, err := k.Store.Head(ctx, SystemRef)
	if err != nil {
		return err
	}
	for c, err := range k.Store.Log(ctx, head) {
		if err != nil {
			return err
		}
		if leftOpen(c) && c.Record.Process == p.ID {
			_, err := k.Store.Append(ctx, p.ref(), "", c.Parents[1])
			return err
		}
		if c.Record != nil && c.Record.Rule == RuleProcess && c.Record.Process == p.ID {
			at, err := k.Store.Open(ctx, c.ID)
			if err != nil {
				return err
			}
			return k.fork(ctx, p, at)
		}
	}
	return fmt.Errorf("process %s: %w: its commit is not on the system line", p.ID, ErrNotFound)
}

// Restore is Workspace for one whose branch is not there, though its process is open and of this clone: a kill came before the branch
// was made, or somebody deleted it with plain git. It is made again.
func (k *Kernel) Restore(ctx context.Context, name string) (Workspace, error) {
	at, err := k.System(ctx)
	if err != nil {
		return Workspace{}, err
	}
	open, err := OpenProcesses(ctx, at)
	if err != nil {
		return Workspace{}, err
	}
	for _, p := range open {
		if p.Process.SWS != name || p.Process.Owner != k.Local.Clone() {
			continue
		}
		if err := k.restore(ctx, p); err != nil {
			return Workspace{}, err
		}
		k.notify(Event{Kind: "notice", Text: "the branch of workspace " + name + " was not there, and is made again"})
		return k.Workspace(ctx, name)
	}
	return Workspace{}, fmt.Errorf("workspace %q: %w", name, ErrNotFound)
}

// workspace opens the tip of a process's workspace.
func (k *Kernel) workspace(ctx context.Context, p ProcessView) (Snapshot, error) {
	head, err := k.Store.Head(ctx, p.ref())
	if err != nil {
		return nil, fmt.Errorf("workspace %s: %w", p.Process.SWS, err)
	}
	ws, err := k.Store.Open(ctx, head)
	if errors.Is(err, ErrCorrupt) {
		return nil, brokenWorkspace(p.Process.SWS, err)
	}
	return ws, err
}

// brokenWorkspace says that the tip of a workspace is no commit that may stand there.
func brokenWorkspace(name string, err error) error {
	return Hint(fmt.Errorf("workspace %s: %w", name, err), "a plain commit may not touch .jitos/: take that commit off the branch, as git reset does in its worktree")
}

// extend appends rewrites to a workspace that is at ws. ErrStale where it has moved.
func (k *Kernel) extend(ctx context.Context, p ProcessView, ws Snapshot, chain ...Rewrite) (Snapshot, error) {
	if err := applyAll(ctx, ws, chain, false); err != nil {
		return nil, err
	}
	head := ws.Commit().ID
	ids, err := k.Store.Append(ctx, p.ref(), head, head, chain...)
	if err != nil {
		return nil, err
	}
	k.seeSettled(chain, ids)
	return k.Store.Open(ctx, ids[len(ids)-1])
}

// snapshotOf finds the system commit that a workspace is based on: the one merged in by its last rebase, or the one that
// it was forked from, which is the first commit back that the kernel wrote to the system line.
func (k *Kernel) snapshotOf(ctx context.Context, ws Snapshot) (Snapshot, error) {
	for c, err := range k.Store.Log(ctx, ws.Commit().ID) {
		if err != nil {
			return nil, err
		}
		switch {
		case c.Record == nil:
		case c.Record.Rule == RuleRebase && len(c.Parents) == 2:
			return k.Store.Open(ctx, c.Parents[1])
		case IsSystemRule(c.Record.Rule):
			return k.Store.Open(ctx, c.ID)
		}
	}
	return nil, fmt.Errorf("workspace at %s: %w: it does not come from the system line", ws.Commit().ID, ErrInvalid)
}

// Workspace is an open SWS.
type Workspace struct {
	Name    string
	Process ProcessView
	Base    CommitID // its snapshot, "" where it is broken
	Tip     CommitID
	Broken  error // why its tip cannot be read, nil for a sound one
}

// Workspaces lists the open workspaces, in order of their names, broken ones with why.
func (k *Kernel) Workspaces(ctx context.Context) ([]Workspace, error) {
	var list []Workspace
	for at, err := range k.Store.Refs(ctx, SWSPrefix) {
		if err != nil {
			return nil, err
		}
		w, err := k.openWorkspace(ctx, strings.TrimPrefix(string(at.Ref), SWSPrefix), at.ID)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalid) {
			continue // a branch of somebody's that is no workspace: Heal tells of it
		}
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, nil
}

// Workspace finds an open workspace by its name or a unique prefix of it.
func (k *Kernel) Workspace(ctx context.Context, name string) (Workspace, error) {
	var found []Workspace
	for at, err := range k.Store.Refs(ctx, SWSPrefix) {
		if err != nil {
			return Workspace{}, err
		}
		short, tip := strings.TrimPrefix(string(at.Ref), SWSPrefix), at.ID
		if short == name {
			return k.openWorkspace(ctx, short, tip)
		}
		if strings.HasPrefix(short, name) {
			found = append(found, Workspace{Name: short, Tip: tip})
		}
	}
	if len(found) > 0 {
		if was, err := k.wasWorkspace(ctx, name); err != nil {
			return Workspace{}, err
		} else if was {
			return Workspace{}, fmt.Errorf("workspace %q: %w: its branch is gone", name, ErrNotFound)
		}
	}
	switch len(found) {
	case 0:
		return Workspace{}, fmt.Errorf("workspace %q: %w", name, ErrNotFound)
	case 1:
		return k.openWorkspace(ctx, found[0].Name, found[0].Tip)
	}
	names := make([]string, len(found))
	for i, w := range found {
		names[i] = w.Name
	}
	return Workspace{}, fmt.Errorf("workspace %q: %w: it could be %s", name, ErrInvalid, strings.Join(names, ", "))
}

// wasWorkspace tells whether a workspace ever bore the whole of a name. Such a name is never taken for the beginning of
// another's: a discard that is given twice must not hit a neighbour.
func (k *Kernel) wasWorkspace(ctx context.Context, name string) (bool, error) {
	at, err := k.System(ctx)
	if err != nil {
		return false, err
	}
	named := Pattern{Kind: KindProcess, Has: map[string]string{"sws": name}}
	found, err := named.Find(ctx, at)
	return len(found) > 0, err
}

func (k *Kernel) openWorkspace(ctx context.Context, name string, tip CommitID) (Workspace, error) {
	w := Workspace{Name: name, Tip: tip}
	ws, err := k.Store.Open(ctx, tip)
	if errors.Is(err, ErrCorrupt) { // it is named by those commands that need it, and stops no other
		w.Broken = brokenWorkspace(name, err)
		return w, k.adopted(ctx, &w)
	}
	if err != nil {
		return w, err
	}
	base, err := k.snapshotOf(ctx, ws)
	if err != nil {
		return w, err
	}
	w.Base = base.Commit().ID
	for c, err := range k.Store.Log(ctx, tip) {
		if err != nil {
			return w, err
		}
		if c.Record != nil && c.Record.Process != "" {
			p, err := Get[Process](ctx, ws, c.Record.Process.Node())
			if err != nil {
				return w, err
			}
			if p.SWS != name {
				break
			}
			w.Process = ProcessView{ID: c.Record.Process, Process: p}
			return w, nil
		}
		if c.Record != nil && IsSystemRule(c.Record.Rule) {
			break
		}
	}
	return w, k.adopted(ctx, &w)
}

// adopted finds the process of a workspace whose commits were made before it: plain commits that were found on the system
// line and moved aside.
func (k *Kernel) adopted(ctx context.Context, w *Workspace) error {
	at, err := k.System(ctx)
	if err != nil {
		return err
	}
	open, err := OpenProcesses(ctx, at)
	for _, p := range open {
		if p.Process.SWS == w.Name {
			w.Process = p
			return nil
		}
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("workspace %s: %w: no process of this fabric made it", w.Name, ErrNotFound)
}

// NewWorkspace makes a workspace for a person: a task, a one-step plan, and a process of theirs.
func (k *Kernel) NewWorkspace(ctx context.Context, name, intent string) (ProcessView, error) {
	if name == "" {
		name = NewName("try")
	}
	if err := CheckName(name); err != nil {
		return ProcessView{}, err
	}
	if _, err := k.Store.Head(ctx, Ref(SWSPrefix+name)); err == nil {
		return ProcessView{}, Hint(fmt.Errorf("workspace %s: %w: there is one of that name", name, ErrBusy), "jitos sws show %s", name)
	}
	slap, err := k.handPlan(ctx, name, intent)
	if err != nil {
		return ProcessView{}, err
	}
	return k.Open(ctx, slap, name)
}

// handPlan records the task and the one-step plan of a workspace made by hand, in one move.
func (k *Kernel) handPlan(ctx context.Context, name, intent string) (SlapID, error) {
	if intent == "" {
		intent = "work by hand in " + name
	}
	task := TaskID(NewName(intent))
	s := Slap{Task: task, By: k.Actor, Title: "by hand", Steps: []Step{{Name: "work", Title: "work by hand in " + name, Worker: humanWorker}}}
	slap := SlapID(DerivedName(name, string(task), HashOf(s)))
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		declare := k.rule(RuleTask, task, "", intent)
		if err := declare.put(task.Node(), Task{Intent: intent, Actor: k.Actor}); err != nil {
			return nil, err
		}
		plan := k.rule(RulePlan, task, "", "one step by hand")
		plan.Edges = append(plan.Edges, Edge{From: task.Node(), Label: LabelPlan, To: slap.Node()})
		if err := plan.put(slap.Node(), s); err != nil {
			return nil, err
		}
		return []Rewrite{declare, plan}, nil
	})
	return slap, err
}

// isHand tells whether a plan is one step of a person's.
func isHand(s Slap) bool {
	return len(s.Steps) == 1 && s.Steps[0].Worker == humanWorker && len(s.Steps[0].Args) == 0 && s.By != "planner"
}

// Save commits a person's file tree to their workspace.
func (k *Kernel) Save(ctx context.Context, p ProcessView, tree TreeID, message string) (Snapshot, error) {
	what := firstLine(message)
	if what == "" {
		return nil, fmt.Errorf("save %s: %w: say in a message what was done", p.Process.SWS, ErrInvalid)
	}
	ws, err := k.workspace(ctx, p)
	if err != nil {
		return nil, err
	}
	if ws.Tree() == tree {
		return ws, nil
	}
	rw := k.rewrite(RuleSave, p, what)
	rw.Why = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(message), what))
	rw.Tree = tree
	changed, err := k.Merger.Changed(ctx, ws.Tree(), tree)
	if err != nil {
		return nil, err
	}
	for _, path := range changed {
		was, err := ws.PathID(ctx, path)
		if err != nil {
			return nil, err
		}
		rw.Reads = append(rw.Reads, Read{Path: path, Is: was})
	}
	return k.extend(ctx, p, ws, rw)
}
