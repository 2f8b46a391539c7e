package htn

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/jitos/jitos/planner/bench/families"
	"github.com/jitos/jitos/planner/hddl"
	"github.com/jitos/jitos/planner/verifier"
)

// parse reads a domain and a problem from text.
func parse(t testing.TB, domain, problem string) (*hddl.Domain, *hddl.Problem) {
	t.Helper()
	d, err := hddl.ParseDomain("domain", []byte(domain))
	if err != nil {
		t.Fatal(err)
	}
	p, err := hddl.ParseProblem("problem", []byte(problem), d)
	if err != nil {
		t.Fatal(err)
	}
	return d, p
}

func parcels(t testing.TB) (*hddl.Domain, *hddl.Problem) {
	t.Helper()
	d, p, err := hddl.Load("../hddl/testdata/parcels-domain.hddl", "../hddl/testdata/parcels.hddl")
	if err != nil {
		t.Fatal(err)
	}
	return d, p
}

// solve plans, and has every plan checked by the verifier.
func solve(t testing.TB, d *hddl.Domain, p *hddl.Problem, o Options) *Result {
	t.Helper()
	res, err := Solve(context.Background(), d, p, o)
	if err != nil {
		t.Fatal(err)
	}
	checkPlans(t, d, p, res)
	return res
}

// checkPlans has every plan checked by the verifier.
func checkPlans(t testing.TB, d *hddl.Domain, p *hddl.Problem, res *Result) {
	t.Helper()
	for _, plan := range res.Plans {
		text := plan.String()
		read, err := verifier.ParsePlan("plan", []byte(text))
		if err == nil {
			err = verifier.Verify(d, p, read)
		}
		if err != nil {
			t.Errorf("%s: %v\n%.2000s", p.File, err, text)
		}
	}
}

// groundOf returns the ground problem.
func groundOf(t testing.TB, d *hddl.Domain, p *hddl.Problem) *groundProblem {
	t.Helper()
	m, err := compile(d, p)
	if err != nil {
		t.Fatal(err)
	}
	g, ok, err := ground(context.Background(), newEngine(m), 1_000_000)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	return g
}

// alone lets one search on the ground problem run, and checks the plan that it finds.
func alone(t testing.TB, domain, problem string, start func(*groundProblem, *relaxation) search, nodes int) (search, outcome) {
	t.Helper()
	d, p := parse(t, domain, problem)
	g := groundOf(t, d, p)
	s := start(g, newRelaxation(g))
	end, err := s.run(context.Background(), nodes)
	if err != nil {
		t.Fatal(err)
	}
	if end == found {
		checkPlans(t, d, p, &Result{Plans: []*Plan{s.plan()}})
	}
	return s, end
}

// shared lists the competition's problems below a folder, or skips where they are absent.
func shared(t *testing.T, folder string) [][2]string {
	t.Helper()
	root := os.Getenv("HDDL_DIR")
	if root == "" {
		root = "../../../shared/hddl"
	}
	pairs, err := hddl.Pairs(root + "/" + folder)
	if err != nil || len(pairs) == 0 {
		t.Skip("the competition's domains are absent: set HDDL_DIR")
	}
	return pairs
}

func TestSolve(t *testing.T) {
	d, p := parcels(t)
	res := solve(t, d, p, Options{})
	if len(res.Plans) != 1 {
		t.Fatalf("no plan: %+v", res)
	}
	if text := res.Plans[0].String(); !strings.Contains(text, "Drive V1 Depot Home") {
		t.Errorf("case is not as written:\n%s", text)
	}
}

// TestFeatures: the competition's small tests, one for each thing that a planner must read.
func TestFeatures(t *testing.T) {
	for _, pair := range shared(t, "features") {
		d, p, err := hddl.Load(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if res := solve(t, d, p, Options{}); len(res.Plans) == 0 {
			t.Errorf("%s: no plan", pair[1])
		}
	}
}

// TestSolve_noPlan: where everything was searched, that is a proof.
func TestSolve_noPlan(t *testing.T) {
	d, p := parse(t, `(define (domain d) (:predicates (p) (q))
		(:task t :parameters ()) (:method m :parameters () :task (t) :ordered-subtasks (and (a) (b)))
		(:action a :effect (p)) (:action b :precondition (q)))`, `(define (problem p) (:htn :ordered-subtasks (t)) (:init))`)
	if res := solve(t, d, p, Options{}); len(res.Plans) > 0 || !res.Proved {
		t.Errorf("%+v", res)
	}
}

// TestSolve_brokenByAnEarlierStep: what held when the method was chosen is tested again when the step is executed.
func TestSolve_brokenByAnEarlierStep(t *testing.T) {
	d, p := parse(t, `(define (domain d) (:predicates (p) (q))
		(:task t :parameters ()) (:method m :parameters () :task (t) :ordered-subtasks (and (a) (b)))
		(:action a :effect (not (p))) (:action b :precondition (p) :effect (q)))`, `(define (problem p) (:htn :ordered-subtasks (t)) (:init (p)))`)
	if res := solve(t, d, p, Options{}); len(res.Plans) > 0 || !res.Proved {
		t.Errorf("%+v", res)
	}
}

// TestSolve_deterministic: the same input and budget give the same bytes, on one core and on two, however often; and whichever search
// it is that finds the plan.
func TestSolve_deterministic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	same := func(domain, problem string, runs int) (by string) {
		d, p := parse(t, domain, problem)
		want := ""
		for i := range runs {
			runtime.GOMAXPROCS(1 + i%2)
			res := solve(t, d, p, Options{Budget: 5_000_000})
			if len(res.Plans) == 0 {
				t.Fatalf("no plan: %+v", res)
			}
			got := fmt.Sprintf("%s %d\n%s", res.By, res.Nodes, res.Plans[0])
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("run %d:\n%s\nbut before\n%s", i, got, want)
			}
			by = res.By
		}
		return by
	}
	same(tower, towerProblem, 50)
	tracks := map[string]bool{}
	for _, i := range families.All() {
		if i.Number == map[string]int{"courier": 2, "joinery-no-order": 2, "wires": 5}[i.Family] {
			tracks[same(i.Domain, i.Problem, 2)] = true
		}
	}
	domain, problem := tiles([][2]string{{"01", "0"}, {"1", "101"}, {"0", "1"}})
	tracks[same(domain, problem, 2)] = true
	if len(tracks) < 3 {
		t.Errorf("all were found by the same searches: %v", tracks)
	}
}

// TestSolve_cut: when the time is up, the answer says so and claims nothing.
func TestSolve_cut(t *testing.T) {
	d, p := parcels(t)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	res, err := Solve(ctx, d, p, Options{})
	if err != nil || !res.Truncated || res.Proved {
		t.Errorf("%+v, %v", res, err)
	}
	if res, err = Solve(context.Background(), d, p, Options{Budget: 1}); err != nil || !res.Truncated || res.Proved {
		t.Errorf("with a budget of one node: %+v, %v", res, err)
	}
}

// tower has free variables in its initial network: both tracks look for the one choice that reaches the goal.
const tower = `(define (domain tower) (:types block)
	(:predicates (on ?x ?y - block) (table ?x - block) (clear ?x - block))
	(:task make :parameters (?x ?y - block))
	(:task free :parameters (?x - block))
	(:method put :parameters (?x ?y - block) :task (make ?x ?y) :ordered-subtasks (and (free ?x) (free ?y) (move ?x ?y)))
	(:method is-free :parameters (?x - block) :task (free ?x) :precondition (clear ?x) :ordered-subtasks ())
	(:method take-off :parameters (?x ?z - block) :task (free ?x) :precondition (on ?z ?x)
		:ordered-subtasks (and (free ?z) (drop ?z ?x)))
	(:action move :parameters (?x ?y - block) :precondition (and (clear ?x) (clear ?y) (table ?x) (not (= ?x ?y)))
		:effect (and (not (table ?x)) (not (clear ?y)) (on ?x ?y)))
	(:action drop :parameters (?x ?y - block) :precondition (and (clear ?x) (on ?x ?y))
		:effect (and (table ?x) (clear ?y) (not (on ?x ?y)))))`

const towerProblem = `(define (problem p) (:objects a b c d e - block)
	(:htn :parameters (?w ?x ?y ?z - block) :ordered-subtasks (and (make ?w ?x) (make ?x ?y) (make ?y ?z)))
	(:init (on a b) (on b c) (table c) (table d) (table e) (clear a) (clear d) (clear e))
	(:goal (and (table e) (clear d) (not (clear e)) (not (table d)))))`

// TestSolve_interleaves: two partially ordered tasks whose steps must alternate; no order of whole tasks is a plan.
func TestSolve_interleaves(t *testing.T) {
	d, p := parse(t, `(define (domain turns) (:predicates (mine) (n0) (n1) (n2) (n3))
		(:task left :parameters ()) (:task right :parameters ())
		(:method l :parameters () :task (left) :ordered-subtasks (and (a) (c)))
		(:method r :parameters () :task (right) :precondition (n1) :subtasks (and (x (b)) (y (d))) :ordering (< x y))
		(:action a :precondition (n0) :effect (and (not (n0)) (n1)))
		(:action b :precondition (n1) :effect (and (not (n1)) (n2)))
		(:action c :precondition (n2) :effect (and (not (n2)) (n3)))
		(:action d :precondition (n3) :effect (mine)))`,
		`(define (problem p) (:htn :subtasks (and (left) (right))) (:init (n0)) (:goal (mine)))`)
	res := solve(t, d, p, Options{})
	if len(res.Plans) != 1 || res.Plans[0].Steps() != 4 {
		t.Fatalf("%+v", res)
	}
	// The same with the right one first in order: then nothing can begin.
	_, p = parse(t, `(define (domain turns))`, `(define (problem q) (:htn))`)
	if res := solve(t, &hddl.Domain{Types: d.Types}, p, Options{}); len(res.Plans) != 1 || res.Plans[0].Steps() != 0 {
		t.Errorf("nothing to do: %+v", res)
	}
	p2, err := hddl.ParseProblem("p", []byte(`(define (problem p) (:htn :ordered-subtasks (and (right) (left))) (:init (n0)) (:goal (mine)))`), d)
	if err != nil {
		t.Fatal(err)
	}
	if res := solve(t, d, p2, Options{}); len(res.Plans) > 0 || !res.Proved {
		t.Errorf("a plan that cannot be, or no proof: %+v", res)
	}
}

// TestSolve_recursion: what a recursion to the left does with nothing changed is cut, and yet no false proof comes of it.
func TestSolve_recursion(t *testing.T) {
	d, p := parse(t, `(define (domain d) (:predicates (n0) (n1) (n2) (n3))
		(:task count :parameters ())
		(:method more :parameters () :task (count) :ordered-subtasks (and (count) (up)))
		(:method none :parameters () :task (count) :ordered-subtasks ())
		(:task up :parameters ())
		(:method u1 :parameters () :task (up) :precondition (n0) :ordered-subtasks (a)) (:method u2 :parameters () :task (up) :precondition (n1) :ordered-subtasks (b))
		(:action a :precondition (n0) :effect (and (not (n0)) (n1))) (:action b :precondition (n1) :effect (and (not (n1)) (n2))))`,
		`(define (problem p) (:htn :ordered-subtasks (count)) (:init (n0)) (:goal (n2)))`)
	if res := solve(t, d, p, Options{Budget: 1_000_000}); res.Proved || len(res.Plans) != 1 {
		t.Errorf("two times to the left: %+v", res)
	}
}

// TestSolve_waitsForAll: a step behind two others begins after both, even where only the wrong order would reach the goal.
func TestSolve_waitsForAll(t *testing.T) {
	d, p := parse(t, `(define (domain d) (:predicates (p) (q)) (:action x) (:action y :precondition (p) :effect (q)) (:action z :effect (p)))`,
		`(define (problem p) (:htn :subtasks (and (a (x)) (b (y)) (c (z))) :ordering (and (< a c) (< b c))) (:init) (:goal (q)))`)
	if res := solve(t, d, p, Options{}); len(res.Plans) > 0 {
		t.Errorf("a plan that cannot be: %v", res.Plans[0])
	}
	p, err := hddl.ParseProblem("p", []byte(`(define (problem p) (:htn :subtasks (and (a (x)) (b (y)) (c (z))) :ordering (and (< a b) (< c b))) (:init) (:goal (q)))`), d)
	if err != nil {
		t.Fatal(err)
	}
	if res := solve(t, d, p, Options{}); len(res.Plans) != 1 {
		t.Errorf("no plan: %+v", res)
	}
}

// TestGround_limit: a grounding that was cut off, even by its very last instance, is not taken for a whole one. It was, and
// what it lacked was then proved to be impossible.
func TestGround_limit(t *testing.T) {
	d, p := parse(t, `(define (domain d) (:types n) (:predicates (at ?x - n) (next ?x ?y - n) (end))
		(:task go) (:method on :parameters (?x ?y - n) :task (go) :precondition (at ?x) :ordered-subtasks (and (step ?x ?y) (go)))
		(:method stop :parameters () :task (go) :subtasks (finish))
		(:action step :parameters (?x ?y - n) :precondition (and (at ?x) (next ?x ?y)) :effect (and (not (at ?x)) (at ?y)))
		(:action finish :precondition (at e) :effect (end)) (:constants a b c d e - n))`,
		`(define (problem p) (:htn :ordered-subtasks (go)) (:init (at a) (next a b) (next b c) (next c d) (next d e)) (:goal (end)))`)
	m, err := compile(d, p)
	if err != nil {
		t.Fatal(err)
	}
	whole := false
	inPieces := newGrounder(newEngine(m)) // goes on where it was cut, whether in the midst of a fact or not
	for limit := 1; limit < 40; limit++ {
		g, ok, err := ground(context.Background(), newEngine(m), limit)
		if err != nil {
			t.Fatal(err)
		}
		if whole = ok; ok && !g.possible {
			t.Fatalf("with %d instances at most there is no plan", limit)
		}
		done, err := inPieces.more(context.Background(), limit)
		if err != nil {
			t.Fatal(err)
		}
		if done != ok {
			t.Errorf("with %d instances at most: whole is %v at once and %v in pieces", limit, ok, done)
		}
	}
	if !whole {
		t.Error("40 instances are not enough")
	}
	at, _, _ := ground(context.Background(), newEngine(m), 40)
	pieces := inPieces.build(context.Background(), newEngine(m))
	if len(pieces.methods) != len(at.methods) || len(pieces.nodes) != len(at.nodes) || pieces.facts != at.facts {
		t.Errorf("in pieces: %d methods, %d tasks, %d facts; at once: %d, %d, %d", len(pieces.methods), len(pieces.nodes), pieces.facts, len(at.methods), len(at.nodes), at.facts)
	}
}
