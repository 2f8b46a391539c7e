package jitos_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jitos/jitos"
)

// Cost must follow the change, not the size of the graph: each benchmark runs at two sizes.

func BenchmarkRewrite_1knodes(b *testing.B)   { benchRewrite(b, 1_000) }
func BenchmarkRewrite_100knodes(b *testing.B) { benchRewrite(b, 100_000) }

func BenchmarkRead_1knodes(b *testing.B)   { benchRead(b, 1_000) }
func BenchmarkRead_100knodes(b *testing.B) { benchRead(b, 100_000) }

func BenchmarkFork_1knodes(b *testing.B)   { benchFork(b, 1_000) }
func BenchmarkFork_100knodes(b *testing.B) { benchFork(b, 100_000) }

func BenchmarkCollapse_1knodes(b *testing.B)   { benchCollapse(b, 1_000) }
func BenchmarkCollapse_100knodes(b *testing.B) { benchCollapse(b, 100_000) }

// grown is a fabric with so many nodes.
func grown(b *testing.B, nodes int) *fabric {
	b.Helper()
	f := newFabric(b, map[string]string{"a": "a\n"})
	const group = 1000
	for start := 0; start < nodes; start += group {
		var s jitos.Submission
		for i := start; i < min(start+group, nodes); i++ {
			s.Set = append(s.Set, note(fmt.Sprintf("n%d", i), "as it was"))
		}
		if _, err := f.kernel.SubmitRewrite(context.Background(), s, ""); err != nil {
			b.Fatal(err)
		}
	}
	return f
}

// benchRewrite makes one durable rewrite of one node at a time.
func benchRewrite(b *testing.B, nodes int) {
	f := grown(b, nodes)
	for i := 0; b.Loop(); i++ {
		s := jitos.Submission{Set: []jitos.Node{note(fmt.Sprintf("n%d", i%nodes), fmt.Sprint("turn ", i))}}
		if _, err := f.kernel.SubmitRewrite(context.Background(), s, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// benchRead opens the repository as a new process would, and reads one node.
func benchRead(b *testing.B, nodes int) {
	f := grown(b, nodes)
	for i := 0; b.Loop(); i++ {
		cold := openFabric(b, f.dir)
		if _, err := cold.system(b).Node(context.Background(), note(fmt.Sprintf("n%d", i%nodes), "").ID); err != nil {
			b.Fatal(err)
		}
		cold.repo.Close()
	}
}

// benchFork declares, plans and opens one workspace by hand: four commits.
func benchFork(b *testing.B, nodes int) {
	f := grown(b, nodes)
	for i := 0; b.Loop(); i++ {
		if _, err := f.kernel.NewWorkspace(context.Background(), fmt.Sprintf("w%d", i), ""); err != nil {
			b.Fatal(err)
		}
	}
}

// benchCollapse collapses ten changed nodes.
func benchCollapse(b *testing.B, nodes int) {
	ctx := context.Background()
	f := grown(b, nodes)
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		p, err := f.kernel.NewWorkspace(ctx, fmt.Sprintf("w%d", i), "")
		if err != nil {
			b.Fatal(err)
		}
		var s jitos.Submission
		for j := range 10 {
			s.Set = append(s.Set, note(fmt.Sprintf("n%d", (i*10+j)%nodes), fmt.Sprint("turn ", i)))
		}
		if _, err := f.kernel.SubmitRewrite(ctx, s, p.Process.SWS); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if conflict := f.collapse(b, p); conflict != nil {
			b.Fatal(conflict)
		}
	}
}
