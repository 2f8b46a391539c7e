package jitos

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What callers test for with errors.Is.
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

// errorCodes name the errors that are answers rather than faults.
var errorCodes = []struct {
	err  error
	code string
}{
	{ErrBusy, "busy"},
	{ErrDenied, "denied"},
	{ErrWaiting, "waiting"},
	{ErrExhausted, "exhausted"},
	{ErrConflict, "conflict"},
	{ErrStale, "stale"},
	{ErrNoPlan, "no-plan"},
	{ErrNotFound, "not-found"},
	{ErrInvalid, "invalid"},
}

// ErrorCode names an error that is an answer, as every face of the kernel does; "" for one that is a fault. Of an error that is
// several the first counts, in the order of errorCodes.
func ErrorCode(err error) string {
	for _, c := range errorCodes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return ""
}

// ErrorOf is the error that a code names, nil for none.
func ErrorOf(code string) error {
	for _, c := range errorCodes {
		if c.code == code {
			return c.err
		}
	}
	return nil
}

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

// AmbiguousError is a word that several names begin with. It Is ErrInvalid.
type AmbiguousError struct {
	Kind, Word string
	Names      []string
	More       int // names that are not listed
}

func (e *AmbiguousError) Error() string {
	note := ""
	if e.More > 0 {
		note = fmt.Sprintf("\n  and %d more", e.More)
	}
	return fmt.Sprintf("%s %q could be any of\n  %s%s", kindWords(e.Kind), e.Word, strings.Join(e.Names, "\n  "), note)
}

func (e *AmbiguousError) Is(target error) bool { return target == ErrInvalid }

// MostNames is how many names an AmbiguousError lists.
const MostNames = 10

// OnlyName is the one name that was found for a word; more counts names that were found and are not among them. Where there is
// none the error Is ErrNotFound, where there are several it is an *AmbiguousError.
func OnlyName(kind, word string, found []string, more int) (string, error) {
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s %q: %w", kindWords(kind), word, ErrNotFound)
	case 1:
		return found[0], nil
	}
	slices.Sort(found)
	if n := len(found) - MostNames; n > 0 {
		found, more = found[:MostNames], more+n
	}
	return "", &AmbiguousError{kind, word, found, more}
}

// kindWords is what people call a kind.
func kindWords(kind string) string {
	switch kind {
	case "":
		return "node"
	case KindSlap:
		return "plan"
	case KindProcess:
		return "attempt"
	}
	return kind
}
