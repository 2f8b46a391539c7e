package server

import (
	"maps"
	"slices"
	"time"
)

// The readers of a topic are woken in waves: each write to a connection takes the system some 10 µs and its client as much, and a query
// that came while 500 were at it would wait for a processor behind all of them. A wave lasts about as long as moves of refs are apart
// when many are made (pace), however many readers there are.
const (
	crest  = 32                   // readers that are woken at once, at least
	crests = 10                   // of one wave, at most
	trough = 2 * time.Millisecond // between two
)

// waves wakes those who wait, whenever there is more and at the end.
func (t *topic) waves() {
	for range t.more {
		t.wave()
	}
	t.wave()
}

// wave wakes who waits now; who begins to wait meanwhile has seen what there is, and is for the next wave. It waits for nobody.
func (t *topic) wave() {
	t.mu.Lock()
	readers := slices.Collect(maps.Keys(t.waiting))
	clear(t.waiting)
	t.mu.Unlock()
	for i, r := range readers {
		if i > 0 && i%max(crest, (len(readers)+crests-1)/crests) == 0 {
			time.Sleep(trough)
		}
		select {
		case r.wake <- struct{}{}:
		default: // it was woken before, and has not looked yet
		}
	}
}

// reader makes one that goes on behind a mark. leave must be called when it reads no more.
func (t *topic) reader(mark string) *reader {
	return &reader{t: t, next: -1, mark: mark, wake: make(chan struct{}, 1)}
}

func (r *reader) leave() {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	delete(r.t.waiting, r)
}
