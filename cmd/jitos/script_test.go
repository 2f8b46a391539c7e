package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/jitos/jitos/runner"
)

var update = flag.Bool("update", false, "rewrite golden files of the stories in testdata")

// tracing are the programs that the tests of faults need, where they run.
var tracing = map[string]func(){}

func TestMain(m *testing.M) {
	programs := map[string]func(){"jitos": main, "modelserver": serveModel}
	maps.Copy(programs, tracing)
	testscript.Main(inMemory{m}, programs)
}

// inMemory runs the tests with what they write in memory, where that can be: on a disk much of their time is the file system's.
type inMemory struct{ *testing.M }

var memoryFor = func() string { return "" }

// disk is where stories have a disk, $DISK, for what memory does not count: "" where the machine's temporary files are in memory.
var disk string

func (m inMemory) Run() int {
	if dir := memoryFor(); dir != "" {
		os.Setenv("TMPDIR", dir)
		defer os.RemoveAll(dir)
	}
	return m.M.Run()
}

// TestStories runs each story of testdata/*.txtar: the real main and the real git, in a home of its own. After each, the
// real git finds nothing wrong with any repository that the story made, and every fabric verifies.
func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata"),
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: false,
		Setup:               setUp,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"same":    same,
			"capture": capture,
		},
	})
}

// setUp gives a story a clean home, a pinned identity and no configuration of the machine's.
func setUp(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, ".home")
	for _, dir := range []string{home, filepath.Join(home, "tmp")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	config := "[user]\n\tname = Sam Sample\n\temail = sam@example.com\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n" +
		"[protocol \"file\"]\n\tallow = always\n[gc]\n\tautoDetach = false\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o644); err != nil {
		return err
	}
	env.Vars = append(env.Vars,
		"HOME="+home,
		"TMPDIR="+filepath.Join(home, "tmp"),
		"XDG_CONFIG_HOME="+filepath.Join(home, "config"),
		"XDG_CACHE_HOME="+filepath.Join(home, "cache"),
		"XDG_DATA_HOME="+filepath.Join(home, "data"),
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_DATE=2024-05-01T10:00:00Z",
		"GIT_COMMITTER_DATE=2024-05-01T10:00:00Z",
		"GIT_TERMINAL_PROMPT=0",
		"JITOS_NOW=1714557600",
		"JITOS_ALLOW="+runner.AllowUnsandboxed, // where the machine has no sandboxes
		"NO_COLOR=1",
		"LC_ALL=C.UTF-8",
		"TZ=UTC",
		"MODULE="+moduleDir(),
	)
	if disk != "" {
		dir, err := os.MkdirTemp(disk, "jitos-story-")
		if err != nil {
			return err
		}
		env.Vars = append(env.Vars, "DISK="+dir)
		env.Defer(func() { os.RemoveAll(dir) })
	}
	// What Go jobs need of the machine: the story's home is empty, and a cold build cache costs half a minute.
	for name, value := range goEnv() {
		env.Vars = append(env.Vars, name+"="+value)
		if name == "GOCACHE" {
			if err := lendGoCache(filepath.Join(home, "cache", "jitos", "tools", "go"), value); err != nil {
				return err
			}
		}
	}
	env.Vars = append(env.Vars, "GOPROXY=off", "GOFLAGS=", "GOTOOLCHAIN=local")
	env.Defer(func() { checkAll(env) })
	return nil
}

// goEnv is where Go keeps things on this machine; nothing where there is no Go.
var goEnv = sync.OnceValue(func() (vars map[string]string) {
	if out, err := exec.Command("go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOROOT", "GOPATH").Output(); err == nil {
		_ = json.Unmarshal(out, &vars)
	}
	return vars
})

// moduleDir is the top of this module, for stories that build something of it.
func moduleDir() string {
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return ""
	}
	return dir
}

// condition knows what a story may need of the machine. JITOS_REQUIRE turns its absence into a failure.
func condition(name string) (bool, error) {
	switch name {
	case "disk":
		return disk != "", nil
	case "heavy":
		return os.Getenv("JITOS_HEAVY") != "", nil
	}
	if name != "overlayfs" && name != "sandbox" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	dir, err := os.MkdirTemp("", "overlays-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	e := &runner.Executor{Cache: dir, OverlayFrom: 1, Unsandboxed: func() bool { return true }}
	how, err := e.Overlays(context.Background())
	if name == "sandbox" {
		how, _, err = e.Sandboxed(context.Background())
	}
	if err == nil && how == "" && slices.Contains(strings.Split(os.Getenv("JITOS_REQUIRE"), ","), name) {
		err = fmt.Errorf("%s is required, and does not work here", name)
	}
	return how != "", err
}

// lendGoCache puts the machine's build cache where jobs find the one of jitos's own.
func lendGoCache(dir, cache string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Symlink(cache, filepath.Join(dir, "gocache"))
}

// checkAll asks the real git, and jitos itself, about every repository below the story's directory.
func checkAll(env *testscript.Env) {
	var bad bytes.Buffer
	filepath.WalkDir(env.WorkDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if path == filepath.Join(env.WorkDir, ".home") {
			return fs.SkipDir
		}
		if !isRepository(path) {
			return nil
		}
		for _, args := range [][]string{{"git", "fsck", "--strict", "--no-dangling", "--no-progress"}, {"jitos", "verify"}} {
			if args[0] == "jitos" && !hasFabric(env, path) {
				continue
			}
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Dir, cmd.Env = path, env.Vars
			if out, err := cmd.CombinedOutput(); err != nil && !expectedBroken(path) {
				bad.WriteString(strings.Join(args, " ") + " in " + path + ": " + err.Error() + "\n" + string(out))
			}
		}
		if filepath.Base(path) == ".git" || strings.HasSuffix(path, ".git") {
			return fs.SkipDir
		}
		return nil
	})
	if bad.Len() > 0 {
		env.T().Log(bad.String())
		env.T().FailNow()
	}
}

// expectedBroken tells whether the story says, by a file of this name beside the repository, that it broke it on purpose.
func expectedBroken(dir string) bool {
	_, err := os.Stat(strings.TrimSuffix(dir, "/.git") + ".broken-on-purpose")
	return err == nil
}

// isRepository finds work trees and bare repositories.
func isRepository(dir string) bool {
	for _, name := range []string{".git", "HEAD"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			if name == ".git" {
				return true
			}
			_, err := os.Stat(filepath.Join(dir, "objects"))
			return err == nil && filepath.Base(dir) != ".git"
		}
	}
	return false
}

func hasFabric(env *testscript.Env, dir string) bool {
	cmd := exec.Command("git", "rev-parse", "-q", "--verify", "refs/heads/jitos/system")
	cmd.Dir, cmd.Env = dir, env.Vars
	return cmd.Run() == nil
}

// exits runs a command and wants the exit code: exits 5 jitos push.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENTS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// capture keeps the trimmed stdout of the last command in a variable: capture TASK.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture VARIABLE")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// same wants two words to be equal: same $BEFORE $AFTER.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] same WORD WORD")
	}
	if (args[0] == args[1]) == neg {
		ts.Fatalf("%q and %q", args[0], args[1])
	}
}
