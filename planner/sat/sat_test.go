package sat

import (
	"context"
	"math/rand/v2"
	"testing"
)

// brute tells whether some assignment satisfies the clauses and the assumed literals.
func brute(n int, clauses [][]Lit, assumed []Lit) bool {
	holds := func(bits int, l Lit) bool { return (bits>>l.variable()&1 == 1) == (l&1 == 0) }
search:
	for bits := range 1 << n {
		for _, l := range assumed {
			if !holds(bits, l) {
				continue search
			}
		}
		for _, c := range clauses {
			some := false
			for _, l := range c {
				some = some || holds(bits, l)
			}
			if !some {
				continue search
			}
		}
		return true
	}
	return false
}

// TestAgainstAllAssignments adds random clauses bit by bit, and compares every answer, with and without assumptions, with what
// trying all assignments gives.
func TestAgainstAllAssignments(t *testing.T) {
	yes, no := 0, 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		const n = 9
		s := New()
		for range n {
			s.Var()
		}
		var clauses [][]Lit
		for range 10 {
			for range 5 {
				c := make([]Lit, 1+r.IntN(4)+r.IntN(2))
				if len(c) == 1 && r.IntN(4) > 0 {
					c = append(c, 0)
				}
				for i := range c {
					c[i] = Lit(r.IntN(2 * n))
				}
				clauses = append(clauses, c)
				s.Add(c...)
			}
			assumed := make([]Lit, r.IntN(4))
			for i := range assumed {
				assumed[i] = Lit(r.IntN(2 * n))
			}
			s.left, s.forgetAt = 0, 0 // forget at once
			got, err := s.Solve(context.Background(), 1<<30, assumed...)
			if err != nil {
				t.Fatal(err)
			}
			if want := brute(n, clauses, assumed); got == Unknown || want != (got == Yes) {
				t.Fatalf("seed %d: %v, and all assignments say %v, of %v assuming %v", seed, got, want, clauses, assumed)
			}
			if got == No {
				no++
				continue
			}
			yes++
			for _, c := range clauses {
				some := false
				for _, l := range c {
					some = some || s.Value(l)
				}
				if !some {
					t.Fatalf("seed %d: the solution breaks %v", seed, c)
				}
			}
			for _, l := range assumed {
				if !s.Value(l) {
					t.Fatalf("seed %d: %v was assumed and is false", seed, l)
				}
			}
		}
	}
	if yes < 100 || no < 100 {
		t.Fatalf("%d yes and %d no: too few to tell anything", yes, no)
	}
}

// pigeons says that n+1 pigeons sit in n holes, none with another.
func pigeons(n int) *Solver {
	s := New()
	at := make([][]Lit, n+1)
	for p := range at {
		for range n {
			at[p] = append(at[p], s.Var())
		}
		s.Add(at[p]...)
	}
	for h := range n {
		for p := range at {
			for q := range p {
				s.Add(at[p][h].Not(), at[q][h].Not())
			}
		}
	}
	return s
}

// TestForgets solves what takes tens of thousands of conflicts, so that clauses are forgotten, in slices of work; the same work
// is done each time, however it is cut.
func TestForgets(t *testing.T) {
	work := 0
	for range 2 {
		s, got := pigeons(7), Unknown
		s.forgetAt = 500
		for got == Unknown {
			got, _ = s.Solve(context.Background(), 1_000_000)
		}
		if got != No {
			t.Fatalf("eight pigeons in seven holes: %v", got)
		}
		if s.forgets == 0 {
			t.Error("nothing was forgotten: a harder formula is needed")
		}
		if work != 0 && s.Work != work {
			t.Errorf("%d of work, and %d the first time", s.Work, work)
		}
		work = s.Work
	}
}

func TestStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if got, err := pigeons(10).Solve(ctx, 1<<40); got != Unknown || err == nil {
		t.Errorf("%v, %v after the context ended", got, err)
	}
}

func TestLuby(t *testing.T) {
	want := []int{1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8, 1}
	for i, w := range want {
		if got := luby(i + 1); got != w {
			t.Errorf("luby(%d) is %d, want %d", i+1, got, w)
		}
	}
}
