package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// refLock is a <ref>.lock of ours. It and twin are one file under two names.
type refLock struct {
	path string // "" once it was renamed into place
	twin string
}

// drop removes the lock where it was not renamed into place, and then its twin: not before the disk has it that the lock is
// gone, or after a power cut nothing would tell whose it is.
func (l *refLock) drop() {
	if l.path != "" && l.release() != nil && l.path != "" {
		return // the next process finds both
	}
	os.Remove(l.twin) // even where the sync failed, or git has removed the directory: there is nothing better to do
}

// release removes the lock and syncs its directory: once, for the lock and for what was renamed or removed beside it.
func (l *refLock) release() error {
	if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(l.path)
	l.path = ""
	return syncDir(dir)
}

// lockRef locks a ref with its new value in the lock file.
func (d *diskRefs) lockRef(ctx context.Context, name string, new plumbing.Hash) (*refLock, error) {
	value := []byte(new.String() + "\n")
	path := d.path(name)
	for range 10 {
		var lock *refLock
		err := d.perm.mkdirAll(filepath.Dir(path))
		if err == nil {
			lock, err = d.link(ctx, path+".lock", value)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // git removed the directory, empty as it was, at this moment
		}
		return lock, nameTaken(name, err)
	}
	return nil, fmt.Errorf("lock: %w: its directory keeps vanishing", jitos.ErrBusy)
}

// nameTaken says in words why a directory cannot be made: refs/heads/jitos is a branch.
func nameTaken(name string, err error) error {
	if notDir(err) || errors.Is(err, fs.ErrExist) {
		return jitos.Hint(fmt.Errorf("%w: another ref has a name that %s starts with", jitos.ErrInvalid, name),
			"rename the branch that stands where jitos keeps its own, as git branch -m does")
	}
	return err
}

func notDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// link makes a lock file, waiting while another holds it. The caller holds refs.lock.
func (d *diskRefs) link(ctx context.Context, path string, value []byte) (*refLock, error) {
	return d.lockWith(ctx, path, value, d.tryLink)
}

// lockIndex makes a lock file that is held for long: what lies behind it is files, not a ref. So refs.lock is held only in
// the moment of the making.
func (d *diskRefs) lockIndex(ctx context.Context, path string) (*refLock, error) {
	if err := d.packs.start(); err != nil {
		return nil, err
	}
	return d.lockWith(ctx, path, nil, func(twin, path string, value []byte) (bool, error) {
		own, err := waitLock(ctx, d.perm, filepath.Join(d.packs.own, "refs.lock"), patience)
		if err != nil {
			return false, err
		}
		defer own.Close()
		return d.tryLink(twin, path, value)
	})
}

func (d *diskRefs) lockWith(ctx context.Context, path string, value []byte, try func(twin, path string, value []byte) (bool, error)) (*refLock, error) {
	n := d.packs.locks.Add(1)
	twin := filepath.Join(d.packs.tmpDir(), fmt.Sprintf("%s.%d.ref", d.packs.alive.name, n))
	err := d.perm.writeSynced(twin, value, 0o666)
	if err == nil { // a power cut must not keep the lock and lose what tells whose it is
		err = syncDir(filepath.Dir(twin))
	}
	if err != nil {
		os.Remove(twin)
		return nil, err
	}
	deadline := time.Now().Add(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		made, err := try(twin, path, value)
		if made {
			return &refLock{path, twin}, nil
		}
		if err == nil && time.Now().After(deadline) {
			err = jitos.Hint(fmt.Errorf("%w: %s is held", jitos.ErrBusy, path),
				"another git command is at work; if none is, one was killed and left this file: look at it and remove it")
		}
		if err == nil {
			select {
			case <-ctx.Done():
				err = ctx.Err()
			case <-time.After(wait):
			}
		}
		if err != nil {
			os.Remove(twin)
			return nil, err
		}
	}
}

// tryLink makes a lock file, or tells that another holds it.
func (d *diskRefs) tryLink(twin, path string, value []byte) (bool, error) {
	for {
		err := os.Link(twin, path)
		if err != nil && noLinks(err) {
			err = d.linkless(path, value)
		}
		if !errors.Is(err, fs.ErrExist) {
			return err == nil, err
		}
		if !d.removeStale(path) {
			return false, nil
		}
	}
}

// linkless is for file systems without hard links: the lock is as good, only a killed process's cannot be told from git's.
func (d *diskRefs) linkless(path string, value []byte) error {
	f, err := d.perm.open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if _, err = f.Write(value); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func noLinks(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EMLINK)
}

// removeStale removes a lock that a killed process of ours left: the same file as one in tmp whose writer is dead. We hold
// the flock that every writer of ours takes first, so nobody else removes it at this moment and makes its own.
func (d *diskRefs) removeStale(path string) bool {
	lock, err := os.Lstat(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	twins, err := listed(d.packs.tmpDir(), alivePrefix, ".ref")
	if err != nil {
		return false
	}
	for _, twin := range twins {
		owner, _, _ := strings.Cut(filepath.Base(twin), ".")
		info, err := os.Lstat(twin)
		if err == nil && os.SameFile(lock, info) && d.packs.isDead(owner) {
			return os.Remove(path) == nil
		}
	}
	return false
}

// removeEmpty removes a directory in which there are only empty directories; anything else stays.
func removeEmpty(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() {
			return
		}
		removeEmpty(filepath.Join(dir, e.Name()))
	}
	os.Remove(dir)
}

// pruneDirs removes empty directories from dir up to stop, which stays.
func pruneDirs(dir, stop string) {
	for dir != stop && strings.HasPrefix(dir, stop) && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
}

// freeLock looks at a file in tmp of a dead writer: where a lock still stands that is the same file, the lock goes, so that
// git is not kept from the ref. It says false where another process is moving a ref at this moment; the next one will see.
func freeLock(p *packWriter, twin string) (bool, error) {
	info, err := os.Lstat(twin)
	if err != nil || !strings.HasSuffix(twin, ".ref") {
		return err == nil, nil
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Nlink == 1 {
		return true, nil
	}
	own, err := openLock(p.perm, filepath.Join(p.own, "refs.lock"))
	if errors.Is(err, jitos.ErrBusy) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer own.Close()
	locks, err := lockFiles(filepath.Dir(p.own), p.objects)
	if err != nil {
		return false, err
	}
	for _, lock := range locks {
		if other, err := os.Lstat(lock); err == nil && os.SameFile(info, other) {
			return true, os.Remove(lock)
		}
	}
	return true, nil // the lock was renamed into place: the file is the ref itself
}

// lockFiles are the locks of git's kind that stand in a repository: of refs, of the commit-graph, of each worktree's HEAD
// and index.
func lockFiles(common, objects string) ([]string, error) {
	locks := []string{filepath.Join(objects, "info", "commit-graph.lock")}
	dirs, err := linkedDirs(common)
	if err != nil {
		return nil, err
	}
	for _, dir := range append(dirs, common) {
		found, err := listed(dir, "", ".lock")
		if err != nil {
			return nil, err
		}
		locks = append(locks, found...)
	}
	err = filepath.WalkDir(filepath.Join(common, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".lock") {
			locks = append(locks, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return locks, err
}
