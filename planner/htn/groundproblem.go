package htn

import "slices"

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
	orders   []*order // by method of the model; nil until somebody asks
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
	initial bitset  // facts that hold at the beginning
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
		case !b.touched.in(id) && b.initial.in(id) == l.neg:
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
	for id, f := range b.facts {
		if f > 0 && b.initial.in(int32(id)) {
			p.init.set(int(f - 1))
		}
	}
	for id, f := range b.nots {
		if f > 0 && !b.initial.in(int32(id)) {
			p.init.set(int(f - 1))
		}
	}
}

// order returns the order of a method's subtasks.
func (p *groundProblem) order(method int32) *order {
	if p.orders == nil {
		p.orders = make([]*order, len(p.e.m.methods))
	}
	if p.orders[method] == nil {
		p.orders[method] = p.e.m.methods[method].order()
	}
	return p.orders[method]
}

// has tells whether a task is left in the problem.
func (p *groundProblem) has(task int32, args []int32) bool {
	id := p.e.tasks.find(task, args)
	return id >= 0 && number(p.tasks, id) >= 0
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
