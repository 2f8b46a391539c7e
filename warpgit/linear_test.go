package warpgit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/jitos/jitos"
)

// refOp is what a client asked of a ref: to move it from one commit to another, or, with old "", where it is.
type refOp struct {
	ref      jitos.Ref
	old, new jitos.CommitID
}

// refSaid is what it was told.
type refSaid struct {
	at    jitos.CommitID // a read
	moved bool           // false: it was elsewhere
}

// register is a ref as everybody understands it: a place that holds one commit, that is read, and moved from what it holds to
// something else, each at one moment.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byRef := map[jitos.Ref][]porcupine.Operation{}
		for _, o := range history {
			ref := o.Input.(refOp).ref
			byRef[ref] = append(byRef[ref], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range byRef {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return jitos.CommitID("") }, // not known yet: the first that is seen
	Step: func(state, input, output any) (bool, any) {
		at, in, out := state.(jitos.CommitID), input.(refOp), output.(refSaid)
		switch {
		case in.old == "":
			return at == "" || out.at == at, out.at
		case out.moved:
			return at == "" || in.old == at, in.new
		}
		return in.old != at, at
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " ", output) },
}

// clients work on two refs, some by Append, some by plain git, and remember what they were told and when.
type clients struct {
	t    *testing.T
	dir  string
	refs []jitos.Ref
	mu   sync.Mutex
	log  []porcupine.Operation
}

func (c *clients) say(who int, in refOp, called time.Time, out refSaid) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log = append(c.log, porcupine.Operation{ClientId: who, Input: in, Call: called.UnixNano(), Output: out, Return: time.Now().UnixNano()})
}

// jitos reads and appends, sometimes to what was there long ago.
func (c *clients) jitos(who, rounds int) {
	r, err := Open(c.dir)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer r.Close()
	var seen []jitos.CommitID
	for i := range rounds {
		ref := c.refs[rand.IntN(len(c.refs))]
		called := time.Now()
		at, err := r.Store.Head(ctx, ref)
		if err != nil {
			c.t.Error(err)
			return
		}
		c.say(who, refOp{ref: ref}, called, refSaid{at: at})
		old := at
		if seen = append(seen, at); rand.IntN(4) == 0 {
			old = seen[rand.IntN(len(seen))]
		}
		called = time.Now()
		ids, err := r.Store.Append(ctx, ref, old, at, graphRule([]jitos.Node{node("thing", fmt.Sprintf("c%d-%d", who, i))}, nil))
		switch {
		case err == nil:
			c.say(who, refOp{ref, old, ids[0]}, called, refSaid{moved: true})
		case errors.Is(err, jitos.ErrStale):
			c.say(who, refOp{ref, old, "?"}, called, refSaid{})
		case !errors.Is(err, jitos.ErrBusy): // then nothing has happened
			c.t.Error(err)
			return
		}
	}
}

// git reads with git rev-parse and moves a ref back and forth with git update-ref; blind leaves out the old value, which is
// what makes a move safe.
func (c *clients) git(who, rounds int, blind bool) {
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", c.dir}, args...)...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	for range rounds {
		ref := c.refs[rand.IntN(len(c.refs))]
		called := time.Now()
		at, err := git("rev-parse", "--verify", string(ref))
		if err != nil {
			c.t.Error(at, err)
			return
		}
		c.say(who, refOp{ref: ref}, called, refSaid{at: jitos.CommitID(at)})
		to, err := git("rev-parse", "--verify", "-q", at+"~1")
		if err != nil {
			continue // it is the birth
		}
		args := []string{"update-ref", string(ref), to, at}
		if blind {
			args = args[:3]
		}
		called = time.Now()
		said, err := git(args...)
		switch {
		case err == nil:
			c.say(who, refOp{ref, jitos.CommitID(at), jitos.CommitID(to)}, called, refSaid{moved: true})
		case strings.Contains(said, "but expected"):
			c.say(who, refOp{ref, jitos.CommitID(at), "?"}, called, refSaid{})
		}
	}
}

// history lets clients work side by side, while git packs the refs under them.
func history(t *testing.T, appenders, gits, rounds int, blind bool) porcupine.CheckResult {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	for i := range 4 {
		tip = appendTo(t, r.Store, jitos.SystemRef, tip, graphRule([]jitos.Node{node("thing", fmt.Sprint("start-", i))}, nil))
	}
	try := jitos.Ref(jitos.SWSPrefix + "try")
	if _, err := r.Store.Append(ctx, try, "", tip); err != nil {
		t.Fatal(err)
	}
	c := &clients{t: t, dir: dir, refs: []jitos.Ref{jitos.SystemRef, try}}
	var work, packing sync.WaitGroup
	stop := make(chan bool)
	packing.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				exec.Command("git", "-C", dir, "pack-refs", "--all").Run() // it may meet another; the next round comes
			}
		}
	})
	for i := range appenders {
		work.Go(func() { c.jitos(i, rounds) })
	}
	for i := range gits {
		work.Go(func() { c.git(appenders+i, rounds, blind) })
	}
	work.Wait()
	close(stop)
	packing.Wait()
	t.Logf("%d operations of %d clients", len(c.log), appenders+gits)
	return porcupine.CheckOperationsTimeout(register, c.log, 2*time.Minute)
}

// To several clients, of jitos and of git, a ref is one register: what they are told fits one order of all that they did.
func TestRefs_linearizable(t *testing.T) {
	if got := history(t, 3, 1, 12, false); got != porcupine.Ok {
		t.Errorf("the history of the clients is %s", got)
	}
}

// Moves without a look at the old value overwrite what others did, and the checker of histories sees it.
func TestRefs_blind(t *testing.T) {
	for range 20 {
		if history(t, 3, 2, 15, true) == porcupine.Illegal {
			return
		}
	}
	t.Error("20 histories with blind moves, and none was found wrong")
}

func TestHeavyRefs_linearizable(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	if got := history(t, 6, 2, 150, false); got != porcupine.Ok {
		t.Errorf("the history of the clients is %s", got)
	}
}
