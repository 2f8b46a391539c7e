package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ---- 5. Collapse ----

// CollapseOptions for a collapse.
type CollapseOptions struct {
	Preview bool   // compute and prove nothing, write nothing: say what would be merged
	NoGate  string // why a workspace made by hand is merged without a gate
}

// Collapsed is what a collapse did, or would do.
type Collapsed struct {
	Commit    CommitID
	Files     []string // that change on the system line
	Rewrite   Rewrite  // against the system line as it was
	Conflicts []Conflict
	Evidence  []Evidence
	Approved  []string // the answers that it needed
}

// Collapse merges a workspace into the system WARP, all or nothing: the merge is made against the system line as it is,
// the gates are proven on exactly the tree that it gives, and the line is moved by compare-and-swap; where the line moved
// meanwhile, all of that is done again. A merge that conflicts gives a *ConflictError and a record of both sides, a gate
// that does not hold a *jobFailed; nothing else changes then. What a person must approve first is asked, on exactly the tree
// that the merge gives: the error Is ErrWaiting.
func (k *Kernel) Collapse(ctx context.Context, p ProcessView, o CollapseOptions) (Collapsed, error) {
	for {
		at, err := k.ruled(ctx)
		if err != nil {
			return Collapsed{}, err
		}
		ws, err := k.workspace(ctx, p)
		if err != nil {
			return Collapsed{}, err
		}
		ask := func(q Question, evidence []Evidence) error { return k.ask(ctx, p, q, evidence) }
		done, err := k.judge(ctx, p, at, ws, o, ask)
		var conflict *ConflictError
		if len(done.Conflicts) > 0 && errors.As(err, &conflict) && (p.Process.Hand || !conflict.onlyReads()) {
			err = errors.Join(err, k.recordConflict(ctx, p, done.Conflicts))
		}
		if err != nil || o.Preview {
			return done, err
		}
		after, err := k.collapse(ctx, p, at, ws, done, o)
		if errors.Is(err, ErrStale) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return done, err
		}
		done.Commit = after.Commit().ID
		k.notify(Event{Kind: "collapse", Task: p.Process.Task, Process: p.ID, Commit: done.Commit, Text: string(done.Commit), Verdict: Pass})
		return done, k.drop(ctx, p, ws.Commit().ID)
	}
}

// judge merges a workspace into a line and proves what comes of it; it writes nothing. The error is a *ConflictError where the
// merge conflicts, a *jobFailed where a gate does not hold; ask is told what a person must approve, with the evidence, and
// its error stops the collapse. known are further graphs in which evidence is looked for. A preview only merges.
func (k *Kernel) judge(ctx context.Context, p ProcessView, at, ws Snapshot, o CollapseOptions, ask func(Question, []Evidence) error, known ...Graph) (Collapsed, error) {
	done, err := k.merge(ctx, at, ws)
	if err != nil || o.Preview {
		return done, err
	}
	if len(done.Conflicts) > 0 {
		return done, &ConflictError{done.Conflicts}
	}
	list, err := k.required(ctx, at, p, done.Files, o)
	if err != nil {
		return done, err
	}
	resolve := at
	if p.Process.Hand {
		resolve = ws // what a person adds may bring the first toolchain
	}
	pr, err := k.satisfy(ctx, resolve, p, done.Rewrite.Tree, list, append([]Graph{ws, at}, known...)...)
	done.Evidence = pr.evidence
	if err != nil {
		return done, err
	}
	if pr.missed != nil {
		return done, pr.missed
	}
	done.Approved, err = k.approved(ctx, at, p, ws, done, pr.open, ask)
	return done, err
}

// merge computes what a collapse would write to a line.
func (k *Kernel) merge(ctx context.Context, at, ws Snapshot) (done Collapsed, err error) {
	base, err := k.snapshotOf(ctx, ws)
	if err != nil {
		return done, err
	}
	merger, err := k.merger(ctx, at)
	if err != nil {
		return
	}
	done.Rewrite, done.Conflicts, err = merger.Merge(ctx, base, at, ws)
	done.Conflicts = withoutEchoes(done.Conflicts)
	if err == nil && len(done.Conflicts) == 0 {
		done.Files, err = k.Merger.Changed(ctx, at.Tree(), done.Rewrite.Tree)
	}
	return done, err
}

// withoutEchoes leaves out that something was relied on where the sides clash over that very thing.
func withoutEchoes(conflicts []Conflict) []Conflict {
	return slices.DeleteFunc(slices.Clone(conflicts), func(c Conflict) bool {
		return c.ReadMoved() && slices.ContainsFunc(conflicts, func(o Conflict) bool {
			return !o.ReadMoved() && o.Path == c.Path && o.Item == c.Item
		})
	})
}

// required lists the gates that a collapse must satisfy. One without a gate still holds those that the policy wants.
func (k *Kernel) required(ctx context.Context, at Snapshot, p ProcessView, changed []string, o CollapseOptions) ([]Requirement, error) {
	task, err := Get[Task](ctx, at, p.Process.Task.Node())
	if err != nil {
		return nil, err
	}
	list := Requirements(task, k.bounds(), changed, p.Process.Hand)
	if p.Process.Hand && strings.TrimSpace(o.NoGate) != "" {
		list = slices.DeleteFunc(list, func(r Requirement) bool { return r.Line == 0 })
	}
	return list, nil
}

// DefaultGate is what a workspace made by hand must hold where neither its task nor the policy names a gate.
var DefaultGate = GateRef{Gate: "tests-pass"}

// collapse writes the merge commit. ErrStale where the system line has moved since at.
func (k *Kernel) collapse(ctx context.Context, p ProcessView, at, ws Snapshot, done Collapsed, o CollapseOptions) (Snapshot, error) {
	return k.record(ctx, func(now Snapshot) ([]Rewrite, error) {
		if now.Commit().ID != at.Commit().ID {
			return nil, ErrStale
		}
		rw, err := k.collapsed(ctx, p, now, ws, done, o)
		return []Rewrite{rw}, err
	})
}

// collapsed is the rewrite of a collapse.
func (k *Kernel) collapsed(ctx context.Context, p ProcessView, at, ws Snapshot, done Collapsed, o CollapseOptions) (Rewrite, error) {
	rw := k.rule(RuleCollapse, p.Process.Task, p.ID, collapseWords(p, done.Files))
	took, err := effortOf(ctx, ws, p.ID)
	if err != nil {
		return rw, err
	}
	rw.Set, rw.Edges, rw.Drop, rw.Fabric, rw.Tree = done.Rewrite.Set, done.Rewrite.Edges, done.Rewrite.Drop, done.Rewrite.Fabric, done.Rewrite.Tree
	rw.Parents = []CommitID{ws.Commit().ID}
	end := Collapse{Task: p.Process.Task, Process: p.ID, Tip: ws.Commit().ID, Tree: rw.Tree, NoGate: o.NoGate,
		Approved: done.Approved, Seconds: took.seconds}
	id := NodeID{KindCollapse, string(p.ID)}
	for _, e := range done.Evidence {
		if e.Verdict == CouldNot {
			continue
		}
		if e.Tree == rw.Tree {
			end.Evidence = append(end.Evidence, e.Name())
		}
		if err := rw.put(NodeID{KindEvidence, e.Name()}, e); err != nil {
			return rw, err
		}
		rw.Edges = append(rw.Edges, Edge{From: id, Label: LabelEvidence, To: NodeID{KindEvidence, e.Name()}})
	}
	rw.Why = proofWords(done.Evidence, rw.Tree, o.NoGate)
	for _, name := range done.Approved {
		a, err := Get[Answer](ctx, at, NodeID{KindAnswer, name})
		if err != nil {
			return rw, err
		}
		rw.Why = strings.TrimSpace(rw.Why + "\n" + "Question " + name + ": " + firstLine(a.words()) + ".")
	}
	rw.Edges = append(rw.Edges, Edge{From: p.ID.Node(), Label: LabelEnd, To: id})
	return rw, rw.put(id, end)
}

func collapseWords(p ProcessView, files []string) string {
	if p.Process.Hand {
		return fmt.Sprintf("%s, %s by hand", p.Process.SWS, plural(len(files), "file"))
	}
	return fmt.Sprintf("%s changed by %s", plural(len(files), "file"), p.ID)
}

func proofWords(evidence []Evidence, tree TreeID, noGate string) string {
	if noGate != "" {
		return "Without a gate: " + noGate
	}
	var proven []string
	for _, e := range evidence {
		if e.Tree == tree && e.Verdict == Pass {
			proven = append(proven, e.Gate)
		}
	}
	if len(proven) == 0 {
		return ""
	}
	return "Proven on exactly this tree: " + strings.Join(proven, ", ") + "."
}

// onlyReads tells whether nothing but what was relied on has moved: then the jobs can run again on the new base.
func (e *ConflictError) onlyReads() bool {
	for _, c := range e.Conflicts {
		if !c.ReadMoved() {
			return false
		}
	}
	return len(e.Conflicts) > 0
}

// ReadMovedWhy opens Why of a conflict in which nothing clashes but what was relied on has changed.
const ReadMovedWhy = "what it relied on has changed"

// ReadMoved tells whether the conflict is about something that was only read.
func (c Conflict) ReadMoved() bool { return strings.HasPrefix(c.Why, ReadMovedWhy) }

// recordConflict keeps both sides of a refused collapse as nodes, so that the next plan sees them.
func (k *Kernel) recordConflict(ctx context.Context, p ProcessView, conflicts []Conflict) error {
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		rw := k.rule(RuleConflict, p.Process.Task, p.ID, plural(len(conflicts), "conflict")+" of "+p.Process.SWS)
		rw.Why = (&ConflictError{conflicts}).Error()
		return k.conflictNodes(ctx, at, p, rw, conflicts)
	})
	return err
}

func (k *Kernel) conflictNodes(ctx context.Context, at Snapshot, p ProcessView, rw Rewrite, conflicts []Conflict) ([]Rewrite, error) {
	fresh := false
	for _, c := range conflicts {
		c.Process = p.ID
		id := NodeID{KindConflict, DerivedName("conflict "+c.Path+string(c.Item), HashOf(c))}
		ok, err := Has(ctx, at, id)
		if err != nil {
			return nil, err
		}
		if ok {
			continue
		}
		fresh = true
		if err := rw.put(id, c); err != nil {
			return nil, err
		}
		rw.Edges = append(rw.Edges, Edge{From: p.ID.Node(), Label: LabelConflict, To: id})
	}
	if !fresh {
		return nil, nil
	}
	return []Rewrite{rw}, nil
}

// ---- 6. Discard ----

// Discard gives a process up. The reason is never empty; the tip stays reachable through the archive, and what the attempt
// found out (findings, evidence, the attempt itself) becomes nodes of the system WARP.
func (k *Kernel) Discard(ctx context.Context, p ProcessView, kind, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return fmt.Errorf("discard %s: %w: say why, so that the next attempt can learn from it", p.Process.SWS, ErrInvalid)
	}
	if err := k.restore(ctx, p); err != nil { // its branch may have been deleted with plain git
		return err
	}
	ws, err := k.workspace(ctx, p)
	if err != nil {
		return err
	}
	took, err := effortOf(ctx, ws, p.ID)
	if err != nil {
		return err
	}
	tip := ws.Commit().ID
	if err := k.Store.Archive(ctx, tip, string(p.ID)+": "+firstLine(reason)); err != nil {
		return fmt.Errorf("discard %s: %w", p.Process.SWS, err)
	}
	after, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		slap, err := Get[Slap](ctx, at, p.Process.Slap.Node())
		if err != nil {
			return nil, err
		}
		rw := k.rule(RuleDiscard, p.Process.Task, p.ID, p.Process.SWS+": "+firstLine(reason))
		rw.Why = reason
		if err := k.keepKnowledge(ctx, &rw, p, ws); err != nil {
			return nil, err
		}
		id := NodeID{KindAttempt, string(p.ID)}
		rw.Edges = append(rw.Edges, Edge{From: p.ID.Node(), Label: LabelEnd, To: id})
		return rw.with(id, Attempt{Of: p.Process.Task, Process: p.ID, Slap: p.Process.Slap, Method: slap.Methods,
			At: p.Process.Tree, Tip: tip, Kind: kind, Reason: reason, Step: took.step, Seconds: took.seconds})
	})
	if err != nil {
		return err
	}
	k.notify(Event{Kind: "discard", Task: p.Process.Task, Process: p.ID, Commit: after.Commit().ID, Text: reason, Verdict: Fail})
	return k.drop(ctx, p, tip)
}

// keepKnowledge carries findings and evidence of a workspace into a rewrite of the system line.
func (k *Kernel) keepKnowledge(ctx context.Context, rw *Rewrite, p ProcessView, ws Snapshot) error {
	for f, err := range Targets[Finding](ctx, ws, p.ID.Node(), LabelFinding) {
		if err != nil {
			return err
		}
		if err := rw.put(f.ID, f.Record); err != nil {
			return err
		}
		rw.Edges = append(rw.Edges, Edge{From: p.ID.Node(), Label: LabelFinding, To: f.ID})
	}
	jobs, err := jobsOf(ctx, ws, p.ID)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		for _, c := range j.claims {
			for e, err := range Targets[Evidence](ctx, ws, NodeID{KindSettlement, c.name}, LabelEvidence) {
				if err != nil {
					return err
				}
				if err := rw.put(e.ID, e.Record); err != nil {
					return err
				}
				rw.Edges = append(rw.Edges, Edge{From: p.ID.Node(), Label: LabelEvidence, To: e.ID})
			}
			for a, err := range Targets[SettledAction](ctx, ws, NodeID{KindSettlement, c.name}, LabelAction) {
				if err == nil {
					err = rw.put(a.ID, a.Record)
				}
				if err != nil {
					return err
				}
				rw.Edges = append(rw.Edges, Edge{From: a.ID, Label: LabelBy, To: p.ID.Node(), Key: c.name})
			}
		}
	}
	return nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
