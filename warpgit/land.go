package warpgit

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/jitos/jitos"
)

// Land implements jitos.Repository. The error Is jitos.ErrStale where the branch is not at old, jitos.ErrConflict where
// changes of the user's are in the way, jitos.ErrBusy where another operation of git's is under way there. The branch is
// moved by git itself, so that its log, its working tree and its index follow.
func (r *Repo) Land(ctx context.Context, branch string, old, parent jitos.CommitID, tree jitos.TreeID, text string) (jitos.CommitID, error) {
	id, err := r.land(ctx, branch, old, parent, tree, text)
	if err != nil {
		return "", fmt.Errorf("commit on %s: %w", branchOrHead(branch), err)
	}
	return commitID(id), nil
}

func branchOrHead(branch string) string {
	if branch == "" {
		return "the detached HEAD"
	}
	return branch
}

func (r *Repo) land(ctx context.Context, branch string, old, parent jitos.CommitID, tree jitos.TreeID, text string) (plumbing.Hash, error) {
	oldID, err := optionalID(old)
	if err != nil {
		return oldID, err
	}
	dir, err := r.landingPlace(ctx, branch, oldID)
	if err != nil {
		return oldID, err
	}
	id, err := r.landCommit(ctx, parent, tree, text)
	if err != nil {
		return id, err
	}
	f, err := r.Store.Objects.flush(ctx, nil, id)
	if err != nil {
		return id, err
	}
	if dir == "" {
		_, err = r.Git(ctx, "update-ref", "-m", "jitos land", "refs/heads/"+branch, id.String(), oldID.String())
	} else {
		_, err = gitCommand{dir: dir, env: []string{"GIT_REFLOG_ACTION=jitos land"}, args: []string{"merge", "--ff-only", "--no-stat", "-q",
			"--no-autostash", "--no-verify-signatures", "--no-overwrite-ignore", id.String()}}.run(ctx)
	}
	if err = landError(err); err == nil {
		err = r.syncLanding(ctx, dir, branch)
	}
	return id, errors.Join(err, r.Store.Objects.settle(f, err == nil))
}

// syncLanding makes durable the names under which git has put the branch, HEAD and the index of a working tree.
func (r *Repo) syncLanding(ctx context.Context, worktree, branch string) error {
	if branch != "" {
		name := "refs/heads/" + branch
		for dir := path.Dir(name); dir != "refs"; dir = path.Dir(dir) {
			if err := r.refs.syncName(dir); err != nil {
				return err
			}
		}
	}
	if worktree == "" {
		return nil
	}
	dirs, err := r.gitDirs()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if at, err := r.worktreeOf(ctx, dir); err != nil {
			return err
		} else if at == worktree {
			return syncDir(dir)
		}
	}
	return nil
}

// landingPlace finds the worktree that has the branch checked out, "" for none, and looks whether the branch is at old.
func (r *Repo) landingPlace(ctx context.Context, branch string, old plumbing.Hash) (string, error) {
	if branch == "" {
		at, tip, err := r.head(r.GitDir)
		if err != nil {
			return "", err
		}
		if at != "" || tip != old {
			return "", fmt.Errorf("HEAD has moved: %w", jitos.ErrStale)
		}
		if r.Worktree == "" {
			return "", fmt.Errorf("%w: the HEAD of a bare repository is detached", jitos.ErrInvalid)
		}
		return r.Worktree, nil
	}
	name := "refs/heads/" + branch
	if err := checkRef(name); err != nil {
		return "", err
	}
	if strings.HasPrefix(branch, "jitos/") {
		return "", fmt.Errorf("%w: %s is the fabric's own", jitos.ErrInvalid, branch)
	}
	at, err := r.refs.read(name)
	if err != nil && !isNotFound(err) {
		return "", err
	}
	if at != old {
		return "", staleRef(name, old, at)
	}
	return r.CheckedOut(ctx, jitos.Ref(name))
}

// landCommit stages an ordinary commit of the user's.
func (r *Repo) landCommit(ctx context.Context, parent jitos.CommitID, tree jitos.TreeID, text string) (plumbing.Hash, error) {
	files, root, err := r.Store.userFiles(ctx, tree)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	// A file tree may be nowhere stored yet.
	if err := r.Store.Objects.stage(root, rawObject{plumbing.TreeObject, files}, plumbing.ZeroHash); err != nil {
		return root, err
	}
	who, err := r.Store.committer(ctx)
	if err != nil {
		return root, err
	}
	c := &object.Commit{Author: who, Committer: who, TreeHash: root, Message: strings.TrimSpace(text) + "\n"}
	if parent != "" {
		id, err := parseID(parent)
		if err != nil {
			return id, err
		}
		c.ParentHashes = append(c.ParentHashes, id)
	}
	return r.Store.Objects.PutCommit(c)
}

// landError tells the reasons apart for which git refuses.
func landError(err error) error {
	switch {
	case err == nil:
		return nil
	case said(err, "would be overwritten") || said(err, "would lose untracked") || said(err, "not uptodate") || said(err, "would be removed by merge"):
		return jitos.Hint(fmt.Errorf("%w: changes in the working tree are in the way: %s", jitos.ErrConflict, pathsSaid(err)),
			"commit or stash them, or land on a new branch")
	case said(err, "Not possible to fast-forward") || said(err, "unrelated histories") || said(err, "but expected") || said(err, "reference already exists"):
		return fmt.Errorf("%w: the branch has moved: %w", jitos.ErrStale, err)
	case said(err, "index.lock") || said(err, "unmerged files") || said(err, "not concluded") || said(err, "cannot lock ref"):
		return fmt.Errorf("%w: %w", jitos.ErrBusy, err)
	}
	return err
}

// pathsSaid are the paths that git names in a refusal: each on a line of its own, behind a tab.
func pathsSaid(err error) string {
	var e *GitError
	if !errors.As(err, &e) {
		return ""
	}
	var paths []string
	for line := range strings.Lines(e.Stderr) {
		if p, ok := strings.CutPrefix(line, "\t"); ok {
			paths = append(paths, strings.TrimSpace(p))
		}
	}
	if len(paths) == 0 {
		return e.Stderr
	}
	return strings.Join(paths, ", ")
}
