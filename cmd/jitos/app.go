package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/overlay"
	"github.com/jitos/jitos/planner"
	"github.com/jitos/jitos/runner"
	"github.com/jitos/jitos/warpgit"
)

// app is one call of the program.
type app struct {
	ui  *ui
	dir string // -C

	opened *fabric
}

// fabric is an open repository with everything wired: what commands work with.
type fabric struct {
	repo     *warpgit.Repo
	store    *warpgit.Store
	merger   *overlay.Merger
	planner  *planner.Planner
	executor *runner.Executor
	kernel   *jitos.Kernel
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
	overlayFrom, err := overlayFrom()
	if err != nil {
		return nil, err
	}
	repo, err := warpgit.Open(dir)
	if err != nil {
		return nil, err
	}
	repo.Background = a.background
	lend, err := runner.ReadLend(filepath.Join(repo.Common, "jitos", "lend"))
	if err != nil {
		return nil, err
	}
	f := &fabric{repo: repo, store: repo.Store, planner: planner.New()}
	f.merger = overlay.New(f.store.Objects, f.store)
	lib := &library{fabric: f}
	f.executor = &runner.Executor{
		Objects:     f.store.Objects,
		Toolchain:   lib.toolchain,
		Allowed:     repo.Allowed,
		Repo:        repo.Worktree,
		Lend:        lend,
		OverlayFrom: overlayFrom,
	}
	f.kernel = &jitos.Kernel{
		Store:       f.store,
		Merger:      f.merger,
		Planner:     f.planner,
		Executor:    f.executor,
		Repository:  repo,
		Local:       repo,
		ParsePolicy: methods.LoadPolicy,
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

// overlayFrom is from how many files on jobs get overlays: $JITOS_OVERLAY, 0 for never.
func overlayFrom() (int, error) {
	text, ok := os.LookupEnv("JITOS_OVERLAY")
	if !ok || text == "" {
		return runner.OverlayFrom, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, usage("JITOS_OVERLAY=%s: want a number of files, 0 for never", text)
	}
	return n, nil
}

// asUser says in whose name the kernel writes, and tells its notices.
func (f *fabric) asUser(ctx context.Context, notify func(jitos.Event)) error {
	current, err := f.repo.Current(ctx)
	f.kernel.Actor, f.kernel.Notify = current.Actor, notify
	return err
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
	return f, at, err
}

// writing is fabric for a command that changes something: what a crash or plain git left halfway is finished first, and
// progress is shown until stop is called.
func (a *app) writing(ctx context.Context) (f *fabric, stop func(), err error) {
	if f, _, err = a.fabric(ctx); err != nil {
		return nil, nil, err
	}
	show, stop := a.ui.progress()
	err = f.asUser(ctx, func(e jitos.Event) {
		show(e)
		if e.Kind == "absorb" && f.absorbedForeign(ctx) {
			show(jitos.Event{Kind: "notice", Text: "your commit has a .jitos/ of its own, merged in by somebody; it was left out"})
		}
	})
	if err == nil {
		err = f.kernel.Heal(ctx)
	}
	if err != nil {
		stop()
	}
	return f, stop, err
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

// library finds toolchains in the method library of the fabric as it is.
type library struct {
	fabric *fabric
	mu     sync.Mutex
	at     jitos.CommitID
	loaded *methods.Library
}

func (l *library) toolchain(name string) (methods.Toolchain, bool) {
	lib, err := l.load(context.Background())
	if err != nil {
		return methods.Toolchain{}, false
	}
	return lib.Toolchain(name)
}

func (l *library) load(ctx context.Context) (*methods.Library, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	head, err := l.fabric.store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return nil, err
	}
	if l.loaded != nil && l.at == head {
		return l.loaded, nil
	}
	at, err := l.fabric.store.Open(ctx, head)
	if err != nil {
		return nil, err
	}
	lib, err := libraryAt(ctx, at)
	if err == nil {
		l.at, l.loaded = head, lib
	}
	return lib, err
}

// libraryAt loads the method library as the fabric has it at a snapshot.
func libraryAt(ctx context.Context, at jitos.Snapshot) (*methods.Library, error) {
	files, err := at.Fabric(ctx)
	if err != nil {
		return nil, err
	}
	extra := map[string][]byte{}
	for path, raw := range files {
		if strings.HasPrefix(path, "methods/") {
			extra[path] = raw
		}
	}
	return methods.Load(extra)
}
