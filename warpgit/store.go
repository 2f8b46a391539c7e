package warpgit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// Store keeps WARPs in a repository, or in memory: see NewMemory and Repo.Store. It is safe for concurrent use.
type Store struct {
	Objects *Objects

	refs      refs
	who       func(context.Context) (string, error) // the committer, "name <address>"
	sign      func(context.Context, []byte) ([]byte, error)
	now       func() time.Time                // tests pin it
	asOf      jitos.CommitID                  // see AsOf
	openThen  []namedRef                      // the workspaces of that moment
	shallow   func() ([]plumbing.Hash, error) // the edges of a shallow clone; nil: there are none
	graph     func() (*graphFile, error)      // git's commit-graph; nil: there is none
	index     *graphIndex
	stagedMu  sync.Mutex // guards staged
	staged    map[plumbing.Hash]stagedLine
	views     cache[plumbing.Hash, *view]
	standings cache[plumbing.Hash, standing]
}

var _ jitos.Store = (*Store)(nil)

// NewMemory returns a store that keeps everything in memory. It is complete: the tests of what is built on stores use it.
func NewMemory() *Store {
	objects := newObjects(newMemory(), nil)
	nobody := func(context.Context) (string, error) { return "jitos <jitos@localhost>", nil }
	return newStore(objects, &memRefs{all: map[string]plumbing.Hash{}}, nobody)
}

func newStore(objects *Objects, refs refs, who func(context.Context) (string, error)) *Store {
	s := &Store{
		Objects:   objects,
		refs:      refs,
		who:       who,
		now:       time.Now,
		views:     cache[plumbing.Hash, *view]{limit: 100_000},
		standings: cache[plumbing.Hash, standing]{limit: 10_000},
	}
	s.index = &graphIndex{store: s, clone: func() string { return "" }}
	objects.lost = s.findTree
	return s
}

// Head implements jitos.Store.
func (s *Store) Head(ctx context.Context, ref jitos.Ref) (jitos.CommitID, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if s.asOf != "" && ref == jitos.SystemRef {
		return s.asOf, nil
	}
	if s.asOf != "" && strings.HasPrefix(string(ref), jitos.SWSPrefix) {
		for _, w := range s.openThen {
			if w.name == string(ref) {
				return commitID(w.id), nil
			}
		}
		return "", fmt.Errorf("ref %s: %w at that moment", ref, jitos.ErrNotFound)
	}
	id, err := s.refs.read(string(ref))
	return commitID(id), err
}

// Open implements jitos.Store. A commit that changed .jitos/ without being a rewrite is an error that Is jitos.ErrCorrupt, a
// fabric of an unknown format one that Is jitos.ErrInvalid.
func (s *Store) Open(ctx context.Context, id jitos.CommitID) (jitos.Snapshot, error) {
	snap, err := s.open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", id, err)
	}
	return snap, nil
}

func (s *Store) open(ctx context.Context, id jitos.CommitID) (*snapshot, error) {
	hash, err := parseID(id)
	if err != nil {
		return nil, err
	}
	v, err := s.view(ctx, hash)
	if err != nil {
		return nil, err
	}
	st, err := s.standing(ctx, v)
	if err != nil {
		return nil, err
	}
	snap := &snapshot{objects: s.Objects, commit: s.export(v, st.record), tree: v.tree}
	s.Objects.remember(v.tree, rawObject{plumbing.TreeObject, v.files})
	if st.fabric {
		snap.fabric = v.fabric
	}
	return snap, nil
}

// Delete implements jitos.Store.
func (s *Store) Delete(ctx context.Context, ref jitos.Ref, old jitos.CommitID) error {
	if err := checkFabricRef(ref); err != nil {
		return err
	}
	hash, err := parseID(old)
	if err != nil {
		return err
	}
	if _, err := s.refs.read(string(ref)); isNotFound(err) {
		return nil
	}
	err = s.refs.move(ctx, string(ref), hash, plumbing.ZeroHash)
	if errors.Is(err, jitos.ErrStale) {
		if _, at := s.refs.read(string(ref)); isNotFound(at) {
			return nil // another process removed it since we looked
		}
	}
	return err
}

// checkFabricRef keeps jitos away from the user's branches.
func checkFabricRef(ref jitos.Ref) error {
	if ref != jitos.SystemRef && !strings.HasPrefix(string(ref), jitos.SWSPrefix) && !strings.HasPrefix(string(ref), jitos.ArchivePrefix) {
		return fmt.Errorf("ref %s: %w: not one of the fabric's", ref, jitos.ErrInvalid)
	}
	return checkRef(string(ref))
}

// Refs implements jitos.Store. A prefix outside the fabric's refs yields nothing.
func (s *Store) Refs(ctx context.Context, prefix string) iter.Seq2[jitos.Tip, error] {
	return func(yield func(jitos.Tip, error) bool) {
		list, err := s.refs.list("refs/heads/jitos/")
		if s.asOf != "" {
			list = append(slices.Clone(s.openThen), namedRef{string(jitos.SystemRef), plumbing.NewHash(string(s.asOf))})
		}
		if err != nil {
			yield(jitos.Tip{}, err)
			return
		}
		for _, r := range list {
			if strings.HasPrefix(r.name, prefix) && !yield(jitos.Tip{Ref: jitos.Ref(r.name), ID: commitID(r.id)}, nil) {
				return
			}
		}
	}
}

// Log implements jitos.Store. In a shallow clone it ends at the edge. A commit whose record does not fit it has none.
func (s *Store) Log(ctx context.Context, from jitos.CommitID) iter.Seq2[jitos.Commit, error] {
	return func(yield func(jitos.Commit, error) bool) {
		hash, err := parseID(from)
		if err != nil {
			yield(jitos.Commit{}, err)
			return
		}
		for {
			v, err := s.view(ctx, hash)
			if err != nil {
				yield(jitos.Commit{}, fmt.Errorf("log: %w", err))
				return
			}
			st, err := s.standing(ctx, v)
			if err != nil && !errors.Is(err, jitos.ErrCorrupt) {
				yield(jitos.Commit{}, fmt.Errorf("log: %w", err))
				return
			}
			if !yield(s.export(v, st.record), nil) || len(v.parents) == 0 {
				return
			}
			hash = v.parents[0]
		}
	}
}

// Line yields the commits of a line by their ids alone, back along first parents: no record and no tree is read, and of what is in
// git's commit-graph no commit either.
func (s *Store) Line(ctx context.Context, from jitos.CommitID) iter.Seq2[jitos.CommitID, error] {
	return func(yield func(jitos.CommitID, error) bool) {
		edges, err := s.edges()
		if _, perr := parseID(from); perr != nil {
			err = perr
		}
		var graph *graphFile
		if err == nil && s.graph != nil && len(edges) == 0 {
			if graph, _ = s.graph(); graph != nil {
				defer graph.close()
			}
		}
		for at, more := from, true; err == nil && more; {
			if graph != nil {
				if i, ok := graph.place(plumbing.NewHash(string(at))); ok {
					var ended error
					err = graph.line(i, func(id plumbing.Hash) bool {
						ended = ctx.Err()
						return ended == nil && yield(commitID(id), nil)
					})
					err = errors.Join(err, ended)
					break
				}
			}
			if !yield(at, nil) {
				return
			}
			at, more, err = s.parentOf(ctx, at, edges)
		}
		if err != nil {
			yield("", fmt.Errorf("line: %w", err))
		}
	}
}

// parentOf returns the first parent of a commit, by what stands at the head of its bytes; false where there is none, or it is
// beyond the edge of a shallow clone.
func (s *Store) parentOf(ctx context.Context, id jitos.CommitID, edges []plumbing.Hash) (jitos.CommitID, bool, error) {
	if err := ctx.Err(); err != nil {
		return "", false, err
	}
	hash, err := parseID(id)
	if err != nil {
		return "", false, err
	}
	r, _, err := s.Objects.pass(hash)
	data, err := r.as(hash, plumbing.CommitObject, err)
	if err != nil || slices.Contains(edges, hash) {
		return "", false, err
	}
	parent, ok := firstParent(data)
	return jitos.CommitID(parent), ok, nil
}

// findTree looks for a tree that is nowhere stored: the file tree of a commit exists only as a hash in records, until the
// commit's root is taken apart. So it looks along the lines of the fabric, here and as they were fetched, and along what is
// staged, for a commit whose files have this hash.
func (s *Store) findTree(ctx context.Context, id plumbing.Hash) bool {
	var next []plumbing.Hash
	for _, prefix := range slices.Backward(fabricPrefixes) {
		list, err := s.refs.list(prefix)
		if err != nil {
			return false
		}
		for _, r := range list {
			next = append(next, r.id)
		}
	}
	s.stagedMu.Lock()
	next = slices.AppendSeq(next, maps.Keys(s.staged))
	s.stagedMu.Unlock()
	seen := map[plumbing.Hash]bool{}
	for len(next) > 0 {
		at := next[len(next)-1]
		next = next[:len(next)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		c, err := s.Objects.Commit(ctx, at)
		if err != nil {
			continue
		}
		root, err := s.Objects.storedTree(ctx, c.TreeHash)
		if err != nil {
			continue
		}
		fabric, files, tree := splitRoot(root)
		if tree == id {
			return s.Objects.stage(id, rawObject{plumbing.TreeObject, files}, plumbing.ZeroHash) == nil
		}
		switch {
		case !fabric.IsZero() && len(c.ParentHashes) > 0:
			next = append(next, c.ParentHashes[0])
		case c.TreeHash == EmptyTree: // the archive: its second parents are tips of given up workspaces
			next = append(next, c.ParentHashes...)
		}
	}
	return false
}
