package warpgit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// A landing where its branch is checked out changes files, index and branch, in this order, which is git's own: killed between
// them it leaves uncommitted changes, and nothing on the branch that the files do not have. So it notes first what it is about to
// do, in <common>/jitos/landing, whose flock it holds; the next process that finds the note and no one who holds it goes on.

// landingNote is what a landing is about to do.
type landingNote struct {
	Branch string `json:"branch"`  // "" for a detached HEAD
	GitDir string `json:"git_dir"` // of the worktree, from the common one on: the repository may be moved
	Old    string `json:"old"`
	New    string `json:"new"`

	file  *os.File
	again bool // an earlier one was interrupted
}

// noteLanding writes the note, durable when it returns.
func (r *Repo) noteLanding(ctx context.Context, n landingNote) (*landingNote, error) {
	if err := r.packs.start(); err != nil {
		return nil, err
	}
	var err error
	if n.file, err = waitLock(ctx, r.packs.perm, r.local("landing"), patience); err != nil {
		return nil, err
	}
	text, err := json.Marshal(n)
	if err == nil {
		var info fs.FileInfo
		info, err = n.file.Stat()
		n.again = err == nil && info.Size() > 0
	}
	if err == nil {
		err = n.file.Truncate(0)
	}
	if err == nil {
		_, err = n.file.WriteAt(text, 0)
	}
	if err == nil {
		err = n.file.Sync()
	}
	if err == nil {
		err = syncDir(r.local())
	}
	if err != nil {
		return nil, errors.Join(err, n.end(nil))
	}
	return &n, nil
}

// end takes the note back where the landing is done, or was refused and nothing of it is there. After any other error it stays.
func (n *landingNote) end(landed error) error {
	var refused *jitos.ConflictError
	var err error
	if landed == nil || errors.As(landed, &refused) && !n.again {
		err = n.file.Truncate(0)
	}
	return errors.Join(err, n.file.Close())
}

// Unfinished implements jitos.Repository. A note of which nothing is to be seen is dropped: the branch has moved, is no longer
// checked out there, or no file is as it was to be, for the landing had not begun, or the user took back what it did.
func (r *Repo) Unfinished(ctx context.Context) (branch string, found bool, err error) {
	file, err := lockFile(r.local("landing"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, jitos.ErrBusy) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look for an interrupted landing: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 1<<16))
	if err != nil || len(text) == 0 {
		return "", false, err
	}
	n := landingNote{file: file}
	if json.Unmarshal(text, &n) == nil { // else it was being written when its process ended
		if found, err = r.begun(ctx, n); err != nil {
			return "", false, fmt.Errorf("look at an interrupted landing: %w", err)
		}
	}
	if !found {
		return "", false, file.Truncate(0)
	}
	return n.Branch, true, nil
}

// begun tells whether something of a landing is in the working tree and the branch is still where it was.
func (r *Repo) begun(ctx context.Context, n landingNote) (bool, error) {
	gitDir := filepath.Join(r.Common, n.GitDir)
	branch, tip, err := r.head(gitDir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the worktree is gone
	}
	if err != nil {
		return false, err
	}
	want := ""
	if n.Branch != "" {
		want = "refs/heads/" + n.Branch
	}
	old, new := plumbing.NewHash(n.Old), plumbing.NewHash(n.New)
	if branch != want || tip != old {
		return false, nil
	}
	dir, err := r.worktreeOf(gitDir)
	if err != nil || dir == "" {
		return false, err
	}
	_, changes, err := r.changesBetween(ctx, old, new)
	if isNotFound(err) {
		return true, nil // a gc took the commit; the landing makes it again
	}
	if err != nil {
		return false, err
	}
	judged, err := (&checkout{r, dir, gitDir}).judgeAll(ctx, changes)
	for _, j := range judged {
		if j.done {
			return true, err
		}
	}
	return false, err
}
