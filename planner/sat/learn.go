package sat

// learn draws a clause from a conflict: one of its literals is of this level, and it follows from the others. It returns the
// level to go back to, where it becomes true, and how many levels the clause joins.
func (s *Solver) learn(conflict int32) (clause []Lit, back, levels int) {
	here := int32(len(s.limits))
	out := append(s.out[:0], 0) // the first is found last
	open, at := 0, len(s.trail)-1
	for ref, skip := conflict, int32(-1); ; {
		for _, x := range s.lits(ref) {
			l := Lit(x)
			v := l.variable()
			if v == skip || s.seen[v] || s.level[v] == 0 {
				continue
			}
			s.seen[v] = true
			s.clear = append(s.clear, v)
			s.order.bump(v, s.bump)
			if s.level[v] == here {
				open++
			} else {
				out = append(out, l)
			}
		}
		for !s.seen[s.trail[at].variable()] {
			at--
		}
		p := s.trail[at]
		at--
		if open--; open == 0 {
			out[0] = p.Not()
			break
		}
		skip = p.variable()
		ref = s.reason[skip]
	}
	s.conflicts++
	for _, l := range out {
		s.marks[s.level[l.variable()]] = int32(s.conflicts)
	}
	kept := 1
	for _, l := range out[1:] {
		if s.reason[l.variable()] == none || !s.follows(l) {
			out[kept] = l
			kept++
		}
	}
	out = out[:kept]
	for _, v := range s.clear {
		s.seen[v] = false
	}
	s.clear = s.clear[:0]
	if len(out) > 1 {
		high := 1
		for i := 2; i < len(out); i++ {
			if s.level[out[i].variable()] > s.level[out[high].variable()] {
				high = i
			}
		}
		out[1], out[high] = out[high], out[1]
		back = int(s.level[out[1].variable()])
	}
	for _, l := range out {
		if lv := s.level[l.variable()]; s.marks[lv] != -int32(s.conflicts) {
			s.marks[lv] = -int32(s.conflicts)
			levels++
		}
	}
	s.out = out
	return out, back, levels
}

// follows tells whether a literal of a learned clause follows from the others of it, so that it can be left out.
func (s *Solver) follows(l Lit) bool {
	before := len(s.clear)
	s.stack = append(s.stack[:0], l)
	for len(s.stack) > 0 {
		p := s.stack[len(s.stack)-1]
		s.stack = s.stack[:len(s.stack)-1]
		for _, x := range s.lits(s.reason[p.variable()]) {
			v := Lit(x).variable()
			if v == p.variable() || s.seen[v] || s.level[v] == 0 {
				continue
			}
			if s.reason[v] == none || s.marks[s.level[v]] != int32(s.conflicts) {
				for _, v := range s.clear[before:] {
					s.seen[v] = false
				}
				s.clear = s.clear[:before]
				return false
			}
			s.seen[v] = true
			s.clear = append(s.clear, v)
			s.stack = append(s.stack, Lit(x))
		}
	}
	return true
}
