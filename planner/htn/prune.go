package htn

import "context"

// prune drops actions and methods that no relaxed plan from the top can use, until nothing changes; false: the time ended.
func (p *groundProblem) prune(ctx context.Context, has []bool) bool {
	keep := make([]bool, len(p.methods))
	for i := range keep {
		keep[i] = true
	}
	for {
		if ctx.Err() != nil {
			return false
		}
		possible := p.relaxed(has, keep)
		reached := make([]bool, len(p.nodes))
		changed := false
		stack := []int32{p.top}
		reached[p.top] = true
		byTask := make([][]int32, len(p.nodes))
		for i, m := range p.methods {
			if !keep[i] {
				continue
			}
			ok := possible[m.task]
			for _, s := range m.subs {
				ok = ok && possible[s]
			}
			if !ok {
				keep[i], changed = false, true
				continue
			}
			byTask[m.task] = append(byTask[m.task], int32(i))
		}
		for len(stack) > 0 {
			t := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			for _, mi := range byTask[t] {
				for _, s := range p.methods[mi].subs {
					if !reached[s] {
						reached[s] = true
						stack = append(stack, s)
					}
				}
			}
		}
		for i, m := range p.methods {
			if keep[i] && !reached[m.task] {
				keep[i], changed = false, true
			}
		}
		for n := range p.nodes {
			if has[n] && (!reached[n] || !possible[n]) {
				has[n], changed = false, true
			}
		}
		if !changed {
			break
		}
	}
	p.compact(keep)
	return true
}

// compact leaves out the methods that are not kept, the tasks that none of the others has, and the facts that nobody asks for
// or that always hold. What an estimate costs goes with the size of its tables, more than with what it looks at in them.
func (p *groundProblem) compact(keep []bool) {
	live := make([]bool, len(p.nodes))
	live[p.top] = true
	asked, changes := newBitset(p.facts), newBitset(p.facts)
	ask := func(facts []int32) {
		for _, f := range facts {
			asked.set(int(f))
		}
	}
	for i, m := range p.methods {
		if keep[i] {
			ask(m.pre)
			live[m.task] = true
			for _, s := range m.subs {
				live[s] = true
			}
		}
	}
	for n, t := range p.nodes {
		if live[n] && t.action {
			ask(t.pre)
			for _, f := range t.del {
				changes.set(int(f))
			}
		}
	}
	ask(p.goal)
	facts := numbers(p.facts, func(f int) bool { return asked.has(f) && (changes.has(f) || !p.init.has(f)) })
	nodes := numbers(len(p.nodes), func(n int) bool { return live[n] })
	methods := numbers(len(p.methods), func(i int) bool { return keep[i] })

	init := newBitset(facts.n)
	for f, to := range facts.to {
		if to >= 0 && p.init.has(f) {
			init.set(int(to))
		}
	}
	p.facts, p.init, p.goal, p.top = facts.n, init, facts.of(p.goal), nodes.to[p.top]
	tasks := make([]groundTask, 0, nodes.n)
	for n, t := range p.nodes {
		if live[n] {
			t.pre, t.add, t.del = facts.of(t.pre), facts.of(t.add), facts.of(t.del)
			tasks = append(tasks, t)
		}
	}
	kept := make([]groundMethod, 0, methods.n)
	for i, m := range p.methods {
		if keep[i] {
			m.task, m.pre, m.subs = nodes.to[m.task], facts.of(m.pre), nodes.of(m.subs)
			tasks[m.task].methods = append(tasks[m.task].methods, int32(len(kept)))
			kept = append(kept, m)
		}
	}
	p.nodes, p.methods = tasks, kept
}

// numbering gives those that stay of some numbers new ones, from 0; -1 is for the others.
type numbering struct {
	to []int32
	n  int
}

func numbers(n int, stays func(int) bool) numbering {
	out := numbering{to: make([]int32, n)}
	for i := range out.to {
		out.to[i] = -1
		if stays(i) {
			out.to[i] = int32(out.n)
			out.n++
		}
	}
	return out
}

// of renumbers a list, in its place.
func (x numbering) of(list []int32) []int32 {
	out := list[:0]
	for _, i := range list {
		if to := x.to[i]; to >= 0 {
			out = append(out, to)
		}
	}
	return out
}

// relaxed computes which tasks can be done if nothing is ever deleted.
func (p *groundProblem) relaxed(has, keep []bool) []bool {
	possible := make([]bool, len(p.nodes))
	facts := make([]bool, p.facts)
	// Counting: each action and method waits for its facts and subtasks.
	type waiter struct{ list []int32 } // actions >= 0, methods as complement
	onFact := make([]waiter, p.facts)
	onTask := make([]waiter, len(p.nodes))
	waitAction := make([]int, len(p.nodes))
	waitMethod := make([]int, len(p.methods))
	var newFacts, newTasks []int32
	doTask := func(t int32) {
		if !possible[t] {
			possible[t] = true
			newTasks = append(newTasks, t)
		}
	}
	for n := range p.nodes {
		if !has[n] {
			continue
		}
		waitAction[n] = len(p.nodes[n].pre)
		for _, f := range p.nodes[n].pre {
			onFact[f].list = append(onFact[f].list, int32(n))
		}
		if waitAction[n] == 0 {
			doTask(int32(n))
		}
	}
	for i, m := range p.methods {
		if !keep[i] {
			continue
		}
		waitMethod[i] = len(m.pre) + len(m.subs)
		for _, f := range m.pre {
			onFact[f].list = append(onFact[f].list, ^int32(i))
		}
		for _, s := range m.subs {
			onTask[s].list = append(onTask[s].list, ^int32(i))
		}
		if waitMethod[i] == 0 {
			doTask(m.task)
		}
	}
	for f := range p.facts {
		if p.init.has(f) {
			facts[f] = true
			newFacts = append(newFacts, int32(f))
		}
	}
	wake := func(list []int32) {
		for _, w := range list {
			if w >= 0 {
				if waitAction[w]--; waitAction[w] == 0 {
					doTask(w)
				}
			} else if waitMethod[^w]--; waitMethod[^w] == 0 {
				doTask(p.methods[^w].task)
			}
		}
	}
	for len(newFacts)+len(newTasks) > 0 {
		if n := len(newFacts); n > 0 {
			f := newFacts[n-1]
			newFacts = newFacts[:n-1]
			wake(onFact[f].list)
			continue
		}
		n := len(newTasks)
		t := newTasks[n-1]
		newTasks = newTasks[:n-1]
		for _, f := range p.nodes[t].add {
			if !facts[f] {
				facts[f] = true
				newFacts = append(newFacts, f)
			}
		}
		wake(onTask[t].list)
	}
	return possible
}
