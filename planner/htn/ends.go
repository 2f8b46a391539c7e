package htn

import (
	"context"
	"math"
	"math/bits"

	"github.com/jitos/jitos/planner/backtrack"
)

// ends searches a network from both of its ends: what is ordered first is executed from the initial state on, and what is ordered
// last is taken back from the goal, as regression does. Where a choice shows at the other end whether it was right, as a bracket
// does that was opened, this sees it at once, and not when everything between has been carried out.
//
// A node is a state, the facts that must hold at the end of the network, and the network. It goes on at the end where there are
// the fewest ways: all that may be executed first, all that may have been executed last, or all methods of a task that stands at
// an end. One of these is enough, since each of them is part of every plan.
type ends struct {
	p      *groundProblem
	r      *relaxation
	with   []bitset // the facts that can hold together, nil where that is not known
	begun  bool
	nodes  []*enode // by number; nil once expanded
	queue  intHeap
	seen   backtrack.Seen
	loose  bool // a network was left out that may only look like another
	bytes  int
	count  int
	goal   *enode   // of the plan that was found last
	goals  []*enode // found and not yet returned
	over   bool
	end    outcome
	index  []int32  // by the number of a step: its place in the network that is looked at
	after  []uint64 // by place: of a step and all that is behind it
	before []uint64 // by place: of all that is before it
	list   []int32
	wants  []int32
}

// estep is a step of a network: a task, or the condition of a method. It does not change once its network is a node.
type estep struct {
	id   int32   // unique on the way from the first network
	node int32   // of the ground problem; below 0: the condition of method ^node
	next []int32 // the steps that are directly behind it
}

// enode is a node of the search.
type enode struct {
	state  bitset
	wanted bitset  // what must hold behind the network
	steps  []estep // in an order that keeps theirs
	parent *enode
	events []eevent
	made   int32 // number of steps made on the way here
}

// eevent is what happened to a step.
type eevent struct {
	step   int32
	method int32 // the instance; -1: executed
	first  int32 // the number of its first subtask; the others follow
	last   bool  // it was executed at the end
}

// startEnds is for the portfolio. Where the order is total, a search from the front alone loses nothing by its choices.
func startEnds(p *groundProblem, r *relaxation) search {
	if !p.po {
		return none{}
	}
	return &ends{p: p, r: r, seen: backtrack.NewSeen()}
}

func (s *ends) expanded() int { return s.count }

// run goes on until a plan is found or the nodes are spent.
func (s *ends) run(ctx context.Context, nodes int) (outcome, error) {
	limit := s.count + nodes
	if !s.begun && s.p.possible {
		s.begun = true
		s.with = s.p.pairs(ctx)
		root := &enode{state: append(bitset(nil), s.p.init...), wanted: newBitset(s.p.facts), steps: []estep{{node: s.p.top}}, made: 1}
		for _, f := range s.p.goal {
			root.wanted.set(int(f))
		}
		s.offer(root)
	}
	for !s.over {
		if len(s.goals) > 0 {
			s.goal, s.goals = s.goals[0], s.goals[1:]
			return found, nil
		}
		if ctx.Err() != nil {
			return gaveUp, ctx.Err()
		}
		if len(s.queue) == 0 {
			if s.over, s.end = true, exhausted; s.loose {
				s.end = gaveUp
			}
			break
		}
		if s.bytes > maxQueueBytes {
			s.over, s.end = true, gaveUp
			s.nodes, s.queue = nil, nil
			break
		}
		if s.count >= limit {
			return paused, nil
		}
		i := 1<<seqBits - 1 - s.queue.pop()&(1<<seqBits-1)
		n := s.nodes[i]
		s.nodes[i] = nil
		s.bytes -= n.size() / 2 // its events stay for its children
		for _, w := range s.ways(n) {
			c := n.child()
			s.take(c, w)
			s.offer(c)
		}
		n.state, n.wanted, n.steps = nil, nil, nil
	}
	return s.end, nil
}

func (n *enode) size() int { return 200 + 16*len(n.state) + 60*len(n.steps) + 20*len(n.events) }

func (n *enode) child() *enode {
	return &enode{state: append(bitset(nil), n.state...), wanted: append(bitset(nil), n.wanted...), steps: append([]estep(nil), n.steps...),
		parent: n, made: n.made}
}

// way is one way to go on: a step is executed first or last, or decomposed.
type way struct {
	at     int // in the network
	last   bool
	method int32 // -1: executed
}

// ways are all ways to go on at one end, or with one task.
func (s *ends) ways(n *enode) []way {
	s.count += 1 + len(n.steps)/8
	preceded := s.preceded(n)
	type end struct {
		ways []way
		open bool // nothing there has to be decomposed first
	}
	first, last := end{open: true}, end{open: true}
	task, fewest := -1, math.MaxInt
	for at, st := range n.steps {
		isFirst, isLast := !preceded.has(at), len(st.next) == 0
		if !isFirst && !isLast {
			continue
		}
		if st.node >= 0 && !s.p.nodes[st.node].action {
			first.open, last.open = first.open && !isFirst, last.open && !isLast
			if k := len(s.p.nodes[st.node].methods); k < fewest {
				task, fewest = at, k
			}
			continue
		}
		if isFirst && holds(n.state, s.needs(st)) {
			first.ways = append(first.ways, way{at: at, method: -1})
		}
		if isLast && s.mayBeLast(n, st) {
			last.ways = append(last.ways, way{at: at, last: true, method: -1})
		}
	}
	best := first.ways
	if !first.open || last.open && len(last.ways) < len(best) {
		best = last.ways
	}
	if (first.open || last.open) && len(best) <= fewest {
		return best
	}
	var out []way
	for _, mi := range s.p.nodes[n.steps[task].node].methods {
		out = append(out, way{at: task, method: mi})
	}
	return out
}

// preceded marks the steps that others are ordered before.
func (s *ends) preceded(n *enode) bitset {
	for len(s.index) < int(n.made) {
		s.index = append(s.index, 0)
	}
	for at, st := range n.steps {
		s.index[st.id] = int32(at)
	}
	out := newBitset(len(n.steps))
	for _, st := range n.steps {
		for _, id := range st.next {
			out.set(int(s.index[id]))
		}
	}
	return out
}

// needs are the facts that a step asks for.
func (s *ends) needs(st estep) []int32 {
	if st.node < 0 {
		return s.p.methods[^st.node].pre
	}
	return s.p.nodes[st.node].pre
}

// mayBeLast tells whether a step can be the last one executed, with what is wanted behind it.
func (s *ends) mayBeLast(n *enode, st estep) bool {
	if st.node < 0 {
		return s.canHold(n.wanted, s.p.methods[^st.node].pre)
	}
	t := &s.p.nodes[st.node]
	for _, f := range t.del {
		if n.wanted.has(int(f)) {
			return false
		}
	}
	if s.with == nil {
		return true
	}
	before := append(bitset(nil), n.wanted...)
	for _, f := range t.add {
		before.drop(int(f))
	}
	return s.canHold(before, t.pre)
}

// canHold tells whether facts can hold beside those of a set.
func (s *ends) canHold(set bitset, facts []int32) bool {
	if s.with == nil {
		return true
	}
	for _, f := range facts {
		if !s.with[f].covers(set) {
			return false
		}
	}
	return together(s.with, facts)
}

// take goes one way. The node is a child, which is not yet known to anybody.
func (s *ends) take(n *enode, w way) {
	st := n.steps[w.at]
	if w.method >= 0 {
		s.decompose(n, w.at, w.method)
		return
	}
	if st.node >= 0 {
		n.events = append(n.events, eevent{step: st.id, method: -1, last: w.last})
	}
	n.steps = append(n.steps[:w.at], n.steps[w.at+1:]...)
	if !w.last {
		if st.node >= 0 {
			t := &s.p.nodes[st.node]
			for _, f := range t.del {
				n.state.drop(int(f))
			}
			for _, f := range t.add {
				n.state.set(int(f))
			}
		}
		return
	}
	s.replace(n, st.id, nil)
	if st.node >= 0 {
		for _, f := range s.p.nodes[st.node].add {
			n.wanted.drop(int(f))
		}
	}
	for _, f := range s.needs(st) {
		n.wanted.set(int(f))
	}
}

// replace puts other steps in the place of one, wherever it is directly behind a step.
func (s *ends) replace(n *enode, id int32, by []int32) {
	for i := range n.steps {
		next := n.steps[i].next
		for k, x := range next {
			if x == id {
				n.steps[i].next = append(append(append([]int32(nil), next[:k]...), by...), next[k+1:]...)
				break
			}
		}
	}
}

// decompose puts the subtasks of a method in the place of a step, the condition of the method before them.
func (s *ends) decompose(n *enode, at int, mi int32) {
	g := &s.p.methods[mi]
	m, order := &s.p.e.m.methods[g.method], s.p.order(g.method)
	st, first := n.steps[at], n.made
	n.made += int32(len(g.subs))
	n.events = append(n.events, eevent{step: st.id, method: mi, first: first})
	made := make([]estep, 0, len(g.subs)+1)
	var begin []int32
	for _, i := range order.first {
		begin = append(begin, first+int32(i))
	}
	if len(g.subs) == 0 {
		begin = st.next
	}
	if len(g.pre) > 0 {
		made = append(made, estep{id: n.made, node: ^mi, next: begin})
		begin = []int32{n.made}
		n.made++
	}
	for _, i := range m.line {
		next := st.next
		if len(order.next[i]) > 0 {
			next = make([]int32, len(order.next[i]))
			for k, j := range order.next[i] {
				next[k] = first + int32(j)
			}
		}
		made = append(made, estep{id: first + int32(i), node: g.subs[i], next: next})
	}
	s.replace(n, st.id, begin)
	n.steps = append(append(append([]estep(nil), n.steps[:at]...), made...), n.steps[at+1:]...)
}

// offer takes a new node: it goes on as long as there is only one way, and then into the queue, unless it was seen or is dead.
func (s *ends) offer(n *enode) {
	for from := s.count; s.count < from+maxForced; {
		if len(n.steps) == 0 {
			if n.state.covers(n.wanted) {
				s.goals = append(s.goals, n)
			}
			return
		}
		ways := s.ways(n)
		if len(ways) == 0 {
			return
		}
		if len(ways) > 1 {
			break
		}
		s.take(n, ways[0])
	}
	look, exact := s.look(n)
	if _, known := s.seen.Get(look); known {
		s.loose = s.loose || !exact
		return
	}
	s.seen.Put(look, backtrack.MarkDone)
	h := s.estimate(n)
	if h >= unreachable {
		return
	}
	s.queue.push(int64(h)<<seqBits | int64(1<<seqBits-1-len(s.nodes))) // of equals the latest first
	s.nodes = append(s.nodes, n)
	s.bytes += n.size()
}

// estimate guesses how far a node is from a plan.
func (s *ends) estimate(n *enode) int32 {
	s.list, s.wants = s.list[:0], s.wants[:0]
	for _, st := range n.steps {
		if st.node >= 0 {
			s.list = append(s.list, st.node)
		}
	}
	for i, w := range n.wanted {
		for ; w != 0; w &= w - 1 {
			s.wants = append(s.wants, int32(i<<6+bits.TrailingZeros64(w)))
		}
	}
	work := s.r.work
	_, ff := s.r.estimate(n.state, s.list, s.wants)
	s.count += (s.r.work - work) / relaxPerNode
	return ff
}

// look is a number for a node. It is exact where no other node has it but by chance: that is sure of networks where no step has two
// directly before it. Of others a step is told by all that is behind it and all that is before it.
func (s *ends) look(n *enode) (look uint64, exact bool) {
	for _, set := range []bitset{n.state, n.wanted} {
		for _, w := range set {
			look = mix(look*3 + w + 1)
		}
	}
	preceded := s.preceded(n)
	for len(s.after) < len(n.steps) {
		s.after, s.before = append(s.after, 0), append(s.before, 0)
	}
	joins := 0
	for at := len(n.steps) - 1; at >= 0; at-- {
		st := n.steps[at]
		h := uint64(uint32(st.node)) + 0x632be59bd9b4e019
		for _, id := range st.next {
			h += mix(s.after[s.index[id]])
		}
		s.after[at], s.before[at] = mix(h), 0
		if joins += len(st.next); preceded.has(at) {
			joins--
		}
	}
	for at, st := range n.steps {
		h := mix(s.before[at] + uint64(uint32(st.node)) + 0x9e3779b97f4a7c15)
		for _, id := range st.next {
			s.before[s.index[id]] += h
		}
		look += mix(h ^ s.after[at])
	}
	return mix(look) &^ 3, joins == 0
}

// plan builds the tree of the plan that was found.
func (s *ends) plan() *Plan {
	var events []eevent
	for n := s.goal; n != nil; n = n.parent {
		events = append(append([]eevent(nil), n.events...), events...)
	}
	p := &Plan{e: s.p.e, root: &Node{task: -1}}
	at := map[int32]*Node{0: p.root}
	var last []*Node
	for _, ev := range events {
		n := at[ev.step]
		switch {
		case ev.method >= 0:
			m := &s.p.methods[ev.method]
			n.method, n.subs = m.method, make([]*Node, len(m.subs))
			for i, t := range m.subs {
				n.subs[i] = &Node{task: s.p.nodes[t].task}
				at[ev.first+int32(i)] = n.subs[i]
			}
		case ev.last:
			last = append(last, n)
		default:
			p.steps = append(p.steps, n)
		}
	}
	for i := len(last) - 1; i >= 0; i-- {
		p.steps = append(p.steps, last[i])
	}
	for i, n := range p.steps {
		n.method, n.step = -1, i
		p.Cost += s.p.e.m.tasks[s.p.e.tasks.heads[n.task]].cost
	}
	return p
}
