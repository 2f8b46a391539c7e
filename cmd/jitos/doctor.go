package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/runner"
	"github.com/jitos/jitos/warpgit"
)

func doctorCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "doctor",
		Category: groupTool,
		Usage:    "look at git, the repository, toolchains and caches, and say what to do",
		Description: `Changes nothing. Each line is ok, a note, or warn with what to do; warnings do not change the exit code.

--json: {"checks":[{"name","state","text","hint"}]}; state is "ok", "note" or "warn".`,
		Flags:  []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error { return a.doctor(c) },
	}
}

// check is one line of the doctor's.
type check struct {
	Name  string `json:"name"`
	State string `json:"state"` // "ok", "note", "warn"
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
}

func ok(name, format string, args ...any) check {
	return check{Name: name, State: "ok", Text: fmt.Sprintf(format, args...)}
}

func note(name, format string, args ...any) check {
	return check{Name: name, State: "note", Text: fmt.Sprintf(format, args...)}
}

func warn(name, hint, format string, args ...any) check {
	return check{Name: name, State: "warn", Text: fmt.Sprintf(format, args...), Hint: hint}
}

func (a *app) doctor(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	list := a.examine(c.Context)
	if c.Bool("json") {
		return a.ui.json(map[string]any{"checks": list})
	}
	for _, k := range list {
		tone := map[string]string{"ok": "good", "warn": "warn"}[k.State]
		a.ui.printf("%s  %-11s %s\n", a.ui.paintTone(tone, fmt.Sprintf("%-4s", k.State)), k.Name, line(k.Text))
		if k.Hint != "" {
			a.ui.printf("      %-11s %s\n", "", line(k.Hint))
		}
	}
	return c.Context.Err()
}

func (a *app) examine(ctx context.Context) []check {
	list := []check{checkGit(ctx)}
	f, err := a.open(ctx)
	if err != nil {
		return append(list, warn("repository", hintOf(err), "%v", err), checkCache(), checkSandbox(ctx, &runner.Executor{}))
	}
	list = append(list, f.checkRepository(ctx)...)
	at, err := f.kernel.System(ctx)
	switch {
	case errors.Is(err, jitos.ErrNotFound):
		list = append(list, warn("fabric", "`jitos init` makes one", "none in this repository"))
	case err != nil:
		list = append(list, warn("fabric", hintOf(err), "%v", err))
	default:
		list = append(list, f.checkFabric(ctx, at)...)
	}
	list = append(list, f.checkLocks(), f.checkPacks(), checkCache(), f.checkJobs(ctx))
	list = append(list, f.checkRemotes(ctx)...)
	list = append(list, f.checkAlarms()...)
	list = append(list, f.checkNames(ctx)...)
	return append(list, checkSandbox(ctx, f.executor))
}

// checkNames tells of branches that no jitos makes: no other clone would take them.
func (f *fabric) checkNames(ctx context.Context) []check {
	var list []check
	for at, err := range f.store.Refs(ctx, "refs/heads/jitos/") {
		if err != nil {
			return append(list, warn("branches", hintOf(err), "%v", err))
		}
		if warpgit.CheckRefName(string(at.Ref)) != nil {
			list = append(list, warn("branches", "rename or delete it with git branch", "%q is not a name of the fabric's", strings.TrimPrefix(string(at.Ref), "refs/heads/")))
		}
	}
	return list
}

// checkAlarms tells of remotes that were moved back.
func (f *fabric) checkAlarms() []check {
	alarms, err := f.repo.Alarms()
	if err != nil {
		return []check{warn("alarms", hintOf(err), "%v", err)}
	}
	var list []check
	for _, a := range alarms {
		ref, now := strings.TrimPrefix(string(a.Ref), "refs/heads/"), "gone"
		if a.New != "" {
			now = "at " + short(a.New)
		}
		text := fmt.Sprintf("remote %s was moved back: %s was at %s, and on %s it was %s", a.Remote, ref, short(a.Old), a.When.Format(time.DateOnly), now)
		if a.Accepted {
			list = append(list, note("alarm", "%s; it was accepted", text))
		} else {
			list = append(list, warn("alarm", "ask who did that; `jitos fetch --accept-rewound` takes the remote as it is", "%s", text))
		}
	}
	return list
}

// checkJobs says how the directories of jobs come about.
func (f *fabric) checkJobs(ctx context.Context) check {
	how, err := f.executor.Overlays(ctx)
	switch {
	case err != nil:
		return warn("jobs", hintOf(err), "%v", err)
	case how == "root":
		return ok("jobs", "directories are overlays from %d files on", f.executor.OverlayFrom)
	case how == "userns":
		return ok("jobs", "directories are overlays from %d files on, in user namespaces", f.executor.OverlayFrom)
	case f.executor.OverlayFrom == 0:
		return note("jobs", "directories are copies: JITOS_OVERLAY=0")
	}
	return note("jobs", "directories are copies: overlays cannot be mounted here (root or user namespaces, Linux 5.11)")
}

// oldestGit is the first that answers `git rev-parse --path-format`.
var oldestGit = [2]int{2, 31}

func checkGit(ctx context.Context) check {
	v := gitVersion(ctx)
	if v == "" {
		return warn("git", "install git 2.31 or newer", "not found on the PATH")
	}
	var have [2]int
	for i, part := range strings.SplitN(v, ".", 3) {
		if i < 2 {
			have[i], _ = strconv.Atoi(part) // a part that is no number counts as 0, which warns
		}
	}
	if have[0] < oldestGit[0] || have[0] == oldestGit[0] && have[1] < oldestGit[1] {
		return warn("git", "install git 2.31 or newer", "%s is too old", v)
	}
	return ok("git", "%s", v)
}

func (f *fabric) checkRepository(ctx context.Context) []check {
	cur, err := f.repo.Current(ctx)
	if err != nil {
		return []check{warn("repository", hintOf(err), "%v", err)}
	}
	kind := "a working tree at " + f.repo.Worktree
	if cur.Bare {
		kind = "bare, at " + f.repo.GitDir
	} else if f.repo.GitDir != f.repo.Common {
		kind = "a linked worktree at " + f.repo.Worktree
	}
	list := []check{ok("repository", "%s", kind)}
	if cur.Shallow {
		list = append(list, note("history", "this clone is shallow: a bisection goes back no further than it does"))
	}
	if cur.Busy != "" {
		list = append(list, warn("under way", "finish it, or give it up, before landing", "a %s of git's", cur.Busy))
	}
	if strings.Contains(cur.Actor, "@localhost>") {
		list = append(list, warn("identity", "git config user.name and user.email set it", "none: commits will be by %s", cur.Actor))
	} else {
		list = append(list, ok("identity", "%s", cur.Actor))
	}
	return list
}

func (f *fabric) checkFabric(ctx context.Context, at jitos.Snapshot) []check {
	var list []check
	files, err := at.Fabric(ctx)
	if err != nil {
		return []check{warn("fabric", "`jitos verify` says more", "%v", err)}
	}
	var id struct {
		Format int    `json:"format"`
		ID     string `json:"id"`
	}
	if err := json.Unmarshal(files["fabric.json"], &id); err != nil {
		return []check{warn("fabric", "`jitos verify` says more", "fabric.json: %v", err)}
	}
	seq := int64(0)
	if r := at.Commit().Record; r != nil {
		seq = r.Seq
	}
	list = append(list, ok("fabric", "%s, format %d, %d rewrites, system at %s", id.ID, id.Format, seq, short(at.Commit().ID)))
	if at.Commit().Record == nil {
		list = append(list, warn("system", "the next command that writes moves it to a workspace", "a plain commit stands on jitos/system"))
	}
	list = append(list, f.checkToolchains(ctx, at)...)
	return append(list, f.checkOpen(ctx, at)...)
}

func (f *fabric) checkToolchains(ctx context.Context, at jitos.Snapshot) []check {
	lib, err := wire.LibraryAt(ctx, at)
	if err != nil {
		return []check{warn("methods", "`jitos method lint FILE` says where", "%v", err)}
	}
	var list []check
	for n, err := range at.Nodes(ctx, jitos.KindToolchain) {
		if err != nil {
			return append(list, warn("toolchains", "`jitos verify` says more", "%v", err))
		}
		chain, found := lib.Toolchain(n.ID.Name)
		if !found || chain.Origin != "" && !f.repo.Allowed(chain.Origin) {
			list = append(list, note("toolchain", "%s: its version is not asked: it was not allowed here", n.ID.Name))
			continue
		}
		version, err := toolVersion(ctx, chain.Version)
		if err != nil {
			list = append(list, warn("toolchain", "install it: gates that need it cannot run", "%s: `%s`: %v", chain.Title, chain.Version, err))
			continue
		}
		list = append(list, ok("toolchain", "%s: %s", chain.Title, version))
	}
	if len(list) == 0 {
		list = append(list, note("toolchains", "none recognised by the files; `jitos do --gate CMD` takes a command of yours"))
	}
	return list
}

func toolVersion(ctx context.Context, command string) (string, error) {
	if command == "" {
		return "no version is asked", nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "sh", "-c", command).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		err = errors.New(firstLine(string(exit.Stderr)))
	}
	return strings.Join(strings.Fields(string(out)), " "), err
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}

// checkOpen tells which attempts are open, and which of them nobody works on.
func (f *fabric) checkOpen(ctx context.Context, at jitos.Snapshot) []check {
	var list []check
	for ref, err := range f.store.Refs(ctx, jitos.SWSPrefix) {
		if err != nil {
			return append(list, warn("workspace", "look at the git directory", "%v", err))
		}
		name := strings.TrimPrefix(string(ref.Ref), jitos.SWSPrefix)
		w, err := f.kernel.Workspace(ctx, name)
		if err != nil {
			list = append(list, warn("workspace", "git branch jitos/sws/"+name+" can be looked at with plain git", "%v", err))
			continue
		}
		switch release, err := f.repo.Hold(w.Process.ID); {
		case w.Process.Process.Hand:
			list = append(list, ok("workspace", "%s is open, by hand", name))
		case w.Process.Process.Owner != f.repo.Clone():
			list = append(list, note("workspace", "%s is open in another clone", name))
		case errors.Is(err, jitos.ErrBusy):
			list = append(list, ok("workspace", "%s: a jitos is at work in it", name))
		case err != nil:
			list = append(list, warn("workspace", "", "%s: %v", name, err))
		default:
			release()
			list = append(list, warn("workspace", "`jitos run "+string(w.Process.Process.Task)+"` goes on where it stopped", "%s was interrupted", name))
		}
	}
	return list
}

// checkLocks looks for locks on the fabric's refs that have stood for long: git's, or a killed program's.
func (f *fabric) checkLocks() check {
	var old []string
	root := filepath.Join(f.repo.Common, "refs", "heads", "jitos")
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".lock") {
			return nil // what is not there is not locked
		}
		if info, err := d.Info(); err == nil && time.Since(info.ModTime()) > time.Minute {
			old = append(old, path)
		}
		return nil
	})
	if len(old) > 0 {
		return warn("locks", "if no git is running, remove the file", "%s has stood for over a minute", strings.Join(old, ", "))
	}
	return ok("locks", "no ref of the fabric is locked")
}

func (f *fabric) checkPacks() check {
	ours, others, limit, err := f.repo.Packs()
	switch {
	case err != nil:
		return warn("packs", "", "%v", err)
	case ours+others > limit:
		return warn("packs", "`jitos gc` joins those of jitos, `git gc` the others", "%d of jitos, %d others: above %d git starts a gc of its own", ours, others, limit)
	}
	return ok("packs", "%d of jitos, %d others; above %d git would start a gc of its own", ours, others, limit)
}

func checkCache() check {
	dir, err := runner.DefaultCache()
	if err != nil {
		return warn("cache", hintOf(err), "%v", err)
	}
	var size int64
	files := 0
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // a job may be removing it
		}
		if info, err := d.Info(); err == nil {
			size, files = size+info.Size(), files+1
		}
		return nil
	})
	work, err := os.ReadDir(filepath.Join(dir, "work"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return warn("cache", "", "%v", err)
	}
	return ok("cache", "%s: %s in %s, %s of jobs; it may be removed at any time when no job runs", dir, sizeWords(size), plural(files, "file"), dirsWords(len(work)))
}

func dirsWords(n int) string {
	if n == 1 {
		return "1 directory"
	}
	return strconv.Itoa(n) + " directories"
}

func sizeWords(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", (n+1023)/1024)
}

func (f *fabric) checkRemotes(ctx context.Context) []check {
	out, err := f.repo.Git(ctx, "remote")
	if err != nil {
		return []check{warn("remotes", "", "%v", err)}
	}
	var list []check
	for _, name := range strings.Fields(string(out)) {
		there, err := f.repo.Remembered(name)
		switch {
		case err != nil:
			list = append(list, warn("remote", "", "%s: %v", name, err))
		case len(there) == 0:
			list = append(list, note("remote", "%s: nothing of the fabric was seen there; `jitos push %s` shares it", name, name))
		default:
			list = append(list, ok("remote", "%s: %s of the fabric when it was last asked", name, plural(len(there), "branch")))
		}
	}
	return list
}

// checkSandbox says what holds a job back.
func checkSandbox(ctx context.Context, e *runner.Executor) check {
	how, why, err := e.Sandboxed(ctx)
	switch {
	case err != nil:
		return warn("sandbox", hintOf(err), "%v: no job runs", err)
	case how == "":
		return note("sandbox", "jobs run with your rights, as you allowed: %s", why)
	case how == "userns":
		return ok("sandbox", "jobs see their own files, the system and their tools, in user namespaces; every layer works")
	}
	return ok("sandbox", "jobs see their own files, the system and their tools; every layer works")
}
