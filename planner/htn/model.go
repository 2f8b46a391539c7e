package htn

import "github.com/jitos/jitos/planner/hddl"

// term is a variable (its index, from 0) or an object (the complement of its index).
type term int32

func constant(object int32) term { return ^term(object) }

func (t term) isVar() bool   { return t >= 0 }
func (t term) object() int32 { return int32(^t) }
func (t term) in(b []int32) int32 {
	if t >= 0 {
		return b[t]
	}
	return int32(^t)
}

// typeset is a set of objects: what a type, or an (either …), allows.
type typeset struct {
	id      int32
	objects []int32
	bits    []uint64
}

func (s *typeset) has(o int32) bool { return s.bits[o>>6]&(1<<(o&63)) != 0 }

// meets tells whether two sets have an object in common.
func (s *typeset) meets(o *typeset) bool {
	for i, w := range s.bits {
		if w&o.bits[i] != 0 {
			return true
		}
	}
	return false
}

// equal is the predicate of equality in a literal.
const equal = -1

// literal is a predicate or an equality, perhaps negated.
type literal struct {
	pred   int32
	neg    bool
	args   []term
	lifted string // the first step that needs it, "" where the method itself states it
	deep   bool   // it came through a compound step
	at     hddl.Pos
}

// sortTest says that a term is, or is not, of a type.
type sortTest struct {
	t   term
	set *typeset
	neg bool
}

// conjunction is a compiled condition.
type conjunction struct {
	lits  []literal
	sorts []sortTest
}

// effect is an atom that an action makes true or false.
type effect struct {
	pred int32
	args []term
}

// task is a primitive or compound task. The primitive ones, which are actions, come first.
type task struct {
	name   string
	params []*typeset

	// Of actions.
	pre      conjunction
	del, add []effect
	cost     int

	// Of compound tasks.
	methods []int32
}

// method is a way to do a compound task. Its first variables are its parameters.
type method struct {
	name   string
	task   int32
	head   []term // arguments of the task
	vars   []*typeset
	pre    conjunction
	subs   []call
	before []bitset // before[i] has j: subtask i ends before j begins; closed under transitivity; nil where total
	line   []int    // a linear order of the subtasks: the only one where total
	total  bool

	lifted conjunction // pre, and what must hold when the method begins, if its steps are executed in the linear order
	reach  conjunction // pre, and what must hold at some time without the method's own doing, whatever the order
	params []string    // names of the variables, for people
	dead   bool        // some subtask can never be decomposed to the end
}

// call is a task with arguments in terms of a method's variables.
type call struct {
	task int32
	args []term
}

// model is a domain and a problem, compiled. Nothing changes it once it is made.
type model struct {
	objects []string
	preds   []string
	arity   []int
	rigid   []bool // no action changes the predicate
	tasks   []task
	actions int // tasks[:actions] are primitive
	methods []method
	above   [][]int32 // by task: the compound tasks with a method that has it
	group   []int32   // by task: tasks of the same group can come below each other
	upwards []int32   // the compound tasks, those that are below others first
	top     int32     // the compound task that stands for the whole problem
	linear  bool      // every network is totally ordered
	init    []effect
	goal    conjunction
	costs   bool // some action does not cost 1
}
