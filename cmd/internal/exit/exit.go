// Package exit maps errors to the exit codes of the commands: a promise to scripts.
package exit

import (
	"context"
	"errors"
	"fmt"

	"github.com/jitos/jitos"
)

// The exit codes.
const (
	Done = iota
	Failed
	UsageCode
	NotFound
	Cancelled
	Conflict
	Exhausted
	Waiting
	Denied
	Busy
)

// Help is what the help says of them.
const Help = `0 done · 1 failed · 2 usage · 3 not found, no plan · 4 cancelled · 5 conflict or stale, replan ·
6 every candidate failed its gates · 7 waiting for a human · 8 denied, or not allowed yet · 9 busy
A disk that is full, read-only or broken is 1 as well; nothing is half done then, and the same command goes on later.`

// Code maps an error to the code that the program ends with.
func Code(err error) int {
	var usage *UsageError
	switch {
	case err == nil:
		return Done
	case errors.As(err, &usage):
		return UsageCode
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Cancelled
	}
	switch jitos.ErrorCode(err) {
	case "invalid":
		return UsageCode
	case "not-found", "no-plan":
		return NotFound
	case "conflict", "stale":
		return Conflict
	case "exhausted":
		return Exhausted
	case "waiting":
		return Waiting
	case "denied":
		return Denied
	case "busy":
		return Busy
	}
	return Failed
}

// UsageError is a call that the program does not understand.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usage makes a UsageError.
func Usage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// Hint is the hint of an error, "" for none: of several the outermost, which knows most about what was asked.
func Hint(err error) string {
	var hint *jitos.HintError
	if errors.As(err, &hint) {
		return hint.Hint
	}
	return ""
}
