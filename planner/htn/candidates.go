package htn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What is spent to find more candidates than one, in nodes, and how many are compared at most for each that is asked for.
const (
	candidateNodes = 500_000
	candidateSpare = 20
)

// candidates looks for further plans that differ from the first by their methods, and orders all by cost: first every plan
// that depth first comes to in the linear order, then what the search that found the first finds further.
func candidates(ctx context.Context, m *model, o Options, more search, res *Result) error {
	seen := map[string]bool{res.Plans[0].methods(): true}
	nodes := candidateNodes
	if o.Budget > 0 {
		nodes = min(nodes, (o.Budget-res.Nodes)/2)
	}
	all := newDFS(newEngine(m), dfsSettings{all: true})
	complete := false
	for _, s := range []search{all, more} {
		start := s.expanded()
		for len(res.Plans) < o.K*candidateSpare && s.expanded()-start < nodes {
			end, err := s.run(ctx, nodes-(s.expanded()-start))
			if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
				res.Truncated = true
				break
			}
			if err != nil {
				return err
			}
			if end != found {
				complete = complete || s == search(all) && end == exhausted && m.linear
				break
			}
			p := s.plan()
			if key := p.methods(); !seen[key] {
				seen[key] = true
				res.Plans = append(res.Plans, p)
			}
		}
		res.Nodes += s.expanded() - start
		if complete {
			break
		}
	}
	slices.SortStableFunc(res.Plans, func(a, b *Plan) int { return a.Cost - b.Cost })
	if best := res.Plans[0].Cost; complete {
		res.Bound = best
	} else if p, ok, err := ground(ctx, newEngine(m), maxInstances/10); err == nil && ok {
		res.Bound = min(p.leastCost(), best)
	}
	if len(res.Plans) > o.K {
		res.Plans = res.Plans[:o.K]
	}
	return nil
}

// methods names the methods of a plan, from the top down: what makes one plan different from another. Which of several equal
// objects was taken does not.
func (p *Plan) methods() string {
	var b strings.Builder
	todo := []*Node{p.root}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if n.method >= 0 {
			fmt.Fprintf(&b, "%d(", n.method)
		}
		for _, s := range slices.Backward(n.subs) {
			todo = append(todo, s)
		}
	}
	return b.String()
}

// leastCost is the least that any plan costs: of each task the cheapest method, whatever holds (Knuth, "A generalization of
// Dijkstra's algorithm", 1977).
func (p *groundProblem) leastCost() int {
	cost := make([]int64, len(p.nodes))
	wait := make([]int, len(p.methods))
	sum := make([]int64, len(p.methods))
	uses := make([][]int32, len(p.nodes)) // once for each time that a method has the task
	var queue intHeap
	for i := range cost {
		cost[i] = -1
	}
	settle := func(c int64, node int32) { queue.push(c<<32 | int64(node)) }
	for i, m := range p.methods {
		if wait[i] = len(m.subs); wait[i] == 0 {
			settle(0, m.task)
		}
		for _, s := range m.subs {
			uses[s] = append(uses[s], int32(i))
		}
	}
	for n, t := range p.nodes {
		if t.action {
			settle(int64(p.e.m.tasks[p.e.tasks.heads[t.task]].cost), int32(n))
		}
	}
	for len(queue) > 0 {
		x := queue.pop()
		c, n := x>>32, int32(x)
		if cost[n] >= 0 {
			continue
		}
		if cost[n] = c; n == p.top {
			return int(c)
		}
		for _, mi := range uses[n] {
			sum[mi] = min(sum[mi]+c, 1<<30)
			if wait[mi]--; wait[mi] == 0 {
				settle(sum[mi], p.methods[mi].task)
			}
		}
	}
	return 0
}
