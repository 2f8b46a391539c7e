// Package htn plans hierarchically: it decomposes tasks by methods until only steps are left, and executes these from the
// initial state on, so that the state is known wherever a condition is asked.
//
//	model.go    domain and problem, compiled: numbers for names
//	compile.go  what was read to a model
//	lift.go     what later steps need, asked when the method is chosen
//	facts.go    interned facts, the state and its undo log, indexes
//	join.go     conditions as compiled joins
//	engine.go   ground tasks and actions
//	dfs.go      depth-first search for totally ordered plans; seen.go: what need not be searched again
//	tree.go     the plan and its text
//	solve.go    which search, for how long
package htn

import (
	"context"
	"errors"

	"github.com/jitos/jitos/planner/hddl"
)

// Options bound a search.
type Options struct {
	Budget int // nodes in all; 0 is no bound but the context's
}

// Result is what a search found.
type Result struct {
	Plans     []*Plan
	Proved    bool // there is no plan: everything was searched
	Truncated bool // the time or the budget ended first
	Nodes     int  // expanded: tasks decomposed or executed
	By        string
}

// Solve looks for a plan.
func Solve(ctx context.Context, d *hddl.Domain, p *hddl.Problem, o Options) (*Result, error) {
	m, err := compile(d, p)
	if err != nil {
		return nil, err
	}
	res := &Result{}
	for _, ph := range phases {
		e := newEngine(m)
		s := newDFS(e, ph.set)
		out, err := s.run(ctx)
		res.Nodes += s.nodes
		if err != nil {
			if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
				res.Truncated = true
				return res, nil
			}
			return res, err
		}
		switch out {
		case found:
			res.By = ph.name
			res.Plans = []*Plan{e.replay(s.decisions())}
			return res, nil
		case exhausted:
			res.By = ph.name
			if m.linear {
				res.Proved = true
				return res, nil
			}
		}
	}
	res.Truncated = true
	return res, nil
}

var phases = []struct {
	name string
	set  dfsSettings
}{
	{"cheap", dfsSettings{budget: 100000, cheap: true}},
	{"simple", dfsSettings{budget: 100000, cheap: true, simple: true}},
	{"plain", dfsSettings{budget: 300000}},
	{"simple-plain", dfsSettings{budget: 300000, simple: true}},
	{"lds1", dfsSettings{budget: 100000, limited: 2}},
	{"lds2", dfsSettings{budget: 100000, limited: 4}},
	{"spin1", dfsSettings{budget: 100000, spin: 1}},
	{"spin2", dfsSettings{budget: 100000, spin: 2, cheap: true}},
	{"spin3", dfsSettings{budget: 100000, spin: 3, cheap: true}},
	{"plain2", dfsSettings{budget: 5000000}},
}
