//go:build unix && !linux

package runner

import (
	"os"
	"syscall"
	"time"
)

// ownSession starts a command in a session, and so a process group, of its own.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// waitExited cannot wait without reaping here: false.
func waitExited(int) bool { return false }

// family is every process in the group of a job's leader. One that left the group is not found: on Linux it is.
type family struct {
	place  place
	leader int
	began  time.Time             // when it was started
	reap   func() (ended, error) // waits for the leader
}

// killMarked does nothing here: processes are known by their group alone.
func killMarked(place) {}

func (f *family) signal(sig syscall.Signal) {
	if f.leader != 0 {
		_ = syscall.Kill(-f.leader, sig) // an error says that nobody is left
	}
}

func (f *family) kill() { f.signal(syscall.SIGKILL) }

// collect waits for the leader, and kills what it left in its group when it ended by itself.
func (f *family) collect(bool) (ended, error) {
	end, err := f.reap()
	f.kill()
	return end, err
}

// lone is never known here.
func (f *family) lone() bool { return false }

func pipe() (read, write *os.File, err error) { return os.Pipe() }
