package htn

import (
	"math/bits"
	"slices"

	"github.com/jitos/jitos/planner/backtrack"
)

// table interns tuples of numbers: facts and ground tasks. A tuple is a head (a predicate, a task) and arguments; ids count
// from 0 in the order in which tuples are first seen.
type table struct {
	heads []int32
	start []int32 // of the arguments of id i in args; its end is start[i+1]
	args  []int32
	slots []int32 // open addressing; id+1, 0 is empty
}

func newTable() table { return table{start: []int32{0}, slots: make([]int32, 1024)} }

func mix(x uint64) uint64 { return backtrack.Mix(x) }

func hashTuple(head int32, args []int32) uint64 {
	h := uint64(uint32(head))*0x9e3779b97f4a7c15 + 0x1234567
	for _, a := range args {
		h = (h ^ uint64(uint32(a))) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h ^ h>>32
}

func (t *table) tuple(id int32) []int32 { return t.args[t.start[id]:t.start[id+1]] }

// find returns the id of a tuple, -1 for one that was never seen.
func (t *table) find(head int32, args []int32) int32 {
	mask := uint64(len(t.slots) - 1)
	for at := hashTuple(head, args) & mask; ; at = (at + 1) & mask {
		id := t.slots[at] - 1
		if id < 0 || t.is(id, head, args) {
			return id
		}
	}
}

func (t *table) is(id, head int32, args []int32) bool {
	if t.heads[id] != head {
		return false
	}
	for i, a := range t.tuple(id) {
		if a != args[i] {
			return false
		}
	}
	return true
}

// intern returns the id of a tuple, a new one where it was never seen.
func (t *table) intern(head int32, args []int32) int32 {
	mask := uint64(len(t.slots) - 1)
	at := hashTuple(head, args) & mask
	for ; t.slots[at] != 0; at = (at + 1) & mask {
		if id := t.slots[at] - 1; t.is(id, head, args) {
			return id
		}
	}
	id := int32(len(t.heads))
	t.heads = append(t.heads, head)
	t.args = append(t.args, args...)
	t.start = append(t.start, int32(len(t.args)))
	t.slots[at] = id + 1
	if len(t.heads)*2 > len(t.slots) {
		t.grow()
	}
	return id
}

func (t *table) grow() {
	t.slots = make([]int32, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for id := range t.heads {
		at := hashTuple(t.heads[id], t.tuple(int32(id))) & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = int32(id) + 1
	}
}

// facts holds a state over interned facts, and indexes for joins. An index lists every fact that was ever true: what is not
// true now is skipped, so that going back in time costs little.
type facts struct {
	table
	backtrack.State
	ever    bitset
	rels    []relation
	tracked []int32 // by fact: the first of its places, plus 1
	places  []place
	grows   bool // nothing ever becomes false
	buf     []int32
	rigid   []bool
	stop    func() bool // asked now and then by long joins; nil is never
	over    bool        // stop said yes: joins find nothing from then on
	work    int         // facts and objects that joins looked at
	spin    uint64      // not 0: lists are gone through from pseudo-random places
	turn    uint64
}

// relation is the facts of one predicate that were ever true.
type relation struct {
	all     *bucket
	indexes []*index
	values  []int // of each argument, how many there are; nil is not counted yet
}

// index lists the facts of a relation by some of their arguments.
type index struct {
	mask uint32
	at   map[uint64]*bucket
}

func newFacts(m *model) *facts {
	f := newFactsOf(m.rigid)
	for _, e := range m.init {
		f.set(f.ground(e.pred, e.args, nil), true)
	}
	f.Begin()
	return f
}

// newFactsOf makes an empty state over predicates, of which some are rigid.
func newFactsOf(rigid []bool) *facts {
	f := &facts{table: newTable(), rels: make([]relation, len(rigid)), rigid: rigid}
	for p := range f.rels {
		f.rels[p].all = new(bucket)
	}
	return f
}

// ground interns an atom whose variables are bound.
func (f *facts) ground(pred int32, args []term, b []int32) int32 {
	f.buf = f.buf[:0]
	for _, a := range args {
		f.buf = append(f.buf, a.in(b))
	}
	return f.intern(pred, f.buf)
}

// holds tells whether an atom whose variables are bound is true.
func (f *facts) holds(pred int32, args []term, b []int32) bool {
	f.buf = f.buf[:0]
	for _, a := range args {
		f.buf = append(f.buf, a.in(b))
	}
	id := f.find(pred, f.buf)
	return id >= 0 && f.true(id)
}

func (f *facts) true(id int32) bool { return f.Has(id) }

func (f *facts) set(id int32, to bool) {
	if !f.Set(id, to) {
		return
	}
	if f.flipped(id); !to {
		return
	}
	if !f.ever.in(id) {
		f.ever.put(id)
		f.enter(id)
	}
}

// Back goes back to a point in time.
func (f *facts) Back(mark int) {
	for _, id := range f.State.Back(mark) {
		f.flipped(id)
	}
}

// enter lists a fact that is true for the first time.
func (f *facts) enter(id int32) {
	r := &f.rels[f.heads[id]]
	f.list(r.all, id)
	for _, x := range r.indexes {
		f.add(x, id)
	}
}

// add lists a fact in an index.
func (f *facts) add(x *index, id int32) {
	h, args := uint64(x.mask), f.tuple(id)
	for m := x.mask; m != 0; m &= m - 1 {
		h = indexStep(h, args[bits.TrailingZeros32(m)])
	}
	b := x.at[h]
	if b == nil {
		b = new(bucket)
		x.at[h] = b
	}
	f.list(b, id)
}

func indexStep(h uint64, arg int32) uint64 { return mix(h ^ uint64(uint32(arg))*0x9e3779b97f4a7c15) }

// index returns the index of a predicate by the arguments of a mask, which it makes at the first call, by number.
func (f *facts) index(pred int32, mask uint32) int {
	r := &f.rels[pred]
	for i, x := range r.indexes {
		if x.mask == mask {
			return i
		}
	}
	x := &index{mask, map[uint64]*bucket{}}
	for _, id := range r.all.ids {
		f.add(x, id)
	}
	r.indexes = append(r.indexes, x)
	return len(r.indexes) - 1
}

// spend counts a fact that a join looks at, and tells whether to stop.
func (f *facts) spend() bool {
	if f.work++; f.work&(1<<16-1) == 0 && f.stop != nil && f.stop() {
		f.over = true
	}
	return f.over
}

// clone copies a state before anything was searched. Relations of rigid predicates never change: they are shared.
func (f *facts) clone() *facts {
	c := &facts{table: f.table.clone(), State: f.Clone(), ever: slices.Clone(f.ever), rels: slices.Clone(f.rels), rigid: f.rigid}
	for p := range c.rels {
		if f.rigid[p] {
			continue
		}
		r := &c.rels[p]
		r.all, r.indexes = c.copy(r.all), slices.Clone(r.indexes)
		for i, x := range r.indexes {
			at := make(map[uint64]*bucket, len(x.at))
			for h, b := range x.at {
				at[h] = c.copy(b)
			}
			r.indexes[i] = &index{x.mask, at}
		}
	}
	return c
}

// copy copies a bucket of another state with the same facts.
func (f *facts) copy(b *bucket) *bucket {
	out := &bucket{ids: slices.Clip(b.ids)} // so that an append makes a copy
	if b.on != nil {
		for at := range out.ids {
			f.track(out, at)
		}
	}
	return out
}

func (t *table) clone() table {
	return table{slices.Clone(t.heads), slices.Clone(t.start), slices.Clone(t.args), slices.Clone(t.slots)}
}
