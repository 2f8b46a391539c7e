package planner

import (
	"context"
	"fmt"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner/backtrack"
)

// Plan returns the candidates for a task, best first, and for each method that is in none of them why. The same snapshot,
// task and library give the same answer to the byte. No candidate is no error.
func (p *Planner) Plan(ctx context.Context, at jitos.Snapshot, id jitos.TaskID, task jitos.Task) ([]jitos.Slap, jitos.Planning, error) {
	lib, err := p.library(ctx, at)
	if err != nil {
		return nil, jitos.Planning{}, err
	}
	return p.plan(ctx, lib, at, id, task)
}

func (p *Planner) plan(ctx context.Context, lib *library, at jitos.Snapshot, id jitos.TaskID, task jitos.Task) ([]jitos.Slap, jitos.Planning, error) {
	planning := jitos.Planning{Task: id, Tree: at.Tree(), Library: lib.Hash(), Planner: p.version(lib), K: p.K}
	t, ok := lib.Task(task.Name)
	if !ok {
		planning.WhyNot = []jitos.WhyNot{noTask(task)}
		return nil, planning, nil
	}
	args, err := methods.Bind(t.Params, task.Args)
	if err != nil {
		return nil, planning, fmt.Errorf("task %s: %w", t.Name, err)
	}
	s := p.search(newFacts(ctx, at), lib, id)
	s.agenda = []*item{{task: t, args: args}}
	if err := s.run(); err != nil {
		return nil, planning, err
	}
	planning.Bound = s.bound(t)
	if err := s.rank(); err != nil {
		return nil, planning, err
	}
	kept := s.kept.List()
	slaps := make([]jitos.Slap, len(kept))
	for i, c := range kept {
		c.slap.Task = id
		for j, r := range c.slap.Reads {
			if c.slap.Reads[j], err = s.facts.seen(r); err != nil {
				return nil, planning, err
			}
		}
		slaps[i] = c.slap
	}
	tellApart(slaps, kept)
	planning.WhyNot = s.whyNot(t)
	planning.Expanded, planning.Truncated = min(s.Nodes, s.budget), s.truncated
	return slaps, planning, nil
}

func (p *Planner) search(f *facts, lib *library, id jitos.TaskID) *search {
	s := &search{asker: asker{f, newState(f)}, lib: lib, lacks: p.lacks, k: p.K, budget: p.Budget, known: map[question]verdict{}, deadEnds: map[uint64]trouble{},
		always: map[string]string{"task": string(id), "snapshot": string(f.at.Tree())}}
	if s.k <= 0 {
		s.k = defaultK
	}
	if s.budget <= 0 {
		s.budget = defaultBudget
	}
	s.kept = backtrack.Best[*candidate]{K: s.k, Compare: better, Alike: alike}
	return s
}

// bound is a cost that no plan for the task is below: that of the cheapest where all were looked at.
func (s *search) bound(root *methods.Task) int {
	if kept := s.kept.List(); len(kept) > 0 && !s.truncated {
		return kept[0].slap.Cost
	}
	return min(s.lib.least[root.Name], maxCost)
}

// tellApart adds to equal titles what differs: the variables of the outermost method, else the methods below it.
func tellApart(slaps []jitos.Slap, from []*candidate) {
	count := func() map[string]int {
		n := map[string]int{}
		for _, s := range slaps {
			n[s.Title]++
		}
		return n
	}
	same := count()
	for i := range slaps {
		if same[slaps[i].Title] > 1 {
			if from[i].vars != "" {
				slaps[i].Title += " (" + from[i].vars + ")"
			}
		}
	}
	same = count()
	for i := range slaps {
		if m := slaps[i].Methods; same[slaps[i].Title] > 1 && len(m) > 1 {
			slaps[i].Title += " by " + strings.Join(m[1:], ", ")
		}
	}
}
