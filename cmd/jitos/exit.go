package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jitos/jitos"
)

// Exit codes are a promise to scripts. They stand in the help, and here in one switch.
const (
	exitDone = iota
	exitFailed
	exitUsage
	exitNotFound
	exitCancelled
	exitConflict
	exitExhausted
	exitWaiting
	exitDenied
	exitBusy
)

// exitHelp is what the help says of them.
const exitHelp = `0 done · 1 failed · 2 usage · 3 not found, no plan · 4 cancelled · 5 conflict or stale, replan ·
6 every candidate failed its gates · 7 waiting for a human · 8 denied, or not allowed yet · 9 busy
A disk that is full, read-only or broken is 1 as well; nothing is half done then, and the same command goes on later.`

// exitCode maps an error to the code that the program ends with.
func exitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return exitCancelled
	case errors.Is(err, jitos.ErrBusy):
		return exitBusy
	case errors.Is(err, jitos.ErrDenied):
		return exitDenied
	case errors.Is(err, jitos.ErrWaiting):
		return exitWaiting
	case errors.Is(err, jitos.ErrExhausted):
		return exitExhausted
	case errors.Is(err, jitos.ErrConflict), errors.Is(err, jitos.ErrStale):
		return exitConflict
	case errors.Is(err, jitos.ErrNoPlan), errors.Is(err, jitos.ErrNotFound):
		return exitNotFound
	case errors.Is(err, jitos.ErrInvalid):
		return exitUsage
	}
	return exitFailed
}

// usageError is a call that the program does not understand.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// hintOf is the hint of an error, "" for none: of several the outermost, which knows most about what was asked.
func hintOf(err error) string {
	var hint *jitos.HintError
	if errors.As(err, &hint) {
		return hint.Hint
	}
	return ""
}
