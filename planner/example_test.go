package planner

import (
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos/methods"
)

// The examples of the library that comes with jitos hold, and each of its methods is in the plans of one.
func TestExamples_library(t *testing.T) {
	lib, err := methods.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	trial, shown := NewTrial(lib), map[string]bool{}
	for _, task := range lib.Tasks() {
		for _, e := range task.Examples {
			lines, err := trial.Run(t.Context(), task, e)
			if len(lines) > 0 || err != nil {
				t.Errorf("%s:%d: %s: %v\n%s", e.Pos.File, e.Pos.Line, e.Name, err, strings.Join(lines, "\n"))
			}
			for _, p := range e.Plans {
				for _, m := range p.Methods {
					shown[m] = true
				}
			}
		}
	}
	for _, task := range lib.Tasks() {
		for _, m := range task.Methods {
			if !shown[m.Name] {
				t.Errorf("no example has a plan with method %s of task %s", m.Name, task.Name)
			}
		}
	}
}

// An example that does not hold shows what was expected and what came.
func TestTrial_differences(t *testing.T) {
	const text = `task: paint
says: ["paint {colour}"]
params: {colour: name, coats: {type: int, default: 1}}
methods:
- {name: roll, when: [{file: {path: house}}], steps: {wash: {run: wash}, roll: {run: "roll {colour}", after: [wash]}}}
- {name: spray, cost: 2, when: [{node: {kind: can, has: {colour: $colour}}}], steps: {spray: {run: "spray {colour}"}}}
examples:
- name: x
  files: [house]
`
	for _, c := range []struct{ example, want string }{
		{"  args: {colour: red}\n  plans: [{methods: [roll], cost: 0, steps: [roll, wash], run: {roll: roll red}}]", ""},
		{"  say: Paint red.\n  args: {colour: red, coats: '1'}\n  plans: [{steps: {roll: [wash], wash: []}}]\n  not: {spray: there is no can with colour red}", ""},
		{"  args: {colour: red}\n  nodes: [{kind: can, is: c, has: {colour: [blue, red]}}]\n  plans: [{methods: [roll]}, {methods: [spray], cost: 2}]", ""},
		{"  args: {colour: red}\n  plans: []", "+ plan 1|+   methods roll"},
		{"  args: {colour: red}\n  plans: [{methods: [roll]}, {methods: [spray]}]", "  plan 1|    methods roll|- plan 2|-   methods spray"},
		{"  args: {colour: red}\n  plans: [{methods: [roll], cost: 1, run: {roll: roll blue}}]",
			"  plan 1|    methods roll|-   cost 1|-   run roll: roll blue|+   cost 0|+   run roll: roll red"},
		{"  args: {colour: red}\n  plans: [{steps: {wash: [], roll: []}}]", "  plan 1|-   step roll|+   step roll after wash|    step wash"},
		{"  args: {colour: red}\n  plans: [{steps: [roll]}]", "  plan 1|    step roll|+   step wash"},
		{"  args: {colour: red}\n  not: {roll: no house}", "  not roll|- no house|+ it is used in plan 1"},
		{"  args: {colour: red}\n  not: {spray: no house}", "  not spray|- no house|+ there is no can with colour red"},
		{"  args: {colour: red}\n  not: {brush: no brush}", "  not brush|- no brush|+ there is no such method below the task"},
		{"  say: paint blue\n  args: {colour: red}\n  plans: []", `  said: paint blue|- means paint colour="red"|+ means paint colour="blue"`},
		{"  say: wash it\n  args: {colour: red}\n  plans: []", `  said: wash it|- means paint colour="red"|+ means no task`},
		{"  args: {colour: red}\n  refused: colour", "- refused: colour|+ it is not refused"},
		{"  plans: []", "- it is planned|+ refused: task paint: argument colour: invalid: not given"},
		{"  args: {colour: --red}\n  refused: not given", `- refused: not given|+ refused: task paint: argument colour "--red": invalid: want one word of letters, digits and @._/+:~^=-, not starting with -`},
		{"  args: {colour: --red}\n  refused: want one word", ""},
	} {
		lib, err := methods.LoadOnly(map[string][]byte{"own.yaml": []byte(text + c.example)})
		if err != nil {
			t.Fatal(err)
		}
		task, _ := lib.Task("paint")
		lines, err := NewTrial(lib).Run(t.Context(), task, task.Examples[0])
		if err != nil || !slices.Equal(lines, strings.FieldsFunc(c.want, func(r rune) bool { return r == '|' })) {
			t.Errorf("%s\n%s\n%v\nwant\n%s", c.example, strings.Join(lines, "\n"), err, strings.ReplaceAll(c.want, "|", "\n"))
		}
	}
}
