package jitos

import (
	"context"
	"errors"
	"strings"
)

// What a person decided counts in the clone in which it was decided. In another it is a claim, as a verdict is: whoever can
// push can write it, in anybody's name. It counts there once its commit bears the signature of somebody who may sign there, or a person
// there has allowed it by its hash.

// Claimed is an answer that came from elsewhere and does not count here.
type Claimed struct {
	Words string `json:"words"` // what was decided, and by whom, as it says
	Why   string `json:"why"`   // it does not count
	Hash  string `json:"hash"`  // to allow it by
}

// claimed tells whether an answer is a claim, nil where it counts. That somebody said no counts always: it spares a run, and
// lets nothing pass. Where the policy names who may decide, the signature has to be of the one who is said to have decided.
func (k *Kernel) claimed(ctx context.Context, at Snapshot, id string, q Question, a Answer) (*Claimed, error) {
	hash := HashOf(a)
	if a.Decision == Rejected || k.saw(hash) || k.Local.Allowed(hash) {
		return nil, nil
	}
	c := &Claimed{Words: a.words(), Why: "nobody who may sign here has signed it", Hash: hash}
	signer, err := k.signerOf(ctx, at, NodeID{KindAnswer, id}.Item())
	if signer == "" || err != nil {
		return c, err
	}
	_, address, _ := strings.Cut(a.Actor, " <")
	if len(q.By) > 0 && (!MayAnswer(q.By, a.Actor) || !strings.EqualFold(signer, strings.TrimSuffix(address, ">"))) {
		c.Why = "the policy lets " + strings.Join(q.By, ", ") + " decide, and it is signed by " + signer
		return c, nil
	}
	return nil, nil
}

// signerOf is who signed the rewrite that made an item of the system line what it is, or where that was submitted again by a
// reconciliation, the rewrite that it was first submitted by; "" for nobody who may sign here.
func (k *Kernel) signerOf(ctx context.Context, at Snapshot, item ItemID) (string, error) {
	for c, err := range k.Store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return "", err
		}
		if c.Record == nil || c.Record.Set[item] == "" {
			continue
		}
		signer, err := k.signer(ctx, c.ID)
		first := originOf(c)
		if signer != "" || err != nil || first == c.ID {
			return signer, err
		}
		was, err := k.Store.Open(ctx, first)
		if errors.Is(err, ErrNotFound) {
			return "", nil // its month of the archive is not here
		}
		if err != nil || was.Commit().Record == nil || was.Commit().Record.Set[item] != c.Record.Set[item] {
			return "", err
		}
		return k.signer(ctx, first)
	}
	return "", nil
}

// ClaimedAnswer is the answer to a question that was given elsewhere and does not count here; nil where there is none.
func (k *Kernel) ClaimedAnswer(ctx context.Context, at Snapshot, question string) (*Claimed, error) {
	a, err := Get[Answer](ctx, at, NodeID{KindAnswer, question})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	q, err := Get[Question](ctx, at, NodeID{KindQuestion, question})
	if err != nil {
		return nil, err
	}
	return k.claimed(ctx, at, question, q, a)
}
