package htn

import (
	"encoding/binary"
	"slices"
)

// lift gives every method what its subtasks are going to need and nothing within the method can provide: a literal of a
// later step moves to the method where no step before it may make it true. A compound subtask needs what all its methods
// need. So a wrong choice of variables is seen when the method is chosen and not many steps later.
//
// (HyperTensioN calls it pull-up: Magnaguagno, Meneguzzi and de Silva, IPC 2020. Here it also passes through compound tasks
// and through steps that cannot interfere.)
func lift(m *model) {
	lifted := liftBy(m, true)
	reach := lifted
	if !m.linear {
		reach = liftBy(m, false)
	}
	for i := range m.methods {
		me := &m.methods[i]
		me.lifted, me.reach = conjunction{lifted[i], me.pre.sorts}, conjunction{reach[i], me.pre.sorts}
	}
}

// liftBy returns the lifted literals of each method, for its linear order or for every order that it allows. In the latter
// case the steps of other tasks may come between, and make true what a later step needs: only what the very first step needs,
// and what no action changes, is then sure to be needed when the method begins.
func liftBy(m *model, line bool) [][]literal {
	l := &lifter{line: line, model: m, need: make([][]literal, len(m.tasks)), known: make([]bool, len(m.tasks))}
	l.reach()
	for i := range m.tasks[:m.actions] {
		l.need[i], l.known[i] = m.tasks[i].pre.lits, true
	}
	// A compound task is unknown until one of its methods has only known subtasks; from then on what it needs only shrinks. Each
	// is looked at again when what is below it has changed, the lowest first.
	wait := make([]bool, len(m.tasks))
	todo := slices.Clone(m.upwards)
	for _, t := range todo {
		wait[t] = true
	}
	for len(todo) > 0 {
		t := todo[0]
		todo, wait[t] = todo[1:], false
		if need, known := l.common(int(t)); known && (!l.known[t] || len(need) < len(l.need[t])) {
			l.need[t], l.known[t] = need, true
			for _, up := range m.above[t] {
				if !wait[up] {
					wait[up], todo = true, append(todo, up)
				}
			}
		}
	}
	out := make([][]literal, len(m.methods))
	for i := range m.methods {
		me := &m.methods[i]
		lits, known := l.method(me)
		if !known {
			lits, me.dead = me.pre.lits, true
		}
		out[i] = lits
	}
	return out
}

// maxLifted is from how many subtasks of a method its needs are lifted: to look through all that may come before them takes
// time that grows with the square.
const maxLifted = 128

type lifter struct {
	*model
	line  bool
	need  [][]literal // by task, over its parameters
	known []bool
	below [][]uint64 // by task: the actions that may be below it
}

// reach computes which actions may be below each task.
func (l *lifter) reach() {
	words := (l.actions + 63) / 64
	l.below = make([][]uint64, len(l.tasks))
	for t := range l.tasks {
		l.below[t] = make([]uint64, words)
		if t < l.actions {
			l.below[t][t>>6] |= 1 << (t & 63)
		}
	}
	todo := slices.Clone(l.upwards)
	for a := range l.actions {
		todo = append(todo, int32(a))
	}
	for len(todo) > 0 {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, up := range l.above[t] {
			to, more := l.below[up], false
			for w, bits := range l.below[t] {
				more = more || bits&^to[w] != 0
				to[w] |= bits
			}
			if more {
				todo = append(todo, up)
			}
		}
	}
}

// common is what all methods of a task need, in terms of its parameters.
func (l *lifter) common(t int) (out []literal, known bool) {
	for _, mi := range l.tasks[t].methods {
		m := &l.methods[mi]
		lits, ok := l.method(m)
		if !ok {
			continue
		}
		param := make([]term, len(m.vars))
		for i := range param {
			param[i] = -1 << 30 // no parameter
		}
		for i := len(m.head) - 1; i >= 0; i-- {
			if m.head[i].isVar() {
				param[m.head[i]] = term(i)
			}
		}
		have := map[string]bool{}
		var mine []literal
		for _, lit := range lits {
			moved := lit
			moved.deep = true
			moved.args = make([]term, len(lit.args))
			ok := true
			for i, a := range lit.args {
				if moved.args[i] = a; a.isVar() {
					moved.args[i] = param[a]
					ok = ok && param[a] >= 0
				}
			}
			if ok {
				if moved.lifted == "" {
					moved.lifted = m.name
				}
				mine = append(mine, moved)
				have[litKey(moved)] = true
			}
		}
		if !known {
			out, known = mine, true
			continue
		}
		out = slices.DeleteFunc(slices.Clone(out), func(x literal) bool { return !have[litKey(x)] })
	}
	return out, known
}

func litKey(l literal) string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(l.pred))
	if l.neg {
		b = append(b, 1)
	}
	for _, a := range l.args {
		b = binary.LittleEndian.AppendUint32(b, uint32(a))
	}
	return string(b)
}

// method is what must hold when a method begins. It is not known while a subtask is not.
func (l *lifter) method(m *method) (out []literal, known bool) {
	out = slices.Clone(m.pre.lits)
	have := map[string]bool{}
	for _, lit := range out {
		have[litKey(lit)] = true
	}
	for k, i := range m.line {
		if sub := m.subs[i].task; k >= maxLifted {
			if known = l.known[sub]; !known {
				return nil, false
			}
			continue
		}
		sub := m.subs[i]
		if !l.known[sub.task] {
			return nil, false
		}
		for _, lit := range l.need[sub.task] {
			moved := lit
			moved.args = make([]term, len(lit.args))
			for j, a := range lit.args {
				if moved.args[j] = a; a.isVar() {
					moved.args[j] = sub.args[a]
				}
			}
			if moved.lifted == "" {
				moved.lifted = l.tasks[sub.task].name
			}
			if key := litKey(moved); !have[key] && l.needed(m, k, moved) {
				have[key] = true
				out = append(out, moved)
			}
		}
	}
	return out, true
}

// needed tells whether what the k-th subtask of the line needs must hold when the method begins.
func (l *lifter) needed(m *method, k int, lit literal) bool {
	if l.line || lit.pred == equal || l.rigid[lit.pred] {
		return !l.provided(m, lit, m.line[:k])
	}
	if m.total {
		return k == 0
	}
	for _, j := range m.line[1:] {
		if !m.before[m.line[0]].has(j) {
			return false // there is no very first step
		}
	}
	return k == 0
}

// provided tells whether some of the subtasks may make a literal hold.
func (l *lifter) provided(m *method, lit literal, subs []int) bool {
	if lit.pred == equal || l.rigid[lit.pred] {
		return false
	}
	for _, i := range subs {
		for a := range l.actions {
			if l.below[m.subs[i].task][a>>6]&(1<<(a&63)) == 0 {
				continue
			}
			effects := l.tasks[a].add
			if lit.neg {
				effects = l.tasks[a].del
			}
			for _, e := range effects {
				if e.pred == lit.pred && overlap(lit.args, m.vars, e.args, l.tasks[a].params) {
					return true
				}
			}
		}
	}
	return false
}

// overlap tells whether two atoms may be the same, by the types of their variables.
func overlap(a []term, as []*typeset, b []term, bs []*typeset) bool {
	for i := range a {
		switch {
		case a[i].isVar() && b[i].isVar():
			if !as[a[i]].meets(bs[b[i]]) {
				return false
			}
		case a[i].isVar():
			if !as[a[i]].has(b[i].object()) {
				return false
			}
		case b[i].isVar():
			if !bs[b[i]].has(a[i].object()) {
				return false
			}
		case a[i] != b[i]:
			return false
		}
	}
	return true
}
