package planner

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// world is a snapshot that is written down in a test.
type world struct {
	files  map[string]string
	nodes  []jitos.Node
	fabric map[string][]byte
	reads  int // of file contents
}

var _ jitos.Snapshot = (*world)(nil)

// newWorld makes a snapshot of files, with the toolchains that are recognised in them.
func newWorld(t testing.TB, files map[string]string, library ...string) *world {
	t.Helper()
	w := &world{files: files, fabric: map[string][]byte{}}
	for i, text := range library {
		w.fabric[fmt.Sprintf("methods/own%d.yaml", i)] = []byte(text)
	}
	seen, err := New().Observe(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	w.nodes = seen
	return w
}

// add puts a node into the graph.
func (w *world) add(t testing.TB, kind, name string, record any) *world {
	t.Helper()
	n, err := jitos.MakeNode(jitos.NodeID{Kind: kind, Name: name}, record)
	if err != nil {
		t.Fatal(err)
	}
	w.nodes = append(w.nodes, n)
	return w
}

func (w *world) Node(_ context.Context, id jitos.NodeID) (jitos.Node, error) {
	for _, n := range w.nodes {
		if n.ID == id {
			return n, nil
		}
	}
	return jitos.Node{}, jitos.ErrNotFound
}

// Nodes yields in reverse order of arrival: a plan must not depend on it.
func (w *world) Nodes(_ context.Context, kind string) iter.Seq2[jitos.Node, error] {
	return func(yield func(jitos.Node, error) bool) {
		for _, n := range slices.Backward(w.nodes) {
			if (kind == "" || kind == n.ID.Kind) && !yield(n, nil) {
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

// goFiles is a small Go module.
func goFiles() map[string]string {
	return map[string]string{
		"go.mod":       "module example.org/shop\n\ngo 1.24\n\nrequire (\n\tgolang.org/x/text v0.3.0\n)\n",
		"shop.go":      "package shop\n",
		"shop_test.go": "package shop\n",
		"sub/x.go":     "package sub\n\n//go:generate stringer\n",
	}
}

// matched is the task that words mean here.
func matched(t testing.TB, w *world, intent string, args map[string]string) jitos.Task {
	t.Helper()
	m, err := New().Match(t.Context(), w, intent, args)
	if err != nil {
		t.Fatal(err)
	}
	if m.Task.Name == "" {
		t.Fatalf("%q matches no task; nearest: %v", intent, m.Nearest)
	}
	return m.Task
}

// planned plans what words mean.
func planned(t testing.TB, w *world, intent string, args map[string]string) ([]jitos.Slap, jitos.Planning) {
	t.Helper()
	slaps, planning, err := New().Plan(t.Context(), w, "task-1", matched(t, w, intent, args))
	if err != nil {
		t.Fatal(err)
	}
	return slaps, planning
}

func originOf(w *world, path string) string { return methods.Origin(w.fabric[path]) }
