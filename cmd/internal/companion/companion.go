// Package companion finds the other program of the pair. jitos starts in milliseconds and jitosd holds what needs large libraries; each
// calls the other as a program, so that neither pays for the other's start, nor dies with it.
package companion

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/jitos/jitos"
)

// Find returns the path of a program of the pair, "jitos" or "jitosd": the one beside the program that runs, or else the one on
// PATH. The error Is jitos.ErrNotFound and says how to install it.
func Find(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		if beside, err := exec.LookPath(filepath.Join(filepath.Dir(self), name)); err == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	return "", jitos.Hint(fmt.Errorf("the program %s: %w: it is neither beside this one nor on PATH", name, jitos.ErrNotFound),
		"go install github.com/jitos/jitos/cmd/%s@latest, or go install ./cmd/... in its source", name)
}
