package jitos_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/runner"
)

// tip opens what a ref names.
func (f *fabric) tip(t *testing.T, ref jitos.Ref) jitos.Snapshot {
	t.Helper()
	head, err := f.repo.Store.Head(context.Background(), ref)
	if err != nil {
		t.Fatal(err)
	}
	at, err := f.repo.Store.Open(context.Background(), head)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// last finds the newest commit of a rule on a line.
func (f *fabric) last(t *testing.T, ref jitos.Ref, rule string) jitos.Snapshot {
	t.Helper()
	for c, err := range f.repo.Store.Log(context.Background(), f.tip(t, ref).Commit().ID) {
		if err != nil {
			t.Fatal(err)
		}
		if c.Record != nil && c.Record.Rule == rule {
			at, err := f.repo.Store.Open(context.Background(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	t.Fatalf("no %s on %s", rule, ref)
	return nil
}

// forge writes a commit of the same rule in place of another: what it says replays, since the store wrote it, but it is not
// what the rule gives.
func (f *fabric) forge(t *testing.T, ref jitos.Ref, instead jitos.Snapshot, change func(*jitos.Rewrite)) jitos.Commit {
	t.Helper()
	ctx := context.Background()
	c := instead.Commit()
	rw := jitos.Rewrite{Rule: c.Record.Rule, Actor: c.Record.Actor, Task: c.Record.Task, Process: c.Record.Process, What: "forged", Tree: c.Tree}
	for item := range c.Record.Set {
		p, err := item.Parse()
		if err != nil {
			t.Fatal(err)
		}
		if p.Label != "" {
			for e, err := range instead.Edges(ctx, p.Node, p.Label) {
				if err != nil {
					t.Fatal(err)
				}
				if e.EdgeID() == p.Edge {
					rw.Edges = append(rw.Edges, e)
				}
			}
			continue
		}
		n, err := instead.Node(ctx, p.Node)
		if err != nil {
			t.Fatal(err)
		}
		rw.Set = append(rw.Set, n)
	}
	if len(c.Parents) > 1 {
		rw.Parents = c.Parents[1:]
	}
	change(&rw)
	ids, err := f.repo.Store.Append(ctx, ref, f.tip(t, ref).Commit().ID, c.Parents[0], rw)
	if err != nil {
		t.Fatal(err)
	}
	at, err := f.repo.Store.Open(ctx, ids[0])
	if err != nil {
		t.Fatal(err)
	}
	return at.Commit()
}

// setField changes a field of the first node of a kind, so that the whole looks as a rule would have written it.
func setField(t *testing.T, rw *jitos.Rewrite, kind, field string, value any) {
	t.Helper()
	for _, n := range rw.Set {
		if n.ID.Kind == kind {
			n.Fields[field] = value
			return
		}
	}
	t.Fatalf("the rewrite sets no %s", kind)
}

// A forged commit that replays is found by running its rule again; the true one holds. Each case is a mutant of one rule.
func TestRerunFindsForgery(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"Makefile": "test:\n\tfalse\n"})
	id, _, err := f.kernel.SubmitIntent(ctx, jitos.Request{Intent: "fix the failing tests"})
	if err != nil {
		t.Fatal(err)
	}
	_, slaps, err := f.kernel.Plan(ctx, id)
	if err != nil || len(slaps) == 0 {
		t.Fatalf("%d plans: %v", len(slaps), err)
	}
	if _, err := f.kernel.Open(ctx, jitos.SlapID(slaps[0].ID.Name), "try-1"); err != nil {
		t.Fatal(err)
	}
	const sws jitos.Ref = jitos.SWSPrefix + "try-1"
	plan, compile, absorb := f.last(t, jitos.SystemRef, jitos.RulePlan), f.last(t, sws, jitos.RuleCompile), f.last(t, jitos.SystemRef, jitos.RuleAbsorb)
	for _, at := range []jitos.Snapshot{plan, compile, absorb} {
		if ran, err := f.kernel.Rerun(ctx, at.Commit()); !ran || err != nil {
			t.Errorf("%s: run again %v, %v", at.Commit().Record.Rule, ran, err)
		}
	}
	empty := jitos.TreeID("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
	for _, c := range []struct {
		name   string
		ref    jitos.Ref
		of     jitos.Snapshot
		change func(*jitos.Rewrite)
	}{
		{"a cheaper plan", jitos.SystemRef, plan, func(rw *jitos.Rewrite) { setField(t, rw, jitos.KindSlap, "cost", 0) }},
		{"a method that was passed over in silence", jitos.SystemRef, plan, func(rw *jitos.Rewrite) { setField(t, rw, jitos.KindPlanning, "why_not", nil) }},
		{"another command in a job", sws, compile, func(rw *jitos.Rewrite) {
			setField(t, rw, jitos.KindJob, "step", map[string]any{"name": "prove", "worker": "shell", "run": "true"})
		}},
		{"a job that has no dependency", sws, compile, func(rw *jitos.Rewrite) {
			for i, e := range rw.Edges {
				if e.Label == jitos.LabelThen {
					rw.Edges = append(rw.Edges[:i], rw.Edges[i+1:]...)
					return
				}
			}
			t.Fatal("no job waits for another")
		}},
		{"one job more", sws, compile, func(rw *jitos.Rewrite) {
			for _, n := range rw.Set {
				if n.ID.Kind == jitos.KindJob {
					rw.Set = append(rw.Set, jitos.Node{ID: jitos.JobID("extra-abcdefgh").Node(), Fields: n.Fields})
					return
				}
			}
		}},
		{"other files than the user's", jitos.SystemRef, absorb, func(rw *jitos.Rewrite) { rw.Tree = empty }},
		{"other files, and a record that agrees", jitos.SystemRef, absorb, func(rw *jitos.Rewrite) {
			rw.Tree = empty
			setField(t, rw, jitos.KindSync, "tree", string(empty))
		}},
	} {
		forged := f.forge(t, c.ref, c.of, c.change)
		if ran, err := f.kernel.Rerun(ctx, forged); !ran || !errors.Is(err, jitos.ErrCorrupt) {
			t.Errorf("%s: run again %v, %v", c.name, ran, err)
		}
	}
}

// What cannot be run again is not: a plan that a person wrote, and a rule of a version that this binary does not have.
func TestRerunLeavesAlone(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"Makefile": "test:\n\ttrue\n"})
	if _, err := f.kernel.NewWorkspace(ctx, "try-1", ""); err != nil {
		t.Fatal(err)
	}
	byHand := f.last(t, jitos.SystemRef, jitos.RulePlan).Commit()
	if ran, err := f.kernel.Rerun(ctx, byHand); ran || err != nil {
		t.Errorf("a person's plan: run again %v, %v", ran, err)
	}
	other := f.last(t, jitos.SystemRef, jitos.RuleAbsorb).Commit()
	record := *other.Record
	record.Version++
	other.Record = &record
	if ran, err := f.kernel.Rerun(ctx, other); ran || err != nil {
		t.Errorf("another version: run again %v, %v", ran, err)
	}
}

// house is a task whose second step fails as it is planned first.
const house = `task: build-house
says: ["build the house"]
methods:
- name: build
  steps:
    ground: {run: "echo clay > ground", needs: ["fs.write:ground"]}
    walls: {task: raise-walls, after: [ground]}
---
task: raise-walls
methods:
- {name: of-straw, steps: {raise: {run: "exit 1"}}}
- {name: of-stone, cost: 3, steps: {raise: {run: "echo stone > walls", needs: ["fs.write:walls"]}}}
`

// A repair is planned again from the attempt that broke; one that is not what comes of that is found.
func TestRerunFindsForgedRepair(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"Makefile": "test:\n\ttrue\n"})
	e := &runner.Executor{Unsandboxed: func() bool { return true }, Objects: f.repo.Store.Objects, Cache: filepath.Join(t.TempDir(), "cache"), Workers: map[string]jitos.Worker{"shell": &runner.Shell{}}}
	defer e.Close()
	f.kernel.Executor = e
	if _, err := f.kernel.SubmitMethod(ctx, "methods/house.yaml", []byte(house)); err != nil {
		t.Fatal(err)
	}
	if err := f.kernel.Local.Allow(methods.Origin([]byte(house)), "the house"); err != nil {
		t.Fatal(err)
	}
	id, _, err := f.kernel.SubmitIntent(ctx, jitos.Request{Intent: "build the house"})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := f.kernel.Run(ctx, id, jitos.RunOptions{}); err != nil || len(out.Attempts) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
	repair := f.last(t, jitos.SystemRef, jitos.RulePlan)
	if ran, err := f.kernel.Rerun(ctx, repair.Commit()); !ran || err != nil {
		t.Errorf("the repair: run again %v, %v", ran, err)
	}
	mends := func(process, planner string) func(*jitos.Rewrite) {
		return func(rw *jitos.Rewrite) {
			for _, n := range rw.Set {
				m := n.Fields["mends"].(map[string]any)
				if process != "" {
					m["process"] = process
				}
				if planner != "" {
					m["planner"] = planner
				}
			}
		}
	}
	for name, change := range map[string]func(*jitos.Rewrite){
		"a cheaper repair":           func(rw *jitos.Rewrite) { setField(t, rw, jitos.KindSlap, "cost", 0) },
		"one that keeps what failed": func(rw *jitos.Rewrite) { setField(t, rw, jitos.KindSlap, "keeps", []any{"ground", "walls.raise"}) },
		"one of no attempt":          mends("nobody-abcdefgh", ""),
		"one that revises no plan":   func(rw *jitos.Rewrite) { rw.Edges = rw.Edges[:len(rw.Edges)-1] },
	} {
		if ran, err := f.kernel.Rerun(ctx, f.forge(t, jitos.SystemRef, repair, change)); !ran || !errors.Is(err, jitos.ErrCorrupt) {
			t.Errorf("%s: run again %v, %v", name, ran, err)
		}
	}
	if ran, err := f.kernel.Rerun(ctx, f.forge(t, jitos.SystemRef, repair, mends("", "another/1"))); ran || err != nil {
		t.Errorf("another planner's: run again %v, %v", ran, err)
	}
}
