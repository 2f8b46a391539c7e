package verifier

import (
	"slices"

	"github.com/jitos/jitos/planner/hddl"
)

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
