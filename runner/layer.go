package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Bounds of the layers that are kept. They are looked at when one is built.
const (
	maxLayers = 4 << 30            // bytes of files
	keepLayer = 7 * 24 * time.Hour // without use
)

// layers are file trees laid out once and never written again, to lie below the directories of many jobs (see overlay):
//
//	<dir>/<boot>/<tree>/tree    the files
//	<dir>/<boot>/<tree>/size    of them, in bytes; written last
//	<dir>/<boot>/<tree>/stands  see stands
//	<dir>/<boot>/<tree>.lock    held shared by users, alone by who builds or removes it; its time is that of the last use
//	<dir>/<boot>/<tree>.part    while it is built
//
// A layer is built beside and renamed when it is whole, its contents checked against their ids. Nothing is synced: what a
// power cut may have spoilt was built in an earlier boot, and is not used.
type layers struct{ dir string }

// layer is one of them, held so that nobody removes it.
type layer struct {
	place
	tree plumbing.Hash
	lock *os.File
}

func (l *layer) release() { _ = l.lock.Close() }

// boot names the time since the machine was started.
func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(id) < 8 {
		return "boot"
	}
	return string(id[:8])
}

func (ls layers) here() string                   { return filepath.Join(ls.dir, boot()) }
func (ls layers) path(tree plumbing.Hash) string { return filepath.Join(ls.here(), tree.String()) }
func (ls layers) hold(name string, how int) (*os.File, error) {
	lock, err := os.OpenFile(name, os.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), how|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return lock, nil
}

// get returns the layer of a tree, nil where there is none. One that is being built counts as none.
func (ls layers) get(tree plumbing.Hash) (*layer, error) {
	lock, err := ls.hold(ls.path(tree)+".lock", syscall.LOCK_SH)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("layer of a job's files: %w", err)
	}
	l := &layer{place(ls.path(tree)), tree, lock}
	if !hasFile(string(l.place), "size") {
		l.release()
		return nil, nil
	}
	now := time.Now()
	_ = os.Chtimes(lock.Name(), now, now) // tells evict what is in use
	return l, nil
}

// build returns the layer of a tree, made where there is none. A process that builds it at the same time is waited for.
func (ls layers) build(ctx context.Context, objects Objects, m *manifest) (*layer, error) {
	if err := os.MkdirAll(ls.here(), 0o700); err != nil {
		return nil, fmt.Errorf("make a layer: %w", err)
	}
	name := ls.path(m.tree) + ".lock"
	for {
		// Who has built it goes on to use it, so the lock is not waited for but the layer.
		if l, err := ls.get(m.tree); l != nil || err != nil {
			return l, err
		}
		created, err := os.OpenFile(name, os.O_RDONLY|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, fmt.Errorf("make a layer: %w", err)
		}
		_ = created.Close()
		lock, err := ls.hold(name, syscall.LOCK_EX)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("make a layer: %w", err)
		}
		if !hasFile(ls.path(m.tree), "size") {
			now := time.Now()
			_ = os.Chtimes(name, now, now) // the lock may be that of one that was removed
			err = ls.make(ctx, objects, m)
		}
		_ = lock.Close()
		if err != nil {
			return nil, err
		}
		ls.evict()
	}
}

func (ls layers) make(ctx context.Context, objects Objects, m *manifest) error {
	part := place(ls.path(m.tree) + ".part")
	if err := removeAll(string(part)); err != nil {
		return fmt.Errorf("make a layer: %w", err)
	}
	whole := false
	defer func() {
		if !whole {
			_ = removeAll(string(part))
		}
	}()
	if err := os.MkdirAll(part.tree(), 0o755); err != nil {
		return fmt.Errorf("make a layer: %w", err)
	}
	c, err := newCheckout(ctx, objects, &slot{place: part}, m)
	if err != nil {
		return err
	}
	defer c.close()
	c.check = true
	if err := c.run(); err != nil {
		return err
	}
	size := int64(0)
	for _, t := range c.done {
		size += t.stat.size
	}
	err = os.WriteFile(filepath.Join(string(part), "size"), strconv.AppendInt(nil, size, 10), 0o600)
	if err == nil {
		err = os.Rename(string(part), ls.path(m.tree))
	}
	if err != nil {
		return fmt.Errorf("make a layer: %w", err)
	}
	whole = true
	return nil
}

// evict removes what is too old or too much, the longest unused first, what builders that were killed left, and layers of
// earlier boots. It is a cache: an error only leaves more in it.
func (ls layers) evict() {
	boots, err := os.ReadDir(ls.dir)
	if err != nil {
		return
	}
	for _, b := range boots {
		if b.Name() != boot() {
			_ = removeAll(filepath.Join(ls.dir, b.Name()))
		}
	}
	type kept struct {
		name string
		used time.Time
		size int64
	}
	var all []kept
	list, _ := filepath.Glob(filepath.Join(ls.here(), "*.lock"))
	for _, lock := range list {
		name := strings.TrimSuffix(lock, ".lock")
		info, err := os.Stat(lock)
		if err != nil {
			continue
		}
		k := kept{name: name, used: info.ModTime()}
		raw, err := os.ReadFile(filepath.Join(name, "size"))
		if err == nil {
			k.size, err = strconv.ParseInt(string(bytes.TrimSpace(raw)), 10, 64)
		}
		if err == nil || hasFile(name) || hasFile(name+".part") {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return b.used.Compare(a.used) })
	total := int64(0)
	for i, k := range all {
		total += k.size
		if hasFile(k.name, "size") && (i == 0 || total <= maxLayers && time.Since(k.used) < keepLayer) {
			continue
		}
		lock, err := ls.hold(k.name+".lock", syscall.LOCK_EX)
		if err != nil {
			continue // somebody uses it, or builds it
		}
		_ = os.Remove(filepath.Join(k.name, "size"))
		_ = removeAll(k.name)
		_ = removeAll(k.name + ".part")
		_ = lock.Close()
	}
}
