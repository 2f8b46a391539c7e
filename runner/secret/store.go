package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jitos/jitos"
)

// Store holds the secrets of a clone: a file each, which nobody but its owner reads, in a directory outside of every tree. The
// zero value holds none.
type Store struct {
	Dir string // made when it is needed
}

// Variable is how the environment of jitos gives a secret instead of a file, for CI: JITOS_SECRET_NAME.
const Variable = "JITOS_SECRET_"

// Entry is a secret without its value.
type Entry struct {
	Name string    `json:"name"`
	Set  time.Time `json:"set"`
}

// CheckName refuses what is no name of a secret: it is also that of a variable, and must not be one that means something to
// programs.
func CheckName(name string) error {
	legal := name != "" && len(name) <= 64 && !(name[0] >= '0' && name[0] <= '9')
	for i := range len(name) {
		legal = legal && word[name[i]]
	}
	if !legal {
		return fmt.Errorf("secret %q: %w: a name has letters, digits and _", name, jitos.ErrInvalid)
	}
	up := strings.ToUpper(name)
	for _, taken := range []string{"PATH", "HOME", "PWD", "SHELL", "TMPDIR", "LANG", "TERM", "TZ", "CI"} {
		legal = legal && up != taken
	}
	for _, prefix := range []string{"LD_", "DYLD_", "JITOS_", "GIT_", "ARG_"} {
		legal = legal && !strings.HasPrefix(up, prefix)
	}
	if !legal {
		return fmt.Errorf("secret %s: %w: a variable of this name means something else to programs", name, jitos.ErrInvalid)
	}
	return nil
}

// Set keeps a value, in place of a former one. The error Is jitos.ErrInvalid where the value cannot be told from other text.
func (s Store) Set(name, value string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	switch {
	case len(value) < Least:
		return fmt.Errorf("secret %s: %w: a value of fewer than %d bytes cannot be hidden from output", name, jitos.ErrInvalid, Least)
	case strings.ContainsRune(value, 0):
		return fmt.Errorf("secret %s: %w: a value holds no zero byte", name, jitos.ErrInvalid)
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	f, err := os.CreateTemp(s.Dir, ".new-") // 0600
	if err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	_, err = f.WriteString(value)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.Dir, name))
	}
	if err != nil {
		return fmt.Errorf("secret %s: %w", name, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// Get returns a value: that of the environment, else that of the file. The error Is jitos.ErrNotFound where there is neither, and
// jitos.ErrDenied where others may read the file.
func (s Store) Get(name string) (string, error) {
	if err := CheckName(name); err != nil {
		return "", err
	}
	if value, ok := os.LookupEnv(Variable + name); ok && len(value) >= Least {
		return value, nil
	}
	path := filepath.Join(s.Dir, name)
	info, err := os.Lstat(path)
	if s.Dir == "" || errors.Is(err, fs.ErrNotExist) {
		return "", jitos.Hint(fmt.Errorf("secret %s: %w in this clone", name, jitos.ErrNotFound), "`jitos secret set %s` reads it from standard input", name)
	}
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return "", jitos.Hint(fmt.Errorf("secret %s: %w: others may read its file", name, jitos.ErrDenied), "chmod 600 %s, and think of it as known to them", path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", name, err)
	}
	return string(raw), nil
}

// List returns what there is, by name.
func (s Store) List() ([]Entry, error) {
	list, err := os.ReadDir(s.Dir)
	if s.Dir == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list secrets: %w", err)
	}
	var all []Entry
	for _, e := range list {
		if info, err := e.Info(); err == nil && CheckName(e.Name()) == nil {
			all = append(all, Entry{e.Name(), info.ModTime()})
		}
	}
	return all, nil
}

// Values are all that there are, to be found in other text.
func (s Store) Values() (*Values, error) {
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, e := range list {
		if all[e.Name], err = s.Get(e.Name); err != nil {
			return nil, err
		}
	}
	return New(all), nil
}

// Drop forgets a secret. The error Is jitos.ErrNotFound where there is none.
func (s Store) Drop(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	err := os.Remove(filepath.Join(s.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("secret %s: %w in this clone", name, jitos.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	return nil
}
