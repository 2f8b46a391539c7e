package jitos_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/jitos/jitos"
)

// Callers that come together share one pack and one move of the ref; each has its own rewrite, durable when it is answered, and
// the error of one, or that it gives up, is not that of the others.
func TestRecordTogether(t *testing.T) {
	f := newFabric(t, map[string]string{"go.mod": "module example.com/m\n"})
	git(t, f.dir, "config", "core.repositoryFormatVersion", "1")
	git(t, f.dir, "config", "extensions.preciousObjects", "true") // so that nobody joins the packs that are counted
	f = openFabric(t, f.dir)
	packs := func() int {
		list, err := filepath.Glob(filepath.Join(f.dir, ".git/objects/pack/*.pack"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := packs()
	release, waiting := f.kernel.HoldTurn()
	const callers = 40
	gone, giveUp := context.WithCancel(context.Background())
	ids := make([]jitos.TaskID, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			var err error
			if ids[i], _, err = f.kernel.SubmitIntent(context.Background(), jitos.Request{Intent: fmt.Sprint("intent number ", i)}); err != nil {
				t.Error(i, err)
			}
			if got := git(t, f.dir, "log", "--first-parent", "--format=%s", "--grep", fmt.Sprintf("number %d$", i), "jitos/system"); got == "" {
				t.Errorf("intent %d is not in the log when it is answered", i)
			}
		})
	}
	all.Go(func() {
		if err := f.kernel.Withdraw(context.Background(), "nobody-aaaaaaaa", "wrong"); err == nil {
			t.Error("a task that is not there was withdrawn")
		}
	})
	all.Go(func() {
		if _, _, err := f.kernel.SubmitIntent(gone, jitos.Request{Intent: "given up"}); err == nil {
			t.Error("who gave up was answered well")
		}
	})
	for waiting() < callers+2 {
		runtime.Gosched()
	}
	giveUp()
	release()
	all.Wait()
	if made := packs() - before; made != 1 {
		t.Errorf("%d callers made %d packs", callers, made)
	}
	at, err := openFabric(t, f.dir).kernel.System(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if _, err := at.Node(context.Background(), id.Node()); err != nil {
			t.Error(err)
		}
	}
}
