package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The streams of a command.
const (
	stdout = iota
	stderr
)

// grace is how long processes have between the polite signal and the last.
const grace = 2 * time.Second

// maxLine bounds one line of output in bytes; a longer one is cut.
const maxLine = 32 << 20

var errNoShell = errors.New("there is no /bin/sh")

// command is a script to run in a place. The script is given to `sh -e -c`: it ends at the first command that fails.
type command struct {
	place   place
	script  string
	vars    map[string]string
	timeout time.Duration
	line    func(stream int, text string) // told every line, without its newline; never called twice at once
}

// ended is how a command came to its end.
type ended struct {
	exit     int // the shell's exit status; 128 + the signal's number where a signal ended it
	signal   syscall.Signal
	timedOut bool
}

// run runs the command, and returns when no process of it is alive: what it left in the background is killed. After ctx
// ended, or the timeout, all of them are asked to stop, then killed. An error means that it could not be started, or that
// ctx ended.
func (c command) run(ctx context.Context) (ended, error) {
	if err := ctx.Err(); err != nil {
		return ended{}, err
	}
	cmd := exec.Command("/bin/sh", "-e", "-c", c.script)
	cmd.Dir = c.place.tree()
	cmd.Env = environList(baseEnviron(c.place), c.vars)
	cmd.SysProcAttr = ownSession()
	readers, err := c.start(cmd)
	if u := (*unmountable)(nil); errors.As(err, &u) {
		return ended{}, err
	}
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return ended{}, errNoShell
		}
		return ended{}, fmt.Errorf("start a command: %w", err)
	}
	family := &family{place: c.place, leader: cmd.Process.Pid}
	exited := make(chan error, 1)
	go func() {
		if waitExited(cmd.Process.Pid) {
			family.kill() // while nobody else can get the leader's number
		}
		exited <- cmd.Wait()
	}()
	var end ended
	err, done := wait(ctx, exited, c.timeout)
	if !done {
		end.timedOut = ctx.Err() == nil
		family.signal(syscall.SIGTERM)
		if err, done = wait(context.Background(), exited, grace); !done {
			family.kill()
			err = <-exited
		}
	}
	family.reaped()
	readers.finish()
	if ctx.Err() != nil {
		return end, ctx.Err()
	}
	return end.with(err)
}

// wait returns what comes from the channel, and false where the time was up or ctx ended before.
func wait[T any](ctx context.Context, from <-chan T, most time.Duration) (T, bool) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	var none T
	select {
	case v := <-from:
		return v, true
	case <-ctx.Done():
	case <-timer.C:
	}
	return none, false
}

func (e ended) with(err error) (ended, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return e, fmt.Errorf("wait for a command: %w", err)
	}
	if exit != nil {
		e.exit = exit.ExitCode()
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			e.signal = status.Signal()
			e.exit = 128 + int(e.signal)
		}
	}
	return e, nil
}

// readers pass the lines of both streams on.
type readers struct {
	running sync.WaitGroup
	pipes   []*os.File
}

// start starts the command with pipes of our own: exec's would make Wait wait for everything that inherited them.
func (c command) start(cmd *exec.Cmd) (*readers, error) {
	r := &readers{}
	var mine []*os.File
	for range 2 {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, errors.Join(err, closeAll(r.pipes), closeAll(mine))
		}
		r.pipes, mine = append(r.pipes, read), append(mine, write)
	}
	cmd.Stdout, cmd.Stderr = mine[stdout], mine[stderr]
	entered, err := c.place.enter(cmd)
	if err == nil {
		err = entered(cmd.Start())
	}
	if err2 := closeAll(mine); err == nil {
		err = err2
	}
	if err != nil {
		return nil, errors.Join(err, closeAll(r.pipes))
	}
	var one sync.Mutex
	for stream, pipe := range r.pipes {
		r.running.Go(func() {
			eachLine(pipe, func(line string) {
				one.Lock()
				defer one.Unlock()
				c.line(stream, line)
			})
		})
	}
	return r, nil
}

// finish returns when all output was read. The writers are dead, so the pipes are at their end; one that outlived
// even that is not waited for.
func (r *readers) finish() {
	done := make(chan struct{})
	go func() {
		r.running.Wait()
		close(done)
	}()
	wait(context.Background(), done, 5*time.Second)
	_ = closeAll(r.pipes)
	<-done
}

func closeAll(files []*os.File) error {
	var err error
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// eachLine calls yield with every line. A line beyond maxLine is cut; the last needs no newline.
func eachLine(from io.Reader, yield func(string)) {
	in := bufio.NewReaderSize(from, 64<<10)
	var line strings.Builder
	for {
		part, err := in.ReadSlice('\n')
		if line.Len() < maxLine {
			line.Write(part)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if text := strings.TrimRight(line.String(), "\r\n"); line.Len() > 0 {
			yield(text)
		}
		line.Reset()
		if err != nil {
			return
		}
	}
}
