package warpgit

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// long makes the tests with several processes take minutes: more rounds, more kills.
var long = flag.Bool("long", false, "many rounds of the tests that kill processes and race git")

// writerEnv makes this test binary a writer: "dir name count" appends so many nodes to the system line and tells each commit
// once it is durable.
const writerEnv = "WARPGIT_TEST_WRITER"

func TestMain(m *testing.M) {
	if job := os.Getenv(writerEnv); job != "" {
		if err := writer(strings.Fields(job)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

func writer(job []string) error {
	r, err := Open(job[0])
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(job[2])
	if err != nil {
		return err
	}
	for i := range count {
		for {
			head, err := r.Store.Head(ctx, jitos.SystemRef)
			if err != nil {
				return err
			}
			ids, err := r.Store.Append(ctx, jitos.SystemRef, head, head, graphRule([]jitos.Node{node("thing", fmt.Sprintf("%s-%d", job[1], i))}, nil))
			if errors.Is(err, jitos.ErrStale) || errors.Is(err, jitos.ErrBusy) {
				continue
			}
			if err != nil {
				return err
			}
			fmt.Println(ids[0])
			break
		}
	}
	if err := r.Tidy(ctx); err != nil {
		return err
	}
	return r.Close()
}

// startWriter starts a process that appends; its acknowledged commits come over the channel.
func startWriter(t *testing.T, dir, name string, count int) (*exec.Cmd, <-chan jitos.CommitID, *strings.Builder) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", writerEnv, dir, name, count))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acks := make(chan jitos.CommitID, count)
	go func() {
		defer close(acks)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			acks <- jitos.CommitID(lines.Text())
		}
	}()
	return cmd, acks, &said
}

// lineOf is the set of commits on the system line.
func lineOf(t *testing.T, s *Store) map[jitos.CommitID]bool {
	t.Helper()
	head, err := s.Head(ctx, jitos.SystemRef)
	if err != nil {
		t.Fatal(err)
	}
	line := map[jitos.CommitID]bool{}
	for v, err := range s.Verify(ctx, head) {
		if err != nil {
			t.Fatal(err)
		}
		line[v.Commit.ID] = true
	}
	return line
}

// Several processes append to one line while git packs, prunes and moves refs beside them: no acknowledged commit is lost.
func TestAppend_besideGit(t *testing.T) {
	writers, each := 3, 8
	if *long {
		writers, each = 4, 200
	}
	dir := newDir(t)
	born(t, openDir(t, dir).Store)
	stop := make(chan bool)
	var git sync.WaitGroup
	for _, args := range [][]string{{"pack-refs", "--all"}, {"gc", "-q", "--prune=now"}, {"update-ref", "refs/heads/other", "HEAD"}, {"update-ref", "-d", "refs/heads/other"}} {
		git.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					cmd := exec.Command("git", args...)
					cmd.Dir = dir
					cmd.Run() // two of them may meet; git says so, and the next round comes
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	acked := make(chan jitos.CommitID, writers*each)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			cmd, acks, said := startWriter(t, dir, fmt.Sprint("w", w), each)
			for id := range acks {
				acked <- id
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("writer %d: %v %s", w, err, said)
			}
		})
	}
	wg.Wait()
	close(stop)
	git.Wait()
	close(acked)
	line := lineOf(t, openDir(t, dir).Store)
	if len(line) != 1+writers*each {
		t.Errorf("%d commits on the line, want %d", len(line), 1+writers*each)
	}
	for id := range acked {
		if !line[id] {
			t.Errorf("acknowledged commit %s is lost", id)
		}
	}
}

// A writer is killed at any moment: what it acknowledged stays, the ref is whole, the next process needs no repair by hand
// and leaves nothing of the dead one behind.
func TestAppend_kill(t *testing.T) {
	rounds := 8
	if *long {
		rounds = 150
	}
	dir := newDir(t)
	first := openDir(t, dir)
	born(t, first.Store)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	acked := 0
	for round := range rounds {
		cmd, acks, _ := startWriter(t, dir, fmt.Sprint("r", round), 1000)
		last := <-acks
		time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		for id := range acks {
			last = id
			acked++
		}
		lastForks(t, dir)
		r, err := Open(dir)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if line := lineOf(t, r.Store); !line[last] {
			t.Fatalf("round %d: acknowledged commit %s is lost", round, last)
		}
		head, err := r.Store.Head(ctx, jitos.SystemRef)
		if err != nil {
			t.Fatal(err)
		}
		appendTo(t, r.Store, jitos.SystemRef, head, graphRule(nil, nil))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if keeps, _ := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.keep")); len(keeps) > 0 {
			t.Fatalf("round %d: left behind %v", round, keeps)
		}
	}
	t.Logf("%d kills, %d commits acknowledged", rounds, acked+rounds)

	// A git that the last one killed had started may write in its quarantine for a moment more; whoever comes after it clears that.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if left, _ := filepath.Glob(filepath.Join(dir, ".git/jitos/tmp/*")); len(left) == 0 {
			break
		}
		r, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.packs.start(), r.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// lastForks waits until nobody holds the lock of a killed writer any more: what it was about to start holds it until its exec.
func lastForks(t *testing.T, dir string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		held := false
		locks, _ := filepath.Glob(filepath.Join(dir, ".git/jitos/tmp/*.alive"))
		for _, path := range locks {
			if f, err := lockFile(path); err == nil {
				f.Close()
			} else {
				held = true
			}
		}
		if !held {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the lock of a dead writer is held: %v", locks)
		}
	}
}

// Each thing that a killed writer may leave is recognised, and what is not ours stays.
func TestLeftovers(t *testing.T) {
	dir := newDir(t)
	tip := born(t, openDir(t, dir).Store)
	r := openDir(t, dir)
	if err := r.packs.start(); err != nil {
		t.Fatal(err)
	}
	id, err := r.Store.Objects.PutBlob([]byte("never referenced"))
	if err != nil {
		t.Fatal(err)
	}
	held, err := r.packs.write([]*staged{{id: id, rawObject: rawObject{plumbing.BlobObject, []byte("never referenced")}}})
	if err != nil {
		t.Fatal(err)
	}
	ref := filepath.Join(dir, ".git", string(jitos.SystemRef))
	zero, err := parseID(tip)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.refs.lockRef(ctx, string(jitos.SystemRef), zero); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, ".git/objects/pack/pack-1234.keep")
	write(t, dir, ".git/objects/pack/pack-1234.keep", "mine\n")
	openDir(t, dir) // the writer is alive: nothing of it may go
	if !exists(held.path+".keep") || !exists(ref+".lock") {
		t.Fatal("the files of a living writer are gone")
	}
	r.packs.alive.file.Close() // as if it were killed
	next := openDir(t, dir)
	if exists(held.path+".keep") || exists(ref+".lock") {
		t.Error("the .keep or the lock of a dead writer is still there")
	}
	appendTo(t, next.Store, jitos.SystemRef, tip, graphRule(nil, nil)) // the lock of a dead writer is no obstacle
	if !exists(foreign) {
		t.Error("somebody else's .keep is gone")
	}
	os.Remove(foreign)
	r.packs.alive = nil
	openDir(t, dir)
}

// Two processes finish the same thing: the collapse that removes its workspace, and the next command, which found it ended.
// The slower one was told that the ref had moved, and a collapse that was made said that it was not.
func TestDelete_together(t *testing.T) {
	dir := newDir(t)
	tip := born(t, openDir(t, dir).Store)
	for i := range 5 {
		ref := jitos.Ref(fmt.Sprint(jitos.SWSPrefix, "try-", i))
		if _, err := openDir(t, dir).Store.Append(ctx, ref, "", tip); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		for range 3 {
			store := openDir(t, dir).Store
			both.Go(func() {
				if err := store.Delete(ctx, ref, tip); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
	}
}
