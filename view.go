package jitos

import (
	"context"
	"errors"
	"fmt"
)

// JobView is a job of a process with what became of it.
type JobView struct {
	ID     JobID
	Step   Step
	Claims []ClaimView // oldest first
}

// ClaimView is one try of a job; Settlement is nil while it runs, or where it was interrupted.
type ClaimView struct {
	ID         NodeID
	Claim      Claim
	Settlement *Settlement
}

// Last is the newest try that was not found stale, nil for none.
func (j JobView) Last() *ClaimView {
	for i := len(j.Claims) - 1; i >= 0; i-- {
		if c := &j.Claims[i]; c.Settlement == nil || !c.Settlement.Stale {
			return c
		}
	}
	return nil
}

// ViewJobs reads the jobs of a process where its work is (see WorkOf), each after those that it comes after.
func ViewJobs(ctx context.Context, ws Graph, id ProcessID) ([]JobView, error) {
	states, err := jobsOf(ctx, ws, id)
	if err != nil {
		return nil, err
	}
	var views []JobView
	for _, j := range inOrder(states) {
		v := JobView{ID: j.id, Step: j.step}
		for _, c := range j.claims {
			v.Claims = append(v.Claims, ClaimView{NodeID{KindClaim, c.name}, c.claim, c.settled})
		}
		views = append(views, v)
	}
	return views, nil
}

// inOrder sorts jobs so that each stands after those that it waits for, and otherwise as they were.
func inOrder(jobs []jobState) []jobState {
	placed := map[string]bool{}
	var order []jobState
	for len(order) < len(jobs) {
		before := len(order)
		for _, j := range jobs {
			if !placed[j.step.Name] && allIn(placed, j.step.After) {
				placed[j.step.Name] = true
				order = append(order, j)
			}
		}
		if len(order) == before { // a cycle, which no loader lets in: show the rest all the same
			for _, j := range jobs {
				if !placed[j.step.Name] {
					order = append(order, j)
				}
			}
			break
		}
	}
	return order
}

func allIn(set map[string]bool, names []string) bool {
	for _, n := range names {
		if !set[n] {
			return false
		}
	}
	return true
}

// WorkOf opens the WARP that holds what a process did: the system's where it collapsed, the tip that the archive keeps
// where it was given up, its workspace while it is open. Where that is not here any more (a month was dropped, or it was
// never fetched) the error Is ErrNotFound.
func (k *Kernel) WorkOf(ctx context.Context, at Snapshot, p ProcessView) (Snapshot, error) {
	switch {
	case p.Collapse != nil:
		return at, nil
	case p.Attempt != nil:
		ws, err := k.Store.Open(ctx, p.Attempt.Tip)
		if err != nil {
			return nil, fmt.Errorf("work of %s: %w", p.ID, err)
		}
		return ws, nil
	}
	return k.workspace(ctx, p)
}

// alive tells whether somebody works on the process now.
func (k *Kernel) alive(id ProcessID) (bool, error) {
	release, err := k.Local.Hold(id)
	if errors.Is(err, ErrBusy) {
		return true, nil
	}
	if err == nil {
		release()
	}
	return false, err
}
