package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Many readers are told a few at a time, all of them soon, each of each event once and in order. Who does not read keeps nobody waiting,
// and who has left is forgotten.
func TestWaves(t *testing.T) {
	const readers, events = 500, 20
	synctest.Test(t, func(t *testing.T) {
		to := newTopic(nil, "", nil)
		go to.waves()
		var mu sync.Mutex
		heard := map[time.Time]int{} // how many at a moment
		listen := func(ctx context.Context, slow bool) {
			r := to.reader("")
			r.next = 0
			defer r.leave()
			for want := 0; ; {
				list, err := r.read(ctx)
				for _, payload := range list {
					if string(payload) != fmt.Sprint(want) {
						t.Errorf("event %s, want %d", payload, want)
					}
					want++
				}
				switch {
				case errors.Is(err, io.EOF) && want == events, ctx.Err() != nil:
					return
				case err != nil:
					t.Errorf("after %d events: %v", want, err)
					return
				case slow:
					time.Sleep(time.Hour)
				default:
					mu.Lock()
					heard[time.Now()]++
					mu.Unlock()
				}
			}
		}
		for range readers {
			go listen(t.Context(), false)
		}
		go listen(t.Context(), true)
		ctx, leave := context.WithCancel(t.Context())
		go listen(ctx, false)
		synctest.Wait()
		leave()
		synctest.Wait()
		if len(to.waiting) != readers+1 {
			t.Errorf("%d wait, want %d", len(to.waiting), readers+1)
		}
		for n := range events {
			began := time.Now()
			to.add([]told{{payload: fmt.Append(nil, n)}})
			time.Sleep(time.Second)
			all := 0
			for at, some := range heard {
				if all += some; some > (readers+1)/crests+1 || at.Sub(began) > crests*trough {
					t.Errorf("event %d: %d were told at once, after %s", n, some, at.Sub(began))
				}
			}
			if all != readers {
				t.Errorf("event %d: %d were told, want %d", n, all, readers)
			}
			clear(heard)
		}
		to.end(nil)
		time.Sleep(2 * time.Hour) // for who is slow
		synctest.Wait()
		if len(to.waiting) != 0 {
			t.Errorf("%d wait for more than the end", len(to.waiting))
		}
	})
}

// late is a line on which two events lie behind every mark.
type late struct{ source }

func (late) since(context.Context, string) ([]string, error)      { return []string{"one", "two"}, nil }
func (late) at(context.Context, string) (o occurrence, err error) { return o, io.ErrUnexpectedEOF }

// Who catches up waits for nothing, is woken all the same, and does not look: others are told in time.
func TestWaves_catchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := newTopic(late{}, "three", nil)
		to.past = map[string][]byte{"one": []byte("1"), "two": []byte("2")}
		go to.waves()
		defer to.end(nil)
		behind := to.reader("zero")
		for range 2 {
			if _, err := behind.read(t.Context()); err != nil {
				t.Fatal(err)
			}
			to.add([]told{{}})
			synctest.Wait()
		}
		heard := false
		other := to.reader("")
		other.next = 2
		go func() {
			_, err := other.read(t.Context())
			heard = err == nil
		}()
		synctest.Wait()
		to.add([]told{{}})
		synctest.Wait()
		if !heard {
			t.Error("nobody was told")
		}
	})
}
