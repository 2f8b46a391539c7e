package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jitos/jitos/cmd/jitos/internal/ptrace"
)

// A real file system loses its power: ext4 on a loop device is shut down in the middle of rewrites, without a last write of
// its journal, and mounted again. What was acknowledged is there.
func TestShutdown(t *testing.T) {
	if lost := shutdowns(t, 2, false); lost > 0 {
		t.Errorf("%d acknowledged rewrites are lost", lost)
	}
}

func TestHeavyShutdown(t *testing.T) {
	if !heavy() {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	if lost := shutdowns(t, 25, false); lost > 0 {
		t.Errorf("%d acknowledged rewrites are lost", lost)
	}
}

// Where fsync does nothing the same shutdowns lose what was acknowledged: the test would see it.
func TestShutdown_withoutSync(t *testing.T) {
	for range 5 {
		if lost := shutdowns(t, 1, true); lost > 0 {
			t.Logf("as it should be: %d acknowledged rewrites are lost", lost)
			return
		}
	}
	t.Error("5 shutdowns without a sync, and nothing was lost")
}

// shutdowns returns how many acknowledged rewrites were lost in so many shutdowns. Without sync the first is the last, for
// the repository may be beyond use.
func shutdowns(t *testing.T, times int, unsynced bool) int {
	disk := newLoopDisk(t)
	s := &stage{sandbox: newSandboxIn(t, filepath.Join(disk.dir, "home"))}
	disk.sync() // the user's repository is on the disk
	var marks []string
	for round := range times {
		stop := time.After(time.Duration(30+s.rand.IntN(250)) * time.Millisecond)
		acked := make(chan string, 1000)
		go func() {
			defer close(acked)
			for i := range cap(acked) {
				name := fmt.Sprintf("m-%d-%d", round, i)
				if !disk.rewrite(s, name, unsynced) {
					return
				}
				acked <- name
			}
		}()
		<-stop
		disk.shutDown()
		for name := range acked {
			marks = append(marks, name)
		}
		disk.remount()
		lost := 0
		for _, name := range marks {
			if missing := hasNode("mark", name)(s); missing != "" {
				if lost++; lost <= 3 {
					t.Logf("after shutdown %d: %s: %s", round+1, name, missing)
				}
			}
		}
		if unsynced || lost > 0 {
			return lost
		}
		s.healthy()
		s.must(mark(fmt.Sprint("after-", round)), "rewrite", "-")
		if left := s.left(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	t.Logf("%d shutdowns, %d rewrites acknowledged, 0 lost", times, len(marks))
	return 0
}

// loopDisk is an ext4 of its own.
type loopDisk struct {
	t          *testing.T
	image, dir string
}

func newLoopDisk(t *testing.T) *loopDisk {
	t.Helper()
	needTracer(t)
	d := &loopDisk{t, filepath.Join(t.TempDir(), "disk"), t.TempDir()}
	f, err := os.Create(d.image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", d.image).CombinedOutput(); err != nil {
		t.Skipf("no ext4 can be made here: %v %s", err, out)
	}
	if out, err := d.mount(); err != nil {
		t.Skipf("no loop device can be mounted here (that needs root): %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", d.dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	if err := os.Mkdir(filepath.Join(d.dir, "home"), 0o700); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *loopDisk) mount() ([]byte, error) {
	return exec.Command("mount", "-o", "loop", d.image, d.dir).CombinedOutput()
}

func (d *loopDisk) sync() {
	f, err := os.Open(d.dir)
	if err == nil {
		err = unix.Syncfs(int(f.Fd()))
		f.Close()
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// shutDown is EXT4_IOC_SHUTDOWN with NOLOGFLUSH: from here on nothing reaches the disk, not even what the journal holds.
func (d *loopDisk) shutDown() {
	d.t.Helper()
	const shutdown, noLogFlush = 0x8004587d, 2
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noLogFlush); err != nil {
		d.t.Skipf("this ext4 cannot be shut down: %v", err)
	}
}

// remount mounts the disk as after a start of the machine. A git that was at work may keep it busy for a moment; so may a mount
// namespace that somebody else made meanwhile, and there the dead file system lives on: then the same is mounted again.
func (d *loopDisk) remount() {
	d.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if exec.Command("umount", d.dir).Run() != nil {
			continue
		}
		if out, err := d.mount(); err != nil {
			d.t.Fatalf("%v %s", err, out)
		}
		alive := filepath.Join(d.dir, "alive") // a dead one still shows what is cached, and takes nothing new
		if err := os.WriteFile(alive, nil, 0o600); err == nil && os.Remove(alive) == nil {
			return
		}
	}
	d.t.Skip("the disk that was shut down is in use elsewhere, and cannot be mounted anew")
}

// rewrite tells whether a rewrite was acknowledged. What the program says does not go to the disk that fails.
func (d *loopDisk) rewrite(s *stage, name string, unsynced bool) bool {
	tr := &ptrace.Tracer{Root: d.dir, Before: func(c *ptrace.Call) ptrace.Verdict {
		return ptrace.Verdict{Skip: unsynced && c.Name == "fsync"}
	}}
	form := filepath.Join(filepath.Dir(d.image), "form")
	if err := os.WriteFile(form, []byte(mark(name)), 0o600); err != nil {
		d.t.Error(err)
		return false
	}
	jitos, err := exec.LookPath("jitos")
	if err != nil {
		d.t.Error(err)
		return false
	}
	cmd := &exec.Cmd{Path: jitos, Args: []string{"jitos", "rewrite", form}, Dir: s.dir, Env: s.env}
	status, err := tr.Run(cmd)
	return err == nil && status.Exited() && status.ExitStatus() == exitDone
}
