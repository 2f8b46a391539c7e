package warpgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	moves   atomic.Int64 // of refs by this process
	started atomic.Int64 // the move at which Background was called last
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

// moved is called after each move of a ref. A process that writes for long looks now and then, asks for the background, and
// where that does not keep up joins small packs itself, so that their number stays below git's limit at all times. What goes
// wrong here is no failure of the write; Tidy meets it again, and tells.
func (r *Repo) moved(ctx context.Context) {
	n := r.tending.moves.Add(1)
	if n%4 != 1 || r.precious {
		return
	}
	l, err := r.load()
	if err != nil || !l.isDue() {
		return
	}
	if r.Background != nil && n-r.tending.started.Load() >= int64(l.due()) && r.mayDetach(ctx) {
		r.tending.started.Store(n)
		r.Background()
	}
	for deadline := time.Now().Add(patience); l.isFull() && time.Now().Before(deadline) && ctx.Err() == nil; {
		done, err := r.join(ctx, false, smallest)
		if err != nil {
			return
		}
		if l, err = r.load(); err != nil {
			return
		}
		if done.Packs == 0 { // others are joining them
			time.Sleep(5 * time.Millisecond)
		}
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

// writeGraph has git write its commit-graph, in a quarantine, and puts it in place under git's own lock: a git that is killed
// would leave that lock behind, and keep every later gc from its work. It says false where the graph was as it should be
// already, where the user wants none, or keeps one in layers. A dry one changes nothing.
func (r *Repo) writeGraph(ctx context.Context, dry bool) (bool, error) {
	info := filepath.Join(r.packs.objects, "info")
	if exists(filepath.Join(info, "commit-graphs")) {
		return false, nil
	}
	for _, key := range []string{"core.commitGraph", "gc.writeCommitGraph"} {
		if value, err := r.gitLine(ctx, "config", "--type=bool", key); err == nil && value == "false" {
			return false, nil
		}
	}
	q, err := r.newQuarantine()
	if err != nil {
		return false, err
	}
	defer q.remove()
	if _, err := r.git(ctx, gitCommand{env: q.env(), args: []string{"commit-graph", "write", "--reachable", "--no-progress"}}); err != nil {
		return false, err
	}
	made, place := q.path("objects/info/commit-graph"), filepath.Join(info, "commit-graph")
	sum, err := graphSum(made)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // git makes none of a shallow clone, or of no commits
	}
	if err != nil {
		return false, err
	}
	if old, err := graphSum(place); err == nil && bytes.Equal(old, sum) {
		return false, nil
	}
	if dry {
		return true, nil
	}
	return true, r.placeGraph(ctx, made, place, sum)
}

// graphSum reads the checksum at the end of a commit-graph.
func graphSum(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := make([]byte, 20)
	if _, err := f.Seek(-int64(len(sum)), io.SeekEnd); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(f, sum)
	return sum, err
}

func (r *Repo) placeGraph(ctx context.Context, made, place string, sum []byte) error {
	if err := r.packs.perm.mkdirAll(filepath.Dir(place)); err != nil {
		return err
	}
	lock, err := r.refs.link(ctx, place+".lock", nil)
	if err != nil {
		return err
	}
	defer lock.drop()
	// What Uninit knows it by; it comes first, for a graph that is not known as ours would stay.
	if err := r.packs.perm.write(r.local("graph"), sum, 0o666); err != nil {
		return err
	}
	if err := syncFile(made); err != nil {
		return err
	}
	if err := os.Rename(made, place); err != nil {
		return err
	}
	return syncDir(filepath.Dir(place))
}

// dropGraph removes the commit-graph where it is the one that we wrote: it names commits that git will collect.
func (r *Repo) dropGraph() error {
	place := filepath.Join(r.packs.objects, "info", "commit-graph")
	mark, err := os.ReadFile(r.local("graph"))
	if err != nil {
		return nil // none of ours
	}
	if sum, err := graphSum(place); err != nil || !bytes.Equal(sum, mark) {
		return nil
	}
	return os.Remove(place)
}
