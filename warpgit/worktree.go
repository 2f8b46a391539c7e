package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

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

// Worktrees lists the working trees, the repository's own first.
func (r *Repo) Worktrees(ctx context.Context) ([]Worktree, error) {
	out, err := r.Git(ctx, "worktree", "list", "--porcelain", "-z")
	if err != nil {
		return nil, err
	}
	var list []Worktree
	for i, block := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00\x00") {
		w := Worktree{Main: i == 0}
		for _, line := range strings.Split(block, "\x00") {
			key, value, _ := strings.Cut(line, " ")
			switch key {
			case "worktree":
				w.Dir = value
			case "HEAD":
				if strings.Trim(value, "0") != "" {
					w.Head = jitos.CommitID(value)
				}
			case "branch":
				w.Branch = value
			case "bare":
				w.Bare = true
			case "prunable":
				w.Gone = true
			}
		}
		list = append(list, w)
	}
	return list, nil
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
		text, err := os.ReadFile(filepath.Join(gitDir, "gitdir"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		link := strings.TrimSpace(string(text))
		if !filepath.IsAbs(link) {
			link = filepath.Join(gitDir, link)
		}
		if filepath.Dir(link) == filepath.Clean(dir) {
			return gitDir, nil
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
		dir, err := r.worktreeOf(ctx, gitDir)
		if err != nil || dir != "" {
			return dir, err
		}
	}
	return "", nil
}

// gitDirs are the git directories of all worktrees.
func (r *Repo) gitDirs() ([]string, error) {
	dirs := []string{r.Common}
	linked, err := os.ReadDir(filepath.Join(r.Common, "worktrees"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, d := range linked {
		dirs = append(dirs, filepath.Join(r.Common, "worktrees", d.Name()))
	}
	return dirs, nil
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
func (r *Repo) worktreeOf(ctx context.Context, gitDir string) (string, error) {
	if gitDir == r.GitDir && r.Worktree != "" {
		return r.Worktree, nil
	}
	if gitDir != r.Common {
		text, err := os.ReadFile(filepath.Join(gitDir, "gitdir"))
		if err != nil {
			return "", fmt.Errorf("worktrees: %w", err)
		}
		file := strings.TrimSpace(string(text))
		if !filepath.IsAbs(file) {
			file = filepath.Join(gitDir, file)
		}
		if !exists(file) {
			return "", nil
		}
		return filepath.Dir(file), nil
	}
	list, err := r.Worktrees(ctx)
	if err != nil || len(list) == 0 || list[0].Bare || list[0].Gone {
		return "", err
	}
	return list[0].Dir, nil
}

// gitDirOf is the git directory of a working tree.
func (r *Repo) gitDirOf(ctx context.Context, dir string) (string, error) {
	dirs, err := r.gitDirs()
	if err != nil {
		return "", err
	}
	for _, gitDir := range dirs {
		at, err := r.worktreeOf(ctx, gitDir)
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
	log, err := r.reflogOf(ctx, "", gitDir, "jitos: detach")
	if err != nil {
		return err
	}
	return r.refs.moveHead(ctx, gitDir, "ref: "+branch, tip, tip, log)
}
