package overlay

import (
	"context"
	"fmt"
	"iter"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Reader reads git objects. The tree of the zero hash is the empty one.
type Reader interface {
	Blob(ctx context.Context, id plumbing.Hash) ([]byte, error)
	Tree(ctx context.Context, id plumbing.Hash) ([]object.TreeEntry, error)
	Commit(ctx context.Context, id plumbing.Hash) (*object.Commit, error)
}

// Objects are the git objects that a merge reads and writes; warpgit.Objects are such.
type Objects interface {
	Reader
	PutBlob(data []byte) (plumbing.Hash, error)
	PutTree(entries []object.TreeEntry) (plumbing.Hash, error)
}

// History goes back from a commit along first parents; a jitos.Store does.
type History interface {
	Log(ctx context.Context, from jitos.CommitID) iter.Seq2[jitos.Commit, error]
}

// Merger merges and compares WARPs and file trees. It keeps no state, so it is safe for concurrent use.
type Merger struct {
	objects Objects
	history History
	rules   []jitos.MergeRule
}

var _ jitos.Merger = (*Merger)(nil)

// New returns a merger of what is in objects. Only Merge and StaleReads need the history.
func New(objects Objects, history History) *Merger { return &Merger{objects, history, nil} }

// Under returns a merger that merges the files of the user's as the rules say.
func (m *Merger) Under(rules []jitos.MergeRule) jitos.Merger {
	return &Merger{m.objects, m.history, rules}
}

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

// tryEach applies f to the three versions, and stops at the first error.
func tryEach[T, U any](v three[T], f func(T) (U, error)) (three[U], error) {
	var err error
	u := each(v, func(t T) (u U) {
		if err == nil {
			u, err = f(t)
		}
		return u
	})
	return u, err
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

var emptyTree = plumbing.NewHash("4b825dc642cb6eb9a060e54bf8d69288fbee4904")

// textOf is an object id as the model has it, "" for none.
func textOf(id plumbing.Hash) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}
