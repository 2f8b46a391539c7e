package htn

import (
	"context"

	"github.com/jitos/jitos/planner/sat"
)

// layers looks for a totally ordered plan by satisfiability. The network is a row of positions, the first layer has one for the
// whole problem; in the next each position has become as many as the longest decomposition of what can be in it. Clauses say
// that a position holds one step or one method, that a method's subtasks are in the positions below it, what each needs and
// does, and that nothing else changes a fact. A layer whose positions can all be steps or empty is a plan; where none is, the
// next is added, and what was learned stays (Behnke, Höller and Biundo, "totSAT", AAAI 2018; Schreiber, "Lilotane", JAIR 2021).
//
// It finds what every search by estimates is blind to: choices that only much later turn out wrong, for reasons that can be
// learned.
type layers struct {
	p     *groundProblem
	sat   *sat.Solver
	true  sat.Lit
	group []int32   // by task: those that can come below each other
	may   []effects // by group
	slots []int32   // by fact: its place among those that differ, plus 1
	rows  []row
	next  *layer // being made
	count int    // of nodes
	limit int    // of them
	over  bool
	end   outcome
	given bool // plans were found, and are left out
	extra int  // work on the encoding
}

// effects are the facts that a task, by something below it, may make true and false.
type effects struct{ add, del []int32 }

// row is a layer: its positions from the left to the right.
type row struct {
	positions []position
	last      []sat.Lit // the facts after all of them
	leaf      sat.Lit   // that nothing is left to decompose
	met       bool      // leaf is known to be impossible
}

// position is a place in a layer.
type position struct {
	ops    []op
	tasks  []taskLit // what is there and may change something, until the layer is made
	before []sat.Lit // by fact: whether it holds when this begins
	child  int       // the first of its positions in the next layer
}

// op is what a position may hold.
type op struct {
	kind opKind
	at   int32 // the action's task, or the method instance
	lit  sat.Lit
}

// taskLit is true where a position has a task: an action, or a compound task that is not done by an empty method.
type taskLit struct {
	task int32
	lit  sat.Lit
}

type opKind uint8

const (
	opNothing opKind = iota
	opAction
	opMethod
)

// What the formula may hold, and how much of the solver's work costs as much as a node.
const (
	maxFormula   = 400 << 20
	satPerNode   = 30
	maxLayers    = 200
	factsPerWork = 4 // facts looked at while a layer is made, for a unit of work
)

// startLayers is for the portfolio. Where the order is partial there is nothing that it could do.
func startLayers(p *groundProblem, _ *relaxation) search {
	if p.po {
		return none{}
	}
	return &layers{p: p, sat: sat.New(), end: gaveUp}
}

// run goes on until a plan is found or the nodes are spent. After a plan another is looked for, of other methods.
func (l *layers) run(ctx context.Context, nodes int) (outcome, error) {
	l.limit += nodes // a layer may have cost more than was left: it is paid back
	if l.end == found && l.over {
		l.over, l.given = false, true
		l.sat.Add(l.chosen(nil, 0, 0)...)
	}
	for !l.over {
		if l.count >= l.limit {
			return paused, nil
		}
		err := l.step(ctx)
		if l.sat != nil {
			l.charge()
		}
		if err != nil {
			return gaveUp, err
		}
	}
	return l.end, nil
}

// charge counts what was done as nodes, and tells whether any are left.
func (l *layers) charge() bool {
	l.count = (l.sat.Work + l.extra) / satPerNode
	return l.count < l.limit
}

// step solves the last layer for a while, or adds to the next.
func (l *layers) step(ctx context.Context) error {
	if len(l.rows) == 0 {
		l.first(ctx)
		return ctx.Err()
	}
	r := &l.rows[len(l.rows)-1]
	if !r.met {
		answer, err := l.sat.Solve(ctx, (l.limit-l.count)*satPerNode, r.leaf)
		switch {
		case answer == sat.Yes:
			l.over, l.end = true, found
		case l.sat.Failed():
			if l.over, l.end = true, exhausted; l.given {
				l.end = gaveUp
			}
		}
		r.met = answer == sat.No
		return err
	}
	return l.deepen(ctx)
}

func (l *layers) plan() *Plan {
	return l.p.e.replay(l.decisions(nil, 0, 0))
}

func (l *layers) expanded() int { return l.count }

// holds returns what a position holds in the solution.
func (l *layers) holds(r, at int) op {
	for _, o := range l.rows[r].positions[at].ops {
		if l.sat.Value(o.lit) {
			return o
		}
	}
	return op{kind: opNothing}
}

// decisions reads the methods of a position, and of what is below it, from the solution.
func (l *layers) decisions(out []decision, r, at int) []decision {
	if o := l.holds(r, at); o.kind == opMethod {
		m := &l.p.methods[o.at]
		out = append(out, m.decision)
		for k := range m.subs {
			out = l.decisions(out, r+1, l.rows[r].positions[at].child+k)
		}
	}
	return out
}

// chosen lists the negations of the methods that the solution has at a position and below it.
func (l *layers) chosen(out []sat.Lit, r, at int) []sat.Lit {
	if o := l.holds(r, at); o.kind == opMethod {
		out = append(out, o.lit.Not())
		for k := range l.p.methods[o.at].subs {
			out = l.chosen(out, r+1, l.rows[r].positions[at].child+k)
		}
	}
	return out
}

// first makes the layer of the problem itself.
func (l *layers) first(ctx context.Context) {
	l.true = l.sat.Var()
	l.sat.Add(l.true)
	l.foresee(ctx)
	l.slots = make([]int32, l.p.facts)
	state := make([]sat.Lit, l.p.facts)
	for f := range state {
		if state[f] = l.true.Not(); l.p.init.has(f) {
			state[f] = l.true
		}
	}
	b := &layer{layers: l, state: state}
	top := []want{{task: l.p.top, why: []sat.Lit{l.true}}}
	pos := b.fill(top, nil)
	pos.before = state
	causes := b.causes(pos.tasks)
	end := b.after(causes)
	b.say(pos.ops, causes, end)
	for _, f := range l.p.goal {
		l.sat.Add(end[f])
	}
	b.positions = []position{pos}
	l.close(b, end)
}

// deepen makes the next layer, position by position, until it is whole or the nodes are spent.
func (l *layers) deepen(ctx context.Context) error {
	up := &l.rows[len(l.rows)-1]
	if l.next == nil {
		l.next = &layer{layers: l}
	}
	for b := l.next; b.from < len(up.positions); b.from++ {
		end := up.last
		if i := b.from + 1; i < len(up.positions) {
			end = up.positions[i].before
		}
		if whole, err := b.split(ctx, &up.positions[b.from], end); err != nil {
			return err
		} else if !whole {
			if l.full() {
				l.over, l.end = true, gaveUp
				l.sat, l.rows, l.next, l.may = nil, nil, nil, nil // others need the room
			}
			return nil
		}
	}
	b, end := l.next, up.last
	up.last, l.next = nil, nil
	l.close(b, end)
	return nil
}

// full tells whether there may be no more of the formula.
func (l *layers) full() bool { return len(l.rows) >= maxLayers || l.sat.Bytes() > maxFormula }

// close completes a layer.
func (l *layers) close(b *layer, end []sat.Lit) {
	r := row{positions: b.positions, last: end, leaf: l.sat.Var()}
	for i := range r.positions {
		pos := &r.positions[i]
		for _, t := range pos.tasks {
			if !l.p.nodes[t.task].action {
				l.sat.Add(r.leaf.Not(), t.lit.Not())
			}
		}
		pos.tasks = nil
	}
	l.rows = append(l.rows, r)
}

// foresee computes what each task may change. Tasks that can come below each other change the same.
func (l *layers) foresee(ctx context.Context) {
	p := l.p
	below := make([][]int32, len(p.nodes))
	for _, m := range p.methods {
		below[m.task] = append(below[m.task], m.subs...)
	}
	var upwards []int32
	l.group, upwards = components(below)
	l.may = make([]effects, len(p.nodes))
	members := make([][]int32, len(p.nodes))
	for _, t := range upwards {
		g := l.group[t]
		members[g] = append(members[g], t)
	}
	gains, losses := newMerger(p.facts), newMerger(p.facts)
	met := make([]int32, len(p.nodes)) // the last group that took in this one
	for i := range met {
		met[i] = -1
	}
	for i, g := range upwards { // the representative of a group is the last of it
		if i&1023 == 0 && ctx.Err() != nil {
			return
		}
		if l.group[g] != g {
			continue
		}
		if t := &p.nodes[g]; t.action {
			l.may[g] = effects{t.add, t.del}
			continue
		}
		for _, t := range members[g] {
			for _, s := range below[t] {
				if sub := l.group[s]; sub != g && met[sub] != g {
					met[sub] = g
					gains.take(l.may[sub].add)
					losses.take(l.may[sub].del)
					l.extra += 1 + (len(l.may[sub].add)+len(l.may[sub].del))/factsPerWork
				}
			}
		}
		l.may[g] = effects{gains.done(), losses.done()}
	}
}

// merger makes the union of lists of facts.
type merger struct {
	has  bitset
	list []int32
}

func newMerger(facts int) *merger { return &merger{has: newBitset(facts)} }

func (m *merger) take(list []int32) {
	for _, f := range list {
		if !m.has.has(int(f)) {
			m.has.set(int(f))
			m.list = append(m.list, f)
		}
	}
}

// done returns the union, and begins anew.
func (m *merger) done() []int32 {
	out := m.list
	for _, f := range out {
		m.has.drop(int(f))
	}
	m.list = nil
	return out
}
