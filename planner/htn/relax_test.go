package htn

import (
	"math/rand/v2"
	"testing"

	"github.com/jitos/jitos/planner/bench/families"
)

// TestRelaxation_reach compares what a network leads to with a walk through all methods, for networks one after the other, since
// much is remembered from one to the next. An operator too few would be a dead end where there is none.
func TestRelaxation_reach(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	cores := 0
	for _, i := range families.All() {
		if i.Number != map[string]int{"arms": 2, "courier": 2, "joinery": 2, "rescue-some-seen": 1, "survey": 2, "works": 2}[i.Family] {
			continue
		}
		d, p := parse(t, i.Domain, i.Problem)
		g := groundOf(t, d, p)
		x := newRelaxation(g)
		tasks := []int32{g.top}
		for n := range 60 {
			switch r.IntN(4) {
			case 0:
				tasks = nil
			case 1:
				tasks = tasks[min(1, len(tasks)):]
			}
			for range r.IntN(3) {
				tasks = append(tasks, int32(r.IntN(len(g.nodes))))
			}
			x.reach(tasks)
			if x.cored {
				cores++
			}
			leads := map[int32]bool{}
			todo := append([]int32(nil), tasks...)
			for len(todo) > 0 {
				at := todo[len(todo)-1]
				if todo = todo[:len(todo)-1]; leads[at] {
					continue
				}
				leads[at] = true
				for _, mi := range g.nodes[at].methods {
					todo = append(todo, g.methods[mi].subs...)
				}
			}
			for o := range x.operators {
				task := int32(0)
				if o < x.actions {
					task = x.node[o]
				} else {
					task = g.methods[o-x.actions].task
				}
				if got := x.alive(&x.operators[o]); got != leads[task] {
					t.Fatalf("%s %d: operator %d: %v", i.Family, n, o, got)
				}
			}
			free := map[int32]bool{}
			for _, o := range x.free {
				free[o] = true
			}
			for o, op := range x.operators {
				if op.pre == op.preEnd && x.alive(&x.operators[o]) != free[int32(o)] {
					t.Fatalf("%s %d: operator %d needs nothing, and is free: %v", i.Family, n, o, free[int32(o)])
				}
			}
		}
	}
	if cores < 20 {
		t.Errorf("the core was met %d times", cores)
	}
}
