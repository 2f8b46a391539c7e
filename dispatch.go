package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// dispatch hands one claimed job to the executor: a directory and a job, never a store and never a .git. unfit says why there are no
// arguments for it.
func (k *Kernel) dispatch(ctx context.Context, p ProcessView, ws Snapshot, j jobState, args map[string]string, unfit error) (o outcome) {
	o = outcome{job: j, claim: j.claims[len(j.claims)-1].name, base: ws}
	k.notify(Event{Kind: "job", Task: p.Process.Task, Process: p.ID, Job: j.id, Text: j.step.words()})
	start := time.Now()
	defer func() {
		if o.err != nil && errors.Is(context.Cause(ctx), errSpent) {
			reason := fmt.Sprintf("it was ended: the quota of %s of running jobs is used up", plural(p.Process.Quota.Seconds, "second"))
			o.err, o.proof, o.result = nil, nil, Result{Tree: ws.Tree(), Verdict: Fail, Exit: exitSpent, Reason: reason}
		}
		if o.result.Took == 0 {
			o.result.Took = time.Since(start)
		}
	}()
	step, err := k.admit(ctx, p, j.step)
	if err != nil && !errors.Is(err, ErrDenied) {
		o.err = err
		return o
	}
	if err != nil {
		o.result = Result{Tree: ws.Tree(), Verdict: Fail, Exit: exitDenied, Reason: err.Error(),
			Findings: []Finding{{About: AboutDenied, Text: err.Error()}}}
		return o
	}
	if j.step.Gate != nil {
		o.result, o.proof, o.from, o.err = k.dispatchGate(ctx, p, ws, j.step)
		return o
	}
	if o.err = pause(ctx, backoff(j)); o.err != nil {
		return o
	}
	action := Action{Process: p.ID, Job: j.id, Step: step, Tree: ws.Tree(), Args: args, Grants: step.Needs}
	if o.err = unfit; o.err == nil {
		k.act(ctx, p, ws, action, &o)
	}
	if o.err == nil {
		o.err = ctx.Err() // what a cancelled job returns is no result
	}
	if slices.ContainsFunc(o.result.Findings, func(f Finding) bool { return f.About == AboutDenied }) {
		o.result.Exit = exitDenied
	}
	return o
}

// backoff is how long to wait before this try of a job: nothing before the first, then what the step says, doubled each time.
func backoff(j jobState) time.Duration {
	failed := 0
	for _, c := range j.claims {
		if c.settled != nil && !c.settled.Stale && c.settled.Verdict == Fail {
			failed++
		}
	}
	if failed == 0 {
		return 0
	}
	return min(time.Duration(j.step.Backoff)*time.Second<<(failed-1), time.Hour)
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// act gives an action the result of an equal one that was settled before, else has it executed.
func (k *Kernel) act(ctx context.Context, p ProcessView, ws Snapshot, action Action, o *outcome) {
	at, err := k.System(ctx)
	if err == nil {
		o.action.Key, o.action.Env, err = k.keyOf(ctx, p, ws, action)
	}
	if err == nil && o.action.Key != "" && !k.NoCache {
		var r recalled
		r, err = k.recall(ctx, o.action.Key, action.Step, ws, at)
		o.result, o.from, o.signer = r.Result, r.from, r.signer
	}
	if o.err = err; o.from != "" || err != nil {
		return
	}
	tried := &probes{}
	o.result, o.err = k.execute(ctx, action, &host{k: k, p: p, job: o.job.id, probes: tried})
	o.err = errors.Join(o.err, k.keepProbes(context.WithoutCancel(ctx), p, ws, o.job, o.claim, tried))
}

// dispatchGate proves the workspace's tree for a gate that is a step of the plan.
func (k *Kernel) dispatchGate(ctx context.Context, p ProcessView, ws Snapshot, step Step) (Result, *Evidence, string, error) {
	at, err := k.System(ctx)
	if err != nil {
		return Result{}, nil, "", err
	}
	if step.Expect != "" && step.Expect != "pass" {
		e, known, err := k.prove(ctx, at, p, ws.Tree(), *step.Gate, ws)
		r := Result{Tree: ws.Tree(), Verdict: Pass, Report: e.Report, Output: e.Output}
		switch {
		case e.Verdict == CouldNot:
			r.Verdict, r.Reason = CouldNot, e.Reason
		case step.Expect == "fail" && e.Verdict == Pass:
			r.Verdict, r.Reason = Fail, e.Gate+" passes, and was expected to fail"
		}
		return r, &e, reused(e, known), err
	}
	task, err := Get[Task](ctx, at, p.Process.Task.Node())
	if err != nil {
		return Result{}, nil, "", err
	}
	isGoal := task.Goal != nil && HashOf(task.Goal) == HashOf(step.Gate)
	pr, err := k.satisfy(ctx, at, p, ws.Tree(), []Requirement{{GateRef: *step.Gate, Goal: isGoal}}, ws)
	if err != nil {
		return Result{}, nil, "", err
	}
	if pr.missed == nil && len(pr.open) > 0 {
		a, err := k.answerTo(ctx, at, pr.open[0])
		if err == nil && a == nil {
			err = k.ask(ctx, p, pr.open[0], pr.evidence)
		}
		if err != nil {
			return Result{}, nil, "", err
		}
		if a.Decision != Approved {
			pr.missed = &jobFailed{step: step.Name, kind: "gate", reason: pr.open[0].Text + "; " + a.words()}
		}
	}
	e := pr.evidence[0]
	r := Result{Tree: ws.Tree(), Verdict: Pass, Report: e.Report, Output: e.Output}
	if pr.missed != nil {
		r.Verdict, r.Reason = Fail, pr.missed.reason
		if pr.missed.kind == "could-not-run" {
			r.Verdict = CouldNot
		}
	}
	_, err = Get[Evidence](ctx, ws, NodeID{KindEvidence, e.Name()})
	return r, &e, reused(e, err == nil && !k.NoCache), nil
}

func reused(e Evidence, known bool) string {
	if known {
		return KindEvidence + "/" + e.Name()
	}
	return ""
}

// arguments are the step's, and the artifacts of the steps before it that its inputs name.
func arguments(step Step, jobs *agenda) (map[string]string, error) {
	args := map[string]string{}
	for k, v := range step.Args {
		args[k] = v
	}
	for name, from := range step.Inputs {
		i := strings.LastIndexByte(from, '.')
		if i < 0 {
			return nil, fmt.Errorf("input %s: %w: want step.artifact, have %q", name, ErrInvalid, from)
		}
		found := false
		if at, ok := jobs.steps[from[:i]]; ok && jobs.jobs[at].passed() {
			args[name], found = jobs.jobs[at].last().settled.Artifacts[from[i+1:]]
		}
		if !found {
			return nil, fmt.Errorf("input %s: %w: step %s left no artifact %s", name, ErrInvalid, from[:i], from[i+1:])
		}
	}
	return args, nil
}
