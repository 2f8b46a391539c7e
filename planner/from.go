package planner

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// ParsePlan reads a plan that a person or an agent wrote for a task (see methods.Plan), and resolves it as the planner does
// its own: jobs, gates and commands of the library, for the files at the snapshot. File names it in messages. Each step's
// origin is the hash of the plan. A file that is wrong is an error that Is jitos.ErrInvalid and has its lines; a step that
// cannot be done here one that Is jitos.ErrNoPlan.
func (p *Planner) ParsePlan(ctx context.Context, at jitos.Snapshot, id jitos.TaskID, task jitos.Task, file string, raw []byte) (jitos.Slap, error) {
	lib, err := p.library(ctx, at)
	if err != nil {
		return jitos.Slap{}, err
	}
	args := maps.Clone(task.Args)
	if t, ok := lib.Task(task.Name); ok {
		if args, err = methods.Bind(t.Params, task.Args); err != nil {
			return jitos.Slap{}, err
		}
	}
	plan, err := lib.ParsePlan(file, raw, keys(args))
	if err != nil {
		return jitos.Slap{}, err
	}
	s := p.search(newFacts(ctx, at), lib, id)
	values := maps.Clone(s.always)
	maps.Copy(values, args)
	method := &methods.Method{Task: task.Name, Name: "by-hand", Title: methods.ParseText("by hand"), Steps: plan.Steps, Origin: plan.Origin, Pos: plan.Pos}
	root := &item{task: &methods.Task{Name: task.Name}, args: nil, method: method, bind: binding{values: values}}
	s.log = append(s.log, event{item: root})
	s.agenda = []*item{root}
	s.adopt(0, root, root.expand(method, values))
	if err := s.run(); err != nil {
		return jitos.Slap{}, err
	}
	if len(s.kept.List()) == 0 {
		why, _ := s.reasons.Of(keyOf(method))
		return jitos.Slap{}, noStep(file, why.Reason)
	}
	slap := s.kept.List()[0].slap
	slap.Task, slap.By, slap.Title, slap.Methods, slap.Root = id, "", plan.Title, nil, nil
	for i, r := range slap.Reads {
		if slap.Reads[i], err = s.facts.seen(r); err != nil {
			return jitos.Slap{}, err
		}
	}
	return slap, nil
}

func noStep(file, why string) error {
	return fmt.Errorf("plan %s: %w: %s", file, jitos.ErrNoPlan, why)
}

func keys(m map[string]string) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
