package warpgit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// view is a commit with its root tree taken apart.
type view struct {
	id       plumbing.Hash
	commit   *object.Commit
	parents  []plumbing.Hash // none beyond the edge of a shallow clone
	fabric   plumbing.Hash   // its .jitos/, zero where it has none
	files    tree
	tree     plumbing.Hash // the hash of files
	trailers map[string]string
}

// view reads a commit.
func (s *Store) view(ctx context.Context, id plumbing.Hash) (*view, error) {
	if v, ok := s.views.get(id); ok {
		return v, nil
	}
	c, err := s.Objects.Commit(ctx, id)
	if err != nil {
		return nil, err
	}
	root, err := s.Objects.tree(ctx, c.TreeHash)
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", id, err)
	}
	v := &view{id: id, commit: c, parents: c.ParentHashes, files: root, tree: c.TreeHash}
	if _, ok := root.find(fabricDir); ok {
		v.fabric, v.files, v.tree = splitRoot(root)
	}
	_, _, v.trailers = parseMessage(c.Message)
	if len(v.parents) > 0 {
		edges, err := s.edges()
		if err != nil {
			return nil, err
		}
		if slices.Contains(edges, id) {
			v.parents = nil
		}
	}
	s.views.put(id, v, len(root)/32+10)
	return v, nil
}

// edges are the commits behind which a shallow clone cuts the history off.
func (s *Store) edges() ([]plumbing.Hash, error) {
	if s.shallow == nil {
		return nil, nil
	}
	return s.shallow()
}

// first returns the view of the first parent, nil where there is none.
func (s *Store) first(ctx context.Context, v *view) (*view, error) {
	if len(v.parents) == 0 {
		return nil, nil
	}
	return s.view(ctx, v.parents[0])
}

// recordText reads .jitos/rewrite.json, nil where there is none.
func (s *Store) recordText(ctx context.Context, v *view) ([]byte, error) {
	id, err := s.Objects.child(ctx, v.fabric, rewriteFile)
	if err != nil || id.IsZero() {
		return nil, err
	}
	return s.Objects.Blob(ctx, id)
}

// record reads .jitos/rewrite.json, nil where there is none that can be read: a foreign .jitos/ may hold anything.
func (s *Store) record(ctx context.Context, v *view) (*jitos.Record, error) {
	data, err := s.recordText(ctx, v)
	if err != nil || data == nil {
		return nil, err
	}
	r := &jitos.Record{}
	if json.Unmarshal(data, r) == nil {
		return r, nil
	}
	r = &jitos.Record{} // something may follow it
	if json.NewDecoder(bytes.NewReader(data)).Decode(r) != nil {
		return nil, nil
	}
	return r, nil
}

// seq is the number in a commit's record, 0 where there is none that can be read. What else the record says, which may be of a
// thousand nodes, is passed over.
func (s *Store) seq(ctx context.Context, v *view) (int64, error) {
	if st, ok := s.standings.get(v.id); ok && st.record != nil {
		return st.record.Seq, nil
	}
	data, err := s.recordText(ctx, v)
	if err != nil || data == nil {
		return 0, err
	}
	var r struct{ Seq int64 }
	if json.NewDecoder(bytes.NewReader(data)).Decode(&r) != nil {
		return 0, nil
	}
	return r.Seq, nil
}

// standing tells what a commit is to a fabric.
type standing struct {
	fabric bool          // it is on a fabric's line; otherwise it is a commit of the user's history
	record *jitos.Record // nil for a plain commit of the user's
}

// errTouched is a commit that changed .jitos/ without being a rewrite.
var errTouched = fmt.Errorf("%w: it changed %s/, but it is not what its %s says", jitos.ErrCorrupt, fabricDir, rewriteFile)

// standing goes back along first parents until it is plain what the commit is:
//
//   - no .jitos/: the user's
//   - .jitos/ as in the first parent: a plain commit, and what it is depends on the parent
//   - .jitos/ with a record that fits the commit: a rewrite
//   - .jitos/ otherwise, on a commit of the user's: foreign, somebody merged or copied it; on a fabric's line: an error
func (s *Store) standing(ctx context.Context, v *view) (standing, error) {
	if st, ok := s.standings.get(v.id); ok {
		return st, nil
	}
	st, err := s.judge(ctx, v)
	if err != nil {
		return st, fmt.Errorf("commit %s: %w", v.id, err)
	}
	s.standings.put(v.id, st, 1)
	return st, nil
}

func (s *Store) judge(ctx context.Context, v *view) (standing, error) {
	touched, plain := false, false
	for cur := v; ; {
		if cur.fabric.IsZero() {
			return standing{}, nil
		}
		parent, err := s.first(ctx, cur)
		if err != nil {
			return standing{}, err
		}
		if parent != nil && parent.fabric == cur.fabric {
			plain = plain || cur == v
			cur = parent
			continue
		}
		record, err := s.rewriteOf(ctx, cur, parent)
		if err != nil {
			return standing{}, err
		}
		if record == nil {
			if parent == nil {
				return standing{}, nil
			}
			touched, cur = true, parent
			continue
		}
		if touched {
			return standing{}, errTouched
		}
		if plain {
			record = nil
		}
		return standing{true, record}, nil
	}
}

// rewriteOf returns the record of a commit that is the rewrite which its record describes, nil for any other.
func (s *Store) rewriteOf(ctx context.Context, v, parent *view) (*jitos.Record, error) {
	rule := v.trailers[trailerRule]
	if rule == "" {
		return nil, nil
	}
	if err := s.checkFormat(ctx, v.fabric); err != nil {
		return nil, err
	}
	record, err := s.record(ctx, v)
	if err != nil || record == nil {
		return nil, err
	}
	seq := int64(0)
	if parent != nil {
		var err error
		if seq, err = s.seq(ctx, parent); err != nil {
			return nil, err
		}
	} else if len(v.commit.ParentHashes) > 0 {
		seq = record.Seq - 1 // the parent is beyond the edge of a shallow clone
	}
	if record.Seq != seq+1 || record.Rule != rule || record.Tree != treeID(v.tree) {
		return nil, nil
	}
	return record, nil
}

// checkFormat refuses a fabric of a format that this program does not know.
func (s *Store) checkFormat(ctx context.Context, fabric plumbing.Hash) error {
	id, err := s.Objects.child(ctx, fabric, fabricFile)
	if err != nil || id.IsZero() {
		return err
	}
	data, err := s.Objects.Blob(ctx, id)
	if err != nil {
		return err
	}
	_, err = parseFabricFile(data)
	return err
}

// export makes the commit that the kernel sees.
func (s *Store) export(v *view, record *jitos.Record) jitos.Commit {
	c := jitos.Commit{
		ID:        commitID(v.id),
		Tree:      treeID(v.tree),
		Author:    signatureText(v.commit.Author),
		Committer: signatureText(v.commit.Committer),
		When:      v.commit.Committer.When,
		Record:    record,
	}
	for _, p := range v.parents {
		c.Parents = append(c.Parents, commitID(p))
	}
	c.Subject, c.Body, c.Trailers = parseMessage(v.commit.Message)
	return c
}

func commitID(h plumbing.Hash) jitos.CommitID {
	if h.IsZero() {
		return ""
	}
	return jitos.CommitID(h.String())
}

func treeID(h plumbing.Hash) jitos.TreeID { return jitos.TreeID(h.String()) }

// parseID reads a hash that a caller gave.
func parseID[T ~string](id T) (plumbing.Hash, error) {
	if len(id) != 40 || !plumbing.IsHash(string(id)) {
		return plumbing.ZeroHash, fmt.Errorf("object id %q: %w: want 40 hex digits", id, jitos.ErrInvalid)
	}
	return plumbing.NewHash(string(id)), nil
}

// optionalID reads a hash that may be "": then it is zero.
func optionalID[T ~string](id T) (plumbing.Hash, error) {
	if id == "" {
		return plumbing.ZeroHash, nil
	}
	return parseID(id)
}

// isNotFound is for the places where absence is an answer.
func isNotFound(err error) bool { return errors.Is(err, jitos.ErrNotFound) }
