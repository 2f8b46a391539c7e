// Package sat decides whether clauses can all be satisfied, by conflict-driven clause learning: two watched literals, first
// unique implication points, activities that decay, saved phases, restarts by Luby's sequence (Moskewicz and others, "Chaff",
// 2001; Eén and Sörensson, "An extensible SAT-solver", 2003).
//
// It is made for formulas that grow: clauses are added between calls of Solve, and a call may assume literals that hold for it
// alone. Everything is counted and nothing timed, so that the same calls give the same answers on every machine.
//
//	sat.go      clauses and propagation
//	search.go   decisions, restarts and what is forgotten
//	learn.go    what is learned of a conflict
//	heap.go     the variables by activity
package sat

import (
	"slices"
	"unsafe"
)

// Lit is a literal: a variable, or its negation.
type Lit int32

// Not returns the negation.
func (l Lit) Not() Lit { return l ^ 1 }

func (l Lit) variable() int32 { return int32(l >> 1) }

// Solver holds clauses. The zero value is not ready: use New.
type Solver struct {
	// Work counts the clauses looked at: of it a processor does some tens of millions a second.
	Work int

	arena   []int32     // the clauses, each a header and its literals
	watches []watchList // by literal: the clauses to look at when it becomes false
	pool    [][]watch   // what the lists hold, in chunks; only the last has space left
	pooled  int         // watches that there is room for
	unused  [32]int32   // by the logarithm of its size: the last room in the pool that a list has left, plus 1
	values  []int8      // by literal: 1 is true, -1 false, 0 open
	level   []int32     // by variable
	reason  []int32     // by variable: the clause that made it so
	phase   []bool      // by variable: it was true last
	trail   []Lit
	limits  []int32 // of the trail, by decision level
	head    int     // of what is to be propagated in the trail
	failed  bool    // there is no solution, whatever is assumed
	assumed []Lit   // by the last call of Solve
	model   []int8  // the values of the last solution

	order     heap
	bump      float64
	learned   []int32 // clauses that may be forgotten
	forgetAt  int     // after how many conflicts
	forgets   int
	conflicts int
	restarts  int
	left      int // conflicts until the next restart

	stamps []int32 // by literal: the last clause given that has it
	stamp  int32
	pair   [2]int32 // the literals of a clause of two

	seen  []bool // by variable; all false between conflicts
	out   []Lit
	stack []Lit
	clear []int32
	marks []int32 // by level: the last conflict whose clause has a literal of it
}

// watch is a clause that watches a literal. Where the other literal is true the clause need not be looked at; of a clause of two
// it is all there is, and ref is short.
type watch struct {
	ref   int32 // its place in the arena
	other Lit
}

// watchList is a list in the pool: so that lists of all literals are nothing that the garbage collector has to look through.
type watchList struct {
	at, n int32 // at is its chunk, and in the lower bits where in that it begins
	size  int8  // the logarithm of its room, plus 1; 0 is no room
}

// chunkBits are the bits of where a list begins in its chunk. A larger list has a chunk of its own, which is as large as it is.
const chunkBits = 16

// of returns a list.
func (s *Solver) of(l Lit) []watch {
	x := &s.watches[l]
	if x.size == 0 {
		return nil
	}
	return s.room(x.at, int(x.n))
}

// room returns so many places of the pool.
func (s *Solver) room(at int32, n int) []watch {
	from := int(at & (1<<chunkBits - 1))
	return s.pool[at>>chunkBits][from : from+n]
}

// watch adds to a list. It may move the list.
func (s *Solver) watch(l Lit, w watch) {
	x := &s.watches[l]
	if x.size == 0 || x.n == 1<<(x.size-1) {
		s.widen(x)
	}
	s.room(x.at, int(x.n)+1)[x.n] = w
	x.n++
}

// widen gives a list twice its room, where another has left it or at the end of the pool.
func (s *Solver) widen(x *watchList) {
	at, room := s.unused[x.size]-1, 1<<x.size
	if at >= 0 {
		s.unused[x.size] = s.room(at, 1)[0].ref
	} else {
		at = s.fresh(room)
	}
	if x.size > 0 {
		old := s.room(x.at, int(x.n))
		copy(s.room(at, room), old)
		old[0].ref = s.unused[x.size-1]
		s.unused[x.size-1] = x.at + 1
	}
	x.at = at
	x.size++
}

// fresh returns a room that no list had.
func (s *Solver) fresh(room int) int32 {
	last := len(s.pool) - 1
	if last < 0 || cap(s.pool[last])-len(s.pool[last]) < room {
		size := max(room, 1<<chunkBits)
		s.pool = append(s.pool, make([]watch, 0, size))
		s.pooled += size
		last++
	}
	at := len(s.pool[last])
	s.pool[last] = s.pool[last][:at+room]
	return int32(last<<chunkBits | at)
}

// A clause in the arena: its length, how many levels it joined when it was learned (0: it was given), and its literals.
const header = 2

// Instead of a clause in the arena: none stands for no clause, short for the one of s.pair, and short less a literal for the
// clause of that literal and the one that it made true.
const (
	none  = -1
	short = -2
)

// What it costs to make a variable and a clause, as Work.
const (
	varWork    = 8
	clauseWork = 4
)

// New returns a solver without clauses.
func New() *Solver { return &Solver{bump: 1, forgetAt: firstForget} }

// Var makes a variable and returns its positive literal.
func (s *Solver) Var() Lit {
	v := int32(len(s.level))
	s.Work += varWork
	if len(s.level) == cap(s.level) { // twice as much at once: append grows large slices by a quarter only
		n := max(1024, len(s.level))
		s.watches, s.values, s.stamps = slices.Grow(s.watches, 2*n), slices.Grow(s.values, 2*n), slices.Grow(s.stamps, 2*n)
		s.level, s.reason, s.marks = slices.Grow(s.level, n), slices.Grow(s.reason, n), slices.Grow(s.marks, n)
	}
	s.watches = append(s.watches, watchList{}, watchList{})
	s.values = append(s.values, 0, 0)
	s.level, s.reason = append(s.level, 0), append(s.reason, none)
	s.phase, s.seen = append(s.phase, false), append(s.seen, false)
	s.marks = append(s.marks, 0)
	s.stamps = append(s.stamps, 0, 0)
	s.order.add(v)
	return Lit(2 * v)
}

// Add adds a clause. What is fixed already is left out. It undoes all decisions.
func (s *Solver) Add(lits ...Lit) {
	s.backTo(0)
	if s.failed {
		return
	}
	s.out = s.out[:0]
	s.stamp++
	for _, l := range lits {
		if s.values[l] == 1 || s.stamps[l.Not()] == s.stamp {
			return
		}
		if s.values[l] == 0 && s.stamps[l] != s.stamp {
			s.stamps[l] = s.stamp
			s.out = append(s.out, l)
		}
	}
	s.Work += clauseWork + len(lits)
	switch len(s.out) {
	case 0:
		s.failed = true
	case 1:
		s.set(s.out[0], none)
		s.failed = s.propagate() != none
	default:
		s.enter(s.out, 0)
	}
}

// Fixed returns 1 where a literal is true in every solution that is left, -1 where it is false, and 0 where that is not known.
func (s *Solver) Fixed(l Lit) int {
	if v := s.values[l]; v != 0 && s.level[l.variable()] == 0 {
		return int(v)
	}
	return 0
}

// Value tells whether a literal is true in the last solution.
func (s *Solver) Value(l Lit) bool { return s.model[l] == 1 }

// Failed tells that there is no solution, whatever is assumed.
func (s *Solver) Failed() bool { return s.failed }

// Bytes is about what the solver holds.
func (s *Solver) Bytes() int {
	perVar := 2*int(unsafe.Sizeof(watchList{})) + 60
	return 4*len(s.arena) + int(unsafe.Sizeof(watch{}))*s.pooled + perVar*len(s.level)
}

// enter keeps a clause of two literals or more; it watches the first two. It returns the reason for the first, once the others
// are false.
func (s *Solver) enter(lits []Lit, levels int32) int32 {
	a, b := lits[0], lits[1]
	ref, reason := int32(short), short-int32(b)
	if len(lits) > 2 {
		ref = int32(len(s.arena))
		reason = ref
		s.arena = append(s.arena, int32(len(lits)), levels)
		for _, l := range lits {
			s.arena = append(s.arena, int32(l))
		}
	}
	s.watch(a, watch{ref, b})
	s.watch(b, watch{ref, a})
	return reason
}

// lits are the literals of a clause. Of a short one they last until the next call.
func (s *Solver) lits(ref int32) []int32 {
	if ref >= 0 {
		return s.arena[ref+header : ref+header+s.arena[ref]]
	}
	if ref < short {
		s.pair = [2]int32{short - ref, short - ref} // the one that it made true is nobody's concern
	}
	return s.pair[:]
}

// set makes a literal true.
func (s *Solver) set(l Lit, why int32) {
	v := l.variable()
	s.values[l], s.values[l^1] = 1, -1
	s.level[v], s.reason[v] = int32(len(s.limits)), why
	s.trail = append(s.trail, l)
}

// propagate draws the conclusions of what is true, and returns a clause that is false, or none.
func (s *Solver) propagate() int32 {
	for s.head < len(s.trail) {
		p := s.trail[s.head].Not() // it became false
		s.head++
		list := s.of(p)
		s.Work += 1 + len(list)
		kept, conflict := 0, int32(none)
	clauses:
		for i := 0; i < len(list); i++ {
			w := list[i]
			value := s.values[w.other]
			if value == 1 || w.ref < 0 {
				list[kept] = w
				kept++
				if value == 1 {
					continue
				}
				if value == 0 {
					s.set(w.other, short-int32(p))
					continue
				}
				conflict, s.pair = short, [2]int32{int32(p), int32(w.other)}
				kept += copy(list[kept:], list[i+1:])
				break
			}
			c := s.lits(w.ref)
			if Lit(c[0]) == p {
				c[0], c[1] = c[1], c[0]
			}
			first := Lit(c[0])
			value = s.values[first]
			if value == 1 {
				list[kept] = watch{w.ref, first}
				kept++
				continue
			}
			for k := 2; k < len(c); k++ {
				if l := Lit(c[k]); s.values[l] >= 0 {
					c[1], c[k] = int32(l), c[1]
					s.watch(l, watch{w.ref, first})
					list = s.of(p)
					continue clauses
				}
			}
			list[kept] = watch{w.ref, first}
			kept++
			if value == 0 {
				s.set(first, w.ref)
				continue
			}
			conflict = w.ref
			kept += copy(list[kept:], list[i+1:])
			break
		}
		s.watches[p].n = int32(kept)
		if conflict != none {
			s.head = len(s.trail)
			return conflict
		}
	}
	return none
}

// backTo undoes the decisions of all levels above one.
func (s *Solver) backTo(level int) {
	if len(s.limits) <= level {
		return
	}
	from := int(s.limits[level])
	for i := len(s.trail) - 1; i >= from; i-- {
		l := s.trail[i]
		v := l.variable()
		s.values[l], s.values[l^1] = 0, 0
		s.phase[v] = l&1 == 0
		s.order.insert(v)
	}
	s.trail, s.limits, s.head = s.trail[:from], s.limits[:level], from
}
