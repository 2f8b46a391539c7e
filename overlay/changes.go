package overlay

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Changes are the names of what differs between two commits, each list in byte order.
type Changes struct {
	Items []ItemChange `json:"items,omitempty"`
	Paths []string     `json:"paths,omitempty"` // of the user's files, as Changed has them
}

// ItemChange is a node, an edge or a file of the fabric's own that differs, with its blobs, "" for none.
type ItemChange struct {
	Item jitos.ItemID `json:"item"`
	Old  jitos.BlobID `json:"old,omitempty"`
	New  jitos.BlobID `json:"new,omitempty"`
}

// Changes compares two commits by hashes alone: it reads the directories that differ, and neither a node nor a file.
func (m *Merger) Changes(ctx context.Context, a, b jitos.CommitID) (Changes, error) {
	var d Changes
	fail := func(err error) (Changes, error) { return Changes{}, fmt.Errorf("changes: %w", err) }
	from, err := rootOf(ctx, m.objects, a)
	if err != nil {
		return fail(err)
	}
	to, err := rootOf(ctx, m.objects, b)
	if err != nil {
		return fail(err)
	}
	items, err := differItems(ctx, m.objects, entryOf(from, fabricDir), entryOf(to, fabricDir))
	if err != nil {
		return fail(err)
	}
	for _, i := range items {
		d.Items = append(d.Items, ItemChange{i.item, jitos.BlobID(textOf(i.a)), jitos.BlobID(textOf(i.b))})
	}
	isFabric := func(e object.TreeEntry) bool { return e.Name == fabricDir }
	from, to = slices.DeleteFunc(slices.Clone(from), isFabric), slices.DeleteFunc(slices.Clone(to), isFabric)
	if slices.Equal(from, to) {
		return d, nil
	}
	err = m.differIn(ctx, "", three[[]object.TreeEntry]{base: from, theirs: to}, func(name string, _, _ leaf) { d.Paths = append(d.Paths, name) })
	slices.Sort(d.Paths)
	if err != nil {
		return fail(err)
	}
	return d, nil
}

// rootOf reads the root tree of a commit.
func rootOf(ctx context.Context, objects Reader, id jitos.CommitID) ([]object.TreeEntry, error) {
	hash, err := hashOf(id)
	if err != nil {
		return nil, err
	}
	c, err := objects.Commit(ctx, hash)
	if err != nil {
		return nil, err
	}
	return objects.Tree(ctx, c.TreeHash)
}

// fabricOf finds the tree .jitos/ of a commit, zero where it has none.
func fabricOf(ctx context.Context, objects Reader, id jitos.CommitID) (plumbing.Hash, error) {
	root, err := rootOf(ctx, objects, id)
	return entryOf(root, fabricDir), err
}
