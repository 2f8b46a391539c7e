//go:build linux && amd64

package ptrace

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Call is a system call that changes files, or opens one.
type Call struct {
	Name        string // open, create, write, fsync, rename, …
	Path, Other string // absolute; Other is where a rename or a link leads
	Pid         int    // of the process
	Args        [6]uint64
	Result      int64 // as the kernel gives it: an errno is negative

	nr  uint64
	tid int
}

func (c *Call) String() string {
	s := fmt.Sprintf("%s %s", c.Name, filepath.Base(filepath.Dir(c.Path))+"/"+filepath.Base(c.Path))
	if c.Other != "" {
		s += " " + filepath.Base(c.Other)
	}
	return s
}

// Program is the name of the program that makes the call.
func (c *Call) Program() string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.Pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// Changes tells whether the call changes something: all do but the opening of a file that is there.
func (c *Call) Changes() bool { return c.Name != "open" }

// where says which arguments of a call name a file: by path (with the directory that it is relative to, -1 for the current
// one) or by descriptor.
type where struct {
	name          string
	dir, path     int
	toDir, toPath int
	fd            int
	flags         int // the argument with the flags of an open
}

func byPath(name string, dir, path int) where {
	return where{name: name, dir: dir, path: path, toPath: -1, fd: -1, flags: -1}
}

func byPaths(name string, dir, path, toDir, toPath int) where {
	return where{name: name, dir: dir, path: path, toDir: toDir, toPath: toPath, fd: -1, flags: -1}
}

func byFile(name string, fd int) where {
	return where{name: name, path: -1, toPath: -1, fd: fd, flags: -1}
}

func opening(dir, path, flags int) where {
	return where{name: "open", dir: dir, path: path, toPath: -1, fd: -1, flags: flags}
}

var watched = map[uint64]where{
	unix.SYS_OPEN:            opening(-1, 0, 1),
	unix.SYS_OPENAT:          opening(0, 1, 2),
	unix.SYS_CREAT:           byPath("create", -1, 0),
	unix.SYS_WRITE:           byFile("write", 0),
	unix.SYS_PWRITE64:        byFile("pwrite", 0),
	unix.SYS_WRITEV:          byFile("writev", 0),
	unix.SYS_PWRITEV:         byFile("pwritev", 0),
	unix.SYS_FSYNC:           byFile("fsync", 0),
	unix.SYS_FDATASYNC:       byFile("fsync", 0),
	unix.SYS_FTRUNCATE:       byFile("ftruncate", 0),
	unix.SYS_TRUNCATE:        byPath("truncate", -1, 0),
	unix.SYS_FALLOCATE:       byFile("fallocate", 0),
	unix.SYS_FCHMOD:          byFile("chmod", 0),
	unix.SYS_CHMOD:           byPath("chmod", -1, 0),
	unix.SYS_FCHMODAT:        byPath("chmod", 0, 1),
	unix.SYS_UTIMENSAT:       byPath("utimes", 0, 1),
	unix.SYS_COPY_FILE_RANGE: byFile("copy", 2),
	unix.SYS_SENDFILE:        byFile("copy", 0),
	unix.SYS_SPLICE:          byFile("copy", 2),
	unix.SYS_RENAME:          byPaths("rename", -1, 0, -1, 1),
	unix.SYS_RENAMEAT:        byPaths("rename", 0, 1, 2, 3),
	unix.SYS_RENAMEAT2:       byPaths("rename", 0, 1, 2, 3),
	unix.SYS_LINK:            byPaths("link", -1, 0, -1, 1),
	unix.SYS_LINKAT:          byPaths("link", 0, 1, 2, 3),
	unix.SYS_SYMLINK:         byPath("symlink", -1, 1),
	unix.SYS_SYMLINKAT:       byPath("symlink", 1, 2),
	unix.SYS_UNLINK:          byPath("unlink", -1, 0),
	unix.SYS_UNLINKAT:        byPath("unlink", 0, 1),
	unix.SYS_RMDIR:           byPath("rmdir", -1, 0),
	unix.SYS_MKDIR:           byPath("mkdir", -1, 0),
	unix.SYS_MKDIRAT:         byPath("mkdir", 0, 1),
	unix.SYS_MKNODAT:         byPath("mknod", 0, 1),
}

// decode returns nil for a call that is not watched.
func decode(tid int, nr uint64, args [6]uint64) *Call {
	w, ok := watched[nr]
	if !ok {
		return nil
	}
	c := &Call{Name: w.name, nr: nr, tid: tid, Args: args}
	if w.flags >= 0 && args[w.flags]&(unix.O_CREAT|unix.O_TRUNC) != 0 {
		c.Name = "create"
	}
	if nr == unix.SYS_UNLINKAT && args[2]&unix.AT_REMOVEDIR != 0 {
		c.Name = "rmdir"
	}
	if w.fd >= 0 {
		c.Path = link(tid, fmt.Sprintf("fd/%d", int32(args[w.fd])))
	} else {
		c.Path = c.resolve(w.dir, w.path)
	}
	if w.toPath >= 0 {
		c.Other = c.resolve(w.toDir, w.toPath)
	}
	c.Pid = group(tid)
	return c
}

// resolve makes a path argument absolute.
func (c *Call) resolve(dir, path int) string {
	name := c.text(c.Args[path])
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	base := "cwd"
	if dir >= 0 && int32(c.Args[dir]) != unix.AT_FDCWD {
		base = fmt.Sprintf("fd/%d", int32(c.Args[dir]))
	}
	if name == "" {
		return link(c.tid, base)
	}
	return filepath.Join(link(c.tid, base), name)
}

func link(tid int, name string) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/%s", tid, name))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(path, " (deleted)")
}

// text reads a string of the traced process.
func (c *Call) text(at uint64) string {
	var out []byte
	for len(out) < unix.PathMax {
		part := c.Bytes(at+uint64(len(out)), 64-int(at+uint64(len(out)))%64) // never over the end of a page
		for i, b := range part {
			if b == 0 {
				return string(append(out, part[:i]...))
			}
		}
		if len(part) == 0 {
			break
		}
		out = append(out, part...)
	}
	return string(out)
}

// Bytes reads memory of the traced process.
func (c *Call) Bytes(at uint64, n int) []byte {
	if n == 0 {
		return nil
	}
	buf := make([]byte, n)
	got, err := unix.ProcessVMReadv(c.tid, []unix.Iovec{{Base: &buf[0], Len: uint64(n)}}, []unix.RemoteIovec{{Base: uintptr(at), Len: n}}, 0)
	if err != nil {
		return nil
	}
	return buf[:got]
}

// group is the process of a thread.
func group(tid int) int {
	if pid := statusField(tid, "Tgid"); pid != 0 {
		return pid
	}
	return tid
}

// statusField is a number that the kernel tells of a thread, 0 for none.
func statusField(tid int, name string) int {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), "\n"+name+":")
	n := 0
	fmt.Sscan(rest, &n)
	return n
}

// File is the descriptor of a call on an open file.
func (c *Call) File() int { return int(int32(c.Args[watched[c.nr].fd])) }

// Truncates tells whether an opening cut a file down to nothing.
func (c *Call) Truncates() bool {
	w := watched[c.nr]
	return c.nr == unix.SYS_CREAT || w.flags >= 0 && c.Args[w.flags]&unix.O_TRUNC != 0
}
