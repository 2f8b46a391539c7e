package backtrack

import "slices"

// Best keeps the K best of what is offered. Of those that are alike the better one is enough: the others stay only as long as there
// are not K others.
type Best[T any] struct {
	K       int
	Compare func(a, b T) int // below 0: a is the better one; 0: they are the same
	Alike   func(a, b T) bool

	list []T // the best first
	out  int // which gives way next
	twin bool
}

// List returns what is kept, the best first.
func (b *Best[T]) List() []T { return b.list }

// Last returns the one that another must be better than to be kept; ok is false while any other would be kept.
func (b *Best[T]) Last() (last T, ok bool) {
	if len(b.list) < b.K || b.twin {
		return last, false
	}
	return b.list[b.out], true
}

// Offer keeps x if it is among the best, and returns what gives way for that: it may be x.
func (b *Best[T]) Offer(x T) (gone T, ok bool) {
	at, there := slices.BinarySearchFunc(b.list, x, b.Compare)
	if there {
		return gone, false
	}
	if b.list = slices.Insert(b.list, at, x); len(b.list) > b.K {
		b.look()
		gone, ok = b.list[b.out], true
		b.list = slices.Delete(b.list, b.out, b.out+1)
	}
	if len(b.list) == b.K {
		b.look()
	}
	return gone, ok
}

// look finds the one that gives way next: the last that is like a better one, else the last.
func (b *Best[T]) look() {
	for b.out = len(b.list) - 1; b.out > 0; b.out-- {
		like := func(x T) bool { return b.Alike(x, b.list[b.out]) }
		if b.twin = slices.ContainsFunc(b.list[:b.out], like); b.twin {
			return
		}
	}
	b.out, b.twin = len(b.list)-1, false
}
