package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/sandbox"
)

// AllowUnsandboxed is what a user allows in a clone (`jitos allow unsandboxed`), so that jobs run where no sandbox can be made.
const AllowUnsandboxed = "unsandboxed"

// cell is what an Executor knows about sandboxes.
type cell struct {
	known  bool
	userns bool
	broken error // why there are none, nil where they work
}

// Sandboxed says how jobs are sandboxed here: "root", "userns" (in user namespaces), or "" where they are not and the user
// allowed that; why then says what is missing. Where it is not allowed the error is a *jitos.Denial that says how to.
func (e *Executor) Sandboxed(ctx context.Context) (how, why string, err error) {
	dir, err := e.cacheDir()
	if err != nil {
		return "", "", err
	}
	userns, broken := e.canSandbox(ctx, dir)
	switch {
	case ctx.Err() != nil:
		return "", "", ctx.Err()
	case broken == nil && userns:
		return "userns", "", nil
	case broken == nil:
		return "root", "", nil
	case e.Unsandboxed != nil && e.Unsandboxed():
		return "", broken.Error(), nil
	}
	return "", "", jitos.Hint(&jitos.Denial{What: "a job without a sandbox", Why: broken.Error()},
		"`jitos allow %s` lets jobs of this clone run all the same, with your rights: see the README's limits", AllowUnsandboxed)
}

// canSandbox finds out, once for each boot and build of this program, whether every layer of a sandbox works.
func (e *Executor) canSandbox(ctx context.Context, dir string) (userns bool, broken error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.NoSandbox {
		return false, errors.New("none is wanted")
	}
	if e.cell.known {
		return e.cell.userns, e.cell.broken
	}
	note, mark := filepath.Join(dir, "sandbox.json"), build()
	var was struct {
		Mark   string
		Userns bool
	}
	if raw, err := os.ReadFile(note); err == nil && json.Unmarshal(raw, &was) == nil && was.Mark == mark {
		e.cell = cell{known: true, userns: was.Userns}
		return e.cell.userns, nil
	}
	for _, userns := range []bool{false, true} {
		if !userns && os.Geteuid() != 0 {
			continue
		}
		err := sandbox.Check(ctx, dir, userns, 0)
		if ctx.Err() != nil {
			return false, ctx.Err() // no answer
		}
		if e.cell = (cell{known: true, userns: userns, broken: err}); err == nil {
			was.Mark, was.Userns = mark, userns
			if raw, err := json.Marshal(was); err == nil {
				_ = os.WriteFile(note, raw, 0o600) // another process may ask again
			}
			break
		}
	}
	return e.cell.userns, e.cell.broken
}

// build names this program, the boot and the user: what a test of the sandbox holds for.
func build() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(self)
	if err != nil {
		return ""
	}
	return fmt.Sprint(boot(), os.Geteuid(), self, info.Size(), info.ModTime().UnixNano())
}

// Limits of a job that names none.
const (
	maxProcesses = 4096
	maxFileSize  = 16 << 30 // bytes of one file
	maxWritten   = 64 << 30 // bytes of all that is written
	maxOutput    = 256 << 20
	maxOpen      = 65536
)

// lower is the lower of two bounds, of which zero is none.
func lower(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

type limitsKey struct{}

// outputOf is how much a command of the job that ctx is of may print, in bytes.
func outputOf(ctx context.Context) int64 {
	l, _ := ctx.Value(limitsKey{}).(jitos.Limits)
	return lower(maxOutput, l.Output)
}

// confine writes down what the processes of a place may see and do for a step. open says why they are not sandboxed, "" where
// they are. done is called when none of them is alive.
func (e *Executor) confine(ctx context.Context, p place, action jitos.Action, loans []loan, shut []string) (open string, done func(), err error) {
	done = func() {}
	step := action.Step
	how, open, err := e.Sandboxed(ctx)
	if err != nil || how == "" {
		return open, done, err
	}
	s, err := p.spec()
	if err != nil {
		return "", done, err
	}
	if s == nil {
		s = &sandbox.Spec{}
	}
	cache, err := e.cacheDir()
	if err != nil {
		return "", done, err
	}
	s.Bare, s.Userns = false, how == "userns"
	s.System = sandbox.System()
	s.Hide = e.private(cache)
	reach, whole, err := destinations(step)
	if err != nil {
		return "", done, err
	}
	s.HostNet, s.Proxy = whole, !whole && len(reach) > 0
	l := action.Limits
	s.Limits = sandbox.Limits{Processes: int(lower(maxProcesses, l.Processes)), Memory: lower(memoryBound(), l.Memory),
		File: lower(maxFileSize, l.Disk), Written: lower(maxWritten, l.Disk), Files: maxOpen}
	s.Cover = under(p.tree(), shut)
	tools, err := e.tools(ctx, step.Chain)
	if err != nil {
		return "", done, err
	}
	s.Read = append(tools.read, interpreters(loans)...)
	s.Write = append([]string{string(p)}, tools.write...)
	if err := e.hold(ctx, s, p, action); err != nil {
		return "", done, err
	}
	if done, err = e.share(ctx, s, cache, tools.shared); err != nil {
		return "", done, err
	}
	return "", done, p.setSpec(s)
}

// private are directories that no job sees, wherever they lie: the user's home and repository, and what other jobs have.
func (e *Executor) private(cache string) []string {
	var list []string
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) && home != "/" {
		list = append(list, filepath.Clean(home))
	}
	if e.Repo != "" {
		list = append(list, e.Repo)
	}
	return append(list, cache)
}

// memoryBound is three quarters of the machine's memory, in bytes.
func memoryBound() int64 {
	raw, err := os.ReadFile("/proc/meminfo")
	var kb int64
	if err == nil {
		_, _ = fmt.Sscanf(string(raw), "MemTotal: %d kB", &kb)
	}
	return kb << 10 / 4 * 3
}

// tools is what a toolchain's jobs need beside the system.
type tools struct {
	read, write []string
	shared      []string // caches of the user's, lent copy-on-write
}

// tools finds them, once for each toolchain: what is on PATH, the homes of version managers, what the toolchain asks for, and its
// caches.
func (e *Executor) tools(ctx context.Context, chain string) (tools, error) {
	vars, err := e.environ(ctx, chain, false)
	if err != nil {
		return tools{}, err
	}
	t, _ := e.toolchain(chain)
	var found tools
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		found.read = append(found.read, e.prefix(dir)...)
	}
	for _, name := range t.Words {
		if at := which(name); at != "" {
			found.read = append(found.read, e.prefix(filepath.Dir(at))...)
		}
	}
	for name, value := range vars {
		switch {
		case !filepath.IsAbs(value) || !hasFile(value):
		case slices.Contains(t.Caches, name):
			real, err := filepath.EvalSymlinks(value)
			if err != nil {
				return tools{}, err
			}
			if real != value { // the link itself is shown by the directory that it is in
				found.write = append(found.write, filepath.Dir(value))
			}
			found.write = append(found.write, real)
		case slices.Contains(t.Shares, name):
			found.shared = append(found.shared, filepath.Clean(value))
		case parts[name] != nil:
			for _, part := range parts[name] {
				found.read = append(found.read, filepath.Join(value, part))
			}
		default:
			if _, asked := t.Ask[name]; asked || toolHomes[name] != "" {
				found.read = append(found.read, filepath.Clean(value))
			}
		}
	}
	slices.Sort(found.read)
	found.read = slices.Compact(found.read)
	slices.Sort(found.write)
	return found, nil
}

// parts are what is shown of a directory that also holds what is nobody's business: tokens, or all that programs keep.
var parts = map[string][]string{
	"CARGO_HOME":     {"bin", "registry", "git", "config", "config.toml"},
	"PYTHONUSERBASE": {"bin", "lib"},
}

// prefix is what belongs to the programs in a directory of PATH: where it is the bin of an installation, all of that. A directory of
// the user's that is more than an installation is not shown for the programs in it.
func (e *Executor) prefix(bin string) []string {
	if !filepath.IsAbs(bin) || bin == "/" || !hasFile(bin) {
		return nil
	}
	bin = filepath.Clean(bin)
	real, err := filepath.EvalSymlinks(bin)
	if err != nil {
		return nil
	}
	up, shown := filepath.Dir(real), []string{bin}
	home, _ := os.UserHomeDir()
	name := filepath.Base(real)
	personal := home != "" && inside(home, up) || filepath.Base(up) == ".local" || e.Repo != "" && (inside(e.Repo, up) || inside(up, e.Repo))
	switch {
	case personal && inside(home, real), name != "bin" && name != "sbin" && name != "shims":
	case personal || hasFile(up, ".git") || hasFile(up, "pkg", "mod"):
		for _, part := range []string{"lib", "lib64", "libexec"} {
			if hasFile(up, part) && inside(up, home) && up != home {
				shown = append(shown, filepath.Join(up, part))
			}
		}
	case hasFile(up, "lib") || hasFile(up, "libexec") || hasFile(up, "pkg", "tool"):
		shown = append(shown, up)
	}
	return shown
}

// which is the file that a command of PATH really is, "" for none.
func which(name string) string {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if p := filepath.Join(dir, name); filepath.IsAbs(dir) && hasFile(p) {
			if real, err := filepath.EvalSymlinks(p); err == nil {
				return real
			}
		}
	}
	return ""
}

// interpreters are the installations that lent virtual environments lead to.
func interpreters(loans []loan) []string {
	var list []string
	for _, l := range loans {
		raw, err := os.ReadFile(filepath.Join(l.from, "pyvenv.cfg"))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(raw)) {
			if key, value, ok := strings.Cut(line, "="); ok && strings.TrimSpace(key) == "home" {
				home := strings.TrimSpace(value)
				if filepath.IsAbs(home) && filepath.Base(home) == "bin" && hasFile(filepath.Dir(home), "lib") {
					list = append(list, filepath.Dir(home))
				}
			}
		}
		if real, err := filepath.EvalSymlinks(filepath.Join(l.from, "bin", "python3")); err == nil && filepath.Base(filepath.Dir(real)) == "bin" {
			list = append(list, filepath.Dir(filepath.Dir(real)))
		}
	}
	return list
}

// share lends caches of the user's copy-on-write. What jobs with the network put there is kept beside, for all jobs after them;
// such jobs come one after another. Where there are no overlays the user's own is shown read only.
func (e *Executor) share(ctx context.Context, s *sandbox.Spec, cache string, shared []string) (done func(), err error) {
	done = func() {}
	if len(shared) == 0 {
		return done, nil
	}
	can, _ := e.canOverlay(ctx, layers{filepath.Join(cache, "layers")})
	for _, dir := range shared {
		if !can || strings.ContainsAny(dir+cache, `:\,`) {
			s.Read = append(s.Read, dir)
			continue
		}
		own := filepath.Join(cache, "tools", "shared", jitos.HashOf(dir)[:16])
		upper, work := filepath.Join(own, "upper"), filepath.Join(own, "work")
		if err := errors.Join(os.MkdirAll(upper, 0o700), os.MkdirAll(work, 0o700)); err != nil {
			return done, fmt.Errorf("lend %s: %w", dir, err)
		}
		if !s.HostNet && !s.Proxy {
			s.Lay = append(s.Lay, sandbox.Overlay{On: dir, Lower: []string{upper, dir}})
			continue
		}
		unlock, err := lockFile(ctx, filepath.Join(own, "lock"))
		if err != nil {
			return done, fmt.Errorf("lend %s: %w", dir, err)
		}
		before := done
		done = func() { unlock(); before() }
		s.Lay = append(s.Lay, sandbox.Overlay{On: dir, Lower: []string{dir}, Upper: upper, Work: work})
	}
	return done, nil
}
