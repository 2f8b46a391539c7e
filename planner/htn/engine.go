package htn

// engine is what every search works on: the state, ground tasks, and the joins of the methods.
type engine struct {
	m     *model
	f     *facts
	tasks table // ground tasks: head is the task, arguments are objects
	acts  []groundAction
	joins []*join        // by method
	conds []*conjunction // what each join is of
}

// groundAction is a primitive ground task: its facts. Facts that no state has are not made for the asking.
type groundAction struct {
	made     bool
	never    bool // a rigid condition or a type fails
	pos, neg []int32
	del, add []int32
}

func newEngine(m *model) *engine {
	return newEngineOf(m, func(me *method) *conjunction { return &me.lifted })
}

// newEngineOf makes an engine whose methods ask for the conditions that conds gives.
func newEngineOf(m *model, conds func(*method) *conjunction) *engine {
	e := &engine{m: m, f: newFacts(m), tasks: newTable(), joins: make([]*join, len(m.methods)), conds: make([]*conjunction, len(m.methods))}
	for i := range m.methods {
		me := &m.methods[i]
		e.conds[i] = conds(me)
		e.joins[i] = joiner{e.f, e.f, m, false}.compile(e.conds[i], me.vars, me.headVars(), me.subVars(), -1)
	}
	return e
}

// clone makes an engine for another search of the same problem.
func (e *engine) clone() *engine {
	return &engine{m: e.m, f: e.f.clone(), tasks: newTable(), joins: e.joins, conds: e.conds}
}

// headVars marks the variables that the task of a method binds.
func (m *method) headVars() []bool {
	out := make([]bool, len(m.vars))
	for _, t := range m.head {
		if t.isVar() {
			out[t] = true
		}
	}
	return out
}

// subVars marks the variables that the subtasks mention.
func (m *method) subVars() []bool {
	out := make([]bool, len(m.vars))
	for _, s := range m.subs {
		for _, t := range s.args {
			if t.isVar() {
				out[t] = true
			}
		}
	}
	return out
}

// bindHead binds a method's variables to the arguments of its task, and tells whether they fit.
func (m *method) bindHead(args []int32, b []int32) bool {
	for i := range m.vars {
		b[i] = -1
	}
	for i, t := range m.head {
		switch {
		case !t.isVar():
			if t.object() != args[i] {
				return false
			}
		case b[t] >= 0:
			if b[t] != args[i] {
				return false
			}
		case !m.vars[t].has(args[i]):
			return false
		default:
			b[t] = args[i]
		}
	}
	return true
}

// ground interns a subtask under a binding.
func (e *engine) ground(c call, b []int32) int32 {
	e.f.buf = e.f.buf[:0]
	for _, a := range c.args {
		e.f.buf = append(e.f.buf, a.in(b))
	}
	return e.tasks.intern(c.task, e.f.buf)
}

// action returns the facts of a primitive ground task.
func (e *engine) action(id int32) *groundAction {
	for len(e.acts) <= int(id) {
		e.acts = append(e.acts, groundAction{})
	}
	a := &e.acts[id]
	if a.made {
		return a
	}
	a.made = true
	t, b := &e.m.tasks[e.tasks.heads[id]], e.tasks.tuple(id)
	for i, set := range t.params {
		if !set.has(b[i]) {
			a.never = true
			return a
		}
	}
	if !t.pre.static(e.f, b) {
		a.never = true
		return a
	}
	for _, l := range t.pre.lits {
		switch {
		case l.pred == equal || e.m.rigid[l.pred]:
		case l.neg:
			a.neg = append(a.neg, e.f.ground(l.pred, l.args, b))
		default:
			a.pos = append(a.pos, e.f.ground(l.pred, l.args, b))
		}
	}
	for _, x := range t.del {
		a.del = append(a.del, e.f.ground(x.pred, x.args, b))
	}
	for _, x := range t.add {
		a.add = append(a.add, e.f.ground(x.pred, x.args, b))
	}
	return a
}

// static tests the parts of a conjunction that no action changes.
func (c *conjunction) static(f *facts, b []int32) bool {
	for _, s := range c.sorts {
		if s.set.has(s.t.in(b)) == s.neg {
			return false
		}
	}
	for _, l := range c.lits {
		if l.pred == equal {
			if (l.args[0].in(b) == l.args[1].in(b)) == l.neg {
				return false
			}
		} else if f.rigid[l.pred] && f.holds(l.pred, l.args, b) == l.neg {
			return false
		}
	}
	return true
}

// applicable tells whether a ground action can be executed now.
func (e *engine) applicable(a *groundAction) bool {
	if a.never {
		return false
	}
	for _, id := range a.pos {
		if !e.f.true(id) {
			return false
		}
	}
	for _, id := range a.neg {
		if e.f.true(id) {
			return false
		}
	}
	return true
}

func (e *engine) apply(a *groundAction) {
	for _, id := range a.del {
		e.f.set(id, false)
	}
	for _, id := range a.add {
		e.f.set(id, true)
	}
}

// atGoal tests the goal; what a goal says of no variable is tested here too.
func (e *engine) atGoal() bool {
	g := &e.m.goal
	if !g.static(e.f, nil) {
		return false
	}
	for _, l := range g.lits {
		if l.pred != equal && e.f.holds(l.pred, l.args, nil) == l.neg {
			return false
		}
	}
	return true
}
