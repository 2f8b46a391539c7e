package jitos

import (
	"context"
	"slices"
	"strings"
)

// jobReader reads the jobs of a process again and again: after the first time only those that rewrites since then concern, by
// what their records say that they set. A tick of a plan of thousands of jobs costs what it does, not what there is.
type jobReader struct {
	store   Store
	process ProcessID

	at   CommitID // where jobs were read, "" for nowhere yet
	jobs []jobState
}

// read returns the jobs as a workspace has them, in the order of their names.
func (r *jobReader) read(ctx context.Context, ws Snapshot) ([]jobState, error) {
	touched, known, err := r.since(ctx, ws.Commit().ID)
	if err != nil {
		return nil, err
	}
	if !known {
		r.at = ""
		if r.jobs, err = jobsOf(ctx, ws, r.process); err != nil {
			return nil, err
		}
	}
	for i, j := range r.jobs {
		if touched[j.id] {
			if r.jobs[i].claims, err = claimsOf(ctx, ws, j.id); err != nil {
				r.at = ""
				return nil, err
			}
		}
	}
	r.at = ws.Commit().ID
	return slices.Clone(r.jobs), nil
}

// farthest is how many commits it looks back; behind that all is read anew.
const farthest = 64

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
