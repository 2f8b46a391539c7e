// Package verifier checks a plan against a domain and a problem. It shares the reader of HDDL with the planner and nothing
// else: it computes on names, step by step, so that it can be believed where the planner is clever.
//
//	plan.go       the plan, as it is written
//	verify.go     the tree: every task once, each decomposed by a method of the domain
//	method.go     does a method with this name allow these subtasks, and what is below them
//	reading.go    which task of the plan is which subtask of the method
//	condition.go  when its condition held
//	order.go      in which order its subtasks may come
//	world.go      the states that the steps go through
//
// When must the precondition of a method hold? As the competition has it: at some moment before the first step of the method
// and after the last of whatever is ordered before it. The verifier takes the earliest such moment for each method from the
// top down, which is enough, because moments are bound by nothing but "not before".
package verifier

import (
	"slices"

	"github.com/jitos/jitos/planner/hddl"
)

type checker struct {
	d       *hddl.Domain
	p       *hddl.Problem
	plan    *Plan
	actions map[string]*hddl.Action
	tasks   map[string]bool // compound
	methods map[string][]*hddl.Method
	w       *world
	orders  map[*hddl.Method]relation
	tries   int // how many ways to read a method were tried
}

// Verify returns nil where the plan is a solution of the problem, else a *Refusal.
func Verify(d *hddl.Domain, p *hddl.Problem, plan *Plan) error {
	c := &checker{d: d, p: p, plan: plan, actions: map[string]*hddl.Action{}, tasks: map[string]bool{}, methods: map[string][]*hddl.Method{}, orders: map[*hddl.Method]relation{}}
	for i := range d.Actions {
		c.actions[d.Actions[i].Name.Key] = &d.Actions[i]
	}
	for _, t := range d.Tasks {
		c.tasks[t.Name.Key] = true
	}
	for i := range d.Methods {
		m := &d.Methods[i]
		c.methods[m.Name.Key] = append(c.methods[m.Name.Key], m)
	}
	c.w = newWorld(d, p)
	if err := c.tree(); err != nil {
		return err
	}
	if err := c.execute(); err != nil {
		return err
	}
	top := &hddl.Method{Params: p.Params, Network: p.Network}
	root := &Node{Line: 0, Subs: plan.Roots, first: 0, last: len(plan.Steps) - 1}
	return c.decomposition(root, []*hddl.Method{top})
}

// tree checks that every task is there, is below exactly one other or a root, and hangs together.
func (c *checker) tree() error {
	parents := map[int]int{} // id to line of the parent
	claim := func(line int, subs []int) error {
		for _, id := range subs {
			if c.plan.Nodes[id] == nil {
				return c.plan.refuse(line, "subtask %d is missing from the plan", id)
			}
			if before, taken := parents[id]; taken {
				return c.plan.refuse(line, "task %d has two parents: here and in line %d", id, before)
			}
			parents[id] = line
		}
		return nil
	}
	if err := claim(0, c.plan.Roots); err != nil {
		return err
	}
	for _, n := range c.inOrder() {
		if err := claim(n.Line, n.Subs); err != nil {
			return err
		}
	}
	seen := 0
	order := slices.Clone(c.plan.Roots) // top down; the loop appends
	for i := 0; i < len(order); i++ {
		seen++
		order = append(order, c.plan.Nodes[order[i]].Subs...)
	}
	if seen < len(c.plan.Nodes) {
		reached := map[int]bool{}
		for _, id := range order {
			reached[id] = true
		}
		for _, n := range c.inOrder() {
			if !reached[n.ID] {
				return c.plan.refuse(n.Line, "%v is not below any task of the initial network", n)
			}
		}
	}
	for _, id := range slices.Backward(order) {
		n := c.plan.Nodes[id]
		if err := c.named(n); err != nil {
			return err
		}
		if n.compound() {
			n.first, n.last = len(c.plan.Steps), -1
			for _, sub := range n.Subs {
				s := c.plan.Nodes[sub]
				n.first, n.last = min(n.first, s.first), max(n.last, s.last)
			}
		}
	}
	return nil
}

// inOrder lists the tasks in the order of their lines.
func (c *checker) inOrder() []*Node {
	out := make([]*Node, 0, len(c.plan.Nodes))
	for _, n := range c.plan.Nodes {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *Node) int { return a.Line - b.Line })
	return out
}

// named checks that the name stands for what the plan uses it as.
func (c *checker) named(n *Node) error {
	a := c.actions[key(n.Name)]
	switch {
	case !n.compound() && c.tasks[key(n.Name)]:
		return c.plan.refuse(n.Line, "%v is a compound task and has no method", n)
	case !n.compound() && a == nil:
		return c.plan.refuse(n.Line, "%v: the domain has no action %s", n, n.Name)
	case n.compound() && !c.tasks[key(n.Name)]:
		return c.plan.refuse(n.Line, "%v: the domain has no compound task %s", n, n.Name)
	case n.compound() && c.methods[key(n.Method)] == nil:
		return c.plan.refuse(n.Line, "%v: the domain has no method %s", n, n.Method)
	}
	for _, arg := range n.Args {
		if c.w.objects[key(arg)] == nil {
			return c.plan.refuse(n.Line, "%v: there is no object %s", n, arg)
		}
	}
	return nil
}

// execute runs the steps, and checks the goal at the end.
func (c *checker) execute() error {
	for i, n := range c.plan.Steps {
		a := c.actions[key(n.Name)]
		if len(n.Args) != len(a.Params) {
			return c.plan.refuse(n.Line, "%v: the action takes %d arguments, not %d", n, len(a.Params), len(n.Args))
		}
		b := binding{}
		for j, p := range a.Params {
			if !c.w.fits(key(n.Args[j]), p.Types) {
				return c.plan.refuse(n.Line, "%v: %s is not of the type of %s", n, n.Args[j], p.Text)
			}
			b[p.Key] = key(n.Args[j])
		}
		if why := c.w.fails(a.Precondition, b, i); why != "" {
			return c.plan.refuse(n.Line, "step %v cannot be executed: %s", n, why)
		}
		c.w.apply(a.Effect, b, i+1)
	}
	if why := c.w.fails(c.p.Goal, binding{}, len(c.plan.Steps)); why != "" {
		return c.plan.refuse(0, "the goal is not reached: %s", why)
	}
	return nil
}
