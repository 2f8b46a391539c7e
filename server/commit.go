package server

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/overlay"
)

// Commit is one rewrite, or a commit of the user's.
type Commit struct {
	s *Server
	c jitos.Commit
}

func (c *Commit) ID() string      { return string(c.c.ID) }
func (c *Commit) Tree() string    { return string(c.c.Tree) }
func (c *Commit) Author() string  { return c.c.Author }
func (c *Commit) When() time.Time { return c.c.When }
func (c *Commit) Body() string    { return strings.TrimSpace(c.c.Body) }

func (c *Commit) Parents() []string {
	list := []string{}
	for _, p := range c.c.Parents {
		list = append(list, string(p))
	}
	return list
}

// Subject is without the rule.
func (c *Commit) Subject() string {
	if c.c.Record == nil {
		return c.c.Subject
	}
	return strings.TrimPrefix(c.c.Subject, c.c.Record.Rule+": ")
}

// record is empty for a commit of the user's.
func (c *Commit) record() jitos.Record {
	if c.c.Record == nil {
		return jitos.Record{}
	}
	return *c.c.Record
}

func (c *Commit) Rule() *string { return text(c.record().Rule) }

func (c *Commit) Seq() *int {
	if c.c.Record == nil {
		return nil
	}
	n := int(c.c.Record.Seq)
	return &n
}

func (c *Commit) Task() *string {
	if c.record().Task == "" {
		return nil
	}
	return text(c.record().Task.Node().String())
}

func (c *Commit) Process() *string {
	if c.record().Process == "" {
		return nil
	}
	return text(c.record().Process.Node().String())
}

func (c *Commit) Sets() []string {
	list := []string{}
	for _, item := range slices.Sorted(maps.Keys(c.record().Set)) {
		list = append(list, string(item))
	}
	return list
}

func (c *Commit) Drops() []string {
	list := []string{}
	for _, item := range c.record().Drop {
		list = append(list, string(item))
	}
	return list
}

func (c *Commit) Reads() (any, error) {
	reads := c.record().Reads
	if reads == nil {
		reads = []jitos.Read{}
	}
	return plain(reads)
}

func (c *Commit) Diff() *Diff {
	d := &Diff{s: c.s, to: c.c.ID}
	if len(c.c.Parents) > 0 {
		d.from = c.c.Parents[0]
	}
	return d
}

// Diff is the difference of two commits; from "" is the empty tree and the empty graph.
type Diff struct {
	s        *Server
	from, to jitos.CommitID
}

func (d *Diff) Files(ctx context.Context) ([]overlay.FileDiff, error) {
	var trees [2]jitos.TreeID
	for i, id := range []jitos.CommitID{d.from, d.to} {
		if id == "" {
			continue
		}
		at, err := d.s.Store.Open(ctx, id)
		if err != nil {
			return nil, err
		}
		trees[i] = at.Tree()
	}
	diffs, err := d.s.Merger.DiffFiles(ctx, trees[0], trees[1])
	if diffs == nil {
		diffs = []overlay.FileDiff{}
	}
	return diffs, err
}

// Graph compares the graphs. At the birth of a fabric there is none before.
func (d *Diff) Graph(ctx context.Context) (*GraphDiff, error) {
	if d.from == "" {
		return &GraphDiff{}, nil
	}
	from, err := d.s.Store.Open(ctx, d.from)
	if err != nil {
		return nil, err
	}
	to, err := d.s.Store.Open(ctx, d.to)
	if err != nil {
		return nil, err
	}
	diff, err := d.s.Merger.DiffGraph(ctx, from, to)
	return &GraphDiff{diff}, err
}

// GraphDiff is the difference of two graphs.
type GraphDiff struct{ d overlay.GraphDiff }

func (g *GraphDiff) Nodes() []NodeDiff {
	list := []NodeDiff{}
	for _, n := range g.d.Nodes {
		list = append(list, NodeDiff{n})
	}
	return list
}

func (g *GraphDiff) Edges() []EdgeDiff {
	list := []EdgeDiff{}
	for _, e := range g.d.Edges {
		list = append(list, EdgeDiff{e})
	}
	return list
}

// NodeDiff is a node that differs.
type NodeDiff struct{ d overlay.NodeDiff }

func (n NodeDiff) ID() string          { return string(n.d.ID) }
func (n NodeDiff) Change() Change      { return Change(n.d.Op) }
func (n NodeDiff) Fields() []FieldDiff { return fieldDiffs(n.d.Fields) }

// EdgeDiff is an edge that differs.
type EdgeDiff struct{ d overlay.EdgeDiff }

func (e EdgeDiff) From() string       { return e.d.From }
func (e EdgeDiff) Label() string      { return e.d.Label }
func (e EdgeDiff) To() string         { return e.d.To }
func (e EdgeDiff) Key() string        { return e.d.Key }
func (e EdgeDiff) Change() Change     { return Change(e.d.Op) }
func (e EdgeDiff) Attrs() []FieldDiff { return fieldDiffs(e.d.Attrs) }

// Change is what became of a node or an edge.
type Change string

// FieldDiff is one field of a node or an attribute of an edge.
type FieldDiff struct{ d overlay.FieldDiff }

func (f FieldDiff) Name() string      { return f.d.Name }
func (f FieldDiff) Old() (any, error) { return decoded(f.d.Old) }
func (f FieldDiff) New() (any, error) { return decoded(f.d.New) }

func decoded(raw json.RawMessage) (any, error) {
	if raw == nil {
		return nil, nil
	}
	var v any
	return v, json.Unmarshal(raw, &v)
}

func fieldDiffs(list []overlay.FieldDiff) []FieldDiff {
	out := []FieldDiff{}
	for _, f := range list {
		out = append(out, FieldDiff{f})
	}
	return out
}
