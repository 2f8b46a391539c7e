package overlay

import (
	"context"
	"fmt"
	"testing"

	"github.com/jitos/jitos"
)

// benchSides makes a graph of so many nodes and as many files, and two sides that change ten of each, apart from one another.
func benchSides(b *testing.B, size int) (*fabric, three[jitos.Snapshot]) {
	b.Helper()
	f := newFabric(b)
	tree := files{}
	name := func(i int) string { return fmt.Sprintf("d%d/e%d/f%d", i%97, i%89, i) }
	var set []jitos.Node
	for i := range size {
		set = append(set, node(fmt.Sprintf("a/n%d", i), "x=1", "y=1"))
		tree[name(i)] = "1\n2\n3\n"
	}
	base := f.system(jitos.Rewrite{Set: set, Tree: f.files(tree)})
	change := func(first int, text string) jitos.Rewrite {
		edited := make(files, len(tree))
		for p, was := range tree {
			edited[p] = was
		}
		rw := jitos.Rewrite{Reads: []jitos.Read{{Path: name(first)}, {Item: "a/n0"}}}
		for i := range 10 {
			at := (first + i*53) % size
			rw.Set = append(rw.Set, node(fmt.Sprintf("a/n%d", at), "x="+text, "y=1"))
			edited[name(at)] = text + "\n2\n3\n"
		}
		rw.Tree = f.files(edited)
		return rw
	}
	theirs := f.sws("try", base, change(7, "theirs"))
	return f, three[jitos.Snapshot]{base, f.system(change(20, "ours")), theirs}
}

func benchmarkDiff(b *testing.B, size int) {
	f, at := benchSides(b, size)
	ctx := context.Background()
	for b.Loop() {
		d, err := f.DiffGraph(ctx, at.base, at.theirs)
		if err != nil || len(d.Nodes) != 10 {
			b.Fatal(len(d.Nodes), err)
		}
		paths, err := f.Changed(ctx, at.base.Tree(), at.theirs.Tree())
		if err != nil || len(paths) != 10 {
			b.Fatal(len(paths), err)
		}
	}
}

func BenchmarkDiff_1knodes(b *testing.B)   { benchmarkDiff(b, 1_000) }
func BenchmarkDiff_100knodes(b *testing.B) { benchmarkDiff(b, 100_000) }

func benchmarkMerge(b *testing.B, size int) {
	f, at := benchSides(b, size)
	ctx := context.Background()
	f.count.reads = 0
	for b.Loop() {
		rw, conflicts, err := f.Merge(ctx, at.base, at.ours, at.theirs)
		if err != nil || len(conflicts) > 0 || len(rw.Set) != 10 {
			b.Fatal(conflicts, err)
		}
	}
	b.ReportMetric(float64(f.count.reads)/float64(b.N), "reads/op")
}

func BenchmarkMerge_1knodes(b *testing.B)   { benchmarkMerge(b, 1_000) }
func BenchmarkMerge_100knodes(b *testing.B) { benchmarkMerge(b, 100_000) }

func BenchmarkMergeText_10klines(b *testing.B) {
	v := three[[]byte]{}
	for i := range 10_000 {
		line := fmt.Sprintf("line %d of some text\n", i%4000)
		add := func(text *[]byte, change bool) {
			if change {
				line = "changed " + line
			}
			*text = append(*text, line...)
		}
		add(&v.base, false)
		whole := line
		add(&v.ours, i%500 == 3)
		line = whole
		add(&v.theirs, i%500 == 250)
	}
	for b.Loop() {
		if _, conflicts := mergeText(v.base, v.ours, v.theirs); conflicts != nil {
			b.Fatal(conflicts)
		}
	}
}
