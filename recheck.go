package jitos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Recheck runs the action that a commit settled again, on the files that it was given, and compares what comes of it: the
// verdict, the files and the artifacts; of a gate, the verdict on its file tree. Nothing is written. An error that Is ErrCorrupt
// says that the action gives something else, so that whoever reuses the result is misled: it was tampered with, or the job depends
// on more than its inputs and should say so.
//
// It tells whether there was something to run: actions that cannot be compared (another environment, not allowed here, a worker
// of which nothing is reused) are not.
func (k *Kernel) Recheck(ctx context.Context, c Commit) (ran bool, err error) {
	if c.Record == nil || c.Record.Rule != RuleSettle {
		return false, nil
	}
	if _, err := k.System(ctx); err != nil { // its policy bounds what may run
		return false, err
	}
	at, err := k.Store.Open(ctx, c.ID)
	if err != nil {
		return false, err
	}
	for item := range c.Record.Set {
		claim, ok := strings.CutPrefix(string(item), KindSettlement+"/")
		if !ok || strings.Contains(claim, "#") {
			continue
		}
		s, err := Get[Settlement](ctx, at, NodeID{KindSettlement, claim})
		if err != nil {
			return false, err
		}
		job, err := Get[Job](ctx, at, s.Job.Node())
		if err != nil {
			return false, err
		}
		process, err := Get[Process](ctx, at, job.Process.Node())
		if err != nil {
			return false, err
		}
		p := ProcessView{ID: job.Process, Process: process}
		if s.From != "" || s.Stale || Admit(job.Step, k.grants(p), k.bounds(), k.Local.Allowed) != nil {
			return false, nil
		}
		if job.Step.Gate != nil {
			return k.recheckGate(ctx, at, p, claim)
		}
		if s.Verdict == Pass {
			return k.recheckAction(ctx, at, p, job.Step, s)
		}
	}
	return false, nil
}

func (k *Kernel) recheckAction(ctx context.Context, at Snapshot, p ProcessView, step Step, s Settlement) (bool, error) {
	var known *SettledAction
	for a, err := range Targets[SettledAction](ctx, at, NodeID{KindSettlement, s.Claim}, LabelAction) {
		if err != nil {
			return false, err
		}
		known = &a.Record
	}
	if known == nil {
		return false, nil
	}
	changes, err := k.settledChanges(ctx, at)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(changes, func(c settledChange) bool { return c.claim == s.Claim })
	if i < 0 || changes[i].claimed == "" {
		return false, nil
	}
	c := changes[i]
	ws, err := k.Store.Open(ctx, c.claimed)
	if err != nil {
		return false, err
	}
	jobs, err := jobsOf(ctx, ws, p.ID)
	if err != nil {
		return false, err
	}
	step = step.Within(k.grants(p), k.bounds())
	action := Action{Process: p.ID, Job: s.Job, Step: step, Tree: ws.Tree(), Grants: step.Needs}
	if action.Args, err = arguments(step, newAgenda(jobs)); err != nil {
		return false, err
	}
	key, env, err := k.keyOf(ctx, p, ws, action)
	if err != nil || env != known.Env {
		return false, err
	}
	if key != known.Key {
		return true, fmt.Errorf("%w: the key of the action of step %s is %s, the record says %s", ErrCorrupt, step.Name, key, known.Key)
	}
	r, err := k.execute(ctx, action, &host{k: k, p: p, job: s.Job, probes: &probes{}})
	if err != nil {
		return false, err
	}
	after := c.before
	if r.Verdict == Pass && r.Tree != "" && r.Tree != action.Tree {
		var conflicts []Conflict
		if after, conflicts, err = k.mergeFiles(ctx, ws, action.Tree, c.before, r.Tree); err != nil {
			return true, err
		}
		if len(conflicts) > 0 {
			after = ""
		}
	}
	switch {
	case r.Verdict != s.Verdict:
		return true, fmt.Errorf("%w: step %s, run again on the same files, gives the verdict %s: %s", ErrCorrupt, step.Name, r.Verdict, r.Reason)
	case after != c.after:
		changed, err := k.Merger.Changed(ctx, c.after, after)
		if after == "" || err != nil {
			return true, errors.Join(err, fmt.Errorf("%w: step %s, run again on the same files, makes other files", ErrCorrupt, step.Name))
		}
		return true, fmt.Errorf("%w: step %s, run again on the same files, gives other content of %s", ErrCorrupt, step.Name, few(changed))
	case !maps.Equal(r.Artifacts, s.Artifacts):
		return true, fmt.Errorf("%w: step %s, run again on the same files, gives other artifacts", ErrCorrupt, step.Name)
	}
	return true, nil
}

// recheckGate runs a gate again where its evidence was found here. Evidence that another settlement had found already is
// looked at there.
func (k *Kernel) recheckGate(ctx context.Context, at Snapshot, p ProcessView, claim string) (bool, error) {
	job, err := Get[Claim](ctx, at, NodeID{KindClaim, claim})
	if err != nil {
		return false, err
	}
	step, err := Get[Job](ctx, at, job.Job.Node())
	if err != nil {
		return false, err
	}
	for was, err := range Targets[Evidence](ctx, at, NodeID{KindSettlement, claim}, LabelEvidence) {
		if err != nil {
			return false, err
		}
		now, known, err := k.prove(ctx, at, p, was.Record.Tree, *step.Step.Gate, nothing{})
		if err != nil || now.Definition != was.Record.Definition || now.Env != was.Record.Env {
			return false, err
		}
		if known || now.Verdict == was.Record.Verdict {
			return !known, nil
		}
		return true, fmt.Errorf("%w: gate %s, run again on the files %s, gives the verdict %s, the record says %s", ErrCorrupt,
			now.Gate, short(CommitID(was.Record.Tree)), now.Verdict, was.Record.Verdict)
	}
	return false, nil
}
