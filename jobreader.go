package jitos

import (
	"context"
	"errors"
	"sort"
	"strings"
)

// jobState is a job with its claims, as an SWS's graph tells them.
type jobState struct {
	id     JobID
	step   Step
	claims []claimState
}

type claimState struct {
	name    string
	claim   Claim
	settled *Settlement
}

// last is the newest claim that was not found stale, nil where there is none.
func (j jobState) last() *claimState {
	for i := len(j.claims) - 1; i >= 0; i-- {
		if c := &j.claims[i]; c.settled == nil || !c.settled.Stale {
			return c
		}
		if i == len(j.claims)-1 {
			return nil // the newest was stale: what came before it is out of date as well
		}
	}
	return nil
}

func (j jobState) passed() bool {
	c := j.last()
	return c != nil && c.settled != nil && c.settled.Verdict == Pass
}

// failure is the settlement by which the job has failed for good, nil where it has not.
func (j jobState) failure() *Settlement {
	c := j.last()
	if c == nil || c.settled == nil || c.settled.Verdict == Pass {
		return nil
	}
	tries := 0
	for _, c := range j.claims {
		if c.settled != nil && !c.settled.Stale {
			tries++
		}
	}
	if c.settled.Verdict == Fail && tries <= j.step.Retries && c.settled.Exit != exitSpent {
		return nil
	}
	return c.settled
}

// interrupted is a claim that nobody settled.
func (j jobState) interrupted() *claimState {
	if c := j.last(); c != nil && c.settled == nil {
		return c
	}
	return nil
}

// jobsOf reads the jobs of a process from its workspace, in the order of their names.
func jobsOf(ctx context.Context, ws Graph, id ProcessID) ([]jobState, error) {
	var jobs []jobState
	for j, err := range Targets[Job](ctx, ws, id.Node(), LabelJob) {
		if err != nil {
			return nil, err
		}
		state := jobState{id: JobID(j.ID.Name), step: j.Record.Step}
		if state.claims, err = claimsOf(ctx, ws, state.id); err != nil {
			return nil, err
		}
		jobs = append(jobs, state)
	}
	return jobs, nil
}

// claimsOf reads the claims of a job, in order of their numbers.
func claimsOf(ctx context.Context, ws Graph, id JobID) ([]claimState, error) {
	var claims []claimState
	for c, err := range Targets[Claim](ctx, ws, id.Node(), LabelClaim) {
		if err != nil {
			return nil, err
		}
		cs := claimState{name: c.ID.Name, claim: c.Record}
		if s, err := Get[Settlement](ctx, ws, NodeID{KindSettlement, c.ID.Name}); err == nil {
			cs.settled = &s
		} else if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		claims = append(claims, cs)
	}
	sort.Slice(claims, func(a, b int) bool { return claims[a].claim.Number < claims[b].claim.Number })
	return claims, nil
}

// jobReader reads the jobs of a process again and again: after the first time only those that rewrites since then concern, by
// what their records say that they set. A tick of a plan of thousands of jobs costs what it does, not what there is.
type jobReader struct {
	store   Store
	process ProcessID

	at   CommitID // where jobs were read, "" for nowhere yet
	jobs *agenda
}

// read returns the jobs as a workspace has them. They are the reader's: the next reading changes them.
func (r *jobReader) read(ctx context.Context, ws Snapshot) (*agenda, error) {
	touched, known, err := r.since(ctx, ws.Commit().ID)
	if err != nil {
		return nil, err
	}
	if !known {
		r.at = ""
		jobs, err := jobsOf(ctx, ws, r.process)
		if err != nil {
			return nil, err
		}
		r.jobs = newAgenda(jobs)
	}
	for id := range touched {
		i, ok := r.jobs.place[id]
		if !ok {
			continue
		}
		claims, err := claimsOf(ctx, ws, id)
		if err != nil {
			r.at = ""
			return nil, err
		}
		r.jobs.set(i, claims)
	}
	r.at = ws.Commit().ID
	return r.jobs, nil
}

// farthest is how many commits it looks back; behind that all is read anew.
const farthest = 256

// since tells which jobs the rewrites between the last reading and a commit concern. known is false where that is not to be
// told: a merge, a commit of a person's, another line, a job that is new.
func (r *jobReader) since(ctx context.Context, to CommitID) (touched map[JobID]bool, known bool, err error) {
	if r.at == "" {
		return nil, false, nil
	}
	touched = map[JobID]bool{}
	n := 0
	for c, err := range r.store.Log(ctx, to) {
		if err != nil {
			return nil, false, err
		}
		if c.ID == r.at {
			return touched, true, nil
		}
		if n++; n > farthest || c.Record == nil || len(c.Parents) != 1 || len(c.Record.Drop) > 0 {
			return nil, false, nil
		}
		for item := range c.Record.Set {
			node, edge, _ := strings.Cut(string(item), "#")
			kind, name, _ := strings.Cut(node, "/")
			switch kind {
			case KindJob:
				if edge == "" {
					return nil, false, nil
				}
				touched[JobID(name)] = true
			case KindClaim, KindSettlement: // named by their job and a number
				touched[JobID(name[:max(0, strings.LastIndexByte(name, '.'))])] = true
			case KindProcess:
				if strings.HasPrefix(edge, LabelJob+"/") {
					return nil, false, nil
				}
			}
		}
	}
	return nil, false, nil
}
