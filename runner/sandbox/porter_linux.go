package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// See the package comment for why this is done before main. Package initialisation runs on the main thread alone and stays
// there, so what a thread lets go of here its child does not have.
func init() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case Arg:
		status := os.NewFile(statusFD, "status")
		p := &porter{says: json.NewEncoder(status)}
		err := p.run()
		m := message{Failed: err.Error()}
		if l := (*LayerError)(nil); errors.As(err, &l) {
			m = message{Failed: l.Why, Layer: l.Layer}
		}
		_ = p.says.Encode(m)
		os.Exit(125)
	case checkArg:
		os.Exit(look(os.Args[2:]))
	}
}

type porter struct {
	order
	says *json.Encoder
}

// run returns only with an error.
func (p *porter) run() error {
	unix.CloseOnExec(statusFD)
	unix.CloseOnExec(orderFD)
	if err := json.NewDecoder(os.NewFile(orderFD, "order")).Decode(&p.order); err != nil {
		return fmt.Errorf("a porter that nobody gave an order: %w", err)
	}
	// The starter's request to be told of its death is lost where rights were gained with the start.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	if p.Spec.Bare {
		return p.become()
	}
	without := p.Spec.Without
	for _, step := range []struct {
		layer Layers
		do    func(*Spec) error
	}{
		{Uts, rename}, {Net, loopback}, {Net, handOut}, {Mount, newRoot}, {Descriptors, forget}, {Limit, limit}, {Capabilities, drop},
		{Landlock, restrict}, {Seccomp, filter},
	} {
		if without.has(step.layer) {
			continue
		}
		if err := step.do(&p.Spec); err != nil {
			return &LayerError{step.layer, err.Error()}
		}
	}
	return p.attend()
}

// become mounts what is asked for and becomes the program.
func (p *porter) become() error {
	if err := bareMounts(&p.Spec); err != nil {
		return &LayerError{Mount, err.Error()}
	}
	if err := os.Chdir(p.Dir); err != nil {
		return err
	}
	// The right to mount ends here: it is ambient, so that it came through the start of this program.
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return &LayerError{Capabilities, err.Error()}
	}
	return fmt.Errorf("%s: %w", p.Path, syscall.Exec(p.Path, p.Args, p.Env))
}

// attend starts the program, reaps whatever becomes an orphan, and ends with it.
func (p *porter) attend() error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	env := p.Env
	pid, err := syscall.ForkExec(p.Path, p.Args, &syscall.ProcAttr{Dir: p.Dir, Env: env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		return fmt.Errorf("%s: %w", p.Path, err)
	}
	for fd := range 3 { // the readers of its output wait for nobody but the job
		if null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0); err == nil {
			_ = unix.Dup3(null, fd, 0)
			_ = unix.Close(null)
		}
	}
	if err := p.says.Encode(message{Started: true}); err != nil {
		return err // nobody is there to hear the end
	}
	w := &watch{limits: p.Spec.Limits, others: !p.Spec.Without.has(Pid)}
	go func() {
		for range stop {
			w.signal(syscall.SIGTERM)
		}
	}()
	if !p.Spec.Without.has(Limit) {
		go w.keep()
	}
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if got != pid {
			continue
		}
		end := Ended{Exit: status.ExitStatus(), Limit: w.broken()}
		if status.Signaled() {
			end.Signal, end.Exit = int(status.Signal()), 128+int(status.Signal())
		}
		_ = p.says.Encode(message{Ended: &end})
		os.Exit(0)
	}
}
