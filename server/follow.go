package server

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/jitos/jitos"
)

const (
	// settle is how long moves that come together are gathered into one, and pace how long at least lies between two: while much
	// happens, listeners have more to do at once, and less to do in all.
	settle = 5 * time.Millisecond
	pace   = 20 * time.Millisecond
	// pollEvery is how often the refs are read where the system does not tell of changes.
	pollEvery = 250 * time.Millisecond
)

// Follower tells listeners that a ref of the fabric may have moved, whoever moved it: another process, git, or a fetch. The system
// tells it of changes in the few directories where refs are; where it does not, as on network file systems or past a limit of
// inotify's, they are read now and then. While nobody listens it does nothing. Its exported fields are not changed after the first Listen.
type Follower struct {
	Common string // the git directory that all worktrees share
	Store  jitos.Store
	Note   func(text string) // told once why the refs are polled; nil for nobody

	mu        sync.Mutex
	listeners int
	moved     chan struct{} // closed at the next move
	stop      context.CancelFunc
	noted     sync.Once
}

// Listen begins to follow. moved returns a channel that is closed when a ref has moved since that call. end must be called once.
func (f *Follower) Listen() (moved func() <-chan struct{}, end func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners++; f.listeners == 1 {
		f.moved = make(chan struct{})
		ctx, stop := context.WithCancel(context.Background())
		f.stop = stop
		w, err := f.watch()
		if err == nil {
			go f.hear(ctx, w)
		} else {
			f.poll(ctx, err)
		}
	}
	return func() <-chan struct{} {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.moved
		}, sync.OnceFunc(func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.listeners--; f.listeners == 0 {
				f.stop()
			}
		})
}

func (f *Follower) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.moved)
	f.moved = make(chan struct{})
}

// places are the directories in which a move of a ref of the fabric is seen, those above first: a ref is a file that is renamed into
// place, or a line of packed-refs, which is. git removes directories that have become empty.
func (f *Follower) places() []string {
	heads := filepath.Join(f.Common, "refs", "heads")
	return []string{f.Common, filepath.Dir(heads), heads, filepath.Join(heads, "jitos"), filepath.Join(heads, "jitos", "sws")}
}

// watch asks the system to tell of changes.
func (f *Follower) watch() (*fsnotify.Watcher, error) {
	if kind := remote(f.Common); kind != "" {
		return nil, fmt.Errorf("%s is on %s, where changes by other machines are not told", f.Common, kind)
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := f.look(w); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// look watches the places that are there. To watch one twice does nothing.
func (f *Follower) look(w *fsnotify.Watcher) error {
	for _, dir := range f.places() {
		if err := w.Add(dir); err != nil && (dir == f.Common || !errors.Is(err, os.ErrNotExist)) {
			return fmt.Errorf("watch %s: %w", dir, err)
		}
	}
	return nil
}

// concerns tells whether a change may be one of refs. Locks are not, nor are the files of the git directory that are none.
func (f *Follower) concerns(name string) bool {
	if filepath.Dir(name) == f.Common {
		base := filepath.Base(name)
		return base == "packed-refs" || base == "refs"
	}
	return !strings.HasSuffix(name, ".lock")
}

func (f *Follower) hear(ctx context.Context, w *fsnotify.Watcher) {
	defer w.Close()
	var last time.Time // when listeners were told
	for {
		told := false
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.Events:
			if !ok {
				return
			}
			told = f.concerns(e.Name)
		case _, ok := <-w.Errors: // more happened than the system keeps, or a directory went while it was looked at
			if !ok {
				return
			}
			told = true
		}
		if !told {
			continue
		}
		rest := time.NewTimer(max(settle, pace-time.Since(last)))
		for waiting := true; waiting; {
			select {
			case <-w.Events:
			case <-w.Errors:
			case <-rest.C:
				waiting = false
			case <-ctx.Done():
				rest.Stop()
				return
			}
		}
		last = time.Now()
		if err := f.look(w); err != nil { // directories that came are watched before anybody reads what is in them
			f.poll(ctx, err)
			f.tell()
			return
		}
		f.tell()
	}
}

// poll reads the refs now and then, because of an error.
func (f *Follower) poll(ctx context.Context, why error) {
	f.noted.Do(func() {
		if f.Note != nil {
			f.Note(fmt.Sprintf("the refs are read %d times a second: %s", time.Second/pollEvery, why))
		}
	})
	last := f.mark(ctx)
	go func() {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if mark := f.mark(ctx); mark != last {
				last = mark
				f.tell()
			}
		}
	}()
}

// mark changes when a ref of the line or of a workspace moves. Refs that cannot be read at the moment count as one state: who
// is woken reads for himself, and says what is wrong.
func (f *Follower) mark(ctx context.Context) uint64 {
	h := fnv.New64a()
	add := func(words ...string) {
		for _, w := range words {
			io.WriteString(h, w+"\x00")
		}
	}
	head, err := f.Store.Head(ctx, jitos.SystemRef)
	add(string(head))
	if err != nil {
		add("error")
	}
	for tip, err := range f.Store.Refs(ctx, jitos.SWSPrefix) {
		if err != nil {
			add("error")
			break
		}
		add(string(tip.Ref), string(tip.ID))
	}
	return h.Sum64()
}
