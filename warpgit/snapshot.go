package warpgit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// snapshot is a WARP at one commit, read when asked. For a commit of the user's the graph is empty.
type snapshot struct {
	objects *Objects
	commit  jitos.Commit
	fabric  plumbing.Hash // .jitos/, zero for a commit of the user's
	tree    plumbing.Hash // the user's files
}

var _ jitos.Snapshot = (*snapshot)(nil)

func (s *snapshot) Commit() jitos.Commit { return s.commit }

// Node implements jitos.Graph.
func (s *snapshot) Node(ctx context.Context, id jitos.NodeID) (jitos.Node, error) {
	data, err := s.NodeBytes(ctx, id)
	if err != nil {
		return jitos.Node{}, err
	}
	return decodeNode(id, data)
}

// NodeBytes are the bytes of a node as they are stored, which the caller must not change.
func (s *snapshot) NodeBytes(ctx context.Context, id jitos.NodeID) ([]byte, error) {
	if err := id.Check(); err != nil {
		return nil, err
	}
	blob, err := s.objects.item(ctx, s.fabric, jitos.ItemParts{Node: id})
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", id, err)
	}
	if blob.IsZero() {
		return nil, fmt.Errorf("node %s: %w", id, jitos.ErrNotFound)
	}
	data, err := s.objects.Blob(ctx, blob)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", id, err)
	}
	return data, nil
}

// Blob implements jitos.Graph.
func (s *snapshot) Blob(ctx context.Context, item jitos.ItemID) (jitos.BlobID, error) {
	parts, err := item.Parse()
	if err != nil {
		return "", err
	}
	blob, err := s.objects.item(ctx, s.fabric, parts)
	if err != nil || blob.IsZero() {
		return "", err
	}
	return jitos.BlobID(blob.String()), nil
}

// errStop ends a walk whose consumer has had enough.
var errStop = errors.New("stop")

// Nodes implements jitos.Graph.
func (s *snapshot) Nodes(ctx context.Context, kind string) iter.Seq2[jitos.Node, error] {
	return func(yield func(jitos.Node, error) bool) {
		err := s.kinds(ctx, nodesDir, kind, func(kind string, dir plumbing.Hash) error {
			return s.leaves(ctx, dir, ".json", func(name string, blob plumbing.Hash) error {
				data, err := s.objects.Blob(ctx, blob)
				if err != nil {
					return err
				}
				n, err := decodeNode(jitos.NodeID{Kind: kind, Name: name}, data)
				if err != nil {
					return err
				}
				return goOn(yield(n, nil))
			})
		})
		if err != nil && !errors.Is(err, errStop) {
			yield(jitos.Node{}, fmt.Errorf("nodes: %w", err))
		}
	}
}

// NodeIDs yields the nodes of a kind, of all kinds for "", by their names alone: no node is read.
func (s *Store) NodeIDs(ctx context.Context, at jitos.Snapshot, kind string) iter.Seq2[jitos.NodeID, error] {
	return func(yield func(jitos.NodeID, error) bool) {
		snap, err := s.open(ctx, at.Commit().ID)
		if err == nil {
			err = snap.kinds(ctx, nodesDir, kind, func(kind string, dir plumbing.Hash) error {
				return snap.leaves(ctx, dir, ".json", func(name string, _ plumbing.Hash) error {
					return goOn(yield(jitos.NodeID{Kind: kind, Name: name}, nil))
				})
			})
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(jitos.NodeID{}, fmt.Errorf("names of nodes: %w", err))
		}
	}
}

// Edges implements jitos.Graph.
func (s *snapshot) Edges(ctx context.Context, from jitos.NodeID, label string) iter.Seq2[jitos.Edge, error] {
	return func(yield func(jitos.Edge, error) bool) {
		err := s.edges(ctx, from, label, yield)
		if err != nil && !errors.Is(err, errStop) {
			yield(jitos.Edge{}, fmt.Errorf("edges of %s: %w", from, err))
		}
	}
}

// AllEdges yields every edge of a snapshot, in order of their sources' shards.
func (s *Store) AllEdges(ctx context.Context, at jitos.Snapshot) iter.Seq2[jitos.Edge, error] {
	return func(yield func(jitos.Edge, error) bool) {
		snap, err := s.open(ctx, at.Commit().ID)
		if err == nil {
			err = snap.kinds(ctx, edgesDir, "", func(kind string, dir plumbing.Hash) error {
				return snap.leaves(ctx, dir, fromLeaf(""), func(name string, edges plumbing.Hash) error {
					from := jitos.NodeID{Kind: kind, Name: name}
					return snap.edgesIn(ctx, edges, from, "", yield)
				})
			})
		}
		if err != nil && !errors.Is(err, errStop) {
			yield(jitos.Edge{}, fmt.Errorf("edges: %w", err))
		}
	}
}

func (s *snapshot) edges(ctx context.Context, from jitos.NodeID, label string, yield func(jitos.Edge, error) bool) error {
	if err := from.Check(); err != nil {
		return err
	}
	dir, err := s.objects.edgesOf(ctx, s.fabric, from)
	if err != nil {
		return err
	}
	return s.edgesIn(ctx, dir, from, label, yield)
}

// edgesIn yields the edges in the directory of a source.
func (s *snapshot) edgesIn(ctx context.Context, dir plumbing.Hash, from jitos.NodeID, label string, yield func(jitos.Edge, error) bool) error {
	labels, err := s.objects.Tree(ctx, dir)
	if err != nil {
		return err
	}
	for _, l := range labels {
		if label != "" && l.Name != label {
			continue
		}
		err := s.leaves(ctx, l.Hash, ".json", func(id string, blob plumbing.Hash) error {
			data, err := s.objects.Blob(ctx, blob)
			if err != nil {
				return err
			}
			e, err := decodeEdge(from, l.Name, id, data)
			if err != nil {
				return err
			}
			return goOn(yield(e, nil))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// kinds calls fn for the directory of a kind, of all kinds where kind is "".
func (s *snapshot) kinds(ctx context.Context, top, kind string, fn func(string, plumbing.Hash) error) error {
	dir, err := s.objects.child(ctx, s.fabric, top)
	if err != nil {
		return err
	}
	kinds, err := s.objects.Tree(ctx, dir)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		if kind != "" && k.Name != kind {
			continue
		}
		if err := fn(k.Name, k.Hash); err != nil {
			return err
		}
	}
	return nil
}

// leaves calls fn for each leaf of a sharded directory, with its name less the extension.
func (s *snapshot) leaves(ctx context.Context, dir plumbing.Hash, ext string, fn func(string, plumbing.Hash) error) error {
	return s.objects.eachLeaves(ctx, dir, func(t tree) error {
		return t.each(func(file string, e entry) error {
			name, ok := strings.CutSuffix(file, ext)
			if !ok {
				return fmt.Errorf("%w: %s is no name for a leaf", jitos.ErrCorrupt, file)
			}
			return fn(name, e.id)
		})
	})
}

func goOn(more bool) error {
	if more {
		return nil
	}
	return errStop
}

// Fabric implements jitos.Snapshot: what is below .jitos/ beside nodes, edges and the record. None for a commit of the user's.
func (s *snapshot) Fabric(ctx context.Context) (map[string][]byte, error) {
	out := map[string][]byte{}
	if err := s.fabricFiles(ctx, s.fabric, "", out); err != nil {
		return nil, fmt.Errorf("files of the fabric: %w", err)
	}
	return out, nil
}

func (s *snapshot) fabricFiles(ctx context.Context, dir plumbing.Hash, prefix string, out map[string][]byte) error {
	entries, err := s.objects.Tree(ctx, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := prefix + e.Name
		switch {
		case name == nodesDir, name == edgesDir, name == rewriteFile:
		case e.Mode == filemode.Dir:
			err = s.fabricFiles(ctx, e.Hash, name+"/", out)
		case isRegular(e.Mode):
			out[name], err = s.objects.Blob(ctx, e.Hash)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
