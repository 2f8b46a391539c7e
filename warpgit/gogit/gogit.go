// Package gogit gives go-git a repository that warpgit opened, so that go-git's tools and transports work on it:
// git.Open(gogit.Storer(repo), nil), and from there Log, Blame, Fetch, Push. warpgit.Raw says what holds beside git and other
// processes, where go-git's own storage of files loses updates and objects.
//
// It is a package of its own because storage.Storer brings all of go-git's configuration, which nobody who starts jitos needs.
package gogit

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// Storer returns a repository as go-git sees one. A SetReference, which names no old value, sets whatever is there;
// CheckAndSetReference gives storage.ErrReferenceHasChanged where another was faster. The extensions of git's that warpgit
// knows are not shown to go-git, which would refuse them.
func Storer(repo *warpgit.Repo) storage.Storer { return &adapter{repo, repo.Raw()} }

// adapter implements storage.Storer and storer.PackfileWriter. Its interfaces know no context.
type adapter struct {
	repo *warpgit.Repo
	raw  warpgit.Raw
}

var (
	_ storage.Storer        = (*adapter)(nil)
	_ storer.PackfileWriter = (*adapter)(nil)
)

func (a *adapter) NewEncodedObject() plumbing.EncodedObject { return &plumbing.MemoryObject{} }

func (a *adapter) SetEncodedObject(e plumbing.EncodedObject) (plumbing.Hash, error) {
	data, err := readAll(e)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return a.raw.Put(e.Type(), data)
}

func readAll(e plumbing.EncodedObject) ([]byte, error) {
	r, err := e.Reader()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func (a *adapter) EncodedObject(want plumbing.ObjectType, id plumbing.Hash) (plumbing.EncodedObject, error) {
	kind, data, err := a.raw.Object(id)
	if err == nil && want != plumbing.AnyObject && want != kind {
		err = plumbing.ErrObjectNotFound
	}
	if err != nil {
		return nil, err
	}
	return &stored{id, kind, data}, nil
}

func (a *adapter) HasEncodedObject(id plumbing.Hash) error {
	_, _, err := a.raw.Object(id)
	return err
}

func (a *adapter) EncodedObjectSize(id plumbing.Hash) (int64, error) {
	_, data, err := a.raw.Object(id)
	return int64(len(data)), err
}

// IterEncodedObjects yields what is staged and what the repository and its alternates hold, each once.
func (a *adapter) IterEncodedObjects(kind plumbing.ObjectType) (storer.EncodedObjectIter, error) {
	ids, err := a.raw.All()
	if err != nil {
		return nil, err
	}
	return &objects{a, kind, ids}, nil
}

func (a *adapter) AddAlternate(dir string) error { return a.raw.AddAlternate(dir) }

// PackfileWriter takes a pack as a transport delivers it.
func (a *adapter) PackfileWriter() (io.WriteCloser, error) { return a.raw.Receive() }

// Module opens the repository of a submodule that git has fetched; it is closed with this one.
func (a *adapter) Module(name string) (storage.Storer, error) {
	inner, err := a.raw.Module(name)
	if err != nil {
		return nil, err
	}
	return Storer(inner), nil
}

// stored is an object that was read. It cannot be written to.
type stored struct {
	id   plumbing.Hash
	kind plumbing.ObjectType
	data []byte
}

func (e *stored) Hash() plumbing.Hash            { return e.id }
func (e *stored) Type() plumbing.ObjectType      { return e.kind }
func (e *stored) SetType(plumbing.ObjectType)    {}
func (e *stored) Size() int64                    { return int64(len(e.data)) }
func (e *stored) SetSize(int64)                  {}
func (e *stored) Reader() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(e.data)), nil }
func (e *stored) Writer() (io.WriteCloser, error) {
	return nil, fmt.Errorf("object %s: %w: it is stored, and cannot be written to", e.id, jitos.ErrInvalid)
}

// objects reads objects one by one. One that a git gc has taken since they were listed is passed over.
type objects struct {
	from *adapter
	kind plumbing.ObjectType
	ids  []plumbing.Hash
}

func (i *objects) Next() (plumbing.EncodedObject, error) {
	for len(i.ids) > 0 {
		id := i.ids[0]
		i.ids = i.ids[1:]
		e, err := i.from.EncodedObject(i.kind, id)
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return e, err
		}
	}
	return nil, io.EOF
}

func (i *objects) ForEach(f func(plumbing.EncodedObject) error) error {
	for {
		e, err := i.Next()
		if err == nil {
			err = f(e)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, storer.ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (i *objects) Close() { i.ids = nil }
