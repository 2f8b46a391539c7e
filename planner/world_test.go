package planner

import (
	"fmt"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

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
