package main

import (
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
	killCalls(t, 60)
}

// killCalls kills each scenario at so many calls, spread over all that it makes and chosen by the seed.
func killCalls(t *testing.T, points int) {
	needTracer(t)
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, sc)
			all := s.count(sc)
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

// count counts the calls of a scenario that change files, undisturbed.
func (s *stage) count(sc scenario) int {
	s.t.Helper()
	n := 0
	tr := &ptrace.Tracer{Root: s.home, Before: func(c *ptrace.Call) ptrace.Verdict {
		if c.Changes() {
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
	tr := &ptrace.Tracer{Root: s.home, Before: func(c *ptrace.Call) ptrace.Verdict {
		if c.Changes() {
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
