// Command jitos runs work in a git repository as a careful engineer would: it writes down what is wanted, plans it, tries
// the plan in a workspace that can be thrown away, proves the result, and only then makes it real.
//
// This package wires the parts together and speaks to people and scripts; it decides nothing. From the outside in:
//
//	main.go      run: arguments in, exit code out
//	commands.go  the list of commands, and help
//	args.go      flags may stand before or after arguments
//	ui.go        what is printed where: the rules of the interface
//	progress.go  progress of a run, live or in lines
//	exit.go      the exit codes, as cmd/internal/exit has them
//	ids.go       unique prefixes to ids; find.go: nodes of any kind, wherever they are
//	app.go       opening the repository and wiring the kernel
//	json.go      strict JSON that knows its lines, form.go: rewrites written in it
//
// and one file for each command, named after it.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: arguments (the first is the program's name) in, exit code out. An interrupt cancels what is
// under way; a second one ends the program at once, as the system would.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, heard, stop := interruptible()
	defer stop()
	return call(ctx, heard, args, stdin, stdout, stderr)
}

// call runs one command. Several may run at once in one process. heard is closed when interrupts cancel ctx.
func call(ctx context.Context, heard <-chan struct{}, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{ui: newUI(stdin, stdout, stderr), heard: heard}
	defer a.close()
	program := a.program()
	args, err := flagsFirst(program, args)
	if err == nil {
		err = program.RunContext(ctx, args)
	}
	return a.ui.fail(err)
}

// interruptible returns a context that the first interrupt cancels. To listen takes a third of a millisecond, so it begins beside
// what a command does first; whoever is about to change something waits until heard is closed.
func interruptible() (ctx context.Context, heard <-chan struct{}, stop func()) {
	ctx, stop = context.WithCancel(context.Background())
	listening := make(chan struct{})
	go func() {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer signal.Stop(signals)
		close(listening)
		select {
		case <-signals:
			stop()
		case <-ctx.Done():
		}
	}()
	return ctx, listening, stop
}
