package htn

import "math/bits"

// bucket lists the facts of a relation that agree in some arguments and were ever true, in the order in which they first were.
// A short one is gone through fact by fact, and what is not true now is skipped. A long one knows which of its facts are true:
// of all the places where somebody has been he is only at one.
type bucket struct {
	ids []int32
	on  []uint64 // by place in the list; nil while it is short, or where nothing becomes false
}

// longBucket is from how many facts on a bucket is long.
const longBucket = 24

// place says where in a long bucket a fact is.
type place struct {
	b    *bucket
	at   int32
	next int32 // the next place of the same fact, plus 1
}

// list adds a fact to a bucket.
func (f *facts) list(b *bucket, id int32) {
	b.ids = append(b.ids, id)
	switch {
	case b.on != nil:
		f.track(b, len(b.ids)-1)
	case len(b.ids) == longBucket && !f.grows && !f.rigid[f.heads[id]]:
		for at := range b.ids {
			f.track(b, at)
		}
	}
}

// track begins to note whether a fact of a bucket is true.
func (f *facts) track(b *bucket, at int) {
	id := b.ids[at]
	if at>>6 >= len(b.on) {
		b.on = append(b.on, 0)
	}
	if f.true(id) {
		b.on[at>>6] |= 1 << (at & 63)
	}
	first := numbered(&f.tracked, id)
	f.places = append(f.places, place{b, int32(at), *first})
	*first = int32(len(f.places))
}

// flipped notes in the long buckets of a fact that it became true or false.
func (f *facts) flipped(id int32) {
	if int(id) >= len(f.tracked) {
		return
	}
	for p := f.tracked[id]; p > 0; {
		x := &f.places[p-1]
		x.b.on[x.at>>6] ^= 1 << (x.at & 63)
		p = x.next
	}
}

// cursor is where the enumeration of one step of a join stands: in a list, which is a circle.
type cursor struct {
	list     []int32
	b        *bucket // of which this is the list, nil for objects
	at, from int32   // how many were passed, and where it began
}

// object returns the next of a list of objects.
func (c *cursor) object() int32 {
	at := int(c.at + c.from)
	if c.at++; at >= len(c.list) {
		at -= len(c.list)
	}
	return c.list[at]
}

// fact returns the next fact of a list that may be true, -1 for none.
func (c *cursor) fact() int32 {
	for int(c.at) < len(c.list) {
		at, end := int(c.at+c.from), len(c.list)
		if at >= end {
			at, end = at-end, int(c.from)
		}
		if c.b.on == nil {
			c.at++
			return c.list[at]
		}
		next := firstBit(c.b.on, at, end)
		c.at += int32(next - at)
		if next < end {
			c.at++
			return c.list[next]
		}
	}
	return -1
}

// firstBit returns the place of the first bit that is set from one place on, and before the end; the end where there is none.
func firstBit(words []uint64, from, end int) int {
	for w := from >> 6; w<<6 < end; w++ {
		word := words[w]
		if w == from>>6 {
			word &= ^uint64(0) << (from & 63)
		}
		if word != 0 {
			return min(w<<6+bits.TrailingZeros64(word), end)
		}
	}
	return end
}
