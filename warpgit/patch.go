package warpgit

import (
	"context"
	"fmt"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
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
	w := &checkout{r, r.Worktree, r.GitDir}
	for _, c := range changes {
		if c.submodule() {
			return &jitos.ConflictError{Conflicts: []jitos.Conflict{{Path: c.path, Why: "a submodule moves, and only an index can hold that"}}}
		}
	}
	todo, err := w.compare(ctx, changes, nil)
	if err != nil {
		return err
	}
	return w.write(ctx, todo)
}

// submodule tells whether a submodule comes, goes or moves.
func (c pathChange) submodule() bool {
	return c.from.Mode == filemode.Submodule || c.to.Mode == filemode.Submodule
}
