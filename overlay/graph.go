package overlay

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// What became of a node, an edge or a field.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
)

// GraphDiff is the difference of two graphs, each list in order of its ids.
type GraphDiff struct {
	Nodes  []NodeDiff `json:"nodes,omitempty"`
	Edges  []EdgeDiff `json:"edges,omitempty"`
	Fabric []FileMark `json:"fabric,omitempty"` // files below .jitos/: policy.yaml, methods/*.yaml
}

// NodeDiff is a node that differs, with those of its fields that do: all where it was added or removed.
type NodeDiff struct {
	ID     jitos.ItemID `json:"id"` // "kind/name"
	Op     string       `json:"op"`
	Fields []FieldDiff  `json:"fields,omitempty"`
}

// EdgeDiff is an edge that differs, with those of its attributes that do.
type EdgeDiff struct {
	From  string      `json:"from"`
	Label string      `json:"label"`
	To    string      `json:"to"`
	Key   string      `json:"key,omitempty"`
	Op    string      `json:"op"`
	Attrs []FieldDiff `json:"attrs,omitempty"`
}

// FieldDiff is one field. A value that is absent is nil, one that is null is "null".
type FieldDiff struct {
	Name string          `json:"name"`
	Old  json.RawMessage `json:"old,omitempty"`
	New  json.RawMessage `json:"new,omitempty"`
}

// FileMark is a file of the fabric's own that differs.
type FileMark struct {
	Path string `json:"path"`
	Op   string `json:"op"`
}

// DiffGraph compares the graphs of two snapshots. It reads only what differs.
func (m *Merger) DiffGraph(ctx context.Context, a, b jitos.Snapshot) (GraphDiff, error) {
	d, err := m.diffGraph(ctx, a.Commit().ID, b.Commit().ID)
	if err != nil {
		return GraphDiff{}, fmt.Errorf("diff graph: %w", err)
	}
	return d, nil
}

func (m *Merger) diffGraph(ctx context.Context, a, b jitos.CommitID) (d GraphDiff, err error) {
	from, err := fabricOf(ctx, m.objects, a)
	if err != nil {
		return d, err
	}
	to, err := fabricOf(ctx, m.objects, b)
	if err != nil {
		return d, err
	}
	items, err := differItems(ctx, m.objects, from, to)
	if err != nil {
		return d, err
	}
	for _, i := range items {
		if err := d.add(ctx, m.objects, i); err != nil {
			return d, fmt.Errorf("%s: %w", i.item, err)
		}
	}
	return d, nil
}

func (d *GraphDiff) add(ctx context.Context, objects Reader, i itemDiff) error {
	parts, err := i.item.Parse()
	if err != nil {
		return err
	}
	op := opOf(i.a, i.b)
	if parts.File != "" {
		d.Fabric = append(d.Fabric, FileMark{parts.File, op})
		return nil
	}
	old, err := readFields(ctx, objects, i.a)
	if err != nil {
		return err
	}
	now, err := readFields(ctx, objects, i.b)
	if err != nil {
		return err
	}
	if parts.Label == "" {
		fields, err := diffFields(old, now)
		d.Nodes = append(d.Nodes, NodeDiff{i.item, op, fields})
		return err
	}
	some := now
	if some == nil {
		some = old
	}
	e, err := edgeOf(i.item, some)
	if err != nil {
		return err
	}
	attrs, err := diffFields(attrsOf(old), attrsOf(now))
	d.Edges = append(d.Edges, EdgeDiff{e.From.String(), e.Label, e.To.String(), e.Key, op, attrs})
	return err
}

func opOf(a, b plumbing.Hash) string {
	switch {
	case a.IsZero():
		return Added
	case b.IsZero():
		return Removed
	}
	return Changed
}

// readFields reads the fields of a node's or an edge's blob, none of the zero hash.
func readFields(ctx context.Context, objects Reader, blob plumbing.Hash) (map[string]any, error) {
	if blob.IsZero() {
		return nil, nil
	}
	data, err := objects.Blob(ctx, blob)
	if err != nil {
		return nil, err
	}
	return jitos.DecodeFields(data)
}

func attrsOf(edge map[string]any) map[string]any {
	attrs, _ := edge[edgeAttrs].(map[string]any)
	return attrs
}

func diffFields(old, now map[string]any) ([]FieldDiff, error) {
	names := maps.Clone(old)
	if names == nil {
		names = map[string]any{}
	}
	maps.Copy(names, now)
	var diffs []FieldDiff
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, err := compactField(old, name)
		if err != nil {
			return nil, err
		}
		is, err := compactField(now, name)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(was, is) {
			diffs = append(diffs, FieldDiff{name, was, is})
		}
	}
	return diffs, nil
}

// compactField is a field's value on one line, nil where it is absent.
func compactField(fields map[string]any, name string) (json.RawMessage, error) {
	text, err := fieldText(fields, name)
	if err != nil || text == "" {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, []byte(text))
	return b.Bytes(), err
}

// WriteGraph writes a difference of graphs for people: a line for each node and edge that was added (+), changed (~) or
// removed (-), and one for each of its fields that differ.
func WriteGraph(w io.Writer, d GraphDiff) error {
	b := bufio.NewWriter(w)
	for _, n := range d.Nodes {
		fmt.Fprintf(b, "%s %s\n", sign(n.Op), n.ID)
		writeFields(b, n.Fields)
	}
	for _, e := range d.Edges {
		fmt.Fprintf(b, "%s %s -%s-> %s", sign(e.Op), e.From, e.Label, e.To)
		if e.Key != "" {
			fmt.Fprintf(b, " %q", e.Key)
		}
		b.WriteByte('\n')
		writeFields(b, e.Attrs)
	}
	for _, f := range d.Fabric {
		fmt.Fprintf(b, "%s %s/%s\n", sign(f.Op), fabricDir, f.Path)
	}
	return b.Flush()
}

func sign(op string) string {
	switch op {
	case Added:
		return "+"
	case Removed:
		return "-"
	}
	return "~"
}

func writeFields(b *bufio.Writer, fields []FieldDiff) {
	for _, f := range fields {
		switch {
		case f.Old == nil:
			fmt.Fprintf(b, "    + %s: %s\n", f.Name, clip(f.New))
		case f.New == nil:
			fmt.Fprintf(b, "    - %s: %s\n", f.Name, clip(f.Old))
		default:
			fmt.Fprintf(b, "    ~ %s: %s → %s\n", f.Name, clip(f.Old), clip(f.New))
		}
	}
}

// clip shortens a value to what is read at a glance.
func clip(value []byte) string {
	const most = 100
	if utf8.RuneCount(value) <= most {
		return string(value)
	}
	return string([]rune(string(value))[:most-1]) + "…"
}
