package server

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/jitos/jitos"
)

// Node is any node of the graph: *Task, *Candidate, *Process, *Evidence, or *OtherNode.
type Node interface {
	ID() string
	IsNode()
}

// entry is what all nodes have in common: an id in a snapshot.
type entry struct {
	moment
	id jitos.NodeID
}

// OtherNode is a node of a kind that has no type of its own.
type OtherNode struct{ entry }

func (e entry) IsNode()      {}
func (e entry) ID() string   { return e.id.String() }
func (e entry) Kind() string { return e.id.Kind }
func (e entry) Name() string { return e.id.Name }

// Fields is the stored record.
func (e entry) Fields(ctx context.Context) (any, error) {
	n, err := e.at.Node(ctx, e.id)
	return n.Fields, err
}

func (e entry) Edges(ctx context.Context, label *string, first int, after *string) (*EdgeConnection, error) {
	wanted := ""
	if label != nil {
		wanted = *label
	}
	return e.edgePage(e.at.Edges(ctx, e.id, wanted), first, after)
}

func (e entry) Backlinks(ctx context.Context, label *string, first int, after *string) (*EdgeConnection, error) {
	all := e.s.Store.To(ctx, e.at, e.id)
	return e.edgePage(func(yield func(jitos.Edge, error) bool) {
		for edge, err := range all {
			if err == nil && label != nil && edge.Label != *label {
				continue
			}
			if !yield(edge, err) {
				return
			}
		}
	}, first, after)
}

func (e entry) edgePage(edges iter.Seq2[jitos.Edge, error], first int, after *string) (*EdgeConnection, error) {
	found, err := take(edges, func(e jitos.Edge) string { return string(e.Item()) }, first, after)
	if err != nil {
		return nil, err
	}
	p, err := mapped(found, func(edge jitos.Edge) (*Edge, error) { return &Edge{e.moment, edge}, nil })
	return &EdgeConnection{each(p, func(c string, e *Edge) EdgeEdge { return EdgeEdge{c, e} }), p.items, p.info}, err
}

// SetBy is the rewrite that made the node what it is in this snapshot, where the system line made it so.
func (e entry) SetBy(ctx context.Context) (*Commit, error) {
	id, err := e.s.Store.SetBy(ctx, e.id)
	if err != nil || id == "" {
		return nil, err
	}
	blob, err := e.at.Blob(ctx, e.id.Item())
	if err != nil {
		return nil, err
	}
	there, err := e.s.Store.Open(ctx, id)
	if err != nil {
		return orNull[*Commit](nil, err)
	}
	c := there.Commit()
	if c.Record == nil || c.Record.Set[e.id.Item()] != blob {
		return nil, nil
	}
	return &Commit{e.s, c}, nil
}

func (e entry) Why(ctx context.Context) (*Why, error) {
	r, err := e.s.Kernel.WhyNode(ctx, e.at, e.id, e.s.Store.To)
	if err != nil {
		return nil, err
	}
	return &Why{e.moment, r}, nil
}

// node reads a node of any kind. The error Is jitos.ErrNotFound where there is none.
func (m moment) node(ctx context.Context, id jitos.NodeID) (Node, error) {
	switch id.Kind {
	case jitos.KindTask:
		return notNil(m.task(ctx, jitos.TaskID(id.Name)))
	case jitos.KindSlap:
		return notNil(m.candidate(ctx, jitos.SlapID(id.Name)))
	case jitos.KindProcess:
		return notNil(m.process(ctx, jitos.ProcessID(id.Name)))
	case jitos.KindEvidence:
		e, err := jitos.Get[jitos.Evidence](ctx, m.at, id)
		return notNil(&Evidence{entry{m, id}, e}, err)
	}
	ok, err := jitos.Has(ctx, m.at, id)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w", id, jitos.ErrNotFound)
	}
	return &OtherNode{entry{m, id}}, nil
}

// notNil keeps a typed nil from becoming a Node.
func notNil[T Node](n T, err error) (Node, error) {
	if err != nil {
		return nil, err
	}
	return n, nil
}

// Edge is one edge of the graph.
type Edge struct {
	moment
	edge jitos.Edge
}

func (e *Edge) ID() string    { return string(e.edge.Item()) }
func (e *Edge) Label() string { return e.edge.Label }
func (e *Edge) Key() string   { return e.edge.Key }

func (e *Edge) Attrs() any {
	if e.edge.Attrs == nil {
		return nil
	}
	return e.edge.Attrs
}

// From is null where the edge leaves what is not in this snapshot; To the same.
func (e *Edge) From(ctx context.Context) (Node, error) { return orNull(e.node(ctx, e.edge.From)) }
func (e *Edge) To(ctx context.Context) (Node, error)   { return orNull(e.node(ctx, e.edge.To)) }

// plain turns a record into what a JSON scalar holds.
func plain(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	if string(raw) == "null" {
		return nil, nil
	}
	var out any
	return out, json.Unmarshal(raw, &out)
}

// targets reads the records at the other ends of a node's edges.
func targets[T any](ctx context.Context, at jitos.Graph, from jitos.NodeID, label string) ([]jitos.Found[T], error) {
	var list []jitos.Found[T]
	for f, err := range jitos.Targets[T](ctx, at, from, label) {
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}
