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
			jitos.WhyNot{Task: "trip Ann B", Reason: "(sea ?from B) holds for no value, and its step sail needs it", Condition: "(sea ?from ?to)", Nearest: []string{"(sea B C)"}}},
		{"a fact that is elsewhere", direct, "C", "", "direct",
			jitos.WhyNot{Task: "trip Ann C", Reason: "(at Ann B) does not hold, and its step sail needs it", Nearest: []string{"(at Ann A)", "(at Kim B)"}}},
		{"a method that was not needed", direct, "A", "", "stay", jitos.WhyNot{}},
		{"another method of a solved task", direct, "A", "", "direct",
			jitos.WhyNot{Task: "trip Ann A", Reason: "(sea ?from A) holds for no value, and its step sail needs it", Nearest: []string{"(sea B C)"}}},
		{"a condition that holds", `(:method wait :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (ring))`, "A", "", "wait",
			jitos.WhyNot{Task: "trip Ann A", Reason: "its conditions hold: stay was found to work first"}},
		{"a negated condition", `(:method swim :parameters (?b - boat ?to - port) :task (trip ?b ?to) :precondition (not (at ?b A)) :ordered-subtasks (ring))`, "B", "", "swim",
			jitos.WhyNot{Reason: "(at Ann A) holds", Condition: "(not (at ?b A))"}},
		{"things that must differ", `(:method twice :parameters (?b - boat ?to ?via - port) :task (trip ?b ?to) :precondition (and (at ?b ?via) (not (= ?via A))) :ordered-subtasks (ring))`, "B", "", "twice",
			jitos.WhyNot{Reason: "A and A must differ"}},
		{"no fact of the kind", `(:method mend :parameters (?b - boat ?to - port) :task (trip ?b ?to) :precondition (leaks ?b) :ordered-subtasks (ring))`, "B", "", "mend",
			jitos.WhyNot{Reason: "(leaks Ann) does not hold; there is no fact leaks at all"}},
		{"the furthest binding", `(:method crewed :parameters (?b - boat ?to ?p - port ?c - crew) :task (trip ?b ?to) :precondition (and (at ?b ?p) (at ?c ?p) (licence ?c)) :ordered-subtasks (enter ?c ?b ?p))`, "B", "", "crewed",
			jitos.WhyNot{Binding: map[string]string{"?b": "Ann", "?to": "B", "?p": "A", "?c": "Kim"}}},
		{"a step that fails later", `(:method loud :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (and (ring) (creep ?b)))`, "C", "", "loud",
			jitos.WhyNot{Task: "trip Ann C", Reason: "its step (creep Ann) cannot be executed: (done) holds"}},
		{"a loop", `(:method again :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (and (trip ?b ?to) (ring)))`, "B", "", "again",
			jitos.WhyNot{Reason: "it is a loop: (trip Ann B) again, with nothing changed"}},
		{"a subtask that nobody can do", `(:method fixed :parameters (?b - boat ?to - port) :task (trip ?b ?to) :ordered-subtasks (and (fix ?b) (ring)))`, "B", "", "fixed",
			jitos.WhyNot{Task: "trip", Reason: "a task in it has no method that can be carried out to the end"}},
		{"a task that never came up", `(:method climb :parameters (?c - crew ?b - boat ?p - port) :task (board ?c ?b) :ordered-subtasks (enter ?c ?b ?p))`, "B", "", "climb",
			jitos.WhyNot{Task: "board", Reason: "its task never came up"}},
		{"a task that is not in the plan", `(:method climb :parameters (?c - crew ?b - boat ?p - port) :task (board ?c ?b) :ordered-subtasks (enter ?c ?b ?p))`, "A", "", "climb",
			jitos.WhyNot{Task: "board", Reason: "its task is not part of the plan"}},
		{"the goal", "", "A", "(:goal (done))", "",
			jitos.WhyNot{Reason: "all tasks can be done, but the goal is not reached: (done) does not hold"}},
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
