package jitos_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/planner"
)

// Cost must follow the change, not the size of the graph: each benchmark runs at two sizes.

func BenchmarkRewrite_1knodes(b *testing.B)   { benchRewrite(b, 1_000) }
func BenchmarkRewrite_100knodes(b *testing.B) { benchRewrite(b, 100_000) }

func BenchmarkRead_1knodes(b *testing.B)   { benchRead(b, 1_000) }
func BenchmarkRead_100knodes(b *testing.B) { benchRead(b, 100_000) }

func BenchmarkFork_1knodes(b *testing.B)   { benchFork(b, 1_000) }
func BenchmarkFork_100knodes(b *testing.B) { benchFork(b, 100_000) }

func BenchmarkCollapse_1knodes(b *testing.B)   { benchCollapse(b, 1_000) }
func BenchmarkCollapse_100knodes(b *testing.B) { benchCollapse(b, 100_000) }

// grown is a fabric with so many nodes.
func grown(b *testing.B, nodes int) *fabric {
	b.Helper()
	f := newFabric(b, map[string]string{"a": "a\n"})
	const group = 1000
	for start := 0; start < nodes; start += group {
		var s jitos.Submission
		for i := start; i < min(start+group, nodes); i++ {
			s.Set = append(s.Set, note(fmt.Sprintf("n%d", i), "as it was"))
		}
		if _, err := f.kernel.SubmitRewrite(context.Background(), s, ""); err != nil {
			b.Fatal(err)
		}
	}
	return f
}

// benchRewrite makes one durable rewrite of one node at a time.
func benchRewrite(b *testing.B, nodes int) {
	f := grown(b, nodes)
	for i := 0; b.Loop(); i++ {
		s := jitos.Submission{Set: []jitos.Node{note(fmt.Sprintf("n%d", i%nodes), fmt.Sprint("turn ", i))}}
		if _, err := f.kernel.SubmitRewrite(context.Background(), s, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// benchRead opens the repository as a new process would, and reads one node.
func benchRead(b *testing.B, nodes int) {
	f := grown(b, nodes)
	for i := 0; b.Loop(); i++ {
		cold := openFabric(b, f.dir)
		if _, err := cold.system(b).Node(context.Background(), note(fmt.Sprintf("n%d", i%nodes), "").ID); err != nil {
			b.Fatal(err)
		}
		cold.repo.Close()
	}
}

// benchFork declares, plans and opens one workspace by hand: four commits.
func benchFork(b *testing.B, nodes int) {
	f := grown(b, nodes)
	for i := 0; b.Loop(); i++ {
		if _, err := f.kernel.NewWorkspace(context.Background(), fmt.Sprintf("w%d", i), ""); err != nil {
			b.Fatal(err)
		}
	}
}

// benchCollapse collapses ten changed nodes.
func benchCollapse(b *testing.B, nodes int) {
	ctx := context.Background()
	f := grown(b, nodes)
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		p, err := f.kernel.NewWorkspace(ctx, fmt.Sprintf("w%d", i), "")
		if err != nil {
			b.Fatal(err)
		}
		var s jitos.Submission
		for j := range 10 {
			s.Set = append(s.Set, note(fmt.Sprintf("n%d", (i*10+j)%nodes), fmt.Sprint("turn ", i)))
		}
		if _, err := f.kernel.SubmitRewrite(ctx, s, p.Process.SWS); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if conflict := f.collapse(b, p); conflict != nil {
			b.Fatal(conflict)
		}
	}
}

func BenchmarkPlan_200methods_1knodes(b *testing.B)   { benchPlan(b, 1_000) }
func BenchmarkPlan_200methods_100knodes(b *testing.B) { benchPlan(b, 100_000) }

// benchPlan plans a task that leads to 20 tasks of 10 methods each, of which one in two fits: each asks for things, of which
// there are 100, and for a note by its name, of which there are very many. Each plan is made on a store that was just opened.
func benchPlan(b *testing.B, nodes int) {
	ctx := context.Background()
	f := grown(b, nodes)
	var s jitos.Submission
	for i := range 100 {
		s.Set = append(s.Set, jitos.Node{ID: jitos.NodeID{Kind: "thing", Name: fmt.Sprint("t", i)}, Fields: map[string]any{"size": fmt.Sprint(i % 2)}})
	}
	if _, err := f.kernel.SubmitRewrite(ctx, s, ""); err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("task: all\nsays: [do it all]\nmethods:\n- name: m\n  steps:\n")
	for i := range 20 {
		fmt.Fprintf(&text, "    s%d: {task: t%d}\n", i, i)
	}
	for i := range 20 {
		fmt.Fprintf(&text, "---\ntask: t%d\nmethods:\n", i)
		for m := range 10 {
			fmt.Fprintf(&text, "- {name: m%d, cost: %d, when: [{node: {kind: thing, has: {size: %d}}}, {node: {kind: note, is: n%d}}], steps: {s: {run: x%d}}}\n", m, m, m%4, i*10+m, m)
		}
	}
	if _, err := f.kernel.SubmitMethod(ctx, "methods/many.yaml", []byte(text.String())); err != nil {
		b.Fatal(err)
	}
	id, _, err := f.kernel.SubmitIntent(ctx, jitos.Request{Intent: "do it all"})
	if err != nil {
		b.Fatal(err)
	}
	p := planner.New()
	for b.Loop() {
		b.StopTimer()
		cold := openFabric(b, f.dir)
		b.StartTimer()
		slaps, _, err := p.Plan(ctx, cold.system(b), id, jitos.Task{Name: "all"})
		if err != nil || len(slaps) != 5 {
			b.Fatalf("%d candidates, %v", len(slaps), err)
		}
		b.StopTimer()
		cold.repo.Close()
		b.StartTimer()
	}
}
