package jitos

import (
	"context"
	"sort"
	"strings"
)

// Look returns what a read sees at a snapshot: the value for its Is.
func Look(ctx context.Context, at Snapshot, r Read) (string, error) {
	switch {
	case r.Pattern != nil:
		found, err := r.Pattern.Find(ctx, at)
		if err != nil || len(found) == 0 {
			return "", err
		}
		answer := make([]string, len(found))
		for i, n := range found {
			blob, err := at.Blob(ctx, n.ID.Item())
			if err != nil {
				return "", err
			}
			answer[i] = n.ID.String() + " " + string(blob)
		}
		return HashOf(answer), nil
	case r.Item != "":
		blob, err := at.Blob(ctx, r.Item)
		return string(blob), err
	case strings.ContainsAny(r.Path, "*?["):
		var answer []string
		for p, err := range at.Glob(ctx, r.Path) {
			if err != nil {
				return "", err
			}
			id, err := at.PathID(ctx, p)
			if err != nil {
				return "", err
			}
			answer = append(answer, p+" "+id)
		}
		if len(answer) == 0 {
			return "", nil
		}
		return HashOf(answer), nil
	default:
		return at.PathID(ctx, r.Path)
	}
}

// Moved returns the reads that see something else at now than they saw at then.
func Moved(ctx context.Context, then, now Snapshot, reads []Read) ([]Read, error) {
	var moved []Read
	for _, r := range reads {
		a, err := Look(ctx, then, r)
		if err != nil {
			return nil, err
		}
		b, err := Look(ctx, now, r)
		if err != nil {
			return nil, err
		}
		if a != b {
			moved = append(moved, r)
		}
	}
	return moved, nil
}

// Find returns the nodes that the pattern matches, in order of their names.
func (p Pattern) Find(ctx context.Context, in Graph) ([]Node, error) {
	var found []Node
	for n, err := range in.Nodes(ctx, p.Kind) {
		if err != nil {
			return nil, err
		}
		if p.Matches(n) {
			found = append(found, n)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].ID.String() < found[j].ID.String() })
	return found, nil
}

// Matches tells whether a node has all that the pattern asks for. The field "name" stands for the node's name where the
// node has no such field.
func (p Pattern) Matches(n Node) bool {
	if p.Kind != "" && p.Kind != n.ID.Kind {
		return false
	}
	for field, want := range p.Has {
		v, ok := n.Fields[field]
		if !ok && field == "name" {
			v, ok = n.ID.Name, true
		}
		if !ok || !holds(v, want) {
			return false
		}
	}
	return true
}

// holds tells whether a field's value is, or as a list contains, what is wanted.
func holds(v any, want string) bool {
	if list, ok := v.([]any); ok {
		for _, e := range list {
			if FieldText(e) == want {
				return true
			}
		}
		return false
	}
	return FieldText(v) == want
}

// FieldText is a scalar field as text: what patterns compare.
func FieldText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "true"
		}
		return "false"
	case interface{ String() string }:
		return v.String()
	}
	return ""
}

// Get reads the node of a stored record. The error Is ErrNotFound where it is absent.
func Get[T any](ctx context.Context, in Graph, id NodeID) (T, error) {
	var record T
	if stored, ok := in.(storedGraph); ok {
		raw, err := stored.NodeBytes(ctx, id)
		if err != nil {
			return record, err
		}
		return record, decodeRecord(id, raw, &record)
	}
	n, err := in.Node(ctx, id)
	if err != nil {
		return record, err
	}
	return record, n.Decode(&record)
}

// storedGraph is a Graph that lends the bytes of a node, as they are stored: a record is read from them without a detour by the
// node's fields. The error is that of Node.
type storedGraph interface {
	NodeBytes(ctx context.Context, id NodeID) ([]byte, error)
}

// Has tells whether a node is there.
func Has(ctx context.Context, in Graph, id NodeID) (bool, error) {
	if in, ok := in.(staged); ok {
		if _, ok := in.set[id]; ok {
			return true, nil
		}
		return Has(ctx, in.Graph, id)
	}
	if err := id.Check(); err != nil {
		return false, err
	}
	blob, err := in.Blob(ctx, id.Item())
	return blob != "", err
}
