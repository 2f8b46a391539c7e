//go:build linux && amd64

package ptrace

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
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

	calls map[int]*Call // by thread, between the entry and the exit of a call that is watched
	known map[int]bool  // threads that have shown themselves
	dead  bool          // everything was killed
}

// Verdict is what becomes of a call. The zero one lets it pass.
type Verdict struct {
	Kill  bool          // the program and all that it started end here
	Errno syscall.Errno // the call is not made, and returns this
}

// Run returns how the program ended, when the last of all processes has. The error is for what the machine does not allow.
func (t *Tracer) Run(cmd *exec.Cmd) (syscall.WaitStatus, error) {
	runtime.LockOSThread() // to the kernel the tracer is a thread
	defer runtime.UnlockOSThread()
	t.calls, t.known, t.dead = map[int]*Call{}, map[int]bool{}, false
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
		unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(first, options); err != nil {
		return status, fmt.Errorf("ptrace: %w", err)
	}
	t.resume(first, 0)
	for {
		tid, err := syscall.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.ECHILD):
			return last, nil
		case err != nil:
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

func (t *Tracer) stopped(tid int, status syscall.WaitStatus) error {
	signal := status.StopSignal()
	switch {
	case t.dead:
		syscall.Kill(tid, syscall.SIGKILL)
		return nil
	case signal == syscall.SIGTRAP|0x80:
		if err := t.atCall(tid); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		signal = 0
	case signal == syscall.SIGTRAP && status.TrapCause() > 0:
		signal = 0
	case signal == syscall.SIGSTOP && !t.known[tid]:
		signal = 0 // how a new thread begins
	}
	t.known[tid] = true
	t.resume(tid, signal)
	return nil
}

func (t *Tracer) resume(tid int, signal syscall.Signal) {
	if !t.dead {
		syscall.PtraceSyscall(tid, int(signal)) // a thread that is gone is reported by wait
	}
}

func (t *Tracer) killAll() {
	t.dead = true
	for tid := range t.known {
		syscall.Kill(tid, syscall.SIGKILL)
	}
}

// callInfo is the kernel's struct ptrace_syscall_info.
type callInfo struct {
	op    uint8 // 1 at the entry, 2 at the exit
	_     [3]byte
	arch  uint32
	ip    uint64
	sp    uint64
	entry struct { // at the exit nr is the result
		nr   uint64
		args [6]uint64
	}
	_ uint64
}

func (t *Tracer) atCall(tid int) error {
	var info callInfo
	_, _, errno := syscall.Syscall6(syscall.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("ptrace: %w", errno)
	}
	if info.op == 1 {
		c := decode(tid, info.entry.nr, info.entry.args)
		if c == nil || !t.watches(c) {
			return nil
		}
		v := t.Before(c)
		if v.Kill {
			t.killAll()
			return nil
		}
		t.calls[tid], c.errno = c, v.Errno
		if v.Errno != 0 {
			return setRegs(tid, func(r *syscall.PtraceRegs) { r.Orig_rax = ^uint64(0) }) // no such call: nothing happens
		}
		return nil
	}
	c := t.calls[tid]
	if c == nil {
		return nil
	}
	delete(t.calls, tid)
	if c.errno != 0 {
		return setRegs(tid, func(r *syscall.PtraceRegs) { r.Rax = uint64(-int64(c.errno)) })
	}
	c.Result = int64(info.entry.nr)
	if t.After != nil {
		t.After(c)
	}
	return nil
}

func setRegs(tid int, change func(*syscall.PtraceRegs)) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return fmt.Errorf("ptrace: %w", err)
	}
	change(&regs)
	return syscall.PtraceSetRegs(tid, &regs)
}

func (t *Tracer) watches(c *Call) bool {
	return below(t.Root, c.Path) || c.Other != "" && below(t.Root, c.Other)
}

func below(root, path string) bool { return path == root || strings.HasPrefix(path, root+"/") }
