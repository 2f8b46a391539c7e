package overlay

import (
	"context"
	"slices"

	"github.com/jitos/jitos"
)

// blameLimit is how far back the commits of a conflict are looked for on ours, which may have gone on for long.
const blameLimit = 1000

// clash is a conflict, and what else tells the commits that made it.
type clash struct {
	jitos.Conflict
	also jitos.ItemID // another item that one side touched: a node at the end of an edge
	read *jitos.Read  // that moved
}

// blame fills in Conflict.By: for each side the last commit that touched what is in conflict; for a read that moved, the last
// one of ours that touched it and the last one of theirs that read it. What is further back than blameLimit is left out.
func (m *Merger) blame(ctx context.Context, at three[jitos.Snapshot], theirs line, clashes []clash) ([]jitos.Conflict, error) {
	if len(clashes) == 0 {
		return nil, nil
	}
	ours, err := m.walk(ctx, at.base.Commit(), at.ours.Commit().ID, blameLimit)
	if err != nil {
		return nil, err
	}
	for _, side := range []struct {
		line
		made func(touched, clash) bool
	}{{ours, touched.made}, {theirs, touched.madeOrRead}} {
		found := make([]bool, len(clashes))
		for i, commit := range side.commits {
			t, err := m.touched(ctx, commit, side.parent(i))
			if err != nil {
				return nil, err
			}
			for n, c := range clashes {
				if !found[n] && side.made(t, c) {
					clashes[n].By, found[n] = append(c.By, string(commit.ID)), true
				}
			}
		}
	}
	conflicts := make([]jitos.Conflict, len(clashes))
	for i, c := range clashes {
		conflicts[i] = c.Conflict
	}
	return conflicts, nil
}

// touched is what one commit touched.
type touched struct {
	commit jitos.Commit
	paths  []string
}

func (m *Merger) touched(ctx context.Context, c, parent jitos.Commit) (touched, error) {
	if parent.ID == "" {
		return touched{commit: c}, nil // the walk was cut off here
	}
	paths, err := m.Changed(ctx, parent.Tree, c.Tree)
	return touched{c, paths}, err
}

// made tells whether the commit touched what a conflict is about.
func (t touched) made(c clash) bool {
	switch {
	case c.also != "" && t.item(c.also):
		return true
	case c.read != nil:
		return t.read(*c.read)
	case c.Item != "":
		return t.item(c.Item)
	}
	_, found := slices.BinarySearch(t.paths, c.Path)
	return found
}

func (t touched) item(item jitos.ItemID) bool {
	if t.commit.Record == nil {
		return false
	}
	_, set := t.commit.Record.Set[item]
	return set || slices.Contains(t.commit.Record.Drop, item)
}

// read tells whether the commit touched what was read; for a pattern, nodes of its kind.
func (t touched) read(r jitos.Read) bool {
	switch {
	case r.Item != "":
		return t.item(r.Item)
	case r.Pattern == nil:
		return slices.ContainsFunc(t.paths, func(p string) bool { return p == r.Path || jitos.MatchPath(r.Path, p) })
	case t.commit.Record == nil:
		return false
	}
	ofKind := func(item jitos.ItemID) bool {
		p, err := item.Parse()
		return err == nil && p.File == "" && p.Label == "" && (r.Pattern.Kind == "" || p.Node.Kind == r.Pattern.Kind)
	}
	for item := range t.commit.Record.Set {
		if ofKind(item) {
			return true
		}
	}
	return slices.ContainsFunc(t.commit.Record.Drop, ofKind)
}

// madeOrRead is made, but of a read that moved the commit that read it.
func (t touched) madeOrRead(c clash) bool {
	if c.read != nil {
		return t.relied(*c.read)
	}
	return t.made(c)
}

// relied tells whether the commit is one that read it.
func (t touched) relied(r jitos.Read) bool {
	if t.commit.Record == nil {
		return r.Item == "" && r.Pattern == nil && slices.Contains(t.paths, r.Path)
	}
	return slices.ContainsFunc(t.commit.Record.Reads, func(other jitos.Read) bool {
		other.Is, r.Is = "", ""
		return jitos.HashOf(other) == jitos.HashOf(r)
	})
}
