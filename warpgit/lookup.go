package warpgit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// To yields the edges that point to a node, in order of their items.
func (s *Store) To(ctx context.Context, at jitos.Snapshot, to jitos.NodeID) iter.Seq2[jitos.Edge, error] {
	return func(yield func(jitos.Edge, error) bool) {
		if err := s.to(ctx, at, to, yield); err != nil {
			yield(jitos.Edge{}, fmt.Errorf("edges to %s: %w", to, err))
		}
	}
}

func (s *Store) to(ctx context.Context, at jitos.Snapshot, to jitos.NodeID, yield func(jitos.Edge, error) bool) error {
	if err := to.Check(); err != nil {
		return err
	}
	snap, err := s.open(ctx, at.Commit().ID)
	if err != nil {
		return err
	}
	edges, err := s.Objects.child(ctx, snap.fabric, edgesDir)
	if err != nil {
		return err
	}
	items, err := s.index.pointing(ctx, s.Objects, edges, to)
	if err != nil {
		return err
	}
	for _, item := range items {
		p, err := item.Parse()
		if err != nil {
			return err
		}
		blob, err := s.Objects.item(ctx, snap.fabric, p)
		if err != nil {
			return err
		}
		data, err := s.Objects.Blob(ctx, blob)
		if err != nil {
			return err
		}
		e, err := decodeEdge(p.Node, p.Label, p.Edge, data)
		if err != nil {
			return err
		}
		if !yield(e, nil) {
			return nil
		}
	}
	return nil
}

// SetBy returns the commit of the system line that set a node last, as the index has it, "" where that is not known. It tells
// of the line's head; for an older commit, or one of a workspace, it may be one that came later.
func (s *Store) SetBy(ctx context.Context, id jitos.NodeID) (jitos.CommitID, error) {
	x := s.index
	x.mu.Lock()
	defer x.mu.Unlock()
	var by plumbing.Hash
	err := x.healed(func() error {
		if err := x.follow(ctx); err != nil {
			return err
		}
		value, ok, err := x.get(nodeKeys(id)[0])
		if ok {
			copy(by[:], value)
		}
		return err
	})
	return commitID(by), err
}

// TaskLine is a task as lists print it.
type TaskLine struct {
	ID     jitos.TaskID     `json:"id"`
	Intent string           `json:"intent"`
	Status jitos.TaskStatus `json:"status"`
}

// Ended tells whether a task needs nobody any more.
func (t TaskLine) Ended() bool {
	return t.Status == jitos.Done || t.Status == jitos.True || t.Status == jitos.Withdrawn
}

// Tasks returns the tasks of the system line in order of their ids, those that have not ended or all, and how many have ended.
// A task's status is a fold over the graph, and only rewrites of the system line that name the task change it: the index
// computes it again for those.
func (s *Store) Tasks(ctx context.Context, all bool) (list []TaskLine, ended int, err error) {
	if s.asOf != "" {
		return s.tasksAsOf(ctx, all)
	}
	x := s.index
	x.mu.Lock()
	defer x.mu.Unlock()
	err = x.healed(func() error {
		list, ended, err = x.tasks(ctx, all)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("tasks: %w", err)
	}
	return list, ended, nil
}

func (x *graphIndex) tasks(ctx context.Context, all bool) ([]TaskLine, int, error) {
	if err := x.follow(ctx); err != nil {
		return nil, 0, err
	}
	if err := x.settleTasks(ctx); err != nil {
		return nil, 0, err
	}
	ended := x.recent.ended
	for _, s := range x.segments {
		ended += s.ended
	}
	list := []TaskLine{}
	for _, family := range []string{"o", "z"} {
		if family == "z" && !all {
			break
		}
		err := x.merged(nil, family, func(r row) (bool, error) {
			line, err := x.taskLine(ctx, r)
			list = append(list, line)
			return true, err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	slices.SortFunc(list, func(a, b TaskLine) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, int(ended), nil
}

// taskRow is the value of a task's row: its status and, where it is not too long for a row, its intent.
func taskRow(line TaskLine) (string, error) {
	text, err := json.Marshal([]string{string(line.Status), line.Intent})
	if err == nil && len(text) > blockRows/2 {
		text, err = json.Marshal([]string{string(line.Status)})
	}
	return string(text), err
}

func (x *graphIndex) taskLine(ctx context.Context, r row) (TaskLine, error) {
	line := TaskLine{ID: jitos.TaskID(r.key[1:])}
	var parts []string
	if json.Unmarshal(r.value, &parts) != nil || len(parts) == 0 {
		return line, errSegment
	}
	line.Status = jitos.TaskStatus(parts[0])
	if len(parts) > 1 {
		line.Intent = parts[1]
		return line, nil
	}
	at, err := x.store.open(ctx, commitID(x.head))
	if err != nil {
		return line, err
	}
	task, err := jitos.Get[jitos.Task](ctx, at, line.ID.Node())
	line.Intent = task.Intent
	return line, err
}

// pointing returns the edges of an edges/ tree, to be read in o, that point to a node, sorted.
func (x *graphIndex) pointing(ctx context.Context, o *Objects, edges plumbing.Hash, to jitos.NodeID) ([]jitos.ItemID, error) {
	var items []jitos.ItemID
	prefix := edgeKey(to, "")
	err := x.scan(ctx, o, theEdges, edges, prefix, func(key, _ []byte) bool {
		items = append(items, jitos.ItemID(key[len(prefix):]))
		return true
	})
	return items, err
}

// checkDropped refuses to drop a node that something still points to.
func checkDropped(ctx context.Context, o *Objects, index *graphIndex, fabric plumbing.Hash, c change) error {
	var edges plumbing.Hash
	for _, item := range c.drop {
		p, err := item.Parse()
		if err != nil {
			return err
		}
		if p.File != "" || p.Label != "" {
			continue
		}
		if edges.IsZero() {
			if edges, err = o.child(ctx, fabric, edgesDir); err != nil {
				return err
			}
		}
		items, err := index.pointing(ctx, o, edges, p.Node)
		if err != nil {
			return err
		}
		for _, edge := range items {
			if !slices.Contains(c.drop, edge) {
				return fmt.Errorf("drop %s: %w: the edge %s still points to it", item, jitos.ErrInvalid, edge)
			}
		}
	}
	return nil
}

// families are the rows that a tree tells as well as the history does: those of edges/ and those of nodes/.
var families = [2]family{
	theEdges: {edgesDir, (*Objects).diffEdgeKeys},
	theNames: {nodesDir, (*Objects).diffNodeKeys},
}

const (
	theEdges = iota
	theNames
)

type family struct {
	dir  string
	diff func(o *Objects, ctx context.Context, a, b plumbing.Hash, fn func(key string, came bool)) error
}

// diffEdgeKeys calls fn for the key of each edge that is in one of two edges/ trees only.
func (o *Objects) diffEdgeKeys(ctx context.Context, a, b plumbing.Hash, fn func(key string, came bool)) error {
	return o.diffEdges(ctx, a, b, func(p jitos.ItemParts, a, b plumbing.Hash) error {
		if !a.IsZero() && !b.IsZero() {
			return nil // only its attributes changed
		}
		blob := a
		if a.IsZero() {
			blob = b
		}
		data, err := o.Blob(ctx, blob)
		if err != nil {
			return err
		}
		e, err := decodeEdge(p.Node, p.Label, p.Edge, data)
		if err == nil {
			fn(edgeKey(e.To, e.Item()), a.IsZero())
		}
		return err
	})
}

// diffNodeKeys calls fn for the keys of each node that is in one of two nodes/ trees only.
func (o *Objects) diffNodeKeys(ctx context.Context, a, b plumbing.Hash, fn func(key string, came bool)) error {
	return o.diffDirs(ctx, a, b, func(kind string, a, b plumbing.Hash) error {
		return o.diffLeaves(ctx, a, b, func(leaf string, a, b plumbing.Hash) error {
			if a.IsZero() != b.IsZero() {
				for _, key := range nodeKeys(jitos.NodeID{Kind: kind, Name: strings.TrimSuffix(leaf, ".json")}) {
					fn(key, a.IsZero())
				}
			}
			return nil
		})
	})
}

// overlay is how a tree of edges or nodes differs from that of the head. It is moved from tree to tree by their difference.
type overlay struct {
	changes
	base, tree plumbing.Hash // of the head, and what it has been moved to
}

// moveTo makes the overlay of a family one of a tree.
func (x *graphIndex) moveTo(ctx context.Context, o *Objects, f int, tree plumbing.Hash) error {
	base := plumbing.ZeroHash
	if !x.head.IsZero() {
		v, err := x.store.view(ctx, x.head)
		if err != nil {
			return err
		}
		if base, err = o.child(ctx, v.fabric, families[f].dir); err != nil {
			return err
		}
	}
	ov := &x.beside[f]
	for {
		fresh := ov.rows == nil || ov.base != base
		if fresh {
			*ov = overlay{*newChanges(plumbing.ZeroHash), base, base}
		}
		err := families[f].diff(o, ctx, ov.tree, tree, func(key string, came bool) {
			_, added := ov.rows[key]
			switch {
			case came && ov.gone[key]:
				delete(ov.gone, key)
			case came:
				ov.put(key, "")
			case added:
				delete(ov.rows, key)
			default:
				ov.drop(key)
			}
		})
		if err == nil {
			ov.tree = tree
			return nil
		}
		*ov = overlay{}
		if fresh || ctx.Err() != nil { // otherwise the tree that it stood at may be gone, with an append that failed
			return err
		}
	}
}

// scan calls fn for the rows of a family that begin with a prefix, as they are in a WARP whose edges/ or nodes/ tree is
// given, to be read in o. fn must not use the index. Where the history cannot be read the tree tells all.
func (x *graphIndex) scan(ctx context.Context, o *Objects, f int, tree plumbing.Hash, prefix string, fn func(key, value []byte) bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var last []byte
	for try := 0; ; try++ {
		if x.follow(ctx) != nil {
			x.forget()
		}
		err := x.moveTo(ctx, o, f, tree)
		if err == nil {
			err = x.merged(&x.beside[f].changes, prefix, func(r row) (bool, error) {
				if last != nil && bytes.Compare(r.key, last) <= 0 {
					return true, nil // told before the index was healed
				}
				last = append(last[:0], r.key...)
				return fn(r.key, r.value), nil
			})
		}
		if !errors.Is(err, errSegment) || try > 0 {
			return err
		}
		x.heal()
	}
}

// get returns the value of a key.
func (x *graphIndex) get(key string) (value string, ok bool, err error) {
	if value, ok := x.recent.rows[key]; ok || x.recent.gone[key] {
		return value, ok, nil
	}
	for _, s := range slices.Backward(x.segments) {
		c, err := s.seek(key)
		if err != nil {
			return "", false, err
		}
		if more, err := c.next(); err != nil {
			return "", false, err
		} else if more && string(c.row.key) == key {
			return string(c.row.value), !c.row.gone, nil
		}
	}
	return "", false, nil
}

// merged calls fn for the rows that begin with a prefix, in order of their keys, each as the youngest has it. Rows that are
// gone are left out. beside, where there is one, is younger than all.
func (x *graphIndex) merged(beside *changes, prefix string, fn func(row) (bool, error)) error {
	sources := []rowSource{}
	if beside != nil {
		sources = append(sources, &heldRows{rows: beside.sorted(prefix)})
	}
	sources = append(sources, &heldRows{rows: x.recent.sorted(prefix)})
	for _, s := range slices.Backward(x.segments) {
		c, err := s.seek(prefix)
		if err != nil {
			return err
		}
		sources = append(sources, c)
	}
	return mergeRows(sources, prefix, func(r row) (bool, error) {
		if r.gone {
			return true, nil
		}
		return fn(r)
	})
}

// rowSource is a sorted run of rows. A row is good until the next step.
type rowSource interface {
	next() (bool, error)
	current() row
}

// heldRows is a run in memory.
type heldRows struct {
	rows []row
	at   int
}

func (s *heldRows) next() (bool, error) { s.at++; return s.at <= len(s.rows), nil }
func (s *heldRows) current() row        { return s.rows[s.at-1] }

// mergeRows calls fn for every key that begins with a prefix, with its row in the first source that has one.
func mergeRows(sources []rowSource, prefix string, fn func(row) (bool, error)) error {
	step := func(i int) error {
		more, err := sources[i].next()
		if err != nil {
			return err
		}
		if !more || !bytes.HasPrefix(sources[i].current().key, []byte(prefix)) {
			sources[i] = nil
		}
		return nil
	}
	for i := range sources {
		if err := step(i); err != nil {
			return err
		}
	}
	for {
		best := -1
		for i, s := range sources {
			if s != nil && (best < 0 || bytes.Compare(s.current().key, sources[best].current().key) < 0) {
				best = i
			}
		}
		if best < 0 {
			return nil
		}
		r := sources[best].current()
		more, err := fn(r)
		if err != nil || !more {
			return err
		}
		for i := len(sources) - 1; i >= 0; i-- { // the best last: its key is compared
			if i != best && sources[i] != nil && bytes.Equal(sources[i].current().key, r.key) {
				if err := step(i); err != nil {
					return err
				}
			}
		}
		if err := step(best); err != nil {
			return err
		}
	}
}
