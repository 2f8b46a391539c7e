package htn

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// boats is a domain of one task; each case adds methods and facts to it.
const boats = `(define (domain boats) (:types boat crew - thing port) (:constants A B C - port)
	(:predicates (at ?x - thing ?p - port) (sea ?a ?b - port) (leaks ?b - boat) (on ?c - crew ?b - boat) (licence ?c - crew) (done))
	(:task trip :parameters (?b - boat ?to - port))
	(:task board :parameters (?c - crew ?b - boat))
	(:task fix :parameters (?b - boat))
	(:method stay :parameters (?b - boat ?to - port) :task (trip ?b ?to) :precondition (at ?b ?to) :ordered-subtasks ())
	%s
	(:action sail :parameters (?b - boat ?from ?to - port)
		:precondition (and (at ?b ?from) (sea ?from ?to) (not (leaks ?b))) :effect (and (not (at ?b ?from)) (at ?b ?to)))
	(:action enter :parameters (?c - crew ?b - boat ?p - port) :precondition (and (at ?c ?p) (at ?b ?p)) :effect (on ?c ?b))
	(:action sink :parameters (?b - boat) :effect (leaks ?b))
	(:action creep :parameters (?b - boat) :precondition (not (done)))
	(:action ring :effect (done)))`

const boatsProblem = `(define (problem p) (:objects Ann - boat Jo Kim - crew)
	(:htn :ordered-subtasks (trip Ann %s))
	(:init (at Ann A) (sea B C) (at Jo A) (at Kim B) (licence Kim)) %s)`

// TestExplain: for each method that was not used, the reason a person would give.
func TestExplain(t *testing.T) {
	direct := `(:method direct :parameters (?b - boat ?from ?to - port) :task (trip ?b ?to) :ordered-subtasks (sail ?b ?from ?to))`
	cases := []struct {
		name, methods, to, goal string
		method                  string
		want                    jitos.WhyNot
	}{
		{"a fact that is missing", direct, "B", "", "direct",
			jitos.WhyNot{Task: "trip Ann B", Reason: "step sail: action sail needs (sea ?from ?to): there is no (sea ?from B)", Condition: "(sea ?from ?to)", Nearest: []string{"(sea B C)"}}},
		{"a fact that is elsewhere", direct, "C", "", "direct",
			jitos.WhyNot{Task: "trip Ann C", Reason: "step sail: action sail needs (at ?b ?from): there is no (at Ann B)", Nearest: []string{"(at Ann A)", "(at Kim B)"}}},
		{"a method that was not needed", direct, "A", "", "stay", jitos.WhyNot{}},
		{"another method of a solved task", direct, "A", "", "direct",
			jitos.WhyNot{Task: "trip Ann A", Reason: "step sail: action sail needs (sea ?from ?to): there is no (sea ?from A)", Nearest: []string{"(sea B C)"}}},
		{"a condition that holds", `(:method wait :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (ring))`, "A", "", "wait",
			jitos.WhyNot{Task: "trip Ann A", Reason: "its conditions hold, and there is a candidate that costs less or comes first"}},
		{"a negated condition", `(:method swim :parameters (?b - boat ?to - port) :task (trip ?b ?to) :precondition (not (at ?b A)) :ordered-subtasks (ring))`, "B", "", "swim",
			jitos.WhyNot{Reason: "it must not be, but there is: (at Ann A)", Condition: "(not (at ?b A))"}},
		{"things that must differ", `(:method twice :parameters (?b - boat ?to ?via - port) :task (trip ?b ?to) :precondition (and (at ?b ?via) (not (= ?via A))) :ordered-subtasks (ring))`, "B", "", "twice",
			jitos.WhyNot{Reason: `"A" is "A"`}},
		{"no fact of the kind", `(:method mend :parameters (?b - boat ?to - port) :task (trip ?b ?to) :precondition (leaks ?b) :ordered-subtasks (ring))`, "B", "", "mend",
			jitos.WhyNot{Reason: "there is no (leaks Ann)"}},
		{"the furthest binding", `(:method crewed :parameters (?b - boat ?to ?p - port ?c - crew) :task (trip ?b ?to) :precondition (and (at ?b ?p) (at ?c ?p) (licence ?c)) :ordered-subtasks (enter ?c ?b ?p))`, "B", "", "crewed",
			jitos.WhyNot{Binding: map[string]string{"?b": "Ann", "?to": "B", "?p": "A", "?c": "Kim"}}},
		{"a step that fails later", `(:method loud :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (and (ring) (creep ?b)))`, "C", "", "loud",
			jitos.WhyNot{Task: "trip Ann C", Reason: "step (creep Ann): action creep needs (not (done)): it must not be, but there is: (done)"}},
		{"a loop", `(:method again :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (and (trip ?b ?to) (ring)))`, "B", "", "again",
			jitos.WhyNot{Reason: "step (trip Ann B): task trip would come up again with the same arguments in the same state"}},
		{"a subtask that nobody can do", `(:method fixed :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (and (fix ?b) (ring)))`, "B", "", "fixed",
			jitos.WhyNot{Task: "trip", Reason: "step (fix ?b): task fix has no method that can be carried out to the end"}},
		{"a task that never came up", `(:method climb :parameters (?c - crew ?b - boat ?p - port) :task (board ?c ?b) :ordered-subtasks (enter ?c ?b ?p))`, "B", "", "climb",
			jitos.WhyNot{Task: "board", Reason: "no method that was tried led to task board"}},
		{"a task that is not in the plan", `(:method climb :parameters (?c - crew ?b - boat ?p - port) :task (board ?c ?b) :ordered-subtasks (enter ?c ?b ?p))`, "A", "", "climb",
			jitos.WhyNot{Task: "board", Reason: "no method that was tried led to task board"}},
		{"a task that no method fits", `(:method manned :parameters (?b - boat ?to - port ?c - crew) :task (trip ?b ?to) :ordered-subtasks (and (board ?c ?b) (ring)))
			(:method climb :parameters (?c - crew ?b - boat) :task (board ?c ?b) :precondition (leaks ?b) :ordered-subtasks (ring))`, "B", "", "manned",
			jitos.WhyNot{Task: "trip Ann B", Reason: "step (board Jo Ann): task board: no method fits: there is no (leaks Ann)"}},
		{"something beside it", `(:method both :parameters (?b - boat ?to - port ?c - crew) :task (trip ?b ?to) :ordered-subtasks (and (board ?c ?b) (creep ?b)))
			(:method climb :parameters (?c - crew ?b - boat) :task (board ?c ?b) :ordered-subtasks (ring))`, "B", "", "climb",
			jitos.WhyNot{Task: "board Jo Ann", Reason: "beside it, step (creep Ann): action creep needs (not (done)): it must not be, but there is: (done)"}},
		{"what came up before", `(:method loud :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (and (ring) (fix ?b)))
			(:method again :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (and (ring) (fix ?b)))
			(:method mend :parameters (?b - boat) :task (fix ?b) :ordered-subtasks (creep ?b))`, "B", "", "again",
			jitos.WhyNot{Task: "trip Ann B", Reason: "step (fix Ann): task fix came up in the same state before what is left, and led to no plan"}},
		{"the goal", "", "A", "(:goal (done))", "",
			jitos.WhyNot{Reason: "the goal needs (done): there is no (done)"}},
	}
	for _, c := range cases {
		d, p := parse(t, fmt.Sprintf(boats, c.methods), fmt.Sprintf(boatsProblem, c.to, c.goal))
		res := solve(t, d, p, Options{Explain: true})
		var got *jitos.WhyNot
		for i := range res.WhyNot {
			if res.WhyNot[i].Method == c.method {
				got = &res.WhyNot[i]
			}
		}
		if c.want.Reason == "" && c.want.Binding == nil {
			if got != nil {
				t.Errorf("%s: a method that was used is explained: %+v", c.name, *got)
			}
			continue
		}
		if got == nil {
			t.Errorf("%s: nothing about %s: %+v", c.name, c.method, res.WhyNot)
			continue
		}
		if !strings.Contains(got.Reason, c.want.Reason) || c.want.Task != "" && got.Task != c.want.Task ||
			c.want.Condition != "" && got.Condition != c.want.Condition || c.want.Nearest != nil && fmt.Sprint(got.Nearest) != fmt.Sprint(c.want.Nearest) ||
			c.want.Binding != nil && fmt.Sprint(got.Binding) != fmt.Sprint(c.want.Binding) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, *got, c.want)
		}
	}
}

// A method that is in any of the candidates is used.
func TestExplain_allCandidates(t *testing.T) {
	d, p := parse(t, errands, errandsProblem)
	res := solve(t, d, p, Options{K: 2, Explain: true})
	for _, why := range res.WhyNot {
		if why.Method == "walk" || why.Method == "ride" {
			t.Errorf("%s is in a candidate: %+v", why.Method, why)
		}
	}
	if len(res.Plans) != 2 || len(res.WhyNot) != 2 {
		t.Errorf("%d plans, %+v", len(res.Plans), res.WhyNot)
	}
}
