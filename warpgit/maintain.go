package warpgit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jitos/jitos"
)

// Each Append leaves a small pack. They are joined when there are many, so that reading stays fast and no plain git command
// of the user's starts a gc: see packLoad.due. What is joined forms a geometric progression, see geometric: an object is written
// again about once for each doubling of what is there.
//
// A pack counts from the moment on at which its .keep goes. Who lets go of one of its own does so behind a lock, and joins small
// packs first where there are too many: so their number stays below git's limit however many processes write.

// maintenance is the part of a Repo that keeps packs from piling up while it is at work.
type maintenance struct {
	packs atomic.Int64 // that this process let go of
	asked atomic.Int64 // at how many Background was asked for last
}

// Background, where it is set, starts Maintain in a process of its own, at once, and does not wait for it.
type Background func() error

// Tidy is called before a process ends: where many small packs lie about it has them joined, in the background where that is
// set and the user's configuration allows it (gc.auto, gc.autoDetach, maintenance.auto), else before it returns.
func (r *Repo) Tidy(ctx context.Context) error {
	l, err := r.load()
	if err == nil && l.isDue() && !r.precious && !r.maintained(ctx) {
		if r.Background == nil || !r.mayDetach(ctx) || r.Background() != nil {
			err = r.Maintain(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("tidy: %w", err)
	}
	return nil
}

// admit is called before a pack of ours begins to count, after its ref has moved: it makes room where there is none, and what it
// returns is called when the .keep is gone. A process that writes for long asks for the background here. What goes wrong is no
// failure of the write, which is durable; Tidy meets it again, and tells.
func (r *Repo) admit() func() {
	n := r.tending.packs.Add(1)
	if r.precious {
		return func() {}
	}
	deadline := time.Now().Add(stopped)
	for {
		l, lock, err := r.room()
		if err != nil {
			return func() {}
		}
		if lock != nil {
			return func() {
				lock.Close()
				r.askBackground(n, l)
			}
		}
		late := time.Now().After(deadline)
		done, err := r.join(context.Background(), joining{choose: smallest, claimed: late})
		if err != nil || done.Packs == 0 && late {
			return func() {}
		}
		if done.Packs == 0 {
			time.Sleep(5 * time.Millisecond) // another is joining them
		}
	}
}

// stopped is how long a writer waits for what others do: then they may have been stopped, and their work is done again.
const stopped = time.Second

// room looks whether one more pack may lie about, and returns the lock that keeps others from adding one meanwhile, or nil.
func (r *Repo) room() (packLoad, *os.File, error) {
	lock, err := waitLock(context.Background(), r.packs.perm, r.local("packs.lock"), patience)
	if err != nil {
		return packLoad{}, nil, err
	}
	l, err := r.load()
	if err != nil || l.isFull() {
		return l, nil, errors.Join(err, lock.Close())
	}
	return l, lock, nil
}

// askBackground is called with the number of packs that this process has let go of: it asks once for as many as make a join due.
func (r *Repo) askBackground(n int64, l packLoad) {
	if r.Background == nil || !l.isDue() || n-r.tending.asked.Load() < int64(l.due()) {
		return
	}
	r.tending.asked.Store(n)
	if ctx := context.Background(); !r.maintained(ctx) && r.mayDetach(ctx) {
		r.Background()
	}
}

// Maintain joins small packs, where there are many, and writes git's commit-graph again when all were joined. It does nothing
// where another process does it, or a git gc is at work. It endangers no writer and may be killed at any time.
func (r *Repo) Maintain(ctx context.Context) error {
	if r.precious || r.gcRuns() {
		return nil
	}
	lock, err := r.maintenanceLock(ctx, 0)
	if errors.Is(err, jitos.ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	for {
		var all bool
		done, err := r.join(ctx, joining{choose: func(l packLoad, free []ourPack) []ourPack {
			chosen := inBackground(l, free)
			all = len(chosen) == len(free)
			return chosen
		}})
		if err != nil || done.Packs == 0 {
			return err
		}
		if all {
			if _, err := r.writeGraph(ctx, false); err != nil {
				return err
			}
		}
	}
}

// maintained tells whether another process is at it.
func (r *Repo) maintained(ctx context.Context) bool {
	lock, err := r.maintenanceLock(ctx, 0)
	if err != nil {
		return errors.Is(err, jitos.ErrBusy)
	}
	lock.Close()
	return false
}

func (r *Repo) maintenanceLock(ctx context.Context, wait time.Duration) (*os.File, error) {
	if err := r.packs.start(); err != nil {
		return nil, err
	}
	return waitLock(ctx, r.packs.perm, r.local("gc.lock"), wait)
}

// geometric is how many of the packs, smallest first, git repack --geometric=2 would join: with those joined, each pack is at
// least twice as large as all smaller ones together. So no join rewrites a pack that is larger than twice what comes to it, and
// there are never more packs than the size of all has digits to the base of three, beside those that came since.
func geometric(packs []ourPack) int {
	n := 0
	for i := len(packs) - 1; i > 0 && n == 0; i-- {
		if packs[i].size < 2*packs[i-1].size {
			n = i + 1
		}
	}
	var sum int64
	for _, p := range packs[:n] {
		sum += p.size
	}
	for ; n < len(packs) && packs[n].size < 2*sum; n++ {
		sum += packs[n].size
	}
	return n
}

// large is the size of a pack that the background leaves alone at first: git's pack-objects holds about a hundred bytes for each
// object that it joins, and so do we.
const large = 256 << 20

// inBackground chooses what Maintain joins, where that is due: a geometric progression of what is not large, and where that has too
// many members to be short of what is due, the smallest of them. Where half of what is due is large, what is large begins at twice
// the size.
func inBackground(l packLoad, free []ourPack) []ourPack {
	if !l.isDue() {
		return nil
	}
	within := len(free)
	for limit := int64(large); ; limit *= 2 {
		within = sort.Search(len(free), func(i int) bool { return free[i].size > limit })
		if len(free)-within <= l.due()/2 {
			break
		}
	}
	stay := l.due() - l.due()/4
	return free[:min(max(geometric(free[:within]), len(free)-stay), within)]
}

// smallest chooses what a writer joins that finds no room: the smallest, as many as it can join without a long wait, at least two.
func smallest(_ packLoad, free []ourPack) []ourPack {
	const most = 8 << 20
	chosen := free[:min(max(geometric(free), 2), len(free))]
	var sum int64
	for i, p := range chosen {
		if sum += p.size; sum > most && i >= 2 {
			return chosen[:i]
		}
	}
	return chosen
}

// mayDetach asks git whether the user wants maintenance in the background. What we set ourselves for each git that we run,
// see fixed, is of the scope "command", and does not count.
func (r *Repo) mayDetach(ctx context.Context) bool {
	out, err := r.Git(ctx, "config", "-z", "--show-scope", "--get-regexp", `^(gc\.auto|gc\.autodetach|maintenance\.auto|maintenance\.autodetach)$`)
	if err != nil && exitCode(err) != 1 {
		return false
	}
	last := map[string]string{}
	words := strings.Split(string(out), "\x00")
	for i := 0; i+1 < len(words); i += 2 {
		if key, value, _ := strings.Cut(words[i+1], "\n"); words[i] != "command" {
			last[key] = strings.ToLower(value)
		}
	}
	for _, value := range last {
		switch value {
		case "0", "false", "no", "off":
			return false
		}
	}
	return true
}

// gcRuns reads gc.pid as git does: a file that is older than twelve hours, or whose process is no more, says nothing.
func (r *Repo) gcRuns() bool {
	path := filepath.Join(r.Common, "gc.pid")
	info, err := os.Stat(path)
	if err != nil || time.Since(info.ModTime()) > 12*time.Hour {
		return false
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var pid int
	var host string
	if n, _ := fmt.Sscanf(string(text), "%d %s", &pid, &host); n < 2 || pid <= 0 {
		return false
	}
	if here, err := os.Hostname(); err == nil && here != host {
		return true
	}
	err = syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
