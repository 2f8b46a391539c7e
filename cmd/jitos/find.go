package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// place is a node with the WARP that it was found in: the system's, that of an open workspace, or that of an attempt
// which was given up.
type place struct {
	id    jitos.NodeID
	at    jitos.Snapshot
	where string // in words, "" for the system WARP
}

// find resolves a word to a node of any kind: "kind/name", a name, or a unique prefix of one. It looks in the system WARP,
// then in open workspaces, then, for whole names, in what discarded attempts left.
func (f *fabric) find(ctx context.Context, at jitos.Snapshot, word string) (place, error) {
	kind, name := "", word
	if k, n, ok := strings.Cut(word, "/"); ok {
		kind, name = k, n
	}
	places := []place{{at: at}}
	list, err := f.kernel.Workspaces(ctx)
	if err != nil {
		return place{}, err
	}
	for _, w := range list {
		ws, err := f.store.Open(ctx, w.Tip)
		if err != nil {
			return place{}, err
		}
		places = append(places, place{at: ws, where: "workspace " + w.Name})
	}
	for _, p := range places {
		var ok bool
		if p.id, ok, err = warpgit.Exact(ctx, p.at, kind, name); ok || err != nil {
			return p, err
		}
	}
	for _, p := range places {
		var ok bool
		if p.id, ok, err = f.store.Begins(ctx, p.at, kind, name); ok || err != nil {
			return p, err
		}
	}
	if found, err := f.inArchive(ctx, at, kind, name); err != nil || found.at != nil {
		return found, err
	}
	for _, w := range list { // a workspace of that name stands for its process
		if kind == "" && w.Name == name {
			return place{id: w.Process.ID.Node(), at: at}, nil
		}
	}
	return place{}, jitos.Hint(fmt.Errorf("%q: %w: no node has this name, and no name begins with it", word, jitos.ErrNotFound),
		"`jitos status`, `jitos task list` and `jitos graph` show names")
}

// inArchive looks for a whole name in what discarded attempts left behind, where that is in this clone.
func (f *fabric) inArchive(ctx context.Context, at jitos.Snapshot, kind, name string) (place, error) {
	for n, err := range at.Nodes(ctx, jitos.KindAttempt) {
		if err != nil {
			return place{}, err
		}
		var a jitos.Attempt
		if err := n.Decode(&a); err != nil {
			return place{}, err
		}
		ws, err := f.store.Open(ctx, a.Tip)
		if errors.Is(err, jitos.ErrNotFound) {
			continue
		}
		if err != nil {
			return place{}, err
		}
		if id, ok, err := warpgit.Exact(ctx, ws, kind, name); ok || err != nil {
			return place{id, ws, "discarded attempt " + n.ID.Name}, err
		}
	}
	return place{}, nil
}

// commit resolves a word of hexadecimal digits to a commit. ok is false where it is none.
func (f *fabric) commit(ctx context.Context, word string) (c jitos.Commit, ok bool, err error) {
	id, err := f.repo.FindCommit(ctx, word)
	if errors.Is(err, jitos.ErrInvalid) || errors.Is(err, jitos.ErrNotFound) {
		return c, false, nil
	}
	if err != nil {
		return c, false, err
	}
	s, err := f.store.Open(ctx, id)
	if errors.Is(err, jitos.ErrNotFound) {
		return c, false, nil
	}
	if err != nil {
		return c, false, err
	}
	return s.Commit(), true, nil
}

// maker finds the rewrite that last set a node: on the line of a WARP or, where it came by a collapse, in the workspace that
// was collapsed. Nil where nobody here wrote it. On the system line the index knows it; what it says is looked up.
func (f *fabric) maker(ctx context.Context, at jitos.Snapshot, id jitos.NodeID) (*jitos.Commit, error) {
	head, err := f.store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return nil, err
	}
	asked := false
	for c, err := range f.store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return nil, err
		}
		if c.Record != nil && c.Record.Set[id.Item()] != "" {
			return f.writer(ctx, c, id)
		}
		if asked || c.Record == nil || c.ID != head && !jitos.IsSystemRule(c.Record.Rule) {
			continue
		}
		asked = true
		found, err := f.indexed(ctx, at, id)
		if err != nil {
			return nil, err
		}
		if found != nil && found.Record.Seq < c.Record.Seq {
			return f.writer(ctx, *found, id)
		}
	}
	return nil, nil
}

// indexed is the rewrite of the system line that set a node last, nil where it did not make it what it is in a WARP.
func (f *fabric) indexed(ctx context.Context, at jitos.Snapshot, id jitos.NodeID) (*jitos.Commit, error) {
	commit, err := f.store.SetBy(ctx, id)
	if err != nil || commit == "" {
		return nil, err
	}
	blob, err := at.Blob(ctx, id.Item())
	if err != nil {
		return nil, err
	}
	there, err := f.store.Open(ctx, commit)
	if errors.Is(err, jitos.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := there.Commit()
	if c.Record == nil || c.Record.Set[id.Item()] != blob {
		return nil, nil
	}
	return &c, nil
}

// writer is the rewrite in a collapsed workspace that set a node, where it was one; else the rewrite itself.
func (f *fabric) writer(ctx context.Context, c jitos.Commit, id jitos.NodeID) (*jitos.Commit, error) {
	merged := c.Record.Rule == jitos.RuleCollapse || c.Record.Rule == jitos.RuleRebase
	if merged && len(c.Parents) == 2 {
		inner, err := f.makerBefore(ctx, c.Parents[1], id.Item())
		if err != nil || inner != nil {
			return inner, err
		}
	}
	return &c, nil
}

// makerBefore looks in a workspace, back to where it left the system line.
func (f *fabric) makerBefore(ctx context.Context, tip jitos.CommitID, item jitos.ItemID) (*jitos.Commit, error) {
	for c, err := range f.store.Log(ctx, tip) {
		if err != nil {
			return nil, err
		}
		if c.Record == nil {
			continue
		}
		if c.Record.Set[item] != "" {
			return &c, nil
		}
		if jitos.IsSystemRule(c.Record.Rule) {
			return nil, nil
		}
	}
	return nil, nil
}
