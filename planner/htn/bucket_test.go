package htn

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBucket compares what a cursor goes through with the facts that are true, while these come and go, forth and back.
func TestBucket(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f := newFactsOf([]bool{false})
	f.index(0, 1)
	fact := func() int32 { return f.intern(0, []int32{int32(r.IntN(3)), int32(r.IntN(100))}) }
	for range 40 {
		f.set(fact(), true)
	}
	f.Begin()
	f = f.clone() // a copy has lists of its own
	var marks []int
	long := false
	for step := range 4000 {
		switch r.IntN(5) {
		case 0:
			marks = append(marks, f.Mark())
		case 1:
			if n := len(marks); n > 0 {
				f.Back(marks[n-1])
				marks = marks[:n-1]
			}
		default:
			f.set(fact(), r.IntN(3) == 0)
		}
		for first := range int32(3) {
			s := &joinStep{pred: 0, index: 0, args: []term{constant(first), 0}}
			b := s.bucket(f, nil)
			if b == nil {
				continue
			}
			long = long || b.on != nil
			c := cursor{b: b, list: b.ids, from: int32(r.IntN(len(b.ids)))}
			var got, want []int32
			for id := c.fact(); id >= 0; id = c.fact() {
				if b.on != nil || f.true(id) {
					got = append(got, id)
				}
			}
			for i := range b.ids {
				if id := b.ids[(i+int(c.from))%len(b.ids)]; f.true(id) {
					want = append(want, id)
				}
			}
			if !slices.Equal(got, want) {
				t.Fatalf("step %d: %v, want %v", step, got, want)
			}
		}
	}
	if !long {
		t.Error("no bucket was long")
	}
}
