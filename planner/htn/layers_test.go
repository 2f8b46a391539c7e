package htn

import (
	"context"
	"strings"
	"testing"

	"github.com/jitos/jitos/planner/bench/families"
)

// layered searches by satisfiability alone.
func layered(t *testing.T, domain, problem string, nodes int) (*layers, outcome) {
	t.Helper()
	s, end := alone(t, domain, problem, startLayers, nodes)
	return s.(*layers), end
}

// TestLayers finds plans of the totally ordered families by satisfiability alone, and the verifier accepts them. However the
// nodes are cut into slices, the same formula is made.
func TestLayers(t *testing.T) {
	for _, i := range families.All() {
		small := map[string]int{"arms": 2, "courier": 2, "joinery": 2, "patience": 2, "rescue-some-seen": 2, "wires": 4, "works": 2}
		if i.Number > small[i.Family] {
			continue
		}
		l, end := layered(t, i.Domain, i.Problem, 1_000_000)
		if end != found {
			t.Errorf("%s %d: %v after %d layers", i.Family, i.Number, end, len(l.rows))
		}
		if i.Number == 2 {
			again := startLayers(l.p, nil).(*layers)
			for end = paused; end == paused; {
				end, _ = again.run(context.Background(), 500)
			}
			if end != found || again.sat.Work != l.sat.Work || again.plan().String() != l.plan().String() {
				t.Errorf("%s %d: %v in slices, with %d of work and not %d", i.Family, i.Number, end, again.sat.Work, l.sat.Work)
			}
		}
	}
}

// TestLayersAgain: after a plan comes another, of other methods, until there is none in reach; that proves nothing.
func TestLayersAgain(t *testing.T) {
	domain := `(define (domain ways) (:predicates (p)) (:task t :parameters ())
 (:method a :parameters () :task (t) :ordered-subtasks (and (x)))
 (:method b :parameters () :task (t) :ordered-subtasks (and (y) (x)))
 (:method c :parameters () :task (t) :subtasks ())
 (:action x :effect (p)) (:action y :effect (not (p))))`
	l, end := layered(t, domain, `(define (problem p) (:htn :ordered-subtasks (and (t) (t))) (:init) (:goal (p)))`, 100_000)
	plans := map[string]bool{}
	for ; end == found; end, _ = l.run(context.Background(), 100_000) {
		plans[l.plan().methods()] = true
	}
	if len(plans) != 8 || end != gaveUp {
		t.Errorf("%d plans, and then %v", len(plans), end)
	}
}

// TestCheapIsNoProof: a task that fails in a state by what comes after it is not tried there again by most searches, though the
// empty method that they begin with may do where it is asked for next. They prove nothing then, and the complete search finds
// the plan.
func TestCheapIsNoProof(t *testing.T) {
	d, p := parse(t, `(define (domain cheap) (:predicates (p) (q) (r)) (:task top :parameters ()) (:task t :parameters ())
 (:method early :parameters () :task (top) :ordered-subtasks (and (t) (never)))
 (:method right :parameters () :task (top) :ordered-subtasks (and (t) (check)))
 (:method late :parameters () :task (top) :ordered-subtasks (and (t) (never)))
 (:method nothing :parameters () :task (t) :subtasks ())
 (:method something :parameters () :task (t) :ordered-subtasks (and (make)))
 (:method other :parameters () :task (t) :ordered-subtasks (and (maybe)))
 (:action make :effect (p)) (:action check :precondition (p)) (:action never :precondition (q)) (:action maybe :precondition (r) :effect (q)) (:action so :effect (r)))`,
		`(define (problem p) (:htn :ordered-subtasks (and (top))) (:init))`)
	m, err := compile(d, p)
	if err != nil {
		t.Fatal(err)
	}
	for cheap, want := range map[bool]outcome{true: gaveUp, false: found} {
		if end, err := newDFS(newEngine(m), dfsSettings{cheap: cheap}).run(context.Background(), 1000); end != want || err != nil {
			t.Errorf("cheap %v: %v, %v", cheap, end, err)
		}
	}
	if res := solve(t, d, p, Options{Budget: 1000}); len(res.Plans) == 0 {
		t.Errorf("%+v", res)
	}
}

// TestLayersProof: that there is no plan shows in a layer that need not end there, and only where that is so.
func TestLayersProof(t *testing.T) {
	domain := `(define (domain steps) (:types n) (:predicates (at ?n - n) (next ?m ?n - n) (hole ?n - n))
 (:task go :parameters (?n - n))
 (:method there :parameters (?n - n) :task (go ?n) :precondition (at ?n) :subtasks ())
 (:method on :parameters (?n ?l ?m - n) :task (go ?n) :precondition (and (at ?l) (next ?l ?m)) :ordered-subtasks (and (step ?l ?m) (go ?n)))
 (:action step :parameters (?l ?m - n) :precondition (and (at ?l) (not (hole ?m))) :effect (and (at ?m) (not (at ?l)) (hole ?l)))
 (:action fill :parameters (?n - n) :precondition (at ?n) :effect (not (hole ?n))))`
	problem := func(goal string) string {
		return `(define (problem p) (:objects a b c d - n) (:htn :ordered-subtasks (and (go c) (go ` + goal + `))) (:init (at a) (next a b) (next b c) (next c b) (next c d)))`
	}
	if l, end := layered(t, domain, problem("d"), 100_000); end != found {
		t.Errorf("to d: %v after %d layers", end, len(l.rows))
	}
	if l, end := layered(t, domain, problem("b"), 100_000); end != exhausted {
		t.Errorf("back to b: %v after %d layers", end, len(l.rows))
	}
}

// TestLayers_wide: a layer is made in slices however wide a position is.
func TestLayers_wide(t *testing.T) {
	domain := `(define (domain wide) (:predicates (p) (q)) (:task t :parameters ())
 (:method a :parameters () :task (t) :ordered-subtasks (and (x) (y))) (:method b :parameters () :task (t) :ordered-subtasks (and (y) (x)))
 (:action x :parameters () :precondition (p) :effect (and (not (p)) (q))) (:action y :parameters () :effect (p)))`
	problem := "(define (problem p) (:domain wide) (:htn :ordered-subtasks (and" + strings.Repeat(" (t)", 2000) + ")) (:init (p)) (:goal (q)))"
	d, p := parse(t, domain, problem)
	l := startLayers(groundOf(t, d, p), nil)
	most, end := 0, paused
	for end == paused {
		before := l.expanded()
		end, _ = l.run(context.Background(), 100)
		most = max(most, l.expanded()-before)
	}
	if end != found {
		t.Fatal(end)
	}
	checkPlans(t, d, p, &Result{Plans: []*Plan{l.plan()}})
	if most > 1000 {
		t.Errorf("%d nodes at once", most)
	}
	t.Log(most, l.expanded())
}
