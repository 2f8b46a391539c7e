package planner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jitos/jitos/methods"
)

// errands is a task of n errands that can be run in two ways each, and of a last one.
func errands(n int, last string) string {
	var b strings.Builder
	b.WriteString("task: all\nmethods:\n- name: m\n  steps:\n    s0: {task: t0}\n")
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "    s%d: {task: t%d, after: [s%d]}\n", i, i, i-1)
	}
	fmt.Fprintf(&b, "    last: {task: last, after: [s%d]}\n", n-1)
	for i := range n {
		fmt.Fprintf(&b, "---\ntask: t%d\nmethods: [{name: a%d, steps: {s: {run: a}}}, {name: b%d, cost: 1, steps: {s: {run: b}}}]\n", i, i, i)
	}
	return b.String() + "---\ntask: last\nmethods:\n" + last
}

// What is left to do in vain in one state is tried once, whatever was chosen before; and yet why is told of each choice.
func TestSearch_deadEnds(t *testing.T) {
	w := newWorld(t, nil, errands(12, "- {name: l, when: [{node: {kind: genie}}]}\n"))
	slaps, planning := planned(t, w, "all", nil)
	if len(slaps) != 0 || planning.Truncated || planning.Expanded > 200 {
		t.Errorf("%d candidates, %d decisions, truncated %v: 2^12 ways lead to one dead end", len(slaps), planning.Expanded, planning.Truncated)
	}
	told := map[string]string{}
	for _, why := range planning.WhyNot {
		told[why.Method] = why.Reason
	}
	for _, m := range []string{"a3", "b0", "b7", "b11"} {
		if want := "beside it, step last: task last: no method fits: there is no genie"; told[m] != want {
			t.Errorf("%s: %s\nwant %s", m, told[m], want)
		}
	}
	if want := "step last: task last: no method fits: there is no genie"; told["m"] != want {
		t.Errorf("m: %s\nwant %s", told["m"], want)
	}
}

// Nothing is taken for a dead end in which a candidate was found, or which another state would open.
func TestSearch_noDeadEnds(t *testing.T) {
	w := newWorld(t, nil, errands(3, "- {name: l}\n"))
	p := New()
	p.K = 100
	slaps, _, err := p.Plan(t.Context(), w, "t", matched(t, w, "all", nil))
	if err != nil || len(slaps) != 8 {
		t.Errorf("%d candidates of 8, %v", len(slaps), err)
	}
	w = newWorld(t, nil, `task: all
methods: [{name: m, steps: {a: {task: t}, b: {task: u, after: [a]}}}]
---
task: t
methods: [{name: sleep, steps: {s: {job: sleep}}}, {name: wake, cost: 1, steps: {s: {job: wake}}}]
---
task: u
methods: [{name: eat, when: [{node: {kind: awake}}]}]
---
jobs: {sleep: {run: x, effects: {delete: [{kind: awake}]}}, wake: {run: x, effects: {add: [{kind: awake, is: yes}]}}}
`)
	if slaps, _ := planned(t, w, "all", nil); len(slaps) != 1 || strings.Join(slaps[0].Methods, " ") != "m wake eat" {
		t.Errorf("candidates: %s", titles(slaps))
	}
}

// A dead end is one for the same values alone, and only where no loop was cut off in it: it is none below other tasks.
func TestSearch_otherValues(t *testing.T) {
	w := newWorld(t, nil, `task: all
methods: [{name: m, vars: {v: lamp}, when: [{node: {kind: lamp, is: $v}}], steps: {s: {task: light, args: {v: $v}}}}]
---
task: light
params: {v: name}
methods: [{name: l, when: [{node: {kind: lamp, is: $v, has: {oil: full}}}]}]
`)
	w.add(t, "lamp", "brass", map[string]any{}).add(t, "lamp", "tin", map[string]any{"oil": "full"})
	if slaps, _ := planned(t, w, "all", nil); len(slaps) != 1 || slaps[0].Root.Vars["v"] != "tin" {
		t.Errorf("candidates: %s", titles(slaps))
	}
	w = newWorld(t, nil, `task: all
methods: [{name: m1, steps: {s: {task: a}}}, {name: m2, cost: 1, steps: {s: {task: b}}}]
---
task: a
methods: [{name: far, steps: {x: {task: c}}}, {name: near, cost: 2, steps: {r: {run: r}}}]
---
task: b
methods: [{name: only, steps: {x: {task: c}}}]
---
task: c
methods: [{name: again, steps: {q: {task: a}}}]
`)
	slaps, planning := planned(t, w, "all", nil)
	if got, want := titles(slaps), "2 m1; 3 m2"; got != want {
		t.Errorf("candidates: %s, want %s; %+v", got, want, planning.WhyNot)
	}
}

// What no job can change is asked once for the same values, what one can change again in each state.
func TestSearch_rigid(t *testing.T) {
	text := errands(6, "- {name: l, when: [{node: {kind: rock}}, {node: {kind: leaf}}]}\n") +
		"---\njobs: {fall: {run: x, effects: {delete: [{kind: leaf}]}}}\n"
	w := newWorld(t, nil, text)
	w.add(t, "rock", "r", map[string]any{}).add(t, "leaf", "l", map[string]any{})
	lib, err := New().library(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if lib.fluent["rock"] || !lib.fluent["leaf"] {
		t.Fatalf("fluent: %v", lib.fluent)
	}
	task, _ := lib.Task("all")
	s := New().search(newFacts(t.Context(), w), lib, "t")
	s.agenda = []*item{{task: task}}
	if err := s.run(); err != nil || len(s.kept.List()) == 0 {
		t.Fatalf("%d candidates, %v", len(s.kept.List()), err)
	}
	last, _ := lib.Task("last")
	for q := range s.known {
		if q.condition != &last.Methods[0].When[0] {
			t.Errorf("%s is kept", q.condition.Text)
		}
	}
	if len(s.known) != 1 {
		t.Errorf("%d answers are kept, want that about rocks", len(s.known))
	}
	no := &methods.Condition{Not: &methods.Condition{Node: &methods.NodeCondition{Kind: "leaf"}}}
	if lib.rigid(no) {
		t.Error("the absence of what may fall is taken for rigid")
	}
}
