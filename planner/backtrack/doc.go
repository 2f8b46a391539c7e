// Package backtrack is the engine that both planners are made of: that for the method library (package planner) and that for
// HDDL (package planner/htn).
//
//	search.go  depth first over a Space, with an explicit stack of choices; dead ends, loops, budgets, limited discrepancy
//	seen.go    what need not be searched again
//	state.go   facts as bits, with an undo log instead of copies
//	best.go    the K best candidates, as many different ones as there are
//	whynot.go  why a method is not used: which of several reasons is told, and the words
//
// A Space is one state and what remains to be done, changed in place. Dead ends are remembered by (state, what remains), and
// only where the subtree was searched to the end: a loop, a bound or the end of a budget below leave it open.
//
// # One engine, two front ends
//
// The search is shared; what a node is, is not. HDDL has its facts and objects before it, all of them: they are numbered, its
// conditions become joins in the order of what is most selective, and where that helps the whole problem is made ground. The
// library asks a snapshot of any size for the few facts that it needs, when it needs them, and keeps what it asked as the
// reads of the plan; its values are texts that are put together as it goes (there is no set of objects to number), a step with
// `each` becomes as many as there are answers in that state, a job replaces a node whatever its fields were, and conditions are
// asked in the order in which they are written, because that decides the order of candidates and what is told of a method that
// fails. Compiled into the problem that htn searches it would have needed a function term, a universal effect and a step that
// multiplies, none of which HDDL has, and facts that come while joins run: more machinery than the two front ends together.
// So the line is drawn at Space.
package backtrack
