package sat

import (
	"context"
	"slices"
)

// Answer is what Solve came to.
type Answer uint8

const (
	Unknown Answer = iota // the work is spent
	Yes                   // Value gives a solution
	No                    // there is none, with what was assumed
)

// Restarts, decay and forgetting: the customary values.
const (
	restartUnit  = 100
	decay        = 0.95
	largest      = 1e100
	firstForget  = 4000
	forgetGrowth = 1000
	keepLevels   = 2 // clauses that join so few levels are never forgotten
)

// Solve looks for a solution in which the assumed literals are true, until so much work is done. The next call with the same
// literals goes on from there, others with what was learned. The error is that of the context.
func (s *Solver) Solve(ctx context.Context, work int, assumed ...Lit) (Answer, error) {
	limit := s.Work + work
	if !slices.Equal(s.assumed, assumed) {
		s.backTo(0)
		s.assumed = slices.Clone(assumed)
	}
	for !s.failed {
		conflict := s.propagate()
		if conflict != none {
			if len(s.limits) == 0 {
				s.failed = true
				break
			}
			s.resolve(conflict)
			if s.conflicts&63 == 0 && ctx.Err() != nil {
				return Unknown, ctx.Err()
			}
			continue
		}
		if s.Work >= limit {
			return Unknown, ctx.Err()
		}
		if s.left <= 0 {
			s.restarts++
			s.left = restartUnit * luby(s.restarts)
			s.backTo(0)
			if s.conflicts >= s.forgetAt {
				s.forget()
			}
			continue
		}
		next, ok := s.decide()
		if !ok {
			return No, nil
		}
		if next < 0 {
			s.model = append(s.model[:0], s.values...)
			return Yes, nil
		}
		s.limits = append(s.limits, int32(len(s.trail)))
		s.set(next, none)
	}
	return No, nil
}

// resolve learns from a conflict and goes back.
func (s *Solver) resolve(conflict int32) {
	clause, back, levels := s.learn(conflict)
	s.backTo(back)
	s.left--
	if s.bump /= decay; s.bump > largest {
		s.order.scale(1 / largest)
		s.bump /= largest
	}
	if len(clause) == 1 {
		s.set(clause[0], none)
		return
	}
	reason := s.enter(clause, int32(levels))
	if levels > keepLevels && len(clause) > 2 {
		s.learned = append(s.learned, reason)
	}
	s.set(clause[0], reason)
}

// decide returns the next literal to make true: an assumed one, else a variable that was in many conflicts lately, as it was
// last. It is negative where all variables have a value; ok is false where an assumption is false.
func (s *Solver) decide() (l Lit, ok bool) {
	for len(s.limits) < len(s.assumed) {
		a := s.assumed[len(s.limits)]
		switch s.values[a] {
		case 0:
			return a, true
		case -1:
			return 0, false
		}
		s.limits = append(s.limits, int32(len(s.trail))) // true already: a level without a decision
	}
	for {
		v := s.order.pop()
		if v < 0 {
			return -1, true
		}
		if l = Lit(2 * v); s.values[l] == 0 {
			if !s.phase[v] {
				l = l.Not()
			}
			return l, true
		}
	}
}

// forget drops the worse half of what was learned, with what is always true, and packs the rest. It is called without decisions.
func (s *Solver) forget() {
	s.forgets++
	s.forgetAt = s.conflicts + firstForget + forgetGrowth*s.forgets
	slices.SortStableFunc(s.learned, func(a, b int32) int {
		if d := s.arena[a+1] - s.arena[b+1]; d != 0 {
			return int(d)
		}
		return int(s.arena[a] - s.arena[b])
	})
	drop := map[int32]bool{}
	for _, ref := range s.learned[len(s.learned)/2:] {
		drop[ref] = true
	}
	old := s.arena
	s.arena, s.learned = make([]int32, 0, len(old)), s.learned[:0]
	for l := range s.watches {
		list := s.of(Lit(l))
		s.Work += len(list) / 4
		s.watches[l].n = int32(len(slices.DeleteFunc(list, func(w watch) bool { return w.ref != short })))
	}
	s.Work += len(old) / 4
	var out []Lit
clauses:
	for ref := int32(0); int(ref) < len(old); {
		size, levels := old[ref], old[ref+1]
		c := old[ref+header : ref+header+size]
		gone := drop[ref]
		ref += header + size
		if gone {
			continue
		}
		out = out[:0]
		for _, l := range c {
			if s.values[l] == 1 {
				continue clauses
			}
			if s.values[l] == 0 {
				out = append(out, Lit(l))
			}
		}
		at := s.enter(out, levels) // two at least: all is propagated
		if levels > keepLevels && len(out) > 2 {
			s.learned = append(s.learned, at)
		}
	}
}

// luby is the i-th number of Luby's sequence, from 1: 1 1 2 1 1 2 4 …
func luby(i int) int {
	for size := 1; ; {
		for size < i {
			size = 2*size + 1
		}
		if size == i {
			return (size + 1) / 2
		}
		i -= size / 2
		size = 1
	}
}
