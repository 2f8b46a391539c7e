package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// checkout is a working tree of the repository, with the git directory of its own.
type checkout struct {
	repo   *Repo
	dir    string
	gitDir string
}

func (w *checkout) git(ctx context.Context, c gitCommand) ([]byte, error) {
	c.dir, c.env = w.dir, append([]string{"GIT_DIR=" + w.gitDir, "GIT_WORK_TREE=" + w.dir}, c.env...)
	return c.run(ctx)
}

func (w *checkout) file(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

// judgement is what judge says of one path.
type judgement struct {
	pathChange
	done bool
	why  string
}

// judgeAll judges each path. Submodules are left out: they are left alone.
func (w *checkout) judgeAll(ctx context.Context, changes []pathChange) ([]judgement, error) {
	goes := map[string]bool{} // files that go, so that a directory may take their place, or they a directory's
	var present []string      // regular files, whose bytes decide
	for _, c := range changes {
		goes[c.path] = c.to.Hash.IsZero()
		if info, err := os.Lstat(w.file(c.path)); err == nil && info.Mode().IsRegular() {
			present = append(present, c.path)
		}
	}
	ids, err := w.hashFiles(ctx, present)
	if err != nil {
		return nil, err
	}
	var all []judgement
	for _, c := range changes {
		if !c.submodule() {
			done, why := w.judge(c, ids[c.path], goes)
			all = append(all, judgement{c, done, why})
		}
	}
	return all, nil
}

// compare looks whether the paths that are to change are as they were, and returns those that are not yet as they shall be:
// what an interrupted write has done already is not in the way of its repetition. Of a path in settled, of which the index says
// already what it shall, what the user made of it since stays, as with git. Anything else is a *jitos.ConflictError that names
// all such paths.
func (w *checkout) compare(ctx context.Context, changes []pathChange, settled map[string]bool) ([]pathChange, error) {
	judged, err := w.judgeAll(ctx, changes)
	if err != nil {
		return nil, err
	}
	var todo []pathChange
	var conflicts []jitos.Conflict
	for _, j := range judged {
		switch {
		case j.why != "" && !settled[j.path]:
			conflicts = append(conflicts, jitos.Conflict{Path: j.path, Why: j.why})
		case j.why == "" && !j.done:
			todo = append(todo, j.pathChange)
		}
	}
	if len(conflicts) > 0 {
		return nil, &jitos.ConflictError{Conflicts: conflicts}
	}
	return todo, nil
}

// judge tells whether a path is as it shall be, or what keeps it from being changed, "" for nothing. hash is what git would
// store of the file that is there, "" where there is none.
func (w *checkout) judge(c pathChange, hash string, goes map[string]bool) (done bool, why string) {
	for dir := path.Dir(c.path); dir != "."; dir = path.Dir(dir) {
		info, err := os.Lstat(w.file(dir))
		switch {
		case err != nil || info.IsDir():
		case c.to.Hash.IsZero():
			return true, "" // a file took the place of its directory
		case goes[dir]:
			return false, "" // a file that is in the way goes first
		default:
			return false, dir + " is not a directory"
		}
	}
	info, err := os.Lstat(w.file(c.path))
	absent := errors.Is(err, fs.ErrNotExist) || notDir(err)
	if err != nil && !absent {
		return false, err.Error()
	}
	if w.holds(c.to.Mode, c.to.Hash, info, hash, c.path) {
		return true, ""
	}
	switch {
	case c.from.Hash.IsZero() && absent, w.holds(c.from.Mode, c.from.Hash, info, hash, c.path):
		return false, ""
	case absent:
		return false, "removed from the working tree since"
	case info.IsDir() && c.from.Hash.IsZero():
		return false, w.leftIn(c.path, goes)
	case c.from.Hash.IsZero():
		return false, "a file that is not tracked is there"
	case info.IsDir(), isRegular(c.from.Mode) != info.Mode().IsRegular():
		return false, "it is no longer a file"
	case hash == c.from.Hash.String():
		return false, "its mode changed in the working tree since"
	}
	return false, "changed in the working tree since"
}

// holds tells whether what is at a path is what an entry of a tree says; the zero hash says that nothing is there.
func (w *checkout) holds(mode filemode.FileMode, id plumbing.Hash, info fs.FileInfo, hash, name string) bool {
	switch {
	case id.IsZero() || info == nil:
		return id.IsZero() && info == nil
	case mode == filemode.Symlink:
		target, err := os.Readlink(w.file(name))
		return err == nil && plumbing.ComputeHash(plumbing.BlobObject, []byte(target)) == id
	}
	return info.Mode().IsRegular() && hash == id.String() &&
		(!w.repo.modes || (info.Mode()&0o100 != 0) == (mode == filemode.Executable))
}

// leftIn names a file that would stay in a directory whose place a file is to take.
func (w *checkout) leftIn(dir string, goes map[string]bool) string {
	left := ""
	err := filepath.WalkDir(w.file(dir), func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(w.dir, p)
		if err == nil && !goes[filepath.ToSlash(rel)] {
			left = filepath.ToSlash(rel)
			return fs.SkipAll
		}
		return err
	})
	if err != nil {
		return err.Error()
	}
	if left != "" {
		return left + " is in the way"
	}
	return ""
}

// hashFiles returns what git would store of files of the working tree: after the filters of .gitattributes.
func (w *checkout) hashFiles(ctx context.Context, names []string) (map[string]string, error) {
	var plain, odd []string // the list of hash-object is by lines
	for _, n := range names {
		if strings.ContainsAny(n, "\n\"") {
			odd = append(odd, n)
		} else {
			plain = append(plain, n)
		}
	}
	byName := map[string]string{}
	if len(plain) > 0 {
		out, err := w.git(ctx, gitCommand{input: []byte(strings.Join(plain, "\n") + "\n"), args: []string{"hash-object", "--stdin-paths"}})
		if err != nil {
			return nil, err
		}
		ids := strings.Fields(string(out))
		if len(ids) != len(plain) {
			return nil, fmt.Errorf("git hash-object: %w: %d answers to %d questions", jitos.ErrCorrupt, len(ids), len(plain))
		}
		for i, n := range plain {
			byName[n] = ids[i]
		}
	}
	for _, n := range odd {
		out, err := w.git(ctx, gitCommand{args: []string{"hash-object", "--", n}})
		if err != nil {
			return nil, err
		}
		byName[n] = strings.TrimSpace(string(out))
	}
	return byName, nil
}

// write removes what goes and puts the rest in its place: git writes each file elsewhere, and a rename brings it. So a file
// is the old or the new one at every moment, and whoever is killed here may begin again.
func (w *checkout) write(ctx context.Context, changes []pathChange) error {
	q, err := w.repo.newQuarantine() // for an index and the new files
	if err != nil {
		return err
	}
	defer q.remove()
	index, come := []byte{}, []string{}
	for _, c := range changes {
		if !c.to.Hash.IsZero() {
			index = append(index, indexLine(c)...)
			come = append(come, c.path)
		}
	}
	if len(come) > 0 {
		env := []string{"GIT_INDEX_FILE=" + q.path("index")}
		if _, err := w.git(ctx, gitCommand{env: env, input: index, args: []string{"update-index", "-z", "--index-info"}}); err != nil {
			return err
		}
		prefix := "--prefix=" + q.path("files") + "/"
		if _, err := w.git(ctx, gitCommand{env: env, args: []string{"checkout-index", "-a", "-f", "-q", prefix}}); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if c.to.Hash.IsZero() {
			full := w.file(c.path)
			if err := os.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) && !notDir(err) {
				return err
			}
			pruneDirs(filepath.Dir(full), w.dir)
		}
	}
	for _, name := range come {
		if err := w.place(filepath.Join(q.path("files"), filepath.FromSlash(name)), w.file(name)); err != nil {
			return err
		}
	}
	return nil
}

// indexLine is a line of the input of git update-index --index-info; a path that goes has mode 0.
func indexLine(c pathChange) []byte {
	return fmt.Appendf(nil, "%06o %s\t%s\x00", uint32(c.to.Mode), c.to.Hash, c.path)
}

// place brings a file that git wrote to its place.
func (w *checkout) place(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if info.Mode().IsRegular() {
		if err := syncFile(from); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	if at, err := os.Lstat(to); err == nil && at.IsDir() {
		removeEmpty(to) // only empty directories are left in it, see leftIn
	}
	err = os.Rename(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	return copyBeside(from, to, info)
}

// copyBeside is for a working tree on another file system than the repository's.
func copyBeside(from, to string, info fs.FileInfo) error {
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return os.Symlink(target, to)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(to), ".jitos-*")
	if err != nil {
		return err
	}
	if _, err = tmp.Write(data); err == nil {
		err = errors.Join(tmp.Chmod(info.Mode().Perm()), tmp.Sync())
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), to)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}

// advance brings files and index from one tree to another. The index lock is held by the caller and becomes the new index.
func (w *checkout) advance(ctx context.Context, lock *refLock, from plumbing.Hash, changes []pathChange) error {
	q, err := w.repo.newQuarantine() // for a copy of the index
	if err != nil {
		return err
	}
	defer q.remove()
	index := q.path("index")
	if err := copyIndex(filepath.Join(w.gitDir, "index"), index); err != nil {
		return err
	}
	env := []string{"GIT_INDEX_FILE=" + index}
	sparse, err := w.sparse(ctx, env)
	if err != nil {
		return err
	}
	settled, err := w.settled(ctx, env, from, changes)
	if err != nil {
		return err
	}
	var entries, skipped []byte
	var files []pathChange
	for _, c := range changes {
		entries = append(entries, indexLine(c)...)
		if !sparse[c.path] {
			files = append(files, c)
		} else if !c.to.Hash.IsZero() {
			skipped = append(skipped, c.path+"\x00"...)
		}
	}
	todo, err := w.compare(ctx, files, settled)
	if err != nil {
		return err
	}
	if err := w.write(ctx, todo); err != nil {
		return err
	}
	private := []string{"-c", "core.splitIndex=false", "-c", "core.fsmonitor=false", "update-index"}
	if _, err := w.git(ctx, gitCommand{env: env, input: entries, args: append(private, "-z", "--index-info")}); err != nil {
		return err
	}
	if len(skipped) > 0 {
		if _, err := w.git(ctx, gitCommand{env: env, input: skipped, args: append(private, "-z", "--skip-worktree", "--stdin")}); err != nil {
			return err
		}
	}
	// It notes the times of the files, and fails where some other file differs.
	if _, err := w.git(ctx, gitCommand{env: env, args: append(private, "-q", "--refresh")}); err != nil && exitCode(err) != 1 {
		return err
	}
	return w.publish(lock, index)
}

// publish puts an index in the place of the working tree's, durably.
func (w *checkout) publish(lock *refLock, index string) error {
	data, err := os.ReadFile(index)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(lock.path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(lock.path, filepath.Join(w.gitDir, "index")); err != nil {
		return err
	}
	lock.path = ""
	return syncDir(w.gitDir)
}

// sparse are the paths of the index that a sparse checkout leaves out of the working tree.
func (w *checkout) sparse(ctx context.Context, env []string) (map[string]bool, error) {
	out := map[string]bool{}
	if !exists(filepath.Join(w.gitDir, "info", "sparse-checkout")) {
		return out, nil
	}
	list, err := w.git(ctx, gitCommand{env: env, args: []string{"ls-files", "-t", "-z"}})
	if err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(string(list), "\x00") {
		if name, skipped := strings.CutPrefix(line, "S "); skipped {
			out[name] = true
		}
	}
	return out, nil
}

// settled returns the paths whose entries in the index are as they shall be already. One that is neither that nor as it was
// makes a *jitos.ConflictError.
func (w *checkout) settled(ctx context.Context, env []string, from plumbing.Hash, changes []pathChange) (map[string]bool, error) {
	if from.IsZero() {
		from = EmptyTree
	}
	out, err := w.git(ctx, gitCommand{env: env, args: []string{"diff-index", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames",
		"--ignore-submodules=none", from.String()}})
	if err != nil {
		return nil, err
	}
	differs := map[string]string{} // what the index has: mode and hash
	fields := strings.Split(string(out), "\x00")
	for i := 0; i+1 < len(fields); i += 2 {
		part := strings.Fields(fields[i]) // :MODE MODE HASH HASH LETTER
		if len(part) != 5 {
			return nil, fmt.Errorf("git diff-index: %w: %q", jitos.ErrCorrupt, fields[i])
		}
		differs[fields[i+1]] = part[1] + " " + part[3]
	}
	settled := map[string]bool{}
	var odd []jitos.Conflict
	for _, c := range changes {
		switch has, other := differs[c.path]; {
		case !other:
		case has == fmt.Sprintf("%06o %s", uint32(c.to.Mode), c.to.Hash):
			settled[c.path] = true
		default:
			odd = append(odd, jitos.Conflict{Path: c.path, Why: "changed in the index since"})
		}
	}
	if len(odd) > 0 {
		return nil, &jitos.ConflictError{Conflicts: odd}
	}
	return settled, nil
}
