package planner

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/jitos/jitos"
)

// Rank says why a candidate stands where it does. Nothing of it is stored: it is computed from the attempts of the fabric.
//
// The first is the one that is expected to have cost the least when it has worked: its cost, one for the try itself, and one
// for each doubling of the time that attempts with its outermost method took here, from a minute on, divided by the chance
// that it works. That chance is estimated by Laplace's rule of succession, (collapsed + 1) / (tried + 2), from the attempts at
// plans with the same methods, and from those with the same workers; of several the one with the least chance counts. Where
// a method was tried with the same toolchains, only those attempts count, else all with it. A shell or a person is no such
// worker: what one command does says nothing about another.
//
// An attempt counts as failed if a job or a gate of it failed: one that lacked a right or a program, conflicted, lost a race or
// was given up by a person says nothing about its methods. To a worker it counts only if its own job failed.
type Rank struct {
	Expected  float64 `json:"expected"` // cost until it works
	Task      string  `json:"task"`
	Method    string  `json:"method"`           // of that task, the one with the least chance; "" for a plan that no method made, and for a worker
	Worker    string  `json:"worker,omitempty"` // where one has less chance than the methods
	Kind      string  `json:"kind,omitempty"`   // the toolchains of the attempts that count, joined by +; "" for all
	Collapsed int     `json:"collapsed"`        // attempts with it; of a worker, those in which it passed
	Failed    int     `json:"failed"`
	Seconds   int     `json:"took_s,omitempty"` // the median of attempts with the outermost method, as they are on record
	Why       string  `json:"why"`              // in words
}

// sample bounds how many attempts of each kind are looked at: the first in the order of the store. That is the order of
// hashes, so they are a fair sample, and the same for everybody.
const sample = 256

// record counts how attempts ended.
type record struct {
	collapsed, failed int
	seconds           []int
}

func (r *record) count(collapsed bool, seconds int) {
	if collapsed {
		r.collapsed++
	} else {
		r.failed++
	}
	r.seconds = append(r.seconds, seconds)
}

func (r *record) tried() int { return r.collapsed + r.failed }

// took is the median of the times, the lower one of two.
func (r *record) took() int {
	if len(r.seconds) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(r.seconds))[(len(r.seconds)-1)/2]
}

// worse compares chances without fractions.
func (r *record) worse(o *record) bool {
	return (r.collapsed+1)*(o.tried()+2) < (o.collapsed+1)*(r.tried()+2)
}

// recordKey is a method, or a worker, with the toolchains that it was tried with; kind "" counts all.
type recordKey struct {
	methodKey
	worker, kind string
}

func (k recordKey) words(r *record) string {
	name, good := k.method, "were collapsed"
	if k.worker != "" {
		name, good = "the worker "+k.worker, "passed"
	}
	with := name
	if k.kind != "" {
		with += " on " + k.kind
	}
	switch {
	case name == "":
		return "no method made it"
	case r.tried() == 0:
		return name + " was not tried in this fabric"
	case r.tried() == 1 && r.collapsed == 1:
		return "the one attempt with " + with + " " + strings.Replace(good, "were", "was", 1)
	case r.tried() == 1:
		return "the one attempt with " + with + " failed"
	}
	return fmt.Sprintf("of %d attempts with %s %d %s", r.tried(), with, r.collapsed, good)
}

// Rank says of each plan why it stands where it does.
func (p *Planner) Rank(ctx context.Context, at jitos.Snapshot, slaps []jitos.Slap) ([]Rank, error) {
	records, err := newFacts(ctx, at).records()
	if err != nil {
		return nil, err
	}
	ranks := make([]Rank, len(slaps))
	for i, s := range slaps {
		c := records.chance(s)
		above, below := c.expected(s.Cost)
		ranks[i] = Rank{float64(above) / float64(below), c.key.task, c.key.method, c.key.worker, c.key.kind, c.record.collapsed, c.record.failed,
			c.took, c.words()}
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
		an, ad := records.chance(a.slap).expected(a.slap.Cost)
		bn, bd := records.chance(b.slap).expected(b.slap.Cost)
		return an*bd - bn*ad // a candidate costs 1000 times its methods at most
	})
	return nil
}

type records map[recordKey]*record

// chance is what the record says of a plan: whatever of it works the least, and how long the plan takes.
type chance struct {
	key    recordKey
	record *record
	took   int
}

// expected is what a plan of a cost has cost when it has worked, as a fraction.
func (c chance) expected(cost int) (above, below int) {
	slow := bits.Len(uint(c.took / 60))
	return (cost + 1 + slow) * (c.record.tried() + 2), c.record.collapsed + 1
}

func (c chance) words() string {
	words := c.key.words(c.record)
	if c.took > 0 {
		words += fmt.Sprintf("; it took about %s", time.Duration(c.took)*time.Second)
	}
	return words
}

// chance finds the method, or the worker, that has the least.
func (r records) chance(s jitos.Slap) chance {
	kind := kindOf(s)
	c := chance{record: &record{}}
	for i, k := range methodsOf(s.Root, nil) {
		key, mine := r.nearest(recordKey{methodKey: k, kind: kind})
		if i == 0 {
			c = chance{key, mine, mine.took()}
		} else if mine.worse(c.record) {
			c.key, c.record = key, mine
		}
	}
	for _, w := range workersOf(s) {
		if key, mine := r.nearest(recordKey{worker: w, kind: kind}); mine.tried() > 0 && mine.worse(c.record) {
			c.key, c.record = key, mine
		}
	}
	return c
}

// nearest is the record with the same toolchains, or where there is none, the one with all.
func (r records) nearest(key recordKey) (recordKey, *record) {
	if mine := r[key]; mine != nil {
		return key, mine
	}
	key.kind = ""
	if mine := r[key]; mine != nil {
		return key, mine
	}
	return key, &record{}
}

func (r records) count(key recordKey, kind string, collapsed bool, seconds int) {
	for _, k := range slices.Compact([]string{kind, ""}) {
		key.kind = k
		if r[key] == nil {
			r[key] = &record{}
		}
		r[key].count(collapsed, seconds)
	}
}

// records reads how attempts with each method and each worker ended.
func (f *facts) records() (records, error) {
	all := records{}
	count := func(slap jitos.SlapID, collapsed bool, step string, seconds int) error {
		plan, err := jitos.Get[jitos.Slap](f.ctx, f.at, slap.Node())
		if errors.Is(err, jitos.ErrNotFound) {
			return nil
		}
		kind, seen := kindOf(plan), map[methodKey]bool{}
		for _, k := range methodsOf(plan.Root, nil) {
			if !seen[k] {
				seen[k] = true
				all.count(recordKey{methodKey: k}, kind, collapsed, seconds)
			}
		}
		for _, w := range workersOf(plan) {
			own := func(s jitos.Step) bool { return s.Name == step && s.Worker == w }
			if collapsed || slices.ContainsFunc(plan.Steps, own) {
				all.count(recordKey{worker: w}, kind, collapsed, seconds)
			}
		}
		return err
	}
	err := each(f, jitos.KindAttempt, func(a jitos.Attempt) error {
		if a.Kind != "gate" && a.Kind != "job" {
			return nil
		}
		return count(a.Slap, false, a.Step, a.Seconds)
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
		return count(p.Slap, true, "", c.Seconds)
	})
}

// kindOf names the toolchains that a plan works with: in this fabric, the kind of repository that it is for.
func kindOf(s jitos.Slap) string {
	var chains []string
	for _, step := range s.Steps {
		for _, c := range []string{step.Chain, step.Args["chain"]} {
			if c != "" && !slices.Contains(chains, c) {
				chains = append(chains, c)
			}
		}
	}
	slices.Sort(chains)
	return strings.Join(chains, "+")
}

// workersOf lists the workers of a plan of which the record is kept, sorted.
func workersOf(s jitos.Slap) []string {
	var list []string
	for _, step := range s.Steps {
		if step.Gate == nil && step.Worker != "shell" && step.Worker != "human" && step.Worker != "" && !slices.Contains(list, step.Worker) {
			list = append(list, step.Worker)
		}
	}
	slices.Sort(list)
	return list
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
