package verifier

import (
	"slices"

	"github.com/jitos/jitos/planner/hddl"
)

// maxTries bounds how many ways to read one plan are tried: several only where a method has equal subtasks.
const maxTries = 1 << 20

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
