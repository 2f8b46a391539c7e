package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// A gc that is killed at any moment, alone or with the git that works for it, loses nothing and needs no repair: not by
// jitos, nor by git.
func TestKillGC(t *testing.T) { killGCs(t, 6) }

func TestHeavyKillGC(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	killGCs(t, 200)
}

func killGCs(t *testing.T, want int) {
	l := newSandbox(t)
	usual, killed, whole, marks := 60*time.Millisecond, 0, 0, 0
	for tries := 0; killed < want && tries < 10*want && !t.Failed(); tries++ {
		marks = l.manyPacks(marks, 4+l.rand.IntN(6))
		beside := func() {}
		if tries%4 == 3 {
			done := make(chan bool)
			go func() { defer close(done); l.run(l.dir, 0, "", []string{"git", "gc", "-q", "--prune=now"}) }()
			beside = func() { <-done }
		}
		after := time.Duration(l.rand.Int64N(int64(usual))) + time.Millisecond
		took, dead := l.killGroup(after, tries%2 == 0, "gc")
		if dead {
			killed++
			usual = max(usual, took)
		} else {
			whole++
			usual = (usual + took) / 2
		}
		beside()
		if tries%8 != 7 && want > 10 {
			continue // leftovers of several come together
		}
		l.soundAfterKills(marks)
	}
	if killed < want {
		t.Fatalf("%d kills, want %d", killed, want)
	}
	if s := l.jitos("", "gc"); s.code != 0 {
		t.Error(s)
	}
	l.soundAfterKills(marks)
	if packs, _ := filepath.Glob(filepath.Join(l.dir, ".git/objects/pack/pack-*.pack")); len(packs) > 3 {
		t.Errorf("after the last gc there are %d packs", len(packs))
	}
	t.Logf("%d killed, %d came to their end, %d rewrites", killed, whole, marks)
}

// manyPacks makes a pack for each of n rewrites, in this process.
func (l *sandbox) manyPacks(from, n int) int {
	l.t.Helper()
	ctx := context.Background()
	repo, err := warpgit.Open(l.dir)
	if err != nil {
		l.t.Fatal(err)
	}
	defer repo.Close()
	for i := from; i < from+n; i++ {
		head, err := repo.Store.Head(ctx, jitos.SystemRef)
		if err != nil {
			l.t.Fatal(err)
		}
		node := jitos.Node{ID: jitos.NodeID{Kind: "mark", Name: fmt.Sprint("m-", i)}, Fields: map[string]any{"n": fmt.Sprint(i)}}
		_, err = repo.Store.Append(ctx, jitos.SystemRef, head, head, jitos.Rewrite{Rule: jitos.RuleGraph, Actor: "Sam Sample <sam@example.com>",
			What: fmt.Sprint("mark ", i), Set: []jitos.Node{node}})
		if err != nil {
			l.t.Fatal(err)
		}
	}
	return from + n
}

// killGroup runs jitos in a process group of its own and kills it after a time: jitos alone, or with all that it started.
func (l *sandbox) killGroup(after time.Duration, group bool, args ...string) (took time.Duration, killed bool) {
	l.t.Helper()
	cmd := exec.Command("jitos", args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = l.dir, l.env, &syscall.SysProcAttr{Setpgid: true}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() {
		pid := cmd.Process.Pid
		if group {
			pid = -pid
		}
		syscall.Kill(pid, syscall.SIGKILL)
	})
	cmd.Wait()
	took = time.Since(start)
	timer.Stop()
	for !group && syscall.Kill(-cmd.Process.Pid, 0) == nil { // the git that it left comes to its end
		time.Sleep(time.Millisecond)
	}
	return took, cmd.ProcessState.ExitCode() == -1
}

// soundAfterKills gives one command, which puts in order what was left, and then wants all rewrites, and nothing left.
func (l *sandbox) soundAfterKills(marks int) {
	l.t.Helper()
	if s := l.jitos("", "show", fmt.Sprint("mark/m-", marks-1)); s.code != 0 {
		l.t.Error(s)
	}
	l.sound()
	l.git("commit-graph", "verify")
	if out := l.git("count-objects", "-v"); !strings.Contains(out, "\ngarbage: 0\n") {
		l.t.Errorf("git finds garbage: %s", out)
	}
	ctx := context.Background()
	at, done, err := l.system(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	defer done()
	for i := range marks {
		if ok, err := jitos.Has(ctx, at, jitos.NodeID{Kind: "mark", Name: fmt.Sprint("m-", i)}); err != nil || !ok {
			l.t.Errorf("rewrite %d is lost: %v", i, err)
		}
	}
}
