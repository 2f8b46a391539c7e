package planner

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/jitos/jitos"
)

// world is a snapshot that is written down: that of an example, or of a test.
type world struct {
	files  map[string]string
	nodes  []jitos.Node
	fabric map[string][]byte
	reads  int            // of file contents
	asked  map[string]int // nodes that were looked at, by kind
}

var _ jitos.Snapshot = (*world)(nil)

func (w *world) Node(_ context.Context, id jitos.NodeID) (jitos.Node, error) {
	w.look(id.Kind)
	for _, n := range w.nodes {
		if n.ID == id {
			return n, nil
		}
	}
	return jitos.Node{}, jitos.ErrNotFound
}

func (w *world) look(kind string) {
	if w.asked == nil {
		w.asked = map[string]int{}
	}
	w.asked[kind]++
}

// Nodes yields in reverse order of arrival: a plan must not depend on it.
func (w *world) Nodes(_ context.Context, kind string) iter.Seq2[jitos.Node, error] {
	return func(yield func(jitos.Node, error) bool) {
		for _, n := range slices.Backward(w.nodes) {
			if kind != "" && kind != n.ID.Kind {
				continue
			}
			if w.look(n.ID.Kind); !yield(n, nil) {
				return
			}
		}
	}
}

func (w *world) Edges(context.Context, jitos.NodeID, string) iter.Seq2[jitos.Edge, error] {
	return func(func(jitos.Edge, error) bool) {}
}

func (w *world) Blob(_ context.Context, item jitos.ItemID) (jitos.BlobID, error) {
	for _, n := range w.nodes {
		if n.ID.Item() == item {
			return jitos.BlobID(jitos.HashOf(n.Fields)), nil
		}
	}
	return "", nil
}

func (w *world) Tree() jitos.TreeID { return jitos.TreeID("tree-" + jitos.HashOf(w.files)[:8]) }

func (w *world) ReadFile(_ context.Context, path string) ([]byte, error) {
	w.reads++
	if text, ok := w.files[path]; ok {
		return []byte(text), nil
	}
	return nil, jitos.ErrNotFound
}

func (w *world) PathID(_ context.Context, path string) (string, error) {
	if text, ok := w.files[path]; ok {
		return "100644 " + jitos.HashOf(text), nil
	}
	for p := range w.files {
		if strings.HasPrefix(p, path+"/") {
			return "040000 " + jitos.HashOf(w.files), nil
		}
	}
	return "", nil
}

func (w *world) Glob(_ context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, p := range sortedPaths(w.files) {
			if jitos.MatchPath(pattern, p) && !yield(p, nil) {
				return
			}
		}
	}
}

func (w *world) Commit() jitos.Commit { return jitos.Commit{} }

func (w *world) Fabric(context.Context) (map[string][]byte, error) { return w.fabric, nil }

func sortedPaths(files map[string]string) []string {
	var list []string
	for p := range files {
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}
