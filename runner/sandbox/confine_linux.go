package sandbox

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// rename gives the job's machine a name that tells nothing.
func rename(*Spec) error { return unix.Sethostname([]byte("jitos")) }

// loopback brings up the one interface of a new network.
func loopback(s *Spec) error {
	if s.HostNet {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	return nil
}

// forget has the program inherit no descriptor but the standard ones.
func forget(*Spec) error { return unix.CloseRange(3, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC) }

// limit sets what the kernel itself holds. Of root's processes it does not hold the number: see watch.
func limit(s *Spec) error {
	set := func(what int, most uint64) error {
		if most == 0 {
			return nil
		}
		var now syscall.Rlimit
		if err := syscall.Getrlimit(what, &now); err != nil {
			return err
		}
		most = min(most, now.Max)
		return syscall.Setrlimit(what, &syscall.Rlimit{Cur: most, Max: most})
	}
	l := s.Limits
	core := syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{})
	err := errors.Join(core, set(unix.RLIMIT_NOFILE, uint64(l.Files)), set(unix.RLIMIT_FSIZE, uint64(l.File)),
		set(unix.RLIMIT_CPU, uint64((l.CPU+time.Second-1)/time.Second)))
	if s.Userns { // there it counts the processes of this namespace alone (since Linux 5.14)
		err = errors.Join(err, set(unix.RLIMIT_NPROC, uint64(l.Processes)))
	}
	return err
}

// drop lets go of every capability, for good.
func drop(*Spec) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break // the last one was dropped
		}
		if err != nil {
			return err
		}
	}
	const locked = 0x3f // NOROOT, NO_SETUID_FIXUP, KEEP_CAPS off and all three locked: to be user 0 gives nothing
	if err := unix.Prctl(unix.PR_SET_SECUREBITS, locked&^0x10, 0, 0, 0); err != nil {
		return err
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&head, &none[0]); err != nil {
		return err
	}
	return nil
}
