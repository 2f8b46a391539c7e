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
	names, err := filepath.Glob(filepath.Join(dir, "pack-*.pack"))
	if err != nil {
		return nil, err
	}
	var held []string
	for _, name := range names {
		from := strings.TrimSuffix(name, ".pack")
		to := filepath.Join(p.packDir(), filepath.Base(from))
		if err = p.hold(to + ".keep"); err != nil {
			break
		}
		held = append(held, to)
		if err = p.moveIn(from, to); err != nil {
			break
		}
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

// moveIn places a pack that is held, its index last. Where the same objects came before, they are held now, and stay.
func (p *packWriter) moveIn(from, to string) error {
	if exists(to + ".idx") {
		return nil
	}
	for _, ext := range []string{".pack", ".rev", ".idx"} {
		if ext == ".rev" && !exists(from+ext) {
			continue
		}
		if err := syncFile(from + ext); err != nil {
			return err
		}
		if err := os.Rename(from+ext, to+ext); err != nil {
			return err
		}
	}
	return nil
}

// importFiles stages the objects of a tree that are in the quarantine, and returns the tree without .jitos/.
func (r *Repo) importFiles(ctx context.Context, q *quarantine, root plumbing.Hash) (jitos.TreeID, error) {
	src := &objectDirs{dirs: []string{q.path("objects")}, bases: cache[packPlace, rawObject]{limit: 1 << 20}}
	defer src.Close()
	if err := r.importTree(ctx, src, root); err != nil {
		return "", fmt.Errorf("stage tree %s: %w", root, err)
	}
	entries, err := r.Store.Objects.Tree(ctx, root)
	if err != nil {
		return "", err
	}
	_, files, _ := splitRoot(entries)
	id, err := r.Store.Objects.PutTree(files)
	return treeID(id), err
}

// importTree stages a tree and what is below it. What the quarantine does not hold was in the repository before.
func (r *Repo) importTree(ctx context.Context, src *objectDirs, id plumbing.Hash) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := src.read(id)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := decodeTree(raw.data)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Mode {
		case filemode.Dir:
			err = r.importTree(ctx, src, e.Hash)
		case filemode.Submodule: // its commit is in another repository
		default:
			var blob rawObject
			if blob, err = src.read(e.Hash); err == nil {
				_, err = r.Store.Objects.put(blob.kind, blob.data)
			} else if errors.Is(err, plumbing.ErrObjectNotFound) {
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
	_, err = r.Store.Objects.put(raw.kind, raw.data)
	return err
}
