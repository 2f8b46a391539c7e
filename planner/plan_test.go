package planner

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// lines tells a plan on one line a step: name, what it does, what it comes after.
func lines(s jitos.Slap) string {
	var b strings.Builder
	for _, step := range s.Steps {
		what := step.Run
		switch {
		case step.Gate != nil:
			what = "gate " + step.Gate.Gate
		case step.Worker != "shell":
			what = step.Worker
		}
		fmt.Fprintf(&b, "%s: %s", step.Name, strings.SplitN(what, "\n", 2)[0])
		if len(step.After) > 0 {
			fmt.Fprintf(&b, " < %s", strings.Join(step.After, ", "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func titles(slaps []jitos.Slap) string {
	var list []string
	for _, s := range slaps {
		list = append(list, fmt.Sprintf("%d %s", s.Cost, s.Title))
	}
	return strings.Join(list, "; ")
}

func TestPlan_fixFailingTests(t *testing.T) {
	w := newWorld(t, goFiles())
	slaps, planning := planned(t, w, "fix the failing tests in sub", nil)
	if got, want := titles(slaps), "1 regenerate and format the code; 2 restore the dependency files; 4 revert the culprit; 8 search small edits"; got != want {
		t.Fatalf("candidates: %s\nwant:       %s", got, want)
	}
	want := `reproduce: gate tests-pass
find.bisect: bisect < reproduce
revert: revert < find.bisect
prove: gate tests-pass < revert
`
	if got := lines(slaps[2]); got != want {
		t.Errorf("plan:\n%swant:\n%s", got, want)
	}
	bisect, revert := slaps[2].Steps[1], slaps[2].Steps[2]
	if bisect.Args["run"] != "cd sub && go test -json -count=1 ./..." || bisect.Args["report"] != "go" || bisect.Args["chain"] != "go" {
		t.Errorf("bisect is not told how to test: %v", bisect.Args)
	}
	if revert.Inputs["commit"] != "find.bisect.culprit" {
		t.Errorf("inputs of revert: %v", revert.Inputs)
	}
	// The kernel knows the goal among the gates of a plan by its bytes.
	task := matched(t, w, "fix the failing tests in sub", nil)
	if got := slaps[2].Steps[3].Gate; jitos.HashOf(got) != jitos.HashOf(task.Goal) || got.Args["pkg"] != "sub" {
		t.Errorf("gate %v, want the goal %v", got, task.Goal)
	}
	if planning.Library == "" || planning.Tree != w.Tree() || planning.Truncated || planning.Expanded == 0 {
		t.Errorf("planning: %+v", planning)
	}
}

// What was tried on the same files is not tried again; on other files it is.
func TestPlan_notTwice(t *testing.T) {
	w := newWorld(t, goFiles())
	w.add(t, jitos.KindAttempt, "p1", jitos.Attempt{Of: "task-1", Method: []string{"regenerate", "generate-and-format"}, At: w.Tree()})
	w.add(t, jitos.KindAttempt, "p2", jitos.Attempt{Of: "task-1", Method: []string{"revert-the-culprit"}, At: "other"})
	w.add(t, jitos.KindAttempt, "p3", jitos.Attempt{Of: "task-2", Method: []string{"revert-the-culprit"}, At: w.Tree()})
	slaps, planning := planned(t, w, "fix the failing tests", nil)
	if got, want := titles(slaps), "2 restore the dependency files; 4 revert the culprit; 8 search small edits"; got != want {
		t.Errorf("candidates: %s\nwant:       %s", got, want)
	}
	why := planning.WhyNot[0]
	if why.Method != "regenerate" || !strings.Contains(why.Reason, "attempt/p1") || !strings.HasPrefix(why.Condition, "not: {node: {kind: attempt") {
		t.Errorf("why not: %+v", why)
	}
}

// A plan's reads see the snapshot as it is, and see something else once a fact that it relied on has changed: a node that
// comes, goes or changes, or a file.
func TestPlan_reads(t *testing.T) {
	look := func(w *world, r jitos.Read) string {
		is, err := jitos.Look(t.Context(), w, r)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	w := newWorld(t, goFiles())
	slaps, _ := planned(t, w, "update golang.org/x/text", nil)
	if len(slaps) != 1 {
		t.Fatalf("candidates: %s", titles(slaps))
	}
	for _, r := range slaps[0].Reads {
		if look(w, r) != r.Is {
			t.Errorf("read %+v does not see what is there", r)
		}
	}
	moved := func(w *world) int {
		n := 0
		for _, r := range slaps[0].Reads {
			if look(w, r) != r.Is {
				n++
			}
		}
		return n
	}
	other := goFiles()
	other["go.mod"] += "// changed\n"
	if n := moved(newWorld(t, other)); n != 1 {
		t.Errorf("another go.mod moves %d reads, want 1", n)
	}
	delete(other, "go.mod")
	if n := moved(newWorld(t, other)); n != 2 {
		t.Errorf("no go.mod moves %d reads, want that of the file and that of the toolchain", n)
	}
	slaps, _ = planned(t, w, "fix the failing tests", nil)
	slaps = slaps[2:]
	w.add(t, jitos.KindAttempt, "p1", jitos.Attempt{Of: "task-1", Method: []string{"revert-the-culprit"}, At: w.Tree()})
	if n := moved(w); n != 1 {
		t.Errorf("an attempt that came since moves %d reads, want 1", n)
	}
}

func TestPlan_sameBytes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	// Cups that are filled and emptied: what may come in which order depends on what is there.
	cups := "task: serve\nmethods: [{name: m, steps: {a: {task: cup}, b: {job: fill, args: {c: green}}, c: {job: wash}, d: {each: {node: {kind: cup, is: $c, full: \"yes\"}}, run: \"drink {c}\", after: [a, b]}}}]\n---\n" +
		"task: cup\nmethods: [{name: fill, vars: {c: cup}, when: [{node: {kind: cup, is: $c, full: \"no\"}}], steps: {f: {job: fill, args: {c: $c}}}}," +
		" {name: drink, vars: {c: cup}, when: [{node: {kind: cup, is: $c, full: \"yes\"}}], steps: {d: {job: drink, args: {c: $c}}}}]\n---\n" +
		"jobs:\n  fill: {params: {c: name}, run: x, effects: {add: [{kind: cup, is: $c, has: {full: \"yes\"}}]}}\n" +
		"  drink: {params: {c: name}, run: x, effects: {add: [{kind: cup, is: $c, has: {full: \"no\"}}]}}\n  wash: {run: x, effects: {delete: [{kind: cup, has: {full: \"no\"}}]}}\n"
	var first []byte
	p := New() // reads the library once
	for i := range 50 {
		runtime.GOMAXPROCS(1 + i%2)
		files := goFiles()
		files["package.json"] = `{"scripts": {"test": "jest", "format": "x"}, "devDependencies": {"jest": "1"}}`
		w := newWorld(t, files, cups)
		for n, name := range []string{"red", "blue"} {
			w.add(t, "cup", name, map[string]any{"full": []string{"yes", "no"}[n%2]})
		}
		if i%3 == 0 {
			slices.Reverse(w.nodes)
		}
		slaps, planning, err := p.Plan(t.Context(), w, "task-1", jitos.Task{Name: "fix-failing-tests"})
		if err != nil {
			t.Fatal(err)
		}
		served, serving, err := p.Plan(t.Context(), w, "task-1", jitos.Task{Name: "serve"})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := jitos.Canonical([]any{slaps, planning, served, serving})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = raw
		}
		if !bytes.Equal(first, raw) {
			t.Fatalf("run %d: another answer to the same question:\n%s\n%s", i, first, raw)
		}
		if len(served) != defaultK {
			t.Fatalf("%d ways to serve: %+v", len(served), serving)
		}
	}
	if !bytes.Contains(first, []byte("revert the culprit (chain go)")) || !bytes.Contains(first, []byte("revert the culprit (chain node)")) {
		t.Errorf("two toolchains, and the titles do not tell their plans apart")
	}
}

func TestPlan_noTask(t *testing.T) {
	w := newWorld(t, goFiles())
	for _, task := range []jitos.Task{{Intent: "sing"}, {Goal: &jitos.GateRef{Run: "make sing"}}, {Name: "sing"}} {
		slaps, planning, err := New().Plan(t.Context(), w, "t", task)
		if err != nil || len(slaps) != 0 || len(planning.WhyNot) != 1 || planning.WhyNot[0].Reason == "" {
			t.Errorf("%+v: %v, %+v, %v", task, slaps, planning, err)
		}
	}
}

const own = `task: dance
says: ["dance"]
methods:
- name: waltz
  cost: 3
  steps:
    lead: {task: step, args: {foot: left}}
    follow: {task: step, args: {foot: right}}
    turn: {run: turn, after: [lead]}
    bow: {run: bow, after: [follow, turn]}
---
task: step
params: {foot: name}
methods:
- name: slow
  steps:
    raise: {run: "raise {foot}"}
    set: {run: "set {foot}", after: [raise]}
- name: none
  cost: 5
`

// after a task means after all that it became; steps that nothing orders stay unordered.
func TestPlan_partialOrder(t *testing.T) {
	slaps, _ := planned(t, newWorld(t, nil, own), "dance", nil)
	want := `lead.raise: raise left
lead.set: set left < lead.raise
follow.raise: raise right
follow.set: set right < follow.raise
turn: turn < lead.set
bow: bow < follow.set, turn
`
	if got := lines(slaps[0]); got != want {
		t.Errorf("plan:\n%swant:\n%s", got, want)
	}
	if got := titles(slaps); got != "3 waltz by slow, slow; 8 waltz by none, slow; 8 waltz by slow, none; 13 waltz by none, none" {
		t.Errorf("candidates: %s", got)
	}
	// A method without steps does nothing, but what comes after it still comes after what it came after.
	if got, want := lines(slaps[3]), "turn: turn\nbow: bow < turn\n"; got != want {
		t.Errorf("plan:\n%swant:\n%s", got, want)
	}
}

// A task without steps in the middle does not cut the order of what is around it.
func TestPlan_orderThroughNothing(t *testing.T) {
	slaps, _ := planned(t, newWorld(t, nil, `task: outer
methods:
- name: m
  steps:
    first: {run: first}
    middle: {task: nothing, after: [first]}
    each: {each: {node: {kind: nowhere, is: $x}}, run: "echo {x}", after: [middle]}
    last: {run: last, after: [each]}
---
task: nothing
methods: [{name: n}]
`), "outer", nil)
	if got, want := lines(slaps[0]), "first: first\nlast: last < first\n"; got != want {
		t.Errorf("plan:\n%swant:\n%s", got, want)
	}
}

func TestPlan_each(t *testing.T) {
	w := newWorld(t, map[string]string{"b/X Y.txt": "", "a.txt": ""}, `task: print
methods:
- name: m
  steps:
    p: {each: {file: {path: "**/*.txt", as: $f}}, run: "lp {f}"}
    end: {run: end, after: [p]}
`)
	slaps, _ := planned(t, w, "print", nil)
	want := "p.a-txt: lp a.txt\np.b-x-y-txt: lp 'b/X Y.txt'\nend: end < p.a-txt, p.b-x-y-txt\n"
	if got := lines(slaps[0]); got != want {
		t.Errorf("plan:\n%swant:\n%s", got, want)
	}
}

// What a job is predicted to do is there for what comes after it, and orders what it matters to.
func TestPlan_effects(t *testing.T) {
	w := newWorld(t, nil, `task: serve
methods:
- name: m
  steps:
    eat: {job: eat}
    cook: {job: cook}
    wash: {run: wash}
---
jobs:
  cook: {run: cook, effects: {add: [{kind: meal, is: soup}]}}
  eat: {run: eat, when: [{node: {kind: meal, is: soup}}], effects: {delete: [{kind: meal}], add: [{kind: plate, is: dirty}]}}
`)
	slaps, planning := planned(t, w, "serve", nil)
	if len(slaps) != 1 {
		t.Fatalf("candidates: %s, %+v", titles(slaps), planning.WhyNot)
	}
	want := "cook: cook\neat: eat < cook\nwash: wash\n"
	if got := lines(slaps[0]); got != want {
		t.Errorf("plan:\n%swant:\n%s", got, want)
	}
}

// Recursion ends where the state says so, and is cut off where nothing changes.
func TestPlan_recursion(t *testing.T) {
	library := `task: climb
methods:
- {name: arrived, when: [{node: {kind: at, is: now, place: top}}]}
- name: up
  cost: 1
  vars: {from: string, to: string}
  when: [{node: {kind: at, is: now, has: {place: $from}}}, {node: {kind: stair, from: $from, to: $to}}]
  steps:
    go: {job: move, args: {to: $to}}
    rest: {task: climb, after: [go]}
---
jobs:
  move:
    params: {to: name}
    run: go {to}
    effects: {delete: [{kind: at}], add: [{kind: at, is: now, has: {place: $to}}]}
`
	w := newWorld(t, nil, library)
	w.add(t, "at", "now", map[string]any{"place": "a"})
	for i, step := range []string{"a b", "b a", "a c", "b c", "c top"} {
		from, to, _ := strings.Cut(step, " ")
		w.add(t, "stair", fmt.Sprint("s", i), map[string]any{"from": from, "to": to})
	}
	slaps, planning := planned(t, w, "climb", nil)
	// Not by a, b and a again: back at a nothing has changed.
	if len(slaps) != 2 || slaps[0].Cost != 2 || slaps[1].Cost != 3 || planning.Truncated {
		t.Fatalf("candidates: %s, %+v", titles(slaps), planning)
	}
	want := "go: go b\nrest.go: go c < go\nrest.rest.go: go top < rest.go\n"
	if got := lines(slaps[1]); got != want {
		t.Errorf("plan:\n%swant:\n%s", got, want)
	}
	if got := strings.Join(slaps[1].Methods, " "); got != "up up up arrived" {
		t.Errorf("methods: %s", got)
	}
}

// The budget ends a search that would go on for ever; that is said, and what was found is kept.
func TestPlan_budget(t *testing.T) {
	w := newWorld(t, nil, `task: count
params: {n: {type: string, default: "1"}}
methods:
- {name: stop, cost: 9, steps: {s: {run: stop}}}
- {name: more, cost: 0, steps: {m: {task: count, args: {n: "{n}1"}}}}
`)
	p := New()
	p.Budget = 50
	slaps, planning, err := p.Plan(t.Context(), w, "t", matched(t, w, "count", nil))
	if err != nil || !planning.Truncated || planning.Expanded != 50 || len(slaps) != 0 {
		t.Errorf("%d candidates, expanded %d, truncated %v, %v", len(slaps), planning.Expanded, planning.Truncated, err)
	}
	// Tasks within tasks have an end before that.
	slaps, planning = planned(t, w, "count", nil)
	if !planning.Truncated || planning.Expanded >= defaultBudget || len(slaps) != defaultK {
		t.Errorf("%d candidates, expanded %d, truncated %v", len(slaps), planning.Expanded, planning.Truncated)
	}
}

func TestPlan_kBest(t *testing.T) {
	w := newWorld(t, nil)
	library := "task: choose\nmethods:\n"
	for i := range 9 {
		library += fmt.Sprintf("- {name: m%d, cost: %d}\n", i, (i*7)%9)
	}
	w.fabric["methods/x.yaml"] = []byte(library)
	for _, k := range []int{1, 3, 9, 20} {
		p := New()
		p.K = k
		slaps, planning, err := p.Plan(t.Context(), w, "t", matched(t, w, "choose", nil))
		if err != nil || len(slaps) != min(k, 9) {
			t.Fatalf("k %d: %d candidates, %v", k, len(slaps), err)
		}
		for i, s := range slaps {
			if s.Cost != i {
				t.Errorf("k %d: candidate %d costs %d", k, i, s.Cost)
			}
		}
		if len(planning.WhyNot) != 9-len(slaps) {
			t.Errorf("k %d: %d methods unused, %d explained", k, 9-len(slaps), len(planning.WhyNot))
		}
	}
}

// Who brought a method, a job, a gate or a toolchain answers for the step that it becomes.
func TestPlan_origin(t *testing.T) {
	w := newWorld(t, goFiles(), "extend: format\nmethods: [{name: mine, steps: {f: {job: format, args: {chain: go}}, t: {run: touch x}}}]\n",
		"jobs: {format: {params: {chain: name}, can: format, chain: $chain}}\n")
	slaps, _ := planned(t, w, "format the code", nil)
	var method, job string
	for path := range w.fabric {
		if strings.Contains(path, "own0") {
			method = originOf(w, path)
		} else {
			job = originOf(w, path)
		}
	}
	for _, s := range slaps {
		for _, step := range s.Steps {
			want := ""
			switch {
			case s.Methods[0] == "mine" && step.Name == "f":
				want = joinOrigins(method, job)
			case s.Methods[0] == "mine":
				want = method
			case step.Gate == nil:
				want = job
			}
			if step.Origin != want {
				t.Errorf("%s, step %s: origin %q, want %q", s.Title, step.Name, step.Origin, want)
			}
		}
	}
	if len(slaps) != 2 {
		t.Errorf("candidates: %s", titles(slaps))
	}
}
