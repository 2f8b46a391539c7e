package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock is spoken to by its three system calls. go-landlock, the library for it, restricts all threads of a program, for which
// it brings libpsx, and with it cgo and the C library, into every start of this program: half of the time that a start takes.
// Here one thread is enough: the one that starts the job.

// What may be done with a file, with a directory too, and with both where all is allowed.
const (
	readFile  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
	writeFile = readFile | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	readDir   = readFile | unix.LANDLOCK_ACCESS_FS_READ_DIR
	all       = 1<<17 - 1
)

// handled are the rights that a version of Landlock knows, from the second on: with the first a file could not be moved from one
// directory to another. All that it knows are restricted. Ports are left to the network namespace.
func handled(version int) unix.LandlockRulesetAttr {
	var a unix.LandlockRulesetAttr
	for since, rights := range map[int]uint64{2: 1<<14 - 1, 3: 1<<15 - 1, 5: 1<<16 - 1, 9: 1<<17 - 1} {
		if version >= since {
			a.Handled_access_fs |= rights
		}
	}
	if version >= 6 {
		a.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return a
}

// restrict has Landlock allow what the Spec names, and nothing else in any file system. It holds for this thread, and so for the
// program that it starts.
func restrict(s *Spec) error {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return fmt.Errorf("the kernel has no Landlock, or it is not enabled: %w", errno)
	}
	if version < 2 {
		return fmt.Errorf("version %d of Landlock is too old, 2 is needed (Linux 5.19)", version)
	}
	attr := handled(int(version))
	size := unsafe.Sizeof(attr.Handled_access_fs) // what older versions take, as they know no other field
	if version >= 6 {
		size = unsafe.Offsetof(attr.Scoped) + unsafe.Sizeof(attr.Scoped)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return fmt.Errorf("make a rule set: %w", errno)
	}
	defer unix.Close(int(fd))
	r := &ruleset{fd: int(fd), handled: attr.Handled_access_fs}
	shown := append(append([]string{"/etc", "/proc"}, outsideEtc(s.System)...), s.Read...)
	if s.Held {
		r.holds = true
		r.run(s.Programs)
		r.allow(unix.LANDLOCK_ACCESS_FS_READ_DIR, shown...)
		shown = beside(shown, slices.Concat(programDirs, s.ProgramDirs))
	}
	r.allow(readDir, shown...)
	r.allow(readDir, MemoryDir)
	r.allow(all, "/dev/pts")
	r.allow(unix.LANDLOCK_ACCESS_FS_READ_DIR, "/dev")
	r.allow(writeFile, "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
	for _, d := range scratch {
		r.allow(all, d.path)
	}
	r.allow(all, s.Write...)
	for _, o := range s.Lay {
		if o.Upper == "" {
			r.allow(readDir, o.On)
		} else {
			r.allow(all, o.On)
		}
	}
	if r.err != nil {
		return r.err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("enforce the rules: %w", errno)
	}
	return nil
}

// outsideEtc leaves out what lies in /etc, which as a whole holds only what is shown.
func outsideEtc(list []string) (rest []string) {
	for _, p := range list {
		if !strings.HasPrefix(p, "/etc/") {
			rest = append(rest, p)
		}
	}
	return rest
}

// ruleset is one in the making. The first error stays.
type ruleset struct {
	fd      int
	handled uint64
	holds   bool // what may be read or written may not be executed
	err     error
}

// run adds what may be executed, and so read.
func (r *ruleset) run(programs []string) {
	held := r.holds
	r.holds = false
	r.allow(readDir, programs...)
	r.holds = held
}

// allow adds rights beneath paths, those for directories only where one is. What is not there is left out.
func (r *ruleset) allow(rights uint64, paths ...string) {
	for _, p := range paths {
		fd, err := unix.Open(p, unix.O_PATH|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			r.fail(p, err)
			continue
		}
		allowed := rights & r.handled
		if r.holds {
			allowed &^= unix.LANDLOCK_ACCESS_FS_EXECUTE
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
			allowed &= writeFile
		}
		if allowed == 0 { // which the kernel takes for a mistake
			_ = unix.Close(fd)
			continue
		}
		beneath := unix.LandlockPathBeneathAttr{Allowed_access: allowed, Parent_fd: int32(fd)}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH,
			uintptr(unsafe.Pointer(&beneath)), 0, 0, 0)
		if errno != 0 {
			r.fail(p, errno)
		}
		_ = unix.Close(fd)
	}
}

func (r *ruleset) fail(p string, err error) {
	if r.err == nil {
		r.err = &os.PathError{Op: "allow", Path: p, Err: err}
	}
}
