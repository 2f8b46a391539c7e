package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pace is the time between two looks at the processes of a job.
const pace = 25 * time.Millisecond

// watch holds the limits that the kernel holds for no ordinary user's group of processes: their number and their memory.
type watch struct {
	limits Limits
	others bool // the processes seen are the job's alone
	limit  atomic.Pointer[string]
}

// broken is the limit that the job was killed for, "" for none.
func (w *watch) broken() string {
	if what := w.limit.Load(); what != nil {
		return *what
	}
	return ""
}

// signal sends a signal to every process of the job, in one step of the kernel's, so that none can fork away from it.
func (w *watch) signal(sig syscall.Signal) {
	if w.others && os.Getpid() == 1 { // else it would be to every process of the user's
		_ = unix.Kill(-1, sig)
	}
}

// keep looks until the job went beyond a limit, then kills it, and goes on, as it may have forked meanwhile.
func (w *watch) keep() {
	if !w.others || os.Getpid() != 1 || w.limits.Processes == 0 && w.limits.Memory == 0 && w.limits.Written == 0 {
		return
	}
	proc, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	buf := make([]byte, 64<<10)
	for {
		time.Sleep(pace)
		if what := w.look(proc, buf); what != "" {
			w.limit.CompareAndSwap(nil, &what)
			w.signal(syscall.SIGKILL)
		}
	}
}

// look adds up what the processes hold. What two of them share and no file backs is counted once for each.
func (w *watch) look(proc int, buf []byte) string {
	if _, err := unix.Seek(proc, 0, 0); err != nil {
		return ""
	}
	processes, memory, wrote := 0, int64(0), int64(0)
	for {
		n, err := unix.ReadDirent(proc, buf)
		if err != nil || n <= 0 {
			break
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			pid, err := strconv.Atoi(name)
			if err == nil && w.limits.Written > 0 {
				wrote += written(name) // the first has that of the orphans that it reaped
			}
			if err == nil && pid > 1 {
				processes++
				if w.limits.Memory > 0 {
					memory += anonymous(name)
				}
			}
		}
	}
	if w.limits.Memory > 0 {
		for _, d := range scratch {
			var st unix.Statfs_t
			if unix.Statfs(d.path, &st) == nil && st.Type == unix.TMPFS_MAGIC {
				memory += int64(st.Blocks-st.Bfree) * st.Bsize
			}
		}
	}
	switch {
	case w.limits.Processes > 0 && processes > w.limits.Processes:
		return fmt.Sprintf("more than %d processes at once", w.limits.Processes)
	case w.limits.Memory > 0 && memory > w.limits.Memory:
		return fmt.Sprintf("more than %d MB of memory", w.limits.Memory>>20)
	case w.limits.Written > 0 && wrote > w.limits.Written:
		return fmt.Sprintf("more than %d MB written", w.limits.Written>>20)
	}
	return ""
}

// written is what a process and those that it reaped have written to disks, in bytes: what they made dirty, less what was deleted
// before it went there.
func written(pid string) int64 {
	fd, err := unix.Open("/proc/"+pid+"/io", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var raw [1024]byte
	n, _ := unix.Read(fd, raw[:])
	total := int64(0)
	for line := range bytes.Lines(raw[:max(n, 0)]) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		count, _ := strconv.ParseInt(string(value), 10, 64)
		switch string(key) {
		case "write_bytes":
			total += count
		case "cancelled_write_bytes":
			total -= count
		}
	}
	return total
}

// anonymous is the memory of a process that no file backs, in bytes, and what it has swapped out.
func anonymous(pid string) int64 {
	fd, err := unix.Open("/proc/"+pid+"/status", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var raw [4096]byte
	n, _ := unix.Read(fd, raw[:])
	total := int64(0)
	for _, field := range []string{"\nRssAnon:", "\nRssShmem:", "\nVmSwap:"} {
		i := bytes.Index(raw[:max(n, 0)], []byte(field))
		if i < 0 {
			continue
		}
		words := bytes.Fields(raw[i+len(field) : n])
		if len(words) > 0 {
			kb, _ := strconv.ParseInt(string(words[0]), 10, 64)
			total += kb << 10
		}
	}
	return total
}
