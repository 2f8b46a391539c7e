package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/overlay"
	"github.com/jitos/jitos/planner"
	"github.com/jitos/jitos/runner"
	"github.com/jitos/jitos/warpgit"
)

// app is one call of the program.
type app struct {
	ui  *ui
	dir string // -C
	at  string // --at

	daemon bool // --daemon

	heard  <-chan struct{} // closed when interrupts are listened to
	opened *fabric
}

// fabric is an open repository with everything wired (see wire.Fabric): what commands work with.
type fabric struct {
	repo     *warpgit.Repo
	store    *warpgit.Store
	merger   *overlay.Merger
	planner  *planner.Planner
	executor *runner.Executor
	kernel   *jitos.Kernel
	hands    hands // the kernel, or a daemon's

	wired *wire.Fabric
}

// open opens the repository that the program was called in, whether it has a fabric or not.
func (a *app) open(ctx context.Context) (*fabric, error) {
	if a.opened != nil {
		return a.opened, nil
	}
	dir := a.place()
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, usage("-C %s: no such directory", dir)
	}
	w, err := wire.Open(dir)
	if err != nil {
		return nil, err
	}
	w.Repo.Background = a.background
	<-a.heard // from here on an interrupt cancels
	f := &fabric{w.Repo, w.Store, w.Merger, w.Planner, w.Executor, w.Kernel, w.Kernel, w}
	if a.at != "" {
		if _, err := f.repo.AsOf(ctx, a.at); err != nil {
			return nil, err
		}
	}
	a.opened = f
	return f, nil
}

// place is the directory that the program was called in, or told to work in.
func (a *app) place() string {
	if a.dir == "" {
		return "."
	}
	return a.dir
}

// fabric opens the repository and its system WARP. Without one the error says how to make it.
func (a *app) fabric(ctx context.Context) (*fabric, jitos.Snapshot, error) {
	f, err := a.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	at, err := f.kernel.System(ctx)
	if errors.Is(err, jitos.ErrNotFound) {
		err = jitos.Hint(fmt.Errorf("this repository has no fabric: %w", jitos.ErrNotFound), "`jitos init` makes one; `jitos fetch` takes that of a remote")
	}
	if err == nil && f.kernel.PolicyError() != nil {
		a.ui.notef("jitos: warning: %s", line(f.kernel.PolicyError().Error()))
	}
	return f, at, err
}

// writing is fabric for a command that changes something: what a crash or plain git left halfway is finished first, and
// progress is shown until stop is called.
func (a *app) writing(ctx context.Context) (f *fabric, stop func(), err error) {
	if f, _, err = a.fabric(ctx); err != nil {
		return nil, nil, err
	}
	show, stop := a.ui.progress()
	err = f.wired.AsUser(ctx, func(e jitos.Event) {
		show(e)
		if e.Kind == "absorb" && f.absorbedForeign(ctx) {
			show(jitos.Event{Kind: "notice", Text: "your commit has a .jitos/ of its own, merged in by somebody; it was left out"})
		}
	})
	if err == nil {
		err = f.kernel.Heal(ctx)
	}
	if a.daemon {
		f.hands = f.daemon(show)
	}
	if err != nil {
		stop()
	}
	return f, stop, err
}

// boxed is called by a command that runs jobs, before it writes anything: where they cannot be sandboxed and may not run without
// it is refused.
func (a *app) boxed(ctx context.Context) error {
	f, err := a.open(ctx)
	if err != nil {
		return err
	}
	how, why, err := f.executor.Sandboxed(ctx)
	if err == nil && how == "" {
		a.ui.notef("jitos: notice: jobs run without a sandbox, as you allowed: %s", clean(why))
	}
	return err
}

// absorbedForeign tells whether the commit that was absorbed last holds a .jitos/: somebody merged the fabric's branch.
func (f *fabric) absorbedForeign(ctx context.Context) bool {
	head, err := f.store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return false
	}
	at, err := f.store.Open(ctx, head)
	if err != nil {
		return false
	}
	sync, err := jitos.Get[jitos.Sync](ctx, at, jitos.SyncNode)
	if err != nil || sync.Commit == "" {
		return false
	}
	out, err := f.repo.Git(ctx, "ls-tree", "--name-only", string(sync.Commit), ".jitos")
	return err == nil && len(out) > 0
}

// close puts things in order before the program ends.
func (a *app) close() {
	if a.opened == nil {
		return
	}
	if err := a.opened.executor.Close(); err != nil {
		a.ui.notef("jitos: notice: %s", clean(err.Error()))
	}
	if err := a.opened.repo.Tidy(context.Background()); err != nil {
		a.ui.notef("jitos: notice: %s", clean(err.Error()))
	}
	if err := a.opened.repo.Close(); err != nil {
		a.ui.notef("jitos: notice: %s", clean(err.Error()))
	}
}
