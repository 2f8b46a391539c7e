package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// candidate is a plan that was found.
type candidate struct {
	slap jitos.Slap
	used []methodKey
	vars string   // what the outermost method binds, in words
	how  []string // the method of each task, by the name of its step
	key  string   // what it consists of: candidates with equal keys are one
}

// emit keeps the candidate that the log of the search describes, if it is among the best.
func (s *search) emit() error {
	root := s.log[0].item
	c := &candidate{vars: varsOf(root.method, root.bind.values)}
	slap := jitos.Slap{By: "planner", Title: root.method.Title.Expand(root.bind.values), Cost: s.cost}
	var values []any
	walk(root, func(it *item) {
		slap.Methods = append(slap.Methods, it.method.Name)
		c.used = append(c.used, keyOf(it.method))
		c.how = append(c.how, it.name+"="+it.method.Name)
		values = append(values, it.bind.values)
	})
	c.slap = slap
	if last, full := s.kept.Last(); full && better(last, c) < 0 {
		s.loses(c)
		return nil
	}
	after := s.order()
	slap.Root = s.branch(root)
	var reads []jitos.Read
	for i, e := range s.log {
		reads = append(reads, e.looked...)
		if e.step == nil {
			continue
		}
		step := *e.step
		step.After = after[i]
		if len(e.item.step.Inputs) > 0 {
			step.Inputs = map[string]string{}
			for arg, in := range e.item.step.Inputs {
				from := s.producer(e.item.scope[in.Step], in.Artifact)
				if from == "" {
					return fmt.Errorf("step %s: input %s: %w: nothing produces %s", step.Name, arg, jitos.ErrInvalid, in.Artifact)
				}
				step.Inputs[arg] = from + "." + in.Artifact
			}
		}
		slap.Steps = append(slap.Steps, step)
	}
	steps := map[string]jitos.Step{} // by name: that they were placed in another order makes no other plan
	for _, step := range slap.Steps {
		step.After = slices.Sorted(slices.Values(step.After))
		steps[step.Name] = step
	}
	c.key = jitos.HashOf([]any{c.how, values, steps})
	slap.Reads = distinct(reads)
	c.slap = slap
	if gone, ok := s.kept.Offer(c); ok {
		s.loses(gone)
	}
	return nil
}

// loses notes that the methods of a candidate were not good enough.
func (s *search) loses(c *candidate) {
	for _, k := range c.used {
		s.outranked(k, c.slap.Cost)
	}
}

// beaten tells whether no candidate of a cost would be kept.
func (s *search) beaten(cost int) bool {
	last, full := s.kept.Last()
	return full && cost > last.slap.Cost
}

// better orders candidates: by cost, then by the names of their methods, then by what they consist of.
func better(a, b *candidate) int {
	return cmp.Or(cmp.Compare(a.slap.Cost, b.slap.Cost), slices.Compare(a.slap.Methods, b.slap.Methods),
		cmp.Compare(a.vars, b.vars), cmp.Compare(a.key, b.key))
}

// alike tells whether two candidates have the same methods.
func alike(a, b *candidate) bool { return slices.Equal(a.used, b.used) }

// varsOf lists what a method's variables are bound to.
func varsOf(m *methods.Method, values map[string]string) string {
	var vars []string
	for name := range m.Vars {
		vars = append(vars, name+" "+values[name])
	}
	slices.Sort(vars)
	return strings.Join(vars, ", ")
}

// boundVars are a method's variables with their values; nil for none.
func boundVars(m *methods.Method, values map[string]string) map[string]string {
	var vars map[string]string
	for name := range m.Vars {
		if vars == nil {
			vars = map[string]string{}
		}
		vars[name] = values[name]
	}
	return vars
}

// walk visits the decomposed tasks below an item, outermost first.
func walk(it *item, visit func(*item)) {
	if it.isTask() && !it.isGroup() {
		visit(it)
	}
	for _, c := range it.children {
		if c.isGroup() || c.isTask() {
			walk(c, visit)
		}
	}
}

func (s *search) branch(it *item) *jitos.Branch {
	b := &jitos.Branch{Name: it.name, Task: it.task.Name, Args: methods.Given(it.task.Params, it.args), Method: it.method.Name,
		Vars: boundVars(it.method, it.bind.values), Because: it.bind.because}
	var add func(list []*item)
	add = func(list []*item) {
		for _, c := range list {
			switch {
			case c.isGroup():
				add(c.children)
			case c.isTask():
				b.Tasks = append(b.Tasks, s.branch(c))
			default:
				b.Steps = append(b.Steps, c.name)
			}
		}
	}
	add(it.children)
	return b
}

// producer names the step, from an item or below it, that produces an artifact.
func (s *search) producer(from *item, artifact string) string {
	for _, e := range s.log {
		if e.step != nil && e.item.within(from) && slices.Contains(e.step.Produces, artifact) {
			return e.step.Name
		}
	}
	return ""
}
