package planner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// Trial runs the examples that stand beside methods: see Examples in the package comment of methods.
type Trial struct{ lib *library }

// NewTrial prepares a library's examples.
func NewTrial(lib *methods.Library) *Trial { return &Trial{newLibrary(lib)} }

// Run plans an example and tells how what came differs from what was expected, as lines that begin with "- " (expected), "+ "
// (came) or "  " (both); none where it holds. Equal libraries give equal lines.
func (t *Trial) Run(ctx context.Context, task *methods.Task, e *methods.Example) ([]string, error) {
	w, err := t.world(ctx, e)
	if err != nil {
		return nil, err
	}
	wish, lines, err := t.wish(task, e)
	if len(lines) > 0 || err != nil {
		return lines, err
	}
	p := New()
	p.Workers = func(name string) string {
		if slices.Contains(e.Workers, name) {
			return ""
		}
		return (&Planner{}).lacks(name)
	}
	slaps, planning, err := p.plan(ctx, t.lib, w, exampleTask, wish)
	if err != nil {
		return refused(e, err)
	}
	if e.Refused != "" {
		return []string{"- refused: " + e.Refused, "+ it is not refused"}, nil
	}
	if e.Exact {
		lines = difference(e.Plans, slaps)
	}
	for _, method := range slices.Sorted(maps.Keys(e.Not)) {
		lines = append(lines, notUsed(method, e.Not[method], slaps, planning.WhyNot)...)
	}
	return lines, nil
}

// exampleTask is the id of the task of every example.
const exampleTask jitos.TaskID = "example-task"

// world makes the snapshot of an example.
func (t *Trial) world(ctx context.Context, e *methods.Example) (*world, error) {
	w := &world{files: e.Files}
	seen, err := t.lib.observe(newFacts(ctx, w))
	if err != nil {
		return nil, err
	}
	w.nodes = seen
	values := map[string]string{"task": string(exampleTask), "snapshot": string(w.Tree())}
	for _, n := range e.Nodes {
		fields := map[string]any{}
		for name, texts := range n.Has {
			list := []any{}
			for _, text := range texts {
				list = append(list, text.Expand(values))
			}
			fields[name] = list // to a condition, one value is a list of it
		}
		w.nodes = append(w.nodes, jitos.Node{ID: jitos.NodeID{Kind: n.Kind, Name: n.Is}, Fields: fields})
	}
	return w, nil
}

// wish is the task that an example asks for, or how its words were understood otherwise.
func (t *Trial) wish(task *methods.Task, e *methods.Example) (jitos.Task, []string, error) {
	if e.Say == "" {
		return jitos.Task{Name: task.Name, Args: e.Args}, nil, nil
	}
	m, err := t.lib.match(e.Say, nil)
	if err != nil {
		lines, err := refused(e, err)
		return m.Task, lines, err
	}
	args := e.Args
	if bound, err := methods.Bind(task.Params, e.Args); err == nil {
		args = bound // in their normal form
	}
	want := words(task.Name, methods.Given(task.Params, args))
	got := "no task"
	if m.Task.Name != "" {
		got = words(m.Task.Name, m.Task.Args)
	}
	if got != want {
		return m.Task, []string{"  said: " + e.Say, "- means " + want, "+ means " + got}, nil
	}
	return m.Task, nil, nil
}

func words(task string, args map[string]string) string {
	for _, name := range keys(args) {
		task += fmt.Sprintf(" %s=%q", name, args[name])
	}
	return task
}

// refused compares an error with the one that is expected. Errors that say nothing about the arguments are passed on.
func refused(e *methods.Example, err error) ([]string, error) {
	switch {
	case !errors.Is(err, jitos.ErrInvalid):
		return nil, err
	case e.Refused == "":
		return []string{"- it is planned", "+ refused: " + err.Error()}, nil
	case !strings.Contains(err.Error(), e.Refused):
		return []string{"- refused: " + e.Refused, "+ refused: " + err.Error()}, nil
	}
	return nil, nil
}

// difference compares the candidates, in order, in what is said of them.
func difference(want []methods.ExamplePlan, got []jitos.Slap) []string {
	var a, b []string
	for i, p := range want {
		a = append(a, fmt.Sprintf("plan %d", i+1))
		if p.Methods != nil {
			a = append(a, "  methods "+strings.Join(p.Methods, ", "))
		}
		if p.Cost != nil {
			a = append(a, fmt.Sprintf("  cost %d", *p.Cost))
		}
		for _, name := range slices.Sorted(maps.Keys(p.Steps)) {
			a = append(a, stepLine(name, p.Steps[name]))
		}
		for _, name := range slices.Sorted(maps.Keys(p.Run)) {
			a = append(a, "  run "+name+": "+strings.TrimSpace(p.Run[name]))
		}
	}
	for i, s := range got {
		p := methods.ExamplePlan{Methods: s.Methods} // of one that is too much the methods are told
		if i < len(want) {
			p = want[i]
		}
		b = append(b, planLines(i, p, s)...)
	}
	if slices.Equal(a, b) {
		return nil
	}
	return diff(a, b)
}

// planLines tells of a candidate what is said of the one that was expected in its place.
func planLines(i int, p methods.ExamplePlan, s jitos.Slap) []string {
	lines := []string{fmt.Sprintf("plan %d", i+1)}
	if p.Methods != nil {
		lines = append(lines, "  methods "+strings.Join(s.Methods, ", "))
	}
	if p.Cost != nil {
		lines = append(lines, fmt.Sprintf("  cost %d", s.Cost))
	}
	steps := map[string]jitos.Step{}
	for _, step := range s.Steps {
		steps[step.Name] = step
	}
	for _, name := range slices.Sorted(maps.Keys(steps)) {
		switch {
		case p.Steps == nil:
		case p.Names:
			lines = append(lines, stepLine(name, nil))
		default:
			lines = append(lines, stepLine(name, steps[name].After))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Run)) {
		if step, ok := steps[name]; ok {
			lines = append(lines, "  run "+name+": "+strings.TrimSpace(step.Run))
		}
	}
	return lines
}

func stepLine(name string, after []string) string {
	if len(after) == 0 {
		return "  step " + name
	}
	return "  step " + name + " after " + strings.Join(slices.Sorted(slices.Values(after)), ", ")
}

// notUsed compares why a method is in no candidate with what is expected.
func notUsed(method, want string, slaps []jitos.Slap, whyNot []jitos.WhyNot) []string {
	got := "there is no such method below the task"
	for _, w := range whyNot {
		if w.Method != method {
			continue
		}
		got = w.Reason
		if strings.Contains(strings.Join(append([]string{w.Reason, w.Condition}, w.Nearest...), "\n"), want) {
			return nil
		}
	}
	for i, s := range slaps {
		if slices.Contains(s.Methods, method) {
			got = fmt.Sprintf("it is used in plan %d", i+1)
			break
		}
	}
	return []string{"  not " + method, "- " + want, "+ " + got}
}

// diff aligns two lists of lines by a longest common subsequence.
func diff(a, b []string) []string {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			}
		}
	}
	var lines []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines = append(lines, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+a[i])
			i++
		default:
			lines = append(lines, "+ "+b[j])
			j++
		}
	}
	return lines
}
