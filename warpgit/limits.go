package warpgit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jitos/jitos"
)

// limits bound what one fetch may bring. A setting of git's raises each: jitos.fetchObjects and so on.
type limits struct {
	objects int64 // in all
	bytes   int64 // as they come, compressed
	object  int64 // of one, not compressed
	depth   int64 // of directories
	refs    int64
	seconds int64 // that the fetch takes
}

// What no setting raises: objects of these kinds are read whole, and a tree may name another many times.
const (
	mostOfCommit  = 1 << 20
	mostOfTree    = 64 << 20
	mostOfItem    = 16 << 20 // a node, an edge, a record or another file below .jitos/; .gitmodules
	mostUnfolding = 10_000_000
)

func defaultLimits() limits {
	return limits{objects: 5_000_000, bytes: 8 << 30, object: 1 << 30, depth: 256, refs: 10_000, seconds: 3600}
}

// set takes a setting in; other keys are none of its business.
func (l *limits) set(key, value string) error {
	into := map[string]*int64{"jitos.fetchobjects": &l.objects, "jitos.fetchbytes": &l.bytes, "jitos.fetchobjectbytes": &l.object,
		"jitos.fetchdepth": &l.depth, "jitos.fetchrefs": &l.refs, "jitos.fetchseconds": &l.seconds}[strings.ToLower(key)]
	if into == nil {
		return nil
	}
	digits, unit := value, int64(1)
	if n := len(value); n > 0 {
		if shift := strings.IndexByte("kmg", value[n-1]|0x20); shift >= 0 {
			digits, unit = value[:n-1], 1<<(10*(shift+1))
		}
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n <= 0 {
		return fmt.Errorf("setting %s = %q: %w: want a number, perhaps with k, m or g", key, value, jitos.ErrInvalid)
	}
	*into = n * unit
	return nil
}

// over is the refusal of what is more than a limit.
func over(setting, format string, args ...any) error {
	return jitos.Hint(fmt.Errorf("%w: "+format, append([]any{jitos.ErrDenied}, args...)...),
		"where that is as it should be, `git config jitos.%s NUMBER` raises the limit", setting)
}

// watch ends a fetch into the quarantine that takes too much or too long. The context that it returns has the reason as its cause.
func (q *quarantine) watch(ctx context.Context, l limits) (context.Context, context.CancelFunc) {
	watched, end := context.WithCancelCause(ctx)
	until := time.Now().Add(time.Duration(l.seconds) * time.Second)
	go func() {
		every := time.NewTicker(100 * time.Millisecond)
		defer every.Stop()
		for {
			select {
			case <-watched.Done():
				return
			case now := <-every.C:
				if now.After(until) {
					end(over("fetchSeconds", "it took more than %d seconds", l.seconds))
				}
				if q.size() > l.bytes {
					end(over("fetchBytes", "more than %d bytes came", l.bytes))
				}
			}
		}
	}()
	return watched, func() { end(context.Canceled) }
}

// size is how many bytes have come.
func (q *quarantine) size() int64 {
	var sum int64
	files, err := filepath.Glob(q.path("objects/pack/*"))
	if err != nil {
		return 0
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// count is how many objects are in the packs that have come.
func (q *quarantine) count() (int64, error) {
	names, err := listed(q.path("objects/pack"), "pack-", ".pack")
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, name := range names {
		p, err := openPack(strings.TrimSuffix(name, ".pack"))
		if err != nil {
			return 0, err
		}
		sum += int64(p.count)
		if err := p.close(); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// check looks at what the fetch left, when git says that it is done.
func (l limits) check(q *quarantine, refs int) error {
	objects, err := q.count()
	switch {
	case err != nil:
		return err
	case q.size() > l.bytes:
		return over("fetchBytes", "more than %d bytes came", l.bytes)
	case objects > l.objects:
		return over("fetchObjects", "%d objects came, and %d may", objects, l.objects)
	case int64(refs) > l.refs:
		return over("fetchRefs", "%d branches came, and %d may", refs, l.refs)
	}
	return nil
}

// causeOf is why a context ended, where that is more than the error says.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}
