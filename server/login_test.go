package server

import (
	"strings"
	"testing"
	"time"
)

// Tickets and sessions end; what makes room for others is what would have ended first.
func TestLogins(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	l := &Logins{now: func() time.Time { return now }}
	ticket := func() string {
		_, ticket, _ := strings.Cut(l.Link("http://127.0.0.1:1"), "/#login=")
		return ticket
	}
	first := ticket()
	now = now.Add(TicketLife + time.Second)
	if _, _, ok := l.redeem(first); ok {
		t.Error("a ticket that is too old was taken")
	}
	now = now.Add(-TicketLife)
	if _, _, ok := l.redeem(first); ok {
		t.Error("a ticket that was shown too late was kept")
	}
	cookie, key, ok := l.redeem(ticket())
	if !ok || !l.admits(cookie, key) || l.admits(cookie, cookie) || l.admits(key, cookie) || l.admits("", "") {
		t.Fatal("a session is not admitted, or half of one is")
	}
	other, otherKey, _ := l.redeem(ticket())
	if l.admits(cookie, otherKey) || l.admits(other, key) {
		t.Error("halves of two sessions were admitted")
	}
	now = now.Add(time.Hour)
	for range mostLogins - 1 {
		l.redeem(ticket())
	}
	if l.admits(cookie, key) && l.admits(other, otherKey) || len(l.sessions) != mostLogins {
		t.Errorf("%d sessions are kept", len(l.sessions))
	}
	a, b, _ := l.redeem(ticket())
	now = now.Add(sessionLife)
	if l.admits(a, b) {
		t.Error("a session does not end")
	}
	if (*Logins)(nil).admits(a, b) {
		t.Error("sessions where there are none")
	}
}
