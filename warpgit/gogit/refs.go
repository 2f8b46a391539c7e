package gogit

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// tries is how often a ref is set anew that others move meanwhile.
const tries = 20

// one reads a ref without following it. One that is not there has neither hash nor target.
func (a *adapter) one(name plumbing.ReferenceName) (warpgit.RawRef, error) {
	id, target, err := a.raw.Ref(string(name))
	if errors.Is(err, jitos.ErrNotFound) {
		err = nil
	}
	return warpgit.RawRef{Name: string(name), ID: id, Target: target}, err
}

func reference(r warpgit.RawRef) *plumbing.Reference {
	if r.Target != "" {
		return plumbing.NewSymbolicReference(plumbing.ReferenceName(r.Name), plumbing.ReferenceName(r.Target))
	}
	return plumbing.NewHashReference(plumbing.ReferenceName(r.Name), r.ID)
}

// Reference reads a ref without following it.
func (a *adapter) Reference(name plumbing.ReferenceName) (*plumbing.Reference, error) {
	id, target, err := a.raw.Ref(string(name))
	if errors.Is(err, jitos.ErrNotFound) || errors.Is(err, jitos.ErrInvalid) {
		return nil, plumbing.ErrReferenceNotFound // go-git tries names out
	}
	if err != nil {
		return nil, err
	}
	return reference(warpgit.RawRef{Name: string(name), ID: id, Target: target}), nil
}

// IterReferences yields HEAD and all refs that the worktrees share.
func (a *adapter) IterReferences() (storer.ReferenceIter, error) {
	list, err := a.raw.Refs()
	if err != nil {
		return nil, err
	}
	var all []*plumbing.Reference
	for _, r := range list {
		all = append(all, reference(r))
	}
	return storer.NewReferenceSliceIter(all), nil
}

// SetReference sets a ref whatever it is at.
func (a *adapter) SetReference(ref *plumbing.Reference) error {
	if ref == nil {
		return nil
	}
	for try := 0; ; try++ {
		was, err := a.one(ref.Name())
		if err != nil {
			return err
		}
		if err = a.set(ref, was); !errors.Is(err, jitos.ErrStale) || try == tries {
			return err
		}
	}
}

// CheckAndSetReference sets a ref that stands at old; without old it is SetReference.
func (a *adapter) CheckAndSetReference(ref, old *plumbing.Reference) error {
	if ref == nil || old == nil {
		return a.SetReference(ref)
	}
	was, err := a.one(old.Name())
	if err != nil {
		return err
	}
	if was.ID != old.Hash() || was.Target != string(old.Target()) || old.Name() != ref.Name() {
		return storage.ErrReferenceHasChanged
	}
	if err = a.set(ref, was); errors.Is(err, jitos.ErrStale) {
		return storage.ErrReferenceHasChanged
	}
	return err
}

// set moves a ref from what it was read as.
func (a *adapter) set(ref *plumbing.Reference, was warpgit.RawRef) error {
	if ref.Type() == plumbing.SymbolicReference {
		return a.raw.LinkRef(string(ref.Name()), string(ref.Target()))
	}
	return a.raw.MoveRef(was, ref.Hash())
}

// RemoveReference removes a ref whatever it is at. One that is not there is no error.
func (a *adapter) RemoveReference(name plumbing.ReferenceName) error {
	for try := 0; ; try++ {
		was, err := a.one(name)
		if err != nil || was.ID.IsZero() && was.Target == "" {
			return err
		}
		if err = a.raw.DropRef(was); !errors.Is(err, jitos.ErrStale) || try == tries {
			return err
		}
	}
}

func (a *adapter) CountLooseRefs() (int, error) {
	n := 0
	err := filepath.WalkDir(filepath.Join(a.repo.Common, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasSuffix(path, ".lock") {
			n++
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return n, err
}
