package warpgit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jitos/jitos"
)

// Each Append leaves a small pack. They are joined when there are many, so that reading stays fast and no plain git command
// of the user's starts a gc: see packLoad.due. Small ones are joined often, large ones seldom (see geometric), so an object is
// written again about once for each doubling of what is there.

// maintenance is the part of a Repo that keeps packs from piling up while it is at work.
type maintenance struct {
	moves  atomic.Int64 // of refs by this process
	asked  atomic.Int64 // the move at which Background was asked for last
	waited atomic.Int64 // nanoseconds, for joins of others
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

// moved is called after each move of a ref. A process that writes for long looks each time, asks for the background, and
// where that does not keep up joins small packs itself, or waits a moment for another that does: so their number stays below
// git's limit at all times. What goes wrong here is no failure of the write; Tidy meets it again, and tells.
func (r *Repo) moved(ctx context.Context) {
	n := r.tending.moves.Add(1)
	if r.precious {
		return
	}
	l, err := r.load()
	if err != nil || !l.isDue() {
		return
	}
	if r.Background != nil && n-r.tending.asked.Load() >= int64(l.due()) {
		r.tending.asked.Store(n)
		if !r.maintained(ctx) && r.mayDetach(ctx) {
			r.Background()
		}
	}
	for err == nil && l.isFull() {
		done, jerr := r.join(ctx, false, smallest)
		if jerr != nil || done.Packs == 0 && !r.waitForJoin(ctx) {
			return
		}
		l, err = r.load()
	}
}

// waitForJoin waits a moment for a join of another process, and says false where there is none. In all, a process waits a
// second: the other may have been stopped.
func (r *Repo) waitForJoin(ctx context.Context) bool {
	const most, moment = int64(time.Second), 5 * time.Millisecond
	others, err := r.claimed()
	if err != nil || len(others) == 0 || ctx.Err() != nil || r.tending.waited.Add(int64(moment)) > most {
		return false
	}
	time.Sleep(moment)
	return true
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
		done, err := r.join(ctx, false, func(l packLoad, free []ourPack) []ourPack {
			if !l.isDue() {
				return nil
			}
			chosen := geometric(l, free)
			all = len(chosen) == len(free)
			return chosen
		})
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

// geometric takes the smallest packs until half of what is due is left, and then each that is not larger than all before it.
func geometric(l packLoad, free []ourPack) []ourPack {
	var sum int64
	for i, p := range free {
		if len(free)-i < l.due()/2 && p.size > sum {
			return free[:i]
		}
		sum += p.size
	}
	return free
}

// smallest takes what a writer can join without a long wait.
func smallest(l packLoad, free []ourPack) []ourPack {
	const most = 8 << 20
	chosen := geometric(l, free)
	var sum int64
	for i, p := range chosen {
		if sum += p.size; sum > most {
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
