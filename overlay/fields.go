package overlay

import (
	"fmt"
	"maps"
	"slices"

	"github.com/jitos/jitos"
)

// mergeFields merges three JSON objects by their own fields; what is nested in a field is one value. It returns the fields in
// conflict, by name, and tells whether the result differs from ours.
func mergeFields(v three[map[string]any]) (merged map[string]any, clashes []string, changed bool, err error) {
	names := map[string]bool{}
	for _, side := range []map[string]any{v.base, v.ours, v.theirs} {
		for name := range side {
			names[name] = true
		}
	}
	merged = map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		texts, err := tryEach(v, func(side map[string]any) (string, error) { return fieldText(side, name) })
		if err != nil {
			return nil, nil, false, err
		}
		picked, ok := pick(texts)
		switch {
		case !ok:
			clashes = append(clashes, name)
		case picked == texts.ours:
			keep(merged, v.ours, name)
		default:
			keep(merged, v.theirs, name)
			changed = true
		}
	}
	return merged, clashes, changed, nil
}

// fieldText is a field's canonical bytes, "" where it is absent.
func fieldText(fields map[string]any, name string) (string, error) {
	value, ok := fields[name]
	if !ok {
		return "", nil
	}
	raw, err := jitos.Canonical(value)
	return string(raw), err
}

func keep(to, from map[string]any, name string) {
	if value, ok := from[name]; ok {
		to[name] = value
	}
}

// Fields of an edge's file, as package warpgit writes it.
const (
	edgeTo    = "to"
	edgeKey   = "key"
	edgeAttrs = "attrs"
)

// edgeOf makes the edge of an item from the fields of its file.
func edgeOf(item jitos.ItemID, fields map[string]any) (jitos.Edge, error) {
	parts, err := item.Parse()
	if err != nil {
		return jitos.Edge{}, err
	}
	text, _ := fields[edgeTo].(string)
	to, err := jitos.ParseNodeID(text)
	if err != nil {
		return jitos.Edge{}, fmt.Errorf("edge %s: %w: %v", item, jitos.ErrCorrupt, err)
	}
	e := jitos.Edge{From: parts.Node, Label: parts.Label, To: to}
	e.Key, _ = fields[edgeKey].(string)
	e.Attrs, _ = fields[edgeAttrs].(map[string]any)
	if e.Item() != item {
		return e, fmt.Errorf("edge %s: %w: it should be %s", item, jitos.ErrCorrupt, e.Item())
	}
	return e, nil
}

// edgeFields are the fields of an edge's file.
func edgeFields(e jitos.Edge) map[string]any {
	fields := map[string]any{edgeTo: e.To.String()}
	if e.Key != "" {
		fields[edgeKey] = e.Key
	}
	if len(e.Attrs) > 0 {
		fields[edgeAttrs] = e.Attrs
	}
	return fields
}
