package main

import (
	"os"
	"syscall"
)

// peakOf is the most memory that an ended process held, in bytes.
func peakOf(p *os.ProcessState) int64 {
	if use, ok := p.SysUsage().(*syscall.Rusage); ok {
		return use.Maxrss << 10
	}
	return 0
}
