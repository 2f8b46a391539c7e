package htn

import (
	"math/bits"
	"slices"
)

// relaxation estimates what remains by a relaxed plan: nothing is ever deleted, an action can be inserted wherever it is
// needed, and every task of the network must be done. Methods are actions too: one whose facts hold and whose subtasks are
// done makes its task done (Höller, Bercher, Behnke and Biundo, "A generic method to guide HTN progression search with
// classical heuristics", ICAPS 2018). As there, what no method below the network leads to any more cannot be inserted.
type relaxation struct {
	p *groundProblem
	// Elements are facts, then tasks. Operators are actions and method instances.
	elements  []element
	operators []operator
	needed    []int32 // the operators that need each element
	needs     []int32 // the elements that each operator needs
	makes     []int32 // the elements that each operator makes

	work int // operators and elements looked at

	reached int32   // the last round in which it was found what a network leads to
	root    int32   // a task of it that leads to all that it leads to, -1 for none
	told    []int32 // by task: the last such round in which its operators were taken in
	free    []int32 // the operators of that round that need nothing
	core    core
	cored   bool    // the network of that round leads to the core
	set     []int32 // elements whose distance was set
	round   int32
	queue   distQueue
	want    []int32
	stack   []int32

	actions int     // operators before this are actions, the others method instances
	node    []int32 // of an action's operator: its task
	op      []int32 // of an action's task: its operator
	used    []int32 // the operators of the last relaxed plan
}

// core is the largest set of tasks that can all come below each other, with all that is below them: as soon as a network leads to
// one of them it leads to the same as it did before.
type core struct {
	in   bitset // tasks of the set
	all  bitset // and those below them
	free []int32
}

// element is what is kept of one; all of it is asked for together.
type element struct {
	dist, by   int32 // by is the operator that made it at the least cost, -1 for none
	stamp      int32
	start, end int32 // in needed
}

// operator is what is kept of one.
type operator struct {
	live            int32 // the last round in which a network led to it
	round           int32 // wait and cost are of this round
	wait, cost      int32
	pre, preEnd     int32 // in needs
	makes, makesEnd int32 // in makes
	core            bool  // the core leads to it
}

// relaxPerNode is how much of the work of estimates costs as much as a node of a depth-first search, measured.
const relaxPerNode = 60

// unreachable is the distance of what can never be.
const unreachable = 1 << 28

func newRelaxation(p *groundProblem) *relaxation {
	r := &relaxation{p: p}
	elements := p.facts + len(p.nodes)
	base := int32(p.facts)
	var pres, effs [][]int32
	r.op = make([]int32, len(p.nodes))
	for n, t := range p.nodes {
		if t.action {
			r.op[n] = int32(len(pres))
			pres, effs = append(pres, t.pre), append(effs, append([]int32{base + int32(n)}, t.add...))
			r.node = append(r.node, int32(n))
		}
	}
	r.actions = len(pres)
	for _, m := range p.methods {
		pre := append([]int32(nil), m.pre...)
		for _, s := range m.subs {
			pre = append(pre, base+s)
		}
		pres, effs = append(pres, pre), append(effs, []int32{base + m.task})
	}
	r.elements, r.operators = make([]element, elements), make([]operator, len(pres))
	for o, pre := range pres {
		x := &r.operators[o]
		x.pre, x.makes = int32(len(r.needs)), int32(len(r.makes))
		r.needs, r.makes = append(r.needs, pre...), append(r.makes, effs[o]...)
		x.preEnd, x.makesEnd = int32(len(r.needs)), int32(len(r.makes))
		for _, e := range pre {
			r.elements[e].end++
		}
	}
	at := int32(0)
	for i := range r.elements {
		e := &r.elements[i]
		e.dist, e.start = unreachable, at
		at += e.end
		e.end = e.start
	}
	r.needed = make([]int32, len(r.needs))
	for o, pre := range pres {
		for _, e := range pre {
			r.needed[r.elements[e].end] = int32(o)
			r.elements[e].end++
		}
	}
	r.told, r.root = make([]int32, len(p.nodes)), -1
	r.findCore()
	return r
}

// findCore finds the core.
func (r *relaxation) findCore() {
	below := make([][]int32, len(r.p.nodes))
	for _, m := range r.p.methods {
		below[m.task] = append(below[m.task], m.subs...)
	}
	group, _ := components(below)
	members, size := make([]int32, len(group)), make([]int, len(group))
	best := int32(0)
	for t, g := range group {
		members[g]++
		if size[g] += len(below[t]); members[g] > 1 && (members[best] < 2 || size[g] > size[best]) {
			best = g
		}
	}
	r.core.in, r.core.all = newBitset(len(group)), newBitset(len(group))
	if members[best] < 2 {
		return
	}
	r.reached++
	for t, g := range group {
		if g == best {
			r.core.in.set(t)
		}
	}
	r.free = r.free[:0]
	r.follow(best, func(t int32) bool { return false })
	r.core.free = slices.Clone(r.free)
	for t, told := range r.told {
		if told == r.reached {
			r.core.all.set(t)
		}
	}
	for o := range r.operators {
		r.operators[o].core = r.operators[o].live == r.reached
	}
}

// reach takes in the operators that some tasks can lead to. Where the last of them leads to all, as one does that comes back
// until everything is done, that is found once for as long as it is there.
func (r *relaxation) reach(tasks []int32) {
	if r.root >= 0 && r.known(tasks) {
		return
	}
	r.reached++
	r.free, r.root, r.cored = r.free[:0], -1, false
	for i := len(tasks) - 1; i >= 0; i-- {
		if r.leadsTo(tasks[i]) {
			continue
		}
		r.root = -1
		if i == len(tasks)-1 {
			r.root = tasks[i]
		}
		r.follow(tasks[i], func(t int32) bool {
			r.cored = r.cored || r.core.in.has(int(t))
			return r.cored && r.core.all.has(int(t))
		})
	}
	if r.cored {
		r.free = append(r.free, r.core.free...)
	}
}

// alive tells whether the network leads to an operator.
func (r *relaxation) alive(op *operator) bool { return op.live == r.reached || op.core && r.cored }

// leadsTo tells whether the network is known to lead to a task.
func (r *relaxation) leadsTo(t int32) bool {
	return r.told[t] == r.reached || r.cored && r.core.all.has(int(t))
}

// known tells whether some tasks lead to what the root leads to, and to nothing else.
func (r *relaxation) known(tasks []int32) bool {
	there := false
	for _, t := range tasks {
		if !r.leadsTo(t) {
			return false
		}
		there = there || t == r.root
	}
	return there
}

// follow takes in what one task leads to, but for what is below tasks that are to be passed over.
func (r *relaxation) follow(task int32, pass func(t int32) bool) {
	r.told[task] = r.reached
	r.stack = append(r.stack[:0], task)
	for len(r.stack) > 0 {
		t := r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
		if pass(t) {
			continue
		}
		if r.p.nodes[t].action {
			r.take(r.op[t])
			continue
		}
		r.work += len(r.p.nodes[t].methods)
		for _, mi := range r.p.nodes[t].methods {
			r.take(int32(r.actions) + mi)
			for _, sub := range r.p.methods[mi].subs {
				if r.told[sub] != r.reached {
					r.told[sub] = r.reached
					r.stack = append(r.stack, sub)
				}
			}
		}
	}
}

func (r *relaxation) take(o int32) {
	x := &r.operators[o]
	x.live = r.reached
	if x.pre == x.preEnd {
		r.free = append(r.free, o)
	}
}

// estimate returns the estimate for a state and the tasks of a network and the goal, unreachable for a dead end. One task may stand in the
// list several times.
func (r *relaxation) estimate(state bitset, tasks, goal []int32) (add, ff int32) {
	for _, e := range r.set {
		r.elements[e].dist = unreachable
	}
	r.set = r.set[:0]
	base := int32(r.p.facts)
	r.round++
	r.reach(tasks)
	left := 0
	r.want = r.want[:0]
	wanted := func(e int32) {
		r.want = append(r.want, e)
		if x := &r.elements[e]; x.stamp != r.round {
			x.stamp = r.round
			left++
		}
	}
	for _, t := range tasks {
		wanted(base + t)
	}
	for _, f := range goal {
		wanted(f)
	}
	r.queue.reset()
	for w, word := range state {
		for ; word != 0; word &= word - 1 {
			f := int32(w<<6 + bits.TrailingZeros64(word))
			r.elements[f].dist, r.elements[f].by = 0, -1
			r.set = append(r.set, f)
			r.queue.push(0, f)
		}
	}
	for _, o := range r.free {
		r.operators[o].cost = 0
		r.fire(o)
	}
	for {
		d, e := r.queue.pop()
		if e < 0 {
			break
		}
		x := &r.elements[e]
		if d > x.dist {
			continue
		}
		if x.stamp == r.round {
			x.stamp--
			if left--; left == 0 {
				break
			}
		}
		r.work += 1 + int(x.end-x.start)
		for _, o := range r.needed[x.start:x.end] {
			op := &r.operators[o]
			if !r.alive(op) {
				continue
			}
			if op.round != r.round {
				op.round, op.wait, op.cost = r.round, op.preEnd-op.pre, 0
			}
			op.cost = min(op.cost+d, unreachable-2)
			if op.wait--; op.wait == 0 {
				r.fire(o)
			}
		}
	}
	for _, e := range r.want {
		if d := r.elements[e].dist; d < unreachable {
			add = min(add+d, unreachable-1)
		} else {
			return unreachable, unreachable
		}
	}
	return add, r.extract()
}

func (r *relaxation) fire(o int32) {
	op := &r.operators[o]
	d := op.cost + 1
	for _, e := range r.makes[op.makes:op.makesEnd] {
		if x := &r.elements[e]; d < x.dist {
			if x.dist == unreachable {
				r.set = append(r.set, e)
			}
			x.dist, x.by = d, o
			r.queue.push(d, e)
		}
	}
}

// extract counts the operators of a relaxed plan; what the network asks for several times counts each time.
func (r *relaxation) extract() int32 {
	n := int32(len(r.want))
	r.round++
	r.stack, r.used = r.stack[:0], r.used[:0]
	for _, e := range r.want {
		r.stack = append(r.stack, e)
	}
	for len(r.stack) > 0 {
		x := &r.elements[r.stack[len(r.stack)-1]]
		r.stack = r.stack[:len(r.stack)-1]
		if x.stamp == r.round {
			continue
		}
		x.stamp = r.round
		if x.by < 0 {
			continue
		}
		n++
		r.used = append(r.used, x.by)
		op := &r.operators[x.by]
		r.stack = append(r.stack, r.needs[op.pre:op.preEnd]...)
	}
	return n
}

// distQueue is a queue of elements by distance: buckets for small distances, a heap for the few large ones.
type distQueue struct {
	buckets [1 << 10][]int32
	at      int // no bucket before it has anything
	used    int // one past the last bucket that was used
	far     intHeap
}

func (q *distQueue) reset() {
	for i := q.at; i < q.used; i++ {
		q.buckets[i] = q.buckets[i][:0]
	}
	q.at, q.used, q.far = 0, 0, q.far[:0]
}

func (q *distQueue) push(d, e int32) {
	if d >= int32(len(q.buckets)) {
		q.far.push(int64(d)<<32 | int64(e))
		return
	}
	q.buckets[d] = append(q.buckets[d], e)
	q.used = max(q.used, int(d)+1)
}

// pop returns the nearest element, -1 where there is none. Distances never fall.
func (q *distQueue) pop() (d, e int32) {
	for ; q.at < q.used; q.at++ {
		if b := q.buckets[q.at]; len(b) > 0 {
			e = b[len(b)-1]
			q.buckets[q.at] = b[:len(b)-1]
			return int32(q.at), e
		}
	}
	if len(q.far) == 0 {
		return 0, -1
	}
	x := q.far.pop()
	return int32(x >> 32), int32(x)
}
