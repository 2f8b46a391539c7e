package htn

import (
	"context"
	"slices"

	"github.com/jitos/jitos/planner/sat"
)

// layer is a layer while it is made.
type layer struct {
	*layers
	from      int // the position of the layer above that is being split
	part      int // how many positions were made of it
	width     int // of how many
	positions []position
	state     []sat.Lit // the facts at the place that was come to

	differ        []int // the facts that are not the same before and behind a position
	gains, losses supports
}

// want is a task that a position has to hold where one of some literals is true.
type want struct {
	task int32
	why  []sat.Lit
}

// split makes of a position those below it. End is the facts behind it. It is not whole where the nodes are spent or the formula
// is too large; the next call goes on. The error is that of the context.
func (b *layer) split(ctx context.Context, pos *position, end []sat.Lit) (whole bool, err error) {
	if b.part == 0 {
		b.begin(pos)
	}
	for ; b.part < b.width; b.part++ {
		if !b.charge() || b.full() {
			return false, ctx.Err()
		}
		wants, nothing := b.wants(pos.ops, b.part)
		made := b.fill(wants, nothing)
		made.before = b.state
		causes, behind := b.causes(made.tasks), end
		if b.part < b.width-1 {
			behind = b.after(causes)
		}
		b.say(made.ops, causes, behind)
		b.positions = append(b.positions, made)
		b.state = behind
	}
	b.part = 0
	pos.before = nil // the new layer has it
	return true, ctx.Err()
}

// begin drops the operations of a position that cannot be, and tells how wide what is below the others is.
func (b *layer) begin(pos *position) {
	pos.child, b.state, b.width = len(b.positions), pos.before, 0
	ops := pos.ops[:0]
	for _, o := range pos.ops {
		if b.sat.Fixed(o.lit) < 0 {
			continue // so is all that is below it
		}
		ops = append(ops, o)
		switch o.kind {
		case opAction:
			b.width = max(b.width, 1)
		case opMethod:
			b.width = max(b.width, len(b.p.methods[o.at].subs))
		}
	}
	pos.ops = ops
}

// wants lists the tasks that some operations of a position put into the k-th below it, and those that put nothing there.
func (b *layer) wants(ops []op, k int) (wants []want, nothing []sat.Lit) {
	place := map[int32]int{}
	for _, o := range ops {
		if b.sat.Fixed(o.lit) < 0 {
			continue
		}
		task := int32(-1)
		switch o.kind {
		case opAction:
			if k == 0 {
				task = o.at
			}
		case opMethod:
			m := &b.p.methods[o.at]
			if line := b.p.e.m.methods[m.method].line; k < len(line) {
				task = m.subs[line[k]]
			}
		}
		if task < 0 {
			nothing = append(nothing, o.lit)
			continue
		}
		at, known := place[task]
		if !known {
			at = len(wants)
			place[task] = at
			wants = append(wants, want{task: task})
		}
		wants[at].why = append(wants[at].why, o.lit)
	}
	return wants, nothing
}

// one returns a literal that is true where one of some is.
func (b *layer) one(why []sat.Lit) sat.Lit {
	if len(why) == 1 {
		return why[0]
	}
	l := b.sat.Var()
	for _, w := range why {
		b.sat.Add(w.Not(), l)
	}
	b.sat.Add(append([]sat.Lit{l.Not()}, why...)...)
	return l
}

// can tells whether facts may all hold now.
func (b *layer) can(facts []int32) bool {
	for _, f := range facts {
		if b.sat.Fixed(b.state[f]) < 0 {
			return false
		}
	}
	return true
}

// fill makes the operations of a position for the tasks that it may have to hold, one at most. Two methods of one task are not
// kept apart: both can only be true where they have the same subtasks, and then either will do.
func (b *layer) fill(wants []want, nothing []sat.Lit) (p position) {
	var tasks []sat.Lit
	for _, w := range wants {
		t := &b.p.nodes[w.task]
		b.extra += 1 + len(t.methods)
		if t.action {
			if !b.can(t.pre) {
				b.never(w.why)
				continue
			}
			lit := b.one(w.why)
			tasks = append(tasks, lit)
			p.ops = append(p.ops, op{opAction, w.task, lit})
			p.tasks = append(p.tasks, taskLit{w.task, lit})
			continue
		}
		var fit []int32
		empty := 0
		for _, mi := range t.methods {
			if m := &b.p.methods[mi]; b.can(m.pre) {
				fit = append(fit, mi)
				if len(m.subs) == 0 {
					empty++
				}
			}
		}
		if len(fit) == 0 {
			b.never(w.why)
			continue
		}
		task := b.one(w.why)
		tasks = append(tasks, task)
		deeper := task // there is something below the task
		if empty > 0 {
			deeper = b.true.Not()
			if empty < len(fit) {
				deeper = b.sat.Var()
				b.sat.Add(deeper.Not(), task)
			}
		}
		if empty < len(fit) {
			p.tasks = append(p.tasks, taskLit{w.task, deeper})
		}
		some := []sat.Lit{task.Not()}
		for _, mi := range fit {
			up, lit := deeper, task
			if len(b.p.methods[mi].subs) == 0 {
				up = task
			}
			if len(fit) > 1 {
				lit = b.sat.Var()
				b.sat.Add(lit.Not(), up)
			}
			some = append(some, lit)
			p.ops = append(p.ops, op{opMethod, mi, lit})
		}
		b.sat.Add(some...)
	}
	if len(nothing) > 0 {
		lit := b.one(nothing)
		tasks = append(tasks, lit)
		p.ops = append(p.ops, op{opNothing, -1, lit})
	}
	b.oneAtMost(tasks)
	return p
}

// never says that none of some literals is true.
func (b *layer) never(lits []sat.Lit) {
	for _, l := range lits {
		b.sat.Add(l.Not())
	}
}

// pairs is up to how many literals are told apart each from each; more are numbered in binary.
const pairs = 6

func (b *layer) oneAtMost(lits []sat.Lit) {
	if len(lits) <= pairs {
		for i := range lits {
			for j := range i {
				b.sat.Add(lits[i].Not(), lits[j].Not())
			}
		}
		return
	}
	for bit := 1; bit < len(lits); bit <<= 1 {
		digit := b.sat.Var()
		for i, l := range lits {
			if i&bit != 0 {
				b.sat.Add(l.Not(), digit)
			} else {
				b.sat.Add(l.Not(), digit.Not())
			}
		}
	}
}

// cause is something that may change facts where a literal is true.
type cause struct {
	effects
	lit sat.Lit
}

// causes lists what the tasks of a position may change: each step by itself, what is below others by their group, so that what
// many may do is said once.
func (b *layer) causes(tasks []taskLit) (out []cause) {
	place := map[int32]int{}
	var why [][]sat.Lit
	for _, t := range tasks {
		g := b.group[t.task]
		at, known := place[g]
		if !known {
			at = len(out)
			place[g] = at
			out, why = append(out, cause{effects: b.may[g]}), append(why, nil)
		}
		why[at] = append(why[at], t.lit)
	}
	for i := range out {
		out[i].lit = b.one(why[i])
	}
	return out
}

// after makes the facts behind a position: new ones for those that it may change.
func (b *layer) after(causes []cause) []sat.Lit {
	out := append([]sat.Lit(nil), b.state...)
	b.extra += len(out) / factsPerWork
	for _, c := range causes {
		b.extra += (len(c.add) + len(c.del)) / factsPerWork
		for _, f := range c.add {
			if out[f] == b.state[f] && b.sat.Fixed(out[f]) <= 0 {
				out[f] = b.sat.Var()
			}
		}
		for _, f := range c.del {
			if out[f] == b.state[f] && b.sat.Fixed(out[f]) >= 0 {
				out[f] = b.sat.Var()
			}
		}
	}
	return out
}

// say adds what the operations of a position need and do, and that nothing else changes a fact.
func (b *layer) say(ops []op, causes []cause, end []sat.Lit) {
	for _, o := range ops {
		not := o.lit.Not()
		switch o.kind {
		case opAction:
			t := &b.p.nodes[o.at]
			for _, f := range t.pre {
				b.sat.Add(not, b.state[f])
			}
			for _, f := range t.add {
				b.sat.Add(not, end[f])
			}
			for _, f := range t.del {
				b.sat.Add(not, end[f].Not())
			}
		case opMethod:
			for _, f := range b.p.methods[o.at].pre {
				b.sat.Add(not, b.state[f])
			}
		}
	}
	b.differ = b.differ[:0]
	for f := range end {
		if end[f] != b.state[f] {
			b.differ = append(b.differ, f)
			b.slots[f] = int32(len(b.differ))
		}
	}
	add := func(c cause) []int32 { return c.add }
	del := func(c cause) []int32 { return c.del }
	b.gains.sort(causes, add, b.slots, len(b.differ))
	b.losses.sort(causes, del, b.slots, len(b.differ))
	for at, f := range b.differ {
		b.slots[f] = 0
		b.sat.Add(append(b.gains.at(at), b.state[f], end[f].Not())...)
		b.sat.Add(append(b.losses.at(at), b.state[f].Not(), end[f])...)
	}
	for _, c := range causes {
		b.extra += (len(c.add) + len(c.del)) / factsPerWork
	}
}

// supports are for each of some facts the literals that may change it, all in one list.
type supports struct {
	start []int32
	lits  []sat.Lit
	one   []sat.Lit // what at returned
}

// sort sorts what causes may change by the slots of the facts, of which there are n; 0 is none.
func (s *supports) sort(causes []cause, facts func(cause) []int32, slots []int32, n int) {
	s.start = append(s.start[:0], make([]int32, n+1)...)
	for _, c := range causes {
		for _, f := range facts(c) {
			if at := slots[f]; at > 0 {
				s.start[at]++
			}
		}
	}
	for at := range n {
		s.start[at+1] += s.start[at]
	}
	s.lits = slices.Grow(s.lits[:0], int(s.start[n]))[:s.start[n]]
	for _, c := range causes {
		for _, f := range facts(c) {
			if at := slots[f]; at > 0 {
				s.lits[s.start[at-1]] = c.lit
				s.start[at-1]++
			}
		}
	}
}

// at returns the literals of a slot, counted from 0, until the next call.
func (s *supports) at(slot int) []sat.Lit {
	from := int32(0)
	if slot > 0 {
		from = s.start[slot-1]
	}
	s.one = append(s.one[:0], s.lits[from:s.start[slot]]...)
	return s.one
}
