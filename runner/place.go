package runner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jitos/jitos"
)

// DefaultCache is the directory below which jobs run and caches are kept: jitos in the user's cache directory
// ($XDG_CACHE_HOME or ~/.cache). Where that lies inside a repository (a home directory kept in git) it is one of the
// user's own in the system's temporary directory instead: tools that look for a repository above them must find none.
func DefaultCache() (string, error) {
	var tried []string
	if base, err := os.UserCacheDir(); err == nil {
		tried = append(tried, filepath.Join(base, "jitos"))
	}
	tried = append(tried, filepath.Join(os.TempDir(), "jitos-"+strconv.Itoa(os.Getuid())))
	var why error
	for _, dir := range tried {
		real, err := makeCache(dir)
		if err == nil {
			return real, nil
		}
		why = errors.Join(why, err)
	}
	return "", jitos.Hint(fmt.Errorf("no place for jobs: %w", why), "set XDG_CACHE_HOME to a directory outside of every repository")
}

// makeCache makes the directory and returns its real path. It is refused where a directory above it is a repository, and
// where it belongs to somebody else or others may write to it.
func makeCache(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", err
	}
	if real, err = filepath.Abs(real); err != nil {
		return "", err
	}
	if err := ownedByUs(real); err != nil {
		return "", err
	}
	for up := real; ; up = filepath.Dir(up) {
		if _, err := os.Lstat(filepath.Join(up, ".git")); err == nil {
			return "", fmt.Errorf("%s lies inside the repository %s", dir, up)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if up == filepath.Dir(up) {
			return real, nil
		}
	}
}

// place is the directory lent to one job. Beside the files it holds what the job may use and what is never captured:
//
//	tree   the files; the job's working directory
//	home   $HOME
//	tmp    $TMPDIR
//	out    $JITOS_OUT: artifacts
type place string

func (p place) tree() string { return filepath.Join(string(p), "tree") }
func (p place) home() string { return filepath.Join(string(p), "home") }
func (p place) tmp() string  { return filepath.Join(string(p), "tmp") }
func (p place) out() string  { return filepath.Join(string(p), "out") }

// placeOf is the place whose files are in dir.
func placeOf(dir string) place { return place(filepath.Dir(dir)) }

// fresh empties everything beside the files.
func (p place) fresh() error {
	for _, dir := range []string{p.home(), p.tmp(), p.out()} {
		if isEmpty(dir) {
			continue
		}
		if err := removeAll(dir); err != nil {
			return err
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// isEmpty tells whether there is a directory as fresh makes it, with nothing in it.
func isEmpty(dir string) bool {
	d, err := os.OpenFile(dir, os.O_RDONLY|noFollow, 0)
	if err != nil {
		return false
	}
	defer d.Close()
	info, err := d.Stat()
	if err != nil || info.Mode() != os.ModeDir|0o700 {
		return false
	}
	names, err := d.Readdirnames(1)
	return len(names) == 0 && errors.Is(err, io.EOF)
}

// removeAll removes what a job left, also directories that it made unreadable or read-only (Go's module cache).
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	walked := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			return os.Chmod(p, 0o700)
		}
		return nil
	})
	if again := os.RemoveAll(dir); again != nil {
		return errors.Join(again, walked)
	}
	return nil
}

// inside tells whether path is dir or below it; both are clean and absolute.
func inside(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
