package overlay

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Changed lists the paths in which two file trees differ, in byte order: files, links and gitlinks, never directories. A
// file that became a directory is listed, and so is everything below. The tree "" is the empty one.
func (m *Merger) Changed(ctx context.Context, a, b jitos.TreeID) ([]string, error) {
	var paths []string
	err := m.differ(ctx, a, b, func(name string, _, _ leaf) { paths = append(paths, name) })
	if err != nil {
		return nil, fmt.Errorf("changed paths: %w", err)
	}
	slices.Sort(paths)
	return paths, nil
}

// differ visits the leaves in which two trees differ, and reads only directories that do.
func (m *Merger) differ(ctx context.Context, a, b jitos.TreeID, visit func(name string, a, b leaf)) error {
	from, err := hashOf(a)
	if err != nil {
		return err
	}
	to, err := hashOf(b)
	if err != nil {
		return err
	}
	return m.differBelow(ctx, "", from, to, visit)
}

func (m *Merger) differBelow(ctx context.Context, dir string, a, b plumbing.Hash, visit func(name string, a, b leaf)) error {
	if a == b {
		return nil
	}
	entries, err := entriesOf(ctx, m.objects, three[plumbing.Hash]{base: a, theirs: b})
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return m.differIn(ctx, dir, entries, visit)
}

// differIn compares the entries of a directory, and what is below.
func (m *Merger) differIn(ctx context.Context, dir string, entries three[[]object.TreeEntry], visit func(name string, a, b leaf)) error {
	names, at := slots(entries)
	for _, n := range names {
		v, name := at[n], path.Join(dir, n)
		if v.base.leaf != v.theirs.leaf {
			visit(name, v.base.leaf, v.theirs.leaf)
		}
		if err := m.differBelow(ctx, name, v.base.dir, v.theirs.dir, visit); err != nil {
			return err
		}
	}
	return nil
}
