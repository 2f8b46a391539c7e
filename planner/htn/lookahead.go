package htn

// maxAhead bounds how many steps one look ahead takes.
const maxAhead = 2000

// lookahead follows the relaxed plan of the node being expanded for as long as it can be carried out, and offers where that
// ends: an estimate costs as much as thousands of steps, and this takes many of them for one (Vidal, "A lookahead strategy for
// heuristic search planning", ICAPS 2004, here with methods). Since it may end where nothing goes on, the last point where a
// task of the network had been finished is offered too.
func (s *progression) lookahead(n *pnode) {
	c := n.child()
	s.look++
	for _, st := range s.steps { // of n
		st.look = s.look
	}
	var done *pnode
	steps, doneAt := 0, 0
	for steps < maxAhead && s.follow(c) {
		if steps++; len(c.open) == 1 && c.open[0].look == s.look && c.open[0] != n.open[0] {
			at := *c // its state is changed in place, its lists are not
			at.state, at.events = append(bitset(nil), c.state...), c.events[:len(c.events):len(c.events)]
			done, doneAt = &at, steps
		}
	}
	s.count += steps
	if doneAt > 1 && doneAt < steps {
		s.offer(done)
	}
	if steps > 1 { // one step is a child as any other
		s.offer(c)
	}
}

// follow takes one step of the relaxed plan. Each action of it is taken once, so that there is no going to and fro.
func (s *progression) follow(n *pnode) bool {
	for _, st := range n.open {
		switch {
		case st.node < 0:
			if holds(n.state, s.p.methods[^st.node].pre) {
				s.pass(n, st)
				return true
			}
		case s.p.nodes[st.node].action:
			planned := s.helps[st.node] == s.helpRound
			if holds(n.state, s.p.nodes[st.node].pre) && (planned || len(n.open) == 1) {
				s.helps[st.node]--
				s.execute(n, st)
				return true
			}
		default:
			if mi := s.supporter(n.state, st.node); mi >= 0 {
				s.decompose(n, st, mi)
				return true
			}
		}
	}
	return false
}

// supporter is the method by which the relaxed plan does a task, where its condition holds now, else one that holds and begins
// something of the relaxed plan; -1 for none.
func (s *progression) supporter(state bitset, task int32) int32 {
	e := int32(s.p.facts) + task
	if x := &s.r.elements[e]; x.dist < unreachable && int(x.by) >= s.r.actions {
		if mi := x.by - int32(s.r.actions); holds(state, s.p.methods[mi].pre) {
			return mi
		}
	}
	best, most := int32(-1), 0
	for _, mi := range s.p.nodes[task].methods {
		m := &s.p.methods[mi]
		if !holds(state, m.pre) {
			continue
		}
		score := 0
		for _, sub := range m.subs {
			if s.helps[sub] == s.helpRound {
				score += 2
			}
		}
		if s.helps[len(s.p.nodes)+int(mi)] == s.helpRound {
			score++
		}
		if score > most {
			best, most = mi, score
		}
	}
	if best >= 0 {
		s.helps[len(s.p.nodes)+int(best)]--
	}
	return best
}
