package main

import (
	"net/http"
	"sync"
	"time"
)

// attendance knows how long a daemon has been without clients.
type attendance struct {
	mu    sync.Mutex
	here  int       // requests and streams that are open
	since time.Time // when the last one ended
}

// count notes the clients of a handler.
func (a *attendance) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.here++
		a.mu.Unlock()
		defer func() {
			a.mu.Lock()
			a.here--
			a.since = time.Now()
			a.mu.Unlock()
		}()
		next.ServeHTTP(w, r)
	})
}

// alone returns a channel that is closed when nobody was here for so long, and nothing was to do. For 0 it never is.
func (a *attendance) alone(idle time.Duration, busy func() bool) <-chan struct{} {
	left := make(chan struct{})
	if idle <= 0 {
		return left
	}
	a.mu.Lock()
	a.since = time.Now()
	a.mu.Unlock()
	go func() {
		for range time.Tick(max(idle/20, 10*time.Millisecond)) {
			a.mu.Lock()
			gone := a.here == 0 && time.Since(a.since) >= idle
			a.mu.Unlock()
			if gone && !busy() {
				close(left)
				return
			}
		}
	}()
	return left
}
