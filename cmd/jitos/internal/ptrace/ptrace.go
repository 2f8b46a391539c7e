//go:build linux && amd64

package ptrace

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Tracer runs a program, and all that it starts, under ptrace(2), and stands between it and the kernel at every system call
// that changes files below Root, or opens one. It needs no other program. One thread of the test is the tracer of all of them.
type Tracer struct {
	Root string
	// Before decides about a call that has not been made yet.
	Before func(*Call) Verdict
	// After sees a call that was made; nil: nobody looks.
	After func(*Call)
	// Spare names processes that go on where all others are killed: those of another machine, as it were. nil: none.
	Spare func(pid int) bool

	calls map[int]*Call // by thread, between the entry and the exit of a call that is watched
	known map[int]bool  // threads that have shown themselves
	dead  map[int]bool  // threads that were killed
}

// Verdict is what becomes of a call. The zero one lets it pass.
type Verdict struct {
	Kill  bool          // the program and all that it started end here
	Errno syscall.Errno // the call is not made, and returns this
	Skip  bool          // the call is not made, and returns 0 as if it had been
}

// Run returns how the program ended, when the last of all processes has. The error is for what the machine does not allow.
// The program is started through the command Filter, which has to be on the PATH as "traced".
func (t *Tracer) Run(cmd *exec.Cmd) (syscall.WaitStatus, error) {
	runtime.LockOSThread() // to the kernel the tracer is a thread
	defer runtime.UnlockOSThread()
	t.calls, t.known, t.dead = map[int]*Call{}, map[int]bool{}, map[int]bool{}
	traced, err := exec.LookPath("traced")
	if err != nil {
		return 0, err
	}
	cmd.Args = append([]string{"traced", cmd.Path}, cmd.Args...)
	cmd.Path = traced
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	var last, status syscall.WaitStatus
	if err := cmd.Start(); err != nil {
		return status, err
	}
	defer cmd.Process.Release()
	first := cmd.Process.Pid
	if _, err := syscall.Wait4(first, &status, unix.WALL, nil); err != nil {
		return status, fmt.Errorf("wait for the first stop: %w", err)
	}
	t.known[first] = true
	options := unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK |
		unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(first, options); err != nil {
		return status, fmt.Errorf("ptrace: %w", err)
	}
	t.resume(first, 0, false)
	for {
		tid, err := t.wait(&status)
		if errors.Is(err, syscall.ECHILD) {
			return last, nil
		}
		if err != nil {
			return last, fmt.Errorf("wait: %w", err)
		}
		if tid == first && (status.Exited() || status.Signaled()) {
			last = status
		}
		if status.Stopped() {
			if err := t.stopped(tid, status); err != nil {
				t.killAll()
				return last, err
			}
		} else {
			delete(t.known, tid)
			delete(t.calls, tid)
		}
	}
}

// wait waits for one of the traced threads, and leaves alone what this thread of the test has started for others, before it
// became a tracer: those wait for it themselves.
func (t *Tracer) wait(status *syscall.WaitStatus) (int, error) {
	for {
		var info struct { // siginfo_t, as far as waitid fills it
			signo, errno, code, _ int32
			pid                   int32
			_                     [108]byte
		}
		_, _, errno := unix.Syscall6(unix.SYS_WAITID, unix.P_ALL, 0, uintptr(unsafe.Pointer(&info)),
			unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT|unix.WALL|unix.WNOTHREAD, 0, 0)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			return 0, errno
		}
		const exited, dumped = 1, 3 // CLD_EXITED to CLD_DUMPED
		tid := int(info.pid)
		if info.code >= exited && info.code <= dumped && !t.known[tid] && !isTraced(tid) {
			time.Sleep(time.Millisecond)
			continue
		}
		_, err := syscall.Wait4(tid, status, unix.WALL|unix.WNOTHREAD, nil)
		if errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.ECHILD) {
			continue
		}
		return tid, err
	}
}

func isTraced(tid int) bool { return statusField(tid, "TracerPid") != 0 }

func (t *Tracer) stopped(tid int, status syscall.WaitStatus) error {
	signal := status.StopSignal()
	var err error
	switch {
	case t.dead[tid]:
		return nil
	case signal == syscall.SIGTRAP|0x80: // the exit: only a thread with a watched call is asked for it
		err, signal = t.exit(tid), 0
	case signal == syscall.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
		err, signal = t.entry(tid), 0
	case signal == syscall.SIGTRAP && status.TrapCause() > 0:
		signal = 0
	case signal == syscall.SIGSTOP && !t.known[tid]:
		signal = 0 // how a new thread begins
	}
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	t.known[tid] = true
	t.resume(tid, signal, t.calls[tid] != nil)
	return nil
}

// resume lets a thread go on, to the exit of the call that it is in or to its next watched call. A thread that is gone is
// reported by wait.
func (t *Tracer) resume(tid int, signal syscall.Signal, exit bool) {
	switch {
	case t.dead[tid]:
	case exit:
		syscall.PtraceSyscall(tid, int(signal))
	default:
		syscall.PtraceCont(tid, int(signal))
	}
}

func (t *Tracer) killAll() {
	for tid := range t.known {
		if t.Spare == nil || !t.Spare(tid) {
			t.dead[tid] = true
			syscall.Kill(tid, syscall.SIGKILL)
		}
	}
}

// entry is where a watched call has not been made yet.
func (t *Tracer) entry(tid int) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return fmt.Errorf("ptrace: %w", err)
	}
	c := decode(tid, regs.Orig_rax, [6]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9})
	if c == nil || !t.watches(c) {
		return nil
	}
	v := t.Before(c)
	switch {
	case v.Kill:
		t.killAll()
	case v.Errno != 0 || v.Skip:
		regs.Orig_rax, regs.Rax = ^uint64(0), uint64(-int64(v.Errno)) // no such call: nothing happens, and this is its result
		return syscall.PtraceSetRegs(tid, &regs)
	case t.After != nil:
		t.calls[tid] = c
	}
	return nil
}

func (t *Tracer) exit(tid int) error {
	c := t.calls[tid]
	if c == nil {
		return nil
	}
	delete(t.calls, tid)
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return fmt.Errorf("ptrace: %w", err)
	}
	c.Result = int64(regs.Rax)
	t.After(c)
	return nil
}

func (t *Tracer) watches(c *Call) bool {
	return below(t.Root, c.Path) || c.Other != "" && below(t.Root, c.Other)
}

func below(root, path string) bool { return path == root || strings.HasPrefix(path, root+"/") }
