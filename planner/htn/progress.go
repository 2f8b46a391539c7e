package htn

import (
	"context"

	"github.com/jitos/jitos/planner/backtrack"
)

// progression searches the ground problem best first. A node is a state and a network of steps; it goes on with a step that
// nothing is ordered before: an action is executed, a compound task is decomposed. Of several compound tasks it suffices to
// decompose one; the condition of a method becomes a step of its own, so that it can wait.
type progression struct {
	p      *groundProblem
	r      *relaxation
	set    progressionSettings
	nodes  []*pnode // by number; nil once expanded
	queue  intHeap
	seen   backtrack.Seen
	pruned bool // something was seen already
	bytes  int  // what the queue holds, about
	count  int  // expanded, with the work of estimates as nodes
	looked int  // methods, of the next node
	evals  int
	goal   *pnode   // of the plan that was found last
	goals  []*pnode // found and not yet returned
	over   bool
	end    outcome

	nearest  outlook  // of all nodes that were estimated, the one with the least to do
	nearedAt int      // the count when that was found
	began    struct { // how it was when the last run began
		nearest outlook
		count   int
	}

	first     intHeap // of the nodes that a relaxed plan led to
	turn      [2]int  // how often each queue was asked, less what it earned
	helped    bool    // best is set
	best      int64   // the best estimate so far
	helps     []int32 // of tasks, then methods: the last round in which a relaxed plan had it
	helpRound int32
	look      int32 // number of looks ahead

	list  []int32  // the tasks of the network being looked at
	steps []*pstep // and their steps
	wants []int32  // the part of the goal to estimate
	none  bitset   // no part of the goal
	mark  int32
}

type progressionSettings struct {
	add     bool // estimate by the cost of all that is needed, not by a relaxed plan
	greedy  bool // by the estimate alone; else by it and the length so far
	serial  bool // finish the first task of the network before all else, and estimate only what it takes to do that
	lazy    bool // a node is estimated when it is expanded, and queued by the estimate of its parent
	ahead   bool // the relaxed plan of a node is followed as far as it goes; with helpful
	helpful bool // what the relaxed plan of a node begins with is tried first; with lazy
}

// pnode is a node of the search.
type pnode struct {
	state  bitset
	open   []*pstep // nothing is ordered before these
	parent *pnode
	events []event
	depth  int32
	h      int32
	least  int32 // the least number of steps that a network had on the way here
}

// event is what happened to a step: it was executed, or decomposed into others.
type event struct {
	step   *pstep
	method int32 // -1: executed
	made   []*pstep
}

// maxForced bounds how many nodes steps without a choice may take at once.
const maxForced = 10000

func newProgression(p *groundProblem, r *relaxation, set progressionSettings) *progression {
	return &progression{p: p, r: r, set: set, seen: backtrack.NewSeen(), none: newBitset(len(p.goal))}
}

// run searches as dfs.run does; goal is then the last node of the plan. The price of an estimate is counted in nodes too.
func (s *progression) run(ctx context.Context, nodes int) (outcome, error) {
	if s.over {
		return s.end, nil
	}
	finish := func(end outcome) (outcome, error) {
		s.over, s.end = true, end
		return end, nil
	}
	limit := s.count + nodes
	s.began.nearest, s.began.count = s.nearest, s.count
	if s.nodes == nil {
		if !s.p.possible {
			return finish(exhausted)
		}
		root := &pnode{state: append(bitset(nil), s.p.init...), open: []*pstep{s.step(s.p.top, nil)}}
		s.offer(root)
	}
	for {
		if len(s.goals) > 0 {
			s.goal, s.goals = s.goals[0], s.goals[1:]
			return found, nil
		}
		if len(s.queue)+len(s.first) == 0 {
			break
		}
		if ctx.Err() != nil {
			return gaveUp, ctx.Err()
		}
		if s.bytes > maxQueueBytes {
			s.nodes, s.queue, s.first, s.seen = nil, nil, nil, backtrack.NewSeen() // others need the room
			return finish(gaveUp)
		}
		if s.count >= limit {
			return paused, nil
		}
		i := 1<<seqBits - 1 - s.pop()&(1<<seqBits-1)
		n := s.nodes[i]
		if n == nil {
			continue // it was in the other queue too
		}
		s.nodes[i] = nil
		s.bytes -= 8 * (len(n.state) + len(n.open)) // the rest stays for its children
		s.expand(n)
		n.state, n.open = nil, nil // its children have their own
	}
	if s.p.po && s.pruned {
		return finish(gaveUp) // two networks may look the same and not be
	}
	return finish(exhausted)
}

// seqBits are the bits of a key of the queue that number the nodes; above them is the estimate.
const seqBits = 30

// maxQueueBytes bounds what the nodes of a search hold.
const maxQueueBytes = 90 << 20

// joins is a number for what is before each step of the network: that is not told by what is behind each of the open ones, if some of
// it is behind several.
func (s *progression) joins() (look uint64) {
	for _, st := range s.steps {
		st.from = 0
	}
	for _, st := range s.steps {
		for _, next := range st.next {
			next.from += mix(st.hash)
		}
	}
	for _, st := range s.steps {
		look += mix(st.hash*3 + mix(st.from))
	}
	return look
}

func (n *pnode) size() int { return 200 + 8*len(n.state) + 8*len(n.open) + 100*len(n.events) }

// lost tells whether a part of the goal does not hold and nothing that remains can make it hold.
func (s *progression) lost(n *pnode) bool {
	for i, f := range s.p.goal {
		if n.state.has(int(f)) {
			continue
		}
		hope := false
		for _, st := range n.open {
			hope = hope || st.adds.has(i)
		}
		if !hope {
			return true
		}
	}
	return false
}

// offer takes a new node: it goes on as long as there is no choice, and then into the queue, unless it was seen or is dead.
func (s *progression) offer(n *pnode) {
	for from := s.count; len(n.open) == 1 && s.count < from+maxForced; {
		s.count++
		st := n.open[0]
		if st.node < 0 {
			if !holds(n.state, s.p.methods[^st.node].pre) {
				return
			}
			s.pass(n, st)
			continue
		}
		t := &s.p.nodes[st.node]
		if t.action {
			if !holds(n.state, t.pre) {
				return
			}
			s.execute(n, st)
			continue
		}
		only, several := int32(-1), false
		for _, mi := range t.methods {
			if s.fits(n.state, mi) {
				several = only >= 0
				if only = mi; several {
					break
				}
			}
		}
		if only < 0 {
			return
		}
		if several {
			break
		}
		s.decompose(n, st, only)
	}
	if len(n.open) == 0 {
		if holds(n.state, s.p.goal) {
			s.goals = append(s.goals, n)
		}
		return
	}
	if s.lost(n) {
		return
	}
	look := uint64(0)
	for _, w := range n.state {
		look = mix(look*3 + w + 1)
	}
	for _, st := range n.open {
		look += mix(st.hash + 99)
	}
	s.mark++
	s.list, s.steps = s.list[:0], s.steps[:0]
	for _, st := range n.open {
		s.collect(st)
	}
	s.count += 1 + len(s.list)/stepsPerNode
	if s.p.po {
		look += s.joins()
	}
	look = mix(look) &^ 3
	if _, known := s.seen.Get(look); known {
		s.pruned = true
		return
	}
	s.seen.Put(look, backtrack.MarkDone)
	n.least = int32(len(s.list))
	if n.parent != nil {
		n.least = min(n.least, n.parent.least)
	}
	if s.set.lazy && n.parent != nil {
		n.h = n.parent.h
	} else if n.h = s.estimate(n); n.h >= unreachable {
		return
	}
	h := int64(n.h)
	if !s.set.greedy {
		h = 2*h + int64(n.depth)
	}
	if h = min(h, 1<<18-1); s.set.serial {
		h |= int64(min(n.least, 1<<15-1)) << 18
	}
	key := h<<seqBits | int64(1<<seqBits-1-len(s.nodes)) // of equals the latest first
	s.queue.push(key)
	if s.set.helpful && s.helpsWith(n) {
		s.first.push(key)
	}
	s.nodes = append(s.nodes, n)
	s.bytes += n.size()
	return
}

// stepsPerNode is how many steps of a network that are looked at cost as much as a node.
const stepsPerNode = 64

// methodsPerNode is how many methods that are looked at cost as much as a node.
const methodsPerNode = 16

// fits tells whether a task may be done by a method now. Where the order is partial its condition may wait.
func (s *progression) fits(state bitset, method int32) bool {
	if s.looked++; s.looked == methodsPerNode {
		s.looked = 0
		s.count++
	}
	return s.p.po || holds(state, s.p.methods[method].pre)
}

func holds(state bitset, facts []int32) bool {
	for _, f := range facts {
		if !state.has(int(f)) {
			return false
		}
	}
	return true
}

// expand offers the successors of a node.
func (s *progression) expand(n *pnode) {
	s.count++
	if s.set.lazy {
		s.mark++
		s.list, s.steps = s.list[:0], s.steps[:0]
		for _, st := range n.open {
			s.collect(st)
		}
		if n.h = s.estimate(n); n.h >= unreachable {
			return
		}
		if s.set.helpful {
			s.help(n)
		}
	}
	decomposed := false
	for _, st := range n.open {
		switch {
		case st.node < 0:
			if holds(n.state, s.p.methods[^st.node].pre) {
				c := n.child()
				s.pass(c, st)
				s.offer(c)
			}
		case s.p.nodes[st.node].action:
			if holds(n.state, s.p.nodes[st.node].pre) {
				c := n.child()
				s.execute(c, st)
				s.offer(c)
			}
		case !decomposed:
			decomposed = true
			for _, mi := range s.p.nodes[st.node].methods {
				if s.fits(n.state, mi) {
					c := n.child()
					s.decompose(c, st, mi)
					s.offer(c)
				}
			}
		}
	}
	if s.set.ahead {
		s.lookahead(n)
	}
}

// child is a copy of a node to change.
func (n *pnode) child() *pnode {
	return &pnode{state: append(bitset(nil), n.state...), open: append([]*pstep(nil), n.open...), parent: n, depth: n.depth + 1}
}

// execute applies an action.
func (s *progression) execute(n *pnode, st *pstep) {
	t := &s.p.nodes[st.node]
	for _, f := range t.del {
		n.state.drop(int(f))
	}
	for _, f := range t.add {
		n.state.set(int(f))
	}
	n.events = append(n.events, event{step: st, method: -1})
	s.pass(n, st)
}

// plan builds the tree of the plan that was found.
func (s *progression) plan() *Plan {
	var chain []*pnode
	for n := s.goal; n != nil; n = n.parent {
		chain = append(chain, n)
	}
	p := &Plan{e: s.p.e}
	at := map[*pstep]*Node{}
	for i := len(chain) - 1; i >= 0; i-- {
		for _, ev := range chain[i].events {
			n := at[ev.step]
			if n == nil {
				n = &Node{task: -1}
				p.root = n
			}
			if ev.method < 0 {
				n.method, n.step = -1, len(p.steps)
				p.steps = append(p.steps, n)
				p.Cost += s.p.e.m.tasks[s.p.e.tasks.heads[n.task]].cost
				continue
			}
			n.method = s.p.methods[ev.method].method
			n.subs = make([]*Node, len(ev.made))
			for i, st := range ev.made {
				n.subs[i] = &Node{task: s.p.nodes[st.node].task}
				at[st] = n.subs[i]
			}
		}
	}
	return p
}

func (s *progression) expanded() int { return s.count }
