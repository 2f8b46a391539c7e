package warpgit

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// packsOf counts the packs that git counts: those without a .keep, at one look.
func packsOf(t testing.TB, dir string) int {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(dir, ".git/objects/pack"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, e := range list {
		there[e.Name()] = true
	}
	n := 0
	for name := range there {
		base, index := strings.CutSuffix(name, ".idx")
		if index && there[base+".pack"] && !there[base+".keep"] {
			n++
		}
	}
	return n
}

// appendMany makes as many packs.
func appendMany(t testing.TB, r *Repo, tip jitos.CommitID, many int) jitos.CommitID {
	t.Helper()
	for i := range many {
		tip = appendTo(t, r.Store, jitos.SystemRef, tip, graphRule([]jitos.Node{node("thing", fmt.Sprint("n", i, "-", tip[:8]))}, nil))
	}
	return tip
}

// A process that writes for long, without a background: at no time are there more packs than make git start a gc. One that follows it
// does not hold on to those that were joined meanwhile: each was mapped for ever, so a daemon looked into thousands at every read, kept
// their room on the disk, and came to the system's limit of maps in the end.
func TestTidy_staysBelowGitsLimit(t *testing.T) {
	dir := newDir(t)
	r, reader := openDir(t, dir), openDir(t, dir)
	tip, most := born(t, r.Store), 0
	for range 130 {
		tip = appendMany(t, r, tip, 1)
		most = max(most, packsOf(t, dir))
		if _, err := reader.Store.Open(ctx, tip); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for _, p := range reader.objects.everyPack() {
		if !exists(p.path + ".pack") {
			held++
		}
	}
	if held > manyRemoved+20 { // one join removes up to twenty
		t.Errorf("the reader holds %d packs that are gone", held)
	}
	if most > autoPackLimit-10 || most < 20 {
		t.Errorf("up to %d packs lay about", most)
	}
	if held, _, err := verifyAll(openDir(t, dir).Store, tip); err != nil || held != 131 {
		t.Errorf("%d commits hold, %v", held, err)
	}
	// A command that finds the packs of others there leaves less of its own.
	l := packLoad{limit: 50, foreign: 28}
	if l.due() != 6 || (packLoad{limit: 50}).due() != 20 || (packLoad{limit: 50, foreign: 100}).due() != 5 {
		t.Errorf("due at %d", l.due())
	}
}

// Where a background is set, it is asked, once for as many packs as make a join due, and by Tidy at the end; where the user
// wants none, Tidy does the work itself.
func TestTidy_background(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	asked := 0
	r.Background = func() error { asked++; return nil }
	tip := appendMany(t, r, born(t, r.Store), 24)
	if asked != 1 {
		t.Errorf("asked %d times while it wrote", asked)
	}
	if err := r.Tidy(ctx); err != nil || asked != 2 || packsOf(t, dir) != 25 {
		t.Errorf("at the end: asked %d times, %d packs, %v", asked, packsOf(t, dir), err)
	}
	lock, err := openDir(t, dir).maintenanceLock(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Tidy(ctx); err != nil || asked != 2 || packsOf(t, dir) != 25 {
		t.Errorf("while another is at it: asked %d times, %d packs, %v", asked, packsOf(t, dir), err)
	}
	lock.Close()
	r.Background = func() error { return errors.New("cannot start") }
	if err := r.Tidy(ctx); err != nil || packsOf(t, dir) != 1 {
		t.Errorf("a background that cannot start: %d packs, %v", packsOf(t, dir), err)
	}
	for _, setting := range []string{"gc.auto 0", "gc.autoDetach false", "maintenance.auto off"} {
		tip = appendMany(t, r, tip, 21)
		key, value, _ := strings.Cut(setting, " ")
		run(t, dir, "config", key, value)
		asked, r.Background = 0, func() error { asked++; return nil }
		if err := r.Tidy(ctx); err != nil || asked != 0 || packsOf(t, dir) > 10 {
			t.Errorf("%s: asked %d times, %d packs, %v", setting, asked, packsOf(t, dir), err)
		}
		run(t, dir, "config", "--unset", key)
		r.Background = nil
	}
}

// What is not ours to touch stays: packs of git's and of others, packs that somebody holds or that a multi-pack index names,
// and every pack of a repository whose objects are precious. What nothing reaches stays as well, wherever it lies.
func TestJoin_leavesAlone(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := appendMany(t, r, born(t, r.Store), 3)
	run(t, dir, "multi-pack-index", "write")
	run(t, dir, "repack", "-q")
	run(t, dir, "prune-packed")
	ours := func() []string {
		list, err := os.ReadDir(filepath.Join(dir, ".git/jitos/packs"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range list {
			names = append(names, "pack-"+e.Name())
		}
		return names
	}
	indexed := ours()
	tip = appendMany(t, r, tip, 1)
	for _, name := range ours() {
		if !strings.Contains(strings.Join(indexed, " "), name) {
			write(t, dir, ".git/objects/pack/"+name+".keep", "mine\n")
			defer os.Remove(filepath.Join(dir, ".git/objects/pack", name+".keep"))
		}
	}
	tip = appendMany(t, r, tip, 4)
	loose := run(t, dir, "hash-object", "-w", "--stdin") // of nothing: the empty blob, which nothing reaches
	data := []byte("nothing reaches this")
	id := hashOwn(plumbing.BlobObject, data)
	lonely, err := r.packs.write([]*staged{{id: id, rawObject: rawObject{plumbing.BlobObject, data}}})
	if err == nil {
		err = lonely.release()
	}
	if err != nil {
		t.Fatal(err)
	}
	run(t, dir, "config", "extensions.preciousObjects", "true")
	if c, err := openDir(t, dir).GC(ctx, false); err != nil || c.Joined.Packs != 0 || len(c.Left) != 10 || !strings.Contains(c.Left[0].Why, "precious") {
		t.Errorf("precious: %+v %v", c, err)
	}
	run(t, dir, "config", "--unset", "extensions.preciousObjects")
	c, err := r.GC(ctx, false)
	if err != nil || c.Joined.Packs != 5 || len(c.Left) != 5 {
		t.Errorf("%+v %v", c, err)
	}
	for _, name := range indexed {
		if !exists(filepath.Join(dir, ".git/objects/pack", name+".pack")) {
			t.Errorf("%s, which the multi-pack index names, is gone", name)
		}
	}
	for _, object := range []string{loose, id.String()} {
		run(t, dir, "cat-file", "-e", object)
	}
	run(t, dir, "multi-pack-index", "verify")
	run(t, dir, "commit-graph", "verify")
	if held, _, err := verifyAll(openDir(t, dir).Store, tip); err != nil || held != 9 {
		t.Errorf("%d commits hold, %v", held, err)
	}
}

// Packs that git's multi-pack index names are not ours to join, so no writer waits for their number to go down, and none is
// ever asked for that; the others are still joined, the earlier the more there are of those.
func TestTidy_multiPackIndex(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	r.precious = true // nobody joins for now
	tip := appendMany(t, r, born(t, r.Store), 44)
	run(t, dir, "multi-pack-index", "write")
	r.precious = false
	l, err := r.load()
	if err != nil || l.free() != 0 || l.foreign != 45 || l.isDue() {
		t.Fatalf("%d free, %d not ours to join, %v", l.free(), l.foreign, err)
	}
	for range 12 {
		tip = appendMany(t, r, tip, 1)
		if n := packsOf(t, dir); n > 45+10 {
			t.Errorf("%d packs", n)
		}
	}
	run(t, dir, "multi-pack-index", "verify")
	midx := filepath.Join(dir, ".git/objects/pack/multi-pack-index")
	for _, later := range []string{midx, midx + ".d/multi-pack-index-chain"} {
		if later != midx {
			run(t, dir, "multi-pack-index", "write")
			os.Rename(midx, midx+".away")
		}
		write(t, dir, strings.TrimPrefix(later, dir+"/"), "MIDX\x07 of a later git")
		if l, err := r.load(); err != nil || l.free() != 0 {
			t.Errorf("%s: %d free, %v", later, l.free(), err)
		}
		os.Remove(later)
	}
	os.RemoveAll(midx + ".d")
	os.Remove(midx + ".away")
	if held, _, err := verifyAll(openDir(t, dir).Store, tip); err != nil || held != 57 {
		t.Errorf("%d commits hold, %v", held, err)
	}
}

// A process that was stopped in the middle of a join keeps no writer for long, nor from making room: the packs that it has
// claimed are joined without it, and it does no harm when it goes on.
func TestAdmit_doesNotWaitForTheStopped(t *testing.T) {
	dir := newDir(t)
	r, other := openDir(t, dir), openDir(t, dir)
	r.precious = true
	tip := appendMany(t, r, born(t, r.Store), 44)
	r.precious = false
	if err := other.packs.start(); err != nil {
		t.Fatal(err)
	}
	claimed, release, err := other.claim(ctx, joining{choose: func(_ packLoad, free []ourPack) []ourPack { return free }})
	if err != nil {
		t.Fatal(err)
	}
	tip = appendMany(t, r, tip, 3)
	if n := packsOf(t, dir); n > autoPackLimit-10 {
		t.Errorf("%d packs", n)
	}
	list, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.packs.retire(claimed, ""); err != nil {
		t.Fatal(err)
	}
	release()
	if now, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack")); err != nil || len(now) != len(list) {
		t.Errorf("%d packs before the other went on, %d after it, %v", len(list), len(now), err)
	}
	if held, _, err := verifyAll(openDir(t, dir).Store, tip); err != nil || held != 48 {
		t.Errorf("%d commits hold, %v", held, err)
	}
}

// From the look whether there is room until the pack counts, nobody else adds one.
func TestAdmit_oneAtATime(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	asked, admit := 0, r.packs.admit
	r.packs.admit = func() func() {
		counts := admit()
		if _, err := openLock(0, r.local("packs.lock")); !errors.Is(err, jitos.ErrBusy) {
			t.Errorf("another may come in: %v", err)
		}
		return func() {
			if keeps, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.keep")); err != nil || len(keeps) > 0 {
				t.Errorf("it does not count yet: %v %v", keeps, err)
			}
			counts()
			asked++
		}
	}
	if appendMany(t, r, born(t, r.Store), 2); asked != 3 {
		t.Errorf("asked %d times for three packs", asked)
	}
}

// Many processes write at once, with nobody in the background, where git's limit is low: each makes room before it adds a pack.
func TestAdmit_crowd(t *testing.T) {
	dir := newDir(t)
	run(t, dir, "config", "gc.autoPackLimit", "14")
	if most := crowdOfPacks(t, dir, 8, 6); most > 10+1 { // a joined pack is there for a moment before those that it replaces go
		t.Errorf("up to %d packs", most)
	}
}

// Joins are geometric: what is written again grows with the logarithm of what there is, and no join takes a pack that is larger
// than twice what comes to it, unless others leave so little room that the progression must be shorter.
func TestGeometric(t *testing.T) {
	for _, due := range []int{20, 10} {
		l := packLoad{limit: 50, foreign: 40 - 2*due}
		for range due + 1 {
			l.ours = append(l.ours, ourPack{})
		}
		var packs []ourPack
		var written, rewritten int64
		for i := range 20_000 {
			size := int64(1000 + i*7919%500)
			written += size
			packs = append(packs, ourPack{size: size})
			slices.SortFunc(packs, func(a, b ourPack) int { return cmp.Compare(a.size, b.size) })
			if len(packs) <= due {
				continue
			}
			chosen := inBackground(l, packs)
			var sum int64
			for _, p := range chosen {
				sum += p.size
			}
			if last := chosen[len(chosen)-1].size; due == 20 && last > 2*(sum-last) {
				t.Fatalf("pack %d: a pack of %d is written again for %d", i, last, sum-last)
			}
			rewritten += sum
			packs = append([]ourPack{{size: sum}}, packs[len(chosen):]...)
		}
		times := float64(rewritten) / float64(written)
		t.Logf("due at %d: each byte is written again %.1f times; %d packs", due, times, len(packs))
		if l.due() != due || times > math.Log2(20_000) || len(packs) > due {
			t.Errorf("due at %d: each byte is written again %.1f times; %d packs", l.due(), times, len(packs))
		}
	}
}

// What the background joins is bounded: packs that are large stay as long as there are few of them, and the number of packs goes
// down in any case.
func TestInBackground_large(t *testing.T) {
	l := packLoad{limit: 50}
	for range 21 {
		l.ours = append(l.ours, ourPack{})
	}
	sized := func(small, big int, size int64) (packs []ourPack) {
		for range small {
			packs = append(packs, ourPack{size: 1000})
		}
		for i := range big {
			packs = append(packs, ourPack{size: size + int64(i)})
		}
		return packs
	}
	for _, c := range []struct {
		small, big int
		size       int64
		want       int
	}{{21, 0, 0, 21}, {13, 8, large + 1, 13}, {9, 12, large + 1, 21}, {0, 21, 5 * large, 21}, {11, 10, 1 << 40, 11}, {21, 1, 1500, 22}, {20, 1, 40_000, 20}} {
		if got := len(inBackground(l, sized(c.small, c.big, c.size))); got != c.want {
			t.Errorf("%d small packs, %d of %d: %d are joined, want %d", c.small, c.big, c.size, got, c.want)
		}
	}
	progression := []ourPack{}
	for i := range 22 {
		progression = append(progression, ourPack{size: int64(math.Pow(3, float64(i)))})
	}
	if got := len(inBackground(l, progression)); got < 7 || got > 8 {
		t.Errorf("of a progression of 22, %d are joined", got)
	}
	if got := len(smallest(l, sized(0, 40, 5<<20))); got != 2 {
		t.Errorf("a writer joins %d packs of 5 MB", got)
	}
}

// A dry run says to the byte what the run then frees, and changes nothing.
func TestGC_dry(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	appendMany(t, r, born(t, r.Store), 12)
	size := func() (n int64) {
		err := filepath.WalkDir(filepath.Join(dir, ".git/objects/pack"), func(_ string, e os.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				info, ierr := e.Info()
				if ierr != nil {
					return ierr
				}
				n += info.Size()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := listing(t, filepath.Join(dir, ".git"))
	full := size()
	would, err := r.GC(ctx, true)
	if err != nil || would.Joined.Packs != 13 || !would.Graph || would.Joined.Before != full {
		t.Fatalf("would: %+v %v, and there are %d bytes", would, err, full)
	}
	after := listing(t, filepath.Join(dir, ".git"))
	for name, text := range after {
		if before[name] != text && !strings.HasSuffix(name, ".lock") {
			t.Errorf("the dry run made or changed %s", name)
		}
	}
	if size() != full || len(after) < len(before) {
		t.Error("the dry run removed something")
	}
	did, err := r.GC(ctx, false)
	if err != nil || did.Joined != would.Joined || !did.Graph || size() != would.Joined.After {
		t.Errorf("did: %+v %v, and there are %d bytes", did, err, size())
	}
	run(t, dir, "commit-graph", "verify")
	if again, err := r.GC(ctx, false); err != nil || again.Joined.Packs != 0 || again.Graph {
		t.Errorf("again: %+v %v", again, err)
	}
}

// While one process maintains the repository another waits, and is then told; Maintain leaves it to the other. What a git gc
// that was killed left behind keeps nobody.
func TestGC_busy(t *testing.T) {
	dir := newDir(t)
	r, other := openDir(t, dir), openDir(t, dir)
	appendMany(t, r, born(t, r.Store), 25)
	lock, err := other.maintenanceLock(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Maintain(ctx); err != nil || packsOf(t, dir) != 26 {
		t.Errorf("beside another: %d packs, %v", packsOf(t, dir), err)
	}
	if _, err := r.maintenanceLock(ctx, time.Millisecond); !errors.Is(err, jitos.ErrBusy) {
		t.Errorf("beside another: %v", err)
	}
	lock.Close()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".git/gc.pid", fmt.Sprintf("%d %s", os.Getpid(), host))
	if err := r.Maintain(ctx); err != nil || packsOf(t, dir) != 26 {
		t.Errorf("beside a git gc: %d packs, %v", packsOf(t, dir), err)
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".git/gc.pid", fmt.Sprintf("%d %s", dead.Process.Pid, host))
	if err := r.Maintain(ctx); err != nil || packsOf(t, dir) != 1 {
		t.Errorf("after a git gc that was killed: %d packs, %v", packsOf(t, dir), err)
	}
	os.Remove(filepath.Join(dir, ".git/gc.pid"))
}

// A writer may write a pack again that a join is about to remove: the .keep decides who comes first. The writer's pack must
// be there when its ref moves, even if a gc comes between.
func TestRetire_leavesWhatAWriterHolds(t *testing.T) {
	dir := newDir(t)
	r, writer := openDir(t, dir), openDir(t, dir)
	appendMany(t, r, born(t, r.Store), 2)
	l, err := r.load()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.packs.start(); err != nil {
		t.Fatal(err)
	}
	if err := writer.packs.hold(l.ours[0].path + ".keep"); err != nil {
		t.Fatal(err)
	}
	if err := r.packs.start(); err != nil {
		t.Fatal(err)
	}
	if err := r.packs.retire(l.ours[:1], ""); err != nil {
		t.Fatal(err)
	}
	if !exists(l.ours[0].path+".pack") || !exists(l.ours[0].path+".idx") {
		t.Error("a pack that a writer holds is gone")
	}
	if err := writer.packs.release(l.ours[0].path); err != nil {
		t.Fatal(err)
	}
}

// Uninit takes the commit-graph away, for it names commits that git collects; one that git has written since stays.
func TestUninit_commitGraph(t *testing.T) {
	for _, byGit := range []bool{false, true} {
		dir := newDir(t)
		r := openDir(t, dir)
		appendMany(t, r, born(t, r.Store), 2)
		if c, err := r.GC(ctx, false); err != nil || !c.Graph {
			t.Fatalf("%+v %v", c, err)
		}
		if byGit {
			run(t, dir, "commit", "-q", "--allow-empty", "-m", "second")
			run(t, dir, "commit-graph", "write", "--reachable")
		}
		if err := r.Uninit(ctx, false); err != nil {
			t.Fatal(err)
		}
		if there := exists(filepath.Join(dir, ".git/objects/info/commit-graph")); there != byGit {
			t.Errorf("written by git: %v, there: %v", byGit, there)
		}
		run(t, dir, "gc", "-q", "--prune=now")
		run(t, dir, "commit-graph", "verify")
	}
}

// Processes write while others join, and git packs and prunes beside them: nothing acknowledged is lost, at no moment.
func TestJoin_besideWritersAndGit(t *testing.T) {
	writers, each := 3, 30
	if *long {
		writers, each = 6, 400
	}
	dir := newDir(t)
	first := openDir(t, dir)
	born(t, first.Store)
	stop := make(chan bool)
	var beside sync.WaitGroup
	loop := func(f func()) {
		beside.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(3 * time.Millisecond):
					f()
				}
			}
		})
	}
	joined := 0
	loop(func() {
		r, err := Open(dir)
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		if c, err := r.GC(ctx, false); err == nil && c.Joined.Packs > 0 { // a pack may vanish under it: git gc took it
			joined++
		}
	})
	loop(func() { exec.Command("git", "-C", dir, "gc", "-q", "--prune=now").Run() })
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
	beside.Wait()
	close(acked)
	line := lineOf(t, openDir(t, dir).Store)
	for id := range acked {
		if !line[id] {
			t.Errorf("acknowledged commit %s is lost", id)
		}
	}
	if len(line) != 1+writers*each || joined == 0 {
		t.Errorf("%d commits on the line, want %d; %d joins", len(line), 1+writers*each, joined)
	}
	t.Logf("%d joins", joined)
}

// While one process joins packs no other is started for it: a chain of them would have no end where some packs cannot be joined.
func TestTidy_oneAtATime(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	appendMany(t, r, born(t, r.Store), r.mustLoad(t).due()+3)
	started := 0
	other := openDir(t, dir)
	other.Background = func() error { started++; return nil }
	lock, err := r.maintenanceLock(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Tidy(ctx); err != nil || started != 0 {
		t.Errorf("%d started beside one at work, %v", started, err)
	}
	lock.Close()
	if err := other.Tidy(ctx); err != nil || started != 1 {
		t.Errorf("%d started, %v", started, err)
	}
}

func (r *Repo) mustLoad(t *testing.T) packLoad {
	l, err := r.load()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// crowdOfPacks lets processes write as fast as they can, and returns how many packs there were at most.
func crowdOfPacks(t *testing.T, dir string, writers, each int) (most int) {
	t.Helper()
	born(t, openDir(t, dir).Store)
	stop := make(chan bool)
	var watch, wg sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				most = max(most, packsOf(t, dir))
			}
		}
	})
	for w := range writers {
		wg.Go(func() {
			cmd, acks, said := startWriter(t, dir, fmt.Sprint("w", w), each)
			for range acks {
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("writer %d: %v %s", w, err, said)
			}
		})
	}
	wg.Wait()
	close(stop)
	watch.Wait()
	if line := lineOf(t, openDir(t, dir).Store); len(line) != 1+writers*each {
		t.Errorf("%d commits on the line, want %d", len(line), 1+writers*each)
	}
	t.Logf("up to %d packs", most)
	return most
}

// Eight processes write as fast as they can, with nobody in the background: git would start a gc at no moment.
func TestHeavyTidy_crowd(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	if most := crowdOfPacks(t, newDir(t), 8, 150); most > autoPackLimit-10+1 {
		t.Errorf("up to %d packs", most)
	}
}
