package planner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// house is a task of three steps, of which each is a task with ways of its own.
const house = `task: build
methods:
- name: m
  steps:
    ground: {task: ground}
    walls: {task: walls, after: [ground]}
    roof: {task: roof, after: [walls]}
- name: tent
  cost: 90
  steps:
    ground: {task: ground}
    tent: {run: tent, after: [ground]}
---
task: ground
methods: [{name: dig, vars: {p: plot}, when: [{node: {kind: plot, is: $p}}, {not: {node: {kind: dug}}}], steps: {dig: {run: "dig {p}"}}}, {name: blast, cost: 1, steps: {blast: {run: blast}}}]
---
task: walls
methods: [{name: straw, steps: {raise: {run: straw}}}, {name: wood, cost: 1, steps: {frame: {run: frame}, raise: {task: boards, after: [frame]}}}, {name: stone, cost: 2, steps: {raise: {run: stone}}}]
---
task: boards
methods: [{name: nail, steps: {nail: {run: nail}}}]
---
task: roof
methods: [{name: thatch, when: [{not: {node: {kind: rain}}}], steps: {lay: {run: thatch}}}, {name: tiles, cost: 1, steps: {lay: {run: tiles}}}]
`

// What is settled stays, the lowest broken task is planned anew, and the one above it only where that fails.
func TestRepair(t *testing.T) {
	w := newWorld(t, nil, house)
	w.add(t, "plot", "north", map[string]any{}).add(t, "plot", "south", map[string]any{})
	plans, _ := planned(t, w, "build", nil)
	first := plans[0]
	if strings.Join(first.Methods, " ") != "m dig straw thatch" {
		t.Fatalf("the first plan is %v", first.Methods)
	}
	w.add(t, jitos.KindSlap, "first", first)
	w.add(t, "dug", "north", map[string]any{}) // what begun work found need not hold any more
	mend := func(b jitos.Breakdown) jitos.Repaired {
		t.Helper()
		r, err := New().Repair(t.Context(), w, "t", jitos.Task{Name: "build"}, b)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	check := func(r jitos.Repaired, methods, anew, keeps string) {
		t.Helper()
		if got := strings.Join(r.Slap.Methods, " "); got != methods || r.Task != anew || strings.Join(r.Slap.Keeps, " ") != keeps {
			t.Errorf("methods %s, anew %q, keeps %v; want %s, %q, %s", got, r.Task, r.Slap.Keeps, methods, anew, keeps)
		}
	}

	second := mend(jitos.Breakdown{Plan: "first", Steps: []string{"walls.raise"}, Settled: []string{"ground.dig"}})
	check(second, "m dig wood nail thatch", "walls", "ground.dig")
	if second.Slap.Parent != "first" || !slices.ContainsFunc(second.Slap.Steps, func(s jitos.Step) bool { return s.Run == first.Steps[0].Run }) {
		t.Errorf("parent %s, steps %+v: what was begun goes on where it was", second.Slap.Parent, second.Slap.Steps)
	}
	if strings.Contains(fmt.Sprint(second.Slap.Reads), "plot") {
		t.Errorf("reads %v: the conditions of what was begun are not asked again", second.Slap.Reads)
	}

	// The lowest task, boards, has no other method, so walls is planned anew; what failed there first is not tried again.
	w.add(t, jitos.KindSlap, "second", second.Slap)
	third := mend(jitos.Breakdown{Plan: "second", Steps: []string{"walls.raise.nail"}, Settled: []string{"ground.dig", "walls.frame"}})
	if third.Task != "walls" || strings.Join(third.Slap.Keeps, " ") != "ground.dig" {
		t.Errorf("anew %s, keeps %v", third.Task, third.Slap.Keeps)
	}

	// No way is left to do walls: the task itself is done otherwise, and begins with the same step.
	for i, m := range []string{"straw", "wood", "stone"} {
		broken := first
		broken.Parent = map[bool]jitos.SlapID{true: jitos.SlapID(fmt.Sprint("try", i-1))}[i > 0]
		broken.Root = &jitos.Branch{Task: "build", Method: "m", Tasks: []*jitos.Branch{first.Root.Tasks[0], {Name: "walls", Task: "walls", Method: m, Steps: []string{"walls.raise"}}, first.Root.Tasks[2]}}
		w.add(t, jitos.KindSlap, fmt.Sprint("try", i), broken)
	}
	w.nodes = slices.DeleteFunc(w.nodes, func(n jitos.Node) bool { return n.ID.Kind == "dug" })
	check(mend(jitos.Breakdown{Plan: "try2", Steps: []string{"walls.raise"}, Settled: []string{"ground.dig"}}), "tent dig", "build", "ground.dig")

	// A task that nothing was begun of is done anew where its conditions fail now, by the task above it.
	w.add(t, "rain", "today", map[string]any{})
	check(mend(jitos.Breakdown{Plan: "first", Steps: []string{"walls.raise"}, Settled: []string{"ground.dig"}}), "m dig wood nail tiles", "build", "ground.dig")

	// After a conflict nothing is wrong with the methods: the plan is the same, and its steps run again but for those that stand.
	w.nodes = slices.DeleteFunc(w.nodes, func(n jitos.Node) bool { return n.ID.Kind == "rain" })
	check(mend(jitos.Breakdown{Plan: "first", Steps: []string{"walls.raise"}, Settled: []string{"ground.dig", "roof.lay"}, Again: true}), "m dig straw thatch", "", "ground.dig")

	// Where nothing can be kept there is nothing to repair.
	for _, b := range []jitos.Breakdown{
		{Plan: "first", Steps: []string{"ground.dig"}},
		{Plan: "first", Steps: []string{"ground.dig"}, Settled: []string{"roof.lay"}},
	} {
		if r, err := New().Repair(t.Context(), w, "t", jitos.Task{Name: "build"}, b); !errors.Is(err, jitos.ErrNoPlan) {
			t.Errorf("%+v: %+v, %v", b, r.Slap, err)
		}
	}
}

// A step is kept if it is the same in both plans, and if all that it comes after in either is kept.
func TestKeeps(t *testing.T) {
	step := func(name, run string, after ...string) jitos.Step {
		return jitos.Step{Name: name, Run: run, After: after}
	}
	old := []jitos.Step{step("a", "a"), step("b", "b", "a"), step("c", "c"), step("d", "d", "b", "c"), step("e", "e")}
	for want, now := range map[string][]jitos.Step{
		"a b c d": {step("d", "d", "b", "c"), step("a", "a"), step("b", "b", "a"), step("c", "c"), step("e", "e")},
		"a b":     {step("a", "a"), step("b", "b", "a"), step("c", "other"), step("d", "d", "b", "c")},
		"a c":     {step("a", "a"), step("b", "b", "x"), step("x", "x"), step("c", "c"), step("d", "d", "b", "c")},
		"c":       {step("b", "b"), step("c", "c"), step("d", "d", "b", "c")},
	} {
		got := keeps(old, now, []string{"a", "b", "c", "d", "e"}, []string{"e"})
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("kept %v, want %s", got, want)
		}
	}
}

// A repair looks at the broken task alone, planning from scratch at all that there is.
func TestRepair_againstScratch(t *testing.T) {
	var b strings.Builder
	b.WriteString("task: all\nmethods:\n- name: m\n  steps:\n    s0: {task: t0}\n")
	const n = 12
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "    s%d: {task: t%d, after: [s%d]}\n", i, i, i-1)
	}
	for i := range n {
		fmt.Fprintf(&b, "---\ntask: t%d\nmethods: [{name: a, steps: {s: {run: a%d}}}, {name: b, cost: %d, steps: {s: {run: b%d}}}]\n", i, i, i+1, i)
	}
	w := newWorld(t, nil, b.String())
	slaps, scratch := planned(t, w, "all", nil)
	w.add(t, jitos.KindSlap, "first", slaps[0])
	var settled []string
	for i := range n - 2 {
		settled = append(settled, fmt.Sprintf("s%d.s", i))
	}
	r, err := New().Repair(t.Context(), w, "t", jitos.Task{Name: "all"}, jitos.Breakdown{Plan: "first", Steps: []string{fmt.Sprintf("s%d.s", n-2)}, Settled: settled})
	if err != nil || len(r.Slap.Keeps) != n-2 || r.Expanded*2 > scratch.Expanded {
		t.Errorf("%d jobs kept of %d, %d decisions; from scratch %d; %v", len(r.Slap.Keeps), n, r.Expanded, scratch.Expanded, err)
	}
	t.Logf("%d of %d jobs kept in %d decisions; from scratch 0 in %d", len(r.Slap.Keeps), n, r.Expanded, scratch.Expanded)
}

// What is settled stays where the new method leads to the same task; a step of the same name that is another task is free.
func TestRepair_sameNameOtherTask(t *testing.T) {
	w := newWorld(t, nil, `task: all
methods:
- {name: m, steps: {s: {task: x}, t: {task: y, after: [s]}, u: {run: u, after: [t]}}}
- {name: n, cost: 1, steps: {s: {task: x}, t: {task: z, after: [s]}}}
---
task: x
methods: [{name: xx, steps: {a: {run: x}}}]
---
task: y
methods: [{name: yy, steps: {a: {run: y}}}]
---
task: z
methods: [{name: zz, steps: {a: {run: z}}}]
`)
	slaps, _ := planned(t, w, "all", nil)
	w.add(t, jitos.KindSlap, "first", slaps[0])
	r, err := New().Repair(t.Context(), w, "t", jitos.Task{Name: "all"}, jitos.Breakdown{Plan: "first", Steps: []string{"u"}, Settled: []string{"s.a", "t.a"}})
	if err != nil || strings.Join(r.Slap.Methods, " ") != "n xx zz" || strings.Join(r.Slap.Keeps, " ") != "s.a" {
		t.Errorf("%v keeps %v, %v", r.Slap.Methods, r.Slap.Keeps, err)
	}
}
