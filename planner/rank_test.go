package planner

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// attempted adds a plan by some methods of a task, and how an attempt at it ended: the kind of its failure, or "collapsed".
func (w *world) attempted(t testing.TB, n int, end, task string, methods ...string) {
	t.Helper()
	name := fmt.Sprint("a", n)
	root := &jitos.Branch{Task: task, Method: methods[0]}
	for _, m := range methods[1:] {
		root.Tasks = append(root.Tasks, &jitos.Branch{Task: "deeper", Method: m})
	}
	w.add(t, jitos.KindSlap, name, jitos.Slap{Root: root, Methods: methods})
	w.add(t, jitos.KindProcess, name, jitos.Process{Slap: jitos.SlapID(name)})
	if end == "collapsed" {
		w.add(t, jitos.KindCollapse, name, jitos.Collapse{Process: jitos.ProcessID(name)})
	} else {
		w.add(t, jitos.KindAttempt, name, jitos.Attempt{Slap: jitos.SlapID(name), Kind: end, Method: methods})
	}
}

const threeWays = `task: wish
methods:
- {name: a, cost: 1, steps: {s: {run: a}}}
- {name: b, cost: 2, steps: {s: {run: b}}}
- {name: c, cost: 4, steps: {s: {run: c}}}
`

// Candidates are ranked by declared cost, until the record of the fabric says that a dearer one works and a cheaper does not.
func TestPlan_rank(t *testing.T) {
	for _, c := range []struct {
		name string
		ends []string // "method end"
		want string
		why  string // of the first
	}{
		{"no record", nil, "a b c", "a was not tried in this fabric"},
		{"one failure does not outweigh the cost", []string{"a gate"}, "a b c", "the one attempt with a failed"},
		{"two do", []string{"a gate", "a job"}, "b a c", "b was not tried in this fabric"},
		{"what lacked a right or conflicted says nothing", []string{"a denied", "a could-not-run", "a conflict", "a person", "a quota"}, "a b c", "a was not tried in this fabric"},
		{"what works is tried first", []string{"c collapsed", "c collapsed", "c collapsed", "a gate", "b gate"}, "a c b", "the one attempt with a failed"},
		{"what works is tried first, at last", []string{"c collapsed", "c collapsed", "c collapsed", "a gate", "a gate", "a gate", "b gate"}, "c b a", "of 3 attempts with c 3 were collapsed"},
		{"the same name in another task says nothing", []string{"other/a gate", "other/a gate", "other/a gate"}, "a b c", "a was not tried in this fabric"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil, threeWays)
			for i, end := range c.ends {
				method, how, _ := strings.Cut(end, " ")
				task, of, ok := strings.Cut(method, "/")
				if !ok {
					task, of = "wish", method
				}
				w.attempted(t, i, how, task, of)
			}
			slaps, _ := planned(t, w, "wish", nil)
			var got []string
			for _, s := range slaps {
				got = append(got, s.Methods[0])
			}
			ranks, err := New().Rank(t.Context(), w, slaps)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, " ") != c.want || ranks[0].Why != c.why {
				t.Errorf("order %v, %q; want %s, %q", got, ranks[0].Why, c.want, c.why)
			}
			for i := range ranks[1:] {
				if ranks[i].Expected > ranks[i+1].Expected {
					t.Errorf("the ranks are not in order: %+v", ranks)
				}
			}
		})
	}
}

// What was tried with the same toolchains counts before all else, and a worker by its own jobs. Slow methods cost more, in steps so
// coarse that a busy moment changes nothing.
func TestRank_kindsWorkersTimes(t *testing.T) {
	w := newWorld(t, nil, "task: wish\nmethods: [{name: a, steps: {s: {run: a}}}]\n")
	plan := func(method, chain, worker string) jitos.Slap {
		return jitos.Slap{Root: &jitos.Branch{Task: "wish", Method: method}, Steps: []jitos.Step{{Name: "s", Worker: worker, Chain: chain},
			{Name: "r", Worker: "shell"}}}
	}
	tried := 0
	ended := func(s jitos.Slap, end, step string, seconds int) {
		tried++
		name := fmt.Sprint("x", tried)
		w.add(t, jitos.KindSlap, name, s)
		w.add(t, jitos.KindProcess, name, jitos.Process{Slap: jitos.SlapID(name)})
		if end == "collapsed" {
			w.add(t, jitos.KindCollapse, name, jitos.Collapse{Process: jitos.ProcessID(name), Seconds: seconds})
		} else {
			w.add(t, jitos.KindAttempt, name, jitos.Attempt{Slap: jitos.SlapID(name), Kind: end, Step: step, Seconds: seconds})
		}
	}
	for range 4 {
		ended(plan("revert", "go", "shell"), "collapsed", "", 8)
	}
	ended(plan("revert", "go", "shell"), "gate", "prove", 512)
	ended(plan("revert", "python", "shell"), "job", "s", 0)
	ended(plan("revert", "python", "shell"), "outrun", "s", 0) // says nothing
	ended(plan("mend", "go", "repair"), "job", "s", 64)
	ended(plan("mend", "go", "repair"), "job", "s", 64)
	ended(plan("mend", "go", "repair"), "job", "r", 64) // not the worker's fault
	ended(plan("other", "go", "repair"), "collapsed", "", 0)
	for _, tt := range []struct {
		slap     jitos.Slap
		why      string
		expected float64
	}{
		{plan("revert", "go", "shell"), "of 5 attempts with revert on go 4 were collapsed; it took about 8s", 1 * 7.0 / 5},
		{plan("revert", "python", "shell"), "the one attempt with revert on python failed", 1 * 3.0 / 1},
		{plan("revert", "node", "shell"), "of 6 attempts with revert 4 were collapsed; it took about 8s", 1 * 8.0 / 5},
		{plan("mend", "go", "repair"), "of 3 attempts with mend on go 0 were collapsed; it took about 1m4s", 2 * 5.0 / 1},
		{plan("new", "go", "repair"), "of 3 attempts with the worker repair on go 1 passed", 1 * 5.0 / 2},
		{plan("new", "go", "shell"), "new was not tried in this fabric", 1 * 2.0 / 1},
	} {
		ranks, err := New().Rank(t.Context(), w, []jitos.Slap{tt.slap})
		if err != nil || ranks[0].Why != tt.why || ranks[0].Expected != tt.expected {
			t.Errorf("%q, %v, %v; want %q, %v", ranks[0].Why, ranks[0].Expected, err, tt.why, tt.expected)
		}
	}
}

// Of several methods of a plan the one that fails most counts.
func TestRank_weakestMethod(t *testing.T) {
	w := newWorld(t, nil, "task: wish\nmethods: [{name: m, steps: {s: {task: deeper}}}]\n---\ntask: deeper\nmethods: [{name: x, steps: {s: {run: x}}}, {name: y, steps: {s: {run: y}}}]\n")
	w.attempted(t, 1, "gate", "wish", "m", "x")
	w.attempted(t, 2, "gate", "wish", "m", "x")
	w.attempted(t, 3, "collapsed", "wish", "m", "y")
	slaps, _ := planned(t, w, "wish", nil)
	ranks, err := New().Rank(t.Context(), w, slaps)
	if err != nil || slaps[0].Methods[1] != "y" || ranks[1].Method != "x" || ranks[1].Failed != 2 || ranks[0].Method != "m" || ranks[0].Collapsed != 1 {
		t.Errorf("%v, %+v, %v", slaps[0].Methods, ranks, err)
	}
}

// K candidates are K ways where there are as many: other bindings of a method give way.
func TestPlan_distinctByMethods(t *testing.T) {
	w := newWorld(t, nil, `task: wish
methods:
- {name: a, vars: {v: lamp}, when: [{node: {kind: lamp, is: $v}}], steps: {s: {run: "rub {v}"}}}
- {name: b, cost: 1, steps: {s: {run: b}}}
- {name: c, cost: 2, steps: {s: {task: deeper}}}
---
task: deeper
methods: [{name: d, cost: 3, steps: {s: {run: d}}}]
`)
	for i := range 9 {
		w.add(t, "lamp", fmt.Sprint("l", i), map[string]any{})
	}
	for k, want := range map[int]string{1: "a", 2: "a, b", 3: "a, b, c d", 5: "a, a, a, b, c d"} {
		p := &Planner{K: k}
		slaps, planning, err := p.Plan(t.Context(), w, "t", jitos.Task{Name: "wish"})
		var got []string
		for _, s := range slaps {
			got = append(got, strings.Join(s.Methods, " "))
		}
		if err != nil || strings.Join(got, ", ") != want || planning.K != k || planning.Bound != 0 {
			t.Errorf("%d: %v, want %s; bound %d, %v", k, got, want, planning.Bound, err)
		}
	}
}

// The bound is the cost of the cheapest plan where the search came to its end, else what the library alone proves.
func TestPlan_bound(t *testing.T) {
	text := "task: wish\nmethods: [{name: m, cost: 2, steps: {s: {task: deeper}, r: {task: deeper, after: [s]}}}]\n---\ntask: deeper\n" +
		"methods: [{name: x, cost: 3, when: [{node: {kind: genie}}]}, {name: y, cost: 5}, {name: z, cost: 6}]\n"
	w, cut, found := newWorld(t, nil, text), 0, 0
	for budget := 1; budget < 20; budget++ {
		slaps, planning, err := (&Planner{Budget: budget}).Plan(t.Context(), w, "t", jitos.Task{Name: "wish"})
		want := 12
		if planning.Truncated {
			cut, found, want = cut+1, found+len(slaps), 8
		}
		if err != nil || planning.Bound != want {
			t.Errorf("budget %d: bound %d, want %d (truncated %v, %d candidates, %v)", budget, planning.Bound, want, planning.Truncated, len(slaps), err)
		}
	}
	if cut == 0 || cut == 19 || found == 0 {
		t.Errorf("%d of 19 searches were cut, with %d candidates: the cases are too few", cut, found)
	}
}

// What is counted of a task that waits is not counted again when it is decomposed: the cheaper plan is found.
func TestPlan_prunesNothingThatIsBetter(t *testing.T) {
	w := newWorld(t, nil, `task: wish
methods: [{name: a, steps: {s: {task: five}}}, {name: m, steps: {s: {task: four}}}]
---
task: five
methods: [{name: f, cost: 5}]
---
task: four
methods: [{name: t, cost: 3, steps: {s: {task: one}}}]
---
task: one
methods: [{name: o, cost: 1}]
`)
	slaps, _, err := (&Planner{K: 1}).Plan(t.Context(), w, "t", jitos.Task{Name: "wish"})
	if err != nil || len(slaps) != 1 || slaps[0].Cost != 4 {
		t.Errorf("%+v, %v", slaps, err)
	}
}

// What the tasks that wait must cost counts before they are decomposed: a dear one is not looked into.
func TestPlan_prunesByWhatWaits(t *testing.T) {
	var b strings.Builder
	b.WriteString("task: wish\nmethods:\n- {name: a, steps: {s: {run: a}}}\n- {name: m, steps: {s: {task: cheap}, r: {task: dear}}}\n---\ntask: dear\nmethods: [{name: d, cost: 9}]\n---\ntask: cheap\nmethods:\n")
	for i := range 50 {
		fmt.Fprintf(&b, "- {name: c%d}\n", i)
	}
	p := &Planner{K: 1}
	slaps, planning, err := p.Plan(t.Context(), newWorld(t, nil, b.String()), "t", jitos.Task{Name: "wish"})
	if err != nil || len(slaps) != 1 || planning.Expanded > 3 {
		t.Errorf("%d candidates, %d decisions, %v", len(slaps), planning.Expanded, err)
	}
}
