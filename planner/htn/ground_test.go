package htn

import "testing"

// TestGroundHeadLast: a method without subtasks, whose condition says nothing of the task that it is for, is found for every
// such task, also where the condition becomes true last. Only the first was, and then problems with a plan were said to have
// none.
func TestGroundHeadLast(t *testing.T) {
	domain := `(define (domain hands) (:types hand) (:predicates (free ?h - hand))
 (:task empty :parameters (?h - hand))
 (:method some-is :parameters (?h ?x - hand) :task (empty ?h) :precondition (free ?x) :subtasks ())
 (:action take :parameters (?h - hand) :precondition (free ?h) :effect (not (free ?h))))`
	problem := `(define (problem p) (:objects a b c - hand) (:htn :ordered-subtasks (and (empty a) (empty b) (empty c) (take c))) (:init (free c)))`
	if _, end := alone(t, domain, problem, progressionSettings{greedy: true}.start, 1000); end != found {
		t.Errorf("%v on the ground problem, which has a plan", end)
	}
}
