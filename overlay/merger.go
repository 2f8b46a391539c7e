package overlay

import (
	"context"
	"fmt"
	"iter"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/jitos/jitos"
)

// Objects are the git objects that a merge reads and writes; warpgit.Objects are such. The zero hash is the empty tree.
type Objects interface {
	Blob(ctx context.Context, id plumbing.Hash) ([]byte, error)
	Tree(ctx context.Context, id plumbing.Hash) ([]object.TreeEntry, error)
	PutBlob(data []byte) (plumbing.Hash, error)
	PutTree(entries []object.TreeEntry) (plumbing.Hash, error)
}

// History is the way back from a commit; a warpgit.Store is one.
type History interface {
	// Log yields commits from a commit back along first parents.
	Log(ctx context.Context, from jitos.CommitID) iter.Seq2[jitos.Commit, error]
	// Root returns the whole tree of a commit, .jitos/ included.
	Root(ctx context.Context, id jitos.CommitID) (jitos.TreeID, error)
}

// Merger merges and compares WARPs and file trees. It keeps no state, so it is safe for concurrent use.
type Merger struct {
	objects Objects
	history History
}

// New returns a merger of what is in objects. Files, Changed and DiffFiles need no history: it may be nil for those.
func New(objects Objects, history History) *Merger { return &Merger{objects, history} }

// three are the versions of one thing: the common one and those of the two sides.
type three[T any] struct{ base, ours, theirs T }

// pick settles a three-way merge that needs no look inside: the sides agree, or one of them left the thing as it was.
func pick[T comparable](v three[T]) (picked T, ok bool) {
	switch v.theirs {
	case v.ours, v.base:
		return v.ours, true
	}
	return v.theirs, v.ours == v.base
}

// each applies f to the three versions.
func each[T, U any](v three[T], f func(T) U) three[U] {
	return three[U]{f(v.base), f(v.ours), f(v.theirs)}
}

// hashOf reads an object id of the model. None and the empty tree, which need not be stored, are the zero hash.
func hashOf[T ~string](id T) (plumbing.Hash, error) {
	if id == "" || string(id) == emptyTree.String() {
		return plumbing.ZeroHash, nil
	}
	if !plumbing.IsHash(string(id)) {
		return plumbing.ZeroHash, fmt.Errorf("object id %q: %w", id, jitos.ErrInvalid)
	}
	return plumbing.NewHash(string(id)), nil
}

var emptyTree = plumbing.ComputeHash(plumbing.TreeObject, nil)

// textOf is an object id as conflicts and diffs show it, "" for none.
func textOf(id plumbing.Hash) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// hashes reads the ids of three trees.
func hashes(base, ours, theirs jitos.TreeID) (ids three[plumbing.Hash], err error) {
	if ids.base, err = hashOf(base); err != nil {
		return ids, err
	}
	if ids.ours, err = hashOf(ours); err != nil {
		return ids, err
	}
	ids.theirs, err = hashOf(theirs)
	return ids, err
}
