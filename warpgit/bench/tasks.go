package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/overlay"
	"github.com/jitos/jitos/planner"
	"github.com/jitos/jitos/warpgit"
)

// taskArg is the first argument of a process that runs one task.
const taskArg = "-task"

// tasks are what runs in a process of its own. The first argument is a repository.
var tasks = map[string]func(w *work, args []int) error{
	"grow":     grow,      // nodes, rewrites: fill a new fabric
	"append":   appendAll, // groups, rewrites in each: change one node in each rewrite
	"stream":   stream,    // commits at the end of the line, how many before a checkpoint (0: none): as input of git fast-import
	"changes":  changes,   // commits: change ten nodes in each; prints "before after" of each
	"diff":     diff,      // the pairs on standard input
	"fields":   fields,    // the pairs on standard input
	"fork":     fork,      // how often: fork a workspace, change ten nodes, collapse it
	"nodes":    listNodes,
	"rewrites": listRewrites,
	"hubs":     hubs,     // edges: a node with so many, and smallHubs nodes with ten
	"edges":    addEdges, // groups, rewrites in each, 1 for the big hub: add an edge in each rewrite
	"job":      job,      // how often, from how many files on with an overlay (0: never): run a job on the files of HEAD
}

// work is a repository with a kernel, for a task.
type work struct {
	ctx    context.Context
	repo   *warpgit.Repo
	store  *warpgit.Store
	merger *overlay.Merger
	kernel *jitos.Kernel
	out    *bufio.Writer
}

func runTask(args []string) error {
	if len(args) < 2 || tasks[args[0]] == nil {
		return fmt.Errorf("no task %q", args)
	}
	var numbers []int
	for _, a := range args[2:] {
		n, err := strconv.Atoi(a)
		if err != nil {
			return err
		}
		numbers = append(numbers, n)
	}
	repo, err := warpgit.Open(args[1])
	if err != nil {
		return err
	}
	defer repo.Close()
	w := &work{ctx: context.Background(), repo: repo, store: repo.Store, merger: overlay.New(repo.Store.Objects, repo.Store), out: bufio.NewWriterSize(os.Stdout, 1<<16)}
	w.kernel = &jitos.Kernel{Store: w.store, Merger: w.merger, Planner: planner.New(), Repository: repo, Local: repo,
		ParsePolicy: methods.LoadPolicy, Actor: actor}
	if err := tasks[args[0]](w, numbers); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return w.out.Flush()
}

const (
	actor     = "Ada <ada@example.org>"
	kind      = "note"
	hubKind   = "hub"
	smallHubs = 1000
)

func note(i int, text string) jitos.Node {
	return jitos.Node{ID: jitos.NodeID{Kind: kind, Name: fmt.Sprintf("n%d", i)}, Fields: map[string]any{"text": text}}
}

// rewrite is one on the system line. Only a collapse may set nodes of a user's there.
func rewrite(what string, set ...jitos.Node) jitos.Rewrite {
	return jitos.Rewrite{Rule: jitos.RuleCollapse, Actor: actor, What: what, Set: set}
}

// append adds one group of rewrites to the system line and returns their commits, after the one they stand on.
func (w *work) append(rewrites ...jitos.Rewrite) ([]jitos.CommitID, error) {
	head, err := w.store.Head(w.ctx, jitos.SystemRef)
	if err != nil {
		return nil, err
	}
	ids, err := w.store.Append(w.ctx, jitos.SystemRef, head, head, rewrites...)
	return append([]jitos.CommitID{head}, ids...), err
}

// grow adds the nodes in the order of their shards, a thousand in a rewrite: so each shard is written once or twice and not
// in every rewrite. Then come rewrites of one node each, as a fabric that is in use has them.
func grow(w *work, args []int) error {
	nodes, rewrites := args[0], args[1]
	const perRewrite, perGroup = 1000, 10
	type placed struct {
		shard [8]byte
		node  int
	}
	order := make([]placed, nodes)
	for i := range order {
		sum := sha256.Sum256([]byte(note(i, "").ID.Name + ".json"))
		order[i] = placed{[8]byte(sum[:8]), i}
	}
	slices.SortFunc(order, func(a, b placed) int { return slices.Compare(a.shard[:], b.shard[:]) })
	var group []jitos.Rewrite
	for part := range slices.Chunk(order, perRewrite) {
		rw := rewrite(fmt.Sprintf("%d more nodes", len(part)))
		for _, p := range part {
			rw.Set = append(rw.Set, note(p.node, fmt.Sprintf("the node of number %d", p.node)))
		}
		if group = append(group, rw); len(group) == perGroup {
			if _, err := w.append(group...); err != nil {
				return err
			}
			group = nil
		}
	}
	if len(group) > 0 {
		if _, err := w.append(group...); err != nil {
			return err
		}
	}
	for done := 0; done < rewrites; {
		var group []jitos.Rewrite
		for ; done < rewrites && len(group) < 1000; done++ {
			group = append(group, rewrite("in use", note(scattered(done, nodes), fmt.Sprintf("used %d", done))))
		}
		if _, err := w.append(group...); err != nil {
			return err
		}
	}
	return nil
}

// scattered is the i-th of nodes in an order that jumps about.
func scattered(i, nodes int) int { return i * 7919 % nodes }

func (w *work) nodes() (int, error) {
	return strconv.Atoi(os.Getenv(nodesVar))
}

// nodesVar tells a task how many nodes there are.
const nodesVar = "BENCH_NODES"

func appendAll(w *work, args []int) error {
	nodes, err := w.nodes()
	if err != nil {
		return err
	}
	for g := range args[0] {
		group := make([]jitos.Rewrite, args[1])
		for i := range group {
			n := g*args[1] + i
			group[i] = rewrite("one changed node", note(scattered(n, nodes), fmt.Sprintf("changed in turn %d", n)))
		}
		if _, err := w.append(group...); err != nil {
			return err
		}
	}
	return nil
}

func changes(w *work, args []int) error {
	nodes, err := w.nodes()
	if err != nil {
		return err
	}
	var group []jitos.Rewrite
	for i := range args[0] {
		rw := rewrite("ten changed nodes")
		for j := range 10 {
			rw.Set = append(rw.Set, note((scattered(i, nodes)+j*nodes/10)%nodes, fmt.Sprintf("changed in turn %d", i)))
		}
		group = append(group, rw)
	}
	ids, err := w.append(group...)
	if err != nil {
		return err
	}
	for i := range group {
		fmt.Fprintln(w.out, ids[i], ids[i+1])
	}
	return nil
}

// eachPair calls fn for the pairs of commits on standard input, a pair a line.
func eachPair(fn func(before, after jitos.CommitID) error) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		a, b, _ := strings.Cut(lines.Text(), " ")
		if err := fn(jitos.CommitID(a), jitos.CommitID(b)); err != nil {
			return fmt.Errorf("%s: %w", lines.Text(), err)
		}
	}
	return lines.Err()
}

// diff names what differs, with the objects on both sides: what `git diff-tree -r` prints.
func diff(w *work, _ []int) error {
	return eachPair(func(before, after jitos.CommitID) error {
		d, err := w.merger.Changes(w.ctx, before, after)
		if err != nil {
			return err
		}
		if len(d.Items) != 10 || len(d.Paths) != 0 {
			return fmt.Errorf("%d items and %d files differ, want 10 and 0", len(d.Items), len(d.Paths))
		}
		for _, i := range d.Items {
			w.line(string(i.Old), " ", string(i.New), " ", string(i.Item))
		}
		return nil
	})
}

// fields says which fields of which nodes differ, as `jitos sws diff --graph` does: it reads the nodes.
func fields(w *work, _ []int) error {
	return eachPair(func(a, b jitos.CommitID) error {
		before, err := w.store.Open(w.ctx, a)
		if err != nil {
			return err
		}
		after, err := w.store.Open(w.ctx, b)
		if err != nil {
			return err
		}
		graph, err := w.merger.DiffGraph(w.ctx, before, after)
		if err != nil {
			return err
		}
		if len(graph.Nodes) != 10 {
			return fmt.Errorf("%d nodes differ, want 10", len(graph.Nodes))
		}
		return overlay.WriteGraph(w.out, graph)
	})
}

// line prints a line. An error is kept for Flush.
func (w *work) line(parts ...string) {
	for _, s := range parts {
		_, _ = w.out.WriteString(s)
	}
	_ = w.out.WriteByte('\n')
}

func listNodes(w *work, _ []int) error {
	at, err := w.kernel.System(w.ctx)
	if err != nil {
		return err
	}
	for id, err := range w.store.NodeIDs(w.ctx, at, "") {
		if err != nil {
			return err
		}
		w.line(id.Kind, "/", id.Name)
	}
	return nil
}

func listRewrites(w *work, _ []int) error {
	head, err := w.store.Head(w.ctx, jitos.SystemRef)
	if err != nil {
		return err
	}
	for id, err := range w.store.Line(w.ctx, head) {
		if err != nil {
			return err
		}
		w.line(string(id))
	}
	return nil
}

// used is what a part of this process took.
func used(fn func() error) (cost, error) {
	before, start := cpuTime(), time.Now()
	err := fn()
	return cost{CPU: cpuTime() - before, Wall: time.Since(start)}, err
}

// cpuTime is that of this process and of those that it waited for.
func cpuTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	return sum
}

// forked is what fork prints.
type forked struct{ Fork, Collapse []cost }

func fork(w *work, args []int) error {
	nodes, err := w.nodes()
	if err != nil {
		return err
	}
	var all forked
	for i := range args[0] {
		var p jitos.ProcessView
		c, err := used(func() (err error) {
			p, err = w.kernel.NewWorkspace(w.ctx, fmt.Sprintf("w%d", i), "")
			return err
		})
		if err != nil {
			return err
		}
		all.Fork = append(all.Fork, c)
		var s jitos.Submission
		for j := range 10 {
			s.Set = append(s.Set, note(scattered(i*10+j, nodes), fmt.Sprintf("collapsed in turn %d", i)))
		}
		if _, err := w.kernel.SubmitRewrite(w.ctx, s, p.Process.SWS); err != nil {
			return err
		}
		c, err = used(func() error {
			_, err := w.kernel.Collapse(w.ctx, p, jitos.CollapseOptions{NoGate: "it is measured"})
			return err
		})
		if err != nil {
			return err
		}
		all.Collapse = append(all.Collapse, c)
	}
	return json.NewEncoder(w.out).Encode(all)
}

func hubOf(name string, edges, first int) []jitos.Edge {
	list := make([]jitos.Edge, edges)
	for i := range list {
		list[i] = jitos.Edge{From: jitos.NodeID{Kind: hubKind, Name: name}, Label: "uses", To: note(0, "").ID, Key: strconv.Itoa(first + i)}
	}
	return list
}

func smallHub(i int) string { return fmt.Sprintf("small%d", i%smallHubs) }

func hubs(w *work, args []int) error {
	node := func(name string) jitos.Node { return jitos.Node{ID: jitos.NodeID{Kind: hubKind, Name: name}} }
	small := rewrite("hubs with ten edges each", node("big"))
	for i := range smallHubs {
		small.Set = append(small.Set, node(smallHub(i)))
		small.Edges = append(small.Edges, hubOf(smallHub(i), 10, 0)...)
	}
	group := []jitos.Rewrite{small}
	for edges := range slices.Chunk(hubOf("big", args[0], 0), 10_000) {
		rw := rewrite("more edges of one hub")
		rw.Edges = edges
		group = append(group, rw)
	}
	_, err := w.append(group...)
	return err
}

func addEdges(w *work, args []int) error {
	for g := range args[0] {
		group := make([]jitos.Rewrite, args[1])
		for i := range group {
			n, hub := g*args[1]+i, "big"
			if args[2] != 1 {
				hub = smallHub(n)
			}
			group[i] = rewrite("one more edge")
			group[i].Edges = hubOf(hub, 1, 1_000_000_000+n)
		}
		if _, err := w.append(group...); err != nil {
			return err
		}
	}
	return nil
}
