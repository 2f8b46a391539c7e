package planner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// repair is what a repair demands of the search: everywhere but in the task that is planned anew the choices of the broken
// plan stay, so that the search walks down the old decomposition without branching; and in that task what is settled as a
// whole stays, where the method that is chosen now leads to it, too. The lowest broken task is not done as it was in the broken
// plan, nor as in one that this had repaired.
type repair struct {
	stays  map[string]*jitos.Branch // by the name of the step in whose place it stands
	begun  map[string]bool          // of these, those below which a step was settled: their conditions have done their duty
	lowest string                   // name of the lowest broken task
	tried  []*jitos.Branch          // how it was done
}

// allow leaves those bindings of a method that the repair allows.
func (r *repair) allow(it *item, m *methods.Method, values map[string]string, list []binding, unfit string) ([]binding, string) {
	same := func(b *jitos.Branch) func(binding) bool {
		return func(have binding) bool {
			return b.Task == m.Task && b.Method == m.Name && maps.Equal(b.Vars, boundVars(m, have.values))
		}
	}
	if old, ok := r.stays[it.name]; ok && old.Task == m.Task {
		switch at := slices.IndexFunc(list, same(old)); {
		case old.Method != m.Name:
			return nil, "method " + old.Method + " was chosen and stays"
		case at >= 0:
			return list[at : at+1], ""
		case r.begun[it.name]:
			values = maps.Clone(values)
			maps.Copy(values, old.Vars)
			return []binding{{values: values, because: old.Because}}, ""
		}
		return nil, unfit
	}
	for _, old := range r.tried {
		if it.name != r.lowest {
			break
		}
		if list = slices.DeleteFunc(slices.Clone(list), same(old)); len(list) == 0 && unfit == "" {
			unfit = "method " + m.Name + " has failed here"
		}
	}
	return list, unfit
}

var _ jitos.Repairer = (*Planner)(nil)

// Repair plans the lowest broken task of a decomposition anew, then the one above it, and so on up to the task itself. Of the
// plans for it the best is taken that keeps a settled step: one that is the same in both plans, and comes in both after
// kept steps alone.
func (p *Planner) Repair(ctx context.Context, at jitos.Snapshot, id jitos.TaskID, task jitos.Task, b jitos.Breakdown) (jitos.Repaired, error) {
	none := fmt.Errorf("repair %s: %w", b.Plan, jitos.ErrNoPlan)
	lib, err := p.library(ctx, at)
	if err != nil {
		return jitos.Repaired{}, err
	}
	done := jitos.Repaired{Library: lib.Hash(), Planner: p.version(lib)}
	broken, err := jitos.Get[jitos.Slap](ctx, at, b.Plan.Node())
	if err != nil {
		return jitos.Repaired{}, fmt.Errorf("repair %s: %w", b.Plan, err)
	}
	t, ok := lib.Task(task.Name)
	if !ok || broken.Root == nil || len(b.Settled) == 0 {
		return done, none
	}
	args, err := methods.Bind(t.Params, task.Args)
	if err != nil {
		return jitos.Repaired{}, fmt.Errorf("task %s: %w", t.Name, err)
	}
	f := newFacts(ctx, at)
	path := pathTo(broken.Root, b.Steps)
	lowest := path[len(path)-1].Name
	var tried []*jitos.Branch
	if b.Again {
		path = append(path, nil)
	} else if tried, err = chosenAt(ctx, at, broken, lowest); err != nil {
		return jitos.Repaired{}, err
	}
	for _, anew := range slices.Backward(path) {
		s := p.search(f, lib, id)
		s.repair = &repair{stays: map[string]*jitos.Branch{}, begun: map[string]bool{}, lowest: lowest, tried: tried}
		s.repair.stay(broken.Root, anew, b.Settled, false)
		s.agenda = []*item{{task: t, args: args}}
		if err := s.run(); err != nil {
			return jitos.Repaired{}, err
		}
		done.Expanded += min(s.Nodes, s.budget)
		if err := s.rank(); err != nil {
			return jitos.Repaired{}, err
		}
		for _, c := range s.kept.List() {
			if c.slap.Keeps = keeps(broken.Steps, c.slap.Steps, b.Settled, b.Steps); len(c.slap.Keeps) == 0 {
				continue
			}
			done.Slap = c.slap
			done.Slap.Task, done.Slap.Parent = id, b.Plan
			if anew != nil {
				done.Task = anew.Task
				done.Slap.Title += ", " + strings.ReplaceAll(anew.Task, "-", " ") + " anew"
			}
			for i, r := range c.slap.Reads {
				if done.Slap.Reads[i], err = f.seen(r); err != nil {
					return jitos.Repaired{}, err
				}
			}
			return done, nil
		}
	}
	return done, none
}

// stay marks a branch and all below it as chosen: but for the one that is planned anew, and of what is below that but for
// what is settled as a whole.
func (r *repair) stay(b, anew *jitos.Branch, settled []string, below bool) {
	for _, t := range b.Tasks {
		r.stay(t, anew, settled, below || b == anew)
	}
	begun, whole := false, true
	for _, s := range stepsOf(b) {
		done := slices.Contains(settled, s)
		begun, whole = begun || done, whole && done
	}
	if b != anew && (!below || begun && whole) {
		r.stays[b.Name], r.begun[b.Name] = b, begun
	}
}

// stepsOf lists the primitive steps of a branch and of all below it.
func stepsOf(b *jitos.Branch) []string {
	all := slices.Clone(b.Steps)
	for _, t := range b.Tasks {
		all = append(all, stepsOf(t)...)
	}
	return all
}

// pathTo lists the branches from the root to the lowest one that holds all the steps; the root alone where there are none.
func pathTo(root *jitos.Branch, steps []string) []*jitos.Branch {
	path := []*jitos.Branch{root}
	for len(steps) > 0 {
		last := path[len(path)-1]
		at := slices.IndexFunc(last.Tasks, func(b *jitos.Branch) bool {
			have := stepsOf(b)
			return b.Name != "" && !slices.ContainsFunc(steps, func(s string) bool { return !slices.Contains(have, s) })
		})
		if at < 0 {
			break
		}
		path = append(path, last.Tasks[at])
	}
	return path
}

// chosenAt lists how the task in the place of a step was done in a plan, and in those that it had repaired.
func chosenAt(ctx context.Context, at jitos.Graph, plan jitos.Slap, name string) ([]*jitos.Branch, error) {
	var chosen []*jitos.Branch
	var find func(b *jitos.Branch)
	find = func(b *jitos.Branch) {
		if b.Name == name {
			chosen = append(chosen, b)
		}
		for _, t := range b.Tasks {
			find(t)
		}
	}
	for plan.Root != nil {
		find(plan.Root)
		if plan.Parent == "" {
			break
		}
		parent, err := jitos.Get[jitos.Slap](ctx, at, plan.Parent.Node())
		if err != nil {
			return nil, err
		}
		plan = parent
	}
	return chosen, nil
}

// keeps lists the settled steps of the old plan that the new one has as they were, after kept steps alone in both, so that
// what they found is what they would find again.
func keeps(old, now []jitos.Step, settled, broken []string) []string {
	was := map[string]jitos.Step{}
	for _, s := range old {
		was[s.Name] = s
	}
	var kept []string
	isKept := func(name string) bool { return slices.Contains(kept, name) }
	for more := true; more; { // the steps stand in the order in which they were placed, which may differ from that of `after`
		more = false
		for _, s := range now {
			o, ok := was[s.Name]
			if !ok || isKept(s.Name) || !slices.Contains(settled, s.Name) || slices.Contains(broken, s.Name) {
				continue
			}
			before := append(slices.Clone(o.After), s.After...)
			if slices.ContainsFunc(before, func(b string) bool { return !isKept(b) }) {
				continue
			}
			o.After, s.After = nil, nil
			if jitos.HashOf(o) == jitos.HashOf(s) {
				kept, more = append(kept, s.Name), true
			}
		}
	}
	return kept
}
