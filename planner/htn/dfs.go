package htn

import (
	"context"
	"slices"
)

// dfs searches depth first for a totally ordered plan. Its nodes are states with the stack of tasks that remain; a task is
// decomposed by the methods whose conditions hold now, and a primitive task is executed. There is one state, which an undo log
// takes back, and the stack of choices is explicit.
//
// What was seen is not searched again: a node (state, remaining tasks), and a task that failed in a state without ever being
// finished, whatever remained after it. A task below itself in the same state is a loop and is cut; since a recursion to the
// left can need just that, an exhausted search proves that there is no plan only where nothing was cut.
type dfs struct {
	*engine
	set    dfsSettings
	cells  []cell
	frames []frame
	binds  []int32
	curs   []cursor
	seen   seen
	failed seen // tasks that failed in a state
	nodes  int
	cuts   int

	order [][]int32 // methods of each task, in the order to try
	net   int32     // where to go on
	work  int       // of the joins, charged so far
	turns int
	back  bool
	over  bool
	why   *explainer // nil unless somebody wants to know
	end   outcome
}

// dfsSettings choose one of several searches.
type dfsSettings struct {
	budget  int  // nodes
	cheap   bool // a task that failed in a state is not tried again there, even where it was what came after that failed
	order   methodOrder
	spin    uint64 // not 0: facts in a pseudo-random order
	limited int    // not 0: the number of times that the first choice may be left, plus 1
	all     bool   // every plan, and not only one for each state and rest: nothing is remembered
}

// methodOrder is the order in which the methods of a task are tried.
type methodOrder uint8

const (
	asWritten      methodOrder = iota
	simpleFirst                // those without recursion first
	recursiveFirst             // those with recursion first
	backwards                  // the last written first
	shuffled                   // in a pseudo-random order
)

// cell is a task of the remaining network, and the rest.
type cell struct {
	task  int32 // ground
	next  int32 // -1 ends
	depth int32 // number of cells from here
	by    int32 // the frame that made it, -1 for the first
	hash  uint64
}

// frame is a choice: the decomposition of the task of a cell.
type frame struct {
	cell      int32
	undo      int32 // length of the log before
	cells     int32 // number of cells before
	bind, cur int32 // where its binding and cursors begin
	turn      int32 // position in the order of methods
	method    int32 // being tried, -1 for none
	least     int32 // the least depth of network seen below
	left      int32 // how many more times the first choice may be left
	tried     int32
	cut       bool
	fresh     bool
	state     uint64
	key       uint64
}

// Bounds that keep a search within its memory, and the price of a join in nodes.
const (
	maxSeen     = 3 << 20
	maxFrames   = 2 << 20
	workPerNode = 50
)

// outcome is how a search ended.
type outcome uint8

const (
	found     outcome = iota
	exhausted         // there is no plan
	gaveUp            // what was cut leaves it open, and there is nothing left to do
	paused            // the nodes are spent
)

func newDFS(e *engine, set dfsSettings) *dfs {
	d := &dfs{engine: e, set: set, seen: newSeen(), failed: newSeen()}
	d.order = make([][]int32, len(e.m.tasks))
	for t := range e.m.tasks {
		d.order[t] = d.inOrder(t)
	}
	e.f.spin = set.spin
	top := d.tasks.intern(d.m.top, nil)
	d.cells = append(d.cells, cell{task: top, next: -1, depth: 1, by: -1, hash: d.cellHash(top, -1)})
	return d
}

// run searches until a plan is found, everything is searched, or so many nodes are expanded. It may be called again to go on.
func (d *dfs) run(ctx context.Context, nodes int) (outcome, error) {
	if d.over {
		return d.end, nil
	}
	d.f.stop = func() bool { return ctx.Err() != nil }
	for limit := d.nodes + nodes; ; {
		d.nodes += (d.f.work - d.work) / workPerNode
		d.work = d.f.work - (d.f.work-d.work)%workPerNode
		if d.f.over || d.turns&1023 == 0 && ctx.Err() != nil {
			return gaveUp, ctx.Err()
		}
		d.turns++
		if d.seen.n > maxSeen || d.failed.n > maxSeen {
			d.over, d.end = true, gaveUp
			return gaveUp, nil
		}
		if d.nodes >= limit {
			return paused, nil
		}
		next, ok := int32(0), false
		if d.back {
			d.back = false // a plan was found: its last choice is taken back
		} else if next, ok = d.visit(d.net); ok && next < 0 {
			d.back = true
			return found, nil
		}
		for !ok {
			if d.f.over {
				return gaveUp, ctx.Err()
			}
			if len(d.frames) == 0 {
				if d.over, d.end = true, exhausted; d.cuts > 0 {
					d.end = gaveUp
				}
				return d.end, nil
			}
			if next, ok = d.choose(); ok && next < 0 {
				d.back = true
				return found, nil
			}
		}
		d.net = next
	}
}

// visit goes on with the first task of the network, and returns what remains; not ok is a dead end. A plan is complete where
// -1 remains.
func (d *dfs) visit(net int32) (next int32, ok bool) {
	if n := len(d.frames); n > 0 {
		depth := int32(0)
		if net >= 0 {
			depth = d.cells[net].depth
		}
		if d.frames[n-1].least > depth {
			d.frames[n-1].least = depth
		}
	}
	if net < 0 {
		if !d.atGoal() {
			if d.why != nil {
				d.why.missed(d.engine)
			}
			return 0, false
		}
		return -1, true
	}
	d.nodes++
	c := &d.cells[net]
	if int(d.tasks.heads[c.task]) < d.m.actions {
		a := d.action(c.task)
		if !d.applicable(a) {
			if d.why != nil {
				d.why.stuck(d, c)
			}
			return 0, false
		}
		d.apply(a)
		if c.next < 0 {
			return d.visit(-1)
		}
		return c.next, true
	}
	return d.open(net)
}

// open begins to decompose a compound task.
func (d *dfs) open(net int32) (next int32, ok bool) {
	c := &d.cells[net]
	state := d.f.hash
	cut := func() (int32, bool) {
		d.cuts++
		if n := len(d.frames); n > 0 {
			d.frames[n-1].cut = true
		}
		return 0, false
	}
	if len(d.frames) >= maxFrames {
		return cut()
	}
	failKey := mix(state+uint64(c.task)*0x9e3779b97f4a7c15+1) &^ 3
	if mark, known := d.failed.get(failKey); known && !d.set.all {
		if mark&markCut != 0 {
			return cut()
		}
		return 0, false
	}
	left := int32(1 << 30)
	if n := len(d.frames); n > 0 {
		left = d.frames[n-1].left
	} else if d.set.limited > 0 {
		left = int32(d.set.limited - 1)
	}
	key := mix(state ^ c.hash)
	if d.set.limited > 0 {
		key = mix(key + uint64(left))
	}
	key &^= 3
	if mark, known := d.seen.get(key); known && !d.set.all {
		if mark != markDone {
			return cut() // open, or closed with something cut below
		}
		return 0, false
	}
	steps := 0
	for by := c.by; by >= 0 && steps < 256; by = d.cells[d.frames[by].cell].by {
		if f := &d.frames[by]; f.state == state && d.cells[f.cell].task == c.task {
			if d.why != nil {
				d.why.loop(d, c)
			}
			return cut()
		}
		steps++
	}
	if !d.set.all {
		d.seen.put(key, 0)
	}
	f := frame{cell: net, undo: int32(len(d.f.log)), cells: int32(len(d.cells)), bind: int32(len(d.binds)), cur: int32(len(d.curs)),
		method: -1, least: 1 << 30, left: left, state: state, key: key}
	d.frames = append(d.frames, f)
	return 0, false // choose goes on
}

// choose takes the next alternative of the last choice, or takes the choice back.
func (d *dfs) choose() (next int32, ok bool) {
	fi := int32(len(d.frames) - 1)
	f := &d.frames[fi]
	d.f.undo(int(f.undo))
	d.cells = d.cells[:f.cells]
	c := d.cells[f.cell]
	head := d.tasks.heads[c.task]
	for f.tried == 0 || f.left > 0 {
		if f.method < 0 {
			order := d.order[head]
			if int(f.turn) == len(order) {
				d.close(f)
				return 0, false
			}
			f.method, f.fresh = order[f.turn], true
			f.turn++
			m := &d.m.methods[f.method]
			d.binds = grow(d.binds[:f.bind], len(m.vars))
			d.curs = grow(d.curs[:f.cur], d.joins[f.method].gens)
			if !m.bindHead(d.tasks.tuple(c.task), d.binds[f.bind:]) {
				f.method = -1
				continue
			}
		}
		fresh := f.fresh
		f.fresh = false
		var watch func(int)
		if d.why != nil && fresh {
			watch = d.why.watch(f.method, c.task, d.binds[f.bind:])
		}
		if !d.joins[f.method].next(d.f, d.binds[f.bind:], d.curs[f.cur:], fresh, watch) {
			if watch != nil {
				d.why.failed(d.engine)
			}
			f.method = -1
			continue
		}
		if f.tried++; f.tried == 2 {
			f.left--
		}
		next := d.push(f, fi, c)
		if next < 0 { // an empty method of the last task
			if _, ok := d.visit(-1); ok {
				return -1, true
			}
			continue
		}
		return next, true
	}
	f.cut = true // alternatives are left
	d.cuts++
	d.close(f)
	return 0, false
}

// push puts the subtasks of the chosen method before what remained after its task.
func (d *dfs) push(f *frame, fi int32, c cell) int32 {
	m := &d.m.methods[f.method]
	next := c.next
	b := d.binds[f.bind:]
	for k := len(m.line) - 1; k >= 0; k-- {
		t := d.ground(m.subs[m.line[k]], b)
		depth := int32(1)
		if next >= 0 {
			depth += d.cells[next].depth
		}
		d.cells = append(d.cells, cell{task: t, next: next, depth: depth, by: fi, hash: d.cellHash(t, next)})
		next = int32(len(d.cells) - 1)
	}
	return next
}

func (d *dfs) cellHash(task, next int32) uint64 {
	h := uint64(0x2545f4914f6cdd1d)
	if next >= 0 {
		h = d.cells[next].hash
	}
	return mix(h*3 + uint64(task) + 0x9e3779b97f4a7c15)
}

// close takes a choice back: nothing is left to try.
func (d *dfs) close(f *frame) {
	c := &d.cells[f.cell]
	mark := uint8(markDone)
	if f.cut {
		mark |= markCut
	}
	if !d.set.all {
		d.seen.put(f.key, mark)
	}
	finished := f.least < c.depth
	if !d.set.all && (d.set.cheap || !finished && !f.cut) {
		failMark := mark
		if finished {
			failMark |= markCut
		}
		d.failed.put(mix(f.state+uint64(c.task)*0x9e3779b97f4a7c15+1)&^3, failMark)
	}
	if n := len(d.frames); n > 1 {
		parent := &d.frames[n-2]
		parent.cut = parent.cut || f.cut
		parent.least = min(parent.least, f.least)
	}
	d.binds, d.curs = d.binds[:f.bind], d.curs[:f.cur]
	d.frames = d.frames[:len(d.frames)-1]
}

// inOrder is the methods of a task in the order of the settings.
func (d *dfs) inOrder(t int) []int32 {
	var out, later []int32
	for _, i := range d.m.tasks[t].methods {
		m := &d.m.methods[i]
		if m.dead {
			continue
		}
		recursive := d.set.order != asWritten && d.m.recursive(t, m)
		if recursive && d.set.order == simpleFirst || !recursive && d.set.order == recursiveFirst {
			later = append(later, i)
		} else {
			out = append(out, i)
		}
	}
	out = append(out, later...)
	if d.set.order == backwards {
		slices.Reverse(out)
	}
	if d.set.order == shuffled {
		for i := len(out) - 1; i > 0; i-- {
			j := int(mix(d.set.spin+uint64(t)<<20+uint64(i)) % uint64(i+1))
			out[i], out[j] = out[j], out[i]
		}
	}
	return out
}

// recursive tells whether a method has its own task below it.
func (m *model) recursive(t int, me *method) bool {
	seen := map[int32]bool{}
	var walk func(me *method) bool
	walk = func(me *method) bool {
		for _, s := range me.subs {
			if int(s.task) == t {
				return true
			}
			if seen[s.task] {
				continue
			}
			seen[s.task] = true
			for _, mi := range m.tasks[s.task].methods {
				if walk(&m.methods[mi]) {
					return true
				}
			}
		}
		return false
	}
	return walk(me)
}

func grow[T any](s []T, n int) []T {
	for range n {
		var zero T
		s = append(s, zero)
	}
	return s
}

// plan is the plan that was found.
func (d *dfs) plan() *Plan {
	out := make([]decision, len(d.frames))
	for i, f := range d.frames {
		m := &d.m.methods[f.method]
		out[i] = decision{f.method, append([]int32(nil), d.binds[f.bind:int(f.bind)+len(m.vars)]...)}
	}
	return d.replay(out)
}

func (d *dfs) expanded() int { return d.nodes }
