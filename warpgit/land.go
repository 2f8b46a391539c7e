package warpgit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Land implements jitos.Repository. The error Is jitos.ErrStale where the branch is not at old, jitos.ErrConflict where
// changes of the user's are in the way, jitos.ErrBusy where another operation of git's is under way there. The working tree
// that has the branch checked out, its index, and git's logs of the branch and of HEAD follow.
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
		err = r.landRef(ctx, "", branch, oldID, id)
	} else {
		err = r.landIn(ctx, dir, branch, oldID, id)
	}
	return id, errors.Join(err, r.Store.Objects.settle(f, err == nil))
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

// landIn brings a working tree to a new commit, as a fast-forward merge does. Killed at any point, the same landing given
// again goes on, and the next process gives it, see Unfinished: what is as it shall be is not in the way. All locks are made by
// links, so that a killed process's are told from git's.
func (r *Repo) landIn(ctx context.Context, dir, branch string, old, new plumbing.Hash) error {
	gitDir, err := r.gitDirOf(ctx, dir)
	if err != nil {
		return err
	}
	place, err := filepath.Rel(r.Common, gitDir)
	if err != nil {
		return err
	}
	note, err := r.noteLanding(ctx, landingNote{Branch: branch, GitDir: place, Old: old.String(), New: new.String()})
	if err != nil {
		return err
	}
	err = r.landFiles(ctx, &checkout{r, dir, gitDir}, old, new)
	if err == nil {
		err = r.landRef(ctx, gitDir, branch, old, new)
	}
	return errors.Join(inTheWay(err), note.end(err))
}

// landFiles brings files and index from one commit to another.
func (r *Repo) landFiles(ctx context.Context, w *checkout, old, new plumbing.Hash) error {
	from, changes, err := r.changesBetween(ctx, old, new)
	if err != nil {
		return err
	}
	lock, err := r.refs.lockIndex(ctx, filepath.Join(w.gitDir, "index.lock"))
	if err != nil {
		return err
	}
	defer lock.drop()
	return w.advance(ctx, lock, from, changes)
}

// changesBetween are the paths that differ in two commits; the zero hash is a commit without files.
func (r *Repo) changesBetween(ctx context.Context, old, new plumbing.Hash) (from plumbing.Hash, changes []pathChange, err error) {
	if !old.IsZero() {
		c, err := r.Store.Objects.Commit(ctx, old)
		if err != nil {
			return from, nil, err
		}
		from = c.TreeHash
	}
	c, err := r.Store.Objects.Commit(ctx, new)
	if err != nil {
		return from, nil, err
	}
	changes, err = r.Store.Objects.changedPaths(ctx, from, c.TreeHash)
	return from, changes, err
}

// inTheWay says what the user can do about changes that a landing would overwrite.
func inTheWay(err error) error {
	var conflict *jitos.ConflictError
	if !errors.As(err, &conflict) {
		return err
	}
	var paths []string
	for _, c := range conflict.Conflicts {
		paths = append(paths, c.Path)
	}
	return jitos.Hint(fmt.Errorf("%w: changes in the working tree are in the way: %s", jitos.ErrConflict, strings.Join(paths, ", ")),
		"commit or stash them, or land on a new branch")
}

// landRef moves the branch, or the detached HEAD of a git directory.
func (r *Repo) landRef(ctx context.Context, gitDir, branch string, old, new plumbing.Hash) error {
	log, err := r.reflogOf(ctx, branch, gitDir, "jitos land")
	if err != nil {
		return err
	}
	if branch == "" {
		return r.refs.moveHead(ctx, gitDir, old.String(), old, new, log)
	}
	return r.refs.moveLogged(ctx, "refs/heads/"+branch, old, new, log)
}
