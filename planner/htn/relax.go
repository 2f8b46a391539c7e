package htn

import "math/bits"

// relaxation estimates what remains by a relaxed plan: nothing is ever deleted, an action can be inserted wherever it is
// needed, and every task of the network must be done. Methods are actions too: one whose facts hold and whose subtasks are
// done makes its task done (Höller, Bercher, Behnke and Biundo, "A generic method to guide HTN progression search with
// classical heuristics", ICAPS 2018). As there, what no method below the network leads to any more cannot be inserted.
type relaxation struct {
	p *groundProblem
	// Elements are facts, then tasks. Operators are actions and method instances.
	start   []int32 // of the operators that need an element, in needed
	needed  []int32
	waits   []int32 // number of elements that an operator needs
	effects []int32 // of operators, in makes
	makes   []int32
	pre     []int32 // of operators, in needs
	needs   []int32

	work  int // operators and elements looked at
	price int // how much of it costs as much as a node

	live  []int32 // of operators: the last round in which the network could lead to them
	told  []int32 // of tasks: the last round in which their operators were taken in
	free  []int32 // live operators that need nothing
	set   []int32 // elements whose distance was set
	dist  []int32
	by    []int32 // the operator that made an element at the least cost, -1 for none
	wait  []int32
	cost  []int32
	stamp []int32
	round int32
	queue distQueue
	want  []int32
	stack []int32

	actions int     // operators before this are actions, the others method instances
	node    []int32 // of an action's operator: its task
	op      []int32 // of an action's task: its operator
	used    []int32 // the operators of the last relaxed plan
}

// How much of the work of estimates costs as much as a node of a depth-first search, measured: less where the operators are
// too many for the caches of the processor.
const (
	relaxPerNode      = 40
	relaxPerNodeLarge = 12
	largeRelaxation   = 100_000 // what the operators need, in all
)

// unreachable is the distance of what can never be.
const unreachable = 1 << 28

func newRelaxation(p *groundProblem) *relaxation {
	r := &relaxation{p: p}
	elements := p.facts + 1 + len(p.nodes)
	base := int32(p.facts + 1)
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
	count := make([]int32, elements+1)
	for o, pre := range pres {
		r.pre = append(r.pre, int32(len(r.needs)))
		r.needs = append(r.needs, pre...)
		r.effects = append(r.effects, int32(len(r.makes)))
		r.makes = append(r.makes, effs[o]...)
		r.waits = append(r.waits, int32(len(pre)))
		for _, e := range pre {
			count[e+1]++
		}
	}
	r.pre, r.effects = append(r.pre, int32(len(r.needs))), append(r.effects, int32(len(r.makes)))
	for i := range elements {
		count[i+1] += count[i]
	}
	r.start = append([]int32(nil), count...)
	r.needed = make([]int32, len(r.needs))
	for o, pre := range pres {
		for _, e := range pre {
			r.needed[count[e]] = int32(o)
			count[e]++
		}
	}
	r.dist, r.by, r.stamp = make([]int32, elements), make([]int32, elements), make([]int32, elements)
	r.wait, r.cost, r.live, r.told = make([]int32, len(pres)), make([]int32, len(pres)), make([]int32, len(pres)), make([]int32, len(p.nodes))
	for e := range r.dist {
		r.dist[e] = unreachable
	}
	if r.price = relaxPerNode; len(r.needs) > largeRelaxation {
		r.price = relaxPerNodeLarge
	}
	return r
}

// reach takes in the operators that some tasks can lead to.
func (r *relaxation) reach(tasks []int32) {
	take := func(o int32) {
		r.live[o], r.wait[o], r.cost[o] = r.round, r.waits[o], 0
		if r.waits[o] == 0 {
			r.free = append(r.free, o)
		}
	}
	r.free, r.stack = r.free[:0], r.stack[:0]
	tell := func(tasks []int32) {
		for _, t := range tasks {
			if r.told[t] != r.round {
				r.told[t] = r.round
				r.stack = append(r.stack, t)
			}
		}
	}
	for tell(tasks); len(r.stack) > 0; {
		t := r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
		if r.p.nodes[t].action {
			take(r.op[t])
			continue
		}
		r.work += len(r.p.nodes[t].methods)
		for _, mi := range r.p.nodes[t].methods {
			take(int32(r.actions) + mi)
			tell(r.p.methods[mi].subs)
		}
	}
}

// estimate returns the estimate for a state and the tasks of a network and the goal, unreachable for a dead end. One task may stand in the
// list several times.
func (r *relaxation) estimate(state bitset, tasks, goal []int32) (add, ff int32) {
	for _, e := range r.set {
		r.dist[e] = unreachable
	}
	r.set = r.set[:0]
	base := int32(r.p.facts + 1)
	r.round++
	r.reach(tasks)
	left := 0
	r.want = r.want[:0]
	wanted := func(e int32) {
		r.want = append(r.want, e)
		if r.stamp[e] != r.round {
			r.stamp[e] = r.round
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
			r.dist[f], r.by[f] = 0, -1
			r.set = append(r.set, f)
			r.queue.push(0, f)
		}
	}
	for _, o := range r.free {
		r.fire(o)
	}
	for {
		d, e := r.queue.pop()
		if e < 0 {
			break
		}
		if d > r.dist[e] {
			continue
		}
		if r.stamp[e] == r.round {
			r.stamp[e]--
			if left--; left == 0 {
				break
			}
		}
		r.work += 1 + int(r.start[e+1]-r.start[e])
		for _, o := range r.needed[r.start[e]:r.start[e+1]] {
			if r.live[o] != r.round {
				continue
			}
			r.cost[o] = min(r.cost[o]+d, unreachable-2)
			if r.wait[o]--; r.wait[o] == 0 {
				r.fire(o)
			}
		}
	}
	for _, e := range r.want {
		if r.dist[e] >= unreachable {
			return unreachable, unreachable
		}
		add = min(add+r.dist[e], unreachable-1)
	}
	return add, r.extract()
}

func (r *relaxation) fire(o int32) {
	d := r.cost[o] + 1
	for _, e := range r.makes[r.effects[o]:r.effects[o+1]] {
		if d < r.dist[e] {
			if r.dist[e] == unreachable {
				r.set = append(r.set, e)
			}
			r.dist[e], r.by[e] = d, o
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
		e := r.stack[len(r.stack)-1]
		r.stack = r.stack[:len(r.stack)-1]
		if r.stamp[e] == r.round {
			continue
		}
		r.stamp[e] = r.round
		o := r.by[e]
		if o < 0 {
			continue
		}
		n++
		r.used = append(r.used, o)
		r.stack = append(r.stack, r.needs[r.pre[o]:r.pre[o+1]]...)
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
