package htn

// bitset is a set of small numbers.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }
func (b bitset) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) drop(i int)     { b[i>>6] &^= 1 << (i & 63) }

// in and put are has and set for a set that grows.
func (b bitset) in(i int32) bool { return int(i>>6) < len(b) && b.has(int(i)) }

func (b *bitset) put(i int32) {
	if n := int(i>>6) + 1 - len(*b); n > 0 {
		*b = append(*b, make(bitset, n)...)
	}
	b.set(int(i))
}

func (b bitset) union(o bitset) {
	for i, w := range o {
		b[i] |= w
	}
}

// covers tells whether all of a set of the same size are in this one.
func (b bitset) covers(o bitset) bool {
	for i, w := range o {
		if w&^b[i] != 0 {
			return false
		}
	}
	return true
}

// with is the union of two sets of the same size. It is one of them where that has all, else a copy.
func (b bitset) with(o bitset) bitset {
	switch {
	case b.covers(o):
		return b
	case o.covers(b):
		return o
	}
	out := append(bitset(nil), b...)
	out.union(o)
	return out
}

// intHeap is a heap of numbers, the least first.
type intHeap []int64

func (h *intHeap) push(x int64) {
	s := append(*h, x)
	i := len(s) - 1
	for i > 0 {
		up := (i - 1) / 2
		if s[up] <= x {
			break
		}
		s[i] = s[up]
		i = up
	}
	s[i] = x
	*h = s
}

func (h *intHeap) pop() int64 {
	s := *h
	top, x := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return top
	}
	i := 0
	for {
		down := 2*i + 1
		if down >= len(s) {
			break
		}
		if down+1 < len(s) && s[down+1] < s[down] {
			down++
		}
		if s[down] >= x {
			break
		}
		s[i] = s[down]
		i = down
	}
	s[i] = x
	return top
}
