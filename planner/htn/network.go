package htn

// pstep is a step of a network. It never changes; networks share what follows.
type pstep struct {
	node int32 // of the ground problem; below 0: the condition of method ^node
	hash uint64
	next []*pstep // what is ordered directly behind it; of these none is ordered before another
	mark int32
	look int32  // the last look ahead from a network with this step
	from uint64 // of what is directly before it in the network being looked at
	adds bitset // the parts of the goal that it, or what is behind it, can still make true
}

func (s *progression) step(node int32, next []*pstep) *pstep {
	h := uint64(uint32(node)) + 0x632be59bd9b4e019
	adds := s.none
	if node >= 0 {
		adds = s.p.adds[node]
	}
	for _, n := range next {
		h += mix(n.hash)
		adds = adds.with(n.adds)
	}
	return &pstep{node: node, next: next, hash: mix(h), adds: adds}
}

func (s *progression) collect(st *pstep) {
	for {
		if st.mark == s.mark {
			return
		}
		st.mark = s.mark
		if st.node >= 0 {
			s.list, s.steps = append(s.list, st.node), append(s.steps, st)
		}
		if len(st.next) != 1 {
			break
		}
		st = st.next[0]
	}
	for _, n := range st.next {
		s.collect(n)
	}
}

// pass takes a step away; what nothing else is ordered before becomes open.
func (s *progression) pass(n *pnode, st *pstep) {
	open := n.open[:0:0]
	for _, o := range n.open {
		if o != st {
			open = append(open, o)
		}
	}
	if len(open) > 0 && len(st.next) > 0 {
		s.mark++
		for _, o := range open {
			s.markBelow(o)
		}
		for _, next := range st.next {
			if next.mark != s.mark {
				open = append(open, next)
			}
		}
	} else {
		open = append(open, st.next...)
	}
	n.open = open
}

// markBelow marks what is ordered behind a step.
func (s *progression) markBelow(st *pstep) {
	for _, next := range st.next {
		if next.mark != s.mark {
			next.mark = s.mark
			s.markBelow(next)
		}
	}
}

// decompose replaces a step by the subtasks of a method.
func (s *progression) decompose(n *pnode, st *pstep, mi int32) {
	g := &s.p.methods[mi]
	m, order := &s.p.e.m.methods[g.method], s.p.order(g.method)
	made := make([]*pstep, len(g.subs))
	waits := s.p.po && len(g.pre) > 0
	if len(g.subs) == 0 && !waits {
		n.events = append(n.events, event{step: st, method: mi})
		s.pass(n, st)
		return
	}
	for k := len(m.line) - 1; k >= 0; k-- {
		i := m.line[k]
		next := st.next
		if len(order.next[i]) > 0 {
			next = make([]*pstep, len(order.next[i]))
			for k, j := range order.next[i] {
				next[k] = made[j]
			}
		}
		made[i] = s.step(g.subs[i], next)
	}
	var sources []*pstep
	for _, i := range order.first {
		sources = append(sources, made[i])
	}
	if waits {
		if len(sources) == 0 {
			sources = st.next
		}
		sources = []*pstep{s.step(^mi, sources)}
	}
	open := n.open[:0:0]
	for _, o := range n.open {
		if o != st {
			open = append(open, o)
		}
	}
	n.open = append(open, sources...)
	n.events = append(n.events, event{st, mi, made})
}
