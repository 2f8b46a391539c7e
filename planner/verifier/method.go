package verifier

import (
	"slices"

	"github.com/jitos/jitos/planner/hddl"
)

// maxTries bounds how many ways to read one plan are tried: several only where a method has equal subtasks.
const maxTries = 1 << 20

// decomposition checks one task and what is below it. Its condition may hold at the moment from, at the earliest. The result
// is the moment after which what is ordered behind the task may begin.
func (c *checker) decomposition(n *Node, methods []*hddl.Method, from int) (end int, err error) {
	for _, m := range methods {
		order := closure(len(m.Network.Tasks), m.Network.Order)
		b := binding{}
		if why := c.head(n, m, b); why != nil {
			err = first(err, why)
			continue
		}
		if len(n.Subs) != len(m.Network.Tasks) {
			err = first(err, c.plan.refuse(n.Line, "%s: method %s has %d subtasks, the plan %d", c.label(n), m.Name.Text, len(m.Network.Tasks), len(n.Subs)))
			continue
		}
		r := &reading{c: c, n: n, m: m, order: order, b: b, from: from, of: make([]*Node, len(n.Subs))}
		if r.match(0) {
			return r.end, nil
		}
		err = first(err, r.err)
	}
	return 0, err
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (c *checker) label(n *Node) string {
	if n.Line == 0 {
		return "the initial network"
	}
	return n.String()
}

// head binds the variables of the method's task.
func (c *checker) head(n *Node, m *hddl.Method, b binding) error {
	if n.Line == 0 {
		return nil
	}
	if m.Task.Name.Key != key(n.Name) {
		return c.plan.refuse(n.Line, "%v: method %s is for %s", n, m.Name.Text, m.Task.Name.Text)
	}
	if !c.unify(m.Task, n, m.Params, b) {
		return c.plan.refuse(n.Line, "%v: method %s does not take these arguments", n, m.Name.Text)
	}
	return nil
}

// unify binds the variables of an atom to the arguments of a task, if their types allow it. It may bind some and then fail.
func (c *checker) unify(a hddl.Atom, n *Node, params []hddl.Typed, b binding) bool {
	if len(a.Args) != len(n.Args) {
		return false
	}
	for i, t := range a.Args {
		arg := key(n.Args[i])
		switch v := value(t, b); {
		case v == arg:
		case v != "":
			return false
		default:
			if !c.w.fits(arg, typesOf(params, t.Key)) {
				return false
			}
			b[t.Key] = arg
		}
	}
	return true
}

func typesOf(params []hddl.Typed, variable string) []hddl.Name {
	for _, p := range params {
		if p.Key == variable {
			return p.Types
		}
	}
	return nil
}

// reading is one way to see a decomposition: which task of the plan is which of the method.
type reading struct {
	c     *checker
	n     *Node
	m     *hddl.Method
	order relation
	b     binding
	from  int
	of    []*Node // by index of the method's subtask
	end   int
	err   error // why the first complete reading, or the longest, was refused
}

func (r *reading) refuse(line int, format string, args ...any) bool {
	if r.err == nil {
		r.err = r.c.plan.refuse(line, format, args...)
	}
	return false
}

// match assigns tasks of the plan to the method's subtasks i and later: in the order of the plan's list first.
func (r *reading) match(i int) bool {
	if i == len(r.of) {
		return r.conditions()
	}
	want := r.m.Network.Tasks[i].Atom
	var order error
	fits := false
	for k := range r.n.Subs {
		sub := r.c.plan.Nodes[r.n.Subs[(i+k)%len(r.n.Subs)]]
		if slices.Contains(r.of[:i], sub) || key(sub.Name) != want.Name.Key {
			continue
		}
		if r.c.tries++; r.c.tries > maxTries {
			return r.refuse(r.n.Line, "too many ways to read %s: not verified", r.c.label(r.n))
		}
		saved := make(binding, len(r.b))
		for v, o := range r.b {
			saved[v] = o
		}
		if r.c.unify(want, sub, r.m.Params, r.b) {
			fits = true
			r.of[i] = sub
			if why := r.outOfOrder(i); why != nil {
				order = first(order, why)
			} else if r.match(i + 1) {
				return true
			}
		}
		r.b, r.of[i] = saved, nil
	}
	if !fits {
		return r.refuse(r.n.Line, "%s: no subtask of the plan is %s of method %s", r.c.label(r.n),
			r.c.w.text(hddl.Formula{Op: hddl.Holds, Atom: want}, r.b), r.m.Name.Text)
	}
	if r.err == nil {
		r.err = order
	}
	return false
}

// outOfOrder checks subtask i against those before it in the list.
func (r *reading) outOfOrder(i int) error {
	for j := range i {
		a, b := r.of[i], r.of[j]
		if r.order.has(j, i) {
			a, b = b, a
		} else if !r.order.has(i, j) {
			continue
		}
		if a.first <= a.last && b.first <= b.last && a.last >= b.first {
			return r.c.plan.refuse(r.n.Line, "%s: %v must end before %v begins", r.c.label(r.n), a, b)
		}
	}
	return nil
}

// conditions checks the constraints and the precondition, for some choice of the variables that no task binds.
func (r *reading) conditions() bool {
	latest := len(r.c.plan.Steps)
	if r.n.first <= r.n.last {
		latest = r.n.first
	}
	var free []hddl.Typed
	for _, p := range r.m.Params {
		if r.b[p.Key] == "" {
			free = append(free, p)
		}
	}
	if r.from > latest {
		return r.refuse(r.n.Line, "%s begins before a task that is ordered before it ends", r.c.label(r.n))
	}
	all := hddl.Formula{Op: hddl.And, Sub: []hddl.Formula{r.m.Network.Constraints, r.m.Precondition}}
	lits := literals(all, nil)
	for moment := r.from; moment <= latest; moment++ {
		if !r.satisfy(lits, free, moment) {
			if len(r.m.Precondition.Sub) == 0 && r.m.Precondition.Op == hddl.And {
				break // constraints do not change with time
			}
			continue
		}
		return r.below(moment)
	}
	if len(free) > 0 {
		return r.refuse(r.n.Line, "%s: the precondition or a constraint of method %s never holds in time, whatever %s is",
			r.c.label(r.n), r.m.Name.Text, free[0].Text)
	}
	return r.refuse(r.n.Line, "%s: %s, which method %s needs", r.c.label(r.n), r.c.w.fails(all, r.b, r.from), r.m.Name.Text)
}

// literals flattens a conjunction; a forall stays whole.
func literals(f hddl.Formula, out []hddl.Formula) []hddl.Formula {
	if f.Op != hddl.And {
		return append(out, f)
	}
	for _, sub := range f.Sub {
		out = literals(sub, out)
	}
	return out
}

// satisfy looks for values of the free variables that make all literals true at a moment. It takes the values of a positive
// literal from the facts, and tries all objects for what no positive literal binds.
func (r *reading) satisfy(lits []hddl.Formula, free []hddl.Typed, moment int) bool {
	var rest []hddl.Formula
	for i, l := range lits {
		if !r.bound(l) {
			rest = append(rest, lits[i])
		} else if r.c.w.fails(l, r.b, moment) != "" {
			return false
		}
	}
	for i, l := range rest {
		if l.Op != hddl.Holds {
			continue
		}
		others := slices.Delete(slices.Clone(rest), i, i+1)
		for _, h := range r.c.w.byPred[l.Atom.Name.Key] {
			if !h.at(moment) {
				continue
			}
			news, ok := r.bind(l.Atom, h.args)
			if ok && r.satisfy(others, free, moment) {
				ok = true
			} else {
				ok = false
			}
			for _, v := range news {
				delete(r.b, v)
			}
			if ok {
				return true
			}
		}
		return false
	}
	for _, v := range free {
		if r.b[v.Key] != "" {
			continue
		}
		for _, o := range r.c.w.names {
			if r.c.w.fits(o, v.Types) {
				r.b[v.Key] = o
				ok := r.satisfy(rest, free, moment)
				delete(r.b, v.Key)
				if ok {
					return true
				}
			}
		}
		return false
	}
	return true
}

// bind unifies an atom with the arguments of a fact, and says which variables it bound.
func (r *reading) bind(a hddl.Atom, args []string) (news []string, ok bool) {
	for i, t := range a.Args {
		switch v := value(t, r.b); {
		case v == args[i]:
		case v != "" || !r.c.w.fits(args[i], typesOf(r.m.Params, t.Key)):
			return news, false
		default:
			r.b[t.Key] = args[i]
			news = append(news, t.Key)
		}
	}
	return news, true
}

// bound tells whether every variable of a literal has a value, other than those of its own forall.
func (r *reading) bound(f hddl.Formula) bool {
	for _, t := range f.Atom.Args {
		if t.IsVariable() && r.b[t.Key] == "" {
			return false
		}
	}
	if f.Op == hddl.Forall {
		for _, v := range f.Vars {
			r.b[v.Key] = "?" // any value will do for this question
		}
		defer func() {
			for _, v := range f.Vars {
				delete(r.b, v.Key)
			}
		}()
	}
	for _, sub := range f.Sub {
		if !r.bound(sub) {
			return false
		}
	}
	return true
}

// below checks the subtasks, given the moment of the method's own condition.
func (r *reading) below(moment int) bool {
	n := len(r.of)
	waits, after := make([]int, n), make([][]int, n) // what is ordered directly before and behind each
	for _, o := range r.m.Network.Order {
		waits[o[1]]++
		after[o[0]] = append(after[o[0]], o[1])
	}
	from := make([]int, n)
	ready := make([]int, 0, n) // in the order of the list
	for i := range r.of {
		if from[i] = moment; waits[i] == 0 {
			ready = append(ready, i)
		}
	}
	r.end = max(moment, r.n.last+1)
	for len(ready) > 0 {
		next := ready[0]
		ready = ready[1:]
		sub := r.of[next]
		if sub.compound() {
			end, err := r.c.decomposition(sub, r.c.methods[key(sub.Method)], from[next])
			if err != nil {
				if r.err == nil {
					r.err = err
				}
				return false
			}
			r.ended(after[next], end, from)
			r.end = max(r.end, end)
		} else {
			if sub.first < from[next] {
				return r.refuse(sub.Line, "%v comes before a condition that must hold before it", sub)
			}
			r.ended(after[next], sub.last+1, from)
			r.end = max(r.end, sub.last+1)
		}
		for _, i := range after[next] {
			if waits[i]--; waits[i] == 0 {
				at, _ := slices.BinarySearch(ready, i)
				ready = slices.Insert(ready, at, i)
			}
		}
	}
	return true
}

// ended notes that what is ordered directly behind a subtask cannot begin before its end.
func (r *reading) ended(after []int, end int, from []int) {
	for _, i := range after {
		from[i] = max(from[i], end)
	}
}

// relation is a relation of small numbers, by rows of bits.
type relation [][]uint64

func (r relation) has(i, j int) bool { return r[i][j>>6]&(1<<(j&63)) != 0 }

// closure is the transitive closure of an order, which has no cycle.
func closure(n int, order [][2]int) relation {
	waits, before := make([]int, n), make([][]int, n)
	for _, o := range order {
		waits[o[0]]++
		before[o[1]] = append(before[o[1]], o[0])
	}
	out := make(relation, n)
	var last []int // everything behind them is in its row already
	for i := range out {
		if out[i] = make([]uint64, (n+63)/64); waits[i] == 0 {
			last = append(last, i)
		}
	}
	for len(last) > 0 {
		j := last[len(last)-1]
		last = last[:len(last)-1]
		for _, i := range before[j] {
			out[i][j>>6] |= 1 << (j & 63)
			for w, bits := range out[j] {
				out[i][w] |= bits
			}
			if waits[i]--; waits[i] == 0 {
				last = append(last, i)
			}
		}
	}
	return out
}
