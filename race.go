package jitos

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
)

// race is a run of several attempts at one task, side by side. The first that is green collapses; then the others stop, and
// are discarded with what they have learned. Their jobs, gates and probes share the kernel's seats, so that a race takes
// no more of the machine than attempts one after the other.
//
// Which of two is first does not depend on which goroutine was: an attempt whose jobs have passed comes to the finish, where one
// at a time proves its gates and collapses, and of those that wait there the one goes first whose plan stands first.
type race struct {
	mu      sync.Mutex
	changed *sync.Cond // busy or waiting
	busy    bool       // one is at the finish
	waiting []int      // lanes that wait for the finish
	stop    []context.CancelFunc
}

// racer is an attempt's place in a race. A nil *racer is in none.
type racer struct {
	race *race
	lane int // among the plans, best first
}

// lane is one of what a race tries: it says whether an attempt collapsed, and whether it is time to plan again.
type lane func(ctx context.Context, out *Outcome) (done, again bool, err error)

// atFinish waits until the attempt may try to collapse. leave must be called, with whether it did: then every other lane is
// stopped.
func (r *racer) atFinish(ctx context.Context) (leave func(won bool), err error) {
	if r == nil {
		return func(bool) {}, nil
	}
	defer context.AfterFunc(ctx, func() {
		r.race.mu.Lock()
		defer r.race.mu.Unlock()
		r.race.changed.Broadcast()
	})()
	r.race.mu.Lock()
	defer r.race.mu.Unlock()
	r.race.waiting = append(r.race.waiting, r.lane)
	for ctx.Err() == nil && (r.race.busy || slices.Min(r.race.waiting) != r.lane) {
		r.race.changed.Wait()
	}
	r.race.waiting = slices.DeleteFunc(r.race.waiting, func(lane int) bool { return lane == r.lane })
	r.race.changed.Broadcast()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.race.busy = true
	return r.leave, nil
}

func (r *racer) leave(won bool) {
	r.race.mu.Lock()
	defer r.race.mu.Unlock()
	if won {
		for lane, stop := range r.race.stop {
			if lane != r.lane {
				stop()
			}
		}
	}
	r.race.busy = false
	r.race.changed.Broadcast()
}

// race starts the lanes in their order, at most n at a time, and returns when all have ended. It tells whether one collapsed, and
// whether to plan again. What became of each attempt is in out.
func (k *Kernel) race(ctx context.Context, id TaskID, n int, lanes []lane, out *Outcome) (done, again bool, err error) {
	r := &race{stop: make([]context.CancelFunc, len(lanes))}
	r.changed = sync.NewCond(&r.mu)
	ctxs := make([]context.Context, len(lanes))
	for i := range lanes {
		ctxs[i], r.stop[i] = context.WithCancel(ctx)
		defer r.stop[i]()
	}
	var mu sync.Mutex // over what is returned, and out
	var all sync.WaitGroup
	if most := k.bounds().Quota.Workspaces; most > 0 {
		n = min(n, most)
	}
	places := make(chan struct{}, n)
	before := slices.Clone(out.Attempts)
	for i, try := range lanes {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if ctxs[i].Err() != nil {
				return
			}
			mine := Outcome{Task: id, Attempts: slices.Clone(before), Evidence: []EvidenceLine{}, Files: []string{}, racer: &racer{r, i}}
			won, fresh, lerr := try(ctxs[i], &mine)
			mu.Lock()
			defer mu.Unlock()
			out.take(mine, len(before), won)
			done, again = done || won, again || fresh
			switch {
			case lerr == nil, ctxs[i].Err() != nil && ctx.Err() == nil: // another one collapsed
			case errors.Is(lerr, ErrWaiting):
				if err == nil {
					err = lerr
				}
			default:
				err = lerr
				for _, stop := range r.stop {
					stop() // what they did stays, and is resumed
				}
			}
		})
	}
	all.Wait()
	if err == nil || done {
		err = ctx.Err()
	}
	if done {
		err = k.outrun(context.WithoutCancel(ctx), id, out)
	}
	return done, again, errors.Join(err, k.inOrderOfStart(context.WithoutCancel(ctx), id, out))
}

// take adds to an outcome what became of one lane, whose attempts are new from a number on.
func (o *Outcome) take(lane Outcome, from int, won bool) {
	o.Attempts = append(o.Attempts, lane.Attempts[from:]...)
	o.Waiting = append(o.Waiting, lane.Waiting...)
	if o.Outcome == "collapsed" {
		return
	}
	o.Files, o.Evidence = lane.Files, lane.Evidence
	if won {
		o.Outcome, o.Process, o.Commit, o.Slap = lane.Outcome, lane.Process, lane.Commit, lane.Slap
	}
}

// outrun discards the attempts of this clone at a task that are still open though one has collapsed, and says so in the outcome:
// they lost a race, or wait for a person. One that another process works on is left to it.
func (k *Kernel) outrun(ctx context.Context, id TaskID, out *Outcome) error {
	at, err := k.System(ctx)
	if err != nil {
		return err
	}
	v, err := ViewTask(ctx, at, id, k.Local.Clone())
	if err != nil {
		return err
	}
	by := slices.IndexFunc(v.Processes, func(p ProcessView) bool { return p.Collapse != nil })
	for _, p := range v.Processes {
		if by < 0 || !p.Open() || p.Process.Owner != k.Local.Clone() || p.Process.Hand {
			continue
		}
		if alive, err := k.alive(p.ID); err != nil {
			return err
		} else if alive {
			continue
		}
		reason := string(v.Processes[by].ID) + " collapsed first"
		if err := k.Discard(ctx, p, "outrun", reason); err != nil {
			return err
		}
		jobs, err := k.countedJobs(ctx, p.ID)
		if err != nil {
			return err
		}
		out.Attempts = slices.DeleteFunc(out.Attempts, func(a AttemptEnd) bool { return a.Process == p.ID })
		out.Attempts = append(out.Attempts, AttemptEnd{Process: p.ID, Slap: p.Process.Slap, Outcome: "outrun", Reason: reason, Jobs: jobs})
	}
	out.Waiting = nil
	return nil
}

// inOrderOfStart sorts the attempts of an outcome by their numbers.
func (k *Kernel) inOrderOfStart(ctx context.Context, id TaskID, out *Outcome) error {
	at, err := k.System(ctx)
	if err != nil {
		return err
	}
	v, err := ViewTask(ctx, at, id, k.Local.Clone())
	if err != nil {
		return err
	}
	number := map[ProcessID]int{}
	for _, p := range v.Processes {
		number[p.ID] = p.Process.Number
	}
	slices.SortStableFunc(out.Attempts, func(a, b AttemptEnd) int { return cmp.Compare(number[a.Process], number[b.Process]) })
	return nil
}
