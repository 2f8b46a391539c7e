package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// PorterArg is the first argument of this program when it is started as a porter.
const PorterArg = "--porter"

// porterStatus is the descriptor on which a porter says why it could not mount; it closes when the command is run.
const porterStatus = 3

// Porter makes a job's directory and becomes the job's command: a program whose Executor lays out overlays calls it before
// anything else with what follows PorterArg, and ends with the code that it returns. It returns only where it failed.
func Porter(args []string) int {
	if err := porter(args); err != nil {
		if f := os.NewFile(porterStatus, "status"); f != nil {
			_, _ = io.WriteString(f, err.Error())
		}
		return 125
	}
	return 0
}

// porter takes the file with the mounts, the directory to work in, and the command.
func porter(args []string) error {
	if len(args) < 3 {
		return errors.New("a porter needs mounts, a directory and a command")
	}
	unix.CloseOnExec(porterStatus)
	raw, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var all mounts
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	if err := all.mount(); err != nil {
		return err
	}
	if err := os.Chdir(args[1]); err != nil {
		return err
	}
	// The right to mount ends here: it is ambient, so that it came through the start of this program.
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	parent := os.Getppid()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if os.Getppid() != parent {
		return errors.New("jitos is gone")
	}
	return fmt.Errorf("%s: %w", args[2], syscall.Exec(args[2], args[2:], os.Environ()))
}

// mount shows the overlays in this mount namespace alone, and hides what lies below them: a job that wrote there would
// write into what other jobs start from.
func (m *mounts) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	for _, o := range m.Mount {
		// Volatile: nothing is synced, neither for the job nor when it ends, which would wait for every dirty page of the
		// disk. What a crash of the machine leaves of a job is never looked at. The mark forbids to mount it twice.
		_ = unix.Rmdir(filepath.Join(o.Work, "work", "incompat", "volatile"))
		options := "lowerdir=" + o.Lower + ",upperdir=" + o.Upper + ",workdir=" + o.Work + ",userxattr,volatile"
		if err := unix.Mount("overlay", o.On, "overlay", 0, options); err != nil {
			return fmt.Errorf("overlay on %s: %w", o.On, err)
		}
	}
	for _, dir := range m.Hide {
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_RDONLY, "size=4k,mode=555"); err != nil {
			return fmt.Errorf("hide %s: %w", dir, err)
		}
	}
	return nil
}

// mountCaps are what a porter needs in its user namespace: to mount, and, as the kernel works on the upper directory in the
// name of who mounted it, to do there what the owner of a file may.
var mountCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_DAC_OVERRIDE, unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_CHOWN}

// enter makes a command run in the place: as it is where the place's files are there, else behind a porter. After the
// command was started, entered must be called.
func (p place) enter(cmd *exec.Cmd) (entered func(started error) error, err error) {
	all, err := p.mounts()
	if err != nil || all == nil {
		return func(err error) error { return err }, err
	}
	status, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Args = append([]string{os.Args[0], PorterArg, p.spec(), cmd.Dir, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/proc/self/exe"
	cmd.ExtraFiles = []*os.File{write}
	attr := cmd.SysProcAttr
	if attr == nil {
		attr = &syscall.SysProcAttr{}
		cmd.SysProcAttr = attr
	}
	attr.Cloneflags |= syscall.CLONE_NEWNS
	if all.Userns {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		attr.AmbientCaps = mountCaps
	}
	return func(started error) error {
		_ = write.Close()
		defer status.Close()
		if started != nil {
			return &unmountable{started.Error()}
		}
		said, err := io.ReadAll(io.LimitReader(status, 4096))
		if err == nil && len(said) > 0 {
			_ = cmd.Wait()
			err = &unmountable{string(said)}
		}
		return err
	}, nil
}

// probe tries an overlay below a directory.
func probe(ctx context.Context, dir string, userns bool) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	at, err := os.MkdirTemp(dir, "probe-")
	if err != nil {
		return err
	}
	defer func() { _ = removeAll(at) }()
	s := &slot{place: place(filepath.Join(at, "0"))}
	lower := filepath.Join(at, "lower")
	for _, d := range []string{lower, s.place.tree()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(lower, name), []byte(name), 0o644); err != nil {
			return err
		}
	}
	top, err := s.mount(0, s.place.tree(), lower)
	if err != nil {
		return err
	}
	if err := makeWhiteout(filepath.Join(top.Upper, "b")); err != nil {
		return err
	}
	raw, err := json.Marshal(mounts{Userns: userns, Mount: []mount{top}})
	if err == nil {
		err = os.WriteFile(s.spec(), raw, 0o600)
	}
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(bounded, "/bin/sh", "-c", "test -e a && test ! -e b && rm a")
	cmd.Dir = s.place.tree()
	entered, err := s.place.enter(cmd)
	if err != nil {
		return err
	}
	if err := entered(cmd.Start()); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	info, err := os.Lstat(filepath.Join(top.Upper, "a"))
	if err == nil && !isWhiteout(info) {
		err = errors.New("a removed file is not marked as git's own tools would")
	}
	return err
}

// isWhiteout tells whether a file in an upper directory says that there is none.
func isWhiteout(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&fs.ModeCharDevice != 0 && st.Rdev == 0
}

// makeWhiteout says that there is no file. Everybody may make this one device.
func makeWhiteout(name string) error { return unix.Mknod(name, unix.S_IFCHR, 0) }

const opaque = "user.overlay.opaque"

// isOpaque tells whether a directory in an upper directory hides the one below it.
func isOpaque(dir string) bool {
	var is [1]byte
	n, err := unix.Lgetxattr(dir, opaque, is[:])
	return err == nil && n == 1 && is[0] == 'y'
}

func makeOpaque(dir string) error { return unix.Lsetxattr(dir, opaque, []byte("y"), 0) }
