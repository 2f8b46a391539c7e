package htn

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

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

// TestSolve_deterministic: the same input and budget give the same bytes, on one core and on two, however often.
func TestSolve_deterministic(t *testing.T) {
	d, p := parse(t, tower, towerProblem)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	want := ""
	for i := range 50 {
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

// tower needs the grounded search: the methods do not say which block to clear first, and depth first takes the wrong one.
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
