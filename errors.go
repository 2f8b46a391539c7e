package jitos

import (
	"errors"
	"fmt"
	"strings"
)

// What callers test for with errors.Is. The command line maps them to exit codes, in one switch.
var (
	ErrNotFound  = errors.New("not found")
	ErrNoPlan    = errors.New("no plan")
	ErrConflict  = errors.New("conflict")
	ErrStale     = errors.New("stale")
	ErrExhausted = errors.New("every candidate failed")
	ErrWaiting   = errors.New("waiting for a human")
	ErrDenied    = errors.New("denied")
	ErrBusy      = errors.New("busy")
	ErrInvalid   = errors.New("invalid") // the caller's input
	ErrCorrupt   = errors.New("corrupt") // the store's bytes
)

// HintError is an error with a line that says what would help.
type HintError struct {
	Err  error
	Hint string
}

func (e *HintError) Error() string { return e.Err.Error() }
func (e *HintError) Unwrap() error { return e.Err }

// Hint adds a hint to an error.
func Hint(err error, format string, args ...any) error {
	return &HintError{Err: err, Hint: fmt.Sprintf(format, args...)}
}

// ConflictError is a merge that was refused. It Is ErrConflict, or ErrStale where only reads have moved.
type ConflictError struct{ Conflicts []Conflict }

func (e *ConflictError) Error() string {
	var b strings.Builder
	for i, c := range e.Conflicts {
		if i == 3 {
			fmt.Fprintf(&b, "; and %d more", len(e.Conflicts)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		what := c.Path
		if what == "" {
			what = string(c.Item)
		}
		fmt.Fprintf(&b, "%s: %s", what, c.Why)
	}
	return b.String()
}

func (e *ConflictError) Is(target error) bool { return target == ErrConflict }
