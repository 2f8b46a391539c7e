package warpgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/jitos/jitos"
)

// pathChange is a path that is not the same in two file trees. An entry with the zero hash means that it is absent.
type pathChange struct {
	path     string
	from, to object.TreeEntry
}

// changedPaths lists the files in which two trees differ, in byte order. Subtrees with equal hashes are not read.
func (o *Objects) changedPaths(ctx context.Context, from, to plumbing.Hash) ([]pathChange, error) {
	var out []pathChange
	err := o.diffTrees(ctx, from, to, "", &out)
	sort.Slice(out, func(i, j int) bool { return out[i].path < out[j].path })
	return out, err
}

func (o *Objects) diffTrees(ctx context.Context, from, to plumbing.Hash, prefix string, out *[]pathChange) error {
	if from == to {
		return nil
	}
	a, err := o.Tree(ctx, from)
	if err != nil {
		return err
	}
	b, err := o.Tree(ctx, to)
	if err != nil {
		return err
	}
	pairs := map[string]pathChange{}
	for _, e := range a {
		pairs[e.Name] = pathChange{path: prefix + e.Name, from: e}
	}
	for _, e := range b {
		c := pairs[e.Name]
		c.path, c.to = prefix+e.Name, e
		pairs[e.Name] = c
	}
	for _, c := range pairs {
		if c.from.Mode == c.to.Mode && c.from.Hash == c.to.Hash {
			continue
		}
		var below [2]plumbing.Hash
		for i, e := range []*object.TreeEntry{&c.from, &c.to} {
			if e.Mode == filemode.Dir {
				below[i] = e.Hash
				*e = object.TreeEntry{}
			}
		}
		if !c.from.Hash.IsZero() || !c.to.Hash.IsZero() {
			*out = append(*out, c)
		}
		if err := o.diffTrees(ctx, below[0], below[1], c.path+"/", out); err != nil {
			return err
		}
	}
	return nil
}

// Patch implements jitos.Repository. Files are written as git writes them: with the repository's line endings and filters.
func (r *Repo) Patch(ctx context.Context, from, to jitos.TreeID) error {
	if err := r.patch(ctx, from, to); err != nil {
		return fmt.Errorf("patch the working tree: %w", err)
	}
	return nil
}

func (r *Repo) patch(ctx context.Context, from, to jitos.TreeID) error {
	if r.Worktree == "" {
		return fmt.Errorf("%w: a bare repository has none", jitos.ErrInvalid)
	}
	fromID, err := optionalID(from)
	if err != nil {
		return err
	}
	toID, err := optionalID(to)
	if err != nil {
		return err
	}
	changes, err := r.Store.Objects.changedPaths(ctx, fromID, toID)
	if err != nil || len(changes) == 0 {
		return err
	}
	if err := r.checkPatch(ctx, changes); err != nil {
		return err
	}
	return r.writePatch(ctx, changes)
}

// checkPatch refuses the whole patch where a path that it must write or remove is not as it was.
func (r *Repo) checkPatch(ctx context.Context, changes []pathChange) error {
	goes := map[string]bool{} // files that the patch removes, so that a directory may take their place, or they a directory's
	for _, c := range changes {
		goes[c.path] = c.to.Hash.IsZero()
	}
	var conflicts []jitos.Conflict
	var files []string
	wanted := map[string]pathChange{}
	for _, c := range changes {
		why := r.inTheWay(c, goes)
		if why != "" {
			conflicts = append(conflicts, jitos.Conflict{Path: c.path, Why: why})
		} else if isRegular(c.from.Mode) && !c.from.Hash.IsZero() {
			files = append(files, c.path)
			wanted[c.path] = c
		}
	}
	ids, err := r.hashFiles(ctx, files)
	if err != nil {
		return err
	}
	for i, name := range files {
		if ids[i] != wanted[name].from.Hash.String() {
			conflicts = append(conflicts, jitos.Conflict{Path: name, Why: "changed in the working tree since"})
		}
	}
	if len(conflicts) > 0 {
		return &jitos.ConflictError{Conflicts: conflicts}
	}
	return nil
}

// inTheWay says what at a path is not as the patch expects it, "" for nothing. The bytes of files are looked at later.
func (r *Repo) inTheWay(c pathChange, goes map[string]bool) string {
	if c.from.Mode == filemode.Submodule || c.to.Mode == filemode.Submodule {
		return "a submodule moves, and only an index can hold that"
	}
	for dir := path.Dir(c.path); dir != "."; dir = path.Dir(dir) {
		info, err := os.Lstat(filepath.Join(r.Worktree, filepath.FromSlash(dir)))
		if err == nil && !info.IsDir() && !goes[dir] {
			return dir + " is not a directory"
		}
	}
	full := filepath.Join(r.Worktree, filepath.FromSlash(c.path))
	info, err := os.Lstat(full)
	absent := errors.Is(err, fs.ErrNotExist) || notDir(err)
	switch {
	case err != nil && !absent:
		return err.Error()
	case c.from.Hash.IsZero() && absent:
		return ""
	case c.from.Hash.IsZero() && info.IsDir():
		return r.leftIn(c.path, goes)
	case c.from.Hash.IsZero():
		return "a file that is not tracked is there"
	case absent:
		return "removed from the working tree since"
	case c.from.Mode == filemode.Symlink:
		target, err := os.Readlink(full)
		if err != nil || plumbing.ComputeHash(plumbing.BlobObject, []byte(target)) != c.from.Hash {
			return "changed in the working tree since"
		}
	case !info.Mode().IsRegular():
		return "it is no longer a file"
	case r.modes && (info.Mode()&0o100 != 0) != (c.from.Mode == filemode.Executable):
		return "its mode changed in the working tree since"
	}
	return ""
}

// leftIn names a file that would stay in a directory whose place a file is to take.
func (r *Repo) leftIn(dir string, goes map[string]bool) string {
	left := ""
	root := filepath.Join(r.Worktree, filepath.FromSlash(dir))
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(r.Worktree, p)
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
func (r *Repo) hashFiles(ctx context.Context, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
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
		out, err := r.git(ctx, gitCommand{input: []byte(strings.Join(plain, "\n") + "\n"), args: []string{"hash-object", "--stdin-paths"}})
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
		id, err := r.gitLine(ctx, "hash-object", "--", n)
		if err != nil {
			return nil, err
		}
		byName[n] = id
	}
	ids := make([]string, len(names))
	for i, n := range names {
		ids[i] = byName[n]
	}
	return ids, nil
}

// writePatch removes what goes and lets git write the rest out of an index of its own.
func (r *Repo) writePatch(ctx context.Context, changes []pathChange) error {
	q, err := r.newQuarantine() // for the index alone
	if err != nil {
		return err
	}
	defer q.remove()
	var index bytes.Buffer
	for _, c := range changes {
		if c.to.Hash.IsZero() {
			continue
		}
		fmt.Fprintf(&index, "%06o %s\t%s\x00", uint32(c.to.Mode), c.to.Hash, c.path)
	}
	env := []string{"GIT_INDEX_FILE=" + q.path("index")}
	if _, err := r.git(ctx, gitCommand{env: env, input: index.Bytes(), args: []string{"update-index", "-z", "--index-info"}}); err != nil {
		return err
	}
	for _, c := range changes {
		if c.to.Hash.IsZero() {
			full := filepath.Join(r.Worktree, filepath.FromSlash(c.path))
			if err := os.Remove(full); err != nil {
				return err
			}
			pruneDirs(filepath.Dir(full), r.Worktree)
		}
	}
	for _, c := range changes {
		full := filepath.Join(r.Worktree, filepath.FromSlash(c.path))
		if info, err := os.Lstat(full); err == nil && info.IsDir() {
			removeEmpty(full) // only empty directories are left in it, see leftIn
		}
	}
	_, err = r.git(ctx, gitCommand{env: env, args: []string{"checkout-index", "-a", "-f", "-q"}})
	return err
}
