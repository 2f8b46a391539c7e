package warpgit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// fabricPrefixes are where all refs of jitos's are.
var fabricPrefixes = []string{"refs/heads/jitos/", remotePrefix}

// CheckInit tells whether a fabric may be made here, and what the user should know: notices in words. The error Is
// jitos.ErrInvalid where a branch of the user's stands where the fabric's branches go.
func (r *Repo) CheckInit(ctx context.Context) ([]string, error) {
	if err := r.gitReads(ctx); err != nil {
		return nil, err
	}
	for _, name := range []string{"jitos", "jitos/sws", "jitos/archive"} {
		if _, err := r.refs.read("refs/heads/" + name); err == nil {
			return nil, jitos.Hint(fmt.Errorf("%w: there is a branch named %s, so git cannot keep the fabric's branches jitos/…", jitos.ErrInvalid, name),
				"git branch -m %s NEW-NAME gives it another name", name)
		} else if !isNotFound(err) {
			return nil, err
		}
	}
	_, tip, err := r.head(r.GitDir)
	if err != nil || tip.IsZero() {
		return nil, err
	}
	v, err := r.Store.view(ctx, tip)
	if err != nil {
		return nil, err
	}
	var notices []string
	c := v.commit
	if id, err := r.Store.Objects.child(ctx, c.TreeHash, fabricDir); err != nil {
		return nil, err
	} else if !id.IsZero() {
		notices = append(notices, "HEAD has a "+fabricDir+"/ of its own, which is left out of the fabric")
	}
	if exists(filepath.Join(r.Common, "shallow")) {
		notices = append(notices, "this is a shallow clone: what lies behind its edge can be neither blamed nor bisected")
	}
	return notices, nil
}

// Uninit removes everything that jitos made here: its branches with their logs, the linked worktrees on them, and
// <common>/jitos. It refuses, having changed nothing, with jitos.ErrBusy where a process is alive or the repository's own
// working tree is on one of these branches, and with jitos.ErrConflict where a worktree has changes, unless forced. The
// objects become unreachable; git gc takes them in time. A second call finds nothing to do.
func (r *Repo) Uninit(ctx context.Context, force bool) error {
	linked, err := r.uninitable(ctx, force)
	if err != nil {
		return err
	}
	lock, err := r.maintenanceLock(ctx, patience)
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, w := range linked {
		if err := r.WorktreeRemove(ctx, w.Dir, true); err != nil {
			return err
		}
	}
	if err := r.removeRefs(ctx); err != nil {
		return err
	}
	for _, prefix := range fabricPrefixes {
		if err := os.RemoveAll(filepath.Join(r.Common, "logs", prefix)); err != nil {
			return err
		}
		removeEmpty(filepath.Join(r.Common, prefix))
		pruneDirs(filepath.Dir(filepath.Join(r.Common, prefix)), filepath.Join(r.Common, "refs"))
	}
	if err := errors.Join(r.dropGraph(), r.Store.Objects.close()); err != nil {
		return err
	}
	return os.RemoveAll(r.local())
}

// CheckUninit refuses what Uninit would refuse.
func (r *Repo) CheckUninit(ctx context.Context, force bool) error {
	_, err := r.uninitable(ctx, force)
	return err
}

// uninitable returns the worktrees that go, where nothing speaks against it.
func (r *Repo) uninitable(ctx context.Context, force bool) ([]Worktree, error) {
	linked, err := r.linked(ctx, force)
	if err != nil {
		return nil, err
	}
	if alive, err := r.living(); err != nil {
		return nil, err
	} else if len(alive) > 0 {
		return nil, fmt.Errorf("%w: process %s is running", jitos.ErrBusy, alive[0])
	}
	return linked, nil
}

// linked returns the linked worktrees on branches of the fabric, after a look at what is in them.
func (r *Repo) linked(ctx context.Context, force bool) ([]Worktree, error) {
	all, err := r.Worktrees(ctx)
	if err != nil {
		return nil, err
	}
	var linked []Worktree
	for _, w := range all {
		if !strings.HasPrefix(w.Branch, fabricPrefixes[0]) || w.Bare {
			continue
		}
		if w.Main {
			return nil, jitos.Hint(fmt.Errorf("%w: %s has %s checked out", jitos.ErrBusy, w.Dir, strings.TrimPrefix(w.Branch, "refs/heads/")),
				"check out a branch of your own there")
		}
		linked = append(linked, w)
		if w.Gone || force {
			continue
		}
		if err := nothingToLose(ctx, w.Dir); err != nil {
			return nil, fmt.Errorf("worktree %s: %w", w.Dir, err)
		}
	}
	return linked, nil
}

// removeRefs takes the refs out of packed-refs in one go, and then removes the files.
func (r *Repo) removeRefs(ctx context.Context) error {
	packed, err := r.refs.packed()
	if err != nil {
		return err
	}
	ours := func(name string) bool {
		return strings.HasPrefix(name, fabricPrefixes[0]) || strings.HasPrefix(name, fabricPrefixes[1])
	}
	any := false
	for name := range packed {
		any = any || ours(name)
	}
	if any {
		if err := r.unpackAll(ctx, ours); err != nil {
			return err
		}
	}
	for _, prefix := range fabricPrefixes {
		list, err := r.refs.list(prefix)
		if err != nil {
			return err
		}
		for _, ref := range list {
			if err := r.refs.move(ctx, ref.name, ref.id, plumbing.ZeroHash); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Repo) unpackAll(ctx context.Context, drop func(string) bool) error {
	if err := r.packs.start(); err != nil {
		return err
	}
	own, err := waitLock(ctx, r.packs.perm, r.local("refs.lock"), patience)
	if err != nil {
		return err
	}
	return errors.Join(r.refs.unpack(ctx, drop), own.Close())
}
