package verifier

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos/planner/hddl"
)

func parcels(t *testing.T) (*hddl.Domain, *hddl.Problem, string) {
	t.Helper()
	d, p, err := hddl.Load("../hddl/testdata/parcels-domain.hddl", "../hddl/testdata/parcels.hddl")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("testdata/parcels.plan")
	if err != nil {
		t.Fatal(err)
	}
	return d, p, string(raw)
}

func verify(d *hddl.Domain, p *hddl.Problem, text string) error {
	plan, err := ParsePlan("plan", []byte(text))
	if err != nil {
		return err
	}
	return Verify(d, p, plan)
}

func TestVerify(t *testing.T) {
	d, p, plan := parcels(t)
	if err := verify(d, p, plan); err != nil {
		t.Error(err)
	}
	if err := verify(d, p, "a planner's log\n"+plan+"its farewell"); err != nil {
		t.Errorf("with a log around it: %v", err)
	}
	if err := verify(d, p, strings.ReplaceAll(strings.ToUpper(plan), "ROOT", "root")); err != nil {
		t.Errorf("in capitals: %v", err)
	}
}

// TestVerify_mutants breaks the plan in one place; each must be refused for that reason.
func TestVerify_mutants(t *testing.T) {
	cases := []struct{ what, old, new, want string }{
		{"swapped steps", "0 load P1 V1 Depot\n1 Drive V1 Depot Home", "1 Drive V1 Depot Home\n0 load P1 V1 Depot",
			"plan:3: step 0 (load P1 V1 Depot) cannot be executed: (at V1 Depot) does not hold"},
		{"broken precondition", "6 Drive V1 Home Shop", "6 Drive V1 Depot Shop",
			"plan:8: step 6 (Drive V1 Depot Shop) cannot be executed: (at V1 Depot) does not hold"},
		{"broken van", "1 Drive V1", "1 Drive V2", "plan:3: step 1 (Drive V2 Depot Home) cannot be executed: (at V2 Depot) does not hold"},
		{"missing subtask", "-> deliver-by-van 11 0 12 2", "-> deliver-by-van 0 12 2", "plan:12: 11 (get-to V1 Depot) is not below any task"},
		{"missing line", "11 get-to V1 Depot -> stay\n", "", "plan:11: subtask 11 is missing from the plan"},
		{"too many subtasks", "11 get-to V1 Depot -> stay", "11 get-to V1 Depot -> stay 19\n19 get-to V1 Depot -> stay",
			"plan:12: 11 (get-to V1 Depot): method stay has 0 subtasks, the plan 1"},
		{"wrong method", "10 tidy -> all-tidy", "10 tidy -> stay", "plan:21: 10 (tidy): method stay is for get-to"},
		{"method that does not exist", "10 tidy -> all-tidy", "10 tidy -> tidy-up", "plan:21: 10 (tidy): the domain has no method tidy-up"},
		{"wrong arguments", "12 get-to V1 Home ->", "12 get-to V1 Shop ->", "plan:11: 8 (deliver P1 Home): no subtask of the plan is (get-to V1 Home) of method deliver-by-van"},
		{"wrong type", "0 load P1 V1 Depot", "0 load Home V1 Depot", "plan:2: 0 (load Home V1 Depot): Home is not of the type of ?x"},
		{"no such object", "0 load P1", "0 load P9", "plan:2: 0 (load P9 V1 Depot): there is no object P9"},
		{"no such action", "0 load P1", "0 lift P1", "plan:2: 0 (lift P1 V1 Depot): the domain has no action lift"},
		{"two parents", "13 1\n", "13 3\n", "plan:16: task 3 has two parents"},
		{"same id twice", "5 Drive", "4 Drive", "plan:7: id 4 is given twice"},
		{"compound as step", "13 get-to V1 Depot -> stay\n", "", "plan:13: subtask 13 is missing"},
		{"missing root", "root 8 9 10", "root 8 9", "plan:21: 10 (tidy) is not below any task"},
		{"no root", "root 8 9 10\n", "", "no line root"},
		{"cut off", "<==\n", "", "plan:21: the plan is cut off"},
		{"extra step", "root", "19 Drive V1 Shop Home\nroot", "plan:10: 19 (Drive V1 Shop Home) is not below any task"},
	}
	d, p, plan := parcels(t)
	for _, c := range cases {
		if !strings.Contains(plan, c.old) {
			t.Fatalf("%s: nothing to replace", c.what)
		}
		err := verify(d, p, strings.Replace(plan, c.old, c.new, 1))
		var refusal *Refusal
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.what, err, c.want)
		}
	}
}

// TestVerify_files changes the domain or the problem instead: the same plan is then no solution.
func TestVerify_files(t *testing.T) {
	cases := []struct{ what, old, new, want string }{
		{"order of the problem", "(< b c)", "(< b a)", "plan: the initial network: 9 (deliver P2 Shop) must end before 8 (deliver P1 Home) begins"},
		{"goal", "(at V1 Shop)", "(at V1 Home)", "plan: the goal is not reached: (at V1 Home) does not hold"},
		{"condition of a method", ":precondition (at ?v ?to)", ":precondition (broken ?v)",
			"plan:12: 11 (get-to V1 Depot): (broken V1) does not hold, which method stay needs"},
		{"negative condition", "(not (broken ?v)) (not (= ?from ?to))", "(broken ?v)",
			"plan:11: 8 (deliver P1 Home): (broken V1) does not hold, which method deliver-by-van needs"},
		{"forall", "(not (at ?x Depot)))", "(at ?x Depot))", "plan:21: 10 (tidy): (at P1 Depot) does not hold, which method all-tidy needs"},
		{"constraint", ":tasks (and)\n    :constraints ()", ":tasks (and)\n    :constraints (not (= Depot Depot))",
			"plan:21: 10 (tidy): (not (= Depot Depot)) does not hold, which method all-tidy needs"},
		{"sort", ":subtasks (and))", ":subtasks (and) :constraints (sortof ?v - parcel))",
			"plan:12: 11 (get-to V1 Depot): (sortof V1 - parcel) does not hold"},
		{"order of a method", "(< first then)", "(< then first)",
			"plan:4: 2 (unload P1 V1 Home) comes before a condition that must hold before it"},
		{"free variable", ":precondition (road ?via ?to)", ":precondition (and (road ?via ?to) (broken ?w))",
			""},
		{"free variable without a value", ":precondition (road ?via ?to)", ":precondition (and (road ?via ?to) (broken ?w) (at ?w ?via))",
			"whatever ?w is"},
	}
	for _, c := range cases {
		_, _, plan := parcels(t)
		read := func(name string) string {
			raw, err := os.ReadFile("../hddl/testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(string(raw), c.old, c.new, 1)
			if strings.Contains(c.new, "?w") {
				text = strings.Replace(text, "(?v - vehicle ?via ?to - place)", "(?v ?w - vehicle ?via ?to - place)", 1)
			}
			return text
		}
		d, err := hddl.ParseDomain("d", []byte(read("parcels-domain.hddl")))
		if err != nil {
			t.Fatal(c.what, err)
		}
		p, err := hddl.ParseProblem("p", []byte(read("parcels.hddl")), d)
		if err != nil {
			t.Fatal(c.what, err)
		}
		err = verify(d, p, plan)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.what, err, c.want)
		}
	}
}

// TestVerify_moment: in a partially ordered network the condition of a method may hold at any moment between what is ordered
// before it and its first step, and nowhere else.
func TestVerify_moment(t *testing.T) {
	d, err := hddl.ParseDomain("d", []byte(`(define (domain d) (:predicates (on) (done))
		(:task work :parameters ())
		(:method m :parameters () :task (work) :precondition (on) :subtasks (do))
		(:action switch-on :effect (on)) (:action switch-off :effect (not (on))) (:action do :effect (done)))`))
	if err != nil {
		t.Fatal(err)
	}
	for order, good := range map[string]bool{"(< a a2)": true, "(and (< a a2) (< a2 w))": false, "(and (< w a2) (< a a2))": false} {
		p, err := hddl.ParseProblem("p", []byte(`(define (problem p) (:htn :subtasks (and (a (switch-on)) (a2 (switch-off)) (w (work)))
			:ordering `+order+`) (:init))`), d)
		if err != nil {
			t.Fatal(err)
		}
		err = verify(d, p, "==>\n0 switch-on\n1 switch-off\n2 do\nroot 0 1 3\n3 work -> m 2\n<==\n")
		if (err == nil) != good {
			t.Errorf("order %s: %v", order, err)
		}
	}
}

// TestVerify_readings: where subtasks are equal but for their arguments, the list of the plan may be in any order, and a reading
// that fails, by its condition or far below, is not the last.
func TestVerify_readings(t *testing.T) {
	d, p := load(t, `(define (domain d) (:types o) (:predicates (pair ?a ?b - o) (first ?a - o) (done ?a - o))
		(:task do :parameters ()) (:task get :parameters (?a - o))
		(:method both :parameters (?a ?b ?c - o) :task (do) :precondition (pair ?a ?b) :ordered-subtasks (and (get ?a) (get ?b) (get ?c)))
		(:method it :parameters (?a - o) :task (get ?a) :ordered-subtasks (and (take ?a)))
		(:action take :parameters (?a - o) :effect (done ?a)))`,
		`(define (problem p) (:domain d) (:objects x y z - o) (:htn :ordered-subtasks (do)) (:init (pair y x)) (:goal (done z)))`)
	plan := "==>\n0 take y\n1 take x\n2 take z\nroot 3\n3 do -> both LIST\n4 get y -> it 0\n5 get x -> it 1\n6 get z -> it 2\n<==\n"
	for _, list := range []string{"4 5 6", "5 4 6", "6 5 4"} {
		if err := verify(d, p, strings.Replace(plan, "LIST", list, 1)); err != nil {
			t.Errorf("with %s: %v", list, err)
		}
	}
	wrong := strings.NewReplacer("LIST", "4 5 6", "0 take y", "0 take x", "1 take x", "1 take y", "it 0", "it 1", "it 1", "it 0").Replace(plan)
	if err := verify(d, p, wrong); err == nil || !strings.Contains(err.Error(), "must end before") {
		t.Errorf("in the wrong order: %v", err)
	}
}

func load(t *testing.T, domain, problem string) (*hddl.Domain, *hddl.Problem) {
	t.Helper()
	dir := t.TempDir()
	names := [2]string{filepath.Join(dir, "domain"), filepath.Join(dir, "problem")}
	for i, text := range []string{domain, problem} {
		if err := os.WriteFile(names[i], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, p, err := hddl.Load(names[0], names[1])
	if err != nil {
		t.Fatal(err)
	}
	return d, p
}

// TestVerify_deep: a plan may be as deep as it is long. Two hundred thousand tasks below each other once overran the stack,
// which nothing catches.
func TestVerify_deep(t *testing.T) {
	d, p := load(t, `(define (domain d) (:predicates (on)) (:task go :parameters ())
		(:method more :parameters () :task (go) :ordered-subtasks (and (step) (go)))
		(:method stop :parameters () :task (go) :precondition (on) :subtasks ())
		(:action step :parameters () :effect (on)))`,
		`(define (problem p) (:domain d) (:htn :ordered-subtasks (go)) (:init) (:goal (on)))`)
	const n = 200_000
	var b strings.Builder
	b.WriteString("==>\n")
	for i := range n {
		fmt.Fprintf(&b, "%d step\n", i)
	}
	fmt.Fprintf(&b, "root %d\n", n)
	for i := range n {
		fmt.Fprintf(&b, "%d go -> more %d %d\n", n+i, i, n+i+1)
	}
	fmt.Fprintf(&b, "%d go -> stop\n<==\n", 2*n)
	if err := verify(d, p, b.String()); err != nil {
		t.Error(err)
	}
}
