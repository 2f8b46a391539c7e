package htn

import "testing"

const errands = `(define (domain errands) (:types place) (:predicates (at ?p - place) (has-bike))
	(:functions (total-cost) - number)
	(:task go :parameters (?to - place))
	(:method walk :parameters (?from ?to - place) :task (go ?to) :precondition (at ?from) :ordered-subtasks (walk ?from ?to))
	(:method ride :parameters (?from ?to - place) :task (go ?to) :precondition (at ?from)
		:ordered-subtasks (and (unlock) (ride ?from ?to)))
	(:method call :parameters (?from ?to - place) :task (go ?to) :precondition (at ?from) :ordered-subtasks (taxi ?from ?to))
	(:method stay :parameters (?to - place) :task (go ?to) :precondition (at ?to) :ordered-subtasks ())
	(:action unlock :precondition (has-bike) :effect (increase (total-cost) 1))
	(:action walk :parameters (?a ?b - place) :precondition (at ?a) :effect (and (not (at ?a)) (at ?b) (increase (total-cost) 5)))
	(:action ride :parameters (?a ?b - place) :precondition (at ?a) :effect (and (not (at ?a)) (at ?b) (increase (total-cost) 2)))
	(:action taxi :parameters (?a ?b - place) :precondition (at ?a) :effect (and (not (at ?a)) (at ?b) (increase (total-cost) 9))))`

const errandsProblem = `(define (problem p) (:objects home shop bank - place)
	(:htn :ordered-subtasks (and (go shop) (go bank))) (:init (at home) (has-bike)) (:goal (at bank)))`

// TestCandidates: distinct by their methods, the cheapest first, and a bound that says when there is no better one.
func TestCandidates(t *testing.T) {
	d, p := parse(t, errands, errandsProblem)
	res := solve(t, d, p, Options{K: 5})
	var costs []int
	keys := map[string]bool{}
	for _, plan := range res.Plans {
		costs = append(costs, plan.Cost)
		keys[plan.methods()] = true
	}
	if len(costs) != 5 || costs[0] != 6 || costs[1] != 8 || costs[2] != 8 || costs[3] != 10 {
		t.Errorf("costs %v", costs)
	}
	if len(keys) != len(costs) {
		t.Errorf("%d plans, %d of them distinct", len(costs), len(keys))
	}
	if res.Bound != 6 {
		t.Errorf("lower bound %d", res.Bound)
	}
	// Two methods for two errands make four ways and no more, however many are asked for.
	d, p = parse(t, errands, `(define (problem p) (:objects home shop bank - place)
		(:htn :ordered-subtasks (and (go shop) (go bank))) (:init (at home)) (:goal (at bank)))`)
	if res := solve(t, d, p, Options{K: 50}); len(res.Plans) != 4 || res.Bound != 10 {
		t.Errorf("%d plans, bound %d", len(res.Plans), res.Bound)
	}
}
