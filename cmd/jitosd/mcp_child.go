package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/jitos/jitos/cmd/internal/exit"
)

// lastCall is how long a command that was interrupted may take to put things in order.
const lastCall = 15 * time.Second

// run runs a command of jitos as a process of its own: what it may do to itself it does not do to the server, nor to other calls.
// Its progress is told to say, if that is not nil. When ctx ends it is interrupted, as by a person, and killed where that does
// not help; what it has settled by then stays.
func (s *agentServer) run(ctx context.Context, args []string, stdin string, say func(line string)) (out string, told *teller, code int) {
	var stdout bytes.Buffer
	told = &teller{say: say}
	cmd := exec.CommandContext(ctx, s.jitos, append([]string{"-C", s.dir}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, told
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = lastCall
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return stdout.String(), told, exit.Done
	case errors.As(err, &ended) && ended.ExitCode() >= 0:
		return stdout.String(), told, ended.ExitCode()
	case ctx.Err() != nil:
		return stdout.String(), told, exit.Cancelled
	}
	told.errors = append(told.errors, "the command ended in an unusual way: "+err.Error())
	return stdout.String(), told, exit.Failed
}

// teller is the stderr of a command: progress is passed on line by line, errors and hints are kept.
type teller struct {
	mu     sync.Mutex
	rest   string
	lines  []string
	errors []string
	say    func(line string)
}

func (t *teller) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest += string(p)
	for {
		line, rest, ok := strings.Cut(t.rest, "\n")
		if !ok {
			return len(p), nil
		}
		t.rest = rest
		if strings.HasPrefix(line, "jitos: error:") || strings.HasPrefix(line, "jitos: hint:") {
			t.errors = append(t.errors, line)
			continue
		}
		t.lines = append(t.lines, line)
		if t.say != nil {
			t.say(line)
		}
	}
}
