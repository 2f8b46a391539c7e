package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outside is what the probes try to reach.
type outside struct {
	Dir      string // the user's: a home with secrets, a repository, a socket
	In       string // the job's own directory
	Pid      int    // a process of the user's
	Parent   int    // the one that started the sandbox
	TCP, UDP string
	Abstract string
	Shm      uintptr // a segment of shared memory
	Queue    string  // a message queue
	Host     string  // the machine's name
	Leak     bool
}

var errHeld = errors.New("held")

// held turns an outcome into that of a probe: nil says that it got out.
func held(out bool) error {
	if out {
		return nil
	}
	return errHeld
}

func errno(call uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	_, _, e := unix.Syscall6(call, a[0], a[1], a[2], a[3], a[4], a[5])
	if e != 0 {
		return e
	}
	return nil
}

func cstring(s string) uintptr {
	p, _ := unix.BytePtrFromString(s)
	kept = append(kept, p)
	return uintptr(unsafe.Pointer(p))
}

var kept []*byte

func read(p string) error {
	_, err := os.ReadFile(p)
	return err
}

// probe is one way out. Alone is one that, where it succeeds, changes the process that tries it.
type probe struct {
	name  string
	try   func(o outside) error // nil: it got out
	alone bool
}

// probes are tried from inside. Those whose success only the outside can tell are in outsideProbes.
var probes = []probe{
	{name: "read ~/.ssh", try: func(o outside) error { return read(o.Dir + "/.ssh/id") }},
	{name: "list the home", try: func(o outside) error { _, err := os.ReadDir(o.Dir); return err }},
	{name: "learn of a file in the home", try: func(o outside) error { _, err := os.Lstat(o.Dir + "/.ssh/id"); return err }},
	{name: "read a repository", try: func(o outside) error { return read(o.Dir + "/repo/.git/config") }},
	{name: "write outside", try: func(o outside) error { return os.WriteFile(o.Dir+"/written", nil, 0o600) }},
	{name: "append outside", try: func(o outside) error {
		f, err := os.OpenFile(o.Dir+"/.profile", os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("evil\n")
			_ = f.Close()
		}
		return err
	}},
	{name: "truncate outside", try: func(o outside) error { return os.Truncate(o.Dir+"/truncate", 0) }},
	{name: "change the mode outside", try: func(o outside) error { return os.Chmod(o.Dir+"/mode", 0o777) }},
	{name: "follow a link out", try: func(o outside) error {
		_ = os.Symlink(o.Dir+"/.ssh/id", o.In+"/link")
		return read(o.In + "/link")
	}},
	{name: "hard link a secret in", try: func(o outside) error { return os.Link(o.Dir+"/.ssh/id", o.In+"/hard") }},
	{name: "climb by ..", try: func(o outside) error { return read(o.In + "/../../../../../../.." + o.Dir + "/.ssh/id") }},
	{name: "the root of process 1", try: func(o outside) error { return read("/proc/1/root" + o.Dir + "/.ssh/id") }},
	{name: "the directory of process 1", try: func(o outside) error { return read("/proc/1/cwd" + o.Dir + "/.ssh/id") }},
	{name: "see a process", try: func(o outside) error { return read(fmt.Sprintf("/proc/%d/cmdline", o.Pid)) }},
	{name: "the environment of a process", try: func(o outside) error { return read(fmt.Sprintf("/proc/%d/environ", o.Parent)) }},
	{name: "the environment of the starter, inherited", try: func(o outside) error {
		for _, v := range os.Environ() {
			if strings.HasPrefix(v, "PROBE_SECRET=") {
				return nil
			}
		}
		raw, _ := os.ReadFile("/proc/1/environ")
		return held(strings.Contains(string(raw), "PROBE_SECRET="))
	}},
	{name: "signal a process", try: func(o outside) error { return unix.Kill(o.Pid, 0) }},
	{name: "trace a process", try: func(o outside) error {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := unix.PtraceSeize(o.Pid)
		if err == nil {
			_ = unix.PtraceDetach(o.Pid)
		}
		return err
	}},
	{name: "trace a process of the job's", try: func(o outside) error {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := unix.PtraceSeize(os.Getppid())
		if err == nil {
			_ = unix.PtraceDetach(os.Getppid())
		}
		return err
	}},
	{name: "read the memory of a process", try: func(o outside) error {
		var b [8]byte
		local := []unix.Iovec{{Base: &b[0], Len: 8}}
		_, err := unix.ProcessVMReadv(o.Pid, local, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
		if errors.Is(err, unix.EFAULT) {
			return nil // it was let at it
		}
		return err
	}},
	{name: "take a descriptor of a process", try: func(o outside) error {
		fd, err := unix.PidfdOpen(o.Pid, 0)
		if err != nil {
			return err
		}
		_, err = unix.PidfdGetfd(fd, 0, 0)
		return err
	}},
	{name: "slow a process", try: func(o outside) error { return unix.Setpriority(unix.PRIO_PROCESS, o.Pid, 10) }},
	{name: "a descriptor left open", try: func(o outside) error {
		for fd := 3; fd < 64; fd++ {
			if n, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil && n == o.Dir {
				if f, err := unix.Openat(fd, ".ssh/id", unix.O_RDONLY, 0); err == nil {
					_ = unix.Close(f)
					return nil
				}
			}
			if f, err := unix.Openat(fd, ".ssh/id", unix.O_RDONLY, 0); err == nil {
				_ = unix.Close(f)
				return nil
			}
		}
		return errHeld
	}},
	{name: "read the machine's passwords", try: func(o outside) error { return read("/etc/shadow") }},
	{name: "write a kernel setting", try: func(o outside) error {
		f, err := os.OpenFile("/proc/sys/kernel/core_pattern", os.O_WRONLY, 0) // opened, and not written
		if err == nil {
			_ = f.Close()
		}
		return err
	}},
	{name: "look around in /sys", try: func(o outside) error { _, err := os.ReadDir("/sys"); return err }},
	{name: "write to the system", try: func(o outside) error {
		p := "/usr/local/jitos-probe"
		err := os.WriteFile(p, nil, 0o600)
		_ = os.Remove(p)
		return err
	}},
	{name: "read the kernel's log", try: func(o outside) error {
		var b [16]byte
		return errno(unix.SYS_SYSLOG, 3, uintptr(unsafe.Pointer(&b[0])), 16)
	}},
	{name: "make a device", try: func(o outside) error {
		return unix.Mknod(filepath.Join(o.In, "disk"), unix.S_IFBLK|0o600, int(unix.Mkdev(254, 0)))
	}},
	{name: "connect by TCP", try: func(o outside) error { return dial("tcp", o.TCP) }},
	{name: "connect to an address of the world", try: func(o outside) error { return dial("tcp", "93.184.216.34:80") }},
	{name: "connect to the metadata of a cloud", try: func(o outside) error { return dial("tcp", "169.254.169.254:80") }},
	{name: "ask a name server", try: func(o outside) error { _, err := net.LookupHost("example.com"); return err }},
	{name: "connect to a socket by its path", try: func(o outside) error { return dial("unix", o.Dir+"/socket") }},
	{name: "connect to an abstract socket", try: func(o outside) error { return dial("unix", o.Abstract) }},
	{name: "a vsock", try: func(o outside) error { return socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) }},
	{name: "a netlink socket", try: func(o outside) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE) }},
	{name: "a packet socket", try: func(o outside) error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) }},
	{name: "a cipher socket", try: func(o outside) error { return socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) }},
	{name: "io_uring", try: func(o outside) error {
		var params [120]byte
		err := errno(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params[0])))
		return err
	}},
	{name: "the keyring", try: func(o outside) error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); return err }},
	{name: "add a key", try: func(o outside) error {
		_, err := unix.AddKey("user", "jitos-probe", []byte("x"), unix.KEY_SPEC_SESSION_KEYRING)
		return err
	}},
	{name: "userfaultfd", try: func(o outside) error { return errno(unix.SYS_USERFAULTFD, 1) }},
	{name: "bpf", try: func(o outside) error {
		var attr [64]byte
		attr[0], attr[4], attr[8], attr[12] = 2, 4, 4, 1 // an array of one
		return errno(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&attr[0])), 64)
	}},
	{name: "performance counters", try: func(o outside) error {
		attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{})), Bits: unix.PerfBitExcludeKernel}
		_, err := unix.PerfEventOpen(&attr, 0, -1, -1, 0)
		return err
	}},
	{name: "shared memory of others", try: func(o outside) error {
		_, _, e := unix.Syscall(unix.SYS_SHMAT, o.Shm, 0, unix.SHM_RDONLY)
		return held(e == 0)
	}},
	{name: "a message queue of others", try: func(o outside) error {
		return errno(unix.SYS_MQ_OPEN, cstring(o.Queue), unix.O_RDONLY)
	}},
	{name: "name the machine", try: func(o outside) error { return unix.Sethostname([]byte(o.Host)) }},
	{name: "learn the machine's name", try: func(o outside) error { h, _ := os.Hostname(); return held(h == o.Host) }},
	{name: "mount", try: func(o outside) error {
		err := unix.Mount("tmpfs", o.In, "tmpfs", 0, "")
		if err == nil {
			_ = unix.Unmount(o.In, unix.MNT_DETACH)
		}
		return err
	}},
	{name: "make the root writable", try: func(o outside) error {
		if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return err
		}
		return held(true)
	}},
	{name: "open a tree of mounts", try: func(o outside) error {
		_, err := unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE)
		return err
	}},
	{name: "open a file by its handle", try: func(o outside) error {
		h := unix.NewFileHandle(1, make([]byte, 8))
		_, err := unix.OpenByHandleAt(unix.AT_FDCWD, h, unix.O_RDONLY)
		return held(err == nil || errors.Is(err, unix.ESTALE))
	}},
	{name: "type into a terminal", try: func(o outside) error {
		c := byte('x')
		e := errno(unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&c)))
		return held(!errors.Is(e, unix.EPERM))
	}},
	{name: "type, with a bit too many", try: func(o outside) error {
		c := byte('x')
		e := errno(unix.SYS_IOCTL, 0, 1<<32|unix.TIOCSTI, uintptr(unsafe.Pointer(&c)))
		return held(!errors.Is(e, unix.EPERM))
	}},
	{name: "gain rights by a program", try: func(o outside) error {
		n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		return held(err == nil && n == 0)
	}},
	{name: "give a file away", try: func(o outside) error {
		f := filepath.Join(o.In, "given")
		_ = os.WriteFile(f, nil, 0o600)
		return os.Chown(f, 12345, 12345)
	}},
	{name: "memory that is on no account", try: func(o outside) error { _, err := unix.MemfdCreate("x", 0); return err }},
	{name: "become another user", alone: true, try: func(o outside) error { return errno(unix.SYS_SETRESUID, 12345, 12345, 12345) }},
	{name: "a namespace of its own", alone: true, try: func(o outside) error { return unix.Unshare(unix.CLONE_NEWUSER) }},
	{name: "a mount namespace of its own", alone: true, try: func(o outside) error { return unix.Unshare(unix.CLONE_NEWNS) }},
	{name: "a namespace by clone3", alone: true, try: func(o outside) error {
		var args [11]uint64
		args[0], args[4] = unix.CLONE_NEWUSER, uint64(unix.SIGCHLD)
		pid, _, e := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args[0])), 88, 0)
		if e == 0 && pid == 0 {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return held(e == 0)
	}},
	{name: "enter a namespace", alone: true, try: func(o outside) error {
		fd, err := unix.Open("/proc/self/ns/uts", unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		return unix.Setns(fd, 0)
	}},
	{name: "change the root", alone: true, try: func(o outside) error { return unix.Chroot(o.In) }},
}

func dial(network, address string) error {
	c, err := net.DialTimeout(network, address, time.Second)
	if err == nil {
		_ = c.Close()
	}
	return err
}

func socket(domain, kind, proto int) error {
	fd, err := unix.Socket(domain, kind, proto)
	if err == nil {
		_ = unix.Close(fd)
	}
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.ESOCKTNOSUPPORT) {
		return errHeld // this kernel has none
	}
	return err
}

// outsideProbes do something of which only a look from outside tells whether it went out.
var outsideProbes = []probe{
	{name: "send by UDP", try: func(o outside) error {
		c, err := net.Dial("udp", o.UDP)
		if err == nil {
			_, err = c.Write([]byte("out"))
		}
		return err
	}},
	{name: "delete outside", try: func(o outside) error { return os.Remove(o.Dir + "/delete") }},
	{name: "move a file in", try: func(o outside) error { return os.Rename(o.Dir+"/move", o.In+"/moved") }},
	{name: "kill a process", try: func(o outside) error { return unix.Kill(o.Pid, syscall.SIGKILL) }},
	{name: "a daemon that survives", try: func(o outside) error {
		attr := &syscall.ProcAttr{Dir: "/", Files: []uintptr{}, Env: []string{}, Sys: &syscall.SysProcAttr{Setsid: true}}
		_, err := syscall.ForkExec("/bin/sleep", []string{"jitos-daemon", "86399"}, attr)
		return err
	}},
}
