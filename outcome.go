package jitos

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Outcome is what became of a task; its JSON is a promise to scripts.
type Outcome struct {
	Task     TaskID         `json:"task"`
	Outcome  string         `json:"outcome"` // "collapsed", "already-true", "failed", "no-plan", "cancelled", "conflict", "exhausted", "waiting", "denied"
	Process  ProcessID      `json:"process,omitempty"`
	Commit   CommitID       `json:"commit,omitempty"` // the collapse
	Slap     SlapID         `json:"slap,omitempty"`
	Attempts []AttemptEnd   `json:"attempts"`
	Evidence []EvidenceLine `json:"evidence"`
	Files    []string       `json:"files"`
	Reason   string         `json:"reason,omitempty"`
	Nearest  []string       `json:"nearest,omitempty"`
	Landed   CommitID       `json:"landed,omitempty"`
	Waiting  []Waiting      `json:"waiting,omitempty"` // questions that it leaves to a person

	racer *racer // of the attempts, nil where they are tried one after the other
}

// AttemptEnd is one attempt of an Outcome.
type AttemptEnd struct {
	Process ProcessID `json:"process"`
	Slap    SlapID    `json:"slap"`
	Outcome string    `json:"outcome"`
	Reason  string    `json:"reason,omitempty"`
	Jobs    JobCounts `json:"jobs"`
}

// EvidenceLine is one piece of evidence of an Outcome.
type EvidenceLine struct {
	Gate    string  `json:"gate"`
	Tree    TreeID  `json:"tree"`
	Verdict Verdict `json:"verdict"`
	Name    string  `json:"name"`
}

// FailedOutcome is the outcome of what came to its end before there was an attempt.
func FailedOutcome(err error) Outcome { return Outcome{Outcome: outcomeOf(err), Reason: err.Error()} }

// outcomeOf names the outcome that an error stands for.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "collapsed"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	case errors.Is(err, ErrNoPlan):
		return "no-plan"
	case errors.Is(err, ErrExhausted):
		return "exhausted"
	case errors.Is(err, ErrWaiting):
		return "waiting"
	case errors.Is(err, ErrDenied):
		return "denied"
	case errors.Is(err, ErrConflict), errors.Is(err, ErrStale):
		return "conflict"
	}
	return "failed"
}

// alreadyDone fills the outcome of a task that has collapsed before.
func (k *Kernel) alreadyDone(ctx context.Context, at Snapshot, v TaskView, out *Outcome) error {
	out.Outcome = "collapsed"
	for _, p := range v.Processes {
		end := AttemptEnd{Process: p.ID, Slap: p.Process.Slap, Outcome: "collapsed"}
		if p.Collapse != nil {
			out.Process, out.Slap = p.ID, p.Process.Slap
			for _, name := range p.Collapse.Evidence {
				e, err := Get[Evidence](ctx, at, NodeID{KindEvidence, name})
				if err != nil {
					return err
				}
				out.Evidence = append(out.Evidence, evidenceLines([]Evidence{e})...)
			}
		} else if p.Attempt != nil {
			end.Outcome, end.Reason = p.Attempt.Kind, p.Attempt.Reason
		}
		var err error
		if end.Jobs, err = k.countedJobs(ctx, p.ID); err != nil {
			return err
		}
		out.Attempts = append(out.Attempts, end)
	}
	for c, err := range k.Store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return err
		}
		if c.Record != nil && c.Record.Rule == RuleCollapse && c.Record.Process == out.Process {
			out.Commit = c.ID
			if len(c.Parents) == 0 {
				return nil
			}
			before, err := k.Store.Open(ctx, c.Parents[0])
			if err != nil {
				return err
			}
			out.Files, err = k.Merger.Changed(ctx, before.Tree(), c.Tree)
			return err
		}
	}
	return nil
}

// alreadyTrue proves the goal on the system's files as they are. True: there is nothing to do. False: it is red, and the
// evidence, on record now, is what an attempt will be measured against. A goal that could not run starts no work.
func (k *Kernel) alreadyTrue(ctx context.Context, at Snapshot, v TaskView, out *Outcome) (bool, error) {
	if v.Task.Goal == nil {
		return false, nil
	}
	p := ProcessView{Process: Process{Task: v.ID, Tree: at.Tree()}}
	e, _, err := k.prove(ctx, at, p, at.Tree(), *v.Task.Goal)
	if err != nil {
		return false, err
	}
	if e.Verdict == CouldNot {
		return false, Hint(fmt.Errorf("%s could not run: %s", e.Gate, e.Reason), "nothing was changed; make it run, then `jitos run %s`", v.ID)
	}
	out.Evidence = evidenceLines([]Evidence{e})
	id := NodeID{KindEvidence, e.Name()}
	_, err = k.record(ctx, func(now Snapshot) ([]Rewrite, error) {
		edge := Edge{From: v.ID.Node(), Label: LabelEvidence, To: id}
		if blob, err := now.Blob(ctx, edge.Item()); err != nil {
			return nil, err
		} else if blob != "" {
			if was, err := Get[Evidence](ctx, now, id); err != nil || was.Verdict == e.Verdict {
				return nil, err
			}
		}
		rw := k.rule(RuleProve, v.ID, "", proveWords(e))
		rw.Edges = []Edge{edge}
		return rw.with(id, e)
	})
	if err != nil {
		return false, err
	}
	k.notify(Event{Kind: "gate", Task: v.ID, Text: proveWords(e), Verdict: e.Verdict})
	if e.Verdict == Pass {
		out.Outcome = "already-true"
	}
	return e.Verdict == Pass, nil
}

func proveWords(e Evidence) string {
	gate := firstLine(e.Gate)
	if e.Verdict == Pass {
		return gate + " holds on these files"
	}
	if e.Report != nil && len(e.Report.Failed) > 0 {
		return gate + " does not hold: " + plural(len(e.Report.Failed), "test") + " failing"
	}
	return gate + " does not hold"
}

// noMore says why a run ended without a collapse.
func (k *Kernel) noMore(ctx context.Context, id TaskID, out *Outcome) error {
	at, err := k.System(ctx)
	if err != nil {
		return err
	}
	v, err := ViewTask(ctx, at, id, k.Local.Clone())
	if err != nil {
		return err
	}
	if len(v.Slaps) == 0 {
		return Hint(fmt.Errorf("%w for %q: the task %s is kept", ErrNoPlan, v.Task.Intent, id),
			"`jitos plan %s --explain` says why; `jitos plan %s --from FILE` takes a plan of yours", id, id)
	}
	if n := len(out.Waiting); n > 0 {
		return Hint(fmt.Errorf("%w: %s for this to be made real; the first: %s", ErrWaiting, plural(n, "answer"), out.Waiting[0].Why),
			"`jitos inbox` shows what waits; approve or reject it, then `jitos run %s`", id)
	}
	last := k.lastOf(ctx, v, out)
	switch last.Outcome {
	case "denied":
		return fmt.Errorf("%w: %s", ErrDenied, last.Reason)
	case "conflict":
		return fmt.Errorf("%w: %s", ErrConflict, last.Reason)
	}
	return Hint(fmt.Errorf("%w; the last: %s", ErrExhausted, last.Reason), "`jitos show %s` tells what each attempt learned", id)
}

// lastOf is the last attempt of this run, or of an earlier one.
func (k *Kernel) lastOf(ctx context.Context, v TaskView, out *Outcome) AttemptEnd {
	if n := len(out.Attempts); n > 0 {
		return out.Attempts[n-1]
	}
	for _, p := range v.Processes {
		if p.Attempt != nil {
			end := AttemptEnd{Process: p.ID, Slap: p.Process.Slap, Outcome: p.Attempt.Kind, Reason: p.Attempt.Reason}
			end.Jobs, _ = k.countedJobs(ctx, p.ID) // of a past run: nothing depends on it
			out.Attempts = append(out.Attempts, end)
		}
	}
	if n := len(out.Attempts); n > 0 {
		return out.Attempts[n-1]
	}
	return AttemptEnd{Reason: "no candidate is left to try"}
}

func evidenceLines(list []Evidence) []EvidenceLine {
	lines := []EvidenceLine{}
	for _, e := range list {
		lines = append(lines, EvidenceLine{Gate: e.Gate, Tree: e.Tree, Verdict: e.Verdict, Name: e.Name()})
	}
	return lines
}

// Submission is a rewrite of a user's: nodes and edges to set or drop, and what it relied on.
type Submission struct {
	Set   []Node
	Edges []Edge
	Drop  []ItemID
	Reads []Read // each with Is as the caller saw it
	What  string
	Why   string
}

// SubmitRewrite writes a user's nodes and edges: into a workspace, or, for sws "", into an unnamed one that is forked and
// collapsed in one commit. A read that sees something else by now refuses it with ErrStale.
func (k *Kernel) SubmitRewrite(ctx context.Context, s Submission, sws string) (Commit, error) {
	if len(s.Set)+len(s.Edges)+len(s.Drop) == 0 {
		return Commit{}, fmt.Errorf("rewrite: %w: it sets and drops nothing", ErrInvalid)
	}
	if s.What == "" {
		s.What = submissionWords(s)
	}
	if sws != "" {
		return k.submitTo(ctx, s, sws)
	}
	after, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		rw, err := k.submission(ctx, at, s, RuleCollapse, ProcessView{})
		return []Rewrite{rw}, err
	})
	if err != nil {
		return Commit{}, err
	}
	return after.Commit(), nil
}

func (k *Kernel) submitTo(ctx context.Context, s Submission, name string) (Commit, error) {
	w, err := k.Workspace(ctx, name)
	if err != nil {
		return Commit{}, err
	}
	if dir, err := k.Repository.CheckedOut(ctx, w.Process.ref()); err != nil {
		return Commit{}, err
	} else if dir != "" {
		return Commit{}, fmt.Errorf("workspace %s: %w: it is checked out in %s and is not moved under its owner", name, ErrBusy, dir)
	}
	for {
		ws, err := k.workspace(ctx, w.Process)
		if err != nil {
			return Commit{}, err
		}
		rw, err := k.submission(ctx, ws, s, RuleGraph, w.Process)
		if err != nil {
			return Commit{}, err
		}
		after, err := k.extend(ctx, w.Process, ws, rw)
		if errors.Is(err, ErrStale) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return Commit{}, err
		}
		return after.Commit(), nil
	}
}

func (k *Kernel) submission(ctx context.Context, at Snapshot, s Submission, rule string, p ProcessView) (Rewrite, error) {
	rw := k.rewrite(rule, p, s.What)
	rw.Set, rw.Edges, rw.Drop, rw.Reads, rw.Why = s.Set, s.Edges, s.Drop, s.Reads, s.Why
	for _, r := range s.Reads {
		now, err := Look(ctx, at, r)
		if err != nil {
			return rw, err
		}
		if now != r.Is {
			return rw, fmt.Errorf("rewrite: %w: %s is now %q", ErrStale, r.words(), now)
		}
	}
	// A user's rewrite is held to the user's rule, on whichever line it is written.
	check := rw
	check.Rule = RuleGraph
	return rw, Apply(ctx, at, check)
}

func submissionWords(s Submission) string {
	var parts []string
	if n := len(s.Set); n > 0 {
		parts = append(parts, "set "+plural(n, "node"))
	}
	if n := len(s.Edges); n > 0 {
		parts = append(parts, "set "+plural(n, "edge"))
	}
	if n := len(s.Drop); n > 0 {
		parts = append(parts, "dropped "+plural(n, "item"))
	}
	return strings.Join(parts, ", ")
}
