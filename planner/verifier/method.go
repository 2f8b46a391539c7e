package verifier

import (
	"slices"

	"github.com/jitos/jitos/planner/hddl"
)

// maxTries bounds how many ways to read one plan are tried: several only where a method has equal subtasks.
const maxTries = 1 << 20

// frame is a task whose decomposition is being checked. Plans can be as deep as they are long, so frames are kept in a list, and
// not on the stack of the program.
type frame struct {
	n       *Node
	methods []*hddl.Method // not tried yet
	from    int            // its condition may hold at this moment, at the earliest
	r       *reading       // by the method being tried
	err     error
}

// decomposition checks one task and what is below it.
func (c *checker) decomposition(n *Node, methods []*hddl.Method) error {
	stack := []*frame{{n: n, methods: methods}}
	for {
		f := stack[len(stack)-1]
		sub := (*Node)(nil)
		ok := f.advance(c)
		if ok {
			if sub = f.r.sub; sub != nil {
				stack = append(stack, &frame{n: sub, methods: c.methods[key(sub.Method)], from: f.r.begins[f.r.at]})
				continue
			}
		}
		stack = stack[:len(stack)-1]
		if len(stack) == 0 {
			return f.err
		}
		above := stack[len(stack)-1].r
		if ok {
			above.ended(f.r.end)
		} else {
			above.failed(f.err)
		}
	}
}

// advance goes on to the next compound subtask, f.r.sub, or to the end of the decomposition, where that is nil. It is false
// where no reading by any method holds; f.err is then why not.
func (f *frame) advance(c *checker) bool {
	for {
		if f.r == nil {
			if len(f.methods) == 0 {
				return false
			}
			m := f.methods[0]
			f.methods = f.methods[1:]
			b := binding{}
			if why := c.head(f.n, m, b); why != nil {
				f.err = first(f.err, why)
				continue
			}
			if len(f.n.Subs) != len(m.Network.Tasks) {
				f.err = first(f.err, c.plan.refuse(f.n.Line, "%s: method %s has %d subtasks, the plan %d", c.label(f.n), m.Name.Text, len(m.Network.Tasks), len(f.n.Subs)))
				continue
			}
			f.r = &reading{c: c, n: f.n, m: m, order: c.order(m), b: b, from: f.from, of: make([]*Node, len(f.n.Subs))}
		}
		switch {
		case f.r.below:
			if f.r.advance() {
				f.err = nil
				return true
			}
		case f.r.next():
			f.r.conditions()
		default:
			f.err, f.r = first(f.err, f.r.err), nil
		}
	}
}

// order is the transitive order of a method's subtasks.
func (c *checker) order(m *hddl.Method) relation {
	o, known := c.orders[m]
	if !known {
		o = closure(len(m.Network.Tasks), m.Network.Order)
		c.orders[m] = o
	}
	return o
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
	if _, ok := c.unify(m.Task, n, m.Params, b); !ok {
		return c.plan.refuse(n.Line, "%v: method %s does not take these arguments", n, m.Name.Text)
	}
	return nil
}

// unify binds the variables of an atom to the arguments of a task, if their types allow it, and says which it bound.
func (c *checker) unify(a hddl.Atom, n *Node, params []hddl.Typed, b binding) (news []string, ok bool) {
	if len(a.Args) != len(n.Args) {
		return nil, false
	}
	for i, t := range a.Args {
		arg := key(n.Args[i])
		switch v := value(t, b); {
		case v == arg:
		case v != "" || !c.w.fits(arg, typesOf(params, t.Key)):
			return news, false
		default:
			b[t.Key] = arg
			news = append(news, t.Key)
		}
	}
	return news, true
}

func typesOf(params []hddl.Typed, variable string) []hddl.Name {
	for _, p := range params {
		if p.Key == variable {
			return p.Types
		}
	}
	return nil
}

// reading goes through the ways to see a decomposition: which task of the plan is which of the method.
type reading struct {
	c     *checker
	n     *Node
	m     *hddl.Method
	order relation
	b     binding
	from  int
	of    []*Node // by index of the method's subtask
	picks []pick  // of the subtasks that were assigned
	began bool
	err   error // why the first complete reading, or the longest, was refused

	// The check of what is below one of them: see advance.
	below  bool
	end    int     // the moment after which what is ordered behind the task may begin
	waits  []int   // of each subtask, on how many that are ordered directly before it
	after  [][]int // those directly behind it
	begins []int   // no earlier than this
	ready  []int   // in the order of the list
	at     int     // the compound subtask that is being checked
	sub    *Node   // the same
}

// pick is which task of the plan was tried for a subtask, as an offset, and what that bound.
type pick struct {
	k     int
	news  []string
	fits  bool  // the arguments of some did
	order error // why the first that fitted was out of order
}

func (r *reading) refuse(line int, format string, args ...any) bool {
	if r.err == nil {
		r.err = r.c.plan.refuse(line, format, args...)
	}
	return false
}

// next finds the next way to assign tasks of the plan to the method's subtasks: in the order of the plan's list first.
func (r *reading) next() bool {
	switch {
	case r.began && len(r.of) == 0:
		return false
	case r.began:
		r.drop()
	case len(r.of) == 0:
		r.began = true
		return true
	default:
		r.began = true
		r.picks = append(r.picks, pick{})
	}
	for len(r.picks) > 0 {
		switch {
		case !r.assign():
			if r.picks = r.picks[:len(r.picks)-1]; len(r.picks) > 0 {
				r.drop()
			}
		case len(r.picks) == len(r.of):
			return true
		default:
			r.picks = append(r.picks, pick{})
		}
	}
	return false
}

// drop takes the last assignment back.
func (r *reading) drop() {
	i := len(r.picks) - 1
	for _, v := range r.picks[i].news {
		delete(r.b, v)
	}
	r.of[i] = nil
}

// assign finds the next task of the plan for the last subtask.
func (r *reading) assign() bool {
	i := len(r.picks) - 1
	p := &r.picks[i]
	want := r.m.Network.Tasks[i].Atom
	for p.k < len(r.n.Subs) {
		sub := r.c.plan.Nodes[r.n.Subs[(i+p.k)%len(r.n.Subs)]]
		p.k++
		if slices.Contains(r.of[:i], sub) || key(sub.Name) != want.Name.Key {
			continue
		}
		if r.c.tries++; r.c.tries > maxTries {
			return r.refuse(r.n.Line, "too many ways to read %s: not verified", r.c.label(r.n))
		}
		var ok bool
		if p.news, ok = r.c.unify(want, sub, r.m.Params, r.b); ok {
			p.fits = true
			r.of[i] = sub
			why := r.outOfOrder(i)
			if why == nil {
				return true
			}
			p.order = first(p.order, why)
		}
		r.drop()
	}
	if !p.fits {
		return r.refuse(r.n.Line, "%s: no subtask of the plan is %s of method %s", r.c.label(r.n),
			r.c.w.text(hddl.Formula{Op: hddl.Holds, Atom: want}, r.b), r.m.Name.Text)
	}
	r.err = first(r.err, p.order)
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

// conditions checks the constraints and the precondition, for some choice of the variables that no task binds, and begins the
// check of what is below.
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
		r.begin(moment)
		return true
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

// begin begins the check of the subtasks, given the moment of the method's own condition.
func (r *reading) begin(moment int) {
	n := len(r.of)
	r.below, r.end = true, max(moment, r.n.last+1)
	r.waits, r.after, r.begins, r.ready = make([]int, n), make([][]int, n), make([]int, n), make([]int, 0, n)
	for _, o := range r.m.Network.Order {
		r.waits[o[1]]++
		r.after[o[0]] = append(r.after[o[0]], o[1])
	}
	for i := range r.of {
		if r.begins[i] = moment; r.waits[i] == 0 {
			r.ready = append(r.ready, i)
		}
	}
}

// advance checks subtasks up to the next that is compound, sub; that is nil at the end. It is false where one is too early.
func (r *reading) advance() bool {
	for r.sub = nil; len(r.ready) > 0; {
		r.at = r.ready[0]
		r.ready = r.ready[1:]
		sub := r.of[r.at]
		if sub.compound() {
			r.sub = sub
			return true
		}
		if sub.first < r.begins[r.at] {
			r.below = false
			return r.refuse(sub.Line, "%v comes before a condition that must hold before it", sub)
		}
		r.ended(sub.last + 1)
	}
	return true
}

// ended notes that the subtask being checked has ended: what is ordered directly behind it cannot begin before.
func (r *reading) ended(end int) {
	r.end = max(r.end, end)
	for _, i := range r.after[r.at] {
		r.begins[i] = max(r.begins[i], end)
		if r.waits[i]--; r.waits[i] == 0 {
			at, _ := slices.BinarySearch(r.ready, i)
			r.ready = slices.Insert(r.ready, at, i)
		}
	}
}

// failed gives this reading up, since the subtask being checked cannot be.
func (r *reading) failed(err error) {
	r.below, r.err = false, first(r.err, err)
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
