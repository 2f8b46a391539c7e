package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Logins let browsers in without a token in a URL.
//
// A link to the viewer ends in #login=TICKET. What follows the # stays in the browser: it is in no request, no log and no
// Referer. The page takes it out of its address at once and sends it by POST to /login, where it is exchanged for a session; a
// ticket is good for one exchange, within TicketLife. A session has two halves, and a request must show both: a cookie that
// scripts cannot read (HttpOnly) and other sites cannot use (SameSite=Strict), and a key that the page keeps for its origin
// and sends as a bearer token. The cookie alone is not enough because browsers send it to every port of 127.0.0.1, where another
// user of the machine may listen; the key alone is worth nothing to who reads it out of the page.
//
// Tickets and sessions are kept as hashes, in memory: they end with the daemon. The zero value is ready for use.
type Logins struct {
	mu       sync.Mutex
	tickets  map[[32]byte]time.Time // until when
	sessions map[[32]byte]session   // by the hash of the cookie
	now      func() time.Time       // time.Now but in tests
}

type session struct {
	key   [32]byte
	until time.Time
}

const (
	// TicketLife is how long a link may be used.
	TicketLife  = 2 * time.Minute
	sessionLife = 24 * time.Hour
	// mostLogins bounds tickets and sessions alike: the one that would end first makes room.
	mostLogins = 64
)

func (l *Logins) clock() time.Time {
	if l.now != nil {
		return l.now()
	}
	return time.Now()
}

// Link makes a link that opens the viewer once. base is where the server listens, "http://127.0.0.1:8420".
func (l *Logins) Link(base string) string {
	ticket := rand.Text()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tickets == nil {
		l.tickets = map[[32]byte]time.Time{}
	}
	now := l.clock()
	makeRoom(l.tickets, now, func(until time.Time) time.Time { return until })
	l.tickets[sha256.Sum256([]byte(ticket))] = now.Add(TicketLife)
	return base + "/#login=" + ticket
}

// redeem exchanges a ticket for the halves of a session.
func (l *Logins) redeem(ticket string) (cookie, key string, ok bool) {
	hash := sha256.Sum256([]byte(ticket))
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	until, known := l.tickets[hash]
	delete(l.tickets, hash)
	if !known || now.After(until) {
		return "", "", false
	}
	if l.sessions == nil {
		l.sessions = map[[32]byte]session{}
	}
	makeRoom(l.sessions, now, func(s session) time.Time { return s.until })
	cookie, key = rand.Text(), rand.Text()
	l.sessions[sha256.Sum256([]byte(cookie))] = session{sha256.Sum256([]byte(key)), now.Add(sessionLife)}
	return cookie, key, true
}

// admits tells whether both halves are those of one session. They are looked up and compared by their hashes, so the time that
// takes says nothing about them.
func (l *Logins) admits(cookie, key string) bool {
	if l == nil || cookie == "" || key == "" {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.sessions[sha256.Sum256([]byte(cookie))]
	return ok && s.key == sha256.Sum256([]byte(key)) && l.clock().Before(s.until)
}

// makeRoom drops what has ended, and then what ends first.
func makeRoom[V any](all map[[32]byte]V, now time.Time, until func(V) time.Time) {
	for hash, v := range all {
		if now.After(until(v)) {
			delete(all, hash)
		}
	}
	for len(all) >= mostLogins {
		var first [32]byte
		var when time.Time
		for hash, v := range all {
			if when.IsZero() || until(v).Before(when) {
				first, when = hash, until(v)
			}
		}
		delete(all, first)
	}
}

// cookieName has the port in it: the cookies of all ports of a host are in one jar.
func cookieName(host string) string {
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		port = "80"
	}
	return "jitos-" + port
}

type cookieKey struct{}

// withCookie remembers the cookie of a request: that of a WebSocket comes before the key, which is in the first message.
func withCookie(r *http.Request) *http.Request {
	c, err := r.Cookie(cookieName(r.Host))
	if err != nil {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), cookieKey{}, c.Value))
}

// login is the exchange. It is refused unless the browser says that a page of this server asks for it.
func (g Guard) login(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") == "" {
		refuse(w, typeJSON, http.StatusForbidden, "a login comes from a page of this server, whose Origin the browser tells")
		return
	}
	if r.Header.Get("Content-Type") != typeJSON {
		refuse(w, typeJSON, http.StatusUnsupportedMediaType, "send Content-Type: application/json")
		return
	}
	var body struct{ Ticket string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1024)).Decode(&body); err != nil {
		refuse(w, typeJSON, http.StatusBadRequest, "the body is no JSON object with a ticket")
		return
	}
	cookie, key, ok := g.Logins.redeem(body.Ticket)
	if !ok {
		refuse(w, typeJSON, http.StatusUnauthorized, fmt.Sprintf("this link was used, or is older than %s: `jitos view` opens a new one", TicketLife))
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName(r.Host), Value: cookie, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: int(sessionLife.Seconds())})
	write(w, typeJSON, http.StatusOK, map[string]string{"key": key})
}

// Links answers who is admitted with a link to the viewer: POST, no body, {"url": …}. base "" means that no browser can reach
// this daemon.
func (l *Logins) Links(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if base == "" {
			refuse(w, typeJSON, http.StatusConflict, "this daemon does not listen on loopback: start it with --http 127.0.0.1:0")
			return
		}
		write(w, typeJSON, http.StatusOK, map[string]string{"url": l.Link(base)})
	})
}
