// Package backtrack is the search that both planners are made of: that for the method library (package planner) and that for
// HDDL (package planner/htn).
//
//	search.go  depth first over a Space, with an explicit stack of choices; dead ends, loops, budgets, limited discrepancy
//	seen.go    what need not be searched again
//	state.go   facts as bits, with an undo log instead of copies
//
// A Space is one state and what remains to be done, changed in place. Dead ends are remembered by (state, what remains), and
// only where the subtree was searched to the end: a loop, a bound or the end of a budget below leave it open.
package backtrack
