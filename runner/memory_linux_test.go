package runner

import (
	"os"

	"golang.org/x/sys/unix"
)

func init() { workInMemory = inSharedMemory }

// inSharedMemory has the tests work in memory, where the machine has enough of it and the user says nothing else by TMPDIR. An
// ordinary user's overlays need extended attributes there.
func inSharedMemory() {
	const shm, enough = "/dev/shm", 4 << 30
	var fs unix.Statfs_t
	if os.Getenv("TMPDIR") != "" || unix.Statfs(shm, &fs) != nil || fs.Flags&unix.ST_NOEXEC != 0 || fs.Bavail*uint64(fs.Bsize) < enough {
		return
	}
	dir, err := os.MkdirTemp(shm, "jitos-runner-")
	if err != nil {
		return
	}
	// Tests run as another user there, too.
	if unix.Setxattr(dir, "user.jitos", nil, 0) != nil || os.Chmod(dir, 0o755) != nil {
		os.Remove(dir)
		return
	}
	os.Setenv("TMPDIR", dir)
	atExit = append(atExit, func() { _ = removeAll(dir) })
}
