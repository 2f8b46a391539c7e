package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// loan is a directory or file copied into a job's directory from elsewhere: what git ignores and a test run needs
// (node_modules, .venv). It is a copy, sharing blocks where the file system can: with a hard link or a link to the original a
// job would write into the user's own files. It is never captured.
type loan struct {
	path string // in the job's directory
	from string // absolute
	home string // the directory that the original belongs to; absolute paths into it are rewritten to the job's

	files map[string]loanedFile // relative to path, "" for itself
}

// loanedFile is how the two sides looked when one was copied to the other.
type loanedFile struct{ original, copied fileStat }

func (s *slot) isLent(p string) bool {
	for _, l := range s.lent {
		if l.path == p {
			return true
		}
	}
	return false
}

func (s *slot) lentBelow(dir string) bool {
	for _, l := range s.lent {
		if strings.HasPrefix(l.path, dir+"/") {
			return true
		}
	}
	return false
}

// keepLoans forgets the loans that the next job does not want, before fill removes them.
func (s *slot) keepLoans(want []loan) {
	var kept []*loan
	for _, l := range s.lent {
		for _, w := range want {
			if l.path == w.path && l.from == w.from {
				kept = append(kept, l)
				break
			}
		}
	}
	s.lent = kept
}

// lend brings the loans that are wanted up to date, after fill.
func (s *slot) lend(ctx context.Context, want []loan) error {
	for _, w := range want {
		l := &w
		for _, have := range s.lent {
			if have.path == w.path {
				l = have
			}
		}
		if l == &w {
			l.files = map[string]loanedFile{}
			s.lent = append(s.lent, l)
		}
		if err := l.sync(ctx, s.place.tree()); err != nil {
			return fmt.Errorf("lend %s: %w", w.path, err)
		}
	}
	return nil
}

// sync makes the copy equal the original: what a former job changed in the copy, and what changed in the original, is
// copied again.
func (l *loan) sync(ctx context.Context, tree string) error {
	to := filepath.Join(tree, filepath.FromSlash(l.path))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	seen := make(map[string]loanedFile, len(l.files))
	var dirs []string
	err := filepath.WalkDir(l.from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rel, err := filepath.Rel(l.from, p)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the user's own tools are at work there
		}
		if err != nil {
			return err
		}
		if info.IsDir() {
			dirs = append(dirs, rel)
			seen[rel] = loanedFile{}
			return makeDir(filepath.Join(to, rel))
		}
		f, err := l.copyFile(info, p, filepath.Join(to, rel), rel, tree)
		if err == nil {
			seen[rel] = f
		}
		return err
	})
	if err != nil {
		return err
	}
	l.files = seen
	return l.prune(to, dirs)
}

// makeDir makes a directory, in place of whatever else is there.
func makeDir(to string) error {
	info, err := os.Lstat(to)
	if err == nil && info.IsDir() {
		if info.Mode().Perm()&0o700 != 0o700 {
			return os.Chmod(to, 0o755)
		}
		return nil
	}
	if err == nil {
		if err := os.Remove(to); err != nil {
			return err
		}
	}
	return os.Mkdir(to, 0o755)
}

func (l *loan) copyFile(info fs.FileInfo, from, to, rel, tree string) (loanedFile, error) {
	f := loanedFile{original: statOf(info)}
	there, err := os.Lstat(to)
	if err == nil {
		if was, ok := l.files[rel]; ok && was.original == f.original && f.original.ctime != -1 && was.copied == statOf(there) {
			return was, nil
		}
		if err := removeAll(to); err != nil {
			return f, err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return f, err
		}
		if err := os.Symlink(l.relocated(target, tree), to); err != nil {
			return f, err
		}
	case mode.IsRegular():
		if err := l.copyData(info, from, to, tree); err != nil {
			return f, err
		}
	default:
		return f, nil // a socket or the like is of no use in a copy
	}
	if there, err = os.Lstat(to); err != nil {
		return f, err
	}
	f.copied = statOf(there)
	return f, nil
}

// copyData copies a regular file with its mode and time: by sharing its blocks, else byte by byte.
func (l *loan) copyData(info fs.FileInfo, from, to, tree string) error {
	if l.home != "" && namesPaths(from) && info.Size() < 1<<20 {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if text := l.relocated(string(data), tree); text != string(data) {
			return os.WriteFile(to, []byte(text), info.Mode().Perm()|0o600)
		}
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	err = clone(out, in)
	if err2 := out.Close(); err == nil {
		err = err2
	}
	if err == nil {
		err = os.Chtimes(to, info.ModTime(), info.ModTime())
	}
	return err
}

// relocate writes above an overlay on the original what must differ from it there: what names the original's home.
func (l *loan) relocate(ctx context.Context, upper, tree string) error {
	if l.home == "" || l.home == tree {
		return nil
	}
	return filepath.WalkDir(l.from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		var text string
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			text, err = os.Readlink(p)
		case d.Type().IsRegular() && namesPaths(p):
			var data []byte
			data, err = os.ReadFile(p)
			text = string(data)
		}
		if errors.Is(err, fs.ErrNotExist) || err == nil && l.relocated(text, tree) == text {
			return nil // the user's own tools may be at work there
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(l.from, p)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		to := filepath.Join(upper, rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		_, err = l.copyFile(info, p, to, rel, tree)
		return err
	})
}

// namesPaths tells which files of a Python environment hold absolute paths that decide what is imported or run: without
// rewriting them, tests of an editable install would import the user's working tree in place of the job's files.
func namesPaths(p string) bool {
	name := filepath.Base(p)
	switch filepath.Ext(name) {
	case ".pth", ".egg-link", ".cfg":
		return true
	case ".py":
		return strings.HasPrefix(name, "__editable__")
	}
	dir := filepath.Base(filepath.Dir(p))
	return dir == "bin" || dir == "Scripts" || name == "direct_url.json"
}

// relocated rewrites absolute paths below the original's home to the job's directory. A longer name that only begins
// like it (/home/me/app2 for /home/me/app) stays.
func (l *loan) relocated(text, tree string) string {
	if l.home == "" {
		return text
	}
	var b strings.Builder
	for {
		i := strings.Index(text, l.home)
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		rest := text[i+len(l.home):]
		b.WriteString(text[:i])
		if rest == "" || strings.ContainsRune("/\n\r\t '\":;,)]}", rune(rest[0])) {
			b.WriteString(tree)
		} else {
			b.WriteString(l.home)
		}
		text = rest
	}
}

// prune removes what is in the copy and not in the original.
func (l *loan) prune(to string, dirs []string) error {
	for _, d := range dirs {
		list, err := os.ReadDir(filepath.Join(to, d))
		if err != nil {
			return err
		}
		for _, e := range list {
			rel := filepath.Join(d, e.Name())
			if _, ok := l.files[rel]; ok {
				continue
			}
			if err := removeAll(filepath.Join(to, rel)); err != nil {
				return err
			}
		}
	}
	return nil
}
