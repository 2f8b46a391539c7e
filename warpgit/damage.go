package warpgit

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// Damage is an object that a history needs and that cannot be read: it is nowhere, or no copy of it is whole.
type Damage struct {
	Object  string           `json:"object"`
	Path    string           `json:"path"` // below a commit's tree, "" for a commit or a root tree
	Why     string           `json:"why"`
	Commits []jitos.CommitID `json:"commits"` // whose files or graph cannot be read without it; a lost commit hides those behind it
}

// CheckObjects makes every read from now on compare an object with its name, and try each copy of it: in packs, loose, in
// alternates. An object of which one copy is whole is read from that one.
func (r *Repo) CheckObjects() { r.objects.checked = true }

// Damaged reads every object that the tips lead to, and tells which cannot be read, and whom that harms: the fabric's lines,
// and the user's history as far as it was absorbed. Beyond the edge of a shallow clone nothing is expected.
func (s *Store) Damaged(ctx context.Context, tips ...jitos.CommitID) ([]Damage, error) {
	w := &damageWalk{ctx: ctx, store: s, whole: map[plumbing.Hash]bool{}, bad: map[plumbing.Hash][]plumbing.Hash{}, found: map[plumbing.Hash]*Damage{}}
	seen := map[plumbing.Hash]bool{}
	var next []plumbing.Hash
	for _, tip := range tips {
		id, err := parseID(tip)
		if err != nil {
			return nil, err
		}
		next = append(next, id)
	}
	for len(next) > 0 {
		id := next[len(next)-1]
		next = next[:len(next)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		parents, err := w.commit(id)
		if err != nil {
			return nil, err
		}
		next = append(next, parents...)
	}
	return w.list(), nil
}

// damageWalk looks at each object once. A tree that leads to damage is remembered with all that it leads to.
type damageWalk struct {
	ctx   context.Context
	store *Store
	whole map[plumbing.Hash]bool            // trees and blobs
	bad   map[plumbing.Hash][]plumbing.Hash // trees and blobs, with the damaged objects at or below them
	found map[plumbing.Hash]*Damage
	order []plumbing.Hash
}

func (w *damageWalk) commit(id plumbing.Hash) ([]plumbing.Hash, error) {
	c, err := w.store.Objects.Commit(w.ctx, id)
	if err != nil {
		return nil, w.note(id, "", err, id)
	}
	below, err := w.tree(c.TreeHash, "")
	for _, b := range below {
		w.found[b].Commits = append(w.found[b].Commits, commitID(id))
	}
	if err != nil || len(c.ParentHashes) == 0 {
		return nil, err
	}
	edges, err := w.store.edges()
	if slices.Contains(edges, id) {
		return nil, err
	}
	return c.ParentHashes, err
}

// note writes down that an object cannot be read. The error is for what is no damage: that the caller gave up.
func (w *damageWalk) note(id plumbing.Hash, path string, err error, harmed ...plumbing.Hash) error {
	if cerr := w.ctx.Err(); cerr != nil {
		return cerr
	}
	why := strings.TrimPrefix(err.Error(), "object "+id.String()+": ")
	d := &Damage{Object: id.String(), Path: path, Why: why}
	for _, h := range harmed {
		d.Commits = append(d.Commits, commitID(h))
	}
	w.found[id] = d
	w.order = append(w.order, id)
	return nil
}

// tree returns the damaged objects at or below a tree.
func (w *damageWalk) tree(id plumbing.Hash, path string) ([]plumbing.Hash, error) {
	if w.whole[id] || id == EmptyTree {
		return nil, nil
	}
	if below, known := w.bad[id]; known {
		return below, nil
	}
	t, err := w.store.Objects.storedTree(w.ctx, id)
	if err != nil {
		w.bad[id] = []plumbing.Hash{id}
		return w.bad[id], w.note(id, path, err)
	}
	var below []plumbing.Hash
	for _, e := range t.entries() {
		name := strings.TrimPrefix(path+"/"+e.Name, "/")
		var more []plumbing.Hash
		switch e.Mode {
		case filemode.Dir:
			more, err = w.tree(e.Hash, name)
		case filemode.Submodule: // its commit is in another repository
		default:
			more, err = w.blob(e.Hash, name)
		}
		if err != nil {
			return nil, err
		}
		for _, m := range more {
			if !slices.Contains(below, m) {
				below = append(below, m)
			}
		}
	}
	if len(below) == 0 {
		w.whole[id] = true
	} else {
		w.bad[id] = below
	}
	return below, nil
}

func (w *damageWalk) blob(id plumbing.Hash, path string) ([]plumbing.Hash, error) {
	if w.whole[id] {
		return nil, nil
	}
	if _, known := w.bad[id]; known {
		return w.bad[id], nil
	}
	if _, err := w.store.Objects.typed(w.ctx, id, plumbing.BlobObject); err != nil {
		w.bad[id] = []plumbing.Hash{id}
		return w.bad[id], w.note(id, path, err)
	}
	w.whole[id] = true
	return nil, nil
}

func (w *damageWalk) list() []Damage {
	var list []Damage
	for _, id := range w.order {
		list = append(list, *w.found[id])
	}
	return list
}

// readIntact reads an object from the first copy that is what its name says.
func (d *objectDirs) readIntact(id plumbing.Hash) (rawObject, error) {
	var why error
	fits := func(r rawObject, err error, where string) bool {
		if err == nil && plumbing.ComputeHash(r.kind, r.data) == id {
			return true
		}
		if err == nil {
			err = errors.New("its bytes are not those of its name")
		}
		if why == nil {
			why = fmt.Errorf("%s: %w", where, err)
		}
		return false
	}
	for range 2 { // git may move an object while we look for it
		for _, p := range d.everyPack() {
			offset, err := p.find(id)
			if errors.Is(err, plumbing.ErrObjectNotFound) {
				continue
			}
			var r rawObject
			if err == nil {
				err = p.openable()
			}
			if err == nil {
				r, err = d.at(packPlace{p, offset}, 0)
			}
			if fits(r, err, filepath.Base(p.path)) {
				return r, nil
			}
		}
		for _, dir := range d.dirs {
			one := &objectDirs{dirs: []string{dir}}
			r, err := one.readLoose(id)
			if errors.Is(err, plumbing.ErrObjectNotFound) {
				continue
			}
			if fits(r, err, "loose") {
				return r, nil
			}
		}
		d.scan()
	}
	if why == nil {
		why = d.unreadable()
	}
	return rawObject{}, why
}

// openable wants what git wants before it reads anything of a pack.
func (p *pack) openable() error {
	if p.opens != nil {
		return *p.opens
	}
	err := p.tryOpen()
	p.opens = &err
	return err
}

func (p *pack) tryOpen() error {
	if err := p.openIndex(); err != nil {
		return err
	}
	fanout := p.idx[idxFanout:idxHashes]
	for i := 4; i < len(fanout); i += 4 {
		if binary.BigEndian.Uint32(fanout[i:]) < binary.BigEndian.Uint32(fanout[i-4:]) {
			return errors.New("its index is not in order")
		}
	}
	if extra := len(p.idx) - p.large - 40; extra/8 > p.count {
		return errors.New("its index has a wrong size")
	}
	if err := p.openData(); err != nil {
		return err
	}
	if len(p.data) < 12+packTail {
		return errors.New("it is cut off")
	}
	head, sum := p.data[:12], p.data[len(p.data)-packTail:]
	version, count := binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[8:])
	switch {
	case string(head[:4]) != "PACK" || version != 2 && version != 3:
		return errors.New("it does not begin as a pack does")
	case int(count) != p.count:
		return fmt.Errorf("it holds %d objects, and its index names %d", count, p.count)
	case !bytes.Equal(sum, p.idx[len(p.idx)-40:][:20]):
		return errors.New("it is not the pack that its index is of")
	}
	return nil
}

// unreadable is why an object may not be found: an index that is broken hides all that is in its pack.
func (d *objectDirs) unreadable() error {
	for _, dir := range d.dirs {
		names, err := listed(filepath.Join(dir, "pack"), "", ".idx")
		if err != nil {
			return err
		}
		for _, name := range names {
			p, err := openPack(strings.TrimSuffix(name, ".idx"))
			if err != nil {
				return fmt.Errorf("it is not found, and perhaps in a pack whose index cannot be read: %w", err)
			}
			if err := p.close(); err != nil {
				return err
			}
		}
	}
	return plumbing.ErrObjectNotFound
}
