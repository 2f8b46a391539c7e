package warpgit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jitos/jitos"
)

// Locks are flocks: the kernel lets them go when the process ends, however it ends. A file that is locked is never a sign of
// anything by being there.

// lockFile takes the flock of a file that exists. The error Is jitos.ErrBusy where another holds it.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("lock %s: %w", filepath.Base(f.Name()), jitos.ErrBusy)
		case err != nil:
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		default:
			return nil
		}
	}
}

// openLock creates a lock file where there is none, takes its flock, and makes sure that nobody removed the file meanwhile.
func openLock(p perm, path string) (*os.File, error) {
	for {
		f, err := p.open(path, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, err
		}
		if err := flock(f); err != nil {
			f.Close()
			return nil, err
		}
		if sameFile(f, path) {
			return f, nil
		}
		f.Close()
	}
}

func sameFile(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}

// waitLock takes a lock as openLock does; where another holds it, it waits until ctx ends or patience does.
func waitLock(ctx context.Context, p perm, path string, patience time.Duration) (*os.File, error) {
	deadline := time.Now().Add(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		f, err := openLock(p, path)
		if !errors.Is(err, jitos.ErrBusy) || time.Now().After(deadline) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// alive is a lock that a process holds for as long as files of its exist that only it may remove. It says whose it is: each .keep
// of the process is a link to it.
type alive struct {
	name   string
	file   *os.File
	synced atomic.Bool
}

const alivePrefix = "jitos-"

// isWriter tells whether a text, found in a .keep, is the name of such a lock, and so no way to another file.
func isWriter(name string) bool {
	id, ok := strings.CutPrefix(name, alivePrefix)
	_, err := hex.DecodeString(id)
	return ok && len(id) == 16 && err == nil
}

func newAlive(p perm, dir string) (*alive, error) {
	for {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, err
		}
		name := alivePrefix + hex.EncodeToString(b[:])
		path := filepath.Join(dir, name+".alive")
		f, err := p.open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		a := &alive{name: name, file: f}
		if flock(f) == nil && sameFile(f, path) {
			if _, err := f.WriteString(a.text()); err != nil {
				return nil, errors.Join(err, a.release())
			}
			return a, nil
		}
		f.Close() // somebody took it for a dead one's in the moment before it was locked
	}
}

// text is what a .keep says.
func (a *alive) text() string { return keepMark + " " + a.name + "\n" }

// sync brings the text to the disk, once.
func (a *alive) sync() error {
	if a.synced.Load() {
		return nil
	}
	if err := a.file.Sync(); err != nil {
		return err
	}
	a.synced.Store(true)
	return nil
}

func (a *alive) release() error {
	err := os.Remove(a.file.Name())
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // somebody took all of jitos away, see Uninit
	}
	return errors.Join(err, a.file.Close())
}
