package server

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jitos/jitos"
)

// runs are the tasks that this daemon works on. Nothing depends on the list: what it was is in the fabric, and a daemon that
// died is followed by one that goes on.
type runs struct {
	kernel *jitos.Kernel
	tell   func(event)
	ctx    context.Context // ends with the daemon

	mu     sync.Mutex
	closed bool
	active map[jitos.TaskID]*run
	all    sync.WaitGroup
}

type run struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// start runs a task in the background. The error Is jitos.ErrBusy where this daemon runs it already.
func (r *runs) start(id jitos.TaskID, o jitos.RunOptions) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fmt.Errorf("%w: the daemon is ending", jitos.ErrBusy)
	}
	if r.active[id] != nil {
		return fmt.Errorf("task %s: %w: this daemon runs it already", id, jitos.ErrBusy)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	one := &run{cancel, make(chan struct{})}
	r.active[id] = one
	r.all.Go(func() {
		defer close(one.done)
		defer cancel()
		out, err := r.kernel.Run(ctx, id, o)
		r.mu.Lock()
		delete(r.active, id)
		r.mu.Unlock()
		text := out.Reason
		if err != nil && text == "" {
			text = err.Error()
		}
		r.tell(event{Event: jitos.Event{Kind: "end", Task: id, Process: out.Process, Commit: out.Commit, Text: text}, outcome: out.Outcome, result: &out, err: err})
	})
	return nil
}

// stop ends the run of a task and waits until it has ended. The error Is jitos.ErrNotFound where this daemon does not run it.
func (r *runs) stop(ctx context.Context, id jitos.TaskID) error {
	r.mu.Lock()
	one := r.active[id]
	r.mu.Unlock()
	if one == nil {
		return fmt.Errorf("task %s: %w: this daemon does not run it", id, jitos.ErrNotFound)
	}
	one.cancel()
	select {
	case <-one.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// resume goes on with what an earlier process of this clone left open, where nobody works on it.
func (r *runs) resume(ctx context.Context, clone string) error {
	at, err := r.kernel.System(ctx)
	if errors.Is(err, jitos.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	open, err := jitos.OpenProcesses(ctx, at)
	if err != nil {
		return err
	}
	for _, p := range open {
		if p.Process.Hand || p.Process.Owner != clone {
			continue
		}
		if err := r.start(p.Process.Task, jitos.RunOptions{}); err != nil && !errors.Is(err, jitos.ErrBusy) {
			return err
		}
	}
	return nil
}

// count is how many tasks are worked on.
func (r *runs) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.active)
}

// Busy tells whether this daemon works on a task now.
func (s *Server) Busy() bool { return s.runs.count() > 0 }

// close stops everything and waits for it.
func (r *runs) close() {
	r.mu.Lock()
	r.closed = true
	for _, one := range r.active {
		one.cancel()
	}
	r.mu.Unlock()
	r.all.Wait()
}

// event is progress as subscribers get it.
type event struct {
	jitos.Event
	outcome string         // of a run that has ended
	result  *jitos.Outcome // nil before
	err     error
}

// hub hands events to subscribers. One that does not keep up is cut off: nobody waits for it.
type hub struct {
	mu   sync.Mutex
	subs map[*subscriber]bool
}

type subscriber struct {
	events chan event
	lagged bool // events was closed because it was full
}

// behind is how many events a subscriber may be late.
const behind = 1024

func (h *hub) publish(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		select {
		case s.events <- e:
		default:
			s.lagged = true
			close(s.events)
			delete(h.subs, s)
		}
	}
}

// subscribe returns a subscriber and what ends it.
func (h *hub) subscribe() (*subscriber, func()) {
	s := &subscriber{events: make(chan event, behind)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subs == nil {
		h.subs = map[*subscriber]bool{}
	}
	h.subs[s] = true
	return s, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.subs[s] {
			delete(h.subs, s)
			close(s.events)
		}
	}
}
