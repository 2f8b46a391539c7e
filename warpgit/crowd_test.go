package warpgit

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jitos/jitos"
)

// Eight processes rewrite one line, while git moves another ref, packs refs, repacks and prunes beside them, all in loops:
// each rewrite that was acknowledged is on the line, once. JITOS_REWRITES is how many each process makes.
func TestHeavyAppend_crowd(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	each := 150
	if n, err := strconv.Atoi(os.Getenv("JITOS_REWRITES")); err == nil {
		each = n
	}
	dir := newDir(t)
	born(t, openDir(t, dir).Store)
	var git, work sync.WaitGroup
	stop := make(chan bool)
	for _, loop := range [][][]string{
		{{"update-ref", "refs/heads/other", "HEAD"}, {"update-ref", "-d", "refs/heads/other"}},
		{{"pack-refs", "--all"}},
		{{"repack", "-q", "-a", "-d"}, {"gc", "-q", "--prune=now"}},
	} {
		git.Go(func() {
			for rounds := 0; ; rounds++ {
				select {
				case <-stop:
					t.Logf("git %v: %d rounds", loop, rounds)
					return
				case <-time.After(5 * time.Millisecond):
				}
				for _, args := range loop {
					exec.Command("git", append([]string{"-C", dir}, args...)...).Run() // two of them may meet; the next round comes
				}
			}
		})
	}
	const writers = 8
	acked := make(chan jitos.CommitID, writers*each)
	for w := range writers {
		work.Go(func() {
			cmd, acks, said := startWriter(t, dir, fmt.Sprint("w", w), each)
			for id := range acks {
				acked <- id
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("writer %d: %v %s", w, err, said)
			}
		})
	}
	work.Wait()
	close(stop)
	git.Wait()
	close(acked)
	line := lineOf(t, openDir(t, dir).Store)
	if len(line) != 1+writers*each {
		t.Errorf("%d commits on the line, want %d", len(line), 1+writers*each)
	}
	lost := 0
	for id := range acked {
		if !line[id] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d acknowledged commits are lost", lost)
	}
	t.Logf("%d processes × %d rewrites: %d lost", writers, each, lost)
}
