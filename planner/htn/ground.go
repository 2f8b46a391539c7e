package htn

import "context"

// grounder finds every action and every method instance that could be part of a plan if nothing were ever deleted, from the
// top down: a task is reached by a method instance that is reached, a method instance by its task and facts, a fact by an
// action. It is Datalog, evaluated one new fact at a time; a task that is reached is a fact like any other.
type grounder struct {
	m     *model
	f     *facts // predicates, then tasks
	stats *facts // the initial state
	rules []rule
	uses  [][]use // by predicate or task: the rules to try when one becomes true
	queue []int32
	made  table // instances of rules: head is the rule, arguments the binding
	limit int
	work  int
}

// groundWork is how many facts joins may look at for each instance that is allowed: a bound on joins that find little.
const groundWork = 100

// rule is an action or a method: its body, and what it makes true.
type rule struct {
	body   conjunction // the task first
	vars   []*typeset
	action int32 // -1 for a method
	method int32
}

// use is a literal of a rule's body, with the join of the others.
type use struct {
	rule int32
	args []term
	rest *join
}

// ground returns the ground problem; ok is false where it is larger than the limit, in instances.
func ground(ctx context.Context, e *engine, limit int) (*groundProblem, bool, error) {
	g := newGrounder(e)
	if whole, err := g.more(ctx, limit); !whole {
		return nil, false, err
	}
	p := g.build(ctx, e)
	return p, p != nil, ctx.Err()
}

func newGrounder(e *engine) *grounder {
	m := e.m
	g := &grounder{m: m, stats: e.f, made: newTable()}
	rigid := append([]bool(nil), m.rigid...)
	for range m.tasks {
		rigid = append(rigid, false)
	}
	g.f = newFactsOf(rigid)
	g.f.grows = true
	g.uses = make([][]use, len(rigid))
	for _, x := range m.init {
		id := g.f.ground(x.pred, x.args, nil)
		if rigid[x.pred] {
			g.f.set(id, true)
		} else {
			g.queue = append(g.queue, id)
		}
	}
	for a := range m.tasks[:m.actions] {
		t := &m.tasks[a]
		args := make([]term, len(t.params))
		for i := range args {
			args[i] = term(i)
		}
		g.rule(rule{action: int32(a), vars: t.params, body: t.pre}, int32(a), args)
	}
	for i := range m.methods {
		me := &m.methods[i]
		if !me.dead {
			g.rule(rule{action: -1, method: int32(i), vars: me.vars, body: me.reach}, me.task, me.head)
		}
	}
	g.reach(m.top, nil)
	return g
}

// more goes on until everything is found, or there are so many instances; whole is false where something may be missing.
func (g *grounder) more(ctx context.Context, limit int) (whole bool, err error) {
	g.limit, g.f.over = limit, false
	g.f.stop = func() bool { return ctx.Err() != nil || g.f.work > limit*groundWork }
	for len(g.queue) > 0 && !g.cut(ctx) {
		id := g.queue[len(g.queue)-1]
		g.queue = g.queue[:len(g.queue)-1]
		if g.f.true(id) {
			continue
		}
		g.f.set(id, true)
		for _, u := range g.uses[g.f.heads[id]] {
			g.fire(u, id)
		}
		if g.cut(ctx) { // perhaps in the midst of this fact: what it leads to is found once more by the next call
			g.f.set(id, false)
			g.queue = append(g.queue, id)
			break
		}
	}
	return len(g.queue) == 0, ctx.Err()
}

// cut tells whether to stop before everything is found.
func (g *grounder) cut(ctx context.Context) bool {
	g.work++
	return g.f.over || len(g.made.heads) > g.limit || g.work&255 == 0 && ctx.Err() != nil
}

// rule compiles one rule: for each literal of its body that may become true, the join of the others.
func (g *grounder) rule(r rule, task int32, args []term) {
	body := conjunction{sorts: r.body.sorts}
	body.lits = append(body.lits, literal{pred: int32(len(g.m.preds)) + task, args: args})
	body.lits = append(body.lits, r.body.lits...)
	r.body = body
	wanted := make([]bool, len(r.vars))
	if r.action >= 0 {
		for i := range wanted {
			wanted[i] = true
		}
	} else {
		me := &g.m.methods[r.method]
		wanted = me.subVars()
		for v, head := range me.headVars() { // the task that it is for, where a fact is what came last
			wanted[v] = wanted[v] || head
		}
		for _, l := range me.pre.lits {
			if l.pred == equal || g.m.rigid[l.pred] {
				continue
			}
			for _, a := range l.args {
				if a.isVar() {
					wanted[a] = true
				}
			}
		}
	}
	at := int32(len(g.rules))
	g.rules = append(g.rules, r)
	for i, l := range body.lits {
		if l.neg || l.pred == equal || g.f.rigid[l.pred] {
			continue
		}
		bound := make([]bool, len(r.vars))
		for _, a := range l.args {
			if a.isVar() {
				bound[a] = true
			}
		}
		rest := joiner{g.f, g.stats, g.m, true}.compile(&r.body, r.vars, bound, wanted, i)
		g.uses[l.pred] = append(g.uses[l.pred], use{at, l.args, rest})
	}
}

// reach makes a task a fact.
func (g *grounder) reach(task int32, args []int32) {
	id := g.f.intern(int32(len(g.m.preds))+task, args)
	if !g.f.true(id) {
		g.queue = append(g.queue, id)
	}
}

// fire applies a rule to a new fact, in all ways that the other facts allow.
func (g *grounder) fire(u use, id int32) {
	r := &g.rules[u.rule]
	b := make([]int32, len(r.vars))
	for i := range b {
		b[i] = -1
	}
	for i, o := range g.f.tuple(id) {
		switch t := u.args[i]; {
		case !t.isVar():
			if t.object() != o {
				return
			}
		case b[t] >= 0:
			if b[t] != o {
				return
			}
		case !r.vars[t].has(o):
			return
		default:
			b[t] = o
		}
	}
	curs := make([]cursor, u.rest.gens)
	for fresh := true; u.rest.next(g.f, b, curs, fresh, nil); fresh = false {
		before := len(g.made.heads)
		if g.made.intern(u.rule, b); len(g.made.heads) == before {
			continue
		}
		if r.action >= 0 {
			for _, x := range g.m.tasks[r.action].add {
				if id := g.f.ground(x.pred, x.args, b); !g.f.true(id) {
					g.queue = append(g.queue, id)
				}
			}
		} else {
			for _, s := range g.m.methods[r.method].subs {
				args := make([]int32, len(s.args))
				for i, a := range s.args {
					args[i] = a.in(b)
				}
				g.reach(s.task, args)
			}
		}
		if len(g.made.heads) > g.limit {
			return // with all that this one leads to in the queue: it is not made again
		}
	}
}

// build turns the instances into a ground problem without what can never be, nil where the time ends first.
func (g *grounder) build(ctx context.Context, e *engine) *groundProblem {
	m := g.m
	p := &groundProblem{e: e, po: !m.linear}
	b := &builder{p: p, g: g}
	// Facts that some instance deletes or adds are the ones that a state needs; negated ones get a fact of their own.
	for i := range g.made.heads {
		r := &g.rules[g.made.heads[i]]
		b.done.put(b.fact(r, g.made.tuple(int32(i))))
		if r.action < 0 {
			continue
		}
		for _, list := range [][]effect{m.tasks[r.action].add, m.tasks[r.action].del} {
			for _, x := range list {
				b.touched.put(g.f.ground(x.pred, x.args, g.made.tuple(int32(i))))
			}
		}
	}
	for _, x := range m.init {
		if !m.rigid[x.pred] {
			b.initial.put(g.f.ground(x.pred, x.args, nil))
		}
	}
	actions := 0
	for _, at := range g.made.heads {
		if g.rules[at].action >= 0 {
			actions++
		}
	}
	b.effects, p.methods = make([]pendingEffect, 0, actions), make([]groundMethod, 0, len(g.made.heads)-actions)
	top := b.node(g.f.intern(int32(len(m.preds))+m.top, nil))
	for i := range g.made.heads {
		if i&1023 == 0 && ctx.Err() != nil {
			return nil
		}
		b.instance(&g.rules[g.made.heads[i]], g.made.tuple(int32(i)))
	}
	p.possible = b.goal()
	p.top = top
	b.finish()
	if !p.prune(ctx, b.has) {
		return nil
	}
	b.name()
	p.aims()
	return p
}
