package planner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jitos/jitos"
)

// Rank says why a candidate stands where it does. Nothing of it is stored: it is computed from the attempts of the fabric.
//
// The first is the one that is expected to have cost the least when it has worked: its cost, and one for the try itself,
// divided by the chance that it works. That chance is estimated from the attempts at plans with the same methods by
// Laplace's rule of succession, (collapsed + 1) / (tried + 2); of several methods the one with the least chance counts. An
// attempt counts as failed if a job or a gate of it failed: one that lacked a right or a program, conflicted or was given
// up by a person says nothing about its methods.
type Rank struct {
	Expected  float64 `json:"expected"` // cost until it works
	Task      string  `json:"task"`
	Method    string  `json:"method"`    // of that task, the one with the least chance; "" for a plan that no method made
	Collapsed int     `json:"collapsed"` // attempts with it
	Failed    int     `json:"failed"`
	Why       string  `json:"why"` // in words
}

// sample bounds how many attempts of each kind are looked at: the first in the order of the store. That is the order of
// hashes, so they are a fair sample, and the same for everybody.
const sample = 256

// record counts how attempts ended.
type record struct{ collapsed, failed int }

func (r record) tried() int { return r.collapsed + r.failed }

func (r record) words(method string) string {
	switch {
	case method == "":
		return "no method made it"
	case r.tried() == 0:
		return method + " was not tried in this fabric"
	case r.tried() == 1 && r.collapsed == 1:
		return "the one attempt with " + method + " was collapsed"
	case r.tried() == 1:
		return "the one attempt with " + method + " failed"
	}
	return fmt.Sprintf("of %d attempts with %s %d were collapsed", r.tried(), method, r.collapsed)
}

// worse compares chances without fractions.
func (r record) worse(o record) bool {
	return (r.collapsed+1)*(o.tried()+2) < (o.collapsed+1)*(r.tried()+2)
}

// expected is what a plan of a cost has cost when it has worked, as a fraction.
func (r record) expected(cost int) (above, below int) {
	return (cost + 1) * (r.tried() + 2), r.collapsed + 1
}

// Rank says of each plan why it stands where it does.
func (p *Planner) Rank(ctx context.Context, at jitos.Snapshot, slaps []jitos.Slap) ([]Rank, error) {
	records, err := newFacts(ctx, at).records()
	if err != nil {
		return nil, err
	}
	ranks := make([]Rank, len(slaps))
	for i, s := range slaps {
		key, r := records.of(methodsOf(s.Root, nil))
		above, below := r.expected(s.Cost)
		ranks[i] = Rank{float64(above) / float64(below), key.task, key.method, r.collapsed, r.failed, r.words(key.method)}
	}
	return ranks, nil
}

// rank puts the candidates that were kept into their order.
func (s *search) rank() error {
	if len(s.kept.List()) < 2 {
		return nil
	}
	records, err := s.facts.records()
	if err != nil {
		return err
	}
	slices.SortStableFunc(s.kept.List(), func(a, b *candidate) int {
		_, ra := records.of(a.used)
		_, rb := records.of(b.used)
		an, ad := ra.expected(a.slap.Cost)
		bn, bd := rb.expected(b.slap.Cost)
		return an*bd - bn*ad // a candidate costs 1000 times its methods at most
	})
	return nil
}

type records map[methodKey]record

// of finds the method that has the least chance.
func (r records) of(used []methodKey) (key methodKey, worst record) {
	for i, k := range used {
		if mine := r[k]; i == 0 || mine.worse(worst) {
			key, worst = k, mine
		}
	}
	return key, worst
}

// records reads how attempts with each method ended.
func (f *facts) records() (records, error) {
	all := records{}
	count := func(slap jitos.SlapID, collapsed, failed int) error {
		plan, err := jitos.Get[jitos.Slap](f.ctx, f.at, slap.Node())
		if errors.Is(err, jitos.ErrNotFound) {
			return nil
		}
		seen := map[methodKey]bool{}
		for _, k := range methodsOf(plan.Root, nil) {
			if !seen[k] {
				seen[k] = true
				all[k] = record{all[k].collapsed + collapsed, all[k].failed + failed}
			}
		}
		return err
	}
	err := each(f, jitos.KindAttempt, func(a jitos.Attempt) error {
		if a.Kind != "gate" && a.Kind != "job" {
			return nil
		}
		return count(a.Slap, 0, 1)
	})
	if err != nil {
		return nil, err
	}
	return all, each(f, jitos.KindCollapse, func(c jitos.Collapse) error {
		p, err := jitos.Get[jitos.Process](f.ctx, f.at, c.Process.Node())
		if errors.Is(err, jitos.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return count(p.Slap, 1, 0)
	})
}

// each visits the records of a kind, a sample of them at most.
func each[T any](f *facts, kind string, visit func(T) error) error {
	seen := 0
	for n, err := range f.at.Nodes(f.ctx, kind) {
		if err != nil {
			return err
		}
		if seen++; seen > sample {
			return nil
		}
		var record T
		if err := n.Decode(&record); err != nil {
			return err
		}
		if err := visit(record); err != nil {
			return err
		}
	}
	return nil
}

// methodsOf lists the methods of a decomposition, outermost first.
func methodsOf(b *jitos.Branch, into []methodKey) []methodKey {
	if b == nil {
		return into
	}
	into = append(into, methodKey{b.Task, b.Method})
	for _, t := range b.Tasks {
		into = methodsOf(t, into)
	}
	return into
}
