package warpgit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// quarantine is a directory in <common>/jitos/tmp with an object directory of its own beside the repository's. What git
// writes there is looked at before it counts, and goes away with the directory.
type quarantine struct {
	dir  string
	main string // the repository's object directory
}

func (r *Repo) newQuarantine() (*quarantine, error) {
	if err := r.packs.start(); err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	name := fmt.Sprintf("%s.%d.q", r.packs.alive.name, r.packs.locks.Add(1))
	q := &quarantine{filepath.Join(r.packs.tmpDir(), name), r.packs.objects}
	for _, sub := range []string{"objects/info", "objects/pack"} {
		if err := os.MkdirAll(q.path(sub), 0o777); err != nil {
			return nil, fmt.Errorf("quarantine: %w", err)
		}
	}
	err := os.WriteFile(q.path("objects/info/alternates"), []byte(q.main+"\n"), 0o666)
	if err != nil {
		return nil, fmt.Errorf("quarantine: %w", err)
	}
	return q, nil
}

func (q *quarantine) path(name string) string { return filepath.Join(q.dir, filepath.FromSlash(name)) }

// env points git's writing at the quarantine.
func (q *quarantine) env() []string {
	return []string{"GIT_OBJECT_DIRECTORY=" + q.path("objects"), "GIT_ALTERNATE_OBJECT_DIRECTORIES=" + q.main}
}

func (q *quarantine) remove() { os.RemoveAll(q.dir) }

// adopt moves the packs of a quarantine to the repository, each held and marked as ours, durable when it returns.
func (p *packWriter) adopt(dir string) ([]string, error) {
	names, err := listed(dir, "pack-", ".pack")
	if err != nil {
		return nil, err
	}
	var held []string
	for _, name := range names {
		from := strings.TrimSuffix(name, ".pack")
		to := filepath.Join(p.packDir(), filepath.Base(from))
		if err = p.moveIn(from, to); errors.Is(err, errTwin) {
			to, err = p.rewrite(from)
		}
		if err != nil {
			break
		}
		held = append(held, to)
	}
	if err == nil && len(held) > 0 {
		err = syncDir(p.packDir())
	}
	for i := 0; err == nil && i < len(held); i++ {
		err = p.mark(held[i])
	}
	if err != nil {
		for _, path := range held {
			err = errors.Join(err, p.release(path))
		}
		return nil, err
	}
	return held, nil
}

// moveIn places a pack under a .keep, its index last. The error Is errTwin where such a pack is there already.
func (p *packWriter) moveIn(from, to string) error {
	err := p.hold(to + ".keep")
	if err != nil {
		return err
	}
	if exists(to+".pack") || exists(to+".idx") {
		err = errTwin
	}
	for _, ext := range []string{".pack", ".rev", ".idx"} {
		if err == nil && (ext != ".rev" || exists(from+ext)) {
			if err = syncFile(from + ext); err == nil {
				err = os.Rename(from+ext, to+ext)
			}
		}
	}
	if err != nil {
		err = errors.Join(err, p.release(to))
	}
	return err
}

// rewrite writes the objects of a pack in quarantine to a pack with a name of its own.
func (p *packWriter) rewrite(from string) (string, error) {
	src := quarantined(filepath.Dir(filepath.Dir(from)))
	defer src.Close()
	in, err := openPack(from)
	if err != nil {
		return "", err
	}
	ids := in.ids()
	if err := in.close(); err != nil {
		return "", err
	}
	all := newBatch(0)
	for _, id := range ids {
		raw, err := src.read(id)
		if err != nil {
			return "", fmt.Errorf("object %s: %w", id, err)
		}
		all.add(id, raw, plumbing.ZeroHash)
	}
	pack, err := p.write(all.list)
	if err != nil {
		return "", err
	}
	return pack.path, nil
}

// importFiles stages what a tree in the quarantine leads to beyond a durable one, and returns the tree without .jitos/.
func (r *Repo) importFiles(ctx context.Context, q *quarantine, root, durable plumbing.Hash) (jitos.TreeID, error) {
	src := quarantined(q.path("objects"))
	defer src.Close()
	o := r.Store.Objects
	read := func(id plumbing.Hash) (rawObject, error) {
		raw, err := src.read(id)
		if errors.Is(err, plumbing.ErrObjectNotFound) { // git did not store again what is in the repository
			return o.get(id)
		}
		return raw, err
	}
	if err := o.stageBeyond(ctx, read, root, durable); err != nil {
		return "", fmt.Errorf("stage tree %s: %w", root, err)
	}
	t, err := o.tree(ctx, root)
	if err != nil {
		return "", err
	}
	_, files, id := splitRoot(t)
	return treeID(id), o.stage(id, rawObject{plumbing.TreeObject, files}, plumbing.ZeroHash)
}

// quarantined reads an object directory and not its alternates.
func quarantined(dir string) *objectDirs {
	return &objectDirs{dirs: []string{dir}, bases: cache[packPlace, rawObject]{limit: 1 << 20}}
}

// StageBeyond stages what a tree leads to and a durable one, which may be zero, does not. That an object is in the repository is
// not enough: one that no ref leads to is taken by the next git gc.
func (o *Objects) StageBeyond(ctx context.Context, root, durable plumbing.Hash) error {
	return o.stageBeyond(ctx, o.get, root, durable)
}

func (o *Objects) stageBeyond(ctx context.Context, read func(plumbing.Hash) (rawObject, error), root, durable plumbing.Hash) error {
	if root == durable || root == EmptyTree {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := read(root)
	if err != nil {
		return err
	}
	t, err := parseTree(raw.data)
	if err != nil {
		return fmt.Errorf("tree %s: %w", root, err)
	}
	before, err := o.tree(ctx, durable)
	if err != nil {
		return err
	}
	err = eachPair(before, t, func(was, is entry) error {
		switch {
		case is.name == nil || is.mode == filemode.Submodule: // gone, or its commit is in another repository
			return nil
		case is.isDir():
			return o.stageBeyond(ctx, read, is.id, was.id)
		}
		blob, err := read(is.id)
		if err != nil {
			return err
		}
		return o.stage(is.id, blob, plumbing.ZeroHash)
	})
	if err != nil {
		return err
	}
	return o.stage(root, raw, plumbing.ZeroHash)
}
