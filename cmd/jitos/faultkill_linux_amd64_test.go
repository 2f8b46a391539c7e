package main

import (
	"fmt"
	"os"
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

// killCalls kills each scenario at so many calls, spread over all that it makes and chosen by the seed.
func killCalls(t *testing.T, points int) {
	needTracer(t)
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, sc)
			all := s.count(sc, s.counts)
			for _, n := range s.spread(all, points) {
				s.restore()
				s.killedAt(sc, n)
				if t.Failed() {
					t.Logf("killed before call %d of about %d", n+1, all)
					return
				}
			}
			t.Logf("%d calls that change files, killed at %d of them", all, min(points, all+1))
		})
	}
}

// isRemote tells whether a process works for the remote, which would be another machine: it is not killed with the others,
// and its locks are its own.
func (s *stage) isRemote(pid int) bool {
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && strings.HasPrefix(dir, filepath.Join(s.home, "remote.git"))
}

// counts tells whether a call changes a file on this machine.
func (s *stage) counts(c *ptrace.Call) bool {
	return c.Changes() && !strings.HasPrefix(c.Path, filepath.Join(s.home, "remote.git"))
}

// count counts calls of a scenario, undisturbed.
func (s *stage) count(sc scenario, counts func(*ptrace.Call) bool) int {
	s.t.Helper()
	n := 0
	tr := &ptrace.Tracer{Root: s.home, Before: func(c *ptrace.Call) ptrace.Verdict {
		if counts(c) {
			n++
		}
		return ptrace.Verdict{}
	}}
	s.restore()
	if got := s.traced(tr, sc.stdin, sc.args...); got.code != exitDone {
		s.t.Fatal(got)
	}
	if missing := sc.done(s); missing != "" {
		s.t.Fatal(missing)
	}
	return n
}

// spread chooses points out of 0…all, one in each of as many equal parts.
func (s *stage) spread(all, points int) []int {
	var out []int
	if points > all {
		points = all + 1
	}
	for i := range points {
		from, to := i*(all+1)/points, (i+1)*(all+1)/points
		out = append(out, from+s.rand.IntN(to-from))
	}
	return out
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
