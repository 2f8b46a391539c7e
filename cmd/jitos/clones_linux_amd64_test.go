package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/jitos/internal/ptrace"
)

// Three or four clones do random work as people do, by commands, most of which are killed: at a random moment, or, with all the
// programs that they started, at a random call that changes a file. They meet in a bare repository. In the end all are the same,
// what was acknowledged is there, git and jitos find nothing wrong in any of them, and nothing is left of the killed ones.
func TestHeavySyncKill(t *testing.T) {
	if !heavy() {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	needTracer(t)
	first, last := uint64(1), uint64(50)
	if text := os.Getenv("JITOS_SEEDS"); text != "" {
		if _, err := fmt.Sscanf(text, "%d-%d", &first, &last); err != nil {
			t.Fatalf("JITOS_SEEDS=%s: want FIRST-LAST", text)
		}
	}
	for n := first; n <= last; n++ {
		t.Run(fmt.Sprintf("seed%d", n), func(t *testing.T) { clonesKilled(t, n, 12) })
	}
}

// TestSyncKill is one of these histories, short.
func TestSyncKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	needTracer(t)
	t.Parallel()
	clonesKilled(t, 1, 4)
}

// clone is one of them, and what was acknowledged to whoever gives the commands in it.
type clone struct {
	*stage
	name  string
	n     int
	usual map[string]time.Duration
	calls map[string]int
	nodes []jitos.NodeID    // on the line for ever
	heads []string          // where the line was
	open  []string          // workspaces by hand that nobody was told the end of
	ended map[string]string // how those ended that somebody was told of
	made  string            // the commit of the last collapse of a workspace

	killed, acked int
}

func clonesKilled(t *testing.T, seed uint64, acts int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	all := newClones(t, rng, 3+rng.IntN(2))
	for range acts * len(all) {
		all[rng.IntN(len(all))].act()
		if t.Failed() {
			return
		}
	}
	for _, c := range all {
		c.restore()
	}
	come(all)
	killed, acked := 0, 0
	for _, c := range all {
		c.check(all[0])
		killed, acked = killed+c.killed, acked+c.acked
	}
	t.Logf("%d clones, %d kills, %d acknowledged, %d commits on the line", len(all), killed, acked, len(strings.Fields(all[0].git("rev-list", "--first-parent", "jitos/system"))))
}

func newClones(t *testing.T, rng *rand.Rand, n int) []*clone {
	home := memoryDir(t)
	first := &stage{newSandboxIn(t, home), ""}
	first.rand = rng
	withRemote(first)
	first.must("", "sync")
	var all []*clone
	for i := range n {
		box := *first.sandbox
		if i > 0 {
			box.dir = filepath.Join(home, fmt.Sprintf("repo%d", i))
			first.git("clone", "-q", filepath.Join(home, "remote.git"), box.dir)
		}
		c := &clone{stage: &stage{&box, ""}, name: fmt.Sprintf("c%d", i), usual: map[string]time.Duration{}, calls: map[string]int{}, ended: map[string]string{}}
		c.must("", "init")
		all = append(all, c)
	}
	return all
}

// give gives a command, and mostly kills it. The exit codes in also are no surprise.
func (c *clone) give(stdin string, also []int, args ...string) said {
	c.t.Helper()
	kind := args[0]
	if kind == "sws" {
		kind += " " + args[1]
	}
	var got said
	switch c.rand.IntN(5) {
	case 0:
		got = c.jitos(stdin, args...)
	case 1, 2:
		usual := max(c.usual[kind], 60*time.Millisecond)
		got = c.kill(time.Duration(c.rand.Int64N(int64(usual)*12/10))+time.Millisecond, stdin, args...)
		c.usual[kind] = max(got.took, usual*9/10)
	default:
		got = c.killedAtCall(kind, stdin, args...)
	}
	switch {
	case got.killed():
		c.killed++
	case got.code == exitDone:
		c.acked++
		if head := c.revParse(c.dir, "jitos/system"); head != "" {
			c.heads = append(c.heads, head)
		}
	case !slices.Contains(also, got.code):
		c.t.Errorf("%s, after %d kills: %v", c.name, c.killed, got)
	}
	return got
}

// killedAtCall lets a command make a random number of the calls that it usually makes.
func (c *clone) killedAtCall(kind, stdin string, args ...string) said {
	seen, most := 0, c.rand.IntN(max(c.calls[kind], 40)*11/10)
	tr := &ptrace.Tracer{Root: c.home, Spare: c.isRemote, Before: func(call *ptrace.Call) ptrace.Verdict {
		if !c.counts(call) {
			return ptrace.Verdict{}
		}
		seen++
		return ptrace.Verdict{Kill: seen == most}
	}}
	got := c.traced(tr, stdin, args...)
	c.calls[kind] = max(seen, c.calls[kind]*9/10)
	return got
}

// act does one random thing.
func (c *clone) act() {
	c.n++
	name := c.name + "-" + strconv.Itoa(c.n)
	work := []int{exitFailed, exitNotFound, exitConflict, exitExhausted, exitWaiting, exitBusy}
	switch c.rand.IntN(15) {
	case 0:
		if got := c.give("", nil, "task", "new", "do "+name); got.word() != "" {
			c.nodes = append(c.nodes, jitos.TaskID(got.word()).Node())
		}
	case 1, 2:
		c.give("", work, "do", "--committed", "--gate", "test $(ls | grep -c ^cap-) -le 1", fmt.Sprintf(`run "echo %s >%s"`, name, c.file()))
	case 3:
		if id := c.unfinished(); id != "" {
			c.give("", work, "run", id)
		}
	case 4, 5:
		if got := c.give("", []int{exitBusy}, "sws", "new", name); got.word() != "" {
			c.open = append(c.open, name)
			c.edit(name)
		}
	case 6:
		c.end("collapsed", "collapse", "--no-gate", "-m", "a test")
	case 7:
		c.end("discarded", "discard", "-m", "it was a try")
	case 8:
		if got := c.give(mark(name), []int{exitConflict}, "rewrite", "-"); got.code == exitDone || got.word() != "" {
			c.nodes = append(c.nodes, jitos.NodeID{Kind: "mark", Name: name})
		}
	case 9:
		c.write(filepath.Join(filepath.Base(c.dir), "own-"+c.name), name+"\n")
		c.git("add", ".")
		c.git("commit", "-q", "--allow-empty", "-m", name)
		c.give("", []int{exitConflict, exitBusy}, "absorb")
	case 10:
		c.give("", []int{exitConflict, exitNotFound, exitBusy}, "land")
	case 11:
		if c.made != "" { // of a workspace: marks are to stay
			c.give("", []int{exitUsage, exitNotFound, exitConflict, exitExhausted}, "undo", c.made, "--no-gate", "-m", "a test")
		}
	case 12:
		c.give("", []int{exitNotFound, exitConflict}, [][]string{{"push"}, {"fetch"}, {"gc"}}[c.rand.IntN(3)]...)
	default:
		c.give("", []int{exitConflict, exitBusy}, "sync")
	}
}

// file is one that clones may fight for, or one of which there must be no two.
func (c *clone) file() string {
	if c.rand.IntN(3) == 0 {
		return fmt.Sprintf("cap-%s-%d", c.name, c.n)
	}
	return fmt.Sprintf("f%d", c.rand.IntN(5))
}

// edit changes a file of a workspace in its worktree, and saves it.
func (c *clone) edit(name string) {
	c.give("", nil, "sws", "dir", name)
	dir := c.must("", "sws", "dir", name)
	if err := os.WriteFile(filepath.Join(dir, c.file()), []byte(name+"\n"), 0o666); err != nil {
		c.t.Error(err)
	}
	c.must("", "sws", "save", name, "-m", "an edit")
}

// end ends a workspace. What was not saved is thrown away first: jitos refuses to.
func (c *clone) end(how, verb string, flags ...string) {
	if len(c.open) == 0 {
		return
	}
	i := c.rand.IntN(len(c.open))
	name := c.open[i]
	if got := c.jitos("", "sws", "dir", name); got.code == exitDone {
		for _, args := range [][]string{{"git", "reset", "-q", "--hard"}, {"git", "clean", "-fdq"}} {
			if got := c.run(got.word(), 0, "", args); got.code != 0 {
				c.t.Error(got)
			}
		}
	}
	got := c.give("", []int{exitNotFound, exitConflict, exitBusy, exitExhausted}, append([]string{"sws", verb, name}, flags...)...)
	if got.code == exitDone {
		c.ended[name] = how
	}
	if _, id, ok := strings.Cut(got.word(), ", as "); ok {
		c.made = id
	}
	if got.code == exitDone || got.code == exitNotFound {
		c.open = slices.Delete(c.open, i, i+1)
	}
}

// unfinished is a task that this clone can go on with, "" for none.
func (c *clone) unfinished() string {
	var status struct {
		Tasks []struct{ ID, Status string }
	}
	if got := c.jitos("", "status", "--json"); got.code != exitDone {
		c.t.Error(got)
	} else if err := json.Unmarshal([]byte(got.out), &status); err != nil {
		c.t.Error(err)
	}
	for _, t := range status.Tasks {
		if t.Status == string(jitos.Open) {
			return t.ID
		}
	}
	return ""
}

// restore asks for the branches of workspaces that a kill has come before.
func (c *clone) restore() {
	ctx := context.Background()
	at, done, err := c.system(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	fate, err := ends(ctx, at)
	done()
	if err != nil {
		c.t.Fatal(err)
	}
	for name, end := range fate {
		if end == "" && c.revParse(c.dir, "refs/heads/jitos/sws/"+name) == "" {
			if got := c.jitos("", "sws", "dir", name); got.code != exitDone && got.code != exitNotFound { // of another clone
				c.t.Error(got)
			}
		}
	}
}

// come lets all sync, with nobody killed, until nothing is new to anybody.
func come(all []*clone) {
	for round := 0; ; round++ {
		quiet := true
		for _, c := range all {
			out := c.must("", "sync", "--json")
			var card syncCard
			if err := json.Unmarshal([]byte(out), &card); err != nil {
				c.t.Fatal(err)
			}
			quiet = quiet && card.From == card.To && len(card.Pushed)+len(card.Taken) == 0
		}
		if quiet {
			return
		}
		if round == 6 {
			all[0].t.Fatal("the clones do not come to rest")
		}
	}
}

// check wants a clone to be like another one, sound, and to have what was acknowledged in it.
func (c *clone) check(other *clone) {
	refs := func(c *clone) string {
		return c.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/jitos")
	}
	if mine, theirs := refs(c), refs(other); mine != theirs {
		c.t.Errorf("%s has\n%s\nand %s\n%s", c.name, mine, other.name, theirs)
	}
	c.sound()
	ctx := context.Background()
	at, done, err := c.system(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	defer done()
	for _, id := range c.nodes {
		if ok, err := jitos.Has(ctx, at, id); err != nil || !ok {
			c.t.Errorf("%s: %s was acknowledged and is lost: %v", c.name, id, err)
		}
	}
	fate, err := ends(ctx, at)
	if err != nil {
		c.t.Fatal(err)
	}
	for name, how := range c.ended {
		if end, ok := fate[name]; !ok || end != how && (end != "" || how == "discarded") { // a collapse that clashes stays open
			c.t.Errorf("%s: workspace %s was %s, and is %q, there: %v", c.name, name, how, end, ok)
		}
	}
	for name, end := range fate {
		if tip := c.revParse(c.dir, "refs/heads/jitos/sws/"+name); (tip != "") != (end == "") {
			c.t.Errorf("%s: workspace %s is %q, and its branch is at %q", c.name, name, end, tip)
		}
	}
	reach := map[string]bool{}
	for _, id := range strings.Fields(c.git("rev-list", "--glob=refs/heads/jitos")) {
		reach[id] = true
	}
	for _, id := range c.heads {
		if !reach[id] {
			c.t.Errorf("%s: the line was at %s, which no ref leads to", c.name, id)
		}
	}
}
