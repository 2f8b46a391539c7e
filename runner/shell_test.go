package runner

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jitos/jitos"
)

func TestShellEnvironment(t *testing.T) {
	e, m := newExecutor(t)
	t.Setenv("SECRET_TOKEN", "s3cret")
	t.Setenv("PYTHONPATH", "/somewhere")
	r := run(t, e, put(t, m, files{"a": "a"}), `env; cat; touch "$HOME/h" "$TMPDIR/t"; ls -A "$HOME" "$TMPDIR"`, func(a *jitos.Action) {
		a.Args = map[string]string{"pkg-name": "two\nlines", "x": ""}
	})
	wantVerdict(t, r, jitos.Pass, "")
	for _, want := range []string{"LANG=C.UTF-8\n", "TZ=UTC\n", "CI=true\n", "ARG_PKG_NAME=two\nlines\n", "ARG_X=\n", "PWD=.\n", "PATH=" + os.Getenv("PATH") + "\n"} {
		if !strings.Contains(r.Output, want) {
			t.Errorf("the environment lacks %q:\n%s", want, r.Output)
		}
	}
	for _, not := range []string{"s3cret", "/somewhere", "HOME=" + os.Getenv("HOME") + "\n"} {
		if strings.Contains(r.Output, not) {
			t.Errorf("the environment holds %q:\n%s", not, r.Output)
		}
	}
	r = run(t, e, put(t, m, files{"a": "a"}), `test ! -e "$HOME/h" && test ! -e "$TMPDIR/t"`)
	wantVerdict(t, r, jitos.Pass, "")
}

func TestShellEndsAtFirstFailure(t *testing.T) {
	e, m := newExecutor(t)
	r := run(t, e, put(t, m, files{}), "echo one\nfalse\necho two")
	wantVerdict(t, r, jitos.Fail, "exit status 1: one")
}

func TestShellArtifacts(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{"a": "a"})
	r := run(t, e, tree, `echo abc > $JITOS_OUT/commit; printf 'x\ny\n' > $JITOS_OUT/log; : > $JITOS_OUT/none`, func(a *jitos.Action) {
		a.Step.Produces = []string{"commit", "log"}
	})
	wantVerdict(t, r, jitos.Pass, "")
	if got := fmt.Sprintf("%q", r.Artifacts); got != `map["commit":"abc" "log":"x\ny\n" "none":""]` || r.Tree != tree {
		t.Errorf("artifacts %s", got)
	}
	for script, want := range map[string]string{
		"true": "it did not produce commit",
		`head -c 300000 /dev/zero > $JITOS_OUT/commit`: "longer than 256 KB",
		`printf '\377' > $JITOS_OUT/commit`:            "it is no text",
		`ln -s /etc/passwd $JITOS_OUT/commit`:          "no regular file",
		`mkdir $JITOS_OUT/commit`:                      "no regular file",
		`rm -r $JITOS_OUT`:                             "it did not produce commit",
		`for i in 1 2 3 4 5; do head -c 250000 /dev/zero | tr '\0' x > $JITOS_OUT/$i; done`: "all artifacts together",
	} {
		r := run(t, e, tree, script, func(a *jitos.Action) { a.Step.Produces = []string{"commit"} })
		wantVerdict(t, r, jitos.Fail, want)
	}
}

func TestShellOutputIsBounded(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{"dir/a": "a"})
	r := run(t, e, tree, `echo first; i=0; while [ $i -lt 20000 ]; do echo "line $i of twenty thousand"; i=$((i+1)); done; echo last`)
	wantVerdict(t, r, jitos.Pass, "")
	if n := len(r.Output); n > keptHead+keptTail+100 || n < keptTail {
		t.Errorf("%d bytes kept", n)
	}
	head, tail, cut := strings.Cut(r.Output, "… ")
	if !cut || !strings.HasPrefix(head, "first\n") || !strings.HasSuffix(tail, "twenty thousand\nlast\n") {
		t.Errorf("kept %.60q … %q", r.Output, r.Output[len(r.Output)-60:])
	}
	var bytes int
	fmt.Sscanf(tail, "%d", &bytes)
	all := len("first\nlast\n")
	for i := range 20000 {
		all += len(fmt.Sprintf("line %d of twenty thousand\n", i))
	}
	if kept := len(r.Output) - len(fmt.Sprintf("… %d bytes cut …\n", bytes)); kept+bytes != all {
		t.Errorf("%d kept + %d cut is not %d", kept, bytes, all)
	}
	r = run(t, e, tree, `printf '\033[31mred\033[0m \033]0;title\007x\r\nold\rnew\n\000\377\n'; echo "$PWD/dir/a"; pwd`)
	if want := "red x\nnew\n\uFFFD\ndir/a\n.\n"; r.Output != want {
		t.Errorf("output %q, want %q", r.Output, want)
	}
}

func TestPlainLine(t *testing.T) {
	p := place("/c/work/0")
	for line, want := range map[string]string{
		"plain\ttab":                            "plain\ttab",
		"\x1b[1;31mred\x1b[m":                   "red",
		"\x1b[31":                               "",
		"a\x1b]8;;http://x\x1b\\link\x1b]8;;":   "alink",
		"\x1b(Bx\x1b":                           "x",
		"50%\r100%":                             "100%",
		"bell\x07\x7f":                          "bell",
		"/c/work/0/tree/a.go:1: /c/work/0/tree": "a.go:1: .",
		"/c/work/0/tmp/x /c/work/0/home":        "$TMPDIR/x ~",
	} {
		if got := plainLine(line, p); got != want {
			t.Errorf("%q became %q, want %q", line, got, want)
		}
	}
}

// sleeper is a script that starts a process in the background and waits until it has written its number to a file.
func sleeper(how, pidFile string) string {
	return how + ` & while [ ! -s ` + pidFile + ` ]; do sleep 0.01; done`
}

func deadSoon(t *testing.T, pidFile string) {
	t.Helper()
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if !alive(pid) {
		return
	}
	t.Errorf("process %d outlived its job", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// alive tells whether a process can still do anything. One without memory is in the middle of its end, which takes a while
// where a mount namespace ends with it.
func alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	return err == nil && !strings.HasPrefix(string(raw), "0 ")
}

// Whatever a job starts must be dead when it is captured: it could write into the next job's files.
func TestShellKillsTheWholeTree(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("processes are only found by /proc")
	}
	e, m := newPlain(t)
	tree := put(t, m, files{"a": "a"})
	pids := t.TempDir()
	ways := map[string]string{
		"child":             `sh -c 'echo $$ > %s; exec sleep 300'`,
		"no parent":         `sh -c "sh -c 'echo \$\$ > %s; exec sleep 300' &"`,
		"own session":       `setsid sh -c 'echo $$ > %s; exec sleep 300'`,
		"daemon":            `setsid sh -c "cd /; sh -c 'echo \$\$ > %s; exec sleep 300' &" >/dev/null 2>&1 </dev/null`,
		"no environment":    `sh -c "env -i sh -c 'echo \$\$ > %s; exec /bin/sleep 300' &"`,
		"daemon without it": `setsid sh -c "env -i sh -c 'echo \$\$ > %s; exec /bin/sleep 300' &"`,
		"elsewhere":         `sh -c "cd /; env -i sh -c 'echo \$\$ > %s; exec /bin/sleep 300' &"`,
		"descendant":        `sh -c 'env -i /usr/bin/setsid -w /bin/sh -c "cd /; echo \$\$ > %s; exec /bin/sleep 300"; true'`,
		"deaf":              `sh -c 'trap "" TERM HUP INT; echo $$ > %s; while :; do sleep 300; done'`,
	}
	for name, way := range ways {
		for end, script := range map[string]string{"ends": "true", "times out": "sleep 300"} {
			if script != "true" && name != "daemon" && name != "descendant" && name != "deaf" {
				continue // one second each
			}
			t.Run(name+" "+end, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(pids, strings.ReplaceAll(t.Name(), "/", "_"))
				r := run(t, e, tree, sleeper(fmt.Sprintf(way, file), file)+"; "+script, func(a *jitos.Action) { a.Step.Timeout = 1 })
				deadSoon(t, file)
				if script == "true" {
					wantVerdict(t, r, jitos.Pass, "")
				} else {
					wantVerdict(t, r, jitos.Fail, "longer than 1s")
				}
			})
		}
	}
}

// A job that ignores the polite signal gets the other one.
func TestShellKillsTheDeaf(t *testing.T) {
	e, m := newExecutor(t)
	r := run(t, e, put(t, m, files{}), `trap "" TERM; while :; do sleep 300 || true; done`, func(a *jitos.Action) { a.Step.Timeout = 1 })
	wantVerdict(t, r, jitos.Fail, "longer than 1s")
	if r.Took > 60*time.Second {
		t.Errorf("it took %s", r.Took)
	}
}

func TestShellCancelled(t *testing.T) {
	e, m := newPlain(t)
	tree := put(t, m, files{"a": "a"})
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if raw, err := os.ReadFile(file); err == nil && len(raw) > 0 {
				cancel()
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	a := jitos.Action{Step: jitos.Step{Name: "job", Worker: "shell", Run: "echo $$ > " + file + "; sleep 300"}, Tree: tree}
	if _, err := e.Execute(ctx, a, &testHost{t: t, e: e}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	deadSoon(t, file)
	wantVerdict(t, run(t, e, tree, "test $(ls) = a"), jitos.Pass, "")
}

// The next jitos ends what a killed one left running, and wipes its files.
func TestSlotOfKilledProcess(t *testing.T) {
	e, m := newExecutor(t)
	cache, err := e.cacheDir()
	if err != nil {
		t.Fatal(err)
	}
	p := place(filepath.Join(cache, "work", "0"))
	if err := os.MkdirAll(p.tree(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.tree(), "stale"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	left := startMarked(t, p)
	gone := make(chan error, 1)
	go func() { gone <- left.Wait() }()
	r := run(t, e, put(t, m, files{"a": "a"}), fmt.Sprintf("test $(ls) = a; ! kill -0 %d", left.Process.Pid))
	wantVerdict(t, r, jitos.Pass, "")
	if <-gone == nil {
		t.Error("what a killed jitos left running ended by itself")
	}
}

func TestShellCouldNotRun(t *testing.T) {
	e, m := newExecutor(t)
	e.Repo = t.TempDir()
	node := files{"package.json": `{"scripts":{"t":"mocha"},"dependencies":{"left-pad":"1"}}`}
	python := files{"requirements.txt": "requests\n", "pkg/__init__.py": "", "x.sh": "echo\n", "Makefile": "a:\n\tno-such-tool\nb:\n\tfalse\nc: gone.c\n\ttrue\n"}
	for _, c := range []struct {
		f      files
		script string
		report string
		want   jitos.Verdict
		reason string
	}{
		{python, "no-such-tool --version", "", jitos.CouldNot, "no-such-tool: command not found; make .venv"},
		{node, "mocha", "tap", jitos.CouldNot, "mocha: command not found; run `npm ci`"},
		{python, "./x.sh", "", jitos.CouldNot, "./x.sh cannot be executed"},
		{files{}, "exit 127", "", jitos.CouldNot, "a command was not found; install it"},
		{files{}, "exit 126", "", jitos.CouldNot, "cannot be executed"},
		{python, "make a", "exit", jitos.CouldNot, "no-such-tool: command not found"},
		{python, "make b", "exit", jitos.Fail, "exit status 2"},
		{python, "make c", "exit", jitos.Fail, "exit status 2"}, // a missing source is the code's fault
		{python, "make test", "exit", jitos.CouldNot, "make has no target test"},
		{files{}, "make", "exit", jitos.CouldNot, "no makefile"},
		{python, "echo \"ModuleNotFoundError: No module named 'requests.adapters'\"; exit 2", "pytest", jitos.CouldNot, "no module named requests.adapters; make .venv"},
		{python, "echo \"E   ModuleNotFoundError: No module named 'pkg.gone'\"; exit 2", "pytest", jitos.Fail, "exit status 2"},
		{python, "echo '/usr/bin/python3: No module named pytest' >&2; exit 1", "pytest", jitos.CouldNot, "no module named pytest"},
		{node, "echo \"Error: Cannot find module 'left-pad'\"; exit 1", "exit", jitos.CouldNot, "the package left-pad is not installed"},
		{node, "echo \"Error: Cannot find module 'left-pat'\"; exit 1", "exit", jitos.Fail, "exit status 1"},
		{node, "echo \"Error: Cannot find module './gone'\"; exit 1", "exit", jitos.Fail, "exit status 1"},
		{node, "echo 'npm error Missing script: \"test\"'; exit 1", "tap", jitos.CouldNot, "has no script"},
		{node, "echo 'Error: no test specified'; exit 1", "exit", jitos.CouldNot, "has no script"},
		{files{}, "echo 'go: example.com/x@v1.0.0: Get \"https://proxy.example/x.zip\": dial tcp: lookup proxy.example: no such host'; exit 1", "go", jitos.CouldNot, "network was not there (https://proxy.example)"},
		{files{}, "echo 'npm error code ENOTFOUND'; exit 1", "exit", jitos.CouldNot, "network"},
		{files{}, "echo 'go: go.mod requires go >= 1.99 (running go 1.26.0; GOTOOLCHAIN=local)'; exit 1", "go", jitos.CouldNot, "go is too old: it requires go >= 1.99"},
		{files{}, "exit 5", "pytest", jitos.CouldNot, "nothing was collected"},
		{files{}, "true", "pytest", jitos.CouldNot, "nothing was collected"},
		{files{}, "echo 1..0; exit 1", "tap", jitos.CouldNot, "nothing was collected"},
		{files{}, "echo 'ok 1 - a # SKIP'; echo 1..1", "tap", jitos.CouldNot, "every test was skipped"},
		{files{}, "echo 'Ran 0 tests in 0.0s' >&2; exit 5", "unittest", jitos.CouldNot, "nothing was collected"},
		{files{}, "true", "nonsense", jitos.CouldNot, "no report is of the kind nonsense"},
		// A test may print anything: where one failed by its name, nothing else is believed.
		{files{}, "echo 'not ok 1 - a'; echo 'sh: 1: foo: not found'; exit 127", "tap", jitos.Fail, "1 of 1 tests failed: a"},
		{files{}, "echo 'sh: 1: foo: not found'; exit 1", "exit", jitos.Fail, "exit status 1"}, // said by the way
		{files{}, "echo 'not ok 1 - a'; exit 0", "tap", jitos.Fail, "1 of 1 tests failed: a"},
		{files{}, "kill -9 $$", "", jitos.Fail, "signal killed"},
	} {
		r := run(t, e, put(t, m, c.f), c.script, func(a *jitos.Action) { a.Step.Report = c.report })
		if r.Verdict != c.want || !strings.Contains(r.Reason, c.reason) {
			t.Errorf("%s (%s)\n got %q %q\nwant %q %q\n%s", c.script, c.report, r.Verdict, r.Reason, c.want, c.reason, r.Output)
		}
		if r.Verdict == jitos.CouldNot && r.Report != nil {
			t.Errorf("%s: a report of what could not run", c.script)
		}
		if strings.Contains(r.Reason, "\n") {
			t.Errorf("%s: the reason is more than a line: %q", c.script, r.Reason)
		}
	}
}

// An adapter speaks to its program both ways while it runs.
func TestCommandPipes(t *testing.T) {
	p := place(t.TempDir())
	if err := errors.Join(p.fresh(), os.Mkdir(p.tree(), 0o700)); err != nil {
		t.Fatal(err)
	}
	in, out := io.Pipe()
	said, heard := io.Pipe()
	go func() {
		lines := bufio.NewScanner(said)
		for n := 1; n <= 3; n++ {
			fmt.Fprintf(out, "question %d\n", n)
			if !lines.Scan() || lines.Text() != fmt.Sprintf("answer to question %d", n) {
				t.Errorf("the program said %q", lines.Text())
			}
		}
		out.Close()
		_, _ = io.Copy(io.Discard, said)
	}()
	var errs []string
	c := command{place: p, argv: []string{"sh", "-c", `while read -r x; do echo "answer to $x"; done; echo end >&2; exit 3`}, timeout: time.Minute,
		stdin: in, stdout: heard, line: func(stream int, text string) { errs = append(errs, fmt.Sprint(stream, text)) }}
	end, err := c.run(t.Context())
	if err != nil || end.exit != 3 || strings.Join(errs, ";") != "1end" {
		t.Errorf("%+v, %v, told %q", end, err, errs)
	}
	_ = heard.Close()
	if _, err := (command{place: p, argv: []string{"no-such-program"}, timeout: time.Minute}).run(t.Context()); !errors.Is(err, errNoProgram) {
		t.Errorf("a program that is not there: %v", err)
	}
}
