//go:build !linux

package runner

import (
	"context"
	"errors"
	"io/fs"
)

var errNoOverlay = errors.New("only Linux has overlays")

func probe(context.Context, string, bool) error { return errNoOverlay }
func isWhiteout(fs.FileInfo) bool               { return false }
func makeWhiteout(string) error                 { return errNoOverlay }
func isOpaque(string) bool                      { return false }
func makeOpaque(string) error                   { return errNoOverlay }
