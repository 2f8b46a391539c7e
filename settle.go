package jitos

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// settle writes results, each as one rewrite, all in one move of the workspace's ref. Where another writer moved the workspace
// meanwhile it looks again and merges again.
func (k *Kernel) settle(ctx context.Context, p ProcessView, done ...outcome) error {
	for {
		ws, err := k.workspace(ctx, p)
		if err != nil {
			return err
		}
		chain, at, err := k.settlements(ctx, p, ws, done)
		if err != nil {
			return err
		}
		_, err = k.Store.Append(ctx, p.ref(), ws.Commit().ID, at.Commit().ID)
		if err == nil {
			return k.tellSettled(ctx, p, done, chain, at)
		}
		if !errors.Is(err, ErrStale) {
			return err
		}
	}
}

// settlements makes the rewrites that settle results on a workspace, each on what the one before it made, and stages them: at is
// the workspace with them, which is durable when it is appended.
func (k *Kernel) settlements(ctx context.Context, p ProcessView, ws Snapshot, done []outcome) (chain []Rewrite, at Snapshot, err error) {
	tree := ws.Tree()
	for _, o := range done {
		rw, err := k.settlement(ctx, p, ws, tree, o)
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, rw)
		tree = rw.Tree
	}
	if len(chain) == 0 {
		return nil, ws, nil
	}
	if err := applyAll(ctx, ws, chain, false); err != nil {
		return nil, nil, err
	}
	at, err = k.Store.Stage(ctx, ws.Commit().ID, chain...)
	return chain, at, err
}

// tellSettled remembers and tells of results that are durable now, each with its commit.
func (k *Kernel) tellSettled(ctx context.Context, p ProcessView, done []outcome, chain []Rewrite, after Snapshot) error {
	if len(chain) == 0 {
		return nil
	}
	commits := make([]CommitID, 0, len(chain))
	for c, err := range k.Store.Log(ctx, after.Commit().ID) {
		if err != nil {
			return err
		}
		if commits = append(commits, c.ID); len(commits) == len(chain) {
			break
		}
	}
	slices.Reverse(commits)
	k.seeSettled(chain, commits)
	for i, o := range done {
		k.notify(Event{Kind: "settle", Task: p.Process.Task, Process: p.ID, Job: o.job.id, Commit: commits[i], Text: chain[i].What,
			Verdict: o.result.Verdict, Took: o.result.Took})
	}
	return nil
}

// settlement turns a result into its rewrite: the files are merged into the workspace as it now is.
func (k *Kernel) settlement(ctx context.Context, p ProcessView, ws Snapshot, tree TreeID, o outcome) (Rewrite, error) {
	r := o.result
	s := Settlement{Claim: o.claim, Job: o.job.id, Exit: r.Exit, Verdict: r.Verdict, Reason: r.Reason, Output: r.Output,
		Artifacts: r.Artifacts, Report: r.Report, Millis: r.Took.Milliseconds(), From: o.from, Signer: o.signer, Net: r.Net, Open: r.Open}
	if o.proof != nil { // told once, by the evidence
		s.Output, s.Report = "", nil
	}
	rw := k.rewrite(RuleSettle, p, "")
	rw.Tree = tree
	var reads []Read
	for _, path := range o.job.step.reads() {
		reads = append(reads, Read{Path: path})
	}
	base := o.base.Tree()
	if r.Tree != "" && r.Tree != base && r.Verdict == Pass {
		var err error
		if s.Paths, err = k.Merger.Changed(ctx, base, r.Tree); err != nil {
			return rw, err
		}
		if len(reads) == 0 {
			for _, path := range s.Paths {
				reads = append(reads, Read{Path: path})
			}
		}
		merged, conflicts, err := k.mergeFiles(ctx, ws, base, tree, r.Tree)
		if err != nil {
			return rw, err
		}
		if len(conflicts) > 0 {
			s.Stale, s.Reason = true, (&ConflictError{conflicts}).Error()
		} else {
			rw.Tree = merged
		}
	}
	if len(o.job.step.reads()) > 0 && tree != base { // declared inputs must be as they were; changed paths are the merge's
		moved, err := Moved(ctx, o.base, ws, reads)
		if err != nil {
			return rw, err
		}
		if len(moved) > 0 {
			s.Stale, s.Reason, rw.Tree = true, "what it read has changed: "+moved[0].Path, tree
		}
	}
	if o.again {
		s.Stale = true
	}
	for i := range reads {
		var err error
		if reads[i].Is, err = Look(ctx, o.base, reads[i]); err != nil {
			return rw, err
		}
	}
	rw.Reads = reads
	if s.Stale {
		s.Paths = nil
	}
	rw.What = settledWords(o.job.step, s)
	if s.Reason != "" {
		rw.Why = s.Reason
	}
	if s.Open != "" {
		rw.Why = strings.TrimSpace(rw.Why + "\n\nIt ran without a sandbox, as was allowed: " + s.Open)
	}
	return k.settlementNodes(p, rw, s, o)
}

func (k *Kernel) settlementNodes(p ProcessView, rw Rewrite, s Settlement, o outcome) (Rewrite, error) {
	claim := NodeID{KindClaim, s.Claim}
	n, err := MakeNode(NodeID{KindSettlement, s.Claim}, s)
	if err != nil {
		return rw, err
	}
	rw.Set = append(rw.Set, n)
	rw.Edges = append(rw.Edges, Edge{From: claim, Label: LabelSettlement, To: n.ID})
	if o.proof != nil && o.proof.Verdict != CouldNot {
		e, err := MakeNode(NodeID{KindEvidence, o.proof.Name()}, o.proof)
		if err != nil {
			return rw, err
		}
		rw.Set = append(rw.Set, e)
		rw.Edges = append(rw.Edges, Edge{From: n.ID, Label: LabelEvidence, To: e.ID})
	}
	if o.action.Key != "" && s.From == "" && s.Verdict == Pass && !s.Stale {
		if err := rw.settles(o.action, n.ID, p.ID); err != nil {
			return rw, err
		}
		rw.Sign = true
	}
	for i, f := range o.result.Findings {
		f.Process, f.Job = p.ID, o.job.id
		n, err := MakeNode(NodeID{KindFinding, DerivedName(f.About, s.Claim, strconv.Itoa(i))}, f)
		if err != nil {
			return rw, err
		}
		rw.Set = append(rw.Set, n)
		rw.Edges = append(rw.Edges, Edge{From: p.ID.Node(), Label: LabelFinding, To: n.ID})
	}
	return rw, nil
}

func settledWords(step Step, s Settlement) string {
	name := step.Name
	switch {
	case s.Stale:
		return name + " is stale and will run again"
	case s.Verdict == CouldNot:
		return name + " could not run"
	case s.Verdict == Fail:
		return name + " failed"
	}
	if s.Reason != "" && s.From == "" && step.Worker == humanWorker {
		return name + " was left out: " + firstLine(s.Reason)
	}
	name += " passed"
	if len(s.Paths) > 0 {
		name += " and changed " + plural(len(s.Paths), "file")
	}
	switch {
	case s.From == "" && s.Reason != "" && len(s.Paths) == 0: // why it did nothing
		name += ": " + firstLine(s.Reason)
	case strings.HasPrefix(s.From, KindAnswer+"/"):
		name += ", as a person decided"
	case s.Signer != "":
		name += ", by a result that " + firstLine(s.Signer) + " signed"
	case s.From != "":
		name += ", by an earlier result"
	}
	return name
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}
