package runner

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ownSession starts a command in a session of its own, and has its shell die when jitos does.
func ownSession() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// pipe makes a pipe that is read through the poller, and written by a child alone: its end of ours needs none.
func pipe() (read, write *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, errors.Join(os.NewSyscallError("fcntl", err), unix.Close(fds[0]), unix.Close(fds[1]))
	}
	return os.NewFile(uintptr(fds[0]), "|0"), os.NewFile(uintptr(fds[1]), "|1"), nil
}

// waitExited returns when the process has ended. It stays a zombie, so that its number is not given to another.
func waitExited(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}

// family is every process of a job. One belongs to it that is in the session of the job's leader, carries the job's mark
// in its environment, descends from one of those, or was left an orphan at work in the job's place. So a daemon that left
// its session and its parent is still found; one that also drops its environment and leaves the directory is not: only a
// sandbox holds that.
type family struct {
	place place
	reap  func() (ended, error) // waits for the leader

	mu     sync.Mutex // held while members are looked for and signalled, and while the leader's number is given back
	leader int        // 0 where it is not known: the job of a jitos that was killed, or a leader that was waited for
	began  time.Time  // when the leader was started
}

// killMarked kills what a job left running in a place.
func killMarked(p place) { (&family{place: p}).kill() }

// signal sends a signal to every process of the family, and returns how many there were.
func (f *family) signal(sig syscall.Signal) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, pid := range f.members() {
		p, err := os.FindProcess(pid) // holds on to this very process, whoever gets its number later
		if err != nil {
			continue
		}
		if sig != syscall.SIGKILL || f.alive(pid) {
			if p.Signal(sig) == nil {
				n++
			}
		}
		_ = p.Release()
	}
	return n
}

// kill kills until nobody is left: a process may fork while it is looked for. It gives up after some seconds on
// processes that the system cannot end (waiting for a dead network disk).
func (f *family) kill() {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if f.signal(syscall.SIGKILL) == 0 {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// collect waits for the leader; exited tells that it has ended already. Its number may be somebody else's from then on, so nobody
// is signalled meanwhile: whoever ends the job at that very moment must not find another's session in its place.
func (f *family) collect(exited bool) (ended, error) {
	if exited {
		f.mu.Lock()
		defer f.mu.Unlock()
		end, err := f.reap()
		f.leader = 0
		return end, err
	}
	end, err := f.reap()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader = 0
	return end, err
}

// process is what /proc tells of one.
type process struct {
	pid, parent, session int
	state                byte
	started              uint64 // in ticks since the machine was started
}

// kthreadd is the parent of all threads of the kernel, which are nobody's job.
const kthreadd = 2

func (f *family) alive(pid int) bool {
	p, ok := readProcess(pid)
	return ok && p.state != 'Z' && p.state != 'X'
}

// lone tells whether no process at all was started after the leader, which has ended: then it left none.
func (f *family) lone() bool {
	return f.leader != 0 && time.Since(f.began) < recent && lastProcess() == f.leader
}

// recent is a time in which no machine comes around to the same number of a process.
const recent = 100 * time.Millisecond

// candidates yields the numbers of processes that may belong to the family. Of a leader that was started just now these are the
// few that were given out since, for the kernel counts upwards; some are of threads, and of processes that are no more.
func (f *family) candidates(yield func(pid int) bool) {
	const few = 1000
	if last := lastProcess(); f.leader != 0 && time.Since(f.began) < recent && last >= f.leader && last-f.leader < few {
		for pid := f.leader; pid <= last && yield(pid); pid++ {
			if pid == last { // whoever was started while we looked comes as well
				last = lastProcess()
			}
		}
		return
	}
	names, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, n := range names {
		if pid, err := strconv.Atoi(n.Name()); err == nil && !yield(pid) {
			return
		}
	}
}

// lastProcess is the number that was given out last, the fifth field of /proc/loadavg; 0 where that is not known.
func lastProcess() int {
	raw, err := readProc(0, "loadavg")
	fields := strings.Fields(string(raw))
	if err != nil || len(fields) < 5 {
		return 0
	}
	last, _ := strconv.Atoi(fields[4])
	return last
}

func (f *family) members() []int {
	var all []process
	self := os.Getpid()
	for pid := range f.candidates {
		if pid == self {
			continue
		}
		if p, ok := readProcess(pid); ok {
			all = append(all, p)
		}
	}
	in := map[int]bool{}
	began := uint64(0) // nobody is older than the leader
	if leader, ok := readProcess(f.leader); ok && f.leader != 0 {
		began = leader.started
	}
	for _, p := range all {
		if p.started < began || p.parent == kthreadd {
			continue
		}
		if f.leader != 0 && p.pid != f.leader && p.parent == self && self != 1 {
			continue // the leader of another job, or a helper of ours: nobody else's child becomes ours
		}
		if f.leader != 0 && (p.pid == f.leader || p.session == f.leader) || f.marked(p.pid) || f.stray(p) {
			in[p.pid] = true
		}
	}
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			if in[p.parent] && !in[p.pid] {
				in[p.pid], grew = true, true
			}
		}
	}
	var members []int
	for _, p := range all {
		if in[p.pid] && p.state != 'Z' && p.state != 'X' {
			members = append(members, p.pid)
		}
	}
	return members
}

// marked tells whether the job's mark is in the environment that the process was started with.
func (f *family) marked(pid int) bool {
	env, err := readProc(pid, "environ")
	return err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+marker+"="+string(f.place)+"\x00"))
}

// stray tells whether the process was left by its parent and works in the place. One with a parent that lives (a
// person's shell, looking around) is nobody's stray.
func (f *family) stray(p process) bool {
	if p.parent != 1 || f.leader == 0 {
		return false
	}
	dir, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(p.pid), "cwd"))
	return err == nil && inside(strings.TrimSuffix(dir, " (deleted)"), string(f.place))
}

// readProc reads /proc/<pid>/<name>, of pid 0 /proc/<name>, with fewer calls than package os makes: there are many of these files.
func readProc(pid int, name string) ([]byte, error) {
	if pid != 0 {
		name = strconv.Itoa(pid) + "/" + name
	}
	fd, err := unix.Open("/proc/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	raw := make([]byte, 0, 4096)
	for {
		n, err := unix.Read(fd, raw[len(raw):cap(raw)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 {
			return raw, err
		}
		if raw = raw[:len(raw)+n]; len(raw) < cap(raw) {
			return raw, nil // the kernel fills what it is given, as far as there is something
		}
		raw = append(raw, 0)[:len(raw)]
	}
}

// readProcess reads /proc/<pid>/stat: "pid (name) state parent group session …", the 22nd field is the start; the name may
// hold anything.
func readProcess(pid int) (process, bool) {
	raw, err := readProc(pid, "stat")
	if err != nil {
		return process{}, false
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	if len(fields) < 20 {
		return process{}, false
	}
	parent, err1 := strconv.Atoi(fields[1])
	session, err2 := strconv.Atoi(fields[3])
	started, err3 := strconv.ParseUint(fields[19], 10, 64)
	return process{pid, parent, session, fields[0][0], started}, errors.Join(err1, err2, err3) == nil
}
