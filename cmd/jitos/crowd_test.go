package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jitos/jitos"
)

// Four at work in one repository, while git packs and prunes beside them: all that was acknowledged to each is there at
// the end, and no ref is broken.
func TestCrowd(t *testing.T) { crowds(t, 3) }

func TestHeavyCrowd(t *testing.T) {
	if !heavy() {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	crowds(t, 40)
}

// crowd remembers what each of the four was told.
type crowd struct {
	*sandbox
	rounds int
	busy   atomic.Int64 // commands that were told to come again
	gc     sync.Mutex   // held by a gc and by a plain commit

	added     int // to the counter, by all
	mu        sync.Mutex
	marks     []string
	made      []string // files of collapsed workspaces
	absorbed  []string // files of plain commits that an absorb acknowledged
	committed []string // files of plain commits
	tasks     []string
	withdrawn []string
	discarded map[string]string // workspaces, with the tip that was given up
	collapsed []string
}

func crowds(t *testing.T, rounds int) {
	c := &crowd{sandbox: newSandbox(t), rounds: rounds, discarded: map[string]string{}}
	var git, work sync.WaitGroup
	stop := make(chan bool)
	for _, args := range [][]string{{"gc", "-q", "--prune=now"}, {"pack-refs", "--all"}} {
		git.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					if args[0] == "gc" {
						c.gc.Lock()
					}
					c.run(c.dir, 0, "", append([]string{"git"}, args...)) // two of them may meet; git says so, and the next round comes
					if args[0] == "gc" {
						c.gc.Unlock()
					}
				}
			}
		})
	}
	for name, one := range map[string]func(int){"notes": c.note, "works": c.work, "gives up": c.giveUp, "commits": c.commit} {
		work.Go(func() {
			for i := 0; i < rounds && !t.Failed(); i++ {
				one(i)
			}
			t.Logf("who %s is done", name)
		})
	}
	work.Wait()
	close(stop)
	git.Wait()
	if s := c.jitos("", "absorb"); s.code != 0 {
		t.Error(s)
	}
	c.check()
	t.Logf("acknowledged: %d rewrites, %d counted, %d collapses, %d discards, %d tasks, %d withdrawals, %d absorbs; %d times told to come again", len(c.marks),
		c.added, len(c.collapsed), len(c.discarded), len(c.tasks), len(c.withdrawn), len(c.absorbed), c.busy.Load())
}

// ok gives a command and tells whether it was acknowledged. To be told that another was faster, or is at work, is no error.
func (c *crowd) ok(s said) bool {
	c.t.Helper()
	switch s.code {
	case exitDone:
		return true
	case exitBusy, exitConflict:
		c.busy.Add(1)
	default:
		c.t.Error(s)
	}
	return false
}

func (c *crowd) keep(list *[]string, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*list = append(*list, what)
}

var counter = jitos.NodeID{Kind: "counter", Name: "all"}

// count adds one to a counter: by a rewrite that relies on what it saw, so that of two that saw the same one is refused.
func (c *crowd) count() {
	ctx := context.Background()
	at, done, err := c.system(ctx)
	if err != nil {
		c.t.Error(err)
		return
	}
	read := jitos.Read{Item: counter.Item()}
	is, err := jitos.Look(ctx, at, read)
	n := 0
	if err == nil && is != "" {
		n, err = counted(ctx, at)
	}
	done()
	if err != nil {
		c.t.Error(err)
		return
	}
	form := fmt.Sprintf(`{"what": "count", "set": [{"node": "counter/all", "fields": {"n": %d}}], "reads": [{"node": "counter/all", "is": %q}]}`, n+1, is)
	if c.ok(c.jitos(form, "rewrite", "-")) {
		c.mu.Lock()
		c.added++
		c.mu.Unlock()
	}
}

func counted(ctx context.Context, at jitos.Snapshot) (int, error) {
	node, err := at.Node(ctx, counter)
	if err != nil {
		return 0, err
	}
	number, ok := node.Fields["n"].(json.Number)
	if !ok {
		return 0, fmt.Errorf("counter: %v", node.Fields)
	}
	n, err := number.Int64()
	return int(n), err
}

// note submits rewrites.
func (c *crowd) note(i int) {
	name := fmt.Sprintf("note-%d", i)
	if c.ok(c.jitos(mark(name), "rewrite", "-")) {
		c.keep(&c.marks, name)
	}
	c.count()
}

// work makes a workspace, changes files and nodes in it, and collapses it.
func (c *crowd) work(i int) {
	name, file := fmt.Sprintf("work-%d", i), fmt.Sprintf("work-%d.txt", i)
	if !c.ok(c.jitos("", "sws", "new", name)) {
		return
	}
	saved, inside := false, c.ok(c.jitos(mark(name), "rewrite", "-", "--sws", name))
	if i%3 == 0 {
		if dir := c.jitos("", "sws", "dir", name); c.ok(dir) {
			if err := os.WriteFile(filepath.Join(dir.word(), file), []byte(name+"\n"), 0o644); err != nil {
				c.t.Error(err)
				return
			}
			saved = c.ok(c.jitos("", "sws", "save", name, "-m", "work"))
		}
	}
	for range 5 {
		s := c.jitos("", "sws", "collapse", name, "--no-gate", "-m", "a test")
		if !c.ok(s) {
			if s.code == exitConflict {
				c.ok(c.jitos("", "sws", "rebase", name))
			}
			continue
		}
		c.keep(&c.collapsed, name)
		if inside {
			c.keep(&c.marks, name)
		}
		if saved {
			c.keep(&c.made, file)
		}
		return
	}
}

// giveUp makes a workspace and discards it.
func (c *crowd) giveUp(i int) {
	name := fmt.Sprintf("try-%d", i)
	if !c.ok(c.jitos("", "sws", "new", name)) || !c.ok(c.jitos(mark(name), "rewrite", "-", "--sws", name)) {
		return
	}
	tip := c.run(c.dir, 0, "", []string{"git", "rev-parse", "refs/heads/jitos/sws/" + name})
	if tip.code != 0 {
		c.t.Error(tip)
		return
	}
	if c.ok(c.jitos("", "sws", "discard", name, "-m", "it was a try")) {
		c.mu.Lock()
		c.discarded[name] = tip.word()
		c.mu.Unlock()
	}
	c.count()
}

// commit declares and withdraws tasks, and commits with plain git beside that.
func (c *crowd) commit(i int) {
	s := c.jitos("", "task", "new", fmt.Sprintf("do thing %d", i))
	if c.ok(s) {
		c.keep(&c.tasks, s.word())
		if i%2 == 0 && c.ok(c.jitos("", "task", "withdraw", s.word())) {
			c.keep(&c.withdrawn, s.word())
		}
	}
	file := fmt.Sprintf("plain-%d.txt", i)
	c.write("repo/"+file, file+"\n")
	if err := c.plainCommit(file); err != nil {
		c.t.Error(err)
		return
	}
	c.keep(&c.committed, file)
	if c.ok(c.jitos("", "absorb")) {
		c.keep(&c.absorbed, file)
	}
}

// plainCommit commits with plain git, and not during a gc: git itself loses a commit whose object it prunes before the
// branch names it, as the manual of git gc warns of --prune=now. What jitos writes stands against it all the same.
func (c *crowd) plainCommit(file string) error {
	c.gc.Lock()
	defer c.gc.Unlock()
	for _, args := range [][]string{{"git", "add", file}, {"git", "commit", "-q", "-m", "plain " + file}} {
		if s := c.run(c.dir, 0, "", args); s.code != 0 {
			return errors.New(s.String())
		}
	}
	return nil
}

func (c *crowd) check() {
	c.sound()
	ctx := context.Background()
	at, done, err := c.system(ctx)
	if err != nil {
		c.t.Fatal(err)
	}
	defer done()
	for kind, names := range map[string][]string{"mark": c.marks, jitos.KindTask: c.tasks, jitos.KindWithdrawal: c.withdrawn} {
		for _, name := range names {
			if ok, err := jitos.Has(ctx, at, jitos.NodeID{Kind: kind, Name: name}); err != nil || !ok {
				c.t.Errorf("%s %s was acknowledged and is lost: %v", kind, name, err)
			}
		}
	}
	if c.added > 0 {
		if n, err := counted(ctx, at); err != nil || n != c.added {
			c.t.Errorf("the counter is at %d, and was counted up %d times: %v", n, c.added, err)
		}
	}
	for _, file := range append(append([]string{}, c.made...), c.committed...) {
		if id, err := at.PathID(ctx, file); err != nil || id == "" {
			c.t.Errorf("file %s was acknowledged and is lost: %v", file, err)
		}
	}
	for _, file := range c.committed {
		c.git("cat-file", "-e", "main:"+file)
	}
	fate, err := ends(ctx, at)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range c.collapsed {
		if fate[name] != "collapsed" {
			c.t.Errorf("workspace %s was collapsed, and is %q", name, fate[name])
		}
	}
	archive := strings.Fields(c.git("for-each-ref", "--format=%(refname)", jitos.ArchivePrefix))
	reach := map[string]bool{}
	if len(archive) > 0 {
		for _, id := range strings.Fields(c.git(append([]string{"rev-list"}, archive...)...)) {
			reach[id] = true
		}
	}
	for name, tip := range c.discarded {
		if fate[name] != "discarded" || !reach[tip] {
			c.t.Errorf("workspace %s was discarded, and is %q; its tip %s is in the archive: %v", name, fate[name], tip, reach[tip])
		}
	}
}
