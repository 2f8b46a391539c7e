package htn

import (
	"context"
	"slices"
)

// groundProblem is a problem without variables: facts, actions and method instances by number. Negated conditions have facts of
// their own, which are true where the fact is not.
type groundProblem struct {
	e        *engine
	po       bool // the order is partial
	facts    int
	init     bitset
	goal     []int32
	possible bool // the goal asks for nothing that can never be
	nodes    []groundTask
	methods  []groundMethod
	top      int32
	tasks    []int32  // by task of the engine: its number, plus 1
	adds     []bitset // by task: the parts of the goal, by their place in it, that something below it can make true
}

// groundTask is a task by number: an action, or a compound task with its method instances.
type groundTask struct {
	task          int32 // in the engine's table
	action        bool
	pre, add, del []int32
	methods       []int32
}

// groundMethod is a method instance.
type groundMethod struct {
	decision
	task int32
	pre  []int32
	subs []int32 // tasks, in the order of the method's subtasks
}

// builder makes a ground problem of the grounder's instances. What it keeps by fact or task of the grounder is a list by number.
type builder struct {
	p       *groundProblem
	g       *grounder
	facts   []int32 // number of a fact of the grounder, plus 1
	nots    []int32 // number of the fact that it is false, plus 1
	nodes   []int32 // number of a task of the grounder, plus 1
	done    bitset  // tasks of the grounder that some instance does
	touched bitset  // facts that some action adds or deletes
	initial []int32
	isInit  bitset
	effects []pendingEffect
	subs    []int32
	has     []bool // by task of the ground problem: it is an action that may be executed
}

type pendingEffect struct {
	node     int32
	add, del []int32 // of the grounder
}

// asked returns the number of a fact, made anew where it has none.
func (b *builder) asked(list *[]int32, id int32) int32 {
	at := numbered(list, id)
	if *at == 0 {
		b.p.facts++
		*at = int32(b.p.facts)
	}
	return *at - 1
}

// numbered returns the place of an id in a list, which grows for it.
func numbered(list *[]int32, id int32) *int32 {
	if n := int(id) + 1 - len(*list); n > 0 {
		*list = append(*list, make([]int32, n)...)
	}
	return &(*list)[id]
}

// number is what a list has for an id, -1 where that is nothing.
func number(list []int32, id int32) int32 {
	if int(id) >= len(list) {
		return -1
	}
	return list[id] - 1
}

// fact is the task of an instance, as a fact of the grounder.
func (b *builder) fact(r *rule, bind []int32) int32 {
	P := int32(len(b.g.m.preds))
	if r.action >= 0 {
		return b.g.f.intern(P+r.action, bind)
	}
	me := &b.g.m.methods[r.method]
	return b.g.f.ground(P+me.task, me.head, bind)
}

// node numbers a task by its fact of the grounder.
func (b *builder) node(id int32) int32 {
	at := numbered(&b.nodes, id)
	if *at == 0 {
		b.p.nodes = append(b.p.nodes, groundTask{task: id, action: int(b.g.f.heads[id])-len(b.g.m.preds) < b.g.m.actions})
		*at = int32(len(b.p.nodes))
	}
	return *at - 1
}

// name gives the tasks that are left their numbers in the engine.
func (b *builder) name() {
	tasks := &b.p.e.tasks
	for n := range b.p.nodes {
		id := b.p.nodes[n].task
		t := tasks.intern(b.g.f.heads[id]-int32(len(b.g.m.preds)), b.g.f.tuple(id))
		b.p.nodes[n].task = t
		*numbered(&b.p.tasks, t) = int32(n) + 1
	}
}

// condition lists the facts that a conjunction needs; ok is false where it can never hold. What always holds is left out.
func (b *builder) condition(lits []literal, bind []int32) (out []int32, ok bool) {
	for _, l := range lits {
		if l.pred == equal || b.g.m.rigid[l.pred] {
			continue // the grounder tested it
		}
		id := b.g.f.ground(l.pred, l.args, bind)
		switch {
		case !b.touched.in(id) && b.isInit.in(id) == l.neg:
			return nil, false
		case !b.touched.in(id):
		case l.neg:
			out = append(out, b.asked(&b.nots, id))
		default:
			out = append(out, b.asked(&b.facts, id))
		}
	}
	return out, true
}

func (b *builder) instance(r *rule, bind []int32) {
	m := b.g.m
	P := int32(len(m.preds))
	if r.action >= 0 {
		n := b.node(b.fact(r, bind))
		t := &m.tasks[r.action]
		pre, ok := b.condition(t.pre.lits, bind)
		if !ok {
			return
		}
		b.p.nodes[n].pre = pre
		e := pendingEffect{node: n}
		for _, x := range t.add {
			e.add = append(e.add, b.g.f.ground(x.pred, x.args, bind))
		}
		for _, x := range t.del {
			e.del = append(e.del, b.g.f.ground(x.pred, x.args, bind))
		}
		b.effects = append(b.effects, e)
		return
	}
	me := &m.methods[r.method]
	lits := me.lifted.lits
	if !m.linear {
		lits = me.pre.lits
	}
	pre, ok := b.condition(lits, bind)
	if !ok {
		return
	}
	b.subs = b.subs[:0]
	for _, s := range me.subs {
		id := b.g.f.ground(P+s.task, s.args, bind)
		if !b.done.in(id) {
			return
		}
		b.subs = append(b.subs, id)
	}
	g := groundMethod{decision: decision{r.method, slices.Clone(bind)}, task: b.node(b.fact(r, bind)), pre: pre}
	for _, id := range b.subs {
		g.subs = append(g.subs, b.node(id))
	}
	b.p.methods = append(b.p.methods, g)
}

func (b *builder) goal() bool {
	g := &b.g.m.goal
	if !g.static(b.g.f, nil) {
		return false
	}
	out, ok := b.condition(g.lits, nil)
	b.p.goal = out
	return ok
}

// finish resolves effects, now that it is known which facts are asked for, and drops what can never be.
func (b *builder) finish() {
	p := b.p
	b.has = make([]bool, len(p.nodes))
	for _, e := range b.effects {
		n := &p.nodes[e.node]
		b.has[e.node] = true
		for _, id := range e.add {
			if f := number(b.facts, id); f >= 0 {
				n.add = append(n.add, f)
			}
			if f := number(b.nots, id); f >= 0 {
				n.del = append(n.del, f)
			}
		}
		for _, id := range e.del {
			if slices.Contains(e.add, id) {
				continue // deleted and added: it stays
			}
			if f := number(b.facts, id); f >= 0 {
				n.del = append(n.del, f)
			}
			if f := number(b.nots, id); f >= 0 {
				n.add = append(n.add, f)
			}
		}
	}
	p.init = newBitset(p.facts)
	for _, id := range b.initial {
		if f := number(b.facts, id); f >= 0 {
			p.init.set(int(f))
		}
	}
	for id, f := range b.nots {
		if f > 0 && !b.isInit.in(int32(id)) {
			p.init.set(int(f - 1))
		}
	}
}

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

// has tells whether a task is left in the problem.
func (p *groundProblem) has(task int32, args []int32) bool {
	id := p.e.tasks.find(task, args)
	return id >= 0 && number(p.tasks, id) >= 0
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

// aims computes what each task can add to the goal.
func (p *groundProblem) aims() {
	place := map[int32][]int{}
	for i, f := range p.goal {
		place[f] = append(place[f], i)
	}
	p.adds = make([]bitset, len(p.nodes))
	above := make([][]int32, len(p.nodes))
	var todo []int32
	for n := range p.nodes {
		t := &p.nodes[n]
		p.adds[n] = newBitset(len(p.goal))
		for _, f := range t.add {
			for _, i := range place[f] {
				p.adds[n].set(i)
			}
		}
		if t.action {
			todo = append(todo, int32(n))
		}
	}
	for _, m := range p.methods {
		for _, s := range m.subs {
			above[s] = append(above[s], m.task)
		}
	}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, t := range above[n] {
			if !p.adds[t].covers(p.adds[n]) {
				p.adds[t].union(p.adds[n])
				todo = append(todo, t)
			}
		}
	}
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
