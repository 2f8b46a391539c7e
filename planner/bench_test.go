package planner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// BenchmarkPlan_200methods plans a task that leads to 20 tasks of 10 methods each, of which one in two fits.
func BenchmarkPlan_200methods(b *testing.B) {
	var text strings.Builder
	text.WriteString("task: all\nmethods:\n- name: m\n  steps:\n")
	for i := range 20 {
		fmt.Fprintf(&text, "    s%d: {task: t%d}\n", i, i)
	}
	for i := range 20 {
		fmt.Fprintf(&text, "---\ntask: t%d\nmethods:\n", i)
		for m := range 10 {
			fmt.Fprintf(&text, "- {name: m%d, cost: %d, when: [{node: {kind: thing, has: {size: %d}}}], steps: {s: {run: x%d}}}\n", m, m, m%4, m)
		}
	}
	w := newWorld(b, nil, text.String())
	for i := range 100 {
		w.add(b, "thing", fmt.Sprint("n", i), map[string]any{"size": fmt.Sprint(i % 2)})
	}
	p := New()
	for b.Loop() {
		slaps, _, err := p.Plan(b.Context(), w, "t", jitos.Task{Name: "all"})
		if err != nil || len(slaps) != defaultK {
			b.Fatalf("%d candidates, %v", len(slaps), err)
		}
	}
}
