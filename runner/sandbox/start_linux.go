package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Descriptors of a porter beside the standard ones.
const (
	statusFD = 3 // it writes messages
	orderFD  = 4 // it reads an order
)

// order is what a porter is asked to do.
type order struct {
	Spec Spec
	Dir  string
	Path string
	Args []string
	Env  []string
}

// message is a line of what a porter says: started, then ended; or failed.
type message struct {
	Started bool   `json:",omitempty"`
	Ended   *Ended `json:",omitempty"`
	Failed  string `json:",omitempty"`
	Layer   Layers `json:",omitempty"`
}

// Running is a process in its sandbox.
type Running struct {
	cmd    *exec.Cmd
	status *os.File
	said   *bufio.Reader
	bare   bool

	// Listener is where a job with Spec.Proxy connects to, nil for any other. It is the caller's to close.
	Listener *os.File
}

// mountCaps are what a porter needs in its user namespace: to mount and to bring its loopback up, and, as the kernel works on
// the upper directory of an overlay in the name of who mounted it, to do there what the owner of a file may.
var mountCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_SETPCAP, unix.CAP_DAC_OVERRIDE,
	unix.CAP_DAC_READ_SEARCH, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_CHOWN}

// Start starts a command in a sandbox. The command is changed: its process is that of the porter, with a bare Spec the
// program's own. A *LayerError says that the sandbox could not be made; after another error the program itself could not
// be started. Where there is no error, Wait must be called.
func Start(spec Spec, cmd *exec.Cmd) (*Running, error) { return start(spec, cmd) }

// start also lets the porter inherit descriptors, for tests of those that nobody should have left open.
func start(spec Spec, cmd *exec.Cmd, leaks ...*os.File) (*Running, error) {
	if cmd.Err != nil {
		return nil, cmd.Err
	}
	do := order{Spec: spec, Dir: cmd.Dir, Path: cmd.Path, Args: cmd.Args, Env: cmd.Env}
	raw, err := json.Marshal(do)
	if err != nil {
		return nil, err
	}
	status, said, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ordered, ordering, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, status.Close(), said.Close())
	}
	defer ordering.Close()
	cmd.Path, cmd.Args, cmd.Dir = "/proc/self/exe", []string{os.Args[0], Arg}, "/"
	cmd.Env = []string{"GOMAXPROCS=2"}          // the porter's own
	if race, ok := os.LookupEnv("GORACE"); ok { // under the race detector every program sleeps a second at its end, unless told not to
		cmd.Env = append(cmd.Env, "GORACE="+race)
	}
	cmd.ExtraFiles = []*os.File{said, ordered}
	ours := -1
	if spec.Proxy {
		var theirs *os.File
		if ours, theirs, err = proxyPair(); err != nil {
			return nil, errors.Join(err, status.Close(), said.Close(), ordered.Close())
		}
		defer unix.Close(ours)
		defer theirs.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, leaks...)
	attr := cmd.SysProcAttr
	if attr == nil {
		attr = &syscall.SysProcAttr{}
		cmd.SysProcAttr = attr
	}
	attr.Setsid, attr.Pdeathsig = true, syscall.SIGKILL
	attr.Cloneflags |= flags(spec)
	if attr.Cloneflags&syscall.CLONE_NEWUSER != 0 {
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		attr.AmbientCaps = mountCaps
	}
	err = cmd.Start()
	err = errors.Join(err, said.Close(), ordered.Close())
	if err != nil {
		_ = status.Close()
		return nil, &LayerError{startLayer(spec), err.Error()}
	}
	r := &Running{cmd: cmd, status: status, said: bufio.NewReader(status), bare: spec.Bare}
	_, _ = ordering.Write(raw) // a porter that does not read it says why, or has ended
	first, err := r.next()
	switch {
	case err == nil && first.Started:
		if spec.Proxy { // it was handed out before the program began
			if r.Listener, err = takeListener(ours); err != nil {
				err = &LayerError{Net, err.Error()}
				break
			}
		}
		return r, nil
	case errors.Is(err, io.EOF) && spec.Bare: // the porter has become the program
		return r, nil
	case err == nil && first.Failed != "":
		err = &LayerError{first.Layer, first.Failed}
		if first.Layer == 0 {
			err = errors.New(first.Failed)
		}
	default:
		err = &LayerError{0, "its first process ended before it began: " + err.Error()}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	_ = status.Close()
	return nil, err
}

// flags are the namespaces of a process.
func flags(spec Spec) (f uintptr) {
	for layer, flag := range map[Layers]uintptr{Mount: syscall.CLONE_NEWNS, Pid: syscall.CLONE_NEWPID, Ipc: syscall.CLONE_NEWIPC,
		Uts: syscall.CLONE_NEWUTS, Net: syscall.CLONE_NEWNET} {
		if !spec.Without.has(layer) && (!spec.Bare || layer == Mount) {
			f |= flag
		}
	}
	if spec.HostNet {
		f &^= syscall.CLONE_NEWNET
	}
	if spec.Userns {
		f |= syscall.CLONE_NEWUSER
	}
	return f
}

// startLayer is the layer to blame where not even the first process could be started.
func startLayer(spec Spec) Layers {
	if spec.Userns {
		return User
	}
	return Mount
}

func (r *Running) next() (message, error) {
	line, err := r.said.ReadString('\n')
	if err != nil {
		return message{}, io.EOF
	}
	var m message
	return m, json.Unmarshal([]byte(line), &m)
}

// Pid is the number of the porter's process; of a bare one, of the program's.
func (r *Running) Pid() int { return r.cmd.Process.Pid }

// Stop asks every process of the job to end.
func (r *Running) Stop() { _ = r.cmd.Process.Signal(syscall.SIGTERM) }

// Kill ends every process of the job at once.
func (r *Running) Kill() { _ = r.cmd.Process.Kill() }

// Wait returns when no process of the job is alive.
func (r *Running) Wait() (Ended, error) {
	defer r.status.Close()
	var end *Ended
	if !r.bare {
		if m, err := r.next(); err == nil {
			end = m.Ended
		}
	}
	err := r.cmd.Wait()
	if end != nil {
		return *end, nil
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Ended{}, fmt.Errorf("wait for a command: %w", err)
	}
	var e Ended
	if exit != nil {
		e.Exit = exit.ExitCode()
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			e.Signal, e.Exit = int(status.Signal()), 128+int(status.Signal())
		} else if !r.bare {
			e.Limit = "it ended the first process of its sandbox"
		}
	}
	return e, nil
}

// in tells whether a path is dir or below it.
func in(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}
