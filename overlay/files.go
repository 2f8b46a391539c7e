package overlay

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// leaf is one side's version of what is not a directory: a file, a symbolic link or a gitlink. The zero leaf is none.
type leaf struct {
	mode filemode.FileMode
	id   plumbing.Hash
}

func (l leaf) absent() bool { return l == leaf{} }

// isFile tells a file, which has lines to merge, from links and from none.
func (l leaf) isFile() bool { return l.mode.IsFile() && l.mode != filemode.Symlink }

func (l leaf) String() string { return textOf(l.id) }

// slot is what one side has under a name: a leaf or a directory (the zero hash: none). The two are merged apart, so that a
// file added below a directory that the other side made a file is found out, and so is every file lost below it.
type slot struct {
	leaf leaf
	dir  plumbing.Hash
}

// slots sorts what the three versions of a directory have by name.
func slots(entries three[[]object.TreeEntry]) (names []string, at map[string]three[slot]) {
	at = map[string]three[slot]{}
	add := func(entries []object.TreeEntry, side func(*three[slot]) *slot) {
		for _, e := range entries {
			v, known := at[e.Name]
			if !known {
				names = append(names, e.Name)
			}
			if e.Mode == filemode.Dir {
				side(&v).dir = e.Hash
			} else {
				side(&v).leaf = leaf{e.Mode, e.Hash}
			}
			at[e.Name] = v
		}
	}
	add(entries.base, func(v *three[slot]) *slot { return &v.base })
	add(entries.ours, func(v *three[slot]) *slot { return &v.ours })
	add(entries.theirs, func(v *three[slot]) *slot { return &v.theirs })
	slices.Sort(names)
	return names, at
}

// entriesOf reads the three versions of a directory.
func entriesOf(ctx context.Context, objects Reader, dirs three[plumbing.Hash]) (three[[]object.TreeEntry], error) {
	return tryEach(dirs, func(id plumbing.Hash) ([]object.TreeEntry, error) { return objects.Tree(ctx, id) })
}

// Files merges three file trees; the package comment has the rules. On any conflict the tree is "" and nothing was written.
// The tree "" is the empty one.
func (m *Merger) Files(ctx context.Context, base, ours, theirs jitos.TreeID) (jitos.TreeID, []jitos.Conflict, error) {
	root, conflicts, err := m.mergeFiles(ctx, three[jitos.TreeID]{base, ours, theirs})
	if err != nil || conflicts != nil {
		return "", conflicts, err
	}
	tree, err := m.writeFiles(root)
	return tree, nil, err
}

// mergeFiles merges without writing anything.
func (m *Merger) mergeFiles(ctx context.Context, trees three[jitos.TreeID]) (draft, []jitos.Conflict, error) {
	ids, err := tryEach(trees, hashOf[jitos.TreeID])
	if err != nil {
		return draft{}, nil, fmt.Errorf("merge files: %w", err)
	}
	f := filesMerge{objects: m.objects, merge: m.contentMerge}
	root, err := f.dir(ctx, "", ids)
	if err != nil {
		return draft{}, nil, fmt.Errorf("merge files: %w", err)
	}
	if root.absent() {
		root = draft{mode: filemode.Dir} // no file is left: the empty tree must be there to be named
	}
	return root, f.conflicts, nil
}

func (m *Merger) writeFiles(root draft) (jitos.TreeID, error) {
	entry, err := root.write(m.objects)
	if err != nil {
		return "", fmt.Errorf("merge files: %w", err)
	}
	return jitos.TreeID(entry.Hash.String()), nil
}

// filesMerge is one merge of file trees under way.
type filesMerge struct {
	objects   Objects
	merge     func(path string) (merge mergeContent, added bool)
	conflicts []jitos.Conflict
}

func (f *filesMerge) conflict(name string, v three[leaf], why string) {
	f.conflicts = append(f.conflicts, jitos.Conflict{
		Path: name, Why: why, Base: v.base.String(), Ours: v.ours.String(), Theirs: v.theirs.String(),
	})
}

// dir merges a directory. It reads nothing where two of the three hashes are equal.
func (f *filesMerge) dir(ctx context.Context, name string, dirs three[plumbing.Hash]) (draft, error) {
	if id, ok := pick(dirs); ok {
		if id.IsZero() {
			return draft{}, nil
		}
		return draft{name: path.Base(name), mode: filemode.Dir, id: id}, nil
	}
	entries, err := entriesOf(ctx, f.objects, dirs)
	if err != nil {
		return draft{}, fmt.Errorf("%s: %w", name, err)
	}
	names, at := slots(entries)
	merged := draft{name: path.Base(name), mode: filemode.Dir}
	for _, n := range names {
		below, v := path.Join(name, n), at[n]
		leaves := each(v, func(s slot) leaf { return s.leaf })
		file, err := f.leaf(ctx, below, leaves)
		if err != nil {
			return draft{}, err
		}
		sub, err := f.dir(ctx, below, each(v, func(s slot) plumbing.Hash { return s.dir }))
		if err != nil {
			return draft{}, err
		}
		switch {
		case !file.absent() && !sub.absent():
			f.conflict(below, leaves, "a file on one side, a directory on the other")
		case !file.absent():
			merged.below = append(merged.below, file)
		case !sub.absent():
			merged.below = append(merged.below, sub)
		}
	}
	if merged.below == nil {
		return draft{}, nil
	}
	return merged, nil
}

// leaf merges a file, a symbolic link or a gitlink. A conflict is noted, and gives no draft.
func (f *filesMerge) leaf(ctx context.Context, name string, v three[leaf]) (draft, error) {
	if one, ok := pick(v); ok {
		return draft{name: path.Base(name), mode: one.mode, id: one.id}, nil
	}
	mode, modeOK := pick(each(v, func(l leaf) filemode.FileMode { return l.mode }))
	id, idOK := pick(each(v, leaf.String))
	added := v.base.absent()
	merge, mergesAdded := f.merge(name)
	switch {
	case v.ours.absent():
		f.conflict(name, v, "deleted by ours, changed by theirs")
	case v.theirs.absent():
		f.conflict(name, v, "changed by ours, deleted by theirs")
	case !v.ours.isFile() || !v.theirs.isFile() || !added && !v.base.isFile():
		f.conflict(name, v, whyAtomic(v))
	case added && !idOK && !mergesAdded:
		f.conflict(name, v, "both sides added it with different content")
	case !modeOK:
		f.conflict(name, v, fmt.Sprintf("both sides changed its mode, to %o and %o", v.ours.mode, v.theirs.mode))
	case idOK:
		return draft{name: path.Base(name), mode: mode, id: plumbing.NewHash(id)}, nil
	default:
		data, why, err := f.content(ctx, name, v, merge)
		if err != nil || why == "" {
			return draft{name: path.Base(name), mode: mode, data: data}, err
		}
		f.conflict(name, v, why)
	}
	return draft{}, nil
}

// whyAtomic says why something that has no lines is in conflict.
func whyAtomic(v three[leaf]) string {
	kind := func(l leaf) string {
		switch l.mode {
		case filemode.Symlink:
			return "symbolic link"
		case filemode.Submodule:
			return "submodule"
		}
		return "file"
	}
	if ours, theirs := kind(v.ours), kind(v.theirs); ours != theirs {
		return fmt.Sprintf("a %s on our side, a %s on theirs", ours, theirs)
	}
	return "both sides changed the " + kind(v.ours)
}

// content merges three versions of a file's bytes.
func (f *filesMerge) content(ctx context.Context, name string, v three[leaf], merge mergeContent) (data []byte, why string, err error) {
	texts, err := readThree(ctx, f.objects, each(v, func(l leaf) plumbing.Hash { return l.id }))
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	data, why = merge(texts)
	return data, why, nil
}

// readThree reads three blobs; the zero hash is no bytes.
func readThree(ctx context.Context, objects Reader, ids three[plumbing.Hash]) (three[[]byte], error) {
	return tryEach(ids, func(id plumbing.Hash) ([]byte, error) {
		if id.IsZero() {
			return nil, nil
		}
		return objects.Blob(ctx, id)
	})
}
