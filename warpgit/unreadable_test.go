package warpgit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// obstruct puts a directory in the place of a file, so that the file can be read by nobody, root included, and returns what
// puts it back.
func obstruct(t *testing.T, path string) func() {
	t.Helper()
	err := os.Rename(path, path+".away")
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, os.Mkdir(path, 0o777)); err != nil {
		t.Fatal(err)
	}
	return func() {
		err := os.Remove(path)
		if exists(path + ".away") {
			err = errors.Join(err, os.Rename(path+".away", path))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// What cannot be read is not taken for absent: uninit fails, having removed nothing, and succeeds when the trouble is over.
func TestUninit_unreadable(t *testing.T) {
	for _, name := range []string{"worktrees/try/HEAD", "worktrees/try/gitdir", "jitos/live/p", "packed-refs"} {
		t.Run(name, func(t *testing.T) {
			dir := newDir(t)
			r := openDir(t, dir)
			tip := born(t, r.Store)
			if _, err := r.Store.Append(ctx, jitos.SWSPrefix+"try", "", tip); err != nil {
				t.Fatal(err)
			}
			linked := filepath.Join(t.TempDir(), "try")
			if err := r.WorktreeAdd(ctx, linked, "jitos/sws/try"); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(dir, ".git/jitos/live"), 0o777); err != nil {
				t.Fatal(err)
			}
			back := obstruct(t, filepath.Join(dir, ".git", name))
			if err := r.Uninit(ctx, false); err == nil {
				t.Error("uninit says that it is done")
			}
			back()
			for _, path := range []string{linked, filepath.Join(dir, ".git/jitos"), filepath.Join(dir, ".git/refs/heads/jitos/sws/try")} {
				if !exists(path) {
					t.Errorf("%s is gone", path)
				}
			}
			if err := r.Uninit(ctx, false); err != nil || exists(linked) || exists(filepath.Join(dir, ".git/jitos")) {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// An object that may lie in a pack which cannot be opened is not said to be missing.
func TestObjects_unreadablePack(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	list, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.idx"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	back := obstruct(t, list[0])
	if _, err := openDir(t, dir).Store.Open(ctx, tip); err == nil || errors.Is(err, jitos.ErrNotFound) || errors.Is(err, jitos.ErrCorrupt) {
		t.Errorf("its pack cannot be read: %v", err)
	}
	back()
	if _, err := openDir(t, dir).Store.Open(ctx, tip); err != nil {
		t.Error(err)
	}
}

// Worktrees says what git says, asked from the repository's own working tree and from a linked one.
func TestWorktrees_againstGit(t *testing.T) {
	dir := newDir(t)
	for i := range 3 {
		run(t, dir, "worktree", "add", "-q", "-b", fmt.Sprint("side-", i), filepath.Join(dir, "..", filepath.Base(dir)+fmt.Sprint("-side-", i)))
	}
	linked := func(i int) string { return dir + fmt.Sprint("-side-", i) }
	t.Cleanup(func() {
		for i := range 3 {
			os.RemoveAll(linked(i))
		}
	})
	run(t, linked(1), "checkout", "-q", "--detach")
	if err := os.RemoveAll(linked(2)); err != nil {
		t.Fatal(err)
	}
	bare := filepath.Join(t.TempDir(), "bare.git")
	run(t, dir, "clone", "-q", "--bare", dir, bare)
	run(t, bare, "worktree", "add", "-q", filepath.Join(filepath.Dir(bare), "of-bare"), "main")
	for _, from := range []string{dir, linked(0), bare, filepath.Join(filepath.Dir(bare), "of-bare")} {
		want := ""
		for _, block := range strings.Split(run(t, from, "worktree", "list", "--porcelain"), "\n\n") {
			w := Worktree{Main: want == ""}
			for line := range strings.Lines(block) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
				switch key {
				case "worktree":
					w.Dir = value
				case "HEAD":
					w.Head = jitos.CommitID(value)
				case "branch":
					w.Branch = value
				case "bare":
					w.Bare = true
				case "prunable":
					w.Gone = true
				}
			}
			want += fmt.Sprintln(w)
		}
		list, err := openDir(t, from).Worktrees(ctx)
		got := ""
		for _, w := range list {
			if w.Bare {
				w.Branch, w.Head = "", "" // git does not tell
			}
			got += fmt.Sprintln(w)
		}
		if err != nil || got != want {
			t.Errorf("from %s: %v\n%sgit says\n%s", from, err, got, want)
		}
	}
}

// Two processes that find a workspace ended both let go of its worktree: the second has nothing to do, and that is no error.
// A HEAD that somebody put on another branch meanwhile stays there.
func TestDetach_twice(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	branch, tip, err := r.head(r.GitDir)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.detachFrom(ctx, r.GitDir, branch, tip); err != nil {
			t.Error(err)
		}
	}
	run(t, dir, "checkout", "-q", "-b", "other")
	if err := r.detachFrom(ctx, r.GitDir, branch, tip); err != nil || run(t, dir, "symbolic-ref", "HEAD") != "refs/heads/other" {
		t.Errorf("HEAD is on %s, %v", run(t, dir, "symbolic-ref", "HEAD"), err)
	}
}
