package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos/warpgit/object"
)

// upperCapture reads what a job left in an overlay: only the upper directory is walked, and only the trees of its
// directories are read. What it keeps and leaves out is what capture does with a copied directory.
type upperCapture struct {
	capturer
	upper   string          // where the upper directory is
	seen    map[string]bool // directories that were walked
	changed []string
}

// captureUpper is capture for a slot that is an overlay.
func captureUpper(ctx context.Context, objects Objects, s *slot, keeps []string, racy int64) (captured, error) {
	m, err := s.place.spec()
	if err != nil || m == nil || len(m.Lay) == 0 {
		return captured{}, errors.Join(err, errors.New("capture: the mounts of the directory are gone"))
	}
	upper := m.Lay[0].Upper
	root, err := os.OpenRoot(upper)
	if err != nil {
		return captured{}, fmt.Errorf("capture: %w", err)
	}
	defer root.Close()
	c := &upperCapture{upper: upper, seen: map[string]bool{}, capturer: capturer{ctx: ctx, objects: objects, slot: s, keeps: keeps, racy: racy}}
	tree, err := c.dir("", root, level{base: s.over.layer.tree, was: s.over.tree}, nil, false)
	if err != nil {
		var r *refusal
		if errors.As(err, &r) {
			return captured{}, r
		}
		return captured{}, fmt.Errorf("capture: %w", err)
	}
	if tree.IsZero() {
		tree = emptyTree
	}
	sort.Strings(c.changed)
	return captured{tree, c.changed}, nil
}

// level is a directory of the job's: in the layer and as the job found it, each zero where it had none.
type level struct {
	base, was plumbing.Hash
	opaque    bool // nothing of the layer shows
}

// dir captures a directory that has an upper one, and returns its tree, zero where it has no files.
func (c *upperCapture) dir(dir string, at *os.Root, l level, rules ignores, ignored bool) (plumbing.Hash, error) {
	if err := c.ctx.Err(); err != nil {
		return l.was, err
	}
	list, err := readDir(at)
	if err != nil {
		return l.was, fmt.Errorf("%s: %w", quoted(dir), err)
	}
	was, err := entriesByName(c.ctx, c.objects, l.was)
	if err != nil {
		return l.was, err
	}
	base, err := entriesByName(c.ctx, c.objects, l.base)
	if err != nil {
		return l.was, err
	}
	now := make(map[string]object.TreeEntry, len(was))
	written := make(map[string]os.FileInfo, len(list))
	for _, info := range list {
		written[info.Name()] = info
	}
	for name, e := range was { // what the job did not touch
		_, below := base[name]
		if _, above := written[name]; !above && below && !l.opaque || e.Mode == filemode.Submodule {
			now[name] = e
		}
	}
	if !ignored {
		if rules, err = c.rulesOf(dir, at, written[".gitignore"], now[".gitignore"], rules); err != nil {
			return l.was, err
		}
	}
	for name, info := range written {
		e := was[name]
		if name == ".git" || e.Mode == filemode.Submodule || c.slot.isLent(path.Join(dir, name)) || isWhiteout(info) {
			continue
		}
		next, err := c.visit(path.Join(dir, name), at, info, e, base[name], l.opaque, rules, ignored)
		if err != nil {
			return l.was, err
		}
		if !next.Hash.IsZero() {
			now[name] = next
		}
	}
	return c.tree(dir, l.was, was, now)
}

// rulesOf adds the .gitignore of a directory: the one that the job left, or the one below.
func (c *upperCapture) rulesOf(dir string, at *os.Root, written os.FileInfo, kept object.TreeEntry, rules ignores) (ignores, error) {
	var content []byte
	var err error
	switch {
	case written != nil && written.Mode().IsRegular() && written.Size() < 1<<20:
		content, err = readFile(at, written)
	case written == nil && kept.Mode.IsRegular() || written == nil && kept.Mode == filemode.Executable:
		if content, err = c.objects.Blob(c.ctx, kept.Hash); len(content) >= 1<<20 {
			content = nil
		}
	}
	if err != nil {
		return rules, fmt.Errorf("%s/.gitignore: %w", quoted(dir), err)
	}
	if content == nil {
		return rules, nil
	}
	return rules.with(dir, content), nil
}

// visit captures one thing in an upper directory. was is what the job found at its place, base what the layer has there.
func (c *upperCapture) visit(p string, at *os.Root, info os.FileInfo, was, base object.TreeEntry, hidden bool, rules ignores, ignored bool) (object.TreeEntry, error) {
	var none object.TreeEntry
	if info.IsDir() {
		var l level
		if was.Mode == filemode.Dir {
			l.was = was.Hash
		}
		if base.Mode == filemode.Dir {
			l.base = base.Hash
		}
		l.opaque = hidden || isOpaque(filepath.Join(c.upper, filepath.FromSlash(p)))
		ignored = ignored || rules.match(p, true)
		if ignored && l.was.IsZero() && len(c.keeps) == 0 {
			return none, nil
		}
		if why := c.refuses(p, info); why != "" {
			return none, &refusal{p, why}
		}
		sub, err := openDir(at, info)
		if err != nil {
			return none, fmt.Errorf("%s: %w", quoted(p), err)
		}
		defer sub.Close()
		c.seen[p] = true
		tree, err := c.dir(p, sub, l, rules, ignored)
		return object.TreeEntry{Name: info.Name(), Mode: filemode.Dir, Hash: tree}, err
	}
	known := was.Name != "" && was.Mode != filemode.Dir
	if !known && (ignored || rules.match(p, false)) && !matchesAny(c.keeps, p) {
		return none, nil
	}
	found := entry{was.Mode, was.Hash}
	if t, ok := c.slot.upper[p]; ok && known && t.entry == found && t.unchanged(statOf(info)) && t.stat.ctime < c.racy {
		return was, nil
	}
	if why := c.refuses(p, info); why != "" {
		return none, &refusal{p, why}
	}
	e, err := c.stage(p, at, info)
	if err != nil {
		return none, err
	}
	if known && was.Hash == e.hash && was.Mode == filemode.Deprecated && e.mode == filemode.Regular {
		e.mode = was.Mode // a mode that git no longer writes is no change of the job's
	}
	return object.TreeEntry{Name: info.Name(), Mode: e.mode, Hash: e.hash}, nil
}

// tree notes what changed in a directory and stages it where something did.
func (c *upperCapture) tree(dir string, id plumbing.Hash, was, now map[string]object.TreeEntry) (plumbing.Hash, error) {
	changed := false
	for name, e := range was {
		n, there := now[name]
		if there && n == e {
			continue
		}
		changed = true
		if e.Mode != filemode.Dir {
			c.changed = append(c.changed, path.Join(dir, name))
		} else if n.Mode != filemode.Dir && !c.seen[path.Join(dir, name)] {
			kept, err := c.gone(path.Join(dir, name), e.Hash)
			if err != nil {
				return id, err
			}
			if !kept.IsZero() && !there {
				now[name] = object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: kept}
			}
		}
	}
	for name, n := range now {
		if e := was[name]; e != n {
			changed = true
			if n.Mode != filemode.Dir && (e.Name == "" || e.Mode == filemode.Dir) {
				c.changed = append(c.changed, path.Join(dir, name))
			}
		}
	}
	if !changed || len(now) == 0 {
		if len(now) == 0 {
			id = plumbing.ZeroHash
		}
		return id, nil
	}
	entries := make([]object.TreeEntry, 0, len(now))
	for _, e := range now {
		entries = append(entries, e)
	}
	id, err := c.objects.PutTree(entries)
	if err != nil {
		return id, fmt.Errorf("stage directory %q: %w", dir, err)
	}
	return id, nil
}

// gone notes all files of a directory that is there no more, and returns what stays of it: submodules, which no job changes.
func (c *upperCapture) gone(dir string, id plumbing.Hash) (plumbing.Hash, error) {
	entries, err := entriesByName(c.ctx, c.objects, id)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	now := map[string]object.TreeEntry{}
	for name, e := range entries {
		if e.Mode == filemode.Submodule {
			now[name] = e
		}
	}
	return c.tree(dir, id, entries, now)
}
