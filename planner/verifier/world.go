package verifier

import (
	"sort"
	"strings"

	"github.com/jitos/jitos/planner/hddl"
)

// binding maps the keys of variables to the keys of objects.
type binding map[string]string

// key is how names are compared.
func key(name string) string { return strings.ToLower(name) }

// world knows the objects, and for every fact the moments at which it changed. Moment 0 is the initial state, moment i the
// state after i steps.
type world struct {
	types   *hddl.Types
	objects map[string][]hddl.Name // each with its types
	shown   map[string]string      // objects as the files write them
	names   []string               // of the objects, in the order of the files
	facts   map[string]*history
	byPred  map[string][]*history
}

// history is one fact through time.
type history struct {
	args    []string
	changes []int // moments: at even positions it becomes true, at odd ones false
}

func (h *history) at(moment int) bool {
	return sort.SearchInts(h.changes, moment+1)%2 == 1
}

func newWorld(d *hddl.Domain, p *hddl.Problem) *world {
	w := &world{d.Types, map[string][]hddl.Name{}, map[string]string{}, nil, map[string]*history{}, map[string][]*history{}}
	for _, list := range [][]hddl.Typed{d.Constants, p.Objects} {
		for _, o := range list {
			if _, known := w.objects[o.Key]; !known {
				w.names = append(w.names, o.Key)
				w.objects[o.Key], w.shown[o.Key] = []hddl.Name{}, o.Text
			}
			w.objects[o.Key] = append(w.objects[o.Key], o.Types...)
		}
	}
	for _, a := range p.Init {
		w.set(a, binding{}, 0, true)
	}
	return w
}

// fits tells whether an object is of one of the types; none allows all.
func (w *world) fits(object string, types []hddl.Name) bool {
	return w.types.Fits(w.objects[object], types)
}

func ground(a hddl.Atom, b binding) []string {
	args := make([]string, len(a.Args))
	for i, t := range a.Args {
		args[i] = value(t, b)
	}
	return args
}

// value is the object that a term stands for, "" for a variable that is not bound.
func value(t hddl.Name, b binding) string {
	if t.IsVariable() {
		return b[t.Key]
	}
	return t.Key
}

func factKey(pred string, args []string) string { return pred + " " + strings.Join(args, " ") }

func (w *world) set(a hddl.Atom, b binding, moment int, to bool) {
	args := ground(a, b)
	k := factKey(a.Name.Key, args)
	h := w.facts[k]
	if h == nil {
		if !to {
			return
		}
		h = &history{args: args}
		w.facts[k] = h
		w.byPred[a.Name.Key] = append(w.byPred[a.Name.Key], h)
	}
	if now := len(h.changes)%2 == 1; now == to {
		return
	}
	if n := len(h.changes); n > 0 && h.changes[n-1] == moment {
		h.changes = h.changes[:n-1] // deleted and added in one step: it stays
		return
	}
	h.changes = append(h.changes, moment)
}

func (w *world) holds(a hddl.Atom, b binding, moment int) bool {
	h := w.facts[factKey(a.Name.Key, ground(a, b))]
	return h != nil && h.at(moment)
}

// apply makes the effects of a step: first what it deletes, then what it adds.
func (w *world) apply(e hddl.Formula, b binding, moment int) {
	for _, adds := range []bool{false, true} {
		w.each(e, b, func(f hddl.Formula) {
			if adds == (f.Op == hddl.Holds) {
				atom := f.Atom
				if !adds {
					atom = f.Sub[0].Atom
				}
				w.set(atom, b, moment, adds)
			}
		})
	}
}

// each visits the literals of an effect.
func (w *world) each(e hddl.Formula, b binding, visit func(hddl.Formula)) {
	switch e.Op {
	case hddl.And:
		for _, sub := range e.Sub {
			w.each(sub, b, visit)
		}
	case hddl.Forall:
		w.all(e.Vars, b, func() bool { w.each(e.Sub[0], b, visit); return true })
	default:
		visit(e)
	}
}

// all calls f with every assignment of objects to the variables, until it returns false.
func (w *world) all(vars []hddl.Typed, b binding, f func() bool) bool {
	if len(vars) == 0 {
		return f()
	}
	defer delete(b, vars[0].Key)
	for _, o := range w.names {
		if w.fits(o, vars[0].Types) {
			b[vars[0].Key] = o
			if !w.all(vars[1:], b, f) {
				return false
			}
		}
	}
	return true
}

// fails returns the first part of a condition that does not hold at a moment, "" for none. All variables are bound.
func (w *world) fails(f hddl.Formula, b binding, moment int) (why string) {
	switch f.Op {
	case hddl.And:
		for _, sub := range f.Sub {
			if why := w.fails(sub, b, moment); why != "" {
				return why
			}
		}
		return ""
	case hddl.Forall:
		w.all(f.Vars, b, func() bool { why = w.fails(f.Sub[0], b, moment); return why == "" })
		return why
	case hddl.Not:
		if w.fails(f.Sub[0], b, moment) != "" {
			return ""
		}
		return w.text(f, b) + " does not hold"
	case hddl.Holds:
		if w.holds(f.Atom, b, moment) {
			return ""
		}
	case hddl.Equal:
		if value(f.Atom.Args[0], b) == value(f.Atom.Args[1], b) {
			return ""
		}
	case hddl.SortOf:
		if w.fits(value(f.Atom.Args[0], b), f.Vars[0].Types) {
			return ""
		}
	}
	return w.text(f, b) + " does not hold"
}

// text writes a literal with what its variables stand for.
func (w *world) text(f hddl.Formula, b binding) string {
	if f.Op == hddl.Not {
		return "(not " + w.text(f.Sub[0], b) + ")"
	}
	words := []string{f.Atom.Name.Text}
	for _, t := range f.Atom.Args {
		if v := value(t, b); v != "" {
			words = append(words, w.shown[v])
		} else {
			words = append(words, t.Text)
		}
	}
	if f.Op == hddl.SortOf {
		words = append(words, "-", f.Vars[0].Types[0].Text)
	}
	return "(" + strings.Join(words, " ") + ")"
}
