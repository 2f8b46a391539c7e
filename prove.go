package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Name is the name of the evidence's node: equal gate, tree and environment, equal name.
func (e Evidence) Name() string {
	return DerivedName(e.Gate, e.Definition, string(e.Tree), e.Env)
}

// Requirement is a gate that a collapse must satisfy.
type Requirement struct {
	GateRef
	Goal bool `json:"goal"` // it must pass; otherwise it must not get worse
	Line int  `json:"line"` // of the policy that wants it, so that nobody collapses without; 0: the task's
}

// Requirements lists what a collapse of a task needs that changes these paths: its goal, the gates that it must keep, and the
// policy's. A workspace made by hand for which nobody names one needs DefaultGate.
func Requirements(task Task, policy Policy, changed []string, hand bool) []Requirement {
	var list []Requirement
	if task.Goal != nil {
		list = append(list, Requirement{GateRef: *task.Goal, Goal: true})
	}
	add := func(g GateRef, line int) {
		i := slices.IndexFunc(list, func(r Requirement) bool { return HashOf(r.GateRef) == HashOf(g) })
		if i < 0 {
			list, i = append(list, Requirement{GateRef: g}), len(list)
		}
		list[i].Line = max(list[i].Line, line)
	}
	for _, g := range task.Gates {
		add(g, 0)
	}
	for _, rule := range policy.GatesFor(changed) {
		add(rule.GateRef, rule.Line)
	}
	if hand && len(list) == 0 {
		add(DefaultGate, 0)
	}
	return list
}

// words names the gate for people.
func (g GateRef) words() string {
	if g.Gate != "" {
		return g.Gate
	}
	return g.Run
}

// prove returns the gate's verdict on exactly one file tree: recorded evidence where there is some for the same
// definition, tree and environment, else a run. at resolves the gate, and it and known are searched for evidence. The bool
// tells whether the evidence was there already. A verdict CouldNot is never recorded, so never reused.
func (k *Kernel) prove(ctx context.Context, at Snapshot, p ProcessView, tree TreeID, gate GateRef, known ...Graph) (Evidence, bool, error) {
	steps, err := k.Planner.Gate(ctx, at, gate)
	if err != nil {
		return Evidence{}, false, fmt.Errorf("gate %s: %w", gate.words(), err)
	}
	e := Evidence{Gate: gate.words(), Definition: HashOf(steps), Tree: tree, Verdict: Pass}
	if len(steps) == 0 {
		e.Verdict, e.Reason = CouldNot, "nothing that was recognised in the files can run it"
		return e, false, nil
	}
	if e.Env, err = k.environment(ctx, steps); err != nil {
		return e, false, err
	}
	e.Env += "; clone " + k.Local.Clone() // a verdict is evidence where it was found, and nowhere else
	if k.NoCache {
		known = []Graph{k.provenNow()}
	} else {
		known = append([]Graph{at}, known...)
	}
	for _, g := range known {
		found, err := Get[Evidence](ctx, g, NodeID{KindEvidence, e.Name()})
		if err == nil && k.saw(HashOf(found)) {
			return found, true, nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return e, false, err
		}
	}
	where := ""
	if p.ID != "" && tree == p.Process.Tree {
		where = " on the files as they were"
	}
	k.notify(Event{Kind: "gate", Task: p.Process.Task, Process: p.ID, Text: "running " + e.Gate + where})
	start := time.Now()
	for _, step := range steps {
		if err := k.measure(ctx, p, tree, step, &e); err != nil {
			return e, false, err
		}
	}
	e.Millis = time.Since(start).Milliseconds()
	if e.Verdict != CouldNot && ctx.Err() == nil {
		k.see(HashOf(e))
	}
	if k.NoCache && ctx.Err() == nil {
		k.mu.Lock()
		k.proven = append(k.proven, e)
		k.mu.Unlock()
	}
	return e, false, ctx.Err()
}

// saw tells whether this clone came to a verdict or a result itself, by its hash or its commit. All others are claims: they are
// shown, and never spare a run.
func (k *Kernel) saw(hash string) bool {
	w, ok := k.Local.(Witness)
	return !ok || w.Saw(hash)
}

// signer is who signed a commit, where it bears a good signature of somebody who may sign here; else "".
func (k *Kernel) signer(ctx context.Context, commit CommitID) (string, error) {
	n, ok := k.Local.(Notary)
	if !ok || commit == "" {
		return "", nil
	}
	return n.Signer(ctx, commit)
}

// see remembers that it did. Where that cannot be kept there is nothing to mend: the work is done again.
func (k *Kernel) see(hashes ...string) {
	if w, ok := k.Local.(Witness); ok {
		_ = w.See(hashes...)
	}
}

// seeSettled remembers the commits of results.
func (k *Kernel) seeSettled(chain []Rewrite, ids []CommitID) {
	var hashes []string
	for i, id := range ids {
		if chain[i].Rule == RuleSettle {
			hashes = append(hashes, string(id))
		}
	}
	if len(hashes) > 0 {
		k.see(hashes...)
	}
}

// provenNow is the evidence that this kernel found itself: all that there is where nothing from before is reused.
func (k *Kernel) provenNow() Graph {
	k.mu.Lock()
	defer k.mu.Unlock()
	return evidenceGraph(k.proven)
}

// measure runs one step of a gate and adds what it says to the evidence.
func (k *Kernel) measure(ctx context.Context, p ProcessView, tree TreeID, step Step, e *Evidence) error {
	step, err := k.admit(ctx, p, step)
	if err != nil {
		return err
	}
	step.Gate = &GateRef{Gate: e.Gate} // what runs as a gate changes no file
	r, err := k.execute(ctx, Action{Process: p.ID, Step: step, Tree: tree, Args: step.Args, Grants: step.Needs}, &host{k: k, p: p})
	if err != nil {
		return fmt.Errorf("gate %s: %w", e.Gate, err)
	}
	if r.Verdict == CouldNot || r.Verdict == Fail && e.Verdict == Pass {
		e.Verdict, e.Reason = r.Verdict, r.Reason
	}
	if r.Report != nil {
		if e.Report == nil {
			e.Report = &Report{}
		}
		e.Report.add(*r.Report)
	}
	e.Output += r.Output
	if r.Open != "" {
		e.Open = r.Open
	}
	return nil
}

func (r *Report) add(o Report) {
	merge := func(a, b []string) []string {
		all := append(slices.Clone(a), b...)
		slices.Sort(all)
		return slices.Compact(all)
	}
	r.Passed, r.Failed, r.Skipped = merge(r.Passed, o.Passed), merge(r.Failed, o.Failed), merge(r.Skipped, o.Skipped)
}

// environment is what a verdict or a result depends on beside the files: platform and toolchains.
func (k *Kernel) environment(ctx context.Context, steps []Step) (string, error) {
	var all []string
	for _, s := range steps {
		env, err := k.Executor.Environment(ctx, s.Chain)
		if err != nil {
			return "", err
		}
		if !slices.Contains(all, env) {
			all = append(all, env)
		}
	}
	return strings.Join(all, "; "), nil
}

// proof is what satisfy found.
type proof struct {
	evidence []Evidence
	missed   *jobFailed // the first gate that does not hold
	open     []Question // what a person must approve for the gates to hold
}

// satisfy proves a tree against every demand on a process. at resolves gates and knows evidence. It runs each gate on the
// snapshot as well, where that was not done before: what was red already, and which tests ran, decides what "worse" means.
func (k *Kernel) satisfy(ctx context.Context, at Snapshot, p ProcessView, tree TreeID, list []Requirement, known ...Graph) (proof, error) {
	var pr proof
	for _, d := range list {
		after, _, err := k.prove(ctx, at, p, tree, d.GateRef, known...)
		if err != nil {
			return pr, err
		}
		pr.evidence = append(pr.evidence, after)
		reason := ""
		switch {
		case after.Verdict == Pass && p.Process.Hand:
		case after.Verdict == CouldNot && p.Process.Hand:
			reason = "could not run: " + after.Reason + "; say --no-gate and why to merge without it"
			if d.Line > 0 {
				reason = "could not run: " + after.Reason + "; the policy wants it"
			}
		case d.Goal && after.Verdict != Pass:
			reason = failing(after)
		default:
			before, _, err := k.prove(ctx, at, p, p.Process.Tree, d.GateRef, append(known, evidenceGraph(pr.evidence))...)
			if err != nil {
				return pr, err
			}
			pr.evidence = append(pr.evidence, before)
			person := false
			if reason, person, err = k.worse(ctx, at, d, before, after); err != nil {
				return pr, err
			}
			if person {
				q := question(p, AskTests, d.words()+": "+reason, tree)
				q.By = k.bounds().approvers(d.words())
				pr.open = append(pr.open, q)
				reason = ""
			}
		}
		if reason != "" {
			kind := "gate"
			if after.Verdict == CouldNot {
				kind = "could-not-run"
			}
			pr.missed = &jobFailed{step: d.words(), kind: kind, reason: reason}
			return pr, nil
		}
	}
	return pr, nil
}

// worse compares a gate's verdicts before and after an attempt, and returns in words what the attempt made worse, "" for
// nothing. A test that ran before must run again. Where tests were red and turning them green is the goal, the attempt may
// not have touched a test file. The bool tells that a person may let it through: only people decide that a test was wrong.
func (k *Kernel) worse(ctx context.Context, at Snapshot, d Requirement, before, after Evidence) (string, bool, error) {
	if before.Verdict == CouldNot && !d.Goal {
		return "", false, nil // nothing was known, so nothing got worse
	}
	if after.Verdict == CouldNot {
		return failing(after), false, nil
	}
	var b, a Report
	if before.Report != nil {
		b = *before.Report
	}
	if after.Report != nil {
		a = *after.Report
	}
	if after.Verdict == Fail {
		fresh := minus(a.Failed, b.Failed)
		if before.Verdict == Pass || len(fresh) > 0 || len(a.Failed) == 0 {
			if len(fresh) == 0 {
				return failing(after), false, nil
			}
			return "newly failing: " + few(fresh), false, nil
		}
	}
	if gone := minus(append(slices.Clone(b.Passed), b.Failed...), append(slices.Clone(a.Passed), a.Failed...)); len(gone) > 0 {
		return "no longer run: " + few(gone) + "; a test may be removed or skipped by a person only", true, nil
	}
	if d.Goal && before.Verdict == Fail && after.Report != nil {
		edited, err := k.editedTests(ctx, at, before.Tree, after.Tree)
		if err != nil || len(edited) == 0 {
			return "", false, err
		}
		return "edited tests: " + few(edited) + "; a person must decide whether a test was wrong", true, nil
	}
	return "", false, nil
}

// editedTests lists the test files, by the patterns of the recognised toolchains, that at holds and that differ now.
func (k *Kernel) editedTests(ctx context.Context, at Snapshot, before, after TreeID) ([]string, error) {
	changed, err := k.Merger.Changed(ctx, before, after)
	if err != nil {
		return nil, err
	}
	var edited []string
	for n, err := range at.Nodes(ctx, KindToolchain) {
		if err != nil {
			return nil, err
		}
		var chain Toolchain
		if err := n.Decode(&chain); err != nil {
			return nil, err
		}
		for _, path := range changed {
			isTest := slices.ContainsFunc(chain.Tests, func(pattern string) bool { return MatchPath(pattern, path) })
			if !isTest || slices.Contains(edited, path) {
				continue
			}
			was, err := at.PathID(ctx, path)
			if err != nil {
				return nil, err
			}
			if was != "" {
				edited = append(edited, path)
			}
		}
	}
	slices.Sort(edited)
	return edited, nil
}

func failing(e Evidence) string {
	if e.Report != nil && len(e.Report.Failed) > 0 {
		return "still failing: " + few(e.Report.Failed)
	}
	if e.Reason != "" {
		return e.Reason
	}
	return e.Gate + " does not pass"
}

func minus(a, b []string) []string {
	have := make(map[string]bool, len(b))
	for _, s := range b {
		have[s] = true
	}
	var rest []string
	for _, s := range a {
		if !have[s] {
			rest = append(rest, s)
		}
	}
	return rest
}

// few names the first three of a list and counts the rest.
func few(list []string) string {
	if len(list) > 3 {
		return strings.Join(list[:3], ", ") + fmt.Sprintf(" and %d more", len(list)-3)
	}
	return strings.Join(list, ", ")
}

// evidenceGraph finds evidence that is not recorded yet.
type evidenceList []Evidence

func evidenceGraph(list []Evidence) Graph { return staged{nothing{}, evidenceList(list).nodes()} }

func (l evidenceList) nodes() map[NodeID]Node {
	set := map[NodeID]Node{}
	for _, e := range l {
		if n, err := MakeNode(NodeID{KindEvidence, e.Name()}, e); err == nil && e.Verdict != CouldNot {
			set[n.ID] = n
		}
	}
	return set
}
