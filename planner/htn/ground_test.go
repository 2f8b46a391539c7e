package htn

import (
	"context"
	"testing"
)

// TestGroundHeadLast: a method without subtasks, whose condition says nothing of the task that it is for, is found for every
// such task, also where the condition becomes true last. Only the first was, and then problems with a plan were said to have
// none.
func TestGroundHeadLast(t *testing.T) {
	d, p := parse(t, `(define (domain hands) (:types hand) (:predicates (free ?h - hand))
 (:task empty :parameters (?h - hand))
 (:method some-is :parameters (?h ?x - hand) :task (empty ?h) :precondition (free ?x) :subtasks ())
 (:action take :parameters (?h - hand) :precondition (free ?h) :effect (not (free ?h))))`,
		`(define (problem p) (:objects a b c - hand) (:htn :ordered-subtasks (and (empty a) (empty b) (empty c) (take c))) (:init (free c)))`)
	m, err := compile(d, p)
	if err != nil {
		t.Fatal(err)
	}
	g, ok, err := ground(context.Background(), newEngine(m), 1000)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	s := newProgression(g, newRelaxation(g), progressionSettings{greedy: true})
	if end, err := s.run(context.Background(), 1000); end != found || err != nil {
		t.Errorf("%v, %v on the ground problem, which has a plan", end, err)
	}
}
