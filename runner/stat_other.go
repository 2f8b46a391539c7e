//go:build !linux

package runner

import "io/fs"

// statOf gives every file a value that differs from every other: elsewhere than on Linux each file is read.
func statOf(info fs.FileInfo) fileStat {
	return fileStat{size: info.Size(), mtime: info.ModTime().UnixNano(), ctime: -1, mode: info.Mode()}
}
