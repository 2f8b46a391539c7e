package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos"
)

// A jitos that is killed at any moment loses nothing that it acknowledged, runs nothing again that was settled, and stands
// in nobody's way: the next command goes on, without a repair by hand.
func TestKill(t *testing.T) { kills(t, 5) }

func TestHeavyKill(t *testing.T) {
	if !heavy() {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	kills(t, 50)
}

// crash is a person who goes on giving commands while somebody kills them, and remembers what was acknowledged.
type crash struct {
	*sandbox
	killed int
	acked  int
	n      int // numbers the names
	usual  map[string]time.Duration
	tasks  []*killedTask
	open   map[string]bool // workspaces by hand that were not seen to end
	hand   map[string]*killedWorkspace
	marks  []string // on the system line
	landed []string
}

type killedTask struct {
	id            string
	number        int
	planned, done bool
}

type killedWorkspace struct {
	marks     []string
	tried     map[string]bool // how it was tried to end it
	collapsed bool
	discarded bool
}

func kills(t *testing.T, want int) {
	c := &crash{sandbox: newSandbox(t), usual: map[string]time.Duration{}, open: map[string]bool{}, hand: map[string]*killedWorkspace{}}
	ops := []func(){c.newTask, c.plan, c.plan, c.runTask, c.runTask, c.runTask, c.runTask, c.rewrite, c.newWorkspace, c.rewriteInside,
		c.collapse, c.discard, c.land}
	c.usual["run"] = 700 * time.Millisecond // a task at work first: without one no claim is looked at
	for len(c.tasks) == 0 && !t.Failed() {
		c.newTask()
	}
	for len(c.tasks) > 0 && !c.tasks[0].planned && !t.Failed() {
		c.plan()
	}
	for range 2 {
		c.runTask()
	}
	for tries := 0; c.killed < want && tries < 20*want && !t.Failed(); tries++ {
		ops[c.rand.IntN(len(ops))]()
	}
	if c.killed < want {
		t.Fatalf("%d kills, want %d", c.killed, want)
	}
	c.finish()
	c.check()
	t.Logf("%d kills, %d things acknowledged, %d tasks", c.killed, c.acked, len(c.tasks))
}

// try gives a command, and mostly kills it at some moment of the time that it usually takes. The exit codes in also are no
// surprise.
func (c *crash) try(stdin string, also []int, args ...string) said {
	c.t.Helper()
	kind := strings.Join(args[:min(2, len(args))], " ")
	if args[0] != "sws" {
		kind = args[0]
	}
	usual := c.usual[kind]
	if usual == 0 {
		usual = 150 * time.Millisecond
	}
	after := time.Duration(c.rand.Int64N(int64(usual)*12/10)) + time.Millisecond
	if c.rand.IntN(2) == 0 { // the refs move late
		after = usual*7/10 + time.Duration(c.rand.Int64N(int64(usual)*4/10))
	}
	if c.rand.IntN(6) == 0 {
		after = 0
	}
	s := c.kill(after, stdin, args...)
	switch {
	case s.killed():
		c.killed++
		c.usual[kind] = max(usual, s.took) // it takes longer than was thought
	case s.code == 0:
		c.usual[kind] = s.took
	default:
		for _, code := range also {
			if s.code == code {
				return s
			}
		}
		c.t.Errorf("after %d kills: %v", c.killed, s)
	}
	return s
}

func (c *crash) number() int { c.n++; return c.n }

func (c *crash) newTask() {
	n := c.number()
	s := c.try("", nil, "task", "new", "--gate", fmt.Sprintf("test -f part-%d/six", n), fmt.Sprintf("make part %d", n))
	if id := s.word(); id != "" {
		c.tasks = append(c.tasks, &killedTask{id: id, number: n})
		c.acked++
	}
}

func (c *crash) unfinished() *killedTask {
	for _, t := range c.tasks {
		if !t.done {
			return t
		}
	}
	c.newTask()
	return nil
}

func (c *crash) planFile(t *killedTask) string {
	var b strings.Builder
	b.WriteString("title: six steps\nsteps:\n")
	for _, step := range [][2]string{{"one", ""}, {"two", ""}, {"three", "one"}, {"four", "two"}, {"five", "three, four"}, {"six", "five"}} {
		fmt.Fprintf(&b, "  %s: {run: \"echo %[2]d.%[1]s >>%[3]s; mkdir -p part-%[2]d; sleep 0.02; echo %[1]s >part-%[2]d/%[1]s\", needs: [\"fs.write:**\"]", step[0], t.number,
			filepath.Join(c.home, "ran"))
		if step[1] != "" {
			fmt.Fprintf(&b, ", after: [%s]", step[1])
		}
		b.WriteString("}\n")
	}
	return c.write(fmt.Sprintf("plan-%d.yaml", t.number), b.String())
}

func (c *crash) plan() {
	if t := c.unfinished(); t != nil && !t.planned {
		s := c.try("", nil, "plan", t.id, "--from", c.planFile(t))
		if s.code == 0 {
			t.planned = true
			c.acked++
		}
	}
}

func (c *crash) runTask() {
	t := c.unfinished()
	if t == nil || !t.planned {
		c.plan()
		return
	}
	if s := c.try("", nil, "run", t.id, "--json"); s.code == 0 {
		t.done = true
		c.acked++
	}
}

func (c *crash) rewrite() {
	name := fmt.Sprintf("m-%d", c.number())
	if s := c.try(mark(name), nil, "rewrite", "-"); s.code == 0 || s.word() != "" {
		c.marks = append(c.marks, name)
		c.acked++
	}
}

func (c *crash) newWorkspace() {
	name := fmt.Sprintf("try-%d", c.number())
	if s := c.try("", nil, "sws", "new", name); s.word() != "" {
		c.open[name], c.hand[name] = true, &killedWorkspace{tried: map[string]bool{}}
		c.acked++
	}
}

// pick chooses a workspace by hand; where there is none it makes one.
func (c *crash) pick() (string, *killedWorkspace) {
	for i := range c.n + 1 { // not the order of a map: the seed shall decide
		if name := fmt.Sprintf("try-%d", i); c.open[name] {
			return name, c.hand[name]
		}
	}
	c.newWorkspace()
	return "", nil
}

// mayBeGone are the exit codes of a command on a workspace that a killed one may have ended.
func (w *killedWorkspace) mayBeGone() []int {
	if len(w.tried) > 0 {
		return []int{exitNotFound}
	}
	return nil
}

func (c *crash) rewriteInside() {
	name, w := c.pick()
	if w == nil {
		return
	}
	m := fmt.Sprintf("w-%d", c.number())
	switch s := c.try(mark(m), w.mayBeGone(), "rewrite", "-", "--sws", name); s.code {
	case exitDone:
		w.marks = append(w.marks, m)
		c.acked++
	case exitNotFound:
		delete(c.open, name)
	}
}

func (c *crash) collapse() {
	name, w := c.pick()
	if w == nil {
		return
	}
	s := c.try("", w.mayBeGone(), "sws", "collapse", name, "--no-gate", "-m", "only nodes")
	w.tried["collapsed"] = true
	if s.code == exitDone || s.word() != "" {
		w.collapsed = true
		c.acked++
	}
	if w.collapsed || s.code == exitNotFound {
		delete(c.open, name)
	}
}

func (c *crash) discard() {
	name, w := c.pick()
	if w == nil {
		return
	}
	s := c.try("", w.mayBeGone(), "sws", "discard", name, "-m", "it was a try")
	w.tried["discarded"] = true
	if s.code == exitDone {
		w.discarded = true
		c.acked++
	}
	if w.discarded || s.code == exitNotFound {
		delete(c.open, name)
	}
}

func (c *crash) land() {
	s := c.try("", nil, "land")
	if _, id, ok := strings.Cut(s.word(), " as "); ok {
		c.landed = append(c.landed, id)
		c.acked++
	}
}

// finish lets every task come to its end, and every workspace that nobody was told of.
func (c *crash) finish() {
	must := func(args ...string) {
		c.t.Helper()
		if s := c.jitos("", args...); s.code != 0 {
			c.t.Error(s)
		}
	}
	for _, t := range c.tasks {
		if !t.planned {
			must("plan", t.id, "--from", c.planFile(t))
		}
		must("run", t.id)
	}
	ctx := context.Background()
	at, done, err := c.system(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	defer done()
	fate, err := ends(ctx, at)
	if err != nil {
		c.t.Fatal(err)
	}
	for name, end := range fate {
		w := c.hand[name]
		switch {
		case end != "":
		case w == nil:
			must("sws", "discard", name, "-m", "its maker was killed")
		default:
			must("sws", "collapse", name, "--no-gate", "-m", "only nodes")
		}
	}
	must("land")
}

func (c *crash) check() {
	c.sound()
	if left := c.git("for-each-ref", jitos.SWSPrefix); left != "" {
		c.t.Errorf("all have ended, and these workspaces are there:\n%s", left)
	}
	ctx := context.Background()
	at, done, err := c.system(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	defer done()
	there := func(kind, name, what string) {
		if ok, err := jitos.Has(ctx, at, jitos.NodeID{Kind: kind, Name: name}); err != nil || !ok {
			c.t.Errorf("%s %s was acknowledged and is lost: %v", what, name, err)
		}
	}
	for _, m := range c.marks {
		there("mark", m, "rewrite")
	}
	fate, err := ends(ctx, at)
	if err != nil {
		c.t.Fatal(err)
	}
	for name, w := range c.hand {
		end, ok := fate[name]
		if !ok || w.collapsed && end != "collapsed" || w.discarded && end != "discarded" || end == "discarded" && !w.tried[end] {
			c.t.Errorf("workspace %s: %q, there: %v; acknowledged: %+v", name, end, ok, w)
		}
		if end == "collapsed" {
			for _, m := range w.marks {
				there("mark", m, "rewrite in "+name)
			}
		}
	}
	for _, id := range c.landed {
		c.git("merge-base", "--is-ancestor", id, "main")
	}
	for _, t := range c.tasks {
		there(jitos.KindTask, t.id, "task")
		if files := c.git("ls-tree", "--name-only", fmt.Sprintf("main:part-%d", t.number)); len(strings.Fields(files)) != 6 {
			c.t.Errorf("task %s: landed %q", t.id, files)
		}
	}
	c.checkClaims(ctx, at)
}

// checkClaims wants no claim of a job after one that was settled well: by the graph, and by what the steps wrote outside.
func (c *crash) checkClaims(ctx context.Context, at jitos.Snapshot) {
	ran := map[string]int{}
	if raw, err := os.ReadFile(filepath.Join(c.home, "ran")); err == nil {
		for _, line := range strings.Fields(string(raw)) {
			ran[line]++
		}
	}
	claims, jobs := map[string]int{}, 0
	for n, err := range at.Nodes(ctx, jitos.KindJob) {
		if err != nil {
			c.t.Fatal(err)
		}
		job, err := jitos.Get[jitos.Job](ctx, at, n.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		if job.Step.Worker != "shell" || job.Step.Gate != nil {
			continue
		}
		jobs++
		settled, last := 0, 0
		for e, err := range at.Edges(ctx, n.ID, jitos.LabelClaim) {
			if err != nil {
				c.t.Fatal(err)
			}
			claim, err := jitos.Get[jitos.Claim](ctx, at, e.To)
			if err != nil {
				c.t.Fatal(err)
			}
			last = max(last, claim.Number)
			id := jitos.NodeID{Kind: jitos.KindSettlement, Name: e.To.Name}
			if ok, err := jitos.Has(ctx, at, id); err != nil {
				c.t.Fatal(err)
			} else if ok {
				s, err := jitos.Get[jitos.Settlement](ctx, at, id)
				if err != nil {
					c.t.Fatal(err)
				}
				if s.Verdict == jitos.Pass && !s.Stale && (settled == 0 || claim.Number < settled) {
					settled = claim.Number
				}
			}
		}
		if settled == 0 || last != settled {
			c.t.Errorf("job %s: the first good settlement is that of claim %d, the last claim is %d", n.ID.Name, settled, last)
		}
		var part int
		fmt.Sscanf(strings.SplitAfter(job.Step.Run, ".")[0], "echo %d.", &part)
		claims[fmt.Sprintf("%d.%s", part, job.Step.Name)] += last
	}
	if jobs != 6*len(c.tasks) {
		c.t.Errorf("%d jobs of %d tasks on the system line", jobs, len(c.tasks))
	}
	for step, n := range claims {
		if ran[step] < 1 || ran[step] > n {
			c.t.Errorf("step %s ran %d times, and was claimed %d times", step, ran[step], n)
		}
	}
}
