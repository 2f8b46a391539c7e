package main

import "github.com/jitos/jitos/cmd/internal/exit"

// The exit codes of this program, as package exit has them.
const (
	exitDone      = exit.Done
	exitFailed    = exit.Failed
	exitUsage     = exit.UsageCode
	exitNotFound  = exit.NotFound
	exitCancelled = exit.Cancelled
	exitConflict  = exit.Conflict
	exitExhausted = exit.Exhausted
	exitWaiting   = exit.Waiting
	exitDenied    = exit.Denied
	exitBusy      = exit.Busy
	exitHelp      = exit.Help
)

type usageError = exit.UsageError

func exitCode(err error) int                 { return exit.Code(err) }
func usage(format string, args ...any) error { return exit.Usage(format, args...) }
func hintOf(err error) string                { return exit.Hint(err) }
