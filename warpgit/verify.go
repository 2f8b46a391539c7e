package warpgit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// Verified is one commit of a line that holds.
type Verified struct {
	Commit jitos.Commit
	Plain  bool // a plain commit of the user's, without a record; legal only in a workspace
	Edge   bool // the commit at the edge of a shallow clone: there is nothing to replay it on
}

// Verify replays a line of a fabric, along first parents from its birth to tip, and yields each commit that holds:
//
//   - its record has the next number and the rule that the message names
//   - what it sets is canonical, and what it drops was there
//   - applied to the first parent's .jitos/, it gives this commit's, byte for byte, and no edge without its ends
//   - its file tree is the one that the record names
//
// It ends with the first commit that does not hold; the error Is jitos.ErrCorrupt and says why. A commit costs what its
// change costs, not what the graph does. Nothing is written. The caller may stop at any commit, and run deterministic rules
// again on the snapshots that it opens.
func (s *Store) Verify(ctx context.Context, tip jitos.CommitID) iter.Seq2[Verified, error] {
	id, err := parseID(tip)
	if err != nil {
		return func(yield func(Verified, error) bool) { yield(Verified{}, err) }
	}
	return s.verify(ctx, id, func(plumbing.Hash) bool { return false })
}

// verify goes back only to a commit that is known to hold.
func (s *Store) verify(ctx context.Context, tip plumbing.Hash, known func(plumbing.Hash) bool) iter.Seq2[Verified, error] {
	return func(yield func(Verified, error) bool) {
		line, err := s.lineBack(ctx, tip, known)
		if err != nil {
			yield(Verified{}, err)
			return
		}
		v := &verifier{store: s, index: &graphIndex{}}
		for i := len(line) - 1; i >= 0; i-- {
			if v.objects == nil || v.objects.batch.bytes > 8<<20 { // what replays make is compared, and never gets anywhere
				v.objects = s.Objects.layer(0)
			}
			checked, err := v.check(ctx, line[i])
			if err != nil {
				yield(Verified{}, fmt.Errorf("verify %s: %w", line[i], err))
				return
			}
			if !yield(checked, nil) {
				return
			}
		}
	}
}

// lineBack lists the commits of a line, the youngest first.
func (s *Store) lineBack(ctx context.Context, id plumbing.Hash, known func(plumbing.Hash) bool) ([]plumbing.Hash, error) {
	var line []plumbing.Hash
	for !known(id) {
		v, err := s.view(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("verify: %w", err)
		}
		line = append(line, id)
		if len(v.parents) == 0 {
			break
		}
		id = v.parents[0]
	}
	return line, nil
}

type verifier struct {
	store   *Store
	objects *Objects    // a layer
	index   *graphIndex // of nothing: the trees are compared
}

func (v *verifier) check(ctx context.Context, id plumbing.Hash) (Verified, error) {
	at, err := v.store.view(ctx, id)
	if err != nil {
		return Verified{}, err
	}
	if len(at.parents) == 0 && len(at.commit.ParentHashes) > 0 {
		return Verified{Commit: v.store.export(at, nil), Edge: true}, nil
	}
	parent, err := v.store.first(ctx, at)
	if err != nil {
		return Verified{}, err
	}
	if parent != nil && parent.fabric == at.fabric {
		if at.fabric.IsZero() {
			return Verified{}, fmt.Errorf("%w: it has no %s/", jitos.ErrCorrupt, fabricDir)
		}
		return Verified{Commit: v.store.export(at, nil), Plain: true}, nil
	}
	record, err := v.record(ctx, at, parent)
	if err != nil {
		return Verified{}, err
	}
	return Verified{Commit: v.store.export(at, record)}, v.replay(ctx, at, parent, record)
}

// record reads rewrite.json and compares it with the commit that it is in.
func (v *verifier) record(ctx context.Context, at, parent *view) (*jitos.Record, error) {
	bad := func(format string, args ...any) (*jitos.Record, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{jitos.ErrCorrupt}, args...)...)
	}
	if at.fabric.IsZero() {
		return bad("it has no %s/", fabricDir)
	}
	if err := v.store.checkFormat(ctx, at.fabric); err != nil {
		return nil, err
	}
	id, err := v.objects.child(ctx, at.fabric, rewriteFile)
	if err != nil {
		return nil, err
	}
	if id.IsZero() {
		return bad("it has no %s", rewriteFile)
	}
	data, err := v.objects.Blob(ctx, id)
	if err != nil {
		return nil, err
	}
	record := &jitos.Record{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(record); err != nil {
		return bad("%s: %v", rewriteFile, err)
	}
	if again, err := jitos.Canonical(record); err != nil || !bytes.Equal(again, data) {
		return bad("%s is not canonical", rewriteFile)
	}
	seq := int64(0)
	if parent != nil {
		before, err := v.store.record(ctx, parent)
		if err != nil {
			return nil, err
		}
		if before == nil {
			return bad("the commit before it is not of a fabric")
		}
		seq = before.Seq
	}
	switch {
	case record.Seq != seq+1:
		return bad("its number is %d, and the one before is %d", record.Seq, seq)
	case (parent == nil) != (record.Rule == jitos.RuleBirth):
		return bad("a fabric begins with its birth, once")
	case at.trailers[trailerRule] != record.Rule:
		return bad("its message names the rule %q, its record %q", at.trailers[trailerRule], record.Rule)
	case record.Tree != treeID(at.tree):
		return bad("its files are not those of its record: %s, want %s", at.tree, record.Tree)
	}
	return record, nil
}

// replay applies a record to the parent and compares.
func (v *verifier) replay(ctx context.Context, at, parent *view, record *jitos.Record) error {
	c := change{set: make([]itemBlob, 0, len(record.Set)), drop: record.Drop}
	for item, blob := range record.Set {
		id, err := parseID(blob)
		if err != nil {
			return fmt.Errorf("item %s: %w: %v", item, jitos.ErrCorrupt, err)
		}
		if err := v.checkItem(ctx, item, id); err != nil {
			return err
		}
		c.set = append(c.set, itemBlob{item: item, blob: id})
	}
	err := c.sort()
	if err != nil {
		return err
	}
	if c.record, err = v.objects.putRecord(*record, plumbing.ZeroHash); err != nil {
		return err
	}
	before := plumbing.ZeroHash
	if parent != nil {
		before = parent.fabric
		if c.sets(jitos.FabricItem(fabricFile)) {
			return fmt.Errorf("%w: it changes %s", jitos.ErrCorrupt, fabricFile)
		}
	}
	if err := checkDropped(ctx, v.objects, v.index, before, c); err != nil {
		return fmt.Errorf("%w: %v", jitos.ErrCorrupt, err)
	}
	after, err := v.objects.change(ctx, before, c)
	if err != nil {
		return fmt.Errorf("%w: it does not replay: %w", jitos.ErrCorrupt, err)
	}
	if after != at.fabric {
		return fmt.Errorf("%w: its %s/ is not what its record makes of the one before: %s, want %s", jitos.ErrCorrupt, fabricDir, at.fabric, after)
	}
	return nil
}

// checkItem looks whether the stored bytes are those that jitos would write.
func (v *verifier) checkItem(ctx context.Context, item jitos.ItemID, blob plumbing.Hash) error {
	p, err := item.Parse()
	if err != nil {
		return fmt.Errorf("%w: %v", jitos.ErrCorrupt, err)
	}
	data, err := v.objects.Blob(ctx, blob)
	if err != nil {
		return fmt.Errorf("item %s: %w: %w", item, jitos.ErrCorrupt, err)
	}
	var again []byte
	switch {
	case p.File != "":
		return nil
	case p.Label != "":
		e, err := decodeEdge(p.Node, p.Label, p.Edge, data)
		if err != nil {
			return err
		}
		if again, err = encodeEdge(e); err != nil {
			return fmt.Errorf("%w: %v", jitos.ErrCorrupt, err)
		}
	default:
		n, err := decodeNode(p.Node, data)
		if err != nil {
			return err
		}
		if again, err = encodeNode(n); err != nil {
			return fmt.Errorf("%w: %v", jitos.ErrCorrupt, err)
		}
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("item %s: %w: its bytes are not canonical", item, jitos.ErrCorrupt)
	}
	return nil
}
