package overlay

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	gitobject "github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// objects are git objects, in memory or of a repository, that count what is asked of them.
type objects struct {
	storer.EncodedObjectStorer
	read    []plumbing.Hash
	written int
}

func newObjects() *objects { return &objects{EncodedObjectStorer: memory.NewStorage()} }

func (o *objects) Blob(_ context.Context, id plumbing.Hash) ([]byte, error) {
	o.read = append(o.read, id)
	b, err := gitobject.GetBlob(o, id)
	if err != nil {
		return nil, err
	}
	r, err := b.Reader()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func (o *objects) Tree(_ context.Context, id plumbing.Hash) ([]object.TreeEntry, error) {
	if id.IsZero() || id == emptyTree {
		return nil, nil
	}
	o.read = append(o.read, id)
	t, err := gitobject.GetTree(o, id)
	if err != nil {
		return nil, err
	}
	var entries []object.TreeEntry
	for _, e := range t.Entries {
		entries = append(entries, object.TreeEntry(e))
	}
	return entries, nil
}

func (o *objects) Commit(_ context.Context, id plumbing.Hash) (*object.Commit, error) {
	c, err := gitobject.GetCommit(o, id)
	if err != nil {
		return nil, err
	}
	return &object.Commit{TreeHash: c.TreeHash, ParentHashes: c.ParentHashes, Author: object.Signature(c.Author),
		Committer: object.Signature(c.Committer), Encoding: string(c.Encoding), Message: c.Message}, nil
}

func (o *objects) PutBlob(data []byte) (plumbing.Hash, error) {
	o.written++
	e := &plumbing.MemoryObject{}
	e.SetType(plumbing.BlobObject)
	_, err := e.Write(data)
	id, err2 := o.SetEncodedObject(e)
	return id, errors.Join(err, err2)
}

func (o *objects) PutTree(entries []object.TreeEntry) (plumbing.Hash, error) {
	o.written++
	tree := &gitobject.Tree{}
	for _, e := range entries {
		tree.Entries = append(tree.Entries, gitobject.TreeEntry(e))
	}
	sort.Sort(gitobject.TreeEntrySorter(tree.Entries))
	e := &plumbing.MemoryObject{}
	if err := tree.Encode(e); err != nil {
		return plumbing.ZeroHash, err
	}
	return o.SetEncodedObject(e)
}

// files is a file tree as a map: what the model of the property tests works on. A path may end in "*" (executable), "@"
// (symbolic link) or "%" (gitlink: the content is an object id).
type files map[string]string

func (f files) split(p string) (string, filemode.FileMode) {
	switch {
	case strings.HasSuffix(p, "*"):
		return p[:len(p)-1], filemode.Executable
	case strings.HasSuffix(p, "@"):
		return p[:len(p)-1], filemode.Symlink
	case strings.HasSuffix(p, "%"):
		return p[:len(p)-1], filemode.Submodule
	}
	return p, filemode.Regular
}

// tree stores the files.
func (f files) tree(t testing.TB, to Objects) jitos.TreeID {
	t.Helper()
	root := &draft{mode: filemode.Dir}
	for _, p := range sortedKeys(f) {
		name, mode := f.split(p)
		at := root
		for _, part := range strings.Split(path.Dir(name), "/") {
			if part == "." {
				continue
			}
			i := slices.IndexFunc(at.below, func(d draft) bool { return d.name == part })
			if i < 0 {
				at.below, i = append(at.below, draft{name: part, mode: filemode.Dir}), len(at.below)
			}
			at = &at.below[i]
		}
		d := draft{name: path.Base(name), mode: mode, data: []byte(f[p])}
		if mode == filemode.Submodule {
			d.id = plumbing.NewHash(f[p])
		}
		at.below = append(at.below, d)
	}
	e, err := root.write(to)
	if err != nil {
		t.Fatal(err)
	}
	return jitos.TreeID(e.Hash.String())
}

// readFiles reads a tree back.
func readFiles(t testing.TB, from Objects, id jitos.TreeID) files {
	t.Helper()
	f := files{}
	ctx := context.Background()
	m := New(from, nil)
	err := m.differ(ctx, "", id, func(name string, _, l leaf) {
		switch l.mode {
		case filemode.Submodule:
			f[name+"%"] = l.id.String()
			return
		case filemode.Executable:
			name += "*"
		case filemode.Symlink:
			name += "@"
		}
		data, err := from.Blob(ctx, l.id)
		if err != nil {
			t.Fatal(err)
		}
		f[name] = string(data)
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
