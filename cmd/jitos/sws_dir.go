package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner"
	"github.com/jitos/jitos/warpgit"
)

func swsDirCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "dir",
		Usage:     "make the workspace's worktree, where it has none, and print its path",
		ArgsUsage: "NAME",
		Description: `The worktree is an ordinary linked one of git's, on branch jitos/sws/NAME, in the user's cache directory. While a
workspace is checked out, it runs no jobs and is not moved under its owner.

  cd "$(jitos sws dir NAME)"

--json: {"name","dir","created"}`,
		Flags:  []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error { return a.swsDir(c) },
	}
}

func (a *app) swsDir(c *cli.Context) error {
	ctx := c.Context
	f, _, w, err := a.workspaceArg(c)
	if errors.Is(err, jitos.ErrNotFound) && f != nil {
		w, err = a.restoreWorkspace(ctx, f, c.Args().First(), err)
	}
	if err != nil {
		return err
	}
	dir, err := f.repo.CheckedOut(ctx, workspaceRef(w.Name))
	if err != nil {
		return err
	}
	created := dir == "" || f.repo.WorktreeBegun(dir)
	if created {
		if dir, err = f.makeWorktree(ctx, w); err != nil {
			return fmt.Errorf("sws dir %s: %w", w.Name, err)
		}
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"name": w.Name, "dir": dir, "created": created})
	}
	a.ui.printf("%s\n", dir)
	return nil
}

// restoreWorkspace makes the branch of a workspace of ours again that is not there, or returns notFound.
func (a *app) restoreWorkspace(ctx context.Context, f *fabric, name string, notFound error) (jitos.Workspace, error) {
	_, stop, err := a.writing(ctx)
	if err != nil {
		return jitos.Workspace{}, err
	}
	defer stop()
	w, err := f.kernel.Restore(ctx, name)
	if errors.Is(err, jitos.ErrNotFound) {
		return w, jitos.Hint(notFound, "`jitos sws list` lists them")
	}
	return w, err
}

// makeWorktree checks the workspace out. A process that is at work in it keeps it.
func (f *fabric) makeWorktree(ctx context.Context, w jitos.Workspace) (string, error) {
	release, err := f.repo.Hold(w.Process.ID)
	if err != nil {
		return "", fmt.Errorf("its jobs are running: %w", err)
	}
	defer release()
	dir, err := f.repo.CheckedOut(ctx, workspaceRef(w.Name))
	if err == nil && dir != "" && f.repo.WorktreeBegun(dir) { // by a git that was killed: nobody is at it now
		err = f.repo.WorktreeRemove(ctx, dir, true)
	}
	if err != nil {
		return "", err
	}
	if dir, err = f.worktreeDir(w.Name); err != nil {
		return "", err
	}
	branch := strings.TrimPrefix(string(workspaceRef(w.Name)), "refs/heads/")
	return dir, f.repo.WorktreeAdd(ctx, dir, branch)
}

// worktreeDir is a directory that does not exist yet: .../worktrees/CLONE/NAME, numbered where an earlier workspace of that
// name left its worktree behind.
func (f *fabric) worktreeDir(name string) (string, error) {
	parent, err := f.worktreesDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", err
	}
	dir := filepath.Join(parent, name)
	for n := 2; ; n++ {
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			return dir, nil
		} else if err != nil {
			return "", err
		}
		dir = filepath.Join(parent, fmt.Sprintf("%s.%d", name, n))
	}
}

// worktreesDir is where `sws dir` puts the worktrees of this clone.
func (f *fabric) worktreesDir() (string, error) {
	cache, err := runner.DefaultCache()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "worktrees", f.repo.Clone()), nil
}

// worktree is a checked-out workspace: a repository of its own, whose HEAD is the workspace's branch.
type worktree struct {
	*warpgit.Repo
	dir string
}

// worktreeOf opens the worktree that has a workspace checked out, nil where none has.
func (f *fabric) worktreeOf(ctx context.Context, name string) (*worktree, error) {
	dir, err := f.repo.CheckedOut(ctx, workspaceRef(name))
	if err != nil || dir == "" {
		return nil, err
	}
	if filepath.Clean(dir) == filepath.Clean(f.repo.Worktree) {
		return &worktree{f.repo, dir}, nil
	}
	repo, err := warpgit.Open(dir)
	if err != nil {
		return nil, err
	}
	return &worktree{repo, dir}, nil
}

// requireClean refuses, with ErrBusy and the directory's name, where the worktree holds what no commit has.
func (t *worktree) requireClean(ctx context.Context, name string) error {
	out, err := t.Git(ctx, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignore-submodules=none")
	if err != nil || len(out) == 0 {
		return err
	}
	var paths []string
	for _, entry := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if len(entry) > 3 {
			paths = append(paths, entry[3:])
		}
	}
	return jitos.Hint(fmt.Errorf("workspace %s: %w: it is checked out in %s, with changes that are not saved: %s", name, jitos.ErrBusy, t.dir, few(paths)),
		"`jitos sws save %s -m WHAT` keeps them", name)
}

// follow brings index and files from the whole tree that they are at to that of a commit to which the branch was moved.
// Files that differ between the two only; a file that was changed meanwhile is not overwritten.
func (t *worktree) follow(ctx context.Context, from, to string) error {
	if from == to {
		return nil
	}
	if _, err := t.Git(ctx, "update-index", "-q", "--refresh"); err != nil {
		var said *warpgit.GitError
		if !errors.As(err, &said) { // it fails where a file differs, which read-tree judges
			return err
		}
	}
	if _, err := t.Git(ctx, "read-tree", "-m", "-u", from, to); err != nil {
		return jitos.Hint(fmt.Errorf("the worktree %s could not follow: %w", t.dir, err), "its branch is at %s; `git status` there shows what differs", to)
	}
	return nil
}
