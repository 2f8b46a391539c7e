package warpgit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// A line is the one that git lists, read from the commits, from a commit-graph, and from both where it is older.
func TestLine_graph(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := appendMany(t, r, born(t, r.Store), 7)
	run(t, dir, "branch", "side", string(tip))
	list := func(from jitos.CommitID) string {
		var ids []string
		for id, err := range r.Store.Line(ctx, from) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, string(id))
		}
		return strings.Join(ids, "\n")
	}
	check := func(how string) {
		t.Helper()
		for _, from := range []string{string(tip), string(tip) + "~3", "main"} {
			id := jitos.CommitID(run(t, dir, "rev-parse", from))
			if got, want := list(id), run(t, dir, "rev-list", "--first-parent", string(id)); got != want {
				t.Errorf("%s, from %s:\n%s\nwant\n%s", how, from, got, want)
			}
		}
	}
	check("without a graph")
	run(t, dir, "commit-graph", "write", "--reachable")
	check("in the graph")
	tip = appendMany(t, r, tip, 3)
	check("younger than the graph")
	n := 0
	for range r.Store.Line(ctx, tip) {
		if n++; n == 5 { // the second in the graph
			break
		}
	}
	if n != 5 {
		t.Errorf("stopped after %d", n)
	}
	ended, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, err := range r.Store.Line(ended, tip) {
		if cancel(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		n++
	}
	if n != 7 {
		t.Errorf("cancelled after the first, it yielded %d", n-5)
	}
}

func FuzzGraphFile(f *testing.F) {
	dir := newDir(f)
	r := openDir(f, dir)
	appendMany(f, r, born(f, r.Store), 3)
	run(f, dir, "commit-graph", "write", "--reachable")
	data, err := os.ReadFile(filepath.Join(dir, ".git/objects/info/commit-graph"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		g := &graphFile{data: data}
		if g.parse() != nil {
			return
		}
		for at := range min(g.count, 100) {
			g.place(g.id(at))
			steps := 0
			_ = g.line(at, func(plumbing.Hash) bool { steps++; return true })
			if steps > g.count {
				t.Fatalf("%d steps in a graph of %d", steps, g.count)
			}
		}
	})
}
