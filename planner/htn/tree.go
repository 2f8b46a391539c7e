package htn

import (
	"fmt"
	"strings"
)

// decision is a method with the values of its variables.
type decision struct {
	method int32
	bind   []int32
}

// Node is a task of a plan.
type Node struct {
	task   int32 // ground; -1 for the root
	method int32 // -1 for a step
	subs   []*Node
	step   int // its place among the steps
}

// Plan is a solution: a tree, whose steps are in the order in which they are executed.
type Plan struct {
	e     *engine
	root  *Node
	steps []*Node
	Cost  int // the sum of the declared costs of the steps; their number where none is declared
}

// replay builds the tree of a totally ordered plan.
func (e *engine) replay(decisions []decision) *Plan {
	p := &Plan{e: e, root: &Node{task: -1, method: decisions[0].method}}
	stack := []*Node{p.root}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if n.task >= 0 && int(e.tasks.heads[n.task]) < e.m.actions {
			n.method, n.step = -1, len(p.steps)
			p.steps = append(p.steps, n)
			p.Cost += e.m.tasks[e.tasks.heads[n.task]].cost
			continue
		}
		d := decisions[0]
		decisions = decisions[1:]
		m := &e.m.methods[d.method]
		n.method = d.method
		n.subs = make([]*Node, len(m.subs))
		for i := len(m.line) - 1; i >= 0; i-- {
			k := m.line[i]
			n.subs[k] = &Node{task: e.ground(m.subs[k], d.bind)}
			stack = append(stack, n.subs[k])
		}
	}
	return p
}

// Steps returns how many steps the plan has.
func (p *Plan) Steps() int { return len(p.steps) }

func (e *engine) taskText(id int32) string {
	words := []string{e.m.tasks[e.tasks.heads[id]].name}
	for _, o := range e.tasks.tuple(id) {
		words = append(words, e.m.objects[o])
	}
	return strings.Join(words, " ")
}

// String writes the plan in the competition's format.
func (p *Plan) String() string {
	var b strings.Builder
	b.WriteString("==>\n")
	for i, n := range p.steps {
		fmt.Fprintf(&b, "%d %s\n", i, p.e.taskText(n.task))
	}
	// Compound tasks are numbered from the top down, after the steps.
	ids := map[*Node]int{}
	id := func(n *Node) int {
		if n.method < 0 {
			return n.step
		}
		k, known := ids[n]
		if !known {
			k = len(p.steps) + len(ids)
			ids[n] = k
		}
		return k
	}
	b.WriteString("root")
	for _, n := range p.root.subs {
		fmt.Fprintf(&b, " %d", id(n))
	}
	b.WriteString("\n")
	todo := []*Node{p.root}
	for i := 0; i < len(todo); i++ {
		n := todo[i]
		if n != p.root && n.method >= 0 {
			fmt.Fprintf(&b, "%d %s -> %s", id(n), p.e.taskText(n.task), p.e.m.methods[n.method].name)
			for _, s := range n.subs {
				fmt.Fprintf(&b, " %d", id(s))
			}
			b.WriteString("\n")
		}
		for _, s := range n.subs {
			if s.method >= 0 {
				todo = append(todo, s)
			}
		}
	}
	b.WriteString("<==\n")
	return b.String()
}
