package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// repair asks the planner to mend the plan of an attempt that was discarded, and records what comes of it: a plan whose parent
// is the broken one, and which says which jobs it keeps. "" where there is none that keeps any, where the attempt ended by
// nothing that a plan can mend, or where the planner does not repair.
func (k *Kernel) repair(ctx context.Context, p ProcessView) (SlapID, error) {
	mender, ok := k.Planner.(Repairer)
	if !ok {
		return "", nil
	}
	var id SlapID
	var said string
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		id = ""
		mended, b, err := k.mend(ctx, mender, at, p)
		if errors.Is(err, ErrNoPlan) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var rw Rewrite
		if rw, id, err = k.repaired(mended, b, p); err != nil {
			return nil, err
		}
		said = rw.Why
		if ok, err := Has(ctx, at, id.Node()); ok || err != nil {
			return nil, err
		}
		return []Rewrite{rw}, nil
	})
	if err != nil || id == "" {
		return "", err
	}
	k.notify(Event{Kind: "plan", Task: p.Process.Task, Text: "repaired: " + said})
	return id, nil
}

// mend asks the planner for a repair of the plan of a discarded attempt; the error Is ErrNoPlan where there is none.
func (k *Kernel) mend(ctx context.Context, mender Repairer, at Snapshot, p ProcessView) (Repaired, Breakdown, error) {
	task, err := Get[Task](ctx, at, p.Process.Task.Node())
	if err != nil {
		return Repaired{}, Breakdown{}, err
	}
	b, err := k.breakdown(ctx, at, p)
	if err != nil {
		return Repaired{}, b, err
	}
	if len(b.Settled) == 0 {
		return Repaired{}, b, fmt.Errorf("repair %s: %w: nothing of it is settled", b.Plan, ErrNoPlan)
	}
	mended, err := mender.Repair(ctx, at, p.Process.Task, task, b)
	return mended, b, err
}

// repaired makes the rewrite of one repair. Its id comes from what is planned, so that the same repair of another attempt is
// the same plan.
func (k *Kernel) repaired(mended Repaired, b Breakdown, p ProcessView) (Rewrite, SlapID, error) {
	s := mended.Slap
	s.Task, s.Parent = p.Process.Task, b.Plan
	id := SlapID(DerivedName(s.Title, string(s.Task), HashOf(s)))
	s.Mends = &Mended{Process: p.ID, Library: mended.Library, Planner: mended.Planner}
	rw := k.rule(RulePlan, s.Task, "", "a repair of "+string(b.Plan)+" keeps "+plural(len(s.Keeps), "job"))
	rw.Why = repairWords(mended, b)
	rw.Edges = append(rw.Edges, Edge{From: s.Task.Node(), Label: LabelPlan, To: id.Node()},
		Edge{From: b.Plan.Node(), Label: LabelRevision, To: id.Node()})
	return rw, id, rw.put(id.Node(), s)
}

func repairWords(r Repaired, b Breakdown) string {
	anew := "nothing is planned anew"
	if r.Task != "" {
		anew = "task " + r.Task + " is planned anew"
	}
	kept := fmt.Sprintf("%s of %d kept (%s)", plural(len(r.Slap.Keeps), "job"), len(r.Slap.Steps), strings.Join(r.Slap.Keeps, ", "))
	return anew + ", " + kept + ", in " + plural(r.Expanded, "decision")
}

// breakdown tells where a discarded attempt ended, by the jobs in its workspace. Nothing is settled in it where the attempt
// ended by something else than its jobs, or where its workspace is gone.
func (k *Kernel) breakdown(ctx context.Context, at Snapshot, p ProcessView) (Breakdown, error) {
	b := Breakdown{Plan: p.Process.Slap}
	end, err := Get[Attempt](ctx, at, NodeID{KindAttempt, string(p.ID)})
	if err != nil {
		return b, err
	}
	if !slices.Contains([]string{"job", "gate", "could-not-run", "denied", "conflict"}, end.Kind) {
		return b, nil
	}
	ws, err := k.Store.Open(ctx, end.Tip)
	if err != nil {
		return b, err
	}
	jobs, err := jobsOf(ctx, ws, p.ID)
	if err != nil {
		return b, err
	}
	b.Again = end.Kind == "conflict"
	var clash []string
	for c, err := range Targets[Conflict](ctx, at, p.ID.Node(), LabelConflict) {
		if err != nil {
			return b, err
		}
		clash = append(clash, c.Record.Path)
	}
	for _, j := range jobs {
		switch {
		case j.failure() != nil:
			b.Steps = append(b.Steps, j.step.Name)
		case !j.passed():
		case b.Again && slices.ContainsFunc(j.last().settled.Paths, func(path string) bool { return slices.Contains(clash, path) }):
			b.Steps = append(b.Steps, j.step.Name)
		default:
			b.Settled = append(b.Settled, j.step.Name)
		}
	}
	return b, nil
}

// carry makes the first rewrites of a repaired plan's workspace: for each step that the plan keeps, a claim and a
// settlement with the result that the step had here in the last attempt at the plan's parent, and its change of the files. A step
// whose reads have moved since, whose change conflicts, or that comes after a step that is not carried, is left to run. The
// verdict of a gate, or of a person, is carried only to the files that it is of. Equal snapshots give equal rewrites.
func (k *Kernel) carry(ctx context.Context, p ProcessView, at Snapshot) ([]Rewrite, error) {
	slap, err := Get[Slap](ctx, at, p.Process.Slap.Node())
	if err != nil || len(slap.Keeps) == 0 {
		return nil, err
	}
	old, ws, err := k.lastAttempt(ctx, at, slap)
	if ws == nil || err != nil {
		return nil, err
	}
	base, err := k.snapshotOf(ctx, ws)
	if err != nil {
		return nil, err
	}
	jobs, err := jobsOf(ctx, ws, old)
	if err != nil {
		return nil, err
	}
	changes, err := k.settledChanges(ctx, ws)
	if err != nil {
		return nil, err
	}
	var chain []Rewrite
	tree, carried := at.Tree(), map[string]bool{}
	for _, c := range changes {
		j := jobOfClaim(jobs, c.claim)
		if j == nil || !k.saw(string(c.commit)) || !j.passed() || j.last().name != c.claim || !slices.Contains(slap.Keeps, j.step.Name) ||
			slices.ContainsFunc(j.step.After, func(dep string) bool { return !carried[dep] }) || (j.step.Gate != nil || j.step.approves()) && c.after != tree {
			continue
		}
		moved, err := Moved(ctx, base, at, c.reads)
		if err != nil {
			return nil, err
		}
		if len(moved) > 0 {
			continue
		}
		after := tree
		if c.before != c.after {
			merged, conflicts, err := k.mergeFiles(ctx, at, c.before, tree, c.after)
			if err != nil {
				return nil, err
			}
			if len(conflicts) > 0 {
				continue
			}
			after = merged
		}
		rewrites, err := k.carried(p, *j, c, tree, after)
		if err != nil {
			return nil, err
		}
		chain, tree, carried[j.step.Name] = append(chain, rewrites...), after, true
	}
	return chain, nil
}

// carried is the claim and the settlement of a job whose result comes from an earlier attempt.
func (k *Kernel) carried(p ProcessView, j jobState, c settledChange, before, after TreeID) ([]Rewrite, error) {
	job := JobID(DerivedName(j.step.Name, string(p.ID), j.step.Name))
	claim := NodeID{KindClaim, string(job) + ".1"}
	take := k.rewrite(RuleClaim, p, j.step.Name+", kept from an earlier attempt")
	if err := take.put(claim, Claim{Job: job, Number: 1, Base: before}); err != nil {
		return nil, err
	}
	take.Edges = append(take.Edges, Edge{From: job.Node(), Label: LabelClaim, To: claim})
	s := *j.last().settled
	s.Claim, s.Job, s.From, s.Millis, s.Output = claim.Name, job, KindSettlement+"/"+c.claim, 0, ""
	settle := k.rewrite(RuleSettle, p, strings.TrimSuffix(settledWords(j.step, *j.last().settled), ", by an earlier result")+", as before")
	settle.Tree, settle.Reads = after, c.reads
	settled := NodeID{KindSettlement, claim.Name}
	settle.Edges = append(settle.Edges, Edge{From: claim, Label: LabelSettlement, To: settled})
	err := settle.put(settled, s)
	return []Rewrite{take, settle}, err
}

// lastAttempt finds the last attempt at the parent of a plan that was discarded, and its workspace; nil where there is none, or
// where its month of the archive was dropped.
func (k *Kernel) lastAttempt(ctx context.Context, at Snapshot, slap Slap) (ProcessID, Snapshot, error) {
	v, err := ViewTask(ctx, at, slap.Task, k.Local.Clone())
	if err != nil {
		return "", nil, err
	}
	for _, p := range slices.Backward(v.Processes) {
		if p.Process.Slap != slap.Parent || p.Attempt == nil {
			continue
		}
		ws, err := k.Store.Open(ctx, p.Attempt.Tip)
		if errors.Is(err, ErrNotFound) {
			return "", nil, nil
		}
		return p.ID, ws, err
	}
	return "", nil, nil
}

// wasTried tells whether the same steps were tried on the present files, as this plan or as another: a repair may come to
// what the planner had as its next candidate.
func (k *Kernel) wasTried(ctx context.Context, id SlapID, out *Outcome) (bool, error) {
	at, err := k.System(ctx)
	if err != nil {
		return false, err
	}
	slap, err := Get[Slap](ctx, at, id.Node())
	if err != nil {
		return false, err
	}
	v, err := ViewTask(ctx, at, slap.Task, k.Local.Clone())
	if err != nil {
		return false, err
	}
	for _, p := range v.Processes {
		switch {
		case p.Open() && p.Process.Slap == id:
			return true, nil // it waits for a person
		case p.Open() && p.Process.Tree == at.Tree():
		case p.Attempt == nil || p.Attempt.At != at.Tree() || mayDiffer(p, out) || p.Process.Slap == id:
			continue // the plan itself: candidates left it out unless it was asked for
		}
		other, err := Get[Slap](ctx, at, p.Process.Slap.Node())
		if err != nil {
			return false, err
		}
		if other.By == slap.By && HashOf(other.Steps) == HashOf(slap.Steps) {
			return true, nil
		}
	}
	return false, nil
}
