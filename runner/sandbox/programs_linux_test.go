package sandbox

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// startArg has this binary try to start programs that it may not.
const startArg = "--start"

// loaderOf is the loader that a program names, "" for none.
func loaderOf(program string) string {
	f, err := elf.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			raw, _ := io.ReadAll(p.Open())
			return strings.TrimRight(string(raw), "\x00")
		}
	}
	return ""
}

// copied makes a program of another file's bytes.
func copied(from, to string) error {
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, raw, 0o755), os.Chmod(to, 0o755))
}

func starts(argv ...string) error { return exec.Command(argv[0], argv[1:]...).Run() }

// startProbes try to start id, which the job may not, or what they have written themselves. The job may start cat and sh.
var startProbes = []struct {
	name string
	try  func(in, cat, id string) error
}{
	{"by its path", func(in, cat, id string) error { return starts(id) }},
	{"by a shell", func(in, cat, id string) error { return starts("/bin/sh", "-c", "exec "+id) }},
	{"by the root of a process", func(in, cat, id string) error { return starts("/proc/self/root" + id) }},
	{"a copy of it", func(in, cat, id string) error {
		return errors.Join(copied(id, in+"/id"), starts(in+"/id"))
	}},
	{"a copy of what may be read", func(in, cat, id string) error {
		return errors.Join(copied(cat, in+"/cat"), starts(in+"/cat", "/dev/null"))
	}},
	{"a copy in /tmp", func(in, cat, id string) error {
		return errors.Join(copied(cat, "/tmp/cat"), starts("/tmp/cat", "/dev/null"))
	}},
	{"a copy in /dev/shm", func(in, cat, id string) error {
		return errors.Join(copied(cat, "/dev/shm/cat"), starts("/dev/shm/cat", "/dev/null"))
	}},
	{"by a link", func(in, cat, id string) error {
		return errors.Join(os.Symlink(id, in+"/link"), starts(in+"/link"))
	}},
	{"by a hard link", func(in, cat, id string) error {
		return errors.Join(os.Link(id, in+"/hard"), starts(in+"/hard"))
	}},
	{"a script of its own", func(in, cat, id string) error {
		return errors.Join(os.WriteFile(in+"/script", []byte("#!/bin/sh\nexit 0\n"), 0o755), starts(in+"/script"))
	}},
	{"as the interpreter of a script", func(in, cat, id string) error {
		return errors.Join(os.WriteFile(in+"/by-id", []byte("#!"+id+"\n"), 0o755), starts(in+"/by-id"))
	}},
	{"by the loader", func(in, cat, id string) error { return starts(loaderOf(cat), id) }},
	{"a copy by the loader", func(in, cat, id string) error {
		return errors.Join(copied(cat, in+"/cat2"), starts(loaderOf(cat), in+"/cat2", "/dev/null"))
	}},
	{"a copy in /tmp by the loader", func(in, cat, id string) error {
		return errors.Join(copied(cat, "/tmp/cat2"), starts(loaderOf(cat), "/tmp/cat2", "/dev/null"))
	}},
	{"by a descriptor", func(in, cat, id string) error { return starts("/proc/self/exe", startArg, "fd", id) }},
	{"a file without a name", func(in, cat, id string) error {
		fd, err := unix.Open("/tmp", unix.O_TMPFILE|unix.O_RDWR, 0o755)
		return errors.Join(err, startsCopied(cat, fd))
	}},
	{"from memory", func(in, cat, id string) error {
		fd, err := unix.MemfdCreate("x", 0)
		return errors.Join(err, startsCopied(cat, fd))
	}},
}

// startsCopied copies a program into an open file and starts it by its descriptor.
func startsCopied(program string, fd int) error {
	raw, err := os.ReadFile(program)
	if err == nil {
		_, err = unix.Write(fd, raw)
	}
	if err != nil {
		return err
	}
	return starts(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), "/dev/null")
}

// runStarts prints the names of the probes by which something was started.
func runStarts(args []string) {
	if args[0] == "fd" {
		fd, err := unix.Open(args[1], unix.O_PATH, 0)
		if err == nil {
			empty, argv, env := []byte{0}, []*byte{&[]byte("id\x00")[0], nil}, []*byte{nil}
			_, _, err = unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])), uintptr(unsafe.Pointer(&argv[0])),
				uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH, 0)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, p := range startProbes {
		if p.try(args[0], args[1], args[2]) == nil {
			fmt.Println(p.name)
		}
	}
}

// A job that is held to some programs starts no other, as root or as an ordinary user: not by another name, from a copy, by an
// interpreter, nor by the loader. It starts those that it may.
func TestPrograms(t *testing.T) {
	userns := requireSandbox(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	real := func(name string) string {
		p, err := exec.LookPath(name)
		if err == nil {
			p, err = filepath.EvalSymlinks(p)
		}
		if err != nil {
			t.Skipf("no %s here: %v", name, err)
		}
		return p
	}
	cat, id, sh := real("cat"), real("id"), real("sh")
	if cat == id {
		t.Skip("all programs of this system are one file")
	}
	run := func(spec Spec) []string {
		t.Helper()
		spec.Read = append(spec.Read, self)
		spec.Programs = append(spec.Programs, self, cat, sh, loaderOf(cat), loaderOf(self), loaderOf(sh))
		spec.Programs = slices.DeleteFunc(spec.Programs, func(p string) bool { return p == "" })
		out, end := within(t, spec, "exec "+self+" "+startArg+" "+spec.Write[0]+" "+cat+" "+id)
		if end.Exit != 0 {
			t.Fatalf("%+v: %s", end, out)
		}
		return strings.Fields(strings.ReplaceAll(strings.TrimSpace(out), " ", "-"))
	}
	spec := box(t.TempDir(), userns)
	spec.Held = true
	if got := run(spec); len(got) > 0 {
		t.Errorf("started: %s", got)
	}
	spec = box(t.TempDir(), userns)
	all := run(spec)
	t.Logf("of %d, %d succeed where nothing is held: %s", len(startProbes), len(all), all)
	if len(all) < 10 {
		t.Errorf("where nothing is held only %s succeed", all)
	}
	spec = box(t.TempDir(), userns)
	spec.Held, spec.Without = true, Landlock
	t.Logf("without landlock: %s", run(spec))

	// What it may.
	spec = box(t.TempDir(), userns)
	spec.Held, spec.Programs = true, []string{cat, sh, loaderOf(cat), loaderOf(sh)}
	if err := os.WriteFile(spec.Write[0]+"/s", []byte("echo by a shell"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, end := within(t, spec, "echo data >f && cat f && sh s && ls /usr/bin 2>&1"); end.Exit == 0 || !strings.HasPrefix(out, "data\nby a shell\n") ||
		!strings.Contains(out, "ermission denied") {
		t.Errorf("%+v: %s", end, out)
	}
	// One that may be read, where programs are not expected, can still not be started.
	elsewhere := t.TempDir()
	if err := copied(cat, elsewhere+"/other"); err != nil {
		t.Fatal(err)
	}
	spec.Read = []string{elsewhere}
	if out, end := within(t, spec, "cat "+elsewhere+"/other >/dev/null && "+elsewhere+"/other s"); end.Exit != 126 || !strings.Contains(out, "ermission denied") {
		t.Errorf("%+v: %s", end, out)
	}
	// A directory of programs, and what is made in one.
	spec.Programs = append(spec.Programs, spec.Write[0])
	if out, end := within(t, spec, "cat "+cat+" >c && cat s >own"); end.Exit != 0 {
		t.Errorf("%+v: %s", end, out)
	}
	if err := errors.Join(os.Chmod(spec.Write[0]+"/c", 0o755), os.Chmod(spec.Write[0]+"/own", 0o755)); err != nil {
		t.Fatal(err)
	}
	if out, end := within(t, spec, "./c s && ./own"); end.Exit != 0 || out != "echo by a shell"+"by a shell\n" {
		t.Errorf("%+v: %s", end, out)
	}
	if !testing.Short() {
		asNobody(t, "TestPrograms")
	}
}
