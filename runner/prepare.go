package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// prepareTimeout bounds the installation of dependencies.
const prepareTimeout = 15 * time.Minute

// keepPrepared is how long installed dependencies that no job asked for are kept.
const keepPrepared = 60 * 24 * time.Hour

// prepared is what a toolchain's prepare left, kept in <cache>/prepared/<key>: the directories to lend, and this record.
type prepared struct {
	dir  string
	Home string `json:"home"` // the job's directory in which they were made: absolute paths in them start with it
}

// ReadLend reads the list of paths to lend from a working tree: one a line, a remark after "#". A file that is not there is
// an empty list.
func ReadLend(name string) ([]string, error) {
	raw, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the list of lent paths: %w", err)
	}
	var list []string
	for _, line := range strings.Split(string(raw), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list, nil
}

// loans decides what is lent to a job of a toolchain beside its files:
//
//   - paths of Lend, where they are there in the user's working tree;
//   - paths of the toolchain's own list that git ignores, where the files that they were installed from are the same
//     in the working tree as in the job's;
//   - else what the toolchain's prepare makes from the job's own files, made once for equal files and versions.
//
// Nothing is lent over a path with tracked files. A why that is not empty says that the dependencies cannot be had.
func (e *Executor) loans(ctx context.Context, chain string, files *listing, host jitos.Host) (list []loan, why string, err error) {
	for _, p := range e.Lend {
		if p = filepath.ToSlash(filepath.Clean(p)); e.lendable(p, files) {
			list = append(list, loan{path: p, from: filepath.Join(e.Repo, p), home: e.Repo})
		}
	}
	t, ok := e.toolchain(chain)
	if !ok || !e.allowed(t) {
		return list, "", nil
	}
	var own []loan
	for _, p := range t.Lend {
		if e.lendable(p, files) && e.ignored(ctx, p) {
			own = append(own, loan{path: p, from: filepath.Join(e.Repo, p), home: e.Repo})
		}
	}
	how, ok := preparation(t, files)
	if !ok || len(own) > 0 && e.sameInRepo(how, files) {
		return merged(list, own), "", nil
	}
	made, why, err := e.prepared(ctx, t, how, files, host)
	if err != nil {
		return nil, "", err
	}
	switch {
	case why == "":
		var lent []loan
		for _, p := range how.Lend {
			if from := filepath.Join(made.dir, p); !tracks(files, p) && hasFile(from) {
				lent = append(lent, loan{path: p, from: from, home: made.Home})
			}
		}
		return merged(list, lent), "", nil
	case len(own) > 0:
		e.say("%s; your working tree lends its own, installed from other versions of the files", why)
		return merged(list, own), "", nil
	case len(how.Lend) == 0: // only a cache was to be warmed: the job will say itself what it lacks
		e.say("%s", why)
		return list, "", nil
	}
	return nil, why, nil
}

// merged adds loans whose paths are not lent already.
func merged(list, more []loan) []loan {
	for _, l := range more {
		taken := false
		for _, have := range list {
			taken = taken || have.path == l.path || inside(l.path, have.path) || inside(have.path, l.path)
		}
		if !taken {
			list = append(list, l)
		}
	}
	return list
}

// lendable tells whether the working tree has a path that the files do not have, in a directory that they do have.
func (e *Executor) lendable(p string, files *listing) bool {
	if e.Repo == "" || !filepath.IsLocal(p) || p == "." || tracks(files, p) {
		return false
	}
	for _, part := range strings.Split(p, "/") {
		if badName(part) != "" {
			return false
		}
	}
	if up, ok := files.at(parentDir(p)); !ok || up.mode != filemode.Dir {
		return false
	}
	return hasFile(e.Repo, p)
}

// tracks tells whether there is a file at or below a path.
func tracks(files *listing, p string) bool {
	_, there := files.at(p)
	return there
}

// ignored asks git whether it ignores a path of the user's working tree: what it does not ignore is the user's unsaved work.
func (e *Executor) ignored(ctx context.Context, p string) bool {
	cmd := exec.CommandContext(ctx, "git", "check-ignore", "-q", "--", p)
	cmd.Dir = e.Repo
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd.Run() == nil
}

// preparation picks how a toolchain prepares these files.
func preparation(t methods.Toolchain, files *listing) (methods.Prepare, bool) {
next:
	for _, p := range t.Prepare {
		for _, f := range p.Where {
			if _, ok := files.file(f); !ok {
				continue next
			}
		}
		return p, true
	}
	return methods.Prepare{}, false
}

// sameInRepo tells whether the user's working tree has the same files to install from.
func (e *Executor) sameInRepo(how methods.Prepare, files *listing) bool {
	for _, p := range append(append([]string{}, how.Where...), how.Key...) {
		want, tracked := files.file(p)
		have, err := os.ReadFile(filepath.Join(e.Repo, p))
		if errors.Is(err, fs.ErrNotExist) {
			if tracked {
				return false
			}
			continue
		}
		if err != nil || !tracked || plumbing.ComputeHash(plumbing.BlobObject, have) != want.hash {
			return false
		}
	}
	return true
}

// inputs are the files that a preparation depends on, as a file tree of their own.
func inputs(how methods.Prepare, files *listing) *manifest {
	sub := newManifest(plumbing.ZeroHash)
	text := ""
	for _, p := range append(append([]string{}, how.Where...), how.Key...) {
		f, ok := files.file(p)
		if !ok {
			continue
		}
		sub.files[p] = f
		text += p + "\x00" + f.hash.String() + "\n"
		for d := parentDir(p); d != ""; d = parentDir(d) {
			up, _ := files.at(d)
			sub.dirs[d] = up.hash
		}
	}
	sub.tree = plumbing.ComputeHash(plumbing.BlobObject, []byte(text)) // only gives the files their time
	return sub
}

// prepared returns what a preparation made, making it where that was not done before. A failure is remembered for the life of
// the Executor; why says what failed.
func (e *Executor) prepared(ctx context.Context, t methods.Toolchain, how methods.Prepare, files *listing, host jitos.Host) (prepared, string, error) {
	env, err := e.Environment(ctx, t.Name)
	if err != nil {
		return prepared{}, "", err
	}
	cache, err := e.cacheDir()
	if err != nil {
		return prepared{}, "", err
	}
	from := inputs(how, files)
	key := t.Name + "-" + jitos.HashOf([]string{from.tree.String(), how.Run, strings.Join(how.Lend, "\x00"), env})
	e.mu.Lock()
	why := e.failed[key]
	e.mu.Unlock()
	if why != "" {
		return prepared{}, why, nil
	}
	dir := filepath.Join(cache, "prepared")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return prepared{}, "", fmt.Errorf("prepare %s: %w", t.Name, err)
	}
	unlock, err := lockFile(ctx, filepath.Join(dir, key+".lock"))
	if err != nil {
		return prepared{}, "", fmt.Errorf("prepare %s: %w", t.Name, err)
	}
	defer unlock()
	made, err := readPrepared(filepath.Join(dir, key))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return made, "", err
	}
	if host != nil {
		host.Say("installing dependencies for " + t.Title)
	}
	prunePrepared(dir)
	made, why, err = e.prepare(ctx, t, how, from, filepath.Join(dir, key))
	if err == nil && why != "" {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.failed == nil {
			e.failed = map[string]string{}
		}
		e.failed[key] = why
	}
	return made, why, err
}

// prepare runs the preparation in a directory of its own and moves what it made to its place in the cache.
func (e *Executor) prepare(ctx context.Context, t methods.Toolchain, how methods.Prepare, from *manifest, to string) (prepared, string, error) {
	ctx = context.WithValue(ctx, lentKey{}, lent{}) // it runs what others wrote: nothing of the job's
	s, err := e.take(from.tree)
	if err != nil {
		return prepared{}, "", err
	}
	known := false
	defer func() { e.give(s, known) }()
	s.keepLoans(nil)
	if err := s.fill(ctx, e.Objects, from); err != nil {
		r, err := refused(err, jitos.CouldNot, "")
		return prepared{}, r.Reason, err
	}
	step := jitos.Step{Name: "prepare " + t.Name, Run: how.Run, Chain: t.Name, Needs: []string{"net"}, Timeout: int(prepareTimeout.Seconds())}
	_, done, err := e.confine(ctx, s.place, jitos.Action{Step: step}, nil, nil)
	defer done()
	if err != nil {
		return prepared{}, "", err
	}
	r, err := (&Shell{Env: e.environ}).Work(ctx, s.place.tree(), jitos.Action{Step: step}, nil)
	if err != nil {
		return prepared{}, "", err
	}
	known = true
	if r.Verdict != jitos.Pass {
		return prepared{}, "the dependencies for " + t.Title + " could not be installed: " + r.Reason, nil
	}
	tmp := to + ".tmp"
	if err := removeAll(tmp); err != nil {
		return prepared{}, "", err
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return prepared{}, "", err
	}
	for _, p := range how.Lend {
		made := filepath.Join(s.place.tree(), p)
		if !hasFile(made) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(tmp, p)), 0o700); err != nil {
			return prepared{}, "", err
		}
		if err := os.Rename(made, filepath.Join(tmp, p)); err != nil {
			return prepared{}, "", err
		}
	}
	record, err := json.Marshal(prepared{Home: s.place.tree()})
	if err == nil {
		err = os.WriteFile(filepath.Join(tmp, recordName), record, 0o600)
	}
	if err == nil {
		err = os.Rename(tmp, to)
	}
	if err != nil {
		return prepared{}, "", fmt.Errorf("prepare %s: %w", t.Name, err)
	}
	made, err := readPrepared(to)
	return made, "", err
}

// recordName is the file of the record; it is written last, and no directory to lend has such a name.
const recordName = ".jitos-prepared.json"

// readPrepared reads what was made before, and notes that it is still of use.
func readPrepared(dir string) (prepared, error) {
	p := prepared{dir: dir}
	name := filepath.Join(dir, recordName)
	raw, err := os.ReadFile(name)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("%s: %w: %v", name, jitos.ErrCorrupt, err)
	}
	now := time.Now()
	return p, os.Chtimes(name, now, now)
}

// prunePrepared removes what nobody asked for in a long time. It is a cache: an error only leaves more in it.
func prunePrepared(dir string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, d := range list {
		info, err := os.Stat(filepath.Join(dir, d.Name(), recordName))
		if err == nil && time.Since(info.ModTime()) > keepPrepared {
			_ = removeAll(filepath.Join(dir, d.Name()))
		}
	}
}

// lockFile takes an flock, waiting until it is free or ctx ends.
func lockFile(ctx context.Context, name string) (func(), error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
