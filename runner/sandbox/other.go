//go:build !linux

package sandbox

import (
	"context"
	"os"
	"os/exec"
)

// Running is a process in its sandbox; here there is none.
type Running struct{ Listener *os.File }

// Start fails: see ErrUnsupported.
func Start(Spec, *exec.Cmd) (*Running, error) { return nil, ErrUnsupported }

// Check fails: see ErrUnsupported.
func Check(context.Context, string, bool, Layers) error { return ErrUnsupported }

func (*Running) Pid() int             { return 0 }
func (*Running) Stop()                {}
func (*Running) Kill()                {}
func (*Running) Wait() (Ended, error) { return Ended{}, ErrUnsupported }
