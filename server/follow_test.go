package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos/warpgit"
)

// twoCommits is a git repository with two commits, and git in it.
func twoCommits(t *testing.T) (dir string, git func(args ...string) string, commits []string) {
	t.Helper()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	dir = filepath.Join(t.TempDir(), "repository")
	git = func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	git("init", "-q", "-b", "main")
	for range 2 {
		git("commit", "-q", "--allow-empty", "-m", "empty")
		commits = append(commits, git("rev-parse", "HEAD"))
	}
	return dir, git, commits
}

// Whoever moves a ref of the fabric, and however git keeps it, listeners are told.
func TestFollower(t *testing.T) {
	dir, git, commits := twoCommits(t)
	worktree := filepath.Join(filepath.Dir(dir), "beside")
	git("worktree", "add", "-q", "--detach", worktree)
	repo, err := warpgit.Open(worktree)
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	var notes []string
	f := &Follower{Common: repo.Common, Store: repo.Store, Note: func(text string) { notes = append(notes, text) }}
	turn := 0
	steps := []struct {
		what string
		do   func()
	}{
		{"the first ref, whose directory is new", func() { git("update-ref", "refs/heads/jitos/system", commits[0]) }},
		{"a ref in a file", func() { git("update-ref", "refs/heads/jitos/system", commits[1]) }},
		{"refs packed, and their directories removed", func() { git("pack-refs", "--all", "--prune") }},
		{"a ref beside a packed one", func() { git("update-ref", "refs/heads/jitos/system", commits[0]) }},
		{"a workspace", func() { git("update-ref", "refs/heads/jitos/sws/a", commits[0]) }},
		{"its next rewrite", func() { git("update-ref", "refs/heads/jitos/sws/a", commits[1]) }},
		{"all packed again", func() { git("pack-refs", "--all", "--prune") }},
		{"a packed ref removed", func() { git("update-ref", "-d", "refs/heads/jitos/sws/a") }},
		{"another workspace", func() { git("update-ref", "refs/heads/jitos/sws/b", commits[0]) }},
		{"from a linked worktree", func() {
			turn++
			git("-C", worktree, "update-ref", "refs/heads/jitos/system", commits[turn%2])
		}},
	}
	moved, end := f.Listen()
	for _, s := range steps {
		for waiting := moved(); ; { // what is still told of the step before is over
			select {
			case <-waiting:
				waiting = moved()
				continue
			case <-time.After(4 * pace):
			}
			break
		}
		wake, began := moved(), time.Now()
		s.do()
		select {
		case <-wake:
			t.Logf("%s: told after %s", s.what, time.Since(began).Round(time.Millisecond))
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nobody was told", s.what)
		}
	}
	end()
	if remote(repo.Common) == "" && len(notes) > 0 {
		t.Errorf("the refs are polled: %v", notes)
	}
}

// Where the system does not tell of changes the refs are read now and then, and somebody is told why, once.
func TestFollower_poll(t *testing.T) {
	dir, git, commits := twoCommits(t)
	repo, err := warpgit.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer repo.Close()
	notes := 0
	f := &Follower{Common: filepath.Join(dir, "gone"), Store: repo.Store, Note: func(string) { notes++ }}
	for _, name := range []string{"a", "b"} {
		moved, end := f.Listen()
		wake := moved()
		git("update-ref", "refs/heads/jitos/sws/"+name, commits[0])
		select {
		case <-wake:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nobody was told", name)
		}
		end()
	}
	if notes != 1 {
		t.Errorf("%d notes", notes)
	}
}
