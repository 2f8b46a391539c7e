package sandbox

import (
	"slices"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// denied are the system calls that no job may make: EPERM. So are those that the filter's library does not know by name.
var denied = []string{
	// other processes, from within
	"ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "process_madvise", "process_mrelease",
	"migrate_pages", "move_pages", "perf_event_open", "bpf", "userfaultfd",
	// file systems and namespaces
	"mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick",
	"mount_setattr", "statmount", "listmount", "unshare", "setns", "name_to_handle_at", "open_by_handle_at", "lookup_dcookie",
	"fanotify_init", "quotactl", "quotactl_fd", "swapon", "swapoff", "nfsservctl", "sysfs", "ustat", "uselib",
	// keys
	"add_key", "request_key", "keyctl",
	// the machine
	"acct", "adjtimex", "clock_adjtime", "clock_adjtime64", "clock_settime", "clock_settime64", "settimeofday", "stime", "sethostname",
	"setdomainname", "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "get_kernel_syms",
	"query_module", "syslog", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "vhangup", "pciconfig_iobase", "pciconfig_read",
	"pciconfig_write", "_sysctl", "bdflush", "lsm_set_self_attr",
}

// absent are those whose callers know what to do where there are none: ENOSYS. clone3 has its flags where a filter cannot
// see them; the others hold memory that is on no account.
var absent = []string{"clone3", "io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_create", "memfd_secret", "shmget", "shmat",
	"shmctl", "shmdt"}

// namespaces are the flags of clone that make new ones.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID |
	unix.CLONE_NEWNET

// filter has the kernel refuse system calls to this thread, and so to the program that it starts. Of another architecture (a
// 32-bit program) it refuses all.
func filter(s *Spec) error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	p := policy(info, s.HostNet)
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Policy: p})
}

func policy(info *arch.Info, net bool) seccomp.Policy {
	if1 := func(name string, conditions ...seccomp.Condition) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: conditions}
	}
	arg := func(n uint32, op seccomp.Operation, value uint64) seccomp.Condition {
		return seccomp.Condition{Argument: n, Operation: op, Value: value}
	}
	// The request of ioctl is 32 bits to the kernel and 64 to the filter: what has others above them is only let through as
	// a C library extends a negative number.
	typed := []seccomp.Condition{arg(1, seccomp.NotEqual, unix.TIOCSTI), arg(1, seccomp.NotEqual, unix.TIOCLINUX)}
	some := []seccomp.NameWithConditions{
		if1("clone", arg(0, seccomp.BitsNotSet, namespaces)),
		if1("ioctl", append(typed, arg(1, seccomp.LessOrEqual, 0xffffffff))...),
		if1("ioctl", arg(1, seccomp.GreaterOrEqual, 0xffffffff80000000)),
		if1("personality", arg(0, seccomp.Equal, 0)), if1("personality", arg(0, seccomp.Equal, 0xffffffff)),
		if1("socket", arg(0, seccomp.Equal, unix.AF_UNIX)), if1("socket", arg(0, seccomp.Equal, unix.AF_INET)),
		if1("socket", arg(0, seccomp.Equal, unix.AF_INET6)),
	}
	if net { // libraries ask by this one which addresses the machine has
		some = append(some, if1("socket", arg(0, seccomp.Equal, unix.AF_NETLINK), arg(2, seccomp.Equal, unix.NETLINK_ROUTE)))
	}
	var free []string
	for name := range info.SyscallNames {
		if !slices.Contains(denied, name) && !slices.Contains(absent, name) && !slices.ContainsFunc(some, func(c seccomp.NameWithConditions) bool { return c.Name == name }) {
			free = append(free, name)
		}
	}
	known := func(list []string) (names []string) {
		for _, name := range list {
			if _, ok := info.SyscallNames[name]; ok {
				names = append(names, name)
			}
		}
		return names
	}
	slices.Sort(free)
	return seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: []seccomp.SyscallGroup{
		{Names: known(absent), Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS)},
		{Names: free, NamesWithCondtions: some, Action: seccomp.ActionAllow},
	}}
}
