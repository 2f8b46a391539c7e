package htn

import (
	"context"
	"slices"

	"github.com/jitos/jitos/planner/backtrack"
)

// dfs searches depth first for a totally ordered plan. Its nodes are states with the stack of tasks that remain; a task is
// decomposed by the methods whose conditions hold now, and a primitive task is executed.
//
// What was seen is not searched again: a node (state, remaining tasks), and a task that failed in a state without ever being
// finished, whatever remained after it. A task below itself in the same state is a loop and is cut; since a recursion to the
// left can need just that, an exhausted search proves that there is no plan only where nothing was cut.
type dfs struct {
	*engine
	backtrack.Search
	cells  []cell
	frames []frame
	binds  []int32
	curs   []cursor

	order [][]int32  // methods of each task, in the order to try
	net   int32      // where to go on; -1: nothing remains
	work  int        // of the joins, charged so far
	only  *possible  // nil where nothing is known of what can be
	why   *explainer // nil unless somebody wants to know
}

// dfsSettings choose one of several searches.
type dfsSettings struct {
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
	undo      int   // the state before
	cells     int32 // number of cells before
	bind, cur int32 // where its binding and cursors begin
	turn      int32 // position in the order of methods
	method    int32 // being tried, -1 for none
	fresh     bool
	fits      bool // some method did
	state     uint64
}

// workPerNode is the price of a join in nodes.
const workPerNode = 50

// outcome is how a search ended.
type outcome = backtrack.Outcome

const (
	found     = backtrack.Found
	exhausted = backtrack.Exhausted
	gaveUp    = backtrack.GaveUp
	paused    = backtrack.Paused
)

func newDFS(e *engine, set dfsSettings) *dfs {
	d := &dfs{engine: e}
	d.Start(d, backtrack.Settings{All: set.all, Cheap: set.cheap, Limited: set.limited})
	d.order = make([][]int32, len(e.m.tasks))
	for t := range e.m.tasks {
		d.order[t] = set.inOrder(e.m, t)
	}
	e.f.spin = set.spin
	top := d.tasks.intern(d.m.top, nil)
	d.cells = append(d.cells, cell{task: top, next: -1, depth: 1, by: -1, hash: d.cellHash(top, -1)})
	return d
}

// start is for the portfolio of the ground problem: depth first, without the methods that the ground problem left out. It takes
// totally ordered problems only.
func (set dfsSettings) start(p *groundProblem, _ *relaxation) search {
	if p.po {
		return none{}
	}
	d := newDFS(p.e.clone(), set)
	d.only = &possible{p: p}
	return d
}

// run searches until a plan is found, everything is searched, or so many nodes are expanded. It may be called again to go on.
func (d *dfs) run(ctx context.Context, nodes int) (outcome, error) {
	d.f.stop = func() bool {
		d.Stop(ctx.Err())
		return ctx.Err() != nil
	}
	return d.Run(ctx, nodes)
}

// bytes is about what the search holds.
func (d *dfs) bytes() int {
	tables := 0
	for _, t := range []*table{&d.f.table, &d.tasks} {
		tables += 8*len(t.heads) + 4*(len(t.args)+len(t.slots))
	}
	return d.Bytes() + tables + 24*len(d.cells) + 48*len(d.frames) + 4*len(d.binds) + 40*len(d.curs) + 120*len(d.acts)
}

// Advance goes on with the first task of the network.
func (d *dfs) Advance() (backtrack.Step, backtrack.Choice) {
	d.Nodes += (d.f.work - d.work) / workPerNode
	d.work = d.f.work - (d.f.work-d.work)%workPerNode
	if d.net < 0 {
		if d.atGoal() {
			return backtrack.Solved, backtrack.Choice{}
		}
		if d.why != nil {
			d.why.missed(d.engine)
		}
		return backtrack.Dead, backtrack.Choice{}
	}
	d.Nodes++
	c := &d.cells[d.net]
	if int(d.tasks.heads[c.task]) >= d.m.actions {
		state := d.f.Hash
		return backtrack.Choose, backtrack.Choice{Key: mix(state ^ c.hash), Task: mix(state + uint64(c.task)*0x9e3779b97f4a7c15 + 1), Depth: c.depth}
	}
	a := d.action(c.task)
	if !d.applicable(a) {
		if d.why != nil {
			d.why.stuck(d, c)
		}
		return backtrack.Dead, backtrack.Choice{Depth: c.depth}
	}
	d.apply(a)
	d.net = c.next
	return backtrack.More, backtrack.Choice{Depth: c.depth}
}

// Open begins to decompose a compound task, unless it is below itself in the same state.
func (d *dfs) Open() bool {
	c, state := &d.cells[d.net], d.f.Hash
	steps := 0
	for by := c.by; by >= 0 && steps < 256; by = d.cells[d.frames[by].cell].by {
		if f := &d.frames[by]; f.state == state && d.cells[f.cell].task == c.task {
			if d.why != nil {
				d.why.loop(d, c)
			}
			return false
		}
		steps++
	}
	d.frames = append(d.frames, frame{cell: d.net, undo: d.f.Mark(), cells: int32(len(d.cells)), bind: int32(len(d.binds)),
		cur: int32(len(d.curs)), method: -1, state: state})
	return true
}

// Next decomposes the task of the last choice in another way.
func (d *dfs) Next() bool {
	fi := int32(len(d.frames) - 1)
	f := &d.frames[fi]
	d.f.Back(f.undo)
	d.cells = d.cells[:f.cells]
	c := d.cells[f.cell]
	order := d.order[d.tasks.heads[c.task]]
	for !d.f.over {
		if f.method < 0 {
			if int(f.turn) == len(order) {
				return false
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
			watch = d.why.watch(d.binds[f.bind:])
		}
		if d.joins[f.method].next(d.f, d.binds[f.bind:], d.curs[f.cur:], fresh, watch) {
			if d.only != nil && !d.only.all(d, f) {
				continue
			}
			d.net, f.fits = d.push(f, fi, c), true
			return true
		}
		if watch != nil {
			d.why.failed(d.engine, f.method, c.task)
		}
		f.method = -1
	}
	return false
}

// possible is the tasks that are left in a ground problem: what else a method has below it would never be done.
type possible struct {
	p     *groundProblem
	known []int32 // by task of the search: 1 is possible, -1 not, 0 was not asked
}

// askingPrice is what it costs to ask for a task, in facts that joins look at.
const askingPrice = 4

// all tells whether all subtasks of the method that is being tried are possible.
func (o *possible) all(d *dfs, f *frame) bool {
	for _, sub := range d.m.methods[f.method].subs {
		d.f.work += askingPrice
		id := d.ground(sub, d.binds[f.bind:])
		known := numbered(&o.known, id)
		if *known == 0 {
			*known = -1
			if o.p.has(d.tasks.heads[id], d.tasks.tuple(id)) {
				*known = 1
			}
		}
		if *known < 0 {
			return false
		}
	}
	return true
}

// Close takes the last choice back.
func (d *dfs) Close(bool) {
	f := &d.frames[len(d.frames)-1]
	if d.why != nil && !f.fits {
		d.why.noneFits(d)
	}
	d.binds, d.curs = d.binds[:f.bind], d.curs[:f.cur]
	d.frames = d.frames[:len(d.frames)-1]
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

// inOrder is the methods of a task in the order of the settings.
func (set dfsSettings) inOrder(from *model, t int) []int32 {
	var out, later []int32
	for _, i := range from.tasks[t].methods {
		m := &from.methods[i]
		if m.dead {
			continue
		}
		recursive := set.order != asWritten && from.recursive(m)
		if recursive && set.order == simpleFirst || !recursive && set.order == recursiveFirst {
			later = append(later, i)
		} else {
			out = append(out, i)
		}
	}
	out = append(out, later...)
	if set.order == backwards {
		slices.Reverse(out)
	}
	if set.order == shuffled {
		for i := len(out) - 1; i > 0; i-- {
			j := int(mix(set.spin+uint64(t)<<20+uint64(i)) % uint64(i+1))
			out[i], out[j] = out[j], out[i]
		}
	}
	return out
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

func (d *dfs) expanded() int { return d.Nodes }
