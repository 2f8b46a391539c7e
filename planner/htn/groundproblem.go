package htn

import "context"

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

// builder makes a ground problem of the grounder's instances.
type builder struct {
	p       *groundProblem
	g       *grounder
	facts   map[int32]int32 // number of a fact of the grounder
	nots    map[int32]int32 // number of the fact that it is false
	nodes   map[int32]int32 // number of a task of the grounder
	touched map[int32]bool  // facts that some action adds or deletes
	initial []int32
	isInit  map[int32]bool
	effects []pendingEffect
	has     []bool // by task of the ground problem: it is an action that may be executed
}

type pendingEffect struct {
	node     int32
	add, del []int32 // of the grounder
}

func (b *builder) fact(id int32) int32 {
	n, known := b.facts[id]
	if !known {
		n = int32(b.p.facts)
		b.p.facts++
		b.facts[id] = n
	}
	return n
}

func (b *builder) not(id int32) int32 {
	n, known := b.nots[id]
	if !known {
		n = int32(b.p.facts)
		b.p.facts++
		b.nots[id] = n
	}
	return n
}

// node numbers a task by its fact of the grounder.
func (b *builder) node(head int32, args []int32) int32 {
	id := b.g.f.intern(head, args)
	n, known := b.nodes[id]
	if !known {
		n = int32(len(b.p.nodes))
		b.nodes[id] = n
		task := head - int32(len(b.g.m.preds))
		t := b.p.e.tasks.intern(task, args)
		b.p.nodes = append(b.p.nodes, groundTask{task: t, action: int(task) < b.g.m.actions})
	}
	return n
}

// condition lists the facts that a conjunction needs; ok is false where it can never hold. What always holds is left out.
func (b *builder) condition(lits []literal, bind []int32) (out []int32, ok bool) {
	for _, l := range lits {
		if l.pred == equal || b.g.m.rigid[l.pred] {
			continue // the grounder tested it
		}
		id := b.g.f.ground(l.pred, l.args, bind)
		switch {
		case !b.touched[id] && b.isInit[id] == l.neg:
			return nil, false
		case !b.touched[id]:
		case l.neg:
			out = append(out, b.not(id))
		default:
			out = append(out, b.fact(id))
		}
	}
	return out, true
}

func (b *builder) instance(r *rule, bind []int32) {
	m := b.g.m
	P := int32(len(m.preds))
	if r.action >= 0 {
		n := b.node(P+r.action, bind)
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
	args := make([]int32, 0, 8)
	for _, a := range me.head {
		args = append(args, a.in(bind))
	}
	g := groundMethod{decision: decision{r.method, append([]int32(nil), bind...)}, task: b.node(P+me.task, args), pre: pre}
	for _, s := range me.subs {
		args = args[:0]
		for _, a := range s.args {
			args = append(args, a.in(bind))
		}
		g.subs = append(g.subs, b.node(P+s.task, args))
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
			if f, asked := b.facts[id]; asked {
				n.add = append(n.add, f)
			}
			if f, asked := b.nots[id]; asked {
				n.del = append(n.del, f)
			}
		}
	dels:
		for _, id := range e.del {
			for _, a := range e.add {
				if a == id {
					continue dels // deleted and added: it stays
				}
			}
			if f, asked := b.facts[id]; asked {
				n.del = append(n.del, f)
			}
			if f, asked := b.nots[id]; asked {
				n.add = append(n.add, f)
			}
		}
	}
	p.init = newBitset(p.facts)
	for _, id := range b.initial {
		if f, asked := b.facts[id]; asked {
			p.init.set(int(f))
		}
	}
	for id, f := range b.nots {
		if !b.isInit[id] {
			p.init.set(int(f))
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
	p.tasks = make([]int32, len(p.e.tasks.heads))
	for n, t := range p.nodes {
		p.tasks[t.task] = int32(n) + 1
	}
}

// has tells whether a task is left in the problem.
func (p *groundProblem) has(task int32, args []int32) bool {
	id := p.e.tasks.find(task, args)
	return id >= 0 && int(id) < len(p.tasks) && p.tasks[id] > 0
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
