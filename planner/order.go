package planner

import (
	"math/bits"
	"slices"
)

// set is a set of small numbers.
type set []uint64

func newSet(n int) set       { return make(set, (n+63)/64) }
func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
func (s set) addAll(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}
func (s set) removeAll(o set) {
	for i := range s {
		s[i] &^= o[i]
	}
}

func (s set) each(visit func(int)) {
	for w, word := range s {
		for word != 0 {
			visit(w*64 + bits.TrailingZeros64(word))
			word &= word - 1
		}
	}
}

// order says for each event of the log which steps its step comes directly after. An event comes after the
// decomposition that it came from; after all of what the steps named by `after` became, its own and those of the tasks
// above it; and after each earlier event that it meddles with. An edge that others imply is left out. A held resource needs
// none: the scheduler sees to it.
func (s *search) order() [][]string {
	n := len(s.log)
	before := make([]set, n) // all that come before
	under := map[*item]set{}
	decomposed := map[*item]int{}
	for i, e := range s.log {
		for a := e.item; a != nil; a = a.parent {
			if under[a] == nil {
				under[a] = newSet(n)
			}
			under[a].add(i)
		}
		if e.step == nil {
			decomposed[e.item] = i
		}
	}
	real := newSet(n)
	after := make([][]string, n)
	for i, e := range s.log {
		direct := newSet(n)
		for a := e.item; a != nil; a = a.parent {
			for _, b := range a.after {
				direct.addAll(under[b])
			}
			if at, ok := decomposed[a.parent]; ok && a.parent != nil {
				direct.add(at)
			}
		}
		if len(s.lib.fluent) > 0 {
			for j := range i {
				if e.meddles(&s.log[j]) {
					direct.add(j)
				}
			}
		}
		before[i] = newSet(n)
		direct.each(func(j int) {
			if j < i {
				before[i].add(j)
				before[i].addAll(before[j])
			}
		})
		if e.step == nil {
			continue
		}
		real.add(i)
		nearest := newSet(n)
		for w := range nearest {
			nearest[w] = before[i][w] & real[w]
		}
		all := slices.Clone(nearest)
		all.each(func(j int) { nearest.removeAll(before[j]) })
		nearest.each(func(j int) { after[i] = append(after[i], s.log[j].step.Name) })
	}
	return after
}
