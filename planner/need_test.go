package planner

import (
	"fmt"
	"testing"
)

// A node that is asked for by its name is read alone, whatever else there is of its kind; of a kind that no condition asks for
// nothing is read; and why a method was not used is told from a sample.
func TestPlan_readsByNeed(t *testing.T) {
	w := newWorld(t, nil, `task: wish
params: {p: name}
methods:
- {name: named, when: [{node: {kind: note, is: $p}}], steps: {s: {run: s}}}
- {name: small, vars: {v: thing}, when: [{node: {kind: thing, is: $v}}, {node: {kind: note, is: $v}}], steps: {s: {run: "s {v}"}}}
---
task: other
params: {p: name}
methods: [{name: missing, when: [{node: {kind: note, is: $p}}], steps: {s: {run: s}}}]
`)
	for i := range 1000 {
		w.add(t, "note", fmt.Sprint("n", i), map[string]any{})
		w.add(t, "unasked", fmt.Sprint("n", i), map[string]any{})
	}
	for i := range 3 {
		w.add(t, "thing", fmt.Sprint("n", i), map[string]any{})
	}
	w.asked = nil
	slaps, _ := planned(t, w, "wish", map[string]string{"p": "n7"})
	if len(slaps) != 4 || w.asked["note"] > 4 || w.asked["thing"] > 3 || w.asked["unasked"] > 0 {
		t.Errorf("%d plans, looked at %v", len(slaps), w.asked)
	}
	w.asked = nil
	slaps, planning := planned(t, w, "other", map[string]string{"p": "nothing"})
	if len(slaps) != 0 || w.asked["note"] > sample+1 || len(planning.WhyNot[0].Nearest) == 0 {
		t.Errorf("%d plans, looked at %v, %+v", len(slaps), w.asked, planning.WhyNot)
	}
}
