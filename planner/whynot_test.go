package planner

import (
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// Why a method was not used: what is told for each way in which it can fail.
func TestWhyNot(t *testing.T) {
	one := func(when string) string {
		return "task: wish\nparams: {p: {type: string, default: x}}\nmethods:\n- name: m\n  vars: {v: lamp}\n  when:\n  - node: {kind: lamp, is: $v}\n" +
			strings.ReplaceAll(when, "\n", "\n") + "  steps: {s: {run: \"rub {v}\"}}\n"
	}
	cases := []struct {
		name, library                                   string
		task, method, condition, reason, near, bindings string
	}{
		{name: "no node of the kind", library: one("  - node: {kind: genie}\n"),
			method: "m", condition: "node: {kind: genie}", reason: "there is no genie", bindings: "p=x v=brass"},
		{name: "no node with the field", library: one("  - node: {kind: lamp, has: {oil: full, wick: new}}\n"),
			method: "m", condition: "node: {kind: lamp, has: {oil: full, wick: new}}", reason: "there is no lamp with oil full, wick new",
			near: "lamp/tin (oil full; wick old)", bindings: "p=x v=brass"},
		{name: "no node of the name", library: one("  - node: {kind: lamp, is: gold}\n"),
			method: "m", reason: "there is no lamp/gold", near: "lamp/brass"},
		{name: "the node has another value", library: one("  - node: {kind: lamp, is: tin, has: {wick: new}}\n"),
			method: "m", reason: "there is no lamp/tin with wick new", near: "lamp/tin (wick old)"},
		{name: "there must be none", library: one("  - not: {node: {kind: lamp, has: {oil: full}}}\n"),
			method: "m", condition: "not: {node: {kind: lamp, has: {oil: full}}}", reason: "it must not be, but there is: lamp/tin (oil full)", near: "lamp/tin (oil full)"},
		{name: "no file", library: one("  - file: {path: docs/wish.txt}\n"),
			method: "m", condition: "file: {path: docs/wish.txt}", reason: "there is no file docs/wish.txt", near: "file old/wish.txt"},
		{name: "no file of a pattern", library: one("  - file: {path: \"*.md\"}\n"),
			method: "m", reason: "there is no file *.md", near: "file notes/a.md"},
		{name: "no such line", library: one("  - file: {path: READ, contains: ^three}\n"),
			method: "m", reason: "no line of READ is like ^three", near: "file READ"},
		{name: "a file that must not be", library: one("  - not: {file: {path: READ}}\n"),
			method: "m", reason: "it must not be, but there is: file READ"},
		{name: "values differ", library: one("  - same: [$p, three]\n"),
			method: "m", condition: "same: [$p, three]", reason: `"x" is not "three"`},
		{name: "values are the same", library: one("  - different: [$v, brass]\n  - same: [$p, y]\n"),
			method: "m", condition: "same: [$p, y]", reason: `"x" is not "y"`, bindings: "p=x v=tin"},
		{name: "the farthest binding", library: one("  - node: {kind: lamp, is: $v, has: {oil: full}}\n  - node: {kind: lamp, is: $v, has: {wick: new}}\n"),
			method: "m", condition: "node: {kind: lamp, is: $v, has: {wick: new}}", reason: "there is no lamp/tin with wick new", bindings: "p=x v=tin"},
		{name: "a task that no method fits", library: `task: wish
methods: [{name: m, steps: {a: {run: a}, b: {task: deeper}}}]
---
task: deeper
methods: [{name: d, when: [{node: {kind: genie}}]}]
`, method: "m", reason: "step b: task deeper: no method fits: there is no genie"},
		{name: "a step beside it", library: `task: wish
methods: [{name: m, steps: {a: {task: deeper}, b: {job: j, args: {q: "a b"}}}}]
---
task: deeper
methods: [{name: d}]
---
jobs: {j: {params: {q: string}, run: x, when: [{node: {kind: genie}}]}}
`, task: "deeper", method: "d", reason: "beside it, step b: job j needs node: {kind: genie}: there is no genie"},
		{name: "a job's condition", library: `task: wish
methods: [{name: m, steps: {b: {job: j}}}]
---
jobs: {j: {run: x, when: [{node: {kind: genie}}]}}
`, method: "m", reason: "step b: job j needs node: {kind: genie}: there is no genie"},
		{name: "an argument that does not fit", library: `task: wish
params: {p: {type: string, default: "a b"}}
methods: [{name: m, steps: {b: {task: deeper, args: {n: $p}}}}]
---
task: deeper
params: {n: name}
methods: [{name: d}]
`, method: "m", reason: `step b: argument n "a b": invalid: want one word`},
		{name: "a gate that nothing can run", library: `task: wish
methods: [{name: m, steps: {g: {gate: tests-pass}}}]
`, method: "m", reason: "step g: gate tests-pass: nothing that was recognised here can run it"},
		{name: "a toolchain that cannot", library: `task: wish
methods: [{name: m, steps: {g: {job: format, args: {chain: go}}}}]
`, method: "m", reason: "step g: job format: toolchain go cannot format here"},
		{name: "a toolchain that is none", library: `task: wish
methods: [{name: m, steps: {g: {job: format, args: {chain: gold}}}}]
`, method: "m", reason: `step g: job format: there is no toolchain "gold"`},
		{name: "a cycle", library: `task: wish
methods: [{name: m, steps: {again: {task: wish}}}]
`, method: "m", reason: "step again: task wish would come up again with the same arguments in the same state"},
		{name: "better candidates", library: `task: wish
methods: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: m, cost: 7}]
`, method: "m", reason: "it would cost 7, and there are 5 candidates that cost less or come first"},
		{name: "the binding that came nearest", library: one("  - node: {kind: wick, is: $v, has: {new: \"yes\", red: \"yes\"}}\n"),
			method: "m", reason: "there is no wick/tin with new yes, red yes", near: "wick/tin (new yes; red no)", bindings: "p=x v=tin"},
		{name: "a list that lacks the value", library: one("  - node: {kind: shelf, is: low, has: {holds: gold}}\n"),
			method: "m", reason: "there is no shelf/low with holds gold", near: "shelf/low (holds brass, tin)"},
		{name: "a field that two conditions bind differently", library: `task: wish
methods: [{name: m, vars: {h: string}, when: [{node: {kind: shelf, is: low, has: {holds: $h}}}, {node: {kind: shelf, is: high, has: {holds: $h}}}]}]
`, method: "m", condition: "node: {kind: shelf, is: high, has: {holds: $h}}", reason: "there is no shelf/high with holds brass", bindings: "h=brass"},
		{name: "a file that a variable names", library: one("  - file: {path: \"{v}.txt\"}\n"),
			method: "m", reason: "there is no file brass.txt", bindings: "p=x v=brass"},
		{name: "a step two tasks below", library: `task: wish
methods: [{name: m, steps: {a: {task: deeper}}}]
---
task: deeper
methods: [{name: d, steps: {b: {task: deepest}}}]
---
task: deepest
methods: [{name: e, when: [{same: [x, y]}]}, {name: f, cost: 1, when: [{node: {kind: genie}}]}]
`, method: "m", reason: `step a.b: task deepest: no method fits: "x" is not "y"`},
		{name: "the deepest is told for the task in between", library: `task: wish
methods: [{name: m, steps: {a: {task: deeper}}}]
---
task: deeper
methods: [{name: d, steps: {b: {job: j}}}, {name: e, when: [{node: {kind: genie}}]}]
---
jobs: {j: {run: x, when: [{not: {file: {path: READ}}}]}}
`, task: "deeper", method: "d", reason: "step a.b: job j needs not: {file: {path: READ}}: it must not be, but there is: file READ"},
		{name: "an effect that takes the fact away", library: `task: wish
methods: [{name: m, steps: {a: {job: take}, b: {task: deeper, after: [a]}}}]
---
task: deeper
methods: [{name: d, when: [{node: {kind: lamp, is: tin}}]}]
---
jobs: {take: {run: x, effects: {delete: [{kind: lamp, is: tin}]}}}
`, task: "deeper", method: "d", reason: "there is no lamp/tin", near: "lamp/brass"},
		{name: "tasks within tasks without end", library: `task: wish
params: {p: {type: string, default: x}}
methods: [{name: m, steps: {again: {task: wish, args: {p: "{p}x"}}}}]
`, method: "m", reason: "step again.again.again"},
		{name: "what waits is too dear", library: `task: wish
methods: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: m, steps: {s: {task: deeper}}}]
---
task: deeper
methods: [{name: x, cost: 7}]
`, method: "m", reason: "it would cost 7, and there are 5 candidates that cost less or come first"},
		{name: "a method below what was too dear", library: `task: wish
methods: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: m, steps: {s: {task: deeper}}}]
---
task: deeper
methods: [{name: x, cost: 7}]
`, task: "deeper", method: "x", reason: "no method that was tried led to task deeper"},
		{name: "nothing led to it", library: `task: wish
methods: [{name: m, when: [{node: {kind: genie}}], steps: {a: {task: deeper}}}]
---
task: deeper
methods: [{name: d}]
`, task: "deeper", method: "d", reason: "no method that was tried led to task deeper"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]string{"READ": "one\ntwo\n", "old/wish.txt": "", "notes/a.md": ""}, c.library)
			w.add(t, "lamp", "brass", map[string]any{})
			w.add(t, "lamp", "tin", map[string]any{"oil": "full", "wick": "old"})
			w.add(t, "wick", "tin", map[string]any{"new": "yes", "red": "no"})
			w.add(t, "wick", "brass", map[string]any{"new": "no", "red": "no"})
			w.add(t, "shelf", "low", map[string]any{"holds": []string{"brass", "tin"}})
			w.add(t, "shelf", "high", map[string]any{"holds": []string{"gold"}})
			_, planning := planned(t, w, "wish", nil)
			task := c.task
			if task == "" {
				task = "wish"
			}
			for _, why := range planning.WhyNot {
				if why.Task == task && why.Method == c.method {
					compare(t, why, c.condition, c.reason, c.near, c.bindings)
					return
				}
			}
			t.Errorf("nothing is said about %s: %+v", c.method, planning.WhyNot)
		})
	}
}

func compare(t *testing.T, why jitos.WhyNot, condition, reason, near, bindings string) {
	t.Helper()
	var bound []string
	for _, name := range keys(why.Binding) {
		bound = append(bound, name+"="+why.Binding[name])
	}
	switch {
	case !strings.HasPrefix(why.Reason, reason):
		t.Errorf("reason:\n%s\nwant:\n%s", why.Reason, reason)
	case condition != "" && why.Condition != condition:
		t.Errorf("condition %s, want %s", why.Condition, condition)
	case near != "" && (len(why.Nearest) == 0 || why.Nearest[0] != near):
		t.Errorf("nearest %q, want first %q", why.Nearest, near)
	case bindings != "" && strings.Join(bound, " ") != bindings:
		t.Errorf("binding %v, want %s", bound, bindings)
	}
}

// A search that was cut off says so of what it did not come to, and does not take what it left for a dead end.
func TestWhyNot_budget(t *testing.T) {
	w := newWorld(t, nil, "task: wish\nmethods: [{name: a, steps: {s: {task: deeper}}}, {name: b, cost: 1}]\n---\ntask: deeper\nmethods: [{name: d}]\n")
	_, planning, err := (&Planner{Budget: 1}).Plan(t.Context(), w, "t", jitos.Task{Name: "wish"})
	if err != nil || len(planning.WhyNot) != 3 {
		t.Fatalf("%+v, %v", planning, err)
	}
	for _, why := range planning.WhyNot {
		if why.Reason != "the search ended after 1 decision, before it was tried" {
			t.Errorf("%s: %s", why.Method, why.Reason)
		}
	}
}

// A method that is in a candidate is not explained, and every other one of the tasks that may come up is.
func TestWhyNot_complete(t *testing.T) {
	w := newWorld(t, goFiles())
	slaps, planning := planned(t, w, "fix the failing tests", nil)
	said := map[string]bool{}
	for _, s := range slaps {
		for _, m := range s.Methods {
			said[m] = true
		}
	}
	for _, why := range planning.WhyNot {
		if said[why.Method] {
			t.Errorf("method %s is used and explained, or explained twice", why.Method)
		}
		said[why.Method] = true
	}
	for _, m := range []string{"regenerate", "restore-dependency-files", "revert-the-culprit", "bisect-history", "generate-and-format", "generate-only", "format-only"} {
		if !said[m] {
			t.Errorf("nothing is said about method %s", m)
		}
	}
}
