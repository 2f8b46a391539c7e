package runner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// fileStat is by what an unchanged file is recognised without reading it. The change time cannot be set by a program, so
// a file written in place, or with its modification time put back, differs.
type fileStat struct {
	size          int64
	mtime, ctime  int64
	inode, device uint64
	mode          fs.FileMode
}

// tracked is a file as it was put there.
type tracked struct {
	entry
	stat fileStat
}

// unchanged tells whether a file is still as it was put there. A change time of -1 is that of no file.
func (t tracked) unchanged(now fileStat) bool { return t.stat == now && now.ctime != -1 }

// treeTime is the modification time of all files of a tree. It lies in the past, so that a file that a job writes is newer
// than all it did not write (make); it is one for the whole tree, so that no file looks older than its source; and it
// differs from tree to tree, because Python's and Go's caches take a file of the same size and time for unchanged.
func treeTime(tree plumbing.Hash) time.Time {
	seconds := binary.BigEndian.Uint32(tree[0:4]) >> 4 // 8 years
	nanos := binary.BigEndian.Uint32(tree[4:8]) % 1_000_000_000
	return time.Unix(946684800+int64(seconds), int64(nanos)) // from 2000 on
}

// writers is how many goroutines write files: reading objects is serial, writing files mostly waits for the disk.
const writers = 4

// checkout turns the files of a slot into those of a manifest.
type checkout struct {
	ctx     context.Context
	objects Objects
	slot    *slot
	want    *manifest
	root    *os.Root
	time    time.Time
	check   bool // that the objects are what their ids say

	mu   sync.Mutex
	done map[string]tracked
}

func newCheckout(ctx context.Context, objects Objects, s *slot, want *manifest) (*checkout, error) {
	root, err := os.OpenRoot(s.place.tree())
	if err != nil {
		return nil, fmt.Errorf("open the place of a job: %w", err)
	}
	return &checkout{ctx: ctx, objects: objects, slot: s, want: want, root: root, time: treeTime(want.tree),
		done: make(map[string]tracked, len(want.files))}, nil
}

func (c *checkout) close() { _ = c.root.Close() }

func (c *checkout) run() error {
	if err := c.clean("", c.root); err != nil {
		return fmt.Errorf("clean the place of a job: %w", err)
	}
	if err := c.makeDirs(); err != nil {
		return fmt.Errorf("make directories: %w", err)
	}
	if err := c.writeMissing(); err != nil {
		var r *refusal
		if errors.As(err, &r) {
			return err
		}
		return fmt.Errorf("write the files of a job: %w", err)
	}
	c.slot.files, c.slot.tree = c.done, c.want.tree
	return nil
}

// clean removes all that is not as the manifest wants it, and notes the files that stay.
func (c *checkout) clean(dir string, at *os.Root) error {
	list, err := readDir(at)
	if err != nil {
		return err
	}
	for _, info := range list {
		p := path.Join(dir, info.Name())
		if c.slot.isLent(p) {
			continue
		}
		if info.IsDir() {
			_, wanted := c.want.dirs[p]
			submodule := c.want.files[p].mode == filemode.Submodule
			if !wanted && !submodule && !c.slot.lentBelow(p) {
				if err := removeBelow(at, info.Name()); err != nil {
					return err
				}
				continue
			}
			if err := c.cleanDir(p, at, info); err != nil {
				return err
			}
			continue
		}
		kept, err := c.keep(p, at, info)
		if err != nil {
			return err
		}
		if !kept {
			if err := at.Remove(info.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checkout) cleanDir(p string, at *os.Root, info fs.FileInfo) error {
	if info.Mode().Perm()&0o700 != 0o700 {
		if err := at.Chmod(info.Name(), 0o755); err != nil {
			return err
		}
	}
	sub, err := at.OpenRoot(info.Name())
	if err != nil {
		return err
	}
	defer sub.Close()
	return c.clean(p, sub)
}

// keep tells whether the file is the one wanted, and gives it the tree's time.
func (c *checkout) keep(p string, at *os.Root, info fs.FileInfo) (bool, error) {
	was, known := c.slot.files[p]
	if !known || c.want.files[p] != was.entry || !was.unchanged(statOf(info)) {
		return false, nil
	}
	if was.mode != filemode.Symlink && c.slot.tree != c.want.tree {
		if err := at.Chtimes(info.Name(), c.time, c.time); err != nil {
			return false, err
		}
		var err error
		if info, err = at.Lstat(info.Name()); err != nil {
			return false, err
		}
	}
	c.done[p] = tracked{was.entry, statOf(info)}
	return true, nil
}

func (c *checkout) makeDirs() error {
	dirs := make([]string, 0, len(c.want.dirs))
	for d := range c.want.dirs {
		dirs = append(dirs, d)
	}
	for p, e := range c.want.files {
		if e.mode == filemode.Submodule {
			dirs = append(dirs, p)
		}
	}
	sort.Strings(dirs)
	for _, d := range dirs {
		if d == "" {
			continue
		}
		if err := c.root.Mkdir(d, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// writeMissing writes what clean did not find, directory by directory.
func (c *checkout) writeMissing() error {
	missing := map[string][]string{}
	for p, e := range c.want.files {
		if _, ok := c.done[p]; !ok && e.mode != filemode.Submodule {
			missing[parentDir(p)] = append(missing[parentDir(p)], p)
		}
	}
	if len(missing) == 0 {
		return c.ctx.Err()
	}
	work := make(chan string)
	failed := make(chan error, writers)
	var running sync.WaitGroup
	for range writers {
		running.Go(func() {
			for dir := range work {
				if err := c.writeDir(dir, missing[dir]); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
feed:
	for dir := range missing {
		select {
		case work <- dir:
		case err = <-failed:
			break feed
		case <-c.ctx.Done():
			err = c.ctx.Err()
			break feed
		}
	}
	close(work)
	running.Wait()
	close(failed)
	for e := range failed {
		err = errors.Join(err, e)
	}
	return err
}

func (c *checkout) writeDir(dir string, paths []string) error {
	at := c.root
	if dir != "" {
		sub, err := c.root.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer sub.Close()
		at = sub
	}
	written := make(map[string]tracked, len(paths))
	for _, p := range paths {
		e := c.want.files[p]
		data, err := c.objects.Blob(c.ctx, e.hash)
		if err != nil {
			return fmt.Errorf("%s: %w", quoted(p), err)
		}
		if c.check && plumbing.ComputeHash(plumbing.BlobObject, data) != e.hash {
			return fmt.Errorf("%s: %w: its content is not that of object %s", quoted(p), jitos.ErrCorrupt, e.hash)
		}
		info, err := c.writeFile(at, p, e, data)
		if err != nil {
			return err
		}
		written[p] = tracked{e, statOf(info)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for p, t := range written {
		c.done[p] = t
	}
	return nil
}

func (c *checkout) writeFile(at *os.Root, p string, e entry, data []byte) (fs.FileInfo, error) {
	name := path.Base(p)
	if e.mode == filemode.Symlink {
		if why := badLink(p, string(data)); why != "" {
			return nil, &refusal{p, why}
		}
		if err := at.Symlink(string(data), name); err != nil {
			return nil, err
		}
		return at.Lstat(name)
	}
	perm := fs.FileMode(0o644)
	if e.mode == filemode.Executable {
		perm = 0o755
	}
	f, err := at.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(data)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = at.Chtimes(name, c.time, c.time)
	}
	if err != nil {
		return nil, err
	}
	return at.Lstat(name)
}

// readDir lists a directory by what lstat tells of each name.
func readDir(at *os.Root) ([]fs.FileInfo, error) {
	d, err := at.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdir(-1)
}

// removeBelow removes a directory that a job may have made unreadable.
func removeBelow(at *os.Root, name string) error {
	if err := at.RemoveAll(name); err == nil {
		return nil
	}
	if err := makeWritable(at, name); err != nil {
		return err
	}
	return at.RemoveAll(name)
}

func makeWritable(at *os.Root, name string) error {
	if err := at.Chmod(name, 0o700); err != nil {
		return err
	}
	sub, err := at.OpenRoot(name)
	if err != nil {
		return err
	}
	defer sub.Close()
	list, err := readDir(sub)
	if err != nil {
		return err
	}
	for _, info := range list {
		if info.IsDir() {
			if err := makeWritable(sub, info.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
