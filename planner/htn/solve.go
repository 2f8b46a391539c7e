// Package htn plans hierarchically: it decomposes tasks by methods until only steps are left, and executes these from the
// initial state on, so that the state is known wherever a condition is asked.
//
//	model.go          domain and problem, compiled: numbers for names
//	compile.go        what was read to a model
//	hierarchy.go      which tasks are below which
//	lift.go           what later steps need, asked when the method is chosen
//	facts.go          interned facts, the state and its undo log, indexes; bucket.go: their lists
//	join.go           conditions as compiled joins
//	engine.go         ground tasks and actions
//	dfs.go            depth-first search for totally ordered plans, by package backtrack
//	ground.go         what could ever be part of a plan, by Datalog; groundproblem.go: that, without variables; prune.go: less of it
//	relax.go          estimates by relaxed plans
//	lookahead.go      the relaxed plan followed as far as it goes
//	ends.go           search from both ends of a network, for partial order; mutex.go: what can hold together
//	layers.go         plans by satisfiability, layer.go: one layer of its formula, with package sat
//	progress.go       best-first search on the ground problem, also for partial order
//	network.go        its networks of steps; guide.go: which of its nodes comes next
//	tree.go           the plan and its text
//	solve.go          which search, for how many nodes, and whose answer counts
//	candidates.go     several plans, and a bound on the cost of all
//	whynot.go         why a method was not used
package htn

import (
	"context"
	"errors"
	"iter"
	"math"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/planner/hddl"
)

// Options bound a search.
type Options struct {
	Budget int // nodes in all; 0 is no bound but the context's
	// Explain asks for the reason why each other method was not used.
	Explain bool
	K       int // how many plans, distinct by their methods; 0 is one
}

// Result is what a search found.
type Result struct {
	Plans     []*Plan
	Proved    bool // there is no plan: everything was searched
	Truncated bool // the time or the budget ended first
	Nodes     int  // expanded: tasks decomposed or executed
	By        string
	// Bound is a lower bound on the cost of any plan, 0 where none was proved.
	Bound  int
	WhyNot []jitos.WhyNot
}

// MemoryLimit is for debug.SetMemoryLimit in a process that plans: what the searches hold together stays below it, and garbage
// is not to add much.
const MemoryLimit = 1700 << 20

// Solve looks for plans.
func Solve(ctx context.Context, d *hddl.Domain, p *hddl.Problem, o Options) (*Result, error) {
	m, err := compile(d, p)
	if err != nil {
		return nil, err
	}
	res, err := race(ctx, m, o)
	if err == nil && o.Explain {
		err = explain(ctx, m, res)
	}
	return res, err
}

// race looks for a plan. Two tracks of searches go side by side, one on the problem as it is and one on the ground problem, in
// rounds of nodes that are counted and not timed; of two answers that of the earlier round counts, in one round that of the
// first track. So the answer does not depend on which was faster; only the end of the time can cut it.
func race(ctx context.Context, m *model, o Options) (*Result, error) {
	outer := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	e := newEngine(m)
	second := (&grounded{e: e.clone()}).round
	if !m.linear {
		second = (&partial{line: grounded{e: newEngine(m.linearised())}, free: grounded{e: e.clone()}}).round
	}
	tracks := []*track{newTrack(ctx, o, (&lifted{e: e}).round), newTrack(ctx, o, second)}
	res := &Result{}
	for {
		open := false
		for _, t := range tracks {
			a := t.next()
			if a.err != nil {
				if errors.Is(a.err, context.Canceled) || errors.Is(a.err, context.DeadlineExceeded) {
					res.Truncated = true
					return res, nil
				}
				return nil, a.err
			}
			res.Nodes += a.nodes
			open = open || !a.over
			if a.plan != nil || a.proved {
				res.By, res.Proved = a.by, a.proved
				if a.plan != nil {
					res.Plans = []*Plan{a.plan()}
					if o.K > 1 {
						stop()
						return res, candidates(outer, m, o, a.more, res)
					}
				}
				return res, nil
			}
		}
		if !open {
			res.Truncated = true
			return res, nil
		}
	}
}

// The nodes of the first round of a track, and by how much a round is larger than the one before.
const (
	firstRound  = 120_000
	roundGrowth = 2
)

// rounds yields the number of each round and its nodes for one track, half of the budget in all.
func rounds(budget int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		left := budget / 2
		for r, size := 0, firstRound; ; r, size = r+1, size*roundGrowth {
			if budget > 0 {
				size = min(size, left)
				left -= size
			}
			if size == 0 || !yield(r, size) {
				return
			}
		}
	}
}

// answer is what a track did in a round.
type answer struct {
	plan   func() *Plan // nil where none was found
	more   search       // what found it
	proved bool         // there is no plan
	over   bool         // nothing is left to do
	by     string
	nodes  int
	err    error
}

// search is one of the searches. Each call of run goes on where the last ended; after found, plan is the plan.
type search interface {
	run(ctx context.Context, nodes int) (outcome, error)
	plan() *Plan
	expanded() int
}

// none is a search that does not take the problem.
type none struct{}

func (none) run(context.Context, int) (outcome, error) { return gaveUp, nil }
func (none) plan() *Plan                               { return nil }
func (none) expanded() int                             { return 0 }

// track works through its rounds in a goroutine of its own, one ahead of what is asked for.
type track struct {
	answers chan answer
	ctx     context.Context
}

func newTrack(ctx context.Context, o Options, round func(ctx context.Context, round, nodes int) answer) *track {
	t := &track{make(chan answer, 1), ctx}
	go func() {
		defer close(t.answers)
		for r, size := range rounds(o.Budget) {
			a := round(ctx, r, size)
			select {
			case t.answers <- a:
			case <-ctx.Done():
				return
			}
			if a.over || a.plan != nil || a.proved || a.err != nil {
				return
			}
		}
	}()
	return t
}

// next returns the answer of the next round.
func (t *track) next() answer {
	a, more := <-t.answers
	if !more {
		return answer{over: true, err: t.ctx.Err()}
	}
	return a
}

// lifted is the track of the searches that need no grounding.
type lifted struct {
	e        *engine // to make others of
	searches []*dfs  // nil: it held too much, and was given up
}

// maxLiftedBytes is what the searches of the lifted track may hold together, and weighNodes after how many nodes that is looked
// at.
const (
	maxLiftedBytes = 400 << 20
	weighNodes     = 200_000
)

// full tells whether they hold too much.
func (l *lifted) full() bool {
	sum := 0
	for _, s := range l.searches {
		if s != nil {
			sum += s.bytes()
		}
	}
	return sum > maxLiftedBytes
}

// portfolio is the depth-first searches, the first of which takes four shares. They differ in what is tried first, which is
// what decides whether depth first ends soon; from the second round on there are more.
var portfolio = []struct {
	name  string
	round int // the first that it is in
	set   dfsSettings
}{
	{"as written", 0, dfsSettings{cheap: true}},
	{"recursive first", 0, dfsSettings{cheap: true, order: recursiveFirst}},
	{"simple first", 0, dfsSettings{cheap: true, order: simpleFirst}},
	{"backwards", 0, dfsSettings{cheap: true, order: backwards}},
	{"complete", 1, dfsSettings{}},
	{"as written, other facts first", 1, dfsSettings{cheap: true, spin: 1}},
	{"recursive first, other facts first", 1, dfsSettings{cheap: true, spin: 2, order: recursiveFirst}},
	{"backwards, other facts first", 1, dfsSettings{cheap: true, spin: 3, order: backwards}},
	{"shuffled", 1, dfsSettings{spin: 4, order: shuffled}},
	{"as written, still others", 2, dfsSettings{cheap: true, spin: 5}},
	{"recursive first, still others", 2, dfsSettings{cheap: true, spin: 6, order: recursiveFirst}},
	{"backwards, still others", 2, dfsSettings{cheap: true, spin: 7, order: backwards}},
	{"complete, simple first", 2, dfsSettings{order: simpleFirst}},
	{"limited 1", 2, dfsSettings{limited: 2}},
	{"limited 3", 2, dfsSettings{limited: 4, order: recursiveFirst}},
	{"limited 8", 2, dfsSettings{limited: 9}},
}

func (l *lifted) round(ctx context.Context, round, nodes int) answer {
	var a answer
	live := 3 // the first counts four times
	for i, p := range portfolio {
		if round >= p.round && (i >= len(l.searches) || l.searches[i] != nil && !l.searches[i].Over()) {
			live++
		}
	}
	a.over = true
	for i, p := range portfolio {
		if round < p.round {
			a.over = false
			break
		}
		if i == len(l.searches) {
			l.searches = append(l.searches, newDFS(l.e.clone(), p.set))
		}
		s := l.searches[i]
		if s == nil || s.Over() {
			continue
		}
		share := nodes / live
		if i == 0 {
			share *= 4
		}
		before := s.Nodes
		end, err := paused, error(nil)
		for end == paused && err == nil && s.Nodes-before < share {
			end, err = s.run(ctx, min(weighNodes, share-(s.Nodes-before)))
			if end == paused && l.full() {
				l.searches[i], end = nil, gaveUp
			}
		}
		a.nodes += s.Nodes - before
		a.by = p.name
		switch {
		case err != nil:
			a.err = err
			return a
		case end == found:
			a.plan, a.more = s.plan, s
			return a
		case end == exhausted && l.e.m.linear:
			a.proved = true
			return a
		case end == paused:
			a.over = false
		}
	}
	return a
}

// grounded is the track of the searches on the ground problem.
type grounded struct {
	e        *engine
	g        *grounder // until it is done
	limit    int       // of its instances, so far
	p        *groundProblem
	r        *relaxation
	searches []search
}

// An instance costs about as much as this many nodes; and there are never more than so many.
const (
	instancePrice = 3
	maxInstances  = 1_200_000
)

// groundPortfolio is the searches on the ground problem. Satisfiability takes its time to say anything, but is alone in what it
// can do: it comes in when the first look at the problem was in vain, after all that seem to be near a plan, and then has nearly
// as much as all others. It takes totally ordered problems only, as the search from both ends takes only the others.
var groundPortfolio = []struct {
	name  string
	round int // the first that it is in
	share int // of a round, in tenths
	start func(*groundProblem, *relaxation) search
}{
	{"what is possible", 0, 3, dfsSettings{cheap: true}.start},
	{"what is possible, other facts first", 0, 2, dfsSettings{cheap: true, spin: 2, order: recursiveFirst}.start},
	{"looking ahead", 0, 4, progressionSettings{greedy: true, lazy: true, serial: true, helpful: true, ahead: true}.start},
	{"task after task", 0, 1, progressionSettings{greedy: true, lazy: true, serial: true, helpful: true}.start},
	{"relaxed plan", 0, 3, progressionSettings{greedy: true}.start},
	{"looking far ahead", 0, 1, progressionSettings{greedy: true, lazy: true, helpful: true, ahead: true}.start},
	{"relaxed plan and length", 0, 1, progressionSettings{}.start},
	{"relaxed cost", 0, 1, progressionSettings{greedy: true, add: true}.start},
	{"from both ends", 0, 4, startEnds},
	{"layers", 1, 8, startLayers},
}

func (set progressionSettings) start(p *groundProblem, r *relaxation) search {
	return newProgression(p, r, set)
}

func (g *grounded) round(ctx context.Context, round, nodes int) answer {
	var a answer
	if g.p == nil {
		if g.g == nil {
			g.g = newGrounder(g.e)
		}
		before, had := g.limit, len(g.g.made.heads)
		g.limit = min(before+nodes/instancePrice, maxInstances)
		whole, err := g.g.more(ctx, g.limit)
		if err != nil {
			return answer{err: err}
		}
		if !whole {
			return answer{nodes: (g.limit - before) * instancePrice, over: g.limit == maxInstances}
		}
		if g.p = g.g.build(ctx, g.e); g.p == nil {
			return answer{err: ctx.Err()}
		}
		nodes = max(nodes-(len(g.g.made.heads)-had)*instancePrice, nodes/4)
		g.g, g.r = nil, newRelaxation(g.p)
	}
	a.over = true
	last := len(groundPortfolio) - 1
	for i, p := range groundPortfolio {
		if i == len(g.searches) {
			g.searches = append(g.searches, p.start(g.p, g.r))
		}
		if round < p.round {
			a.over = false
			continue
		}
		if i == last && g.finish(ctx, nodes, &a) || g.goOn(ctx, i, nodes*p.share/10, &a) {
			break
		}
	}
	return a
}

// goOn lets a search go on, and tells whether that ends the round.
func (g *grounded) goOn(ctx context.Context, i, nodes int, a *answer) (ends bool) {
	s := g.searches[i]
	before := s.expanded()
	end, err := s.run(ctx, nodes)
	a.nodes += s.expanded() - before
	a.by, a.err = groundPortfolio[i].name, err
	switch {
	case err != nil:
	case end == found:
		a.plan, a.more = s.plan, s
	case end == exhausted:
		a.proved = true
	default:
		if d, ok := s.(*dfs); ok && d.bytes() > maxPossibleBytes {
			g.searches[i], end = none{}, gaveUp
		}
		a.over = a.over && end != paused
		return false
	}
	return true
}

// maxPossibleBytes is what a depth-first search on the ground problem may hold.
const maxPossibleBytes = 150 << 20

// finish lets those searches go on that come nearer and nearer to a plan, and by that will soon be there: the nearest first, with
// half more than they seem to need, as long as it is less than so many nodes.
func (g *grounded) finish(ctx context.Context, nodes int, a *answer) (ends bool) {
	for tried := 0; ; {
		best, least := g.soonest(tried)
		if least > nodes {
			return false
		}
		if g.goOn(ctx, best, least+least/2, a) {
			return true
		}
		nodes -= least
		tried |= 1 << best
	}
}

// soonest returns which of the searches that were not tried will have a plan first, as it seems, and after how many nodes.
func (g *grounded) soonest(tried int) (best, nodes int) {
	nodes = math.MaxInt / 2
	for i, s := range g.searches {
		if p, ok := s.(*progression); ok && tried&(1<<i) == 0 {
			if n, ok := p.forecast(); ok && n < nodes {
				best, nodes = i, n
			}
		}
	}
	return best, nodes
}

// partial is the second track where the order is partial: half of it is for the problem with every network in its linear order,
// whose plans are plans, and which can be searched one task after the other. That this has none proves nothing.
type partial struct {
	line, free         grounded
	lineOver, freeOver bool
}

func (p *partial) round(ctx context.Context, round, nodes int) answer {
	var a answer
	if !p.lineOver {
		a = p.line.round(ctx, round, nodes/2)
		if a.plan != nil || a.err != nil {
			return a
		}
		p.lineOver = a.over || a.proved
	}
	spent := a.nodes
	share := nodes - nodes/2
	if p.lineOver {
		share = nodes - spent
	}
	a = answer{over: true}
	if !p.freeOver {
		a = p.free.round(ctx, round, share)
		p.freeOver = a.over
	}
	a.nodes += spent
	a.over = p.lineOver && p.freeOver
	return a
}
