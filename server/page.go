package server

import (
	"encoding/base64"
	"fmt"
	"iter"

	"github.com/jitos/jitos"
)

// maxPage bounds what one page of a connection may hold.
const maxPage = 200

// PageInfo is that of Relay. Pages go forward only.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// page is one page of a list: its items with the keys by which the list goes on behind each.
type page[T any] struct {
	items []T
	keys  []string
	info  PageInfo
}

// take reads one page of a sequence. The keys of the items are in order of the sequence, and none is there twice. after ""
// begins at the beginning; an item of that key need not be there any more where less tells the order.
func take[T any](seq iter.Seq2[T, error], key func(T) string, first int, after *string) (page[T], error) {
	var p page[T]
	if first < 0 || first > maxPage {
		return p, fmt.Errorf("first: %w: want 0 to %d", jitos.ErrInvalid, maxPage)
	}
	behind, err := cursorKey(after)
	if err != nil {
		return p, err
	}
	skipping := behind != ""
	for item, err := range seq {
		if err != nil {
			return p, err
		}
		if skipping {
			skipping = key(item) != behind
			continue
		}
		if len(p.items) == first {
			p.info.HasNextPage = true
			break
		}
		p.items, p.keys = append(p.items, item), append(p.keys, key(item))
	}
	if skipping {
		return p, fmt.Errorf("after: %w: this snapshot has no such place", jitos.ErrInvalid)
	}
	p.info.HasPreviousPage = behind != ""
	if n := len(p.keys); n > 0 {
		start, end := cursor(p.keys[0]), cursor(p.keys[n-1])
		p.info.StartCursor, p.info.EndCursor = &start, &end
	}
	return p, nil
}

// A cursor says nothing to clients.
func cursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

func cursorKey(cursor *string) (string, error) {
	if cursor == nil {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(*cursor)
	if err != nil || len(raw) == 0 {
		return "", fmt.Errorf("after: %w: it is no cursor of ours", jitos.ErrInvalid)
	}
	return string(raw), nil
}

// The connections of the schema. Each is a page with its own type of edges: GraphQL has no generic types.
type (
	NodeConnection struct {
		Edges    []NodeEdge
		Nodes    []Node
		PageInfo PageInfo
	}
	NodeEdge struct {
		Cursor string
		Node   Node
	}
	TaskConnection struct {
		Edges    []TaskEdge
		Nodes    []*Task
		PageInfo PageInfo
	}
	TaskEdge struct {
		Cursor string
		Node   *Task
	}
	CommitConnection struct {
		Edges    []CommitEdge
		Nodes    []*Commit
		PageInfo PageInfo
	}
	CommitEdge struct {
		Cursor string
		Node   *Commit
	}
	EdgeConnection struct {
		Edges    []EdgeEdge
		Nodes    []*Edge
		PageInfo PageInfo
	}
	EdgeEdge struct {
		Cursor string
		Node   *Edge
	}
)

// each makes the edges of a connection.
func each[T, E any](p page[T], edge func(cursor string, item T) E) []E {
	edges := make([]E, len(p.items))
	for i, item := range p.items {
		edges[i] = edge(cursor(p.keys[i]), item)
	}
	return edges
}

// mapped turns the items of a page into what a client sees.
func mapped[A, B any](p page[A], f func(A) (B, error)) (page[B], error) {
	q := page[B]{items: make([]B, 0, len(p.items)), keys: p.keys, info: p.info}
	for _, item := range p.items {
		b, err := f(item)
		if err != nil {
			return q, err
		}
		q.items = append(q.items, b)
	}
	return q, nil
}
