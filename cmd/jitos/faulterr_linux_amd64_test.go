package main

import (
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jitos/jitos/cmd/jitos/internal/ptrace"
)

// A disk that is full, broken or read-only, and a process without descriptors left, at any system call that changes a file or
// opens one: the command says so and ends with 1, or did what it was to do all the same; nothing is half done; and when the
// trouble is over the same command succeeds. What could not be synced is never synced again, nor does a ref come to name it.
func TestFailCalls(t *testing.T) { atCalls(t, 1, (*stage).ours, failAt((*stage).ours)) }

func TestHeavyFailCalls(t *testing.T) {
	if !heavy() {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	atCalls(t, points(20), (*stage).ours, failAt((*stage).ours))
}

// Each sync fails once.
func TestHeavyFailSyncs(t *testing.T) {
	if !heavy() {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	atCalls(t, points(1000), (*stage).ourSyncs, failAt((*stage).ourSyncs))
}

// The commit-graph and git's lock for it are in one directory, which was synced once more for the lock after that had failed.
func TestFailSync_commitGraph(t *testing.T) {
	needTracer(t)
	t.Parallel()
	syncs := func(s *stage, c *ptrace.Call) bool {
		return s.ourSyncs(c) && strings.HasSuffix(c.Path, "/objects/info")
	}
	gc := scenarios[slices.IndexFunc(scenarios, func(sc scenario) bool { return sc.name == "gc" })]
	disturb(t, gc, 10, syncs, failAt(syncs))
}

// ownWords tells whether git met the fault when it looked at something: then it says in its own words what it makes of it,
// "not a git repository" or "changes", and only that it is refused counts.
func (f *fault) ownWords() bool { return f.git && f.at.Name == "open" }

// fault is an error of the machine, and what it met.
type fault struct {
	errno  syscall.Errno
	lasts  bool // until the command has ended
	git    bool // it met a git command, not jitos itself
	at     *ptrace.Call
	missed map[string]bool // what a sync failed of that a ref rests on, by path
	broken []string        // what was done after a failed sync and must not be
}

// ours tells whether a call is made by jitos, or by git for it: not by a job, whose failure is a result, nor for the remote.
func (s *stage) ours(c *ptrace.Call) bool {
	return (c.Program() == "jitos" || strings.HasPrefix(c.Program(), "git")) && !s.isRemote(c.Pid)
}

func (s *stage) ourSyncs(c *ptrace.Call) bool { return s.ours(c) && c.Name == "fsync" }

// possible are the errors that a call may return on a machine in trouble.
func possible(c *ptrace.Call) []syscall.Errno {
	switch c.Name {
	case "open":
		return []syscall.Errno{syscall.EMFILE, syscall.EIO}
	case "create":
		return []syscall.Errno{syscall.EMFILE, syscall.ENOSPC, syscall.EROFS, syscall.EIO}
	case "write", "pwrite", "writev", "pwritev", "copy", "fallocate":
		return []syscall.Errno{syscall.ENOSPC, syscall.EIO}
	case "fsync":
		return []syscall.Errno{syscall.EIO, syscall.ENOSPC}
	case "unlink", "rmdir", "chmod", "utimes", "ftruncate", "truncate":
		return []syscall.Errno{syscall.EIO, syscall.EROFS}
	}
	return []syscall.Errno{syscall.ENOSPC, syscall.EIO, syscall.EROFS}
}

// strike decides whether a call fails, after the first that did.
func (f *fault) strike(c *ptrace.Call) ptrace.Verdict {
	if f.lasts {
		for _, errno := range possible(c) {
			if errno == f.errno {
				return f.fail(c)
			}
		}
	}
	return ptrace.Verdict{}
}

func (f *fault) fail(c *ptrace.Call) ptrace.Verdict {
	if c.Name == "fsync" && (strings.Contains(c.Path, "/objects") || strings.Contains(c.Path, "/refs") || strings.Contains(c.Path, "/tmp")) {
		f.missed[c.Path] = true
	}
	return ptrace.Verdict{Errno: f.errno}
}

// watch looks for what must not happen after a failed sync.
func (f *fault) watch(c *ptrace.Call) {
	switch {
	case c.Name == "fsync" && f.missed[c.Path]:
		f.broken = append(f.broken, "synced again: "+c.Path)
	case c.Name == "unlink": // what is written under that name from now on is another file
		delete(f.missed, c.Path)
	case c.Name == "rename" && len(f.missed) > 0 && strings.Contains(c.Other, "/refs/"):
		f.broken = append(f.broken, "a ref was moved: "+c.Other)
	}
}

// failAt lets a command make n of the calls that count and fails the next one.
func failAt(counts func(*stage, *ptrace.Call) bool) func(*stage, scenario, int) {
	return func(s *stage, sc scenario, n int) { s.failAt(sc, n, counts) }
}

func (s *stage) failAt(sc scenario, n int, counts func(*stage, *ptrace.Call) bool) {
	s.t.Helper()
	f := &fault{missed: map[string]bool{}}
	seen := 0
	tr := &ptrace.Tracer{Root: s.home, Before: func(c *ptrace.Call) ptrace.Verdict {
		if !s.ours(c) {
			return ptrace.Verdict{}
		}
		if counts(s, c) {
			seen++
		}
		switch {
		case seen <= n:
			return ptrace.Verdict{}
		case f.at == nil:
			of := possible(c)
			f.at, f.errno, f.git = c, of[s.rand.IntN(len(of))], strings.HasPrefix(c.Program(), "git")
			// A full disk stays full, a read-only one read-only; descriptors come and go.
			f.lasts = f.errno == syscall.ENOSPC || f.errno == syscall.EROFS
			return f.fail(c)
		}
		f.watch(c)
		return f.strike(c)
	}}
	before := s.git("for-each-ref")
	got := s.traced(tr, sc.stdin, sc.args...)
	if f.at == nil {
		return // it made fewer calls this time
	}
	missing := sc.done(s)
	said := strings.ToLower(got.err)
	switch {
	case strings.Contains(got.err, "goroutine ") || got.killed():
		s.t.Errorf("it broke down: %v", got)
	case got.code == exitDone && missing != "":
		s.t.Errorf("it says that it is done, and %s: %v", missing, got)
	case got.code == exitDone:
	case f.ownWords():
	case got.code == exitDenied && strings.HasSuffix(f.at.Path, "jitos/allowed"): // what cannot be read allows nothing
	case got.code != exitFailed:
		s.t.Errorf("exit code %d, want %d: %v", got.code, exitFailed, got)
	case !strings.Contains(got.err, "jitos: error: ") || !f.git && !strings.Contains(said, f.errno.Error()):
		s.t.Errorf("it does not say %q: %v", f.errno, got)
	case sc.atOnce && missing != "" && s.git("for-each-ref") != before:
		s.t.Errorf("it failed, %s, and refs have moved: %v", missing, got)
	}
	if len(f.broken) > 0 {
		s.t.Errorf("after a failed sync, %v", f.broken)
	}
	s.healthy()
	s.settled(sc)
	if s.t.Failed() {
		s.t.Logf("%v at %v, lasting: %v; it had said: %v", f.errno, f.at, f.lasts, got)
	}
}
