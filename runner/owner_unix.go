//go:build unix

package runner

import (
	"fmt"
	"os"
	"syscall"
)

// ownedByUs refuses a directory that somebody else could have prepared, or could change.
func ownedByUs(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to another user", dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("others may write to %s", dir)
	}
	return nil
}
