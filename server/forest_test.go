package server

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// shrub is a graph with long chains, hubs, circles and nodes by themselves.
func shrub(n int) (kinds []string, edges [][2]int) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		kinds = append(kinds, fmt.Sprintf("kind%d", i%5))
		switch {
		case i%7 == 0: // by itself
		case i%3 == 0:
			edges = append(edges, [2]int{i - 1, i})
		case i%11 == 0:
			edges = append(edges, [2]int{0, i})
		default:
			edges = append(edges, [2]int{r.IntN(n), i})
		}
	}
	return kinds, append(edges, [2]int{n - 1, n - 2}, [2]int{n - 2, n - 1}, [2]int{3, 3})
}

// Every node has one place, in the circle of what it hangs on; circles side by side do not overlap; the same graph has the same
// places.
func TestForest(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100, 5000} {
		kinds, edges := shrub(n)
		if n < 4 {
			edges = nil
		}
		f := plant(kinds, edges)
		if !slices.Equal(f.spots, plant(kinds, edges).spots) {
			t.Errorf("%d nodes: other places the second time", n)
		}
		seen := make([]int, n)
		below := map[int][]spot{}
		for i, s := range f.spots {
			if s.node >= 0 {
				seen[s.node]++
			}
			if s.parent >= i || math.IsNaN(s.x+s.y+s.r) {
				t.Fatalf("%d nodes: spot %d is %+v", n, i, s)
			}
			if s.parent < 0 {
				continue
			}
			p := f.spots[s.parent]
			if math.Hypot(p.x-s.x, p.y-s.y)+s.r > p.r*1.0001 {
				t.Fatalf("%d nodes: %+v sticks out of %+v", n, s, p)
			}
			below[s.parent] = append(below[s.parent], s)
		}
		if slices.ContainsFunc(seen, func(k int) bool { return k != 1 }) {
			t.Errorf("%d nodes: not each has one place", n)
		}
		if n > 0 && f.spots[0].count != n {
			t.Errorf("%d nodes: the whole counts %d", n, f.spots[0].count)
		}
		for parent, list := range below {
			if len(list) > fan {
				t.Errorf("%d things hang on %d", len(list), parent)
			}
			for i, a := range list {
				for _, b := range list[:i] {
					if d := math.Hypot(a.x-b.x, a.y-b.y); d < a.r+b.r-1e-6 {
						t.Fatalf("%d nodes: %+v and %+v overlap", n, a, b)
					}
				}
			}
		}
	}
}

func BenchmarkForest_100knodes(b *testing.B) {
	kinds, edges := shrub(100_000)
	for b.Loop() {
		plant(kinds, edges)
	}
}
