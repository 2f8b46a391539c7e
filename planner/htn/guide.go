package htn

// pop takes the next key: of the two queues in turn, but a thousand times from that of the relaxed plans whenever they have led
// nearer (Richter and Westphal, "The LAMA planner", 2010).
func (s *progression) pop() int64 {
	which := 0
	if len(s.first) > 0 && (len(s.queue) == 0 || s.turn[1] <= s.turn[0]) {
		which = 1
	}
	s.turn[which]++
	if which == 1 {
		return s.first.pop()
	}
	return s.queue.pop()
}

// help notes what the relaxed plan of a node consists of.
func (s *progression) help(n *pnode) {
	if key := int64(n.least)<<32 | int64(n.h); !s.helped || key < s.best {
		s.best, s.helped = key, true
		s.turn[1] -= 1000
	}
	if s.helps == nil {
		s.helps = make([]int32, len(s.p.nodes)+len(s.p.methods))
	}
	s.helpRound++
	for _, o := range s.r.used {
		if int(o) < s.r.actions {
			s.helps[s.r.node[o]] = s.helpRound
		} else {
			s.helps[len(s.p.nodes)+int(o)-s.r.actions] = s.helpRound
		}
	}
}

// helpsWith tells whether a child of the node being expanded began with something of its relaxed plan.
func (s *progression) helpsWith(n *pnode) bool {
	for _, ev := range n.events {
		at := int(ev.step.node)
		if ev.method >= 0 {
			at = len(s.p.nodes) + int(ev.method)
		}
		if at >= 0 && s.helps != nil && s.helps[at] == s.helpRound {
			return true
		}
		if ev.method < 0 {
			return false // what follows the first action was no choice
		}
	}
	return false
}

// estimate guesses how far a node is from a plan.
func (s *progression) estimate(n *pnode) int32 {
	s.evals++
	list, goal := s.list, s.p.goal
	if s.set.serial && !s.p.po && n.least > 1 && (n.parent == nil || n.least == n.parent.least) {
		at := int32(len(list)) - n.least + 1
		later := s.steps[at]
		s.wants = s.wants[:0]
		for i, f := range goal {
			if !later.adds.has(i) {
				s.wants = append(s.wants, f)
			}
		}
		list, goal = list[:at], s.wants
	}
	work := s.r.work
	add, ff := s.r.estimate(n.state, list, goal)
	s.count += (s.r.work - work) / relaxPerNode
	s.note(outlook{n.least, ff})
	if s.set.add {
		return add
	}
	return ff
}

// outlook is what remains at a node: the tasks that the network must come down by, and the estimate.
type outlook struct{ least, h int32 }

// note keeps how near the search has come.
func (s *progression) note(now outlook) {
	if s.nearest == (outlook{}) {
		s.nearest, s.began.nearest = now, now
	}
	if !s.set.serial {
		now.least = s.nearest.least
	}
	if now.least < s.nearest.least || now.least == s.nearest.least && now.h < s.nearest.h {
		s.nearest, s.nearedAt = now, s.count
	}
}

// forecast guesses how many more nodes it takes to find a plan, if the search goes on to come nearer as it did in its last run.
func (s *progression) forecast() (nodes int, ok bool) {
	from, to := s.began.nearest.least, s.nearest.least
	if from == to {
		from, to = s.began.nearest.h, s.nearest.h
	}
	spent := s.count - s.began.count
	if from <= to || s.over || s.nearedAt < s.began.count+spent/2 {
		return 0, false
	}
	return spent * int(to) / int(from-to), true
}
