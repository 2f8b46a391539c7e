package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Check makes a sandbox and has this program look from inside whether each layer holds what no other one does. It returns
// nil, or a *LayerError that names the first that does not. dir is a directory to work in. userns says whether the
// sandboxes are to be made in user namespaces; without are layers to leave out, so that tests can see it fail.
func Check(ctx context.Context, dir string, userns bool, without Layers) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	at, err := os.MkdirTemp(dir, "check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(at)
	at, err = filepath.EvalSymlinks(at)
	if err != nil {
		return err
	}
	in, out := filepath.Join(at, "in"), filepath.Join(at, "out")
	if err := errors.Join(os.Mkdir(in, 0o700), os.WriteFile(out, nil, 0o600)); err != nil {
		return err
	}
	spec := Spec{System: System(), Read: []string{self}, Write: []string{in}, Userns: userns, Without: without,
		Limits: Limits{Files: 100, Processes: 1000, File: 1 << 20}}
	ask := question{Out: out, In: in, Spaces: map[string]string{}, Files: spec.Limits.Files}
	for _, name := range spaceNames(userns) {
		ask.Spaces[name], _ = os.Readlink("/proc/self/ns/" + name)
	}
	raw, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	var said bytes.Buffer
	cmd := exec.Command(self, checkArg, string(raw))
	cmd.Dir = in
	cmd.Stdout, cmd.Stderr = &said, &said
	leak, err := os.Open("/dev/null")
	if err != nil {
		return err
	}
	defer leak.Close()
	r, err := start(spec, cmd, leak)
	if err != nil {
		var l *LayerError
		if !errors.As(err, &l) {
			err = &LayerError{0, err.Error()}
		}
		return err
	}
	over := context.AfterFunc(ctx, r.Kill)
	defer over()
	late := time.AfterFunc(20*time.Second, r.Kill)
	defer late.Stop()
	end, err := r.Wait()
	if err != nil {
		return err
	}
	if end.Exit == 0 {
		return ctx.Err()
	}
	layer, why, _ := strings.Cut(strings.TrimSpace(said.String()), ": ")
	for _, l := range All() {
		if l.String() == layer {
			return &LayerError{l, why}
		}
	}
	return errors.Join(ctx.Err(), &LayerError{0, fmt.Sprintf("the test in it ended with %d: %s", end.Exit, said.String())})
}

// question is what the look from inside has to know about the outside.
type question struct {
	In, Out string            // a directory that it may write; a file that it must not find
	Spaces  map[string]string // the namespaces outside
	Files   int
}

func spaceNames(userns bool) []string {
	names := []string{"mnt", "pid", "net", "ipc", "uts"}
	if userns {
		names = append(names, "user")
	}
	return names
}

var layerOf = map[string]Layers{"mnt": Mount, "pid": Pid, "net": Net, "ipc": Ipc, "uts": Uts, "user": User}

// look runs inside, and says which layer does not hold.
func look(args []string) int {
	var q question
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &q) != nil {
		return 2
	}
	broken := func(layer Layers, why string) int {
		fmt.Printf("%s: %s\n", layer, why)
		return 1
	}
	// What is outside must not even have a name: Landlock would hold it from being opened, not from being seen.
	if _, err := os.Lstat(q.Out); err == nil {
		return broken(Mount, "a file of the machine is seen")
	}
	for name, outside := range q.Spaces {
		if inside, err := os.Readlink("/proc/self/ns/" + name); err != nil || inside == outside {
			return broken(layerOf[name], fmt.Sprintf("the namespace %s is the machine's own (%v)", name, err))
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return broken(Mount, "no /proc: "+err.Error())
	}
	for _, want := range []string{"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(status), want) {
			return broken(Capabilities, "it has some: not "+strings.ReplaceAll(want, "\t", " "))
		}
	}
	// /run is there, empty, and no path that may be read: nothing but Landlock minds.
	if _, err := os.ReadDir("/run"); !errors.Is(err, unix.EACCES) {
		return broken(Landlock, fmt.Sprintf("a directory that it has no right to can be listed (%v)", err))
	}
	if fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE); !errors.Is(err, unix.EPERM) {
		_ = unix.Close(fd)
		return broken(Seccomp, fmt.Sprintf("a netlink socket can be had (%v)", err))
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Max > uint64(q.Files) {
		return broken(Limit, fmt.Sprintf("it may open %d files", files.Max))
	}
	if err := os.WriteFile(filepath.Join(q.In, "f"), []byte("f"), 0o600); err != nil {
		return broken(0, "its own directory cannot be written: "+err.Error())
	}
	for fd := 3; fd < 100; fd++ {
		target, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if err == nil && strings.HasSuffix(target, "/null") { // the one that Check leaves open for it
			return broken(Descriptors, "descriptor "+strconv.Itoa(fd)+" was inherited")
		}
	}
	return 0
}
