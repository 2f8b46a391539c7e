package runner

import (
	"context"
	"fmt"
	"path"
	"sort"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Objects are the git objects that jobs start from and the staging area for what they leave. Every method is safe for
// concurrent use. A hash that is not there gives an error that Is jitos.ErrNotFound.
type Objects interface {
	// Blob returns the bytes of a blob, which the caller must not change.
	Blob(ctx context.Context, id plumbing.Hash) ([]byte, error)
	// Tree returns the entries of a tree, which the caller must not change.
	Tree(ctx context.Context, id plumbing.Hash) ([]object.TreeEntry, error)
	// PutBlob stages a blob.
	PutBlob(data []byte) (plumbing.Hash, error)
	// PutTree stages a tree; the entries may come in any order.
	PutTree(entries []object.TreeEntry) (plumbing.Hash, error)
}

// Bounds of one file tree: a tree object may name the same subtree many times, so that a few objects unfold to billions of
// files.
const (
	maxEntries = 1_000_000
	maxDepth   = 256
)

var emptyTree = plumbing.NewHash("4b825dc642cb6eb9a060e54bf8d69288fbee4904")

// entry is one file of a tree: its mode as git keeps it and its object.
type entry struct {
	mode filemode.FileMode
	hash plumbing.Hash
}

// manifest is a file tree laid out flat. The directory "" is the root. Submodules are files with mode Submodule.
type manifest struct {
	tree  plumbing.Hash
	files map[string]entry
	dirs  map[string]plumbing.Hash
}

func newManifest(tree plumbing.Hash) *manifest {
	return &manifest{tree: tree, files: map[string]entry{}, dirs: map[string]plumbing.Hash{"": tree}}
}

// readManifest lays out a tree. A *refusal names the first path that must not be written into a directory.
func readManifest(ctx context.Context, objects Objects, tree plumbing.Hash) (*manifest, error) {
	m := newManifest(tree)
	if tree == emptyTree {
		return m, nil
	}
	if _, err := unfolded(ctx, objects, tree, 0, map[plumbing.Hash]int{}); err != nil {
		return nil, err
	}
	if err := m.read(ctx, objects, "", tree); err != nil {
		return nil, err
	}
	return m, nil
}

// unfolded counts the entries of a tree and of all below it, reading every tree once, and refuses one that is too large.
func unfolded(ctx context.Context, objects Objects, tree plumbing.Hash, depth int, known map[plumbing.Hash]int) (int, error) {
	if n, ok := known[tree]; ok {
		return n, nil
	}
	if depth > maxDepth {
		return 0, &refusal{".", fmt.Sprintf("more than %d levels of directories", maxDepth)}
	}
	entries, err := objects.Tree(ctx, tree)
	if err != nil {
		return 0, fmt.Errorf("read directory: %w", err)
	}
	total := len(entries)
	for _, e := range entries {
		if e.Mode != filemode.Dir {
			continue
		}
		n, err := unfolded(ctx, objects, e.Hash, depth+1, known)
		if err != nil {
			return 0, err
		}
		if total += n; total > maxEntries {
			return 0, &refusal{".", fmt.Sprintf("more than %d files", maxEntries)}
		}
	}
	known[tree] = total
	return total, nil
}

func (m *manifest) read(ctx context.Context, objects Objects, dir string, tree plumbing.Hash) error {
	entries, err := objects.Tree(ctx, tree)
	if err != nil {
		return fmt.Errorf("read directory %q: %w", dir, err)
	}
	if err := checkEntries(dir, entries); err != nil {
		return err
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name)
		if e.Mode != filemode.Dir {
			m.files[p] = entry{e.Mode, e.Hash}
			continue
		}
		m.dirs[p] = e.Hash
		if err := m.read(ctx, objects, p, e.Hash); err != nil {
			return err
		}
	}
	return nil
}

// checkEntries refuses a directory that must not be laid out.
func checkEntries(dir string, entries []object.TreeEntry) error {
	seen := make(map[string]string, len(entries))
	for _, e := range entries {
		if why := badName(e.Name); why != "" {
			return &refusal{dir + "/" + e.Name, why}
		}
		p, folded := path.Join(dir, e.Name), fold(e.Name)
		twin, known := seen[folded]
		switch {
		case known && twin == e.Name:
			return &refusal{p, "named twice"}
		case known:
			return &refusal{p, "some file systems take it for " + quoted(twin) + ", which is beside it"}
		case dir == "" && e.Name == fabricDir:
			return &refusal{p, "the fabric's own files are no part of a file tree"}
		}
		seen[folded] = e.Name
		switch e.Mode {
		case filemode.Dir, filemode.Regular, filemode.Deprecated, filemode.Executable, filemode.Symlink, filemode.Submodule:
		default:
			return &refusal{p, "unknown mode " + e.Mode.String()}
		}
	}
	return nil
}

// listing looks paths up in a tree and reads only the directories on the way. The first error stays.
type listing struct {
	ctx     context.Context
	objects Objects
	tree    plumbing.Hash
	err     error
}

// at returns what is at a path, a directory with mode Dir; false where there is nothing.
func (l *listing) at(p string) (entry, bool) {
	e := entry{filemode.Dir, l.tree}
	for p != "" && l.err == nil {
		if e.mode != filemode.Dir {
			return entry{}, false
		}
		var name string
		name, p, _ = strings.Cut(p, "/")
		var entries map[string]object.TreeEntry
		entries, l.err = entriesByName(l.ctx, l.objects, e.hash)
		found, ok := entries[name]
		if !ok {
			return entry{}, false
		}
		e = entry{found.Mode, found.Hash}
	}
	return e, l.err == nil
}

// file returns the file at a path; false where there is none.
func (l *listing) file(p string) (entry, bool) {
	e, ok := l.at(p)
	return e, ok && e.mode != filemode.Dir
}

// parentDir is the directory of a path, "" for the root.
func parentDir(p string) string {
	i := strings.LastIndexByte(p, '/')
	if i < 0 {
		return ""
	}
	return p[:i]
}

// changed lists the paths in which the files of two manifests differ, in byte order.
func (m *manifest) changed(to map[string]entry) []string {
	var paths []string
	for p, e := range m.files {
		if now, ok := to[p]; !ok || now != e {
			paths = append(paths, p)
		}
	}
	for p := range to {
		if _, ok := m.files[p]; !ok {
			paths = append(paths, p)
		}
	}
	sort.Strings(paths)
	return paths
}

// write stages the trees of the files given, of which only those in changed differ from m, and returns the root. Trees of
// directories in which nothing changed are taken over, directories left without files vanish.
func (m *manifest) write(objects Objects, files map[string]entry, changed []string) (plumbing.Hash, error) {
	touched := map[string]bool{"": true}
	for _, p := range changed {
		for d := parentDir(p); d != "" && !touched[d]; d = parentDir(d) {
			touched[d] = true
		}
	}
	below := map[string][]object.TreeEntry{}
	kept := map[string]bool{} // untouched directories directly below a touched one
	for p, e := range files {
		d := parentDir(p)
		for !touched[d] && !touched[parentDir(d)] {
			d = parentDir(d)
		}
		if touched[d] {
			below[d] = append(below[d], object.TreeEntry{Name: path.Base(p), Mode: e.mode, Hash: e.hash})
		} else if !kept[d] {
			kept[d] = true
			up := parentDir(d)
			below[up] = append(below[up], object.TreeEntry{Name: path.Base(d), Mode: filemode.Dir, Hash: m.dirs[d]})
		}
	}
	order := make([]string, 0, len(touched))
	for d := range touched {
		order = append(order, d)
	}
	depth := func(d string) int { return strings.Count(d, "/") + min(len(d), 1) }
	sort.Slice(order, func(i, j int) bool { return depth(order[i]) > depth(order[j]) }) // children before their parents
	for _, d := range order {
		if len(below[d]) == 0 && d != "" {
			continue
		}
		hash, err := objects.PutTree(below[d])
		if err != nil {
			return hash, fmt.Errorf("stage directory %q: %w", d, err)
		}
		if d == "" {
			return hash, nil
		}
		up := parentDir(d)
		below[up] = append(below[up], object.TreeEntry{Name: path.Base(d), Mode: filemode.Dir, Hash: hash})
	}
	return emptyTree, nil // not reached: the root is always last
}

// changedPaths lists the paths in which two trees differ. Directories with equal hashes are not read.
func changedPaths(ctx context.Context, objects Objects, a, b plumbing.Hash) ([]string, error) {
	var paths []string
	err := eachChange(ctx, objects, a, b, func(p string, _, _ entry) { paths = append(paths, p) })
	sort.Strings(paths)
	return paths, err
}

// eachChange yields, in no order, the files in which two trees differ, and what they were and are: the zero entry where there is
// no file. Directories with equal hashes are not read.
func eachChange(ctx context.Context, objects Objects, a, b plumbing.Hash, yield func(p string, was, now entry)) error {
	var walk func(dir string, a, b plumbing.Hash) error
	walk = func(dir string, a, b plumbing.Hash) error {
		if a == b {
			return nil
		}
		was, err := entriesByName(ctx, objects, a)
		if err != nil {
			return err
		}
		now, err := entriesByName(ctx, objects, b)
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for n := range was {
			names[n] = true
		}
		for n := range now {
			names[n] = true
		}
		for n := range names {
			x, y := was[n], now[n]
			if x.Hash == y.Hash && x.Mode == y.Mode {
				continue
			}
			p := path.Join(dir, n)
			fx, dx := fileOrDir(x)
			fy, dy := fileOrDir(y)
			if fx != fy {
				yield(p, fx, fy)
			}
			if err := walk(p, dx, dy); err != nil {
				return err
			}
		}
		return nil
	}
	return walk("", a, b)
}

// fileOrDir is an entry of a tree as a file, or as the tree of a directory; the other one is zero.
func fileOrDir(e object.TreeEntry) (entry, plumbing.Hash) {
	if e.Mode == filemode.Dir {
		return entry{}, e.Hash
	}
	return entry{e.Mode, e.Hash}, plumbing.ZeroHash
}

func entriesByName(ctx context.Context, objects Objects, tree plumbing.Hash) (map[string]object.TreeEntry, error) {
	if tree.IsZero() || tree == emptyTree {
		return nil, nil
	}
	entries, err := objects.Tree(ctx, tree)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]object.TreeEntry, len(entries))
	for _, e := range entries {
		byName[e.Name] = e
	}
	return byName, nil
}

// treeHash reads a file tree's id; "" stands for the tree without files.
func treeHash(id jitos.TreeID) (plumbing.Hash, error) {
	if id == "" {
		return emptyTree, nil
	}
	if !plumbing.IsHash(string(id)) {
		return plumbing.ZeroHash, fmt.Errorf("file tree %q: %w: not an object id", id, jitos.ErrInvalid)
	}
	return plumbing.NewHash(string(id)), nil
}
