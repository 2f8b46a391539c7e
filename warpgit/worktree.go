package warpgit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// Worktree is one working tree of the repository.
type Worktree struct {
	Dir    string
	Branch string // full name of the ref, "" where HEAD is detached
	Head   jitos.CommitID
	Main   bool // the repository's own, not a linked one
	Bare   bool
	Gone   bool // its directory is not there any more
}

// Worktrees lists the working trees, the repository's own first. It reads what git worktree list reads, and not that command's
// answer: git takes a HEAD that it cannot open for a detached one.
func (r *Repo) Worktrees(ctx context.Context) ([]Worktree, error) {
	dirs, err := r.gitDirs()
	if err != nil {
		return nil, fmt.Errorf("worktrees: %w", err)
	}
	var list []Worktree
	for i, gitDir := range dirs {
		w, err := r.worktreeAt(gitDir)
		if (errors.Is(err, fs.ErrNotExist) || notDir(err)) && i > 0 {
			continue // it was removed at this moment, or is none yet
		}
		if err != nil {
			return nil, fmt.Errorf("worktrees: %w", err)
		}
		list = append(list, w)
	}
	return list, ctx.Err()
}

// worktreeAt describes the working tree of a git directory.
func (r *Repo) worktreeAt(gitDir string) (Worktree, error) {
	w := Worktree{Main: gitDir == r.Common}
	var err error
	if w.Main {
		w.Dir, w.Bare, err = r.mainWorktree()
	} else {
		w.Dir, w.Gone, err = linkedWorktree(gitDir)
	}
	if err != nil {
		return w, err
	}
	branch, tip, err := r.head(gitDir)
	w.Branch, w.Head = branch, commitID(tip)
	return w, err
}

// mainWorktree is where the repository's own working tree is.
func (r *Repo) mainWorktree() (dir string, bare bool, err error) {
	if r.GitDir == r.Common {
		return cmp.Or(r.Worktree, r.Common), r.Worktree == "", nil
	}
	text, err := os.ReadFile(filepath.Join(r.Common, "config"))
	if err != nil {
		return "", false, err
	}
	settings, err := parseConfig(text)
	if err != nil {
		return "", false, err
	}
	if at := settings.value("core.worktree"); at != "" {
		if !filepath.IsAbs(at) {
			at = filepath.Join(r.Common, at)
		}
		return filepath.Clean(at), false, nil
	}
	set, ok := settings.last("core.bare")
	if dir, found := strings.CutSuffix(r.Common, "/.git"); found && (!ok || set.isFalse()) {
		return dir, false, nil
	}
	return r.Common, true, nil
}

// linkedWorktree is where the working tree of a linked git directory is; gone says that somebody deleted it.
func linkedWorktree(gitDir string) (dir string, gone bool, err error) {
	text, err := os.ReadFile(filepath.Join(gitDir, "gitdir"))
	if err != nil {
		return "", false, err
	}
	link := strings.TrimSpace(string(text))
	if !filepath.IsAbs(link) {
		link = filepath.Join(gitDir, link)
	}
	_, err = os.Lstat(link)
	if gone = errors.Is(err, fs.ErrNotExist) || notDir(err); gone {
		err = nil
	}
	return filepath.Dir(link), gone, err
}

// WorktreeAdd checks a branch (short name) out in a new linked worktree. The error Is jitos.ErrBusy where another worktree
// has it.
func (r *Repo) WorktreeAdd(ctx context.Context, dir, branch string) error {
	if _, err := r.Tip(ctx, branch); err != nil { // git would guess at a remote's
		return fmt.Errorf("worktree %s: %w", dir, err)
	}
	_, err := r.Git(ctx, "worktree", "add", "-q", dir, branch)
	for try := 1; try < 10 && said(err, "worktrees/") && said(err, "No such file or directory"); try++ {
		// A gc pruned the new worktree's directory in the moment before git had locked it; git took the rest back.
		_, err = r.Git(ctx, "worktree", "add", "-q", dir, branch)
	}
	if said(err, "already checked out") || said(err, "already used by worktree") {
		return fmt.Errorf("worktree %s: %w: %w", dir, jitos.ErrBusy, err)
	}
	if err != nil {
		return fmt.Errorf("worktree %s: %w", dir, err)
	}
	return nil
}

// WorktreeBegun tells whether a git that makes a linked worktree has not come to its end: it is at work, or was killed.
func (r *Repo) WorktreeBegun(dir string) bool {
	gitDir, err := r.linkedGitDir(dir)
	if err != nil {
		return false
	}
	why, err := os.ReadFile(filepath.Join(gitDir, "locked"))
	return err == nil && strings.TrimSpace(string(why)) == "initializing"
}

// WorktreeRemove removes a linked worktree, locked or not where it is forced. With changes in it the error Is
// jitos.ErrConflict, unless forced. A removal that was interrupted goes on: what it has removed is no change of the user's.
func (r *Repo) WorktreeRemove(ctx context.Context, dir string, force bool) error {
	if err := r.worktreeRemove(ctx, dir, force); err != nil {
		return fmt.Errorf("worktree %s: %w", dir, err)
	}
	return nil
}

func (r *Repo) worktreeRemove(ctx context.Context, dir string, force bool) error {
	gitDir, err := r.linkedGitDir(dir)
	if err != nil {
		return err
	}
	if !force {
		if exists(filepath.Join(gitDir, "locked")) {
			return fmt.Errorf("%w: it is locked", jitos.ErrBusy)
		}
		if err := nothingToLose(ctx, dir); err != nil {
			return err
		}
	}
	// The files go first and .git after them, so that whoever goes on sees what this is.
	link := filepath.Join(dir, ".git")
	if exists(link) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Name() != ".git" {
				if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
					return err
				}
			}
		}
		if err := os.Remove(link); err != nil {
			return err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// A half removed git directory would confuse git: it goes in one step.
	q, err := r.newQuarantine()
	if err != nil {
		return err
	}
	defer q.remove()
	if err := os.Rename(gitDir, q.path("worktree")); err != nil {
		return err
	}
	os.Remove(filepath.Dir(gitDir)) // where it was the last
	return syncDir(r.Common)
}

// linkedGitDir is the git directory of a linked worktree, of which there may be no more than that.
func (r *Repo) linkedGitDir(dir string) (string, error) {
	dirs, err := r.gitDirs()
	if err != nil {
		return "", err
	}
	for _, gitDir := range dirs[1:] {
		at, _, err := linkedWorktree(gitDir)
		if err == nil && at == filepath.Clean(dir) {
			return gitDir, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", jitos.ErrNotFound
}

// nothingToLose refuses where a worktree has changes. That a file is missing is none: to remove the rest loses nothing.
func nothingToLose(ctx context.Context, dir string) error {
	if !exists(filepath.Join(dir, ".git")) {
		return nil
	}
	out, err := gitCommand{dir: dir, args: []string{"status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=none"}}.run(ctx)
	if err != nil {
		return err
	}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if entry != "" && !strings.HasPrefix(entry, " D ") {
			return fmt.Errorf("%w: there are changes in it", jitos.ErrConflict)
		}
	}
	return nil
}

// CheckedOut implements jitos.Repository. A branch that is being rebased or bisected counts as checked out.
func (r *Repo) CheckedOut(ctx context.Context, ref jitos.Ref) (string, error) {
	dirs, err := r.gitDirs()
	if err != nil {
		return "", fmt.Errorf("worktrees: %w", err)
	}
	for _, gitDir := range dirs {
		if uses, err := usesBranch(gitDir, string(ref)); err != nil {
			return "", fmt.Errorf("worktrees: %w", err)
		} else if !uses {
			continue
		}
		dir, err := r.worktreeOf(gitDir)
		if err != nil || dir != "" {
			return dir, err
		}
	}
	return "", nil
}

// gitDirs are the git directories of all worktrees, the repository's own first.
func (r *Repo) gitDirs() ([]string, error) {
	linked, err := linkedDirs(r.Common)
	return append([]string{r.Common}, linked...), err
}

// linkedDirs are the git directories of the linked worktrees of a repository.
func linkedDirs(common string) ([]string, error) {
	return listed(filepath.Join(common, "worktrees"), "", "")
}

func usesBranch(gitDir, ref string) (bool, error) {
	for file, want := range map[string]string{
		"HEAD":                   "ref: " + ref,
		"rebase-merge/head-name": ref,
		"rebase-apply/head-name": ref,
		"BISECT_START":           strings.TrimPrefix(ref, "refs/heads/"),
	} {
		text, err := os.ReadFile(filepath.Join(gitDir, file))
		if err == nil && strings.TrimSpace(string(text)) == want {
			return true, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !notDir(err) {
			return false, err
		}
	}
	return false, nil
}

// worktreeOf is the directory of a worktree by its git directory, "" where there is none: a bare repository, or a directory
// that was deleted.
func (r *Repo) worktreeOf(gitDir string) (string, error) {
	if gitDir == r.GitDir && r.Worktree != "" {
		return r.Worktree, nil
	}
	w, err := r.worktreeAt(gitDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("worktrees: %w", err)
	}
	if err != nil || w.Bare || w.Gone {
		return "", nil
	}
	return w.Dir, nil
}

// gitDirOf is the git directory of a working tree.
func (r *Repo) gitDirOf(ctx context.Context, dir string) (string, error) {
	dirs, err := r.gitDirs()
	if err != nil {
		return "", err
	}
	for _, gitDir := range dirs {
		at, err := r.worktreeOf(gitDir)
		if err != nil {
			return "", err
		}
		if at != "" && filepath.Clean(at) == filepath.Clean(dir) {
			return gitDir, nil
		}
	}
	return "", fmt.Errorf("worktree %s: %w", dir, jitos.ErrNotFound)
}

// Detach implements jitos.Repository. Files and index stay as they are; on an unborn branch there is nothing to do.
func (r *Repo) Detach(ctx context.Context, dir string) error {
	if err := r.detach(ctx, dir); err != nil {
		return fmt.Errorf("detach %s: %w", dir, err)
	}
	return nil
}

func (r *Repo) detach(ctx context.Context, dir string) error {
	gitDir, err := r.gitDirOf(ctx, dir)
	if err != nil {
		return err
	}
	branch, tip, err := r.head(gitDir)
	if err != nil || branch == "" || tip.IsZero() {
		return err
	}
	return r.detachFrom(ctx, gitDir, branch, tip)
}

// detachFrom detaches a HEAD that was seen on a branch. Another process may have done it since: two that find the same
// workspace ended both let go of its worktree.
func (r *Repo) detachFrom(ctx context.Context, gitDir, branch string, tip plumbing.Hash) error {
	log, err := r.reflogOf(ctx, "", gitDir, "jitos: detach")
	if err != nil {
		return err
	}
	err = r.refs.moveHead(ctx, gitDir, "ref: "+branch, tip, tip, log)
	if errors.Is(err, jitos.ErrStale) {
		if now, _, herr := r.head(gitDir); herr == nil && now != branch {
			return nil
		}
	}
	return err
}
