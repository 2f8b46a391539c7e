package warpgit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Objects are the git objects of one repository: everything it has, and what this process has staged.
//
// What is put is staged in memory, until an Append of the Store whose commits lead to it makes it durable; in a Store of
// NewMemory it is there at once. Every method is safe for concurrent use, but on a layer. A hash that is not there gives an error
// that Is jitos.ErrNotFound.
type Objects struct {
	under *Objects // of a layer: what is below it
	batch *batch   // what is staged, or in a layer what was put into it; nil in memory

	mu      sync.Mutex // guards batch and spilled; of no use in a layer
	base    source
	packs   *packWriter // nil in memory
	spillAt int64       // see spill
	spilled []*heldPack // packs that hold staged objects, see spill

	raw   cache[plumbing.Hash, rawObject]
	trees cache[plumbing.Hash, []object.TreeEntry]

	// lost is asked for a tree that no storage has: the file tree of a commit is only computed, see Store.findTree.
	lost func(context.Context, plumbing.Hash) bool
}

// source is where objects come from: a repository's object directories (objectDirs) or memory. The error
// of read is plumbing.ErrObjectNotFound where there is no such object.
type source interface {
	read(id plumbing.Hash) (rawObject, error)
}

// rawObject is an object's type and its bytes without git's header.
type rawObject struct {
	kind plumbing.ObjectType
	data []byte
}

// EmptyTree is the tree without entries.
var EmptyTree = plumbing.NewHash("4b825dc642cb6eb9a060e54bf8d69288fbee4904")

// defaultSpill is how much may be staged in memory before it goes to a pack that is held with a .keep.
const defaultSpill = 64 << 20

func newObjects(base source, packs *packWriter) *Objects {
	o := &Objects{
		base:    base,
		packs:   packs,
		spillAt: defaultSpill,
		raw:     cache[plumbing.Hash, rawObject]{limit: 16 << 20},
		trees:   cache[plumbing.Hash, []object.TreeEntry]{limit: 400_000},
	}
	if packs != nil {
		o.batch = newBatch(0)
	}
	return o
}

// layer returns objects that read what o has and keep what is put into them to themselves: what one Append makes, or a replay
// that is only compared. It has room for about so many objects, and is for one goroutine.
func (o *Objects) layer(objects int) *Objects { return &Objects{under: o, batch: newBatch(objects)} }

// Blob returns the bytes of a blob. The caller must not change them.
func (o *Objects) Blob(ctx context.Context, id plumbing.Hash) ([]byte, error) {
	return o.typed(ctx, id, plumbing.BlobObject)
}

// Tree returns the entries of a tree in git's order. The caller must not change them. The zero hash is the empty tree.
func (o *Objects) Tree(ctx context.Context, id plumbing.Hash) ([]object.TreeEntry, error) {
	if entries, ok := o.trees.get(id); ok {
		return entries, nil
	}
	t, err := o.tree(ctx, id)
	if err != nil || len(t) == 0 {
		return nil, err
	}
	entries := t.entries()
	o.trees.put(id, entries, len(entries)+1)
	return entries, nil
}

// tree returns the bytes of a tree.
func (o *Objects) tree(ctx context.Context, id plumbing.Hash) (tree, error) {
	t, err := o.storedTree(ctx, id)
	for o.under != nil {
		o = o.under
	}
	if errors.Is(err, jitos.ErrNotFound) && o.lost != nil && o.lost(ctx, id) {
		return o.storedTree(ctx, id)
	}
	return t, err
}

func (o *Objects) storedTree(ctx context.Context, id plumbing.Hash) (tree, error) {
	if id.IsZero() || id == EmptyTree {
		return nil, nil
	}
	data, err := o.typed(ctx, id, plumbing.TreeObject)
	return treeOf(id, data, err)
}

// passTree is tree for a walk that comes by once. It does not look for trees that are nowhere stored.
func (o *Objects) passTree(ctx context.Context, id plumbing.Hash) (tree, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, _, err := o.pass(id)
	data, err := r.as(id, plumbing.TreeObject, err)
	return treeOf(id, data, err)
}

// treeOf takes the bytes of an object that was read for a tree.
func treeOf(id plumbing.Hash, data []byte, err error) (tree, error) {
	if err != nil {
		return nil, err
	}
	t, err := parseTree(data)
	if err != nil {
		return nil, fmt.Errorf("tree %s: %w", id, err)
	}
	return t, nil
}

// Commit returns a commit as git keeps it.
func (o *Objects) Commit(ctx context.Context, id plumbing.Hash) (*object.Commit, error) {
	data, err := o.typed(ctx, id, plumbing.CommitObject)
	if err != nil {
		return nil, err
	}
	c, err := decodeCommit(data)
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", id, err)
	}
	return c, nil
}

// PutBlob stages a blob.
func (o *Objects) PutBlob(data []byte) (plumbing.Hash, error) {
	return o.put(plumbing.BlobObject, append([]byte(nil), data...))
}

// PutTree stages a tree; the entries may come in any order, and are kept in git's. Modes stay as they are.
func (o *Objects) PutTree(entries []object.TreeEntry) (plumbing.Hash, error) {
	entries = sortedTree(entries)
	if err := checkTree(entries); err != nil {
		return plumbing.ZeroHash, err
	}
	return o.put(plumbing.TreeObject, encodeTree(entries))
}

// PutCommit stages a commit.
func (o *Objects) PutCommit(c *object.Commit) (plumbing.Hash, error) {
	return o.put(plumbing.CommitObject, encodeCommit(nil, c))
}

// put stages an object of anybody's, whose bytes must not change afterwards.
func (o *Objects) put(kind plumbing.ObjectType, data []byte) (plumbing.Hash, error) {
	id := hashForeign(kind, data)
	return id, o.stage(id, rawObject{kind, data}, plumbing.ZeroHash)
}

// putOwn stages an object that jitos encoded, which takes the place of a former one (zero for none).
func (o *Objects) putOwn(kind plumbing.ObjectType, data []byte, former plumbing.Hash) (plumbing.Hash, error) {
	id := hashOwn(kind, data)
	return id, o.stage(id, rawObject{kind, data}, former)
}

// stage never asks whether the object is in the repository already: one that is there unreferenced could be taken by a git gc,
// and writing it again into our own pack is always safe.
func (o *Objects) stage(id plumbing.Hash, r rawObject, former plumbing.Hash) error {
	if o.under != nil {
		if o.batch.add(id, r, former); o.batch.bytes < o.under.spillAt {
			return nil
		}
		full := o.batch
		o.batch = newBatch(0)
		return o.under.spill(full)
	}
	if base, ok := o.base.(memory); ok {
		base.write(&staged{rawObject: r, id: id})
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.batch.add(id, r, former); o.batch.bytes < o.spillAt {
		return nil
	}
	pack, err := o.packs.write(o.batch.list)
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	o.spilled, o.batch = append(o.spilled, pack), newBatch(0)
	return nil
}

// merge stages what was put into a layer, which must not be used afterwards.
func (o *Objects) merge(layer *Objects) {
	if base, ok := o.base.(memory); ok {
		base.write(layer.batch.list...)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range layer.batch.list {
		if o.batch.ids[s.id] == nil {
			o.batch.ids[s.id] = s
			o.batch.list = append(o.batch.list, s)
			o.batch.bytes += int64(len(s.data))
		}
	}
}

// take returns room for an object that putOwn will get.
func (o *Objects) take(size int) []byte {
	if o.under != nil {
		return o.batch.take(size)
	}
	return make([]byte, 0, size)
}

// typed reads an object that must be of a type.
func (o *Objects) typed(ctx context.Context, id plumbing.Hash, kind plumbing.ObjectType) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := o.get(id)
	return r.as(id, kind, err)
}

// as returns the bytes of an object that was read and must be of a type.
func (r rawObject) as(id plumbing.Hash, kind plumbing.ObjectType, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	if r.kind != kind {
		return nil, fmt.Errorf("object %s: %w: a %s where a %s is wanted", id, jitos.ErrInvalid, r.kind, kind)
	}
	return r.data, nil
}

// get reads an object: one that is staged, or one of the source's. It is kept for the next who asks.
func (o *Objects) get(id plumbing.Hash) (rawObject, error) {
	r, fresh, err := o.pass(id)
	if fresh {
		for o.under != nil {
			o = o.under
		}
		o.remember(id, r)
	}
	return r, err
}

// pass reads an object for a walk that comes by once, and does not keep it; fresh tells that it was not at hand.
func (o *Objects) pass(id plumbing.Hash) (r rawObject, fresh bool, err error) {
	for ; o.under != nil; o = o.under {
		if s := o.batch.ids[id]; s != nil {
			return s.rawObject, false, nil
		}
	}
	if r, ok := o.raw.get(id); ok {
		return r, false, nil
	}
	if r, ok := o.stagedObject(id); ok {
		return r, false, nil
	}
	r, err = o.base.read(id)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		if r, ok := o.stagedObject(id); ok { // put since we looked
			return r, false, nil
		}
		return r, false, fmt.Errorf("object %s: %w", id, jitos.ErrNotFound)
	}
	if isMachine(err) {
		return r, false, fmt.Errorf("object %s: %w", id, err)
	}
	if err != nil {
		return r, false, fmt.Errorf("object %s: %w: %v", id, jitos.ErrCorrupt, err)
	}
	return r, true, nil
}

func (o *Objects) stagedObject(id plumbing.Hash) (rawObject, bool) {
	if o.batch == nil {
		return rawObject{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.batch.ids[id]
	if s == nil {
		return rawObject{}, false
	}
	return s.rawObject, true
}

// remember keeps an object that is likely to be read again.
func (o *Objects) remember(id plumbing.Hash, r rawObject) {
	if len(r.data) <= 1<<20 {
		o.raw.put(id, r, len(r.data)+64)
	}
}

// memory keeps objects in memory.
type memory struct {
	mu      *sync.Mutex
	objects map[plumbing.Hash]rawObject
}

func newMemory() memory { return memory{&sync.Mutex{}, map[plumbing.Hash]rawObject{}} }

func (m memory) read(id plumbing.Hash) (rawObject, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.objects[id]
	if !ok {
		return r, plumbing.ErrObjectNotFound
	}
	return r, nil
}

func (m memory) write(objects ...*staged) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range objects {
		m.objects[s.id] = s.rawObject
	}
}
