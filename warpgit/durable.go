package warpgit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// perm is git's core.sharedRepository: the bits that every file and directory gets beside what the umask leaves, or in its
// place (exact). 0 means that the umask alone decides.
type perm fs.FileMode

// exact marks bits that replace those of the umask.
const exact perm = 1 << 12

// of is the mode of a file that has one already.
func (p perm) of(mode fs.FileMode) fs.FileMode {
	bits := fs.FileMode(p) & 0o666
	if mode&0o200 == 0 {
		bits &^= 0o222
	}
	if mode&0o100 != 0 {
		bits |= (bits & 0o444) >> 2
	}
	if p&exact != 0 {
		return mode&^0o777 | bits
	}
	return mode | bits
}

// open creates a file with git's mode for it: 0444 for packs, 0666 for the rest.
func (p perm) open(path string, flag int, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag, mode)
	if err != nil || p == 0 {
		return f, err
	}
	info, err := f.Stat()
	if err == nil && p.of(info.Mode()) != info.Mode() {
		err = f.Chmod(p.of(info.Mode()).Perm())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// write writes a file that may be lost in a power cut.
func (p perm) write(path string, data []byte, mode fs.FileMode) error {
	f, err := p.open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// writeSynced writes a file and waits until it is on the disk. Its name is not, before syncDir.
func (p perm) writeSynced(path string, data []byte, mode fs.FileMode) error {
	f, err := p.open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// replace puts a file in the place of another, durably and in one step.
func (p perm) replace(path string, data []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "tmp-*")
	if err != nil {
		return err
	}
	tmp.Close()
	os.Remove(tmp.Name())
	if err := p.writeSynced(tmp.Name(), data, mode); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// mkdirAll makes a directory and its parents, each on the disk before what is put into it.
func (p perm) mkdirAll(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := p.mkdirAll(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrExist) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return nil // another was faster
		}
		return fmt.Errorf("%s: %w", dir, syscall.ENOTDIR)
	}
	if err != nil {
		return err
	}
	if p != 0 {
		info, err := os.Stat(dir)
		if err == nil {
			err = os.Chmod(dir, p.of(info.Mode()).Perm()|fs.ModeSetgid)
		}
		if err != nil {
			return err
		}
	}
	return syncDir(parent)
}

// listed are the files of a directory whose names begin and end so; none where there is no directory. Unlike filepath.Glob it
// does not take for empty what cannot be read.
func listed(dir, prefix, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), suffix) {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list, nil
}

// syncDir makes the names in a directory durable. A failed fsync may have lost what it was for, so nobody tries it again.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	err = d.Sync()
	if err := errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// syncFile waits until a file that another wrote is on the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
