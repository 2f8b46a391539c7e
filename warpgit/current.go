package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

var (
	_ jitos.Repository = (*Repo)(nil)
	_ jitos.Local      = (*Repo)(nil)
)

// Current implements jitos.Repository. Nothing is written, not even a refreshed index.
func (r *Repo) Current(ctx context.Context) (jitos.Current, error) {
	var cur jitos.Current
	branch, tip, err := r.head(r.GitDir)
	if err != nil {
		return cur, err
	}
	cur.Branch = strings.TrimPrefix(branch, "refs/heads/")
	cur.Tip = commitID(tip)
	cur.Bare = r.Worktree == ""
	cur.Busy = busy(r.GitDir)
	cur.Shallow = exists(filepath.Join(r.Common, "shallow"))
	cur.Actor, err = r.who(ctx)
	return cur, err
}

// head reads the HEAD of a worktree's git directory: the branch ("" where it is detached) and the commit, zero on an unborn
// branch.
func (r *Repo) head(gitDir string) (branch string, tip plumbing.Hash, err error) {
	text, err := os.ReadFile(filepath.Join(gitDir, "HEAD"))
	if err != nil {
		return "", tip, fmt.Errorf("read HEAD: %w", err)
	}
	id, branch, err := parseRef("HEAD", text)
	if err != nil || branch == "" {
		return "", id, err
	}
	id, err = r.refs.read(branch)
	if isNotFound(err) {
		err = nil
	}
	return branch, id, err
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// busy names the operation of git's that is under way in a worktree, by the files that git keeps for it.
func busy(gitDir string) string {
	for _, sign := range []struct{ file, what string }{
		{"rebase-merge", "rebase"},
		{"rebase-apply/applying", "am"},
		{"rebase-apply", "rebase"},
		{"MERGE_HEAD", "merge"},
		{"CHERRY_PICK_HEAD", "cherry-pick"},
		{"REVERT_HEAD", "revert"},
		{"sequencer", "cherry-pick"},
		{"BISECT_LOG", "bisect"},
	} {
		if exists(filepath.Join(gitDir, sign.file)) {
			return sign.what
		}
	}
	return ""
}

// DirtyPaths implements jitos.Repository. What is new or changed inside a submodule is the submodule's own.
func (r *Repo) DirtyPaths(ctx context.Context) ([]string, error) {
	if r.Worktree == "" {
		return nil, nil
	}
	out, err := r.Git(ctx, "status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=dirty")
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, line := range strings.Split(string(out), "\x00") {
		if len(line) > 3 {
			paths = append(paths, line[3:])
		}
	}
	slices.Sort(paths)
	return paths, nil
}

// Tip implements jitos.Repository.
func (r *Repo) Tip(ctx context.Context, branch string) (jitos.CommitID, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	id, err := r.refs.read("refs/heads/" + branch)
	if err != nil {
		return "", fmt.Errorf("branch %s: %w", branch, errors.Unwrap(err))
	}
	return commitID(id), nil
}

// Contains implements jitos.Repository. Nothing is an ancestor of "", and a commit that is not here is an ancestor of none.
func (r *Repo) Contains(ctx context.Context, tip, ancestor jitos.CommitID) (bool, error) {
	if tip == ancestor {
		return true, nil
	}
	if tip == "" || ancestor == "" {
		return tip != "", nil
	}
	for _, id := range []jitos.CommitID{tip, ancestor} {
		hash, err := parseID(id)
		if err != nil {
			return false, err
		}
		_, err = r.Store.Objects.Commit(ctx, hash)
		if isNotFound(err) && id == ancestor {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	_, err := r.git(ctx, gitCommand{plain: true, args: []string{"merge-base", "--is-ancestor", string(ancestor), string(tip)}})
	if exitCode(err) == 1 {
		return false, nil
	}
	return err == nil, err
}

// Dirty implements jitos.Repository: it does to a copy of the index what `git commit -a` would do to the index, with a
// quarantine in place of the object directory, and stages what lands there. The user's index and objects stay as they were.
func (r *Repo) Dirty(ctx context.Context) (jitos.TreeID, error) {
	if r.Worktree == "" {
		return "", fmt.Errorf("uncommitted changes: %w: a bare repository has no working tree", jitos.ErrInvalid)
	}
	q, err := r.newQuarantine()
	if err != nil {
		return "", err
	}
	defer q.remove()
	if err := copyIndex(filepath.Join(r.GitDir, "index"), q.path("index")); err != nil {
		return "", fmt.Errorf("copy the index: %w", err)
	}
	env := append(q.env(), "GIT_INDEX_FILE="+q.path("index"))
	unmerged, err := r.git(ctx, gitCommand{env: env, args: []string{"ls-files", "--unmerged"}})
	if err != nil {
		return "", err
	}
	if len(unmerged) > 0 {
		return "", fmt.Errorf("uncommitted changes: %w: there are unmerged paths", jitos.ErrBusy)
	}
	private := []string{"-c", "core.splitIndex=false", "-c", "core.fsmonitor=false"}
	if _, err := r.git(ctx, gitCommand{env: env, args: append(private, "add", "-u", ":/")}); err != nil {
		return "", err
	}
	out, err := r.git(ctx, gitCommand{env: env, args: append(private, "write-tree")})
	if err != nil {
		return "", err
	}
	id, err := parseID(strings.TrimSpace(string(out)))
	if err != nil {
		return "", err
	}
	_, tip, err := r.head(r.GitDir)
	if err != nil {
		return "", err
	}
	durable := plumbing.ZeroHash
	if !tip.IsZero() {
		c, err := r.Store.Objects.Commit(ctx, tip)
		if err != nil {
			return "", err
		}
		durable = c.TreeHash
	}
	return r.importFiles(ctx, q, id, durable)
}

// copyIndex copies an index, where there is one, with its time: git reads a file again whose time is not before that of the
// index, and with a younger index it would miss a change that kept size and time.
func copyIndex(from, to string) error {
	info, err := os.Stat(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	index, err := os.ReadFile(from) // not older than info: at worst git looks at more files
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, index, 0o600); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}
