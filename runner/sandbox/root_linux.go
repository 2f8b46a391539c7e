package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// old is where the machine's root is seen while the job's is made.
const old = "/.machine"

// scratch are the directories of the job's own memory, and how much each may hold. They count as memory of the job's.
var scratch = []struct{ path, options string }{
	{"/tmp", "mode=1777,size=1g"}, {"/var/tmp", "mode=1777,size=256m"}, {"/dev/shm", "mode=1777,size=256m"},
}

// newRoot gives this process a root that holds what the Spec names.
func newRoot(s *Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	if err := pivot(); err != nil {
		return err
	}
	v := &view{seen: map[string]bool{}}
	for _, p := range s.System {
		v.show(p, true)
	}
	v.holds = s.Held
	for _, d := range scratch {
		if d.path != "/dev/shm" {
			v.tmpfs(d.path, d.options)
		}
	}
	v.devices()
	v.tmpfs("/dev/shm", scratch[2].options)
	for _, p := range s.Hide {
		if v.covered(p) && isDir(old+p) {
			v.tmpfs(p, "mode=755,size=1m")
		}
	}
	for _, p := range s.Read {
		v.show(p, true)
	}
	for _, p := range s.Write {
		v.holds = !s.mayRun(p)
		v.need(v.show(p, false), p)
	}
	for _, o := range s.Lay {
		v.holds = !s.mayRun(o.On)
		v.overlay(o, old)
	}
	for _, p := range s.Cover {
		v.cover(p)
	}
	v.proc(s)
	v.mkdir("/run") // there, and with nothing else in it
	v.memory(s.Memory)
	if v.err != nil {
		return v.err
	}
	if err := unix.Unmount(old, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the machine's root: %w", err)
	}
	if err := os.Remove(old); err != nil {
		return err
	}
	for _, p := range append(v.hidden, "/") {
		if err := unix.MountSetattr(unix.AT_FDCWD, p, 0, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("make %s read only: %w", p, err)
		}
	}
	return nil
}

// pivot makes an empty directory in memory the root, the machine's in old.
func pivot() error {
	base := "/tmp"
	if !isDir(base) {
		base = "/dev" // every system has this one
	}
	if err := unix.Mount("tmpfs", base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=4m"); err != nil {
		return fmt.Errorf("a root in memory: %w", err)
	}
	if err := os.Mkdir(base+old, 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(base, base+old); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	return os.Chdir("/")
}

// view is a root in the making. The first error stays.
type view struct {
	seen   map[string]bool // what is shown, with all beneath it; false for what was hidden in that
	hidden []string        // to be made read only in the end
	holds  bool            // nothing of what can be written may be run
	err    error
}

// noexec is a flag of mounts: 0 where what is written may be run.
func (v *view) noexec() uintptr {
	if v.holds {
		return unix.MS_NOEXEC
	}
	return 0
}

func (v *view) need(there bool, p string) {
	if !there && v.err == nil {
		v.err = fmt.Errorf("%s is not there", p)
	}
}

func (v *view) fail(what string, err error) {
	if err != nil && v.err == nil {
		v.err = fmt.Errorf("%s: %w", what, err)
	}
}

// covered tells whether a path lies in something that is shown.
func (v *view) covered(p string) bool {
	for ; p != "/"; p = filepath.Dir(p) {
		if seen, ok := v.seen[p]; ok {
			return seen
		}
	}
	return false
}

// show shows a path of the machine under its own name. Links on the way are made anew, and what they lead to is shown as well.
// It returns false where there is no such path.
func (v *view) show(p string, readOnly bool) bool {
	return v.follow(p, readOnly, 0)
}

func (v *view) follow(p string, readOnly bool, links int) bool {
	if links > 40 || readOnly && v.covered(p) {
		return links <= 40
	}
	at := ""
	parts := strings.Split(strings.Trim(p, "/"), "/")
	for i, part := range parts {
		at += "/" + part
		info, err := os.Lstat(old + at)
		if err != nil {
			return false
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := os.Readlink(old + at)
		if err != nil {
			return false
		}
		if !v.covered(at) {
			v.mkdir(filepath.Dir(at))
			if err := os.Symlink(target, at); err != nil && !errors.Is(err, fs.ErrExist) {
				v.fail("link "+at, err)
			}
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(at), target)
		}
		return v.follow(filepath.Join(append([]string{target}, parts[i+1:]...)...), readOnly, links+1)
	}
	v.bind(p, readOnly)
	return true
}

// bind shows a file or directory that no link leads to.
func (v *view) bind(p string, readOnly bool) {
	if v.err != nil {
		return
	}
	if isDir(old + p) {
		v.mkdir(p)
	} else {
		v.touch(p)
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, old+p, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		v.fail("show "+p, err)
		return
	}
	defer unix.Close(tree)
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV}
	switch {
	case readOnly:
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	case v.holds:
		attr.Attr_set |= unix.MOUNT_ATTR_NOEXEC
	}
	if strings.HasPrefix(p, "/dev/") {
		attr.Attr_set &^= unix.MOUNT_ATTR_NODEV
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attr); err != nil {
		v.fail("show "+p, err)
		return
	}
	v.fail("show "+p, unix.MoveMount(tree, "", unix.AT_FDCWD, p, unix.MOVE_MOUNT_F_EMPTY_PATH))
	v.seen[p] = true
}

func (v *view) mkdir(p string) { v.fail("make "+p, os.MkdirAll(p, 0o755)) }

func (v *view) touch(p string) {
	if _, err := os.Lstat(p); err == nil {
		return
	}
	v.mkdir(filepath.Dir(p))
	fd, err := unix.Open(p, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644) // package os would start its poller
	v.fail("make "+p, err)
	if err == nil {
		_ = unix.Close(fd)
	}
}

// tmpfs shows an empty directory in memory. What is shown in it later is shown as if nothing had been there.
func (v *view) tmpfs(p, options string) {
	if v.err != nil {
		return
	}
	v.mkdir(p)
	v.fail("memory on "+p, unix.Mount("tmpfs", p, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|v.noexec(), options))
	v.seen[p] = false
	if strings.HasPrefix(options, "mode=755") {
		v.hidden = append(v.hidden, p)
	}
}

// memory puts files where nothing but memory is behind them.
func (v *view) memory(files map[string]string) {
	if len(files) == 0 {
		return
	}
	v.tmpfs(MemoryDir, "mode=755,size=1m")
	for name, content := range files {
		if v.err == nil {
			v.fail("write "+name, os.WriteFile(filepath.Join(MemoryDir, name), []byte(content), 0o400))
		}
	}
}

// nothing is the file that is shown in place of those that are covered: its mode lets nobody at it, and being read only keeps that.
const nothing = "/.nothing"

// cover hides what is at a path: a directory is empty, a file cannot be opened. A link stays.
func (v *view) cover(p string) {
	info, err := os.Lstat(p)
	switch {
	case v.err != nil || err != nil:
	case info.IsDir():
		v.tmpfs(p, "mode=755,size=4k")
	case info.Mode().IsRegular():
		v.touch(nothing)
		v.fail("hide "+p, unix.Chmod(nothing, 0))
		v.fail("hide "+p, unix.Mount(nothing, p, "", unix.MS_BIND, ""))
		v.hidden = append(v.hidden, p)
	}
}

func (v *view) devices() {
	v.mkdir("/dev")
	for _, name := range []string{"null", "zero", "full", "random", "urandom"} {
		v.need(v.show("/dev/"+name, false), "/dev/"+name)
	}
	for name, target := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
		"stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"} {
		v.fail("link /dev/"+name, os.Symlink(target, "/dev/"+name))
	}
	v.mkdir("/dev/pts")
	v.fail("terminals", unix.Mount("devpts", "/dev/pts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"))
}

// proc shows the processes of the job's own namespace.
func (v *view) proc(s *Spec) {
	v.mkdir("/proc")
	if s.Without.has(Pid) { // of others' processes only those who may look at them all may make a new one
		if v.bind("/proc", true); v.err == nil {
			return
		}
	}
	v.fail("mount /proc", unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, ""))
}

// overlay mounts one. Volatile: nothing is synced, neither for the job nor when it ends, which would wait for every dirty page
// of the disk. What a crash of the machine leaves of a job is never looked at. The mark forbids to mount it twice.
func (v *view) overlay(o Overlay, below string) {
	if v.err != nil {
		return
	}
	lower := make([]string, len(o.Lower))
	for i, l := range o.Lower {
		lower[i] = below + l
	}
	options := "lowerdir=" + strings.Join(lower, ":") + ",userxattr"
	flags := unix.MS_NOSUID | unix.MS_NODEV | v.noexec()
	if o.Upper == "" {
		flags |= unix.MS_RDONLY
	} else {
		_ = os.RemoveAll(filepath.Join(below+o.Work, "work", "incompat", "volatile")) // the kernel leaves a file in it
		options += ",upperdir=" + below + o.Upper + ",workdir=" + below + o.Work + ",volatile"
	}
	if below != "" && !isDir(o.On) {
		v.mkdir(o.On)
	}
	v.fail("overlay on "+o.On, unix.Mount("overlay", o.On, "overlay", flags, options))
	v.seen[o.On] = true
}

// bareMounts shows the overlays in this mount namespace alone, and hides what lies below them: a job that wrote there would
// write into what other jobs start from.
func bareMounts(s *Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	v := &view{seen: map[string]bool{}}
	for _, o := range s.Lay {
		v.overlay(o, "")
	}
	for _, dir := range s.Hide {
		if v.err == nil && isDir(dir) {
			v.fail("hide "+dir, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=4k,mode=555"))
		}
	}
	return v.err
}

func isDir(p string) bool {
	info, err := os.Lstat(p)
	return err == nil && info.IsDir()
}
