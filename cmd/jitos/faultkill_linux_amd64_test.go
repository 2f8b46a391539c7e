package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos/cmd/jitos/internal/ptrace"
)

// A jitos that is killed, with all the git commands that it started, at any system call that changes a file: nothing is
// corrupt, nothing that it acknowledged is lost, and the same command given again succeeds, without a repair by hand.
func TestKillCalls(t *testing.T) { killCalls(t, 1) }

func TestHeavyKillCalls(t *testing.T) {
	if !heavy() {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	killCalls(t, points(20))
}

func killCalls(t *testing.T, points int) { atCalls(t, points, (*stage).counts, (*stage).killedAt) }

// counts tells whether a call changes a file on this machine.
func (s *stage) counts(c *ptrace.Call) bool {
	return c.Changes() && !strings.HasPrefix(c.Path, filepath.Join(s.home, "remote.git"))
}

// killedAt lets a command make n calls, and kills it at the next one.
func (s *stage) killedAt(sc scenario, n int) {
	s.t.Helper()
	seen, last := 0, ""
	tr := &ptrace.Tracer{Root: s.home, Spare: s.isRemote, Before: func(c *ptrace.Call) ptrace.Verdict {
		if last == "" && s.counts(c) {
			if seen == n {
				last = c.String()
				return ptrace.Verdict{Kill: true}
			}
			seen++
		}
		return ptrace.Verdict{}
	}}
	got := s.traced(tr, sc.stdin, sc.args...)
	s.healthy()
	if got.code == exitDone || sc.name == "rewrite" && got.word() != "" {
		if missing := sc.done(s); missing != "" {
			s.t.Errorf("acknowledged and lost: %s: %v", missing, got)
		}
	}
	s.settled(sc)
	if s.t.Failed() {
		s.t.Logf("killed at: %s; it had said: %v", last, got)
	}
}
