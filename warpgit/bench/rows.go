package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// row is one kind of work. Its results are named as the row, or begin with its name and a dash.
type row struct {
	name string
	once bool // it does not depend on the size of the fabric
	run  func(b *bench, nodes int) ([]result, error)
}

var rows = []row{
	{"rewrite", false, (*bench).rewriteRows},
	{"acked", false, (*bench).ackedRow},
	{"status", false, (*bench).statusRow},
	{"show", false, (*bench).showRow},
	{"diff", false, (*bench).diffRow},
	{"fork", false, (*bench).forkRows},
	{"list", false, (*bench).listRows},
	{"edge", true, (*bench).edgeRow},
	{"dir", true, (*bench).dirRows},
}

func rowNames() []string {
	var names []string
	for _, r := range rows {
		names = append(names, r.name)
	}
	return names
}

// large is from which size on the reach of large fabrics holds.
const large = 100_000

// pinned is the time of all commits that both sides are to make alike.
var pinned = []string{"JITOS_NOW=1750000000"}

// rewriteRows makes rewrites in groups, each with one changed node, against git fast-import fed with the same commits.
func (b *bench) rewriteRows(nodes int) ([]result, error) {
	f, err := b.fabric(nodes)
	if err != nil {
		return nil, err
	}
	count := b.groups * b.groupSize
	env := append(pinned, fmt.Sprintf("%s=%d", nodesVar, nodes))
	want := "" // the commit that all must come to
	side := func(file string, args func(dir string) []string) func() (cost, error) {
		return func() (cost, error) {
			c, err := b.copy(f)
			if err != nil {
				return cost{}, err
			}
			defer removeAll(c.dir)
			all, err := grew(c.gitDir(), func() (cost, error) {
				return process{dir: c.dir, stdin: file, env: env, args: args(c.dir)}.silent()
			})
			if err != nil {
				return all, err
			}
			head, err := c.head()
			if want == "" {
				want = head
			}
			if err == nil && head != want {
				err = fmt.Errorf("the two sides made different commits: %s and %s", want, head)
			}
			return all.per(count), err
		}
	}
	appendTask := func(dir string) []string { return b.task("append", dir, b.groups, b.groupSize) }
	single, grouped := filepath.Join(b.dir, "stream"), filepath.Join(b.dir, "stream-grouped")
	if err := b.makeStreams(f, count, env, appendTask, map[string]int{single: 0, grouped: b.groupSize}); err != nil {
		return nil, err
	}
	defer os.Remove(single)
	defer os.Remove(grouped)
	fastImport := func(string) []string { return []string{"git", "fast-import", "--quiet", "--done"} }
	all, err := inTurn(b.rounds, side("", appendTask), side(single, fastImport), side(grouped, fastImport))
	if err != nil {
		return nil, err
	}
	most, bytes := 1.0/8, 1.2
	if nodes >= large {
		most, bytes = 1.0/15, 0.7
	}
	return []result{
		compare("rewrite", nodes, "git fast-import", all[0], all[1]).reach(ofCPU, most),
		compare("rewrite-grouped", nodes, "git fast-import, checkpoints", all[0], all[2]),
		compare("rewrite-bytes", nodes, "git fast-import", all[0], all[1]).reach(ofBytes, bytes),
	}, nil
}

// makeStreams makes the rewrites once in a copy, and from them the input of git fast-import.
func (b *bench) makeStreams(f *fabric, count int, env []string, appendTask func(dir string) []string, files map[string]int) error {
	c, err := b.copy(f)
	if err != nil {
		return err
	}
	defer removeAll(c.dir)
	if _, err := (process{dir: c.dir, env: env, args: appendTask(c.dir)}).silent(); err != nil {
		return err
	}
	for file, every := range files {
		_, out, err := process{dir: c.dir, args: b.task("stream", c.dir, count, every)}.run()
		if err == nil {
			err = os.WriteFile(file, out, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// processRounds is how many more rounds a row has that runs one short process on each side.
const processRounds = 4

// ackedRow makes one rewrite by the command, durable when it returns, against an empty commit that is made as durable.
func (b *bench) ackedRow(nodes int) ([]result, error) {
	c, err := b.fabricCopy(nodes)
	if err != nil {
		return nil, err
	}
	defer removeAll(c.dir)
	doc, turn := filepath.Join(b.dir, "rewrite.json"), 0
	defer os.Remove(doc)
	all, err := inTurn(b.rounds*processRounds, func() (cost, error) {
		turn++
		text := fmt.Sprintf(`{"set":[{"node":"%s/n%d","fields":{"text":"acknowledged in turn %d"}}]}`, kind, scattered(turn, nodes), turn)
		if err := os.WriteFile(doc, []byte(text), 0o600); err != nil {
			return cost{}, err
		}
		return process{dir: c.dir, stdin: doc, args: []string{b.jitos, "rewrite", "-"}}.silent()
	}, func() (cost, error) {
		return process{dir: c.dir, args: []string{"git", "-c", "core.fsync=all", "commit", "-q", "--allow-empty", "-m", "one"}}.silent()
	})
	if err != nil {
		return nil, err
	}
	return []result{compare("acked", nodes, "git commit, core.fsync=all", all[0], all[1]).reach(ofWall, 1.5)}, nil
}

// coldPeak is the most memory that a command that only looks may take.
const coldPeak = 40 << 20

func (b *bench) statusRow(nodes int) ([]result, error) {
	return b.cold("status", nodes, []string{"status"}, "git log -1", []string{"git", "log", "-1", "jitos/system"})
}

func (b *bench) showRow(nodes int) ([]result, error) {
	f, err := b.fabric(nodes)
	if err != nil {
		return nil, err
	}
	n := scattered(b.rewrites/2, nodes) // set last by a rewrite of its own, as most nodes are
	p, err := nodePath(f, n)
	if err != nil {
		return nil, err
	}
	return b.cold("show", nodes, []string{"show", fmt.Sprintf("%s/n%d", kind, n)}, "git cat-file", []string{"git", "cat-file", "-p", "jitos/system:" + p})
}

// nodePath is where a node stands.
func nodePath(f *fabric, n int) (string, error) {
	list := fmt.Sprintf("git ls-tree -r --name-only jitos/system .jitos/nodes/%s/ | grep '/n%d[.]json$'", kind, n) // too long to be held here
	_, out, err := process{dir: f.dir, args: []string{"sh", "-c", list}}.run()
	return strings.TrimSpace(string(out)), err
}

// cold runs a command of jitos and one of git's as processes, on a fabric as it is.
func (b *bench) cold(row string, nodes int, ours []string, peer string, theirs []string) ([]result, error) {
	f, err := b.fabric(nodes)
	if err != nil {
		return nil, err
	}
	all, err := inTurn(b.rounds*processRounds,
		process{dir: f.dir, args: append([]string{b.jitos}, ours...)}.silent,
		process{dir: f.dir, args: theirs}.silent)
	if err != nil {
		return nil, err
	}
	r := compare(row, nodes, peer, all[0], all[1])
	r.MaxPeak = coldPeak
	return []result{r.reach(ofWall, 2)}, nil
}

// diffPairs is how many pairs of snapshots are compared in one process, diffProcesses how many of them each in one of its own.
const diffPairs, diffProcesses = 200, 20

// diffRow compares snapshots that differ in ten nodes. Ours has the store open, as whatever asks for differences has it. The
// peer is git as such a program would run it, a process for each; then git with all pairs in one process, for the price of the
// comparison alone; and at last that again, where ours also reads the nodes and says which fields differ.
func (b *bench) diffRow(nodes int) ([]result, error) {
	c, err := b.fabricCopy(nodes)
	if err != nil {
		return nil, err
	}
	defer removeAll(c.dir)
	_, commits, err := process{dir: c.dir, env: []string{fmt.Sprintf("%s=%d", nodesVar, nodes)}, args: b.task("changes", c.dir, diffPairs)}.run()
	if err != nil {
		return nil, err
	}
	_, trees, err := process{dir: c.dir, args: []string{"git", "log", "--first-parent", "--reverse", "--format=%T", fmt.Sprintf("-%d", diffPairs+1), "jitos/system"}}.run()
	if err != nil {
		return nil, err
	}
	var pairs strings.Builder
	tree := strings.Fields(string(trees))
	for i := range diffPairs {
		fmt.Fprintln(&pairs, tree[i], tree[i+1])
	}
	ours, theirs := filepath.Join(b.dir, "commits"), filepath.Join(b.dir, "trees")
	defer os.Remove(ours)
	defer os.Remove(theirs)
	if err := os.WriteFile(ours, commits, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(theirs, []byte(pairs.String()), 0o600); err != nil {
		return nil, err
	}
	one := func() (sum cost, err error) {
		for i := 0; i < diffProcesses && err == nil; i++ {
			var c1 cost
			c1, err = process{dir: c.dir, args: []string{"git", "diff-tree", "-r", tree[i], tree[i+1]}}.silent()
			sum.CPU, sum.Wall = sum.CPU+c1.CPU, sum.Wall+c1.Wall
		}
		return sum.per(diffProcesses), err
	}
	all, err := inTurn(b.rounds, one,
		each(diffPairs, process{dir: c.dir, stdin: ours, args: b.task("diff", c.dir)}.silent),
		each(diffPairs, process{dir: c.dir, stdin: theirs, args: []string{"git", "diff-tree", "-r", "--stdin"}}.silent),
		each(diffPairs, process{dir: c.dir, stdin: ours, args: b.task("fields", c.dir)}.silent))
	if err != nil {
		return nil, err
	}
	return []result{
		compare("diff", nodes, "git diff-tree -r, a process each", all[1], all[0]).reach(ofCPU, 0.3),
		compare("diff-batch", nodes, "git diff-tree -r --stdin", all[1], all[2]),
		compare("diff-fields", nodes, "git diff-tree -r --stdin", all[3], all[2]),
	}, nil
}

// each gives the cost of one of n parts.
func each(n int, side func() (cost, error)) func() (cost, error) {
	return func() (cost, error) {
		c, err := side()
		return c.per(n), err
	}
}

// small is the size of which the cost of a fork and of a collapse is compared with that of others.
const small = 1000

// forkRows forks and collapses workspaces at a size against the same at 1k.
func (b *bench) forkRows(nodes int) ([]result, error) {
	if nodes == small {
		return nil, nil
	}
	const times = 10
	var forks, collapses [2][]cost
	var dirs [2]string
	for i, size := range []int{nodes, small} {
		c, err := b.fabricCopy(size)
		if err != nil {
			return nil, err
		}
		defer removeAll(c.dir)
		dirs[i] = c.dir
	}
	for range b.rounds {
		for i, size := range []int{nodes, small} {
			var all forked
			_, out, err := process{dir: dirs[i], env: []string{fmt.Sprintf("%s=%d", nodesVar, size)}, args: b.task("fork", dirs[i], times)}.run()
			if err == nil {
				err = json.Unmarshal(out, &all)
			}
			if err != nil {
				return nil, err
			}
			forks[i] = append(forks[i], all.Fork...)
			collapses[i] = append(collapses[i], all.Collapse...)
		}
	}
	return []result{
		compare("fork", nodes, "itself at 1k nodes", forks[0], forks[1]).reach(ofCPU, 1.5),
		compare("fork-collapse", nodes, "itself at 1k nodes", collapses[0], collapses[1]).reach(ofCPU, 1.5),
	}, nil
}

// listRows lists all nodes and all rewrites.
func (b *bench) listRows(nodes int) ([]result, error) {
	f, err := b.fabric(nodes)
	if err != nil {
		return nil, err
	}
	all, err := inTurn(b.rounds,
		process{dir: f.dir, args: b.task("nodes", f.dir)}.silent,
		process{dir: f.dir, args: []string{"git", "ls-tree", "-r", "--name-only", "jitos/system", ".jitos/nodes/"}}.silent,
		process{dir: f.dir, args: b.task("rewrites", f.dir)}.silent,
		process{dir: f.dir, args: []string{"git", "rev-list", "--first-parent", "jitos/system"}}.silent)
	if err != nil {
		return nil, err
	}
	return []result{
		compare("list-nodes", nodes, "git ls-tree -r", all[0], all[1]).reach(ofCPU, 1),
		compare("list-rewrites", nodes, "git rev-list", all[2], all[3]).reach(ofCPU, 1),
	}, nil
}

// edgeRow adds edges to a node with many edges, and to nodes with ten.
func (b *bench) edgeRow(int) ([]result, error) {
	hubs, err := b.fabricCopy(small)
	if err != nil {
		return nil, err
	}
	defer removeAll(hubs.dir)
	if _, err := (process{dir: hubs.dir, args: b.task("hubs", hubs.dir, b.edges)}).silent(); err != nil {
		return nil, err
	}
	side := func(big int) func() (cost, error) {
		return func() (cost, error) {
			c, err := b.copy(hubs)
			if err != nil {
				return cost{}, err
			}
			defer removeAll(c.dir)
			all, err := grew(c.gitDir(), process{dir: c.dir, args: b.task("edges", c.dir, b.groups, b.groupSize, big)}.silent)
			return all.per(b.groups * b.groupSize), err
		}
	}
	all, err := inTurn(b.rounds, side(1), side(0))
	if err != nil {
		return nil, err
	}
	return []result{compare("edge", 0, fmt.Sprintf("a node with 10 edges, not %d", b.edges), all[0], all[1]).reach(ofCPU, 2)}, nil
}
