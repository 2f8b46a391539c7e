// Package wire puts a fabric together: the one place where stores, merges, planner and workers are handed to the kernel. The
// command line and the daemon both begin here, so that they are the same fabric with different faces.
package wire

import (
	"context"
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
	"github.com/jitos/jitos/runner/secret"
	"github.com/jitos/jitos/warpgit"
)

// Fabric is an open repository, whether it has a fabric or not, with everything wired.
type Fabric struct {
	Repo     *warpgit.Repo
	Store    *warpgit.Store
	Merger   *overlay.Merger
	Planner  *planner.Planner
	Executor *runner.Executor
	Kernel   *jitos.Kernel
}

// Open opens the repository that dir lies in. A setting of the environment that is no setting is an error that
// Is jitos.ErrInvalid.
func Open(dir string) (*Fabric, error) {
	overlayFrom, err := overlayFrom()
	if err != nil {
		return nil, err
	}
	repo, err := warpgit.Open(dir)
	if err != nil {
		return nil, err
	}
	lend, err := runner.ReadLend(filepath.Join(repo.Common, "jitos", "lend"))
	if err != nil {
		return nil, err
	}
	roster, err := runner.ReadRoster(runner.RosterFiles(repo.Common)...)
	if err != nil {
		return nil, err
	}
	f := &Fabric{Repo: repo, Store: repo.Store, Planner: planner.New()}
	f.Merger = overlay.New(f.Store.Objects, f.Store)
	lib := &library{store: f.Store}
	f.Executor = &runner.Executor{
		Objects:     f.Store.Objects,
		Toolchain:   lib.toolchain,
		Allowed:     repo.Allowed,
		Roster:      roster,
		Repo:        repo.Worktree,
		Lend:        lend,
		OverlayFrom: overlayFrom,
		Secrets:     secret.Store{Dir: filepath.Join(repo.Common, "jitos", "secrets")},
		NoSandbox:   os.Getenv("JITOS_SANDBOX") == "0",
		Unsandboxed: func() bool { return repo.Allowed(runner.AllowUnsandboxed) },
	}
	f.Planner.Workers = func(name string) string { return roster.WhyNot(name, repo.Allowed) }
	f.Kernel = &jitos.Kernel{
		Store:       f.Store,
		Merger:      f.Merger,
		Planner:     f.Planner,
		Executor:    f.Executor,
		Repository:  repo,
		Local:       repo,
		ParsePolicy: methods.LoadPolicy,
		Now:         repo.Store.Now,
	}
	return f, nil
}

// AsUser says in whose name the kernel writes, and who is told its notices.
func (f *Fabric) AsUser(ctx context.Context, notify func(jitos.Event)) error {
	current, err := f.Repo.Current(ctx)
	f.Kernel.Actor, f.Kernel.Notify = current.Actor, notify
	return err
}

// overlayFrom is from how many files on jobs get overlays: $JITOS_OVERLAY, 0 for never.
func overlayFrom() (int, error) {
	text, ok := os.LookupEnv("JITOS_OVERLAY")
	if !ok || text == "" {
		return runner.OverlayFrom, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: JITOS_OVERLAY=%s: want a number of files, 0 for never", jitos.ErrInvalid, text)
	}
	return n, nil
}

// library finds toolchains in the method library of the fabric as it is.
type library struct {
	store  *warpgit.Store
	mu     sync.Mutex
	at     jitos.CommitID
	loaded *methods.Library
}

func (l *library) toolchain(name string) (methods.Toolchain, bool) {
	lib, err := l.load(context.Background())
	if err != nil {
		return methods.Toolchain{}, false
	}
	if t, ok := lib.Toolchain(name); ok {
		return t, true
	}
	return lib.ToolchainOf(name)
}

func (l *library) load(ctx context.Context) (*methods.Library, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	head, err := l.store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return nil, err
	}
	if l.loaded != nil && l.at == head {
		return l.loaded, nil
	}
	at, err := l.store.Open(ctx, head)
	if err != nil {
		return nil, err
	}
	lib, err := LibraryAt(ctx, at)
	if err == nil {
		l.at, l.loaded = head, lib
	}
	return lib, err
}

// LibraryAt loads the method library as the fabric has it at a snapshot.
func LibraryAt(ctx context.Context, at jitos.Snapshot) (*methods.Library, error) {
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
