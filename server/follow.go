package server

import (
	"context"
	"hash/fnv"
	"io"
	"sync"
	"time"

	"github.com/jitos/jitos"
)

// pollEvery is how often the refs are looked at while somebody listens. Rewrites come from other processes, from git and from
// fetches; reading a few small files works on every file system, where notifications do not.
const pollEvery = 25 * time.Millisecond

// follower tells listeners that a ref of the fabric has moved, whoever moved it.
type follower struct {
	store jitos.Store

	mu        sync.Mutex
	listeners int
	moved     chan struct{} // closed at the next move
	stop      context.CancelFunc
}

// listen begins to follow. moved returns a channel that is closed when a ref has moved since that call; err tells why the refs
// cannot be read any more.
func (f *follower) listen(ctx context.Context) (moved func() <-chan struct{}, end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners++; f.listeners == 1 {
		f.moved = make(chan struct{})
		poll, stop := context.WithCancel(context.Background())
		f.stop = stop
		go f.poll(poll)
	}
	return func() <-chan struct{} {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.moved
		}, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.listeners--; f.listeners == 0 {
				f.stop()
			}
		}
}

func (f *follower) poll(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := f.mark(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		mark := f.mark(ctx)
		if mark == last {
			continue
		}
		last = mark
		f.mu.Lock()
		close(f.moved)
		f.moved = make(chan struct{})
		f.mu.Unlock()
	}
}

// mark changes when a ref of the line or of a workspace moves. Refs that cannot be read at the moment count as one state: who
// is woken reads for himself, and says what is wrong.
func (f *follower) mark(ctx context.Context) uint64 {
	h := fnv.New64a()
	add := func(words ...string) {
		for _, w := range words {
			io.WriteString(h, w+"\x00")
		}
	}
	head, err := f.store.Head(ctx, jitos.SystemRef)
	add(string(head))
	if err != nil {
		add("error")
	}
	for tip, err := range f.store.Refs(ctx, jitos.SWSPrefix) {
		if err != nil {
			add("error")
			break
		}
		add(string(tip.Ref), string(tip.ID))
	}
	return h.Sum64()
}
