package sandbox

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// requireSandbox skips a test where none can be made, unless JITOS_REQUIRE lists userns, and says how one is.
func requireSandbox(t testing.TB) (userns bool) {
	t.Helper()
	var err error
	for _, userns := range []bool{os.Geteuid() != 0, true} {
		if err = Check(t.Context(), t.TempDir(), userns, 0); err == nil {
			return userns
		}
	}
	if slices.Contains(strings.FieldsFunc(os.Getenv("JITOS_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' }), "userns") {
		t.Fatalf("sandboxes are required: %v", err)
	}
	t.Skipf("no sandbox here: %v", err)
	return false
}

// asNobody runs a test of this binary again as an ordinary user, where root runs it.
func asNobody(t *testing.T, test string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	t.Run("ordinary user", func(t *testing.T) {
		dir, err := os.MkdirTemp("", "nobody-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		self, err := os.ReadFile(os.Args[0])
		binary := filepath.Join(dir, "sandbox.test")
		if err = errors.Join(err, os.WriteFile(binary, self, 0o755), os.Chmod(dir, 0o755), os.Chown(dir, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(binary, "-test.run", "^"+test+"$", "-test.v")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir, "PATH=/usr/local/bin:/usr/bin:/bin")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Error(err)
		}
	})
}

// A sandbox of which any one layer is missing must not be taken for one.
func TestCheck(t *testing.T) {
	userns := requireSandbox(t)
	for _, layer := range All() {
		if layer == User { // without it there is no other one, or it is not needed
			continue
		}
		err := Check(t.Context(), t.TempDir(), userns, layer)
		var l *LayerError
		if !errors.As(err, &l) || l.Layer != layer {
			t.Errorf("without %s: %v", layer, err)
		}
	}
	asNobody(t, "TestCheck")
}

// box is a Spec whose one directory is dir.
func box(dir string, userns bool) Spec {
	return Spec{System: System(), Write: []string{dir}, Userns: userns}
}

// within runs a script in a sandbox.
func within(t testing.TB, spec Spec, script string) (string, Ended) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Dir = spec.Write[0]
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd.Stdout, cmd.Stderr = write, write
	r, err := Start(spec, cmd)
	_ = write.Close()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	_, _ = io.Copy(&out, read)
	end, err := r.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), end
}

func TestEnds(t *testing.T) {
	userns := requireSandbox(t)
	spec := box(t.TempDir(), userns)
	for script, want := range map[string]Ended{
		"exit 3":                     {Exit: 3},
		"kill -9 $$":                 {Exit: 137, Signal: 9},
		"kill -15 1; sleep 30":       {Exit: 143, Signal: 15}, // to the first process is to all
		"(sleep 300 &) >/dev/null":   {},
		"trap 'exit 4' TERM; exit 5": {Exit: 5},
	} {
		if _, end := within(t, spec, script); end != want {
			t.Errorf("%s: %+v, want %+v", script, end, want)
		}
	}
	cmd := exec.Command("/no/such/program")
	cmd.Dir = "/"
	if _, err := Start(spec, cmd); !errors.Is(err, os.ErrNotExist) && (err == nil || !strings.Contains(err.Error(), "no such file")) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestLimits(t *testing.T) {
	userns := requireSandbox(t)
	spec := box(t.TempDir(), userns)
	spec.Limits = Limits{Processes: 50, Memory: 200 << 20, File: 1 << 20, Files: 40, CPU: time.Second}
	if _, end := within(t, spec, `head -c 400000000 /dev/zero | tail -c 300000000 | tail -c 1; sleep 60`); !strings.Contains(end.Limit, "memory") {
		t.Errorf("300 MB: %+v", end)
	}
	if _, end := within(t, spec, `dd if=/dev/zero of=/tmp/big bs=1000000 count=1 2>/dev/null; for i in 1 2 3 4 5; do cat /tmp/big > /tmp/$i; done; echo fine`); end.Exit != 0 {
		t.Errorf("a little in memory: %+v", end)
	}
	if _, end := within(t, spec, `for i in $(seq 60); do sleep 60 & done; wait`); end.Limit == "" && end.Exit == 0 {
		t.Errorf("60 processes: %+v", end)
	}
	if _, end := within(t, spec, `head -c 2000000 /dev/zero > big`); end.Exit == 0 {
		t.Errorf("a file of 2 MB: %+v", end)
	}
	if _, end := within(t, spec, `while :; do :; done`); end.Signal != int(syscall.SIGXCPU) && end.Signal != int(syscall.SIGKILL) {
		t.Errorf("two seconds of processor time: %+v", end)
	}
}
