package runner

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/runner/secret"
)

// Executor runs actions in directories of its own. Objects must be set; the zero values of the other fields work. Close it
// when no action runs any more.
type Executor struct {
	// Objects holds the trees that actions name, and takes what jobs leave.
	Objects Objects
	// Cache is the directory below which jobs run and toolchains keep what they may keep; "" means DefaultCache.
	Cache string
	// Workers carry out steps by the name in Step.Worker; nil means shell, bisect, revert, patch and repair of this package.
	Workers map[string]jitos.Worker
	// Roster holds the workers that are configured here, by kind/name; nil means none.
	Roster *Roster
	// Toolchain looks up a toolchain of the method library, by its name or a command of its; nil means that there is none.
	Toolchain func(name string) (methods.Toolchain, bool)
	// Allowed tells whether a toolchain that came from elsewhere may run here, by its Origin; nil means none may.
	Allowed func(hash string) bool
	// Repo is the top directory of the user's working tree, from which ignored paths are lent; "" for none.
	Repo string
	// Lend names further paths in Repo to lend to every job, beside those of its toolchain.
	Lend []string
	// OverlayFrom is from how many files on a tree is laid out as an overlay on a layer that is kept (see overlay.go), where
	// the system allows that; 0 means never.
	OverlayFrom int
	// NoSandbox makes no sandbox, as if this system could not: then only what Unsandboxed says lets a job run.
	NoSandbox bool
	// Unsandboxed tells whether jobs may run without a sandbox where this system cannot make one; nil means no. The program must
	// import package sandbox, which it does by this one.
	Unsandboxed func() bool
	// Secrets are what jobs may be lent by the capability secret:NAME.
	Secrets secret.Store
	// Log is told what happens beside the jobs themselves, one line each; nil drops it.
	Log func(line string)

	wait func(ctx context.Context, d time.Duration) error // between requests to a model; nil waits

	mu       sync.Mutex
	cache    string              // the real path of Cache
	free     []*slot             // most recently used last
	versions map[string]*version // of toolchains, by name
	asked    map[string]string   // answers of Toolchain.Ask, by command
	failed   map[string]string   // preparations that failed, and why, by key
	homes    map[string]string   // of version managers, as they were when it looked
	looked   time.Time
	over     overlays
	cell     cell
}

var _ jitos.Executor = (*Executor)(nil)

// maxFree is how many directories stay filled between jobs.
const maxFree = 4

// fileless is a Worker that needs no directory: it works with trees alone, and its dir is "".
type fileless interface{ Fileless() }

// Execute runs one action. What makes a verdict:
//
//   - CouldNot: the step could not be tried: no such worker or command, a missing toolchain or dependency, nothing
//     collected, a file tree that cannot be laid out. Reason says what is missing and what to do. Never judged by Expect.
//   - Pass, Fail: by the worker, then by Step.Expect: a step that is expected to fail and did has passed, one that passed
//     against that has failed; "any" passes either way. Report and Exit are kept as they were.
//   - Fail as well: an artifact of Step.Produces that was not made, a file written without the capability to (with a
//     Finding about "denied"), something left that cannot be kept, and a secret in what would be kept (see withoutSecrets).
//
// Only a step that passed changes the tree. A gate, and a test run (a step with a Report) that may not write files, only
// measure: what they leave behind is dropped and is no failure.
//
// After ctx ended every process of the job is dead and the error is the context's.
func (e *Executor) Execute(ctx context.Context, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	start := time.Now()
	lent, err := e.lend(action.Step)
	if err != nil {
		return unlent(action, err, time.Since(start))
	}
	ctx = context.WithValue(context.WithValue(ctx, lentKey{}, lent), limitsKey{}, action.Limits)
	if most := action.Limits.Time; most > 0 && timeout(action.Step) > most {
		action.Step.Timeout = int(most / time.Second)
	}
	r, err := e.execute(ctx, action, host)
	if err == nil {
		lent.gate.tell(&r)
		r, err = e.withoutSecrets(ctx, action, r, host)
	}
	if ctx.Err() != nil {
		return jitos.Result{}, ctx.Err()
	}
	if err != nil {
		return jitos.Result{}, fmt.Errorf("step %s: %w", action.Step.Name, err)
	}
	if r.Tree == "" || r.Verdict != jitos.Pass {
		r.Tree = action.Tree
	}
	r.Took = time.Since(start)
	return r, nil
}

func (e *Executor) execute(ctx context.Context, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	worker, why := e.worker(action.Step.Worker)
	if worker == nil {
		return couldNot(why), nil
	}
	if _, ok := worker.(fileless); ok {
		r, err := worker.Work(ctx, "", action, host)
		if err != nil {
			return r, err
		}
		return e.judgeTree(ctx, action, judge(action.Step, r))
	}
	return e.inDirectory(ctx, worker, action, host)
}

// worker finds a worker by its name, or says why there is none.
func (e *Executor) worker(name string) (jitos.Worker, string) {
	if e.Workers != nil {
		return e.Workers[name], "no worker is named " + name
	}
	switch name {
	case "shell":
		return &Shell{Env: e.environ, Root: e.Repo}, ""
	case "bisect":
		return &Bisect{}, ""
	case "revert":
		return &Revert{}, ""
	case "patch":
		return &Patch{}, ""
	case "repair":
		return &Repair{Objects: e.Objects}, ""
	}
	if why := e.Roster.WhyNot(name, e.Allowed); why != "" {
		return nil, why
	}
	m, _ := e.Roster.Member(name)
	return kindOf(m.Kind).make(m, e), ""
}

// servers finds the MCP servers of these names; which of them are missing, Roster.WhyNot has said before.
func (e *Executor) servers(names []string) []Member {
	var list []Member
	for _, name := range names {
		if m, ok := e.Roster.Member(name); ok {
			list = append(list, m)
		}
	}
	return list
}

// enters is a Worker that touches the files of its directory only by a command, of which nothing is alive when Work returns,
// or by place.real: to it an overlay may be lent.
type enters interface{ enters() }

// inDirectory lends the worker a directory with the files, and captures what it leaves there.
func (e *Executor) inDirectory(ctx context.Context, worker jitos.Worker, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	tree, err := treeHash(action.Tree)
	if err != nil {
		return jitos.Result{}, err
	}
	files := &listing{ctx: ctx, objects: e.Objects, tree: tree}
	loans, why, err := e.loans(ctx, action.Step.Chain, files, host)
	if err = errors.Join(err, files.err); err != nil || why != "" {
		return couldNot(why), err
	}
	s, err := e.take(tree)
	if err != nil {
		return jitos.Result{}, err
	}
	kept := false
	defer func() { e.give(s, kept) }()
	was, err := e.layOut(ctx, s, worker, tree, loans)
	if err != nil {
		return refused(err, jitos.CouldNot, "the files cannot be laid out: ")
	}
	shut, err := hidden(ctx, e.Objects, tree, action)
	if err != nil {
		return refused(err, jitos.CouldNot, "what it may not read cannot be hidden: ")
	}
	open, done, err := e.confine(ctx, s.place, action, loans, shut)
	defer done()
	if err != nil {
		return jitos.Result{}, err
	}
	began := time.Now()
	r, err := worker.Work(ctx, s.place.tree(), action, host)
	if _, ends := worker.(enters); !ends {
		killMarked(s.place)
	}
	if u := (*unmountable)(nil); errors.As(err, &u) {
		e.noOverlay()
		e.say("%s; files are copied instead", u)
		done()
		return e.inDirectory(ctx, worker, action, host)
	}
	if err != nil || ctx.Err() != nil {
		return r, err
	}
	r.Open = open
	kept = true // whatever the job did to the files is seen when the directory is used again
	r = notStarted(action, missed(action, judge(action.Step, r), shut), s.place)
	if r.Tree != "" {
		return e.judgeTree(ctx, action, r)
	}
	if r.Verdict != jitos.Pass || measures(action) {
		return r, nil
	}
	left, err := capture(ctx, e.Objects, s, was, action.Step.Keeps, began)
	if err != nil {
		out, err := refused(err, jitos.Fail, "it left something that cannot be kept: ")
		r.Verdict, r.Reason = out.Verdict, out.Reason
		return r, err
	}
	r.Tree = jitos.TreeID(left.tree.String())
	return deny(action, r, left.changed), nil
}

// layOut puts the files of a tree and what is lent into a slot: as an overlay where that serves, else by copying. Of a tree
// that was copied it returns the manifest.
func (e *Executor) layOut(ctx context.Context, s *slot, worker jitos.Worker, tree plumbing.Hash, loans []loan) (*manifest, error) {
	if _, ok := worker.(enters); ok {
		l, change, userns, err := e.layerFor(ctx, tree)
		if err != nil {
			return nil, err
		}
		if l != nil {
			s.settle()
			err := s.lay(ctx, l, change, loans, userns)
			if u := (*unmountable)(nil); !errors.As(err, &u) {
				return nil, err
			}
		}
	}
	files, err := readManifest(ctx, e.Objects, tree)
	if err != nil {
		return nil, err
	}
	s.keepLoans(loans)
	if err := s.fill(ctx, e.Objects, files); err != nil {
		return nil, err
	}
	return files, s.lend(ctx, loans)
}

// judgeTree checks a tree that a worker returned as captured files are checked.
func (e *Executor) judgeTree(ctx context.Context, action jitos.Action, r jitos.Result) (jitos.Result, error) {
	if r.Tree == "" || r.Tree == action.Tree || r.Verdict != jitos.Pass {
		return r, nil
	}
	if measures(action) {
		r.Tree = action.Tree
		return r, nil
	}
	was, err := treeHash(action.Tree)
	if err != nil {
		return r, err
	}
	now, err := treeHash(r.Tree)
	if err != nil {
		return r, err
	}
	changed, err := changedPaths(ctx, e.Objects, was, now)
	if err != nil {
		return r, err
	}
	return deny(action, r, changed), nil
}

// measures tells whether a step only looks: what it leaves behind is no change, and no offence.
func measures(action jitos.Action) bool {
	return action.Step.Gate != nil || action.Step.Report != "" && !mayWriteAny(action.Step, action.Grants)
}

// judge applies what the step promises to what the worker says.
func judge(step jitos.Step, r jitos.Result) jitos.Result {
	switch {
	case r.Verdict == jitos.CouldNot || step.Gate != nil: // a gate's verdict is evidence as it is
	case step.Expect == "fail" && r.Verdict == jitos.Pass:
		r.Verdict, r.Reason = jitos.Fail, "it passed, and was expected to fail"
	case step.Expect == "fail", step.Expect == "any":
		r.Verdict, r.Reason = jitos.Pass, ""
	}
	if r.Verdict == jitos.Pass {
		for _, name := range step.Produces {
			if _, ok := r.Artifacts[name]; !ok {
				r.Verdict = jitos.Fail
				r.Reason = fmt.Sprintf("it did not produce %s: nothing was written to $JITOS_OUT/%s", name, name)
				return r
			}
		}
	}
	return r
}

// deny fails a step that changed what it may not.
func deny(action jitos.Action, r jitos.Result, changed []string) jitos.Result {
	var beyond []string
	for _, p := range changed {
		if !mayWrite(action.Step, action.Grants, p) {
			beyond = append(beyond, p)
		}
	}
	if len(beyond) == 0 {
		return r
	}
	r.Verdict, r.Tree = jitos.Fail, action.Tree
	r.Reason = "denied: wrote " + few(beyond) + " without " + writeVerb
	r.Findings = append(r.Findings, jitos.Finding{Process: action.Process, Job: action.Job, About: "denied", Text: r.Reason,
		Data: map[string]string{"paths": few(beyond), "capability": writeVerb + ":" + beyond[0]}})
	return r
}

// few names the first of a list and says how many more there are.
func few(list []string) string {
	const shown = 3
	names := make([]string, 0, shown)
	for i, p := range list {
		if i == shown {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(list)-shown)
		}
		names = append(names, quoted(p))
	}
	return strings.Join(names, ", ")
}

func couldNot(why string) jitos.Result {
	return jitos.Result{Verdict: jitos.CouldNot, Reason: why}
}

// refused turns a refusal into the job's outcome; every other error stays one.
func refused(err error, verdict jitos.Verdict, what string) (jitos.Result, error) {
	var r *refusal
	if errors.As(err, &r) {
		return jitos.Result{Verdict: verdict, Reason: what + r.Error()}, nil
	}
	return jitos.Result{}, err
}

// take returns a directory that nobody else uses: one that holds the tree already, else the last one used, else a new one.
func (e *Executor) take(tree plumbing.Hash) (*slot, error) {
	dir, err := e.cacheDir()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if n := len(e.free); n > 0 {
		pick := n - 1
		for i, s := range e.free {
			if s.tree == tree {
				pick = i
			}
		}
		s := e.free[pick]
		e.free = slices.Delete(e.free, pick, pick+1)
		return s, nil
	}
	return takeSlot(filepath.Join(dir, "work"))
}

// give takes a directory back. One whose contents are not known is given up.
func (e *Executor) give(s *slot, known bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s.settle()
	if known && len(e.free) < maxFree {
		e.free = append(e.free, s)
		return
	}
	s.release()
}

// Close removes the directories. It may be called more than once, and the Executor may be used again.
func (e *Executor) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.free {
		s.release()
	}
	e.free = nil
	return nil
}

// cacheDir finds, once, where jobs run.
func (e *Executor) cacheDir() (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cache != "" {
		return e.cache, nil
	}
	var err error
	if e.Cache == "" {
		e.cache, err = DefaultCache()
	} else {
		e.cache, err = makeCache(e.Cache)
	}
	return e.cache, err
}

func (e *Executor) say(format string, args ...any) {
	if e.Log != nil {
		e.Log(fmt.Sprintf(format, args...))
	}
}
