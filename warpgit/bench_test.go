package warpgit

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// grown is a repository whose fabric has so many nodes, each with an edge to the one before, and 16 files.
func grown(b *testing.B, nodes int) (*Repo, jitos.CommitID) {
	isolate(b)
	dir := b.TempDir()
	run(b, dir, "init", "-q", "-b", "main")
	r := openDir(b, dir)
	files := map[string]string{}
	for i := range 16 {
		files[fmt.Sprintf("src/file%d.go", i)] = fmt.Sprintf("package src // %d\n", i)
	}
	tip := born(b, r.Store)
	const group = 2000
	for i := 0; i < nodes; i += group {
		rw := graphRule(nil, nil)
		rw.Tree = putFiles(b, r.Store.Objects, files)
		for j := i; j < min(nodes, i+group); j++ {
			rw.Set = append(rw.Set, node("thing", fmt.Sprint("n", j), "text", fmt.Sprint("the node of number ", j)))
			if j > 0 {
				rw.Edges = append(rw.Edges, edge(node("thing", fmt.Sprint("n", j)), "after", node("thing", fmt.Sprint("n", j-1)), ""))
			}
		}
		tip = appendTo(b, r.Store, jitos.SystemRef, tip, rw)
	}
	return r, appendTo(b, r.Store, jitos.SystemRef, tip, graphRule(nil, nil)) // a tip with a record of common size
}

// benchRewrite appends rewrites of one node in groups of a size: 1 is a lone command, 1000 a bulk load.
func benchRewrite(b *testing.B, nodes, group int) {
	r, tip := grown(b, nodes)
	b.ResetTimer()
	for done := 0; done < b.N; done += group {
		rewrites := make([]jitos.Rewrite, min(group, b.N-done))
		for i := range rewrites {
			name := fmt.Sprint("n", (done+i)*7919%nodes)
			rewrites[i] = graphRule([]jitos.Node{node("thing", name, "text", fmt.Sprint("changed in round ", done+i))}, nil)
		}
		tip = appendTo(b, r.Store, jitos.SystemRef, tip, rewrites...)
	}
}

func BenchmarkRewrite_1knodes(b *testing.B)         { benchRewrite(b, 1_000, 1000) }
func BenchmarkRewrite_100knodes(b *testing.B)       { benchRewrite(b, 100_000, 1000) }
func BenchmarkRewriteAlone_1knodes(b *testing.B)    { benchRewrite(b, 1_000, 1) }
func BenchmarkRewriteAlone_100knodes(b *testing.B)  { benchRewrite(b, 100_000, 1) }
func BenchmarkReadNode_1knodes(b *testing.B)        { benchReadNode(b, 1_000) }
func BenchmarkReadNode_100knodes(b *testing.B)      { benchReadNode(b, 100_000) }
func BenchmarkReadNodeCold_1knodes(b *testing.B)    { benchReadNodeCold(b, 1_000) }
func BenchmarkReadNodeCold_100knodes(b *testing.B)  { benchReadNodeCold(b, 100_000) }
func BenchmarkFork_1knodes(b *testing.B)            { benchFork(b, 1_000) }
func BenchmarkFork_100knodes(b *testing.B)          { benchFork(b, 100_000) }
func BenchmarkVerifyCommit_1knodes(b *testing.B)    { benchVerify(b, 1_000) }
func BenchmarkVerifyCommit_100knodes(b *testing.B)  { benchVerify(b, 100_000) }
func BenchmarkReverseUpdate_1knodes(b *testing.B)   { benchReverse(b, 1_000) }
func BenchmarkReverseUpdate_100knodes(b *testing.B) { benchReverse(b, 100_000) }

func benchReadNode(b *testing.B, nodes int) {
	r, tip := grown(b, nodes)
	snap := open(b, r.Store, tip)
	b.ResetTimer()
	for i := range b.N {
		if _, err := snap.Node(ctx, jitos.NodeID{Kind: "thing", Name: fmt.Sprint("n", i*7919%nodes)}); err != nil {
			b.Fatal(err)
		}
	}
}

// benchReadNodeCold is a whole command: open the repository, its system WARP, and one node.
func benchReadNodeCold(b *testing.B, nodes int) {
	r, tip := grown(b, nodes)
	b.ResetTimer()
	for i := range b.N {
		cold, err := Open(r.Worktree)
		if err != nil {
			b.Fatal(err)
		}
		snap := open(b, cold.Store, tip)
		if _, err := snap.Node(ctx, jitos.NodeID{Kind: "thing", Name: fmt.Sprint("n", i*7919%nodes)}); err != nil {
			b.Fatal(err)
		}
		cold.Close()
	}
}

// benchFork opens workspaces: a branch with its first commit.
func benchFork(b *testing.B, nodes int) {
	r, tip := grown(b, nodes)
	b.ResetTimer()
	for i := range b.N {
		ref := jitos.Ref(fmt.Sprint(jitos.SWSPrefix, "w", i))
		if _, err := r.Store.Append(ctx, ref, "", tip, graphRule([]jitos.Node{node("job", fmt.Sprint("j", i))}, nil)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchVerify(b *testing.B, nodes int) {
	r, tip := grown(b, nodes)
	var rewrites []jitos.Rewrite
	for i := range 200 {
		rewrites = append(rewrites, graphRule([]jitos.Node{node("thing", fmt.Sprint("n", i*7919%nodes), "text", fmt.Sprint("changed ", i))}, nil))
	}
	last := appendTo(b, r.Store, jitos.SystemRef, tip, rewrites...)
	id, err := parseID(last)
	if err != nil {
		b.Fatal(err)
	}
	from, err := parseID(tip)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	start := time.Now()
	count := 0
	for count < b.N {
		for _, err := range r.Store.verify(ctx, id, func(h plumbing.Hash) bool { return h == from }) {
			if err != nil {
				b.Fatal(err)
			}
			count++
		}
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(count), "ns/commit")
}

func benchReverse(b *testing.B, nodes int) {
	r, tip := grown(b, nodes)
	for range r.Store.To(ctx, open(b, r.Store, tip), jitos.NodeID{Kind: "thing", Name: "n1"}) {
	}
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		rw := graphRule(nil, []jitos.Edge{edge(node("thing", fmt.Sprint("n", i%nodes)), "also", node("thing", "n1"), fmt.Sprint(i))})
		tip = appendTo(b, r.Store, jitos.SystemRef, tip, rw)
		b.StartTimer()
		for _, err := range r.Store.To(ctx, open(b, r.Store, tip), jitos.NodeID{Kind: "thing", Name: "n1"}) {
			if err != nil {
				b.Fatal(err)
			}
			break
		}
	}
}
