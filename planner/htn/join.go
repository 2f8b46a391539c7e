package htn

import "math/bits"

// join enumerates the values of variables that satisfy a conjunction, one after the other. It is compiled once: the order of
// the literals is fixed by what is bound and how many facts there are, every test stands as early as its variables allow, and
// variables that nobody asks for are not enumerated twice.
type join struct {
	steps  []joinStep
	resume int // the last step to go on from for the next answer; -1: there is one answer at most
	gens   int // number of cursors that a run needs
}

type stepKind uint8

const (
	stepTest stepKind = iota // a literal whose variables are bound
	stepEqual
	stepSort
	stepScan // the facts of a predicate
	stepEnum // the objects of a type
)

type joinStep struct {
	kind  stepKind
	neg   bool
	pred  int32
	args  []term
	set   *typeset
	index int // which index of the predicate, -1 for none
	back  int // the step to go back to when this one has no more: -1 is none
	gen   int // which cursor
	binds []bindArg
	lit   int32  // which literal of the conjunction, -1 for none
	by    string // the step that it was lifted from
}

// bindArg says that argument pos of a fact gives a variable its value, of a type, or must equal it where it has one already.
type bindArg struct {
	pos   int32
	v     term
	set   *typeset
	fresh bool
}

// begin is where to begin in a list of n: at its first element, unless the search is spun.
func (f *facts) begin(n int) int32 {
	if f.spin == 0 || n < 2 {
		return 0
	}
	f.turn++
	return int32(mix(f.spin+f.turn) % uint64(n))
}

// joiner compiles joins against facts.
type joiner struct {
	*facts
	stats *facts // what is counted to order the literals: the initial state
	m     *model
	// relaxed joins ask what could ever hold: negative literals of predicates that change are not tested.
	relaxed bool
}

// compile makes the join of a conjunction over variables of which some are bound. Only the wanted variables matter to the
// caller; all of them get a value all the same. Where first is not negative, the literal of that index is left out: its
// variables are bound.
func (jr joiner) compile(c *conjunction, vars []*typeset, bound []bool, wanted []bool, first int) *join {
	b := &joinBuilder{joiner: jr, c: c, vars: vars, bound: append([]bool(nil), bound...), used: make([]bool, len(c.lits)), sorted: make([]bool, len(c.sorts)), last: -1, j: &join{resume: -1}}
	for i, l := range c.lits {
		if i == first || jr.relaxed && l.neg && l.pred != equal && !jr.rigid[l.pred] {
			b.used[i] = true
		}
	}
	b.tests()
	for {
		if i := b.best(); i >= 0 {
			b.scan(i, wanted)
		} else if v := b.unbound(); v >= 0 {
			b.enum(v, wanted)
		} else {
			return b.j
		}
		b.tests()
	}
}

type joinBuilder struct {
	joiner
	c      *conjunction
	vars   []*typeset
	bound  []bool
	used   []bool
	sorted []bool
	last   int // the last generator
	j      *join
}

func (b *joinBuilder) ready(args []term) bool {
	for _, a := range args {
		if a.isVar() && !b.bound[a] {
			return false
		}
	}
	return true
}

func (b *joinBuilder) push(s joinStep) {
	if s.lit >= 0 {
		s.by = b.c.lits[s.lit].lifted
	}
	s.back = b.last
	if s.kind >= stepScan {
		b.last = len(b.j.steps)
		s.gen = b.j.gens
		b.j.gens++
	}
	b.j.steps = append(b.j.steps, s)
}

// tests adds every test whose variables are bound: the cheap ones first.
func (b *joinBuilder) tests() {
	for i, s := range b.c.sorts {
		if !b.sorted[i] && b.ready([]term{s.t}) {
			b.sorted[i] = true
			b.push(joinStep{kind: stepSort, neg: s.neg, args: []term{s.t}, set: s.set, lit: -1})
		}
	}
	for pass := range 2 {
		for i, l := range b.c.lits {
			if b.used[i] || !b.ready(l.args) || pass == 0 && l.pred != equal {
				continue
			}
			b.used[i] = true
			kind := stepTest
			if l.pred == equal {
				kind = stepEqual
			}
			b.push(joinStep{kind: kind, neg: l.neg, pred: l.pred, args: l.args, lit: int32(i)})
		}
	}
}

// best returns the positive literal with the fewest facts to look at, -1 for none. A positive equality with one side bound
// has one.
func (b *joinBuilder) best() int {
	best, least := -1, 0.0
	for i, l := range b.c.lits {
		if b.used[i] || l.neg || l.pred == equal {
			continue
		}
		if n := b.estimate(l); best < 0 || n < least {
			best, least = i, n
		}
	}
	return best
}

// estimate guesses how many facts match a literal: evenly spread over the values of each bound argument.
func (b *joinBuilder) estimate(l literal) float64 {
	if int(l.pred) >= len(b.stats.rels) {
		return 2 // a task
	}
	n := float64(len(b.stats.rels[l.pred].all.ids))
	if n == 0 {
		n = 1
	}
	if !b.rigid[l.pred] {
		n *= 1.5 // facts that come and go: rather those that stay
	}
	for pos, a := range l.args {
		if !a.isVar() || b.bound[a] {
			n /= float64(b.stats.distinct(l.pred, pos))
		}
	}
	return n
}

// distinct is how many values an argument takes in the facts of a predicate, at least 1. It looks at the first thousands only,
// and once.
func (f *facts) distinct(pred int32, pos int) int {
	r := &f.rels[pred]
	if r.values == nil {
		r.values = make([]int, len(f.tupleOf(r)))
		for p := range r.values {
			seen := map[int32]bool{}
			for _, id := range r.all.ids[:min(len(r.all.ids), 4096)] {
				seen[f.tuple(id)[p]] = true
			}
			r.values[p] = len(seen)
		}
	}
	if pos >= len(r.values) {
		return 1
	}
	return max(r.values[pos], 1)
}

func (f *facts) tupleOf(r *relation) []int32 {
	if len(r.all.ids) == 0 {
		return nil
	}
	return f.tuple(r.all.ids[0])
}

func (b *joinBuilder) scan(i int, wanted []bool) {
	l := b.c.lits[i]
	b.used[i] = true
	s := joinStep{kind: stepScan, pred: l.pred, args: l.args, lit: int32(i), index: -1}
	mask := uint32(0)
	fresh, asked := map[term]bool{}, false
	for pos, a := range l.args {
		if !a.isVar() || b.bound[a] {
			if pos < 32 {
				mask |= 1 << pos
			}
			s.binds = append(s.binds, bindArg{pos: int32(pos), v: a})
			continue
		}
		s.binds = append(s.binds, bindArg{pos: int32(pos), v: a, set: b.vars[a], fresh: !fresh[a]})
		fresh[a] = true
		asked = asked || wanted == nil || wanted[a]
	}
	for a := range fresh {
		b.bound[a] = true
	}
	if mask != 0 {
		s.index = b.facts.index(l.pred, mask)
	}
	b.push(s)
	if asked {
		b.j.resume = b.last
	}
}

// unbound returns the variable to enumerate: the one of the smallest type among those that a condition waits for, then any
// other. -1 is none.
func (b *joinBuilder) unbound() int {
	best := -1
	waits := make([]bool, len(b.vars))
	for i, l := range b.c.lits {
		for _, a := range l.args {
			if !b.used[i] && a.isVar() {
				waits[a] = true
			}
		}
	}
	for v, set := range b.vars {
		if b.bound[v] {
			continue
		}
		if best < 0 || waits[v] && !waits[best] || waits[v] == waits[best] && len(set.objects) < len(b.vars[best].objects) {
			best = v
		}
	}
	return best
}

func (b *joinBuilder) enum(v int, wanted []bool) {
	b.bound[v] = true
	b.push(joinStep{kind: stepEnum, args: []term{term(v)}, set: b.vars[v], lit: -1})
	if wanted == nil || wanted[v] {
		b.j.resume = b.last
	}
}

// next finds the first answer, or the one after the last; curs and b belong to the run. Where watch
// is not nil it is told each step that is reached, with what is bound by then in b.
func (j *join) next(f *facts, b []int32, curs []cursor, fresh bool, watch func(step int)) bool {
	i := 0
	forward := true
	if !fresh {
		if i, forward = j.resume, false; i < 0 {
			return false
		}
	}
	for i < len(j.steps) {
		s := &j.steps[i]
		if watch != nil && forward {
			watch(i)
		}
		ok := false
		switch s.kind {
		case stepTest:
			ok = f.holds(s.pred, s.args, b) != s.neg
		case stepEqual:
			ok = (s.args[0].in(b) == s.args[1].in(b)) != s.neg
		case stepSort:
			ok = s.set.has(s.args[0].in(b)) != s.neg
		case stepScan:
			c := &curs[s.gen]
			if forward {
				c.at, c.b, c.list = 0, s.bucket(f, b), nil
				if c.b != nil {
					c.list = c.b.ids
				}
				c.from = f.begin(len(c.list))
			}
			ok = s.advance(f, b, c)
		case stepEnum:
			c := &curs[s.gen]
			if forward {
				c.at, c.b, c.list = 0, nil, s.set.objects
				c.from = f.begin(len(c.list))
			}
			if ok = int(c.at) < len(c.list) && !f.spend(); ok {
				b[s.args[0]] = c.object()
			}
		}
		if ok {
			i, forward = i+1, true
		} else if i, forward = s.back, false; i < 0 {
			return false
		}
	}
	return true
}

// bucket lists the facts that a scan looks through; nil is none.
func (s *joinStep) bucket(f *facts, b []int32) *bucket {
	if s.index < 0 {
		return f.rels[s.pred].all
	}
	x := f.rels[s.pred].indexes[s.index]
	h := uint64(x.mask)
	for m := x.mask; m != 0; m &= m - 1 {
		h = indexStep(h, s.args[bits.TrailingZeros32(m)].in(b))
	}
	return x.at[h]
}

func (s *joinStep) advance(f *facts, b []int32, c *cursor) bool {
next:
	for {
		id := c.fact()
		if id < 0 || f.spend() {
			return false
		}
		if !f.true(id) {
			continue
		}
		args := f.tuple(id)
		for i := range s.binds {
			a := &s.binds[i]
			o := args[a.pos]
			switch {
			case a.fresh:
				if !a.set.has(o) {
					continue next
				}
				b[a.v] = o
			case a.v.in(b) != o:
				continue next
			}
		}
		return true
	}
}
