package hddl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func parcels(t testing.TB) (domain, problem string) {
	return string(readFile(t, "testdata/parcels-domain.hddl")), string(readFile(t, "testdata/parcels.hddl"))
}

func parse(domain, problem string) (*Domain, *Problem, error) {
	d, err := ParseDomain("d.hddl", []byte(domain))
	if err != nil {
		return nil, nil, err
	}
	p, err := ParseProblem("p.hddl", []byte(problem), d)
	return d, p, err
}

func TestParse(t *testing.T) {
	d, p, err := parse(parcels(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(d.Methods) + len(d.Actions) + len(d.Tasks) + len(d.Predicates); got != 5+3+3+4 {
		t.Errorf("%d declarations", got)
	}
	m := d.Methods[0]
	if m.Name.Text != "deliver-by-van" || m.Name.Line != 15 || m.Name.Col != 12 {
		t.Errorf("first method: %+v", m.Name)
	}
	if len(m.Network.Order) != 3 || m.Network.Order[2] != [2]int{2, 3} {
		t.Errorf("order %v", m.Network.Order)
	}
	if d.Actions[0].Name.Text != "Drive" || d.Actions[0].Name.Key != "drive" {
		t.Errorf("case: %+v", d.Actions[0].Name)
	}
	if !d.Types.Is("van", "thing") || d.Types.Is("thing", "van") || !d.Types.Is("place", "object") {
		t.Error("hierarchy of types")
	}
	if d.Actions[0].Cost != 1 {
		t.Errorf("cost %d", d.Actions[0].Cost)
	}
	if got := p.Network.Order; len(got) != 2 || got[1] != [2]int{1, 2} {
		t.Errorf("order of the problem %v", got)
	}
	if len(p.Init) != 9 || len(p.Objects) != 6 {
		t.Errorf("%d facts, %d objects", len(p.Init), len(p.Objects))
	}
}

// TestParse_refuses changes one thing in good files; each must be refused at its place.
func TestParse_refuses(t *testing.T) {
	cases := []struct{ old, new, want string }{
		{"(at ?x ?to)\n    :subtasks ()", "(or (at ?x ?to))\n    :subtasks ()", "d.hddl:27:19: disjunction (or) is not supported"},
		{"(at ?x ?to)\n    :subtasks ()", "(exists (?y - place) (at ?x ?y))\n    :subtasks ()", "d.hddl:27:19: exists is not supported"},
		{"(not (at ?v ?a)) (at ?v ?b)", "(when (at ?v ?a) (at ?v ?b))", "d.hddl:50:18: conditional effects (when) are not supported"},
		{"(not (at ?v ?a)) (at ?v ?b)", "(increase (fuel) 3)", "d.hddl:50:18: numbers are not supported"},
		{"(:task tidy", "(:functions (fuel ?v)) (:task tidy", "d.hddl:13:15: numbers are not supported"},
		{"(:action Drive", "(:durative-action Drive", "d.hddl:47:3: section :durative-action is not supported"},
		{"(road ?via ?to)", "(raod ?via ?to)", "d.hddl:37:20: predicate raod is not declared"},
		{"(road ?via ?to)", "(road ?via)", "d.hddl:37:20: predicate road takes 2 arguments, not 1"},
		{"(road ?via ?to)", "(road ?vja ?to)", "d.hddl:37:25: variable ?vja is not declared"},
		{"(road ?via ?to)", "(road ?via Nowhere)", "d.hddl:37:30: object Nowhere is not declared"},
		{"(< first then)", "(< first last)", `d.hddl:39:29: no task here has the label "last"`},
		{"(< first then)", "(< first then) (< then first)", "d.hddl:39:15: the ordering is a cycle"},
		{":task (tidy)", ":task (Drive V A B)", "d.hddl:42:12: Drive is not a compound task"},
		{"?v - Van", "?v - Vann", "d.hddl:16:35: type Vann is not declared"},
		{":tasks (and)", ":tasks (and) :ordered-tasks (and)", "d.hddl:44:33: tasks are given twice"},
		{":tasks (and)", ":tasks (and) :colour red", "d.hddl:44:18: :colour is not supported here"},
		{":constraints ()", ":constraints (road Depot Depot)", "d.hddl:45:18: a constraint is about"},
		{"(:task tidy", "(:task deliver :parameters ()) (:task tidy", "d.hddl:13:10: task deliver is declared twice"},
		{"(:domain Parcels)", "(:domain Parcels) (:goal (exists (?x - van) (broken ?x)))", "p.hddl:2:28: exists is not supported"},
		{"(broken V2)", "(= (fuel V2) 3)", "p.hddl:8:32: numbers are not supported"},
		{"(broken V2)", "(broken V3)", "p.hddl:8:40: object V3 is not declared"},
		{"(< b c)))", "(< b c)) :parameters ())", "p.hddl:6:37: :parameters is given twice"},
		{"(define (problem", "(define (problemm", "p.hddl:1:9: want (problem NAME)"},
		{"(at V1 Shop))))", "(at V1 Shop)))", "p.hddl:1:1: this ( is never closed"},
		{"(at V1 Shop))))", "(at V1 Shop)))))", "p.hddl:11:43: unexpected text after the end"},
	}
	for _, c := range cases {
		d, p := parcels(t)
		if strings.Count(d, c.old)+strings.Count(p, c.old) < 1 {
			t.Fatalf("nothing to replace: %q", c.old)
		}
		_, _, err := parse(strings.Replace(d, c.old, c.new, 1), strings.Replace(p, c.old, c.new, 1))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s:\n got %v\nwant %s", c.new, err, c.want)
		}
	}
}

// TestParse_forms holds what may be written in several ways.
func TestParse_forms(t *testing.T) {
	wrap := func(body string) string {
		return "(define (domain D) (:types a b - (either c object)) (:task T :parameters (?x -a)) (:action P :parameters (?x))" +
			"(:method M :parameters (?x ?y - a) :task (t ?x) " + body + "))"
	}
	for body, want := range map[string][2]int{ // tasks, pairs in order
		":subtasks (P ?x)":                                   {1, 0},
		":tasks (and (P ?x) (p ?y))":                         {2, 0},
		":ordered-subtasks (and (P ?x) (one (P ?y)) (P ?y))": {3, 2},
		":ordered-tasks ((P ?x) (P ?y))":                     {2, 1},
		":subtasks ()":                                       {0, 0},
		":subtasks (and ())":                                 {0, 0},
		"":                                                   {0, 0},
		":subtasks (and (a (P ?x)) (b (P ?y))) :order (< a b)":                                      {2, 1},
		":subtasks ((a (P ?x)) (b (P ?y))) :ordering ((a < b))":                                     {2, 1},
		":subtasks (P ?x) :constraints (and (not (= ?x ?y)) (sortof ?x - b) (not (sortof ?y - b)))": {1, 0},
	} {
		d, err := ParseDomain("d", []byte(wrap(body)))
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if n := d.Methods[0].Network; len(n.Tasks) != want[0] || len(n.Order) != want[1] {
			t.Errorf("%s: %d tasks, %d pairs", body, len(n.Tasks), len(n.Order))
		}
	}
}

func TestParse_costs(t *testing.T) {
	d, err := ParseDomain("d", []byte(`(define (domain d) (:predicates (p)) (:functions (total-cost) - number)
		(:action a :effect (and (p) (increase (total-cost) 7))) (:action b :effect (not (p))))`))
	if err != nil {
		t.Fatal(err)
	}
	if d.Actions[0].Cost != 7 || d.Actions[1].Cost != 0 || len(d.Actions[0].Effect.Sub) != 1 {
		t.Errorf("%+v", d.Actions)
	}
}

func TestParse_bounds(t *testing.T) {
	deep := strings.Repeat("(", 1<<20)
	if _, err := ParseDomain("d", []byte(deep)); err == nil || !strings.Contains(err.Error(), "nest deeper") {
		t.Errorf("deep lists: %v", err)
	}
	// A domain may be as large as the competition's largest, 4 MB, and still be read at once.
	var b strings.Builder
	b.WriteString("(define (problem big) (:htn :subtasks ()) (:init")
	for b.Len() < 4<<20 {
		b.WriteString("\n  (road Depot Depot) ; and back")
	}
	b.WriteString("\n))")
	d, _ := parcels(t)
	if _, _, err := parse(d, b.String()); err != nil {
		t.Errorf("large problem: %v", err)
	}
}

// TestShared reads every file of the competition that is at hand.
func TestShared(t *testing.T) {
	n := 0
	for _, c := range Shared(t) {
		if _, _, err := Load(c[0], c[1]); err != nil {
			t.Error(err)
		}
		n++
	}
	t.Logf("%d problems", n)
}

func FuzzParse(f *testing.F) {
	d, p := parcels(f)
	f.Add(d, p)
	f.Add("(define (domain d))", "(define (problem p) (:htn))")
	f.Fuzz(func(t *testing.T, domain, problem string) {
		_, _, err := parse(domain, problem)
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Col < 1 || e.File == "") {
			t.Errorf("an error without its place: %v", err)
		}
	})
}

// Shared lists the domain and problem files of the competition's folder, or skips the test where it is absent.
func Shared(t *testing.T) [][2]string {
	root := os.Getenv("HDDL_DIR")
	if root == "" {
		root = "../../../shared/hddl"
	}
	out, err := Pairs(root)
	if err != nil || len(out) == 0 {
		t.Skipf("the competition's domains are not at %s: set HDDL_DIR", filepath.Base(root))
	}
	return out
}
