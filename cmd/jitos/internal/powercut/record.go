//go:build linux && amd64

package powercut

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jitos/jitos/cmd/jitos/internal/ptrace"
)

// Recorder writes down the calls that a tracer shows it.
type Recorder struct {
	Disk *Disk
	dir  string
	// open finds the inode of a descriptor, whose file may have another name by now, or none.
	open map[uint64]*inode
	err  error
}

// Record begins a record of what happens below a directory.
func Record(dir string) (*Recorder, error) {
	links := map[uint64]*inode{}
	root, err := load(dir, links)
	return &Recorder{Disk: &Disk{root: root}, dir: dir, open: links}, err
}

// load reads a directory as it is: all of it is on the disk. links has what was read, by its number.
func load(path string, links map[uint64]*inode) (*inode, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if n, ok := links[number(info)]; ok {
		return n, nil
	}
	n := &inode{mode: info.Mode()}
	links[number(info)] = n
	switch {
	case info.IsDir():
		list, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		n.entries, n.begin = map[string]*inode{}, map[string]*inode{}
		for _, e := range list {
			below, err := load(filepath.Join(path, e.Name()), links)
			if err != nil {
				return nil, err
			}
			n.entries[e.Name()], n.begin[e.Name()] = below, below
		}
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		n.bytes, n.first = []byte(target), []byte(target)
		return n, err
	case info.Mode().IsRegular():
		n.bytes, err = os.ReadFile(path)
		n.first = n.bytes
		return n, err
	}
	return n, nil
}

// Err tells what could not be recorded.
func (r *Recorder) Err() error { return r.err }

// After is for ptrace.Tracer.
func (r *Recorder) After(c *ptrace.Call) {
	if c.Result < 0 {
		return
	}
	d := r.Disk
	switch c.Name {
	case "create":
		if n := d.at(r.below(c.Path)); n == nil {
			r.made(c.Path)
		} else if c.Truncates() && len(n.bytes) > 0 {
			d.write(n, nil)
		}
	case "mkdir", "symlink", "mknod":
		r.made(c.Path)
	case "write", "pwrite", "writev", "pwritev", "copy", "fallocate", "ftruncate":
		if n := r.file(c); n != nil {
			bytes, err := os.ReadFile(fmt.Sprintf("/proc/%d/fd/%d", c.Pid, c.File()))
			if err != nil {
				r.err = fmt.Errorf("record %v: %w", c, err)
				return
			}
			d.write(n, bytes)
		}
	case "fsync":
		if n := r.file(c); n != nil {
			d.sync(n)
		}
	case "link":
		if n := d.at(r.below(c.Path)); n != nil {
			d.set(r.name(c.Other, n))
		}
	case "rename":
		if n := d.at(r.below(c.Path)); n != nil {
			d.move(r.name(c.Other, n), r.name(c.Path, nil))
		}
	case "unlink", "rmdir":
		d.set(r.name(c.Path, nil))
	case "chmod":
		if n := d.at(r.below(c.Path)); n != nil {
			if info, err := os.Lstat(c.Path); err == nil {
				n.mode = info.Mode()
			}
		}
	}
}

// made records something new at a path.
func (r *Recorder) made(path string) {
	info, err := os.Lstat(path)
	if err != nil {
		return // it is gone already: another thread was faster
	}
	n := &inode{mode: info.Mode()}
	switch {
	case info.IsDir():
		n.entries, n.begin = map[string]*inode{}, map[string]*inode{}
	case info.Mode()&fs.ModeSymlink != 0:
		target, _ := os.Readlink(path)
		n.bytes = []byte(target)
	}
	r.open[number(info)] = n // a number may come again
	r.Disk.set(r.name(path, n))
}

// file is the inode of the descriptor of a call.
func (r *Recorder) file(c *ptrace.Call) *inode {
	info, err := os.Stat(fmt.Sprintf("/proc/%d/fd/%d", c.Pid, c.File()))
	if err != nil {
		return nil
	}
	return r.open[number(info)]
}

func (r *Recorder) name(path string, to *inode) name {
	return name{r.Disk.at(filepath.Dir(r.below(path))), filepath.Base(path), to}
}

// below is a path relative to the recorded directory; outside of it nothing is found.
func (r *Recorder) below(path string) string {
	rel, ok := strings.CutPrefix(path, r.dir+"/")
	if !ok {
		return "\x00"
	}
	return rel
}

func number(info fs.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }
