package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// seed makes the random choices of the tests that kill and race processes; 0 takes the time. A test prints what it took.
var seed = flag.Uint64("seed", 0, "seed of the random choices of the tests that kill and race processes")

// heavy tells whether the long tests run.
func heavy() bool { return os.Getenv("JITOS_HEAVY") != "" }

// points is how many calls of each command the heavy tests of faults disturb: JITOS_POINTS, or some.
func points(some int) int {
	if n, err := strconv.Atoi(os.Getenv("JITOS_POINTS")); err == nil {
		return n
	}
	return some
}

// sandbox is a real repository with a fabric, in a home of its own, and real processes at work in it.
type sandbox struct {
	t    *testing.T
	dir  string
	home string
	env  []string
	rand *rand.Rand
}

// said is what one call of a program said. A killed one has code -1.
type said struct {
	args []string
	out  string
	err  string
	code int
	took time.Duration
}

func (s said) String() string {
	return fmt.Sprintf("%s: exit code %d\n%s%s", strings.Join(s.args, " "), s.code, s.out, s.err)
}

func (s said) killed() bool { return s.code == -1 }

// word is the one line that a command printed, whole, or "".
func (s said) word() string {
	line, _, whole := strings.Cut(s.out, "\n")
	if !whole {
		return ""
	}
	return line
}

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	return newSandboxIn(t, t.TempDir())
}

func newSandboxIn(t *testing.T, home string) *sandbox {
	t.Helper()
	n := *seed
	if n == 0 {
		n = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed=%d", n)
	l := &sandbox{t: t, dir: filepath.Join(home, "repo"), home: home, rand: rand.New(rand.NewPCG(n, 0))}
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "GIT_") && !strings.HasPrefix(name, "JITOS_") && !strings.HasPrefix(name, "XDG_") && name != "HOME" {
			l.env = append(l.env, pair)
		}
	}
	l.env = append(l.env, "HOME="+home, "XDG_CONFIG_HOME="+home+"/config", "XDG_CACHE_HOME="+home+"/cache", "XDG_DATA_HOME="+home+"/data",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "NO_COLOR=1", "LC_ALL=C.UTF-8", "JITOS_ALLOW=unsandboxed", "JITOS_SANDBOX=0") // jobs tell by files outside that they ran
	l.write(".gitconfig", "[user]\n\tname = Sam Sample\n\temail = sam@example.com\n[init]\n\tdefaultBranch = main\n\ttemplateDir =\n[gc]\n\tauto = 0\n")
	l.write("repo/Makefile", "test:\n\ttrue\n")
	l.git("init", "-q")
	l.git("add", ".")
	l.git("commit", "-q", "-m", "start")
	if s := l.jitos("", "init"); s.code != 0 {
		t.Fatal(s)
	}
	return l
}

// write makes a file below the home.
func (l *sandbox) write(name, text string) string {
	l.t.Helper()
	path := filepath.Join(l.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// git runs git, which must succeed.
func (l *sandbox) git(args ...string) string {
	l.t.Helper()
	s := l.run(l.dir, 0, "", append([]string{"git"}, args...))
	if s.code != 0 {
		l.t.Fatal(s)
	}
	return strings.TrimSpace(s.out)
}

func (l *sandbox) jitos(stdin string, args ...string) said { return l.kill(0, stdin, args...) }

// kill runs jitos and ends it with SIGKILL after a time; 0 lets it come to its end.
func (l *sandbox) kill(after time.Duration, stdin string, args ...string) said {
	return l.run(l.dir, after, stdin, append([]string{"jitos"}, args...))
}

// run gives the process files to write to, not pipes: a killed one's children may hold on to those.
func (l *sandbox) run(dir string, after time.Duration, stdin string, args []string) said {
	s := said{args: args, code: 1}
	out, err := os.CreateTemp(l.home, "out-")
	if err != nil {
		s.err = err.Error()
		return s
	}
	defer out.Close()
	defer os.Remove(out.Name())
	errs, err := os.CreateTemp(l.home, "err-")
	if err != nil {
		s.err = err.Error()
		return s
	}
	defer errs.Close()
	defer os.Remove(errs.Name())
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, l.env, strings.NewReader(stdin), out, errs
	start := time.Now()
	if err := cmd.Start(); err != nil {
		s.err = err.Error()
		return s
	}
	if after > 0 {
		timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	cmd.Wait()
	s.code, s.took = cmd.ProcessState.ExitCode(), time.Since(start)
	for file, text := range map[*os.File]*string{out: &s.out, errs: &s.err} {
		raw, err := os.ReadFile(file.Name())
		if err != nil {
			s.code, s.err = 1, err.Error()
			return s
		}
		*text += string(raw)
	}
	return s
}

// system opens the system WARP as it is now.
func (l *sandbox) system(ctx context.Context) (jitos.Snapshot, func(), error) {
	repo, err := warpgit.Open(l.dir)
	if err != nil {
		return nil, nil, err
	}
	head, err := repo.Store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return nil, nil, errors.Join(err, repo.Close())
	}
	at, err := repo.Store.Open(ctx, head)
	if err != nil {
		return nil, nil, errors.Join(err, repo.Close())
	}
	return at, func() { repo.Close() }, nil
}

// sound wants the real git and jitos to find nothing wrong, and nothing left of processes that are no more.
func (l *sandbox) sound() {
	l.t.Helper()
	for _, args := range [][]string{{"git", "fsck", "--strict", "--no-dangling", "--no-progress"}, {"jitos", "verify"}, {"git", "for-each-ref"}} {
		s := l.run(l.dir, 0, "", args)
		if s.code != 0 || args[0] == "git" && strings.Contains(s.err, "broken") {
			l.t.Error(s)
		}
	}
	if left := l.left(); len(left) > 0 {
		l.t.Errorf("left behind: %v", left)
	}
}

// left lists what processes that are no more have left in the repository.
func (l *sandbox) left() []string {
	l.t.Helper()
	var left []string
	git := filepath.Join(l.dir, ".git")
	err := filepath.WalkDir(git, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, _ := filepath.Rel(git, path)
		ours := strings.HasPrefix(name, "jitos"+string(filepath.Separator))
		switch {
		case ours && strings.Contains(name, string(filepath.Separator)+"tmp"+string(filepath.Separator)),
			!ours && strings.HasSuffix(name, ".lock"),
			strings.HasPrefix(name, "objects") && (strings.HasSuffix(name, ".keep") || strings.Contains(name, "tmp_")):
			left = append(left, name)
		}
		return nil
	})
	if err != nil {
		l.t.Error(err)
	}
	return left
}

// mark is a rewrite that sets one node.
func mark(name string) string {
	return fmt.Sprintf(`{"what": "mark %[1]s", "set": [{"node": "mark/%[1]s", "fields": {"by": "%[1]s"}}]}`, name)
}

// ends tells how the process of each workspace ended: "collapsed", "discarded" or "" for an open one.
func ends(ctx context.Context, at jitos.Snapshot) (map[string]string, error) {
	fate := map[string]string{}
	for n, err := range at.Nodes(ctx, jitos.KindProcess) {
		if err != nil {
			return nil, err
		}
		p, err := jitos.Get[jitos.Process](ctx, at, n.ID)
		if err != nil {
			return nil, err
		}
		fate[p.SWS] = ""
		for kind, end := range map[string]string{jitos.KindCollapse: "collapsed", jitos.KindAttempt: "discarded"} {
			if ok, err := jitos.Has(ctx, at, jitos.NodeID{Kind: kind, Name: n.ID.Name}); err != nil {
				return nil, err
			} else if ok {
				fate[p.SWS] = end
			}
		}
	}
	return fate, nil
}
