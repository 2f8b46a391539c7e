package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jitos/jitos/runner/sandbox"
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

var errNoProgram = errors.New("command not found")

// command is a program to run in a place: the one way in which a worker starts a process of its job. It sees what
// baseEnviron gives, vars, and nothing else of the user's.
type command struct {
	place   place
	argv    []string // the program, found on PATH where it has no slash, and its arguments; see inShell
	vars    map[string]string
	timeout time.Duration
	stdin   io.Reader                     // nil for an empty one
	stdout  io.Writer                     // takes standard output as it comes; nil: its lines are told to line
	line    func(stream int, text string) // told every line, without its newline; never called twice at once
	meter   *meter                        // of what it prints
}

// inShell is what runs a script of sh, which ends at the first command that fails.
func inShell(text string) []string { return []string{"/bin/sh", "-e", "-c", text} }

// ended is how a command came to its end.
type ended struct {
	exit     int // the exit status; 128 + the signal's number where a signal ended it
	signal   syscall.Signal
	timedOut bool
	limit    string // of its sandbox that it went beyond, and was killed for; "" for none
}

// run runs the command, and returns when no process of it is alive: what it left in the background is killed. After ctx
// ended, or the timeout, all of them are asked to stop, then killed. An error means that it could not be started, or that
// ctx ended.
func (c command) run(ctx context.Context) (ended, error) {
	if err := ctx.Err(); err != nil {
		return ended{}, err
	}
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Dir = c.place.tree()
	within, over := context.WithCancelCause(ctx)
	defer over(nil)
	c.meter = &meter{most: outputOf(ctx), over: over}
	job, readers, err := c.start(ctx, cmd)
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return ended{}, fmt.Errorf("%s: %w", c.argv[0], errNoProgram)
		}
		return ended{}, fmt.Errorf("start a command: %w", err)
	}
	type came struct {
		end ended
		err error
	}
	exited := make(chan came, 1)
	go func() {
		end, err := job.wait()
		exited <- came{end, err}
	}()
	timedOut := false
	got, done := wait(within, exited, c.timeout)
	if !done {
		timedOut = within.Err() == nil
		job.stop()
		if got, done = wait(context.Background(), exited, grace); !done {
			job.kill()
			got = <-exited
		}
	}
	readers.finish()
	got.end.timedOut = timedOut
	if e := (*tooMuch)(nil); errors.As(context.Cause(within), &e) {
		got.end.limit = e.Error()
	}
	if ctx.Err() != nil {
		return got.end, ctx.Err()
	}
	return got.end, got.err
}

// job is every process that a command started, and what those started.
type job interface {
	stop()                // asks them to end
	kill()                // ends them
	wait() (ended, error) // returns when the command itself has ended, and none of them is alive
}

// begin starts a command as its place says: in a sandbox, in its overlays alone, or as it is.
func (c command) begin(ctx context.Context, cmd *exec.Cmd) (job, error) {
	spec, err := c.place.spec()
	if err != nil {
		return nil, err
	}
	files, gate := lentTo(ctx).files, lentTo(ctx).gate
	if spec == nil || !spec.Proxy {
		gate = nil // without a sandbox the network is open
	}
	cmd.Env = environList(baseEnviron(c.place), lentTo(ctx).vars, c.vars, gate.vars())
	if len(files) > 0 && (spec == nil || spec.Bare) {
		return nil, errors.New("a secret is lent as a file only to a job in a sandbox")
	}
	if spec == nil {
		cmd.SysProcAttr = ownSession()
		began := time.Now()
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		return &family{place: c.place, leader: cmd.Process.Pid, began: began, reap: func() (ended, error) { return ended{}.with(cmd.Wait()) }}, nil
	}
	began := time.Now()
	spec.Memory = files                                                             // which is written down nowhere
	if real, err := filepath.EvalSymlinks(cmd.Path); err == nil && cmd.Err == nil { // what is started may be seen
		spec.Read = append(spec.Read, cmd.Path, real)
		spec.Programs = append(spec.Programs, withInterpreters(real)...)
	}
	r, err := sandbox.Start(*spec, cmd)
	if l := (*sandbox.LayerError)(nil); errors.As(err, &l) && len(spec.Lay) > 0 && (l.Layer == sandbox.Mount || spec.Bare) {
		return nil, &unmountable{l.Why}
	}
	if err != nil {
		return nil, err
	}
	boxed := &boxed{r: r}
	if r.Listener != nil {
		if boxed.closeGate, err = gate.answer(r.Listener); err != nil {
			r.Kill()
			_, _ = r.Wait()
			return nil, err
		}
	}
	if spec.Bare {
		return &family{place: c.place, leader: r.Pid(), began: began, reap: boxed.wait}, nil
	}
	return boxed, nil
}

// boxed is a job in a sandbox: its processes end with the first, so nobody has to be looked for.
type boxed struct {
	r         *sandbox.Running
	closeGate func() // nil where there is none
}

func (b *boxed) stop() { b.r.Stop() }
func (b *boxed) kill() { b.r.Kill() }
func (b *boxed) wait() (ended, error) {
	end, err := b.r.Wait()
	if b.closeGate != nil {
		b.closeGate()
	}
	return ended{exit: end.Exit, signal: syscall.Signal(end.Signal), limit: end.Limit}, err
}

// wait implements job. What the leader left is killed while nobody else can get its number.
func (f *family) wait() (ended, error) {
	exited := waitExited(f.leader)
	if exited && !f.lone() {
		f.kill()
	}
	return f.collect(exited)
}

func (f *family) stop() { f.signal(syscall.SIGTERM) }

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

// nothing is an empty standard input, opened once for all commands; nil where that failed, and exec opens one for each.
var nothing = sync.OnceValue(func() *os.File {
	f, _ := os.Open(os.DevNull)
	return f
})

// readers pass both streams on.
type readers struct {
	running sync.WaitGroup
	pipes   []*os.File
	input   *os.File // our end of the standard input, nil for an empty one
}

// start starts the command with pipes of our own: exec's would make Wait wait for everything that inherited them.
func (c command) start(ctx context.Context, cmd *exec.Cmd) (job, *readers, error) {
	r := &readers{}
	var mine []*os.File
	for range 2 {
		read, write, err := pipe()
		if err != nil {
			return nil, nil, errors.Join(err, closeAll(r.pipes), closeAll(mine))
		}
		r.pipes, mine = append(r.pipes, read), append(mine, write)
	}
	cmd.Stdout, cmd.Stderr = mine[stdout], mine[stderr]
	if null := nothing(); null != nil {
		cmd.Stdin = null
	}
	if c.stdin != nil {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, nil, errors.Join(err, closeAll(r.pipes), closeAll(mine))
		}
		cmd.Stdin, r.input, mine = read, write, append(mine, read)
	}
	started, err := c.begin(ctx, cmd)
	if err2 := closeAll(mine); err == nil {
		err = err2
	}
	if err != nil {
		if r.input != nil {
			err = errors.Join(err, r.input.Close())
		}
		return nil, nil, errors.Join(err, closeAll(r.pipes))
	}
	if r.input != nil {
		go func() { // not waited for: the reader may block for ever
			_, _ = io.Copy(r.input, c.stdin)
			_ = r.input.Close()
		}()
	}
	var one sync.Mutex
	for stream, pipe := range r.pipes {
		r.running.Go(func() {
			said := lentTo(ctx).values.Reader(c.meter.reader(pipe))
			if stream == stdout && c.stdout != nil {
				if _, err := io.Copy(c.stdout, said); err != nil {
					_, _ = io.Copy(io.Discard, pipe) // a writer that fails must not block the job
				}
				return
			}
			eachLine(said, func(line string) {
				one.Lock()
				defer one.Unlock()
				c.line(stream, line)
			})
		})
	}
	return started, r, nil
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
	if r.input != nil {
		_ = r.input.Close()
	}
	<-done
}

func closeAll(files []*os.File) error {
	var err error
	for _, f := range files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// lineReaders are between commands, most of which print little.
var lineReaders = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}

// eachLine calls yield with every line. A line beyond maxLine is cut; the last needs no newline.
func eachLine(from io.Reader, yield func(string)) {
	in := lineReaders.Get().(*bufio.Reader)
	in.Reset(from)
	defer func() {
		in.Reset(nil)
		lineReaders.Put(in)
	}()
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
