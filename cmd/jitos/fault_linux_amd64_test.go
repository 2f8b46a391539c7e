package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos/cmd/jitos/internal/ptrace"
)

func init() { tracing["traced"] = ptrace.Filter }

// stage is a sandbox that can be put back as it was prepared: each fault is tried on the same repository.
type stage struct {
	*sandbox
	saved string
}

func newStage(t *testing.T, s scenario) *stage {
	st := &stage{newSandboxIn(t, memoryDir(t)), memoryDir(t)}
	if s.prepare != nil {
		s.prepare(st)
	}
	copyAll(t, st.home, st.saved)
	return st
}

// memoryDir is a directory in memory where the machine has one: thousands of small files are made and removed.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "jitos-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (s *stage) restore() {
	s.t.Helper()
	s.clear()
	copyAll(s.t, s.saved, s.home)
}

func copyAll(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v %s", err, out)
	}
}

// must gives a command that has to succeed.
func (s *stage) must(stdin string, args ...string) string {
	s.t.Helper()
	got := s.jitos(stdin, args...)
	if got.code != exitDone {
		s.t.Fatal(got)
	}
	return strings.TrimSpace(got.out)
}

// atCalls has each scenario disturbed at so many of the calls that count, spread over all that it makes and chosen by the seed.
func atCalls(t *testing.T, points int, counts func(*stage, *ptrace.Call) bool, at func(*stage, scenario, int)) {
	needTracer(t)
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			disturb(t, sc, points, counts, at)
		})
	}
}

func disturb(t *testing.T, sc scenario, points int, counts func(*stage, *ptrace.Call) bool, at func(*stage, scenario, int)) {
	s := newStage(t, sc)
	all := s.count(sc, counts)
	for _, n := range s.spread(all, points) {
		s.restore()
		if at(s, sc, n); t.Failed() {
			t.Logf("at call %d of about %d", n+1, all)
			return
		}
	}
	t.Logf("%d calls, disturbed at %d of them", all, min(points, all+1))
}

// count counts calls of a scenario, undisturbed.
func (s *stage) count(sc scenario, counts func(*stage, *ptrace.Call) bool) int {
	s.t.Helper()
	n := 0
	tr := &ptrace.Tracer{Root: s.home, Before: func(c *ptrace.Call) ptrace.Verdict {
		if counts(s, c) {
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

// isRemote tells whether a process works for the remote, which would be another machine: it is not killed with the others,
// and its locks are its own.
func (s *stage) isRemote(pid int) bool {
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && strings.HasPrefix(dir, filepath.Join(s.home, "remote.git"))
}

// healthy wants git and jitos to find nothing wrong in any repository of the stage, without a repair by hand.
func (s *stage) healthy() {
	s.t.Helper()
	repos, err := filepath.Glob(filepath.Join(s.home, "*", "objects"))
	if err != nil {
		s.t.Fatal(err)
	}
	repos = append(repos, filepath.Join(s.dir, ".git", "objects"))
	for _, objects := range repos {
		dir := filepath.Dir(objects)
		checks := [][]string{{"git", "fsck", "--strict", "--no-dangling", "--no-progress"}, {"git", "for-each-ref"}}
		if s.revParse(dir, "jitos/system") != "" {
			checks = append(checks, []string{"jitos", "verify"})
		}
		for _, args := range checks {
			if got := s.run(dir, 0, "", args); got.code != 0 || args[0] == "git" && strings.Contains(got.err, "broken") {
				s.t.Error(got)
			}
		}
	}
}

// settled gives the command again, which must succeed, and wants nothing to be left of the one that was disturbed.
func (s *stage) settled(sc scenario) {
	s.t.Helper()
	again := s.jitos(sc.stdin, next(sc)...)
	if again.code != exitDone && !slices.Contains(sc.ended, again.code) {
		s.t.Errorf("again: %v", again)
	}
	if missing := sc.done(s); missing != "" {
		s.t.Errorf("given again, %s: %v", missing, again)
	}
	s.healthy()
	if left := s.left(); len(left) > 0 {
		s.t.Errorf("left behind: %v", left)
	}
}

// next is what is given after a scenario's command was disturbed.
func next(sc scenario) []string {
	if sc.then != nil {
		return sc.then
	}
	return sc.args
}

// traced runs jitos under a tracer and tells what it said. A killed one has code -1.
func (s *stage) traced(t *ptrace.Tracer, stdin string, args ...string) said {
	s.t.Helper()
	got := said{args: append([]string{"jitos"}, args...)}
	files := [3]*os.File{}
	for i := range files {
		f, err := os.CreateTemp(s.t.TempDir(), "std-")
		if err != nil {
			s.t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	if _, err := files[0].WriteAt([]byte(stdin), 0); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(got.args[0], got.args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.dir, s.env, files[0], files[1], files[2]
	status, err := t.Run(cmd)
	if err != nil {
		s.t.Fatal(err)
	}
	got.code = -1
	if status.Exited() {
		got.code = status.ExitStatus()
	}
	for i, text := range []*string{1: &got.out, 2: &got.err} {
		if text == nil {
			continue
		}
		raw, err := os.ReadFile(files[i].Name())
		if err != nil {
			s.t.Fatal(err)
		}
		*text = string(raw)
	}
	return got
}

// needTracer skips a test where the machine does not let one process trace another.
func needTracer(t *testing.T) {
	t.Helper()
	tr := &ptrace.Tracer{Root: t.TempDir(), Before: func(*ptrace.Call) ptrace.Verdict { return ptrace.Verdict{} }}
	if _, err := tr.Run(exec.Command("true")); err != nil {
		t.Skipf("this machine does not allow ptrace: %v", err)
	}
}
