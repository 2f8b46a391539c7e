package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/jitos/jitos"
)

// Objects are the git objects of one repository: everything it has, and what this process has staged.
//
// On disk, writing goes to a staging map in memory; the next Append of the Store makes it durable in one pack. In memory,
// writing is immediate.
//
// Every method is safe for concurrent use. A hash that is not there gives an error that Is jitos.ErrNotFound.
type Objects struct {
	mu      sync.Mutex // guards what follows; a source is not safe for concurrent use
	base    source
	packs   *packWriter // nil in memory
	staged  map[plumbing.Hash]*stagedObject
	bytes   int64    // of the staged objects that are not in any pack yet
	spillAt int64    // see spill
	spilled []string // packs that hold staged objects, see spill

	raw   cache[plumbing.Hash, rawObject]
	trees cache[plumbing.Hash, []object.TreeEntry]

	// lost is asked for a tree that no storage has: the file tree of a commit is only computed, see Store.findTree.
	lost func(context.Context, plumbing.Hash) bool
}

// source is where objects come from: a repository's object directories (objectDirs) or go-git's memory storage. The error
// of read is plumbing.ErrObjectNotFound where there is no such object.
type source interface {
	read(id plumbing.Hash) (rawObject, error)
}

// rawObject is an object's type and its bytes without git's header.
type rawObject struct {
	kind plumbing.ObjectType
	data []byte
}

// stagedObject is kept until a commit that reaches it is durable: a pack alone does not protect it from a git gc.
type stagedObject struct {
	rawObject
	written bool // it is in a pack already, only not reachable yet
}

// EmptyTree is the tree without entries.
var EmptyTree = plumbing.ComputeHash(plumbing.TreeObject, nil)

// defaultSpill is how much may be staged in memory before it goes to a pack that is held with a .keep.
const defaultSpill = 64 << 20

func newObjects(base source, packs *packWriter) *Objects {
	return &Objects{
		base:    base,
		packs:   packs,
		spillAt: defaultSpill,
		staged:  map[plumbing.Hash]*stagedObject{},
		raw:     cache[plumbing.Hash, rawObject]{limit: 16 << 20},
		trees:   cache[plumbing.Hash, []object.TreeEntry]{limit: 400_000},
	}
}

// Blob returns the bytes of a blob. The caller must not change them.
func (o *Objects) Blob(ctx context.Context, id plumbing.Hash) ([]byte, error) {
	return o.typed(ctx, id, plumbing.BlobObject)
}

// Tree returns the entries of a tree in git's order. The caller must not change them. The zero hash is the empty tree.
func (o *Objects) Tree(ctx context.Context, id plumbing.Hash) ([]object.TreeEntry, error) {
	entries, err := o.storedTree(ctx, id)
	if errors.Is(err, jitos.ErrNotFound) && o.lost != nil && o.lost(ctx, id) {
		return o.storedTree(ctx, id)
	}
	return entries, err
}

func (o *Objects) storedTree(ctx context.Context, id plumbing.Hash) ([]object.TreeEntry, error) {
	if id.IsZero() || id == EmptyTree {
		return nil, nil
	}
	if entries, ok := o.trees.get(id); ok {
		return entries, nil
	}
	data, err := o.typed(ctx, id, plumbing.TreeObject)
	if err != nil {
		return nil, err
	}
	entries, err := decodeTree(data)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", id, err)
	}
	o.trees.put(id, entries, len(entries)+1)
	return entries, nil
}

// Commit returns a commit as git keeps it.
func (o *Objects) Commit(ctx context.Context, id plumbing.Hash) (*object.Commit, error) {
	data, err := o.typed(ctx, id, plumbing.CommitObject)
	if err != nil {
		return nil, err
	}
	m := &plumbing.MemoryObject{}
	m.SetType(plumbing.CommitObject)
	if _, err := m.Write(data); err != nil {
		return nil, fmt.Errorf("commit %s: %w", id, err)
	}
	c := &object.Commit{}
	if err := c.Decode(m); err != nil {
		return nil, fmt.Errorf("commit %s: %w: %v", id, jitos.ErrCorrupt, err)
	}
	return c, nil
}

// PutBlob stages a blob.
func (o *Objects) PutBlob(data []byte) (plumbing.Hash, error) {
	return o.put(plumbing.BlobObject, data)
}

// PutTree stages a tree; the entries may come in any order, and are kept in git's. Modes stay as they are.
func (o *Objects) PutTree(entries []object.TreeEntry) (plumbing.Hash, error) {
	entries = sortedTree(entries)
	if err := checkTree(entries); err != nil {
		return plumbing.ZeroHash, err
	}
	id, err := o.put(plumbing.TreeObject, encodeTree(entries))
	if err == nil {
		o.trees.put(id, entries, len(entries)+1)
	}
	return id, err
}

// PutCommit stages a commit.
func (o *Objects) PutCommit(c *object.Commit) (plumbing.Hash, error) {
	m := &plumbing.MemoryObject{}
	if err := c.Encode(m); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("encode commit: %w", err)
	}
	data, err := readAll(m)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("encode commit: %w", err)
	}
	return o.put(plumbing.CommitObject, data)
}

// put never asks whether the object is in the repository already: one that is there unreferenced could be taken by a git gc,
// and writing it again into our own pack is always safe.
func (o *Objects) put(kind plumbing.ObjectType, data []byte) (plumbing.Hash, error) {
	id := plumbing.ComputeHash(kind, data)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch base := o.base.(type) {
	case memory:
		return id, base.write(rawObject{kind, data})
	case scratch:
		o.raw.put(id, rawObject{kind, data}, len(data)+64)
		return id, nil
	}
	if _, ok := o.staged[id]; ok {
		return id, nil
	}
	o.staged[id] = &stagedObject{rawObject: rawObject{kind, append([]byte(nil), data...)}}
	o.bytes += int64(len(data))
	if o.bytes < o.spillAt {
		return id, nil
	}
	return id, o.spill()
}

// typed reads an object that must be of a type.
func (o *Objects) typed(ctx context.Context, id plumbing.Hash, kind plumbing.ObjectType) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := o.get(id)
	if err != nil {
		return nil, err
	}
	if r.kind != kind {
		return nil, fmt.Errorf("object %s: %w: a %s where a %s is wanted", id, jitos.ErrInvalid, r.kind, kind)
	}
	return r.data, nil
}

// get reads an object: one that is staged, or one of the source's.
func (o *Objects) get(id plumbing.Hash) (rawObject, error) {
	if r, ok := o.raw.get(id); ok {
		return r, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if s, ok := o.staged[id]; ok {
		return s.rawObject, nil
	}
	r, err := o.base.read(id)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return r, fmt.Errorf("object %s: %w", id, jitos.ErrNotFound)
	}
	if err != nil {
		return r, fmt.Errorf("object %s: %w: %v", id, jitos.ErrCorrupt, err)
	}
	if len(r.data) <= 1<<20 {
		o.raw.put(id, r, len(r.data)+64)
	}
	return r, nil
}

// memory keeps objects in go-git's memory storage.
type memory struct{ storer.EncodedObjectStorer }

func (m memory) read(id plumbing.Hash) (rawObject, error) {
	e, err := m.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return rawObject{}, err
	}
	data, err := readAll(e)
	return rawObject{e.Type(), data}, err
}

func (m memory) write(r rawObject) error {
	e := &plumbing.MemoryObject{}
	e.SetType(r.kind)
	if _, err := e.Write(append([]byte(nil), r.data...)); err != nil {
		return fmt.Errorf("keep object: %w", err)
	}
	_, err := m.SetEncodedObject(e)
	return err
}

func readAll(e plumbing.EncodedObject) ([]byte, error) {
	r, err := e.Reader()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	if err2 := r.Close(); err == nil {
		err = err2
	}
	return data, err
}
