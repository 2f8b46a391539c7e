package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jitos/jitos/runner/sandbox"
)

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
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.Command("/bin/sh", "-c", "test -e a && test ! -e b && rm a")
	cmd.Dir = s.place.tree()
	r, err := sandbox.Start(sandbox.Spec{Bare: true, Userns: userns, Lay: []sandbox.Overlay{top}}, cmd)
	if err != nil {
		return err
	}
	defer context.AfterFunc(bounded, r.Kill)()
	if end, err := r.Wait(); err != nil || end.Exit != 0 {
		return errors.Join(err, fmt.Errorf("exit status %d", end.Exit))
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
