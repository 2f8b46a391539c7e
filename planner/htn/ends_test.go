package htn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// fromBothEnds searches from both ends alone.
func fromBothEnds(t *testing.T, domain, problem string, nodes int) outcome {
	t.Helper()
	_, end := alone(t, domain, problem, startEnds, nodes)
	return end
}

// tiles asks for a row of tiles whose upper and lower words are the same (Post's correspondence problem): two tasks write a
// row each, first the tiles and then, from the last to the first, their letters; they take turns and must write the same.
func tiles(rows [][2]string) (domain, problem string) {
	var b strings.Builder
	b.WriteString("(define (domain tiles) (:predicates (upper) (lower)")
	signs := []string{"0", "1"}
	for i := range rows {
		signs = append(signs, fmt.Sprint("t", i))
	}
	var methods strings.Builder
	for side, name := range []string{"u", "l"} {
		for i, row := range rows {
			letters := ""
			for _, c := range row[side] {
				letters += fmt.Sprintf(" (%s-%c)", name, c)
			}
			tile := fmt.Sprintf("(%s-t%d)", name, i)
			fmt.Fprintf(&methods, " (:method %s%d-more :parameters () :task (row-%s) :ordered-subtasks (and %s (row-%s)%s))\n", name, i, name, tile, name, letters)
			fmt.Fprintf(&methods, " (:method %s%d-end :parameters () :task (row-%s) :ordered-subtasks (and %s%s))\n", name, i, name, tile, letters)
		}
	}
	for _, s := range signs {
		fmt.Fprintf(&b, " (wrote-%s)", s)
	}
	b.WriteString(")\n (:task row-u :parameters ()) (:task row-l :parameters ())\n" + methods.String())
	for _, s := range signs {
		fmt.Fprintf(&b, " (:action u-%s :parameters () :precondition (upper) :effect (and (not (upper)) (lower) (wrote-%s)))\n", s, s)
		fmt.Fprintf(&b, " (:action l-%s :parameters () :precondition (and (lower) (wrote-%s)) :effect (and (not (lower)) (upper) (not (wrote-%s))))\n", s, s, s)
	}
	return b.String() + ")", "(define (problem p) (:domain tiles) (:htn :parameters () :subtasks (and (row-u) (row-l))) (:init (upper)) (:goal (upper)))"
}

// correspond looks for such a row by what one word is ahead of the other; whole tells that nothing was left out.
func correspond(rows [][2]string, most int) (found, whole bool) {
	whole = true
	type ahead struct {
		word  string
		upper bool
	}
	seen := map[ahead]bool{}
	todo := []ahead{{}}
	for len(todo) > 0 {
		a := todo[0]
		todo = todo[1:]
		for _, row := range rows {
			up, low := row[0], row[1]
			if a.upper {
				up = a.word + up
			} else {
				low = a.word + low
			}
			next := ahead{strings.TrimPrefix(up, low), true}
			if len(low) > len(up) {
				next = ahead{strings.TrimPrefix(low, up), false}
			}
			if !strings.HasPrefix(up, low) && !strings.HasPrefix(low, up) {
				continue
			}
			if next.word == "" {
				return true, true
			}
			if len(next.word) > most {
				whole = false
			} else if !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return false, whole
}

// TestEnds compares the search from both ends with one that knows what the problem is.
func TestEnds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	word := func() string {
		b := make([]byte, 1+r.IntN(3))
		for i := range b {
			b[i] = "01"[r.IntN(2)]
		}
		return string(b)
	}
	plans, proofs := 0, 0
	for n := range 120 {
		rows := make([][2]string, 2+r.IntN(2))
		for i := range rows {
			rows[i] = [2]string{word(), word()}
		}
		domain, problem := tiles(rows)
		end := fromBothEnds(t, domain, problem, 20_000)
		solvable, whole := correspond(rows, 14)
		switch {
		case end == found && !solvable && whole, end == exhausted && solvable:
			t.Errorf("%d %v: %v, and a row is there: %v", n, rows, end, solvable)
		case end == found:
			plans++
		case end == exhausted:
			proofs++
		}
	}
	if plans < 20 || proofs < 40 {
		t.Errorf("%d plans and %d proofs", plans, proofs)
	}
}

// TestEnds_networks compares it on small networks of all kinds with a search from the front: what either finds is a plan, and
// neither proves that there is none where the other has found one.
func TestEnds_networks(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	facts := func(b *strings.Builder, most int, negate bool) {
		b.WriteString("(and")
		for f := range 4 {
			switch {
			case r.IntN(4) >= most:
			case negate && r.IntN(2) == 0:
				fmt.Fprintf(b, " (not (f%d))", f)
			default:
				fmt.Fprintf(b, " (f%d)", f)
			}
		}
		b.WriteString(")")
	}
	network := func(b *strings.Builder, tasks []string, n int) {
		b.WriteString(":subtasks (and")
		for i := range n {
			fmt.Fprintf(b, " (s%d (%s))", i, tasks[r.IntN(len(tasks))])
		}
		b.WriteString(") :ordering (and")
		for i := range n {
			for j := range i {
				if r.IntN(3) == 0 {
					fmt.Fprintf(b, " (< s%d s%d)", j, i)
				}
			}
		}
		b.WriteString(")")
	}
	plans, proofs := 0, 0
	for n := range 300 {
		var b, p strings.Builder
		b.WriteString("(define (domain d) (:predicates (f0) (f1) (f2) (f3)) (:task t0 :parameters ()) (:task t1 :parameters ()) (:task t2 :parameters ())\n")
		tasks := []string{"a0", "a1", "a2", "a3"}
		for k := range 3 {
			for i := range 2 {
				fmt.Fprintf(&b, " (:method m%d-%d :parameters () :task (t%d) :precondition ", k, i, k)
				facts(&b, 1, true)
				b.WriteString(" ")
				network(&b, tasks, r.IntN(4))
				b.WriteString(")\n")
			}
			tasks = append(tasks, fmt.Sprint("t", k))
		}
		for a := range 4 {
			fmt.Fprintf(&b, " (:action a%d :parameters () :precondition ", a)
			facts(&b, 1, true)
			b.WriteString(" :effect ")
			facts(&b, 2, true)
			b.WriteString(")\n")
		}
		p.WriteString("(define (problem p) (:domain d) (:htn :parameters () ")
		network(&p, []string{"t0", "t1", "t2"}, 3)
		p.WriteString(") (:init (f0) (f2)) (:goal ")
		facts(&p, 2, false)
		p.WriteString("))")
		end := fromBothEnds(t, b.String()+")", p.String(), 20_000)
		_, front := alone(t, b.String()+")", p.String(), progressionSettings{}.start, 100_000)
		if end == found && front == exhausted || front == found && end == exhausted {
			t.Errorf("%d: %v from both ends, %v from the front\n%s)\n%s", n, end, front, &b, &p)
		}
		if end == found {
			plans++
		}
		if end == exhausted {
			proofs++
		}
	}
	if plans < 20 || proofs < 20 {
		t.Errorf("%d plans and %d proofs", plans, proofs)
	}
}

// TestEnds_alike: of two networks of the same tasks, and with the same behind each of the first ones, one has a plan.
func TestEnds_alike(t *testing.T) {
	domain := `(define (domain alike) (:predicates (done)) (:task t :parameters ())
 (:method together-first :parameters () :task (t) :subtasks (and (a (a)) (b (b)) (c (c)) (x1 (x)) (x2 (x)) (z (z))) :ordering (and (< a x1) (< b x1) (< c x2)))
 (:method together-last :parameters () :task (t) :subtasks (and (a (a)) (b (b)) (c (c)) (x1 (x)) (x2 (x)) (z (z))) :ordering (and (< a x1) (< b x2) (< c x2)))
 (:action a :parameters ()) (:action z :parameters ()) (:action x :parameters () :effect (done))
 (:action b :parameters () :precondition (done)) (:action c :parameters () :precondition (done)))`
	problem := `(define (problem p) (:domain alike) (:htn :parameters () :subtasks (and (t))) (:init ))`
	if end := fromBothEnds(t, domain, problem, 20_000); end != found {
		t.Errorf("from both ends: %v", end)
	}
	for _, set := range []progressionSettings{{}, {greedy: true}, {greedy: true, lazy: true, helpful: true}} {
		if _, end := alone(t, domain, problem, set.start, 100_000); end != found {
			t.Errorf("from the front, %+v: %v", set, end)
		}
	}
}

// TestEnds_ring: eight steps in a ring look like two rings of four. In the ring two of the first four let one of the last go on, in
// one of the small rings two; the third of the first four waits for two. Who left one out has proved nothing.
func TestEnds_ring(t *testing.T) {
	ring := func(name string, order [][2]int) string {
		s := fmt.Sprintf(" (:method %s :parameters () :task (t) :subtasks (and (a0 (a)) (a1 (a)) (a2 (a)) (a3 (a)) (x0 (x)) (x1 (x)) (x2 (x)) (x3 (x)))\n :ordering (and", name)
		for _, o := range order {
			s += fmt.Sprintf(" (< a%d x%d)", o[0], o[1])
		}
		return s + "))\n"
	}
	large := ring("large", [][2]int{{0, 0}, {0, 1}, {1, 1}, {1, 2}, {2, 2}, {2, 3}, {3, 3}, {3, 0}})
	small := ring("small", [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 2}, {2, 3}, {3, 2}, {3, 3}})
	rest := "(define (domain rings) (:types num) (:constants n0 n1 n2 n3 n4 - num) (:predicates (as ?n - num) (xs ?n - num) (next ?m ?n - num) (waits ?m ?n - num))\n" +
		" (:task t :parameters ()) (:task a :parameters ()) (:task x :parameters ())\n" +
		" (:method one-a :parameters (?m ?n ?k - num) :task (a) :precondition (and (next ?m ?n) (waits ?m ?k)) :subtasks (and (do-a ?m ?n ?k)))\n" +
		" (:method one-x :parameters (?m ?n - num) :task (x) :precondition (next ?m ?n) :subtasks (and (do-x ?m ?n)))\n" +
		" (:action do-a :parameters (?m ?n ?k - num) :precondition (and (as ?m) (xs ?k)) :effect (and (not (as ?m)) (as ?n)))\n" +
		" (:action do-x :parameters (?m ?n - num) :precondition (xs ?m) :effect (and (not (xs ?m)) (xs ?n)))\n"
	problem := `(define (problem p) (:domain rings) (:htn :parameters () :subtasks (and (t)))
 (:init (as n0) (xs n0) (next n0 n1) (next n1 n2) (next n2 n3) (next n3 n4) (waits n0 n0) (waits n1 n0) (waits n2 n2) (waits n3 n2)))`
	if end := fromBothEnds(t, rest+large+")", problem, 1_000_000); end == found {
		t.Errorf("the large ring: %v", end)
	}
	if end := fromBothEnds(t, rest+small+")", problem, 1_000_000); end != found {
		t.Errorf("the small rings: %v", end)
	}
	for _, both := range []string{large + small, small + large} {
		if end := fromBothEnds(t, rest+both+")", problem, 1_000_000); end == exhausted {
			t.Error("a proof that there is no plan, and there is one")
		}
	}
}

// TestPairs compares the facts that can hold together with the states that can be reached.
func TestPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	some := func() (out []int32) {
		for f := range int32(6) {
			if r.IntN(4) == 0 {
				out = append(out, f)
			}
		}
		return out
	}
	check := func(p *groundProblem) (real, said int) {
		with := p.pairs(context.Background())
		states, met := []bitset{p.init}, map[uint64]bool{p.init[0]: true}
		together := map[[2]int]bool{}
		for len(states) > 0 {
			s := states[0]
			states = states[1:]
			for f := range p.facts {
				for g := range p.facts {
					if s.has(f) && s.has(g) {
						together[[2]int{f, g}] = true
					}
				}
			}
			for _, a := range p.nodes {
				if !holds(s, a.pre) {
					continue
				}
				next := bitset{s[0]}
				for _, f := range a.del {
					next.drop(int(f))
				}
				for _, f := range a.add {
					next.set(int(f))
				}
				if !met[next[0]] {
					met[next[0]] = true
					states = append(states, next)
				}
			}
		}
		for f := range p.facts {
			for g := range p.facts {
				if with[f].has(g) {
					said++
				} else if together[[2]int{f, g}] {
					t.Errorf("%d and %d hold together: %+v", f, g, p.nodes)
				}
			}
		}
		return len(together), said
	}
	for range 300 {
		p := &groundProblem{facts: 6, init: bitset{uint64(r.IntN(64))}}
		for range 4 {
			a := groundTask{action: true, pre: some(), add: some()}
			for _, f := range some() {
				if !slices.Contains(a.add, f) {
					a.del = append(a.del, f)
				}
			}
			p.nodes = append(p.nodes, a)
		}
		check(p)
	}
	// A token that is moved is never at two places.
	p := &groundProblem{facts: 4, init: bitset{1}}
	for f := range int32(4) {
		p.nodes = append(p.nodes, groundTask{action: true, pre: []int32{f}, del: []int32{f}, add: []int32{(f + 1) % 4}})
	}
	if real, said := check(p); real != 4 || said != 4 {
		t.Errorf("%d pairs, %d found", real, said)
	}
}
