package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jitos/jitos/server/client"
)

// The units are where the commands look, and systemd reads them without a complaint.
func TestSystemd_units(t *testing.T) {
	raw, err := os.ReadFile("systemd/jitosd@.socket")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\nListenStream=" + client.Socket("%f/.git") + "\n"; !strings.Contains(string(raw), want) {
		t.Errorf("want %q in\n%s", want, raw)
	}
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd is not installed")
	}
	home, units := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, "go/bin"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(filepath.Join(home, "go/bin/jitosd"), os.Args[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(units, os.DirFS("systemd")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(verify, "verify", "--user", "./jitosd@src-project.service", "./jitosd@src-project.socket")
	cmd.Dir = units
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// A socket that was open before the daemon, as systemd keeps it, is served by the daemon that it is passed to, and by no other. The
// commands find it; it stays when the daemon ends.
func TestSystemd_activated(t *testing.T) {
	for name, launch := range map[string]func(t *testing.T, dir, socket string) *exec.Cmd{
		"systemd-socket-activate": func(t *testing.T, dir, socket string) *exec.Cmd {
			activate, err := exec.LookPath("systemd-socket-activate")
			if err != nil {
				t.Skip("systemd is not installed")
			}
			return exec.Command(activate, "-l", socket, "-E", asDaemon+"=1", "-E", "HOME", "-E", "PATH", "-E", "XDG_CACHE_HOME", os.Args[0], "-C", dir)
		},
		"by its protocol": func(t *testing.T, dir, socket string) *exec.Cmd {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			file, err := l.File()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close(); file.Close() })
			cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", os.Args[0], "-C", dir)
			cmd.ExtraFiles = []*os.File{file}
			cmd.Env = append(os.Environ(), asDaemon+"=1", "LISTEN_FDS=1")
			return cmd
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, f := repository(t)
			socket := client.Socket(f.Repo.Common)
			if err := private(filepath.Dir(socket)); err != nil {
				t.Fatal(err)
			}
			cmd := launch(t, dir, socket)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			t.Cleanup(func() { cmd.Process.Kill(); <-ended })
			ask := func() string {
				resp, err := overSocket(socket).Get("http://jitos/healthz")
				if err != nil {
					return err.Error()
				}
				defer resp.Body.Close()
				text, _ := io.ReadAll(resp.Body)
				return fmt.Sprint(resp.StatusCode, " ", string(text))
			}
			for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				if _, err := os.Stat(socket); err == nil {
					break
				} else if time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
			if got := ask(); got != fmt.Sprint(http.StatusOK, " ok\n") {
				t.Errorf("the daemon says %q", got)
			}
			out, err := exec.Command(filepath.Join(pair(t), "jitos"), "-C", dir, "--daemon", "task", "new", "name the release").CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			within, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			second := exec.CommandContext(within, os.Args[0], "-C", dir)
			second.Env = append(os.Environ(), asDaemon+"=1")
			if out, err := second.CombinedOutput(); second.ProcessState.ExitCode() != 9 || !strings.Contains(string(out), "another jitosd listens there") {
				t.Errorf("a second daemon: %v\n%s", err, out)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			select {
			case err := <-ended:
				ended <- err
				if err != nil {
					t.Error(err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("the daemon did not end")
			}
			if _, err := os.Stat(socket); err != nil {
				t.Errorf("the socket is gone with the daemon: %v", err)
			}
			if name != "by its protocol" { // what activates by hand ends with what it has started
				return
			}
			third := exec.CommandContext(within, os.Args[0], "-C", dir)
			third.Env = append(os.Environ(), asDaemon+"=1")
			if out, err := third.CombinedOutput(); third.ProcessState.ExitCode() != 9 || !strings.Contains(string(out), "systemd or another program listens there") {
				t.Errorf("a daemon started by hand, where systemd keeps the socket: %v\n%s", err, out)
			}
		})
	}
}
