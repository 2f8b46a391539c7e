package htn

import (
	"context"
	"math/bits"
	"slices"
)

// maxMutexFacts is up to how many facts pairs are looked at.
const maxMutexFacts = 400

// pairs finds the facts that can hold together: those that some sequence of actions makes both true, as far as pairs tell (the
// heuristic h² of Haslum and Geffner, "Admissible heuristics for optimal planning", AIPS 2000). Row f has those that can hold
// beside f. It is nil where there are too many facts, or the time ends first.
func (p *groundProblem) pairs(ctx context.Context) []bitset {
	if p.facts > maxMutexFacts {
		return nil
	}
	with, reached := make([]bitset, p.facts), slices.Clone(p.init)
	for f := range with {
		if with[f] = newBitset(p.facts); p.init.has(f) {
			copy(with[f], p.init)
		}
	}
	beside := newBitset(p.facts)
	for changed := true; changed; {
		changed = false
		if ctx.Err() != nil {
			return nil
		}
		for n := range p.nodes {
			t := &p.nodes[n]
			if !t.action || !together(with, t.pre) {
				continue
			}
			copy(beside, reached) // what can hold when it was executed
			for _, f := range t.pre {
				for i, w := range with[f] {
					beside[i] &= w
				}
			}
			for _, f := range t.del {
				beside.drop(int(f))
			}
			for _, f := range t.add {
				beside.set(int(f))
			}
			for _, f := range t.add {
				reached.set(int(f))
				for i, w := range beside {
					for w &^= with[f][i]; w != 0; w &= w - 1 {
						g := i<<6 + bits.TrailingZeros64(w)
						with[f].set(g)
						with[g].set(int(f))
						changed = true
					}
				}
			}
		}
	}
	return with
}

// together tells whether some facts can hold together, each with each.
func together(with []bitset, facts []int32) bool {
	for i, f := range facts {
		for _, g := range facts[:i+1] {
			if !with[f].has(int(g)) {
				return false
			}
		}
	}
	return true
}
