package jitos

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// At the finish of a race there is one at a time, and of those that wait the one whose plan stands first. Who wins stops all others,
// also those that wait.
func TestRaceFinish(t *testing.T) {
	for _, firstWins := range []bool{false, true} {
		r := &race{stop: make([]context.CancelFunc, 4)}
		r.changed = sync.NewCond(&r.mu)
		ctxs := make([]context.Context, 4)
		for i := range ctxs {
			ctxs[i], r.stop[i] = context.WithCancel(t.Context())
		}
		leave, err := (&racer{r, 3}).atFinish(ctxs[3])
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		errs := make([]error, 3)
		for i := range 3 {
			all.Go(func() {
				leave, err := (&racer{r, i}).atFinish(ctxs[i])
				if errs[i] = err; err != nil {
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				leave(i == 1)
			})
		}
		for waiting := 0; waiting < 3; {
			r.mu.Lock()
			waiting = len(r.waiting)
			r.mu.Unlock()
		}
		leave(firstWins)
		all.Wait()
		if firstWins {
			for i, err := range errs {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("lane %d after another one won: %v", i, err)
				}
			}
			continue
		}
		// 0 does not win, 1 does, so 2 is stopped.
		if len(order) != 2 || order[0] != 0 || order[1] != 1 || errs[2] == nil {
			t.Errorf("order %v, %v; want 0, then 1", order, errs[2])
		}
	}
}
