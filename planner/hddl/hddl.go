// Package hddl reads HDDL, the language in which the planning community writes hierarchical domains and problems (Höller et
// al., AAAI 2020): what the domains of the International Planning Competition of 2020 use of it.
//
// Names are compared without case and printed as they were written. Everything that is read knows its line and column, and
// whatever cannot be planned for is refused there, never skipped: conditional effects, disjunction, quantifiers other than
// forall, numbers (but for a cost: `(increase (total-cost) 3)`), and durations.
//
//	hddl.go     what a domain and a problem are
//	sexp.go     text to nested lists, with positions
//	parse.go    the pieces that domains and problems share: typed lists, names, terms
//	formula.go  conditions and effects
//	network.go  task networks
//	domain.go   the sections of a domain
//	problem.go  the sections of a problem
//	check.go    names stand for something, and take as many arguments as they say
//	types.go    the hierarchy of types
package hddl

import "fmt"

// Pos is a place in a file; lines and columns count from 1, columns in bytes.
type Pos struct{ Line, Col int }

// Error is what is wrong in a file, and where.
type Error struct {
	File string
	Pos
	Msg string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg) }

// Name is a word of a file. Key is what it is compared by.
type Name struct {
	Text string // as written
	Key  string // in lower case
	Pos
}

// IsVariable tells ?x from x.
func (n Name) IsVariable() bool { return n.Key != "" && n.Key[0] == '?' }

// Typed is a name with its types; several mean (either …), none that it is any object.
type Typed struct {
	Name
	Types []Name
}

// Domain is a file of types, predicates, tasks, methods and actions.
type Domain struct {
	File       string
	Name       Name
	Types      *Types
	Constants  []Typed
	Predicates []Signature
	Tasks      []Signature // compound tasks
	Methods    []Method
	Actions    []Action
}

// Signature is a predicate or a compound task: a name and parameters.
type Signature struct {
	Name   Name
	Params []Typed
}

// Method is one way to do a compound task.
type Method struct {
	Name         Name
	Params       []Typed
	Task         Atom
	Precondition Formula
	Network      Network
}

// Action is a primitive task.
type Action struct {
	Name         Name
	Params       []Typed
	Precondition Formula
	Effect       Formula // conjunctions, foralls, atoms and negated atoms
	Cost         int     // what it adds to total-cost; 1 where the domain declares no costs
}

// Atom is a predicate or a task with its arguments: variables, or names of objects.
type Atom struct {
	Name Name
	Args []Name
}

// Op says what a formula is.
type Op uint8

// The formulas: And over Sub (no Sub: true), Holds of Atom, Not of Sub[0], Equal of Atom.Args, Forall Vars over Sub[0],
// SortOf: Atom.Args[0] is of one of Vars[0].Types.
const (
	And Op = iota
	Holds
	Not
	Equal
	Forall
	SortOf
)

// Formula is a condition or an effect. Its zero value is true.
type Formula struct {
	Op   Op
	Pos  Pos
	Atom Atom
	Vars []Typed
	Sub  []Formula
}

// Network is the body of a method or of a problem: tasks, the order between them, and constraints on its variables.
type Network struct {
	Tasks       []Subtask
	Order       [][2]int // pairs of indexes into Tasks: the first ends before the second begins
	Constraints Formula
}

// Subtask is a task of a network, by an optional label.
type Subtask struct {
	Label Name
	Atom
}

// Problem is a file that says what is to be done, with what, from which state.
type Problem struct {
	File    string
	Name    Name
	Objects []Typed // of the problem alone; the constants of the domain are objects too
	Params  []Typed // variables of the initial network: any objects will do
	Network Network
	Init    []Atom
	Goal    Formula
}
