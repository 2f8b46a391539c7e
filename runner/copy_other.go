//go:build !linux

package runner

import (
	"io"
	"os"
	"syscall"
)

// noFollow makes opening a link fail.
const noFollow = syscall.O_NOFOLLOW

// clone copies a file.
func clone(to, from *os.File) error {
	_, err := io.Copy(to, from)
	return err
}
