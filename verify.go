package jitos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Rerun runs the deterministic rule of a commit again on what it was given, and compares: the planner on the first parent
// (plan, and the repair of one), the DAG of a plan (compile), the three-way merges of a workspace or of the user's files (collapse, absorb),
// and what the policy says of who changes it and what is kept (method, retire). It tells whether there was something to run: a rule of another version, another planner or library, a plan that a person
// wrote and every other rule are not run. An error that Is ErrCorrupt says that the commit is not what the rule gives.
//
// A store's own replay shows that a commit holds what its record says; this shows that the record is right.
func (k *Kernel) Rerun(ctx context.Context, c Commit) (ran bool, err error) {
	r := c.Record
	if r == nil || r.Version != RuleVersion(r.Rule) || len(c.Parents) == 0 {
		return false, nil
	}
	before, err := k.Store.Open(ctx, c.Parents[0])
	if err != nil {
		return false, err
	}
	after, err := k.Store.Open(ctx, c.ID)
	if err != nil {
		return false, err
	}
	switch r.Rule {
	case RulePlan:
		if was := CommitID(c.Trailers[trailerWas]); was != "" {
			ran, err = k.rerunOrigin(ctx, c, was)
			break
		}
		ran, err = k.rerunPlan(ctx, before, after)
	case RuleCompile:
		ran, err = k.rerunCompile(ctx, before, after)
	case RuleCollapse:
		ran, err = k.rerunCollapse(ctx, before, after)
	case RuleAbsorb:
		ran, err = k.rerunAbsorb(ctx, before, after)
	case RuleRetire:
		ran, err = k.rerunRetire(ctx, before, after)
	case RuleMethod:
		ran, err = k.rerunMethod(ctx, before, after)
	}
	if err != nil {
		return ran, fmt.Errorf("%s again: %w", r.Rule, err)
	}
	return ran, nil
}

// rerunOrigin is for a plan that was submitted again after it was made on another line: the planner is run on what that line
// was then, and this commit may hold nothing but what that one holds. Where the archive does not have it, it cannot.
func (k *Kernel) rerunOrigin(ctx context.Context, c Commit, was CommitID) (bool, error) {
	after, err := k.Store.Open(ctx, was)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	origin := after.Commit()
	if origin.Record == nil || origin.Record.Rule != c.Record.Rule || len(origin.Parents) == 0 {
		return true, fmt.Errorf("%w: %s, which it says that it was, is no %s", ErrCorrupt, short(was), c.Record.Rule)
	}
	for item, blob := range c.Record.Set {
		if origin.Record.Set[item] != blob {
			return true, fmt.Errorf("%w: it writes %s, which %s does not", ErrCorrupt, item, short(was))
		}
	}
	if origin.Trailers[trailerWas] != "" || origin.Record.Version != RuleVersion(origin.Record.Rule) {
		return false, nil
	}
	before, err := k.Store.Open(ctx, origin.Parents[0])
	if err != nil {
		return false, err
	}
	return k.rerunPlan(ctx, before, after)
}

func (k *Kernel) rerunPlan(ctx context.Context, before, after Snapshot) (bool, error) {
	var recorded *Planning
	var mended *Mended
	for item := range after.Commit().Record.Set {
		p, err := item.Parse()
		if err != nil {
			return false, err
		}
		if p.Label != "" || p.File != "" {
			continue
		}
		switch p.Node.Kind {
		case KindPlanning:
			found, err := Get[Planning](ctx, after, p.Node)
			if err != nil {
				return false, err
			}
			recorded = &found
		case KindSlap:
			found, err := Get[Slap](ctx, after, p.Node)
			if err != nil {
				return false, err
			}
			mended = found.Mends
		}
	}
	if recorded == nil && mended != nil {
		return k.rerunRepair(ctx, before, after, *mended)
	}
	if recorded == nil {
		return false, nil // a person's plan
	}
	task, err := Get[Task](ctx, before, recorded.Task.Node())
	if err != nil {
		return false, err
	}
	planner := k.Planner
	if c, ok := planner.(Chooser); ok && recorded.K > 0 {
		planner = c.Best(recorded.K)
	}
	candidates, planning, err := planner.Plan(ctx, before, recorded.Task, task)
	if err != nil {
		return false, err
	}
	if planning.Planner != recorded.Planner || planning.Library != recorded.Library {
		return false, nil
	}
	rw, _, _, err := k.planned(recorded.Task, candidates, planning)
	if err != nil {
		return true, err
	}
	return true, sameWrites(ctx, after, rw, nil)
}

// rerunRepair plans a repair again, from the jobs of the attempt that broke. Where that was dropped from the archive it cannot.
func (k *Kernel) rerunRepair(ctx context.Context, before, after Snapshot, m Mended) (bool, error) {
	mender, ok := k.Planner.(Repairer)
	if !ok {
		return false, nil
	}
	process, err := Get[Process](ctx, before, m.Process.Node())
	if err != nil {
		return true, fmt.Errorf("%w: the attempt that it repairs: %v", ErrCorrupt, err)
	}
	p := ProcessView{ID: m.Process, Process: process}
	end, err := Get[Attempt](ctx, before, NodeID{KindAttempt, string(p.ID)})
	if err != nil {
		return true, fmt.Errorf("%w: the attempt that it repairs has not ended: %v", ErrCorrupt, err)
	}
	if _, err := k.Store.Open(ctx, end.Tip); errors.Is(err, ErrNotFound) {
		return false, nil
	}
	mended, b, err := k.mend(ctx, mender, before, p)
	if err != nil && !errors.Is(err, ErrNoPlan) {
		return false, err
	}
	if mended.Planner != m.Planner || mended.Library != m.Library {
		return false, nil
	}
	if err != nil {
		return true, fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	rw, _, err := k.repaired(mended, b, p)
	if err != nil {
		return true, err
	}
	return true, sameWrites(ctx, after, rw, nil)
}

func (k *Kernel) rerunCompile(ctx context.Context, before, after Snapshot) (bool, error) {
	id := after.Commit().Record.Process
	process, err := Get[Process](ctx, before, id.Node())
	if err != nil {
		return false, err
	}
	chain, err := k.compile(ctx, ProcessView{ID: id, Process: process}, before)
	if err != nil {
		return true, err
	}
	return true, sameWrites(ctx, after, chain[0], nil)
}

func (k *Kernel) rerunCollapse(ctx context.Context, before, after Snapshot) (bool, error) {
	c := after.Commit()
	if len(c.Parents) != 2 {
		return false, nil // a user's rewrite, forked and collapsed in one commit: there is nothing to merge
	}
	ws, err := k.Store.Open(ctx, c.Parents[1])
	if err != nil {
		return false, err
	}
	base, err := k.snapshotOf(ctx, ws)
	if err != nil {
		return false, err
	}
	merger, err := k.merger(ctx, before)
	if err != nil {
		return false, err
	}
	rw, conflicts, err := merger.Merge(ctx, base, before, ws)
	if err != nil {
		return true, err
	}
	if len(conflicts) > 0 {
		return true, fmt.Errorf("%w: the merge has conflicts: %v", ErrCorrupt, &ConflictError{conflicts})
	}
	if rw.Tree != c.Tree {
		return true, fmt.Errorf("%w: the merge gives the files %s, the commit has %s", ErrCorrupt, rw.Tree, c.Tree)
	}
	// Beside the merge, a collapse writes how the process ended and on what evidence.
	own := []string{KindCollapse + "/" + string(c.Record.Process), KindProcess + "/" + string(c.Record.Process) + "#" + LabelEnd + "/",
		KindEvidence + "/"}
	if err := sameWrites(ctx, after, rw, own); err != nil {
		return true, err
	}
	return true, proven(ctx, after)
}

// proven checks that the evidence that a collapse names is of exactly the tree that it made, and says that the goal holds.
func proven(ctx context.Context, after Snapshot) error {
	c := after.Commit()
	end, err := Get[Collapse](ctx, after, NodeID{KindCollapse, string(c.Record.Process)})
	if err != nil {
		return err
	}
	if end.Tip != c.Parents[1] {
		return fmt.Errorf("%w: it merges %s, its record names %s", ErrCorrupt, short(c.Parents[1]), short(end.Tip))
	}
	task, err := Get[Task](ctx, after, end.Task.Node())
	if err != nil {
		return err
	}
	holds := task.Goal == nil || end.NoGate != ""
	for _, name := range end.Evidence {
		e, err := Get[Evidence](ctx, after, NodeID{KindEvidence, name})
		if err != nil {
			return err
		}
		if e.Tree != c.Tree {
			return fmt.Errorf("%w: evidence %s is of another tree", ErrCorrupt, name)
		}
		holds = holds || e.Gate == task.Goal.words() && e.Verdict == Pass
	}
	if end.Tree != c.Tree || !holds {
		return fmt.Errorf("%w: no evidence says that the goal holds on this tree", ErrCorrupt)
	}
	return nil
}

// rerunMethod checks that the policy, as it was before, let the actor change what he did.
func (k *Kernel) rerunMethod(ctx context.Context, before, after Snapshot) (bool, error) {
	refused, err := k.refused(ctx, before, after.Commit())
	if err == nil && refused != nil {
		err = fmt.Errorf("%w: %v", ErrCorrupt, refused)
	}
	return true, err
}

// refused says why the policy of a snapshot does not let a commit change the fabric's own files as it does, nil where it does.
func (k *Kernel) refused(ctx context.Context, at Snapshot, c Commit) (refused, err error) {
	policy, err := k.policyAt(ctx, at)
	if unread := (*unreadPolicy)(nil); errors.As(err, &unread) {
		return nil, nil // it does not say
	}
	if err != nil {
		return nil, err
	}
	for _, item := range append(slices.Sorted(maps.Keys(c.Record.Set)), c.Record.Drop...) {
		p, err := item.Parse()
		if err != nil {
			return nil, err
		}
		if refused := policy.MayChange(p.File, c.Record.Actor); refused != nil {
			return refused, nil
		}
	}
	return nil, nil
}

func (k *Kernel) rerunAbsorb(ctx context.Context, before, after Snapshot) (bool, error) {
	c := after.Commit()
	next, err := Get[Sync](ctx, after, SyncNode)
	if err != nil {
		return false, err
	}
	old, err := Get[Sync](ctx, before, SyncNode)
	if errors.Is(err, ErrNotFound) {
		old = Sync{Tree: emptyTree}
	} else if err != nil {
		return false, err
	}
	if old.Dirty || next.Dirty {
		return false, nil // uncommitted files are kept as what they became, not as they were
	}
	files, err := k.filesOf(ctx, next.Commit)
	if err != nil {
		return false, err
	}
	if files != next.Tree {
		return true, fmt.Errorf("%w: the commit %s has the files %s, the record says %s", ErrCorrupt, short(next.Commit), files, next.Tree)
	}
	tree, conflicts, err := k.mergeFiles(ctx, before, old.Tree, before.Tree(), next.Tree)
	if err != nil {
		return false, err
	}
	if len(conflicts) > 0 || tree != c.Tree {
		return true, fmt.Errorf("%w: the merge gives the files %q, the commit has %s", ErrCorrupt, tree, c.Tree)
	}
	return true, nil
}

// sameWrites compares what a rule gives with what the commit holds: every node and edge is there as given, every dropped
// item is gone, and the commit wrote nothing else, but for items that begin with one of own.
func sameWrites(ctx context.Context, after Snapshot, rw Rewrite, own []string) error {
	expected := map[ItemID]bool{}
	for _, n := range rw.Set {
		expected[n.ID.Item()] = true
		if same, err := sameNode(ctx, after, n); err != nil {
			return err
		} else if !same && !hasPrefix(n.ID.Item(), own) {
			return fmt.Errorf("%w: %s is not what the rule gives", ErrCorrupt, n.ID)
		}
	}
	for _, e := range rw.Edges {
		expected[e.Item()] = true
		if blob, err := after.Blob(ctx, e.Item()); err != nil {
			return err
		} else if blob == "" {
			return fmt.Errorf("%w: %s, which the rule gives, is not there", ErrCorrupt, e.Item())
		}
	}
	for path := range rw.Fabric {
		expected[FabricItem(path)] = true
	}
	dropped := map[ItemID]bool{}
	for _, item := range rw.Drop {
		dropped[item] = true
	}
	for item := range after.Commit().Record.Set {
		if !expected[item] && !hasPrefix(item, own) {
			return fmt.Errorf("%w: it writes %s, which the rule does not give", ErrCorrupt, item)
		}
	}
	for _, item := range after.Commit().Record.Drop {
		if !dropped[item] && !expected[item] {
			return fmt.Errorf("%w: it drops %s, which the rule does not", ErrCorrupt, item)
		}
		delete(dropped, item)
	}
	for item := range dropped {
		if blob, err := after.Blob(ctx, item); err != nil {
			return err
		} else if blob != "" {
			return fmt.Errorf("%w: %s, which the rule drops, is still there", ErrCorrupt, item)
		}
	}
	return nil
}

func hasPrefix(item ItemID, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(string(item), p) {
			return true
		}
	}
	return false
}
