package jitos

import (
	"context"
	"reflect"
)

// HoldTurn keeps the writers of a kernel waiting, as if one were writing, until release is called. waiting is how many wait.
func (k *Kernel) HoldTurn() (release func(), waiting func() int) {
	k.turn.Lock()
	return k.turn.Unlock, func() int {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.pending)
	}
}

// CompareJobReader reads the jobs of a process at each of the commits in turn, all anew and only what changed, and returns the
// first commit at which these differ, and how often nothing was read anew.
func CompareJobReader(ctx context.Context, store Store, process ProcessID, commits []CommitID) (differs CommitID, kept int, err error) {
	r := &jobReader{store: store, process: process}
	for _, id := range commits {
		ws, err := store.Open(ctx, id)
		if err != nil {
			return "", 0, err
		}
		if _, known, _ := r.since(ctx, id); known {
			kept++
		}
		quick, err := r.read(ctx, ws)
		if err != nil {
			return "", 0, err
		}
		anew, err := jobsOf(ctx, ws, process)
		if err != nil {
			return "", 0, err
		}
		if !reflect.DeepEqual(quick, newAgenda(anew)) {
			return id, kept, nil
		}
	}
	return "", kept, nil
}
