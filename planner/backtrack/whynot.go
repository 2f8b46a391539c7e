package backtrack

import (
	"fmt"

	"github.com/jitos/jitos"
)

// Rank is how far a method came before it failed: of several reasons why it is not used, the one that came farthest is told.
type Rank int

const (
	AtArguments Rank = iota + 1 // it is not for the arguments of the task
	AtCondition                 // a condition failed; progress: conditions that held
	AtOther                     // its conditions held, but something beside it could not be done
	AtStep                      // something below it could not be done; progress: decisions before
	AtEnd                       // it works, and others were better
)

// Reasons keeps for each method why it is not used.
type Reasons[M comparable] struct{ told map[M]reason }

type reason struct {
	rank     Rank
	progress int
	jitos.WhyNot
}

// Farther tells whether a reason would be told rather than the one that is known.
func (r *Reasons[M]) Farther(m M, rank Rank, progress int) bool {
	old, ok := r.told[m]
	return !ok || old.rank < rank || old.rank == rank && old.progress < progress
}

// Note keeps a reason, unless one is known that came farther.
func (r *Reasons[M]) Note(m M, rank Rank, progress int, why jitos.WhyNot) {
	if !r.Farther(m, rank, progress) {
		return
	}
	if r.told == nil {
		r.told = map[M]reason{}
	}
	r.told[m] = reason{rank, progress, why}
}

// Of returns the reason for a method.
func (r *Reasons[M]) Of(m M) (jitos.WhyNot, bool) {
	why, ok := r.told[m]
	return why.WhyNot, ok
}

// The words for the reasons, which are the same in both planners. What a condition is, and which facts come nearest, each says
// in its own language.

// StepFails says that a step below a method cannot be done.
func StepFails(step, why string) string {
	if step == "" {
		return "the task itself: " + why
	}
	return "step " + step + ": " + why
}

// OtherFails says that a step that is not below a method cannot be done.
func OtherFails(step, why string) string { return "beside it, " + StepFails(step, why) }

// NoneFits says that a task has no method whose conditions hold; why is what fails in the first.
func NoneFits(task, why string) string { return "task " + task + ": no method fits: " + why }

// Again says that a task is a loop.
func Again(task string) string {
	return "task " + task + " would come up again with the same arguments in the same state"
}

// Needs says which condition of a step does not hold; what is "job cook", "action sail".
func Needs(what, condition, why string) string { return what + " needs " + condition + ": " + why }

// MustNotBe says that a condition is one for an absence.
func MustNotBe(fact string) string { return "it must not be, but there is: " + fact }

// ThereIsNo says that nothing answers a condition.
func ThereIsNo(what string) string { return "there is no " + what }

// Compared says that two values are, or are not, the same.
func Compared(a, b string) string {
	if a == b {
		return fmt.Sprintf("%q is %q", a, b)
	}
	return fmt.Sprintf("%q is not %q", a, b)
}

// Outranked says that a method would lead to a plan, and k others are better. Its cost is negative where it was not tried.
func Outranked(cost, k int) string {
	than := fmt.Sprintf("there are %d candidates that cost less or come first", k)
	if k == 1 {
		than = "there is a candidate that costs less or comes first"
	}
	if cost < 0 {
		return "its conditions hold, and " + than
	}
	return fmt.Sprintf("it would cost %d, and %s", cost, than)
}

// NeverEnds says that a task cannot be carried out, whatever the state.
func NeverEnds(task string) string {
	return "task " + task + " has no method that can be carried out to the end"
}

// DeadEnd says that what comes of a task was tried in the same state.
func DeadEnd(task string) string {
	return "task " + task + " came up in the same state before what is left, and led to no plan"
}

// NothingLed says that a task never came up.
func NothingLed(task string) string { return "no method that was tried led to task " + task }

// Spent says that the budget was spent.
func Spent(nodes int) string {
	if nodes == 1 {
		return "the search ended after 1 decision, before it was tried"
	}
	return fmt.Sprintf("the search ended after %d decisions, before it was tried", nodes)
}
