package backtrack

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// maze is a directed graph in which a walk ends at an exit. Rooms without doors that are no exit are dead ends.
type maze struct {
	Search
	doors [][]int
	exit  []bool
	at    int
	path  []int // rooms in which a door was chosen
	next  []int // of each, the next door
	known int   // how often a room was not searched again
}

func (m *maze) Advance() (Step, Choice) {
	m.Nodes++
	switch c := (Choice{Key: Mix(uint64(m.at) + 1), Depth: 1}); {
	case m.exit[m.at]:
		return Solved, Choice{}
	case len(m.doors[m.at]) == 0:
		return Dead, c
	default:
		return Choose, c
	}
}

func (m *maze) Open() bool {
	if slices.Contains(m.path, m.at) {
		return false
	}
	m.path, m.next = append(m.path, m.at), append(m.next, 0)
	return true
}

func (m *maze) Next() bool {
	top := len(m.path) - 1
	doors := m.doors[m.path[top]]
	if m.next[top] == len(doors) {
		return false
	}
	m.at = doors[m.next[top]]
	m.next[top]++
	return true
}

func (m *maze) Close(bool) {
	m.path, m.next = m.path[:len(m.path)-1], m.next[:len(m.next)-1]
}

func (m *maze) Known(uint64, bool) { m.known++ }

// walks counts the ways to an exit that enter no room twice, by trying all.
func (m *maze) walks(room int, path []int) int {
	if m.exit[room] {
		return 1
	}
	if slices.Contains(path, room) {
		return 0
	}
	n := 0
	for _, d := range m.doors[room] {
		n += m.walks(d, append(slices.Clone(path), room))
	}
	return n
}

func randomMaze(r *rand.Rand) *maze {
	m := &maze{}
	for range 3 + r.IntN(6) {
		m.exit = append(m.exit, r.IntN(5) == 0)
	}
	for range m.exit {
		var doors []int
		for room := range m.exit {
			if r.IntN(3) == 0 {
				doors = append(doors, room)
			}
		}
		m.doors = append(m.doors, doors)
	}
	return m
}

// Every walk is found where all are asked for, one where there is one, and "there is none" is said only where that is so: whatever is
// remembered, and in however many runs.
func TestSearch_model(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 0))
		m, all, size := randomMaze(r), r.IntN(2) == 0, 1+r.IntN(20)
		m.Start(m, Settings{All: all})
		found, end := 0, Paused
		for end == Paused || end == Found {
			var err error
			if end, err = m.Run(t.Context(), size); err != nil {
				t.Fatal(err)
			}
			if end == Found {
				found++
			}
		}
		switch want := m.walks(0, nil); {
		case all && found != want:
			t.Fatalf("seed %d: %d walks found of %d", seed, found, want)
		case found > want:
			t.Fatalf("seed %d: %d walks found, there are %d", seed, found, want)
		case end == Exhausted && found == 0 && want > 0:
			t.Fatalf("seed %d: proved that there is no walk, of %d", seed, want)
		}
	}
}

// ladder has two doors from each room to the next and no exit: 2^40 walks.
func ladder() *maze {
	m := &maze{doors: make([][]int, 41), exit: make([]bool, 41)}
	for i := range 40 {
		m.doors[i] = []int{i + 1, i + 1}
	}
	return m
}

// A dead end is searched once, also where all solutions are asked for.
func TestSearch_deadEnds(t *testing.T) {
	for _, all := range []bool{false, true} {
		m := ladder()
		m.Start(m, Settings{All: all})
		if end, err := m.Run(t.Context(), 1000); end != Exhausted || err != nil || m.Nodes > 100 {
			t.Errorf("all %v: %v, %v after %d nodes", all, end, err, m.Nodes)
		}
		if m.known != 39 { // the last room is no choice
			t.Errorf("all %v: told of %d rooms that are known", all, m.known)
		}
	}
}

// The budget only interrupts, an error ends, and neither is taken for a proof.
func TestSearch_ends(t *testing.T) {
	m := ladder()
	m.Start(m, Settings{})
	if end, err := m.Run(t.Context(), 5); end != Paused || err != nil || m.Nodes != 5 || m.Over() {
		t.Errorf("%v, %v after %d nodes", end, err, m.Nodes)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	m = ladder()
	m.Start(m, Settings{})
	if end, err := m.Run(ctx, 1000); end != GaveUp || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, %v", end, err)
	}
}

// Limited discrepancy leaves the first door so many times on a walk and no more, and proves nothing.
func TestSearch_limited(t *testing.T) {
	m := &maze{doors: [][]int{{1, 2}, {}, {1, 3}, {}}, exit: []bool{false, false, false, true}}
	for limit, want := range map[int]Outcome{1: GaveUp, 2: GaveUp, 3: Found} {
		m.Search, m.at = Search{}, 0
		m.Start(m, Settings{Limited: limit})
		if end, err := m.Run(t.Context(), 1000); end != want || err != nil {
			t.Errorf("limit %d: %v, %v", limit, end, err)
		}
		m.path, m.next = nil, nil
	}
}

// Going back restores the facts and their hash, which depends on nothing but the facts.
func TestState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s, fresh State
		model := map[int32]bool{}
		type point struct {
			mark int
			hash uint64
			has  map[int32]bool
		}
		var points []point
		clone := func() map[int32]bool {
			c := map[int32]bool{}
			for f := range model {
				c[f] = true
			}
			return c
		}
		for range rapid.IntRange(0, 30).Draw(rt, "moves") {
			if n := len(points); n > 0 && rapid.IntRange(0, 3).Draw(rt, "move") == 0 {
				p := points[n-1]
				points = points[:n-1]
				if s.Back(p.mark); s.Hash != p.hash {
					rt.Fatalf("hash %x, was %x", s.Hash, p.hash)
				}
				model = p.has
				continue
			}
			points = append(points, point{s.Mark(), s.Hash, clone()})
			f, to := int32(rapid.IntRange(0, 200).Draw(rt, "fact")), rapid.Bool().Draw(rt, "to")
			if changed := s.Set(f, to); changed != (model[f] != to) {
				rt.Fatalf("fact %d set to %v: changed %v", f, to, changed)
			}
			if delete(model, f); to {
				model[f] = true
			}
		}
		for f := range int32(300) {
			if s.Has(f) != model[f] {
				rt.Fatalf("fact %d: %v", f, s.Has(f))
			}
			fresh.Set(f, model[f])
		}
		if fresh.Hash != s.Hash {
			rt.Fatal("equal sets, different hashes")
		}
	})
}
