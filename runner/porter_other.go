//go:build !linux

package runner

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
)

// PorterArg is the first argument of this program when it is started as a porter, which it never is here.
const PorterArg = "--porter"

var errNoOverlay = errors.New("only Linux has overlays")

// Porter fails: only Linux has overlays.
func Porter([]string) int { return 125 }

func (p place) enter(*exec.Cmd) (func(error) error, error) {
	return func(err error) error { return err }, nil
}

func probe(context.Context, string, bool) error { return errNoOverlay }
func isWhiteout(fs.FileInfo) bool               { return false }
func makeWhiteout(string) error                 { return errNoOverlay }
func isOpaque(string) bool                      { return false }
func makeOpaque(string) error                   { return errNoOverlay }
