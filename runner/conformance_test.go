package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/llm/llmtest"
)

// contender is a worker under the conformance suite: each is told to run a shell script in its own way, so that one suite holds
// for all. TestConformance names them.
type contender struct {
	name string
	// action makes the worker run the script in its directory.
	action func(t *testing.T, e *Executor, script string) jitos.Action
	// broken makes it fail, and missing lack what it runs with; nil where the script's own exit status does.
	broken, missing func(t *testing.T, e *Executor) jitos.Action
}

func shellAction(script string) jitos.Action {
	return jitos.Action{Step: jitos.Step{Name: "job", Worker: "shell", Run: script, Needs: writeAll}, Grants: writeAll}
}

var shellContender = contender{
	name:    "shell",
	action:  func(_ *testing.T, _ *Executor, script string) jitos.Action { return shellAction(script) },
	broken:  func(*testing.T, *Executor) jitos.Action { return shellAction("exit 3") },
	missing: func(*testing.T, *Executor) jitos.Action { return shellAction("no-such-program-at-all") },
}

// agentContender is a shell as an agent: it takes the prompt for a script, and stops before the rules that follow it.
var agentContender = contender{
	name: "agent",
	action: func(t *testing.T, e *Executor, script string) jitos.Action {
		return configured(t, e, "agent/sh", "agent: {sh: {run: [sh, -e]}}", script+"\nexit 0")
	},
	broken: func(t *testing.T, e *Executor) jitos.Action {
		return configured(t, e, "agent/sh", "agent: {sh: {run: [sh, -e]}}", "echo no; exit 3")
	},
	missing: func(t *testing.T, e *Executor) jitos.Action {
		return configured(t, e, "agent/none", "agent: {none: {run: [no-such-program-at-all]}}", "true")
	},
}

// adapterContender is the template that the repository brings, as anybody would build it.
var adapterContender = contender{
	name:   "adapter",
	action: func(t *testing.T, e *Executor, script string) jitos.Action { return templateAdapter(t, e, script) },
	broken: func(t *testing.T, e *Executor) jitos.Action { return templateAdapter(t, e, "exit 3") },
	missing: func(t *testing.T, e *Executor) jitos.Action {
		return templateAdapter(t, e, "no-such-program-at-all")
	},
}

func templateAdapter(t *testing.T, e *Executor, script string) jitos.Action {
	t.Helper()
	return configured(t, e, "adapter/template", "adapter: {template: {run: ["+buildTemplate()+"]}}", script)
}

// buildTemplate builds runner/template once.
var buildTemplate = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "adapter-")
	if err != nil {
		panic(err)
	}
	atExit = append(atExit, func() { os.RemoveAll(dir) })
	bin := filepath.Join(dir, "adapter")
	if out, err := exec.Command("go", "build", "-o", bin, "./template").CombinedOutput(); err != nil {
		panic(string(out))
	}
	return bin
})

// workInMemory has what tests write be in memory, where that can be: on a disk a third of their processor time is the file
// system's.
var workInMemory = func() {}

// atExit is what TestMain does last.
var atExit []func()

// llmContender is a model that does what the script says by its tool, once, and then ends.
var llmContender = contender{
	name: "llm",
	action: func(t *testing.T, e *Executor, script string) jitos.Action {
		args, err := json.Marshal(map[string]string{"command": script})
		if err != nil {
			t.Fatal(err)
		}
		return scripted(t, e, "", llmtest.Turn{Text: "I run it.", Calls: []llmtest.Call{{Name: "run", Args: string(args)}}}, llmtest.Turn{Text: "It is done."})
	},
	broken: func(t *testing.T, e *Executor) jitos.Action {
		return scripted(t, e, "turns: 2,", llmtest.Turn{Calls: []llmtest.Call{{Name: "list", Args: "{}"}}})
	},
	missing: func(t *testing.T, e *Executor) jitos.Action {
		a := scripted(t, e, "key: NO_SUCH_VARIABLE_AT_ALL,", llmtest.Turn{Text: "never asked"})
		return a
	},
}

// scripted configures a model that a scripted server plays, and makes an action for it. more is part of its definition.
func scripted(t *testing.T, e *Executor, more string, turns ...llmtest.Turn) jitos.Action {
	t.Helper()
	server := httptest.NewServer(&llmtest.Server{Turns: turns})
	t.Cleanup(server.Close)
	return scriptedBy(t, e, server.URL, more)
}

func scriptedBy(t *testing.T, e *Executor, url, more string) jitos.Action {
	t.Helper()
	if !strings.Contains(more, "key:") {
		more += " key: PATH," // any variable that is set: what it holds does not matter to a script
	}
	if !strings.Contains(more, "protocol:") {
		more += " protocol: anthropic,"
	}
	e.wait = func(context.Context, time.Duration) error { return nil }
	return configured(t, e, "llm", "llm: {default: {"+more+" url: '"+url+"', model: m}}", "do it")
}

// configured puts a worker on the executor's roster, allows it, and makes the action that gives it a prompt.
func configured(t *testing.T, e *Executor, name, yaml, prompt string) jitos.Action {
	t.Helper()
	roster := &Roster{members: map[string]Member{}}
	if err := roster.read("workers.yaml", []byte(yaml)); err != nil {
		t.Fatal(err)
	}
	e.Roster, e.Allowed = roster, func(string) bool { return true }
	return jitos.Action{Step: jitos.Step{Name: "job", Worker: name, Needs: writeAll}, Grants: writeAll, Args: map[string]string{"prompt": prompt}}
}

// TestConformance is the one suite that every worker passes. A new worker is a new contender.
func TestConformance(t *testing.T) {
	for _, s := range []contender{shellContender, agentContender, adapterContender, llmContender} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			testWorker(t, s)
		})
	}
}

func testWorker(t *testing.T, s contender) {
	e, m := newExecutor(t)
	tree := put(t, m, files{"a": "a\n", "dir/b": "b\n"})
	do := func(t *testing.T, a jitos.Action) (jitos.Result, *testHost) {
		t.Helper()
		a.Tree = tree
		host := &testHost{t: t, e: e}
		r, err := e.Execute(t.Context(), a, host)
		if err != nil {
			t.Fatal(err)
		}
		return r, host
	}

	t.Run("what it leaves is the result", func(t *testing.T) {
		r, _ := do(t, s.action(t, e, `echo new > dir/c; rm a; pwd`))
		wantVerdict(t, r, jitos.Pass, "")
		if got, want := get(t, m, r.Tree).String(), (files{"dir/b": "b\n", "dir/c": "new\n"}).String(); got != want {
			t.Errorf("it left\n%s\nwant\n%s", got, want)
		}
	})
	t.Run("what it may not write is denied", func(t *testing.T) {
		a := s.action(t, e, `echo new > dir/c; echo x > a`)
		a.Step.Needs = append([]string{"fs.write:dir/**"}, without(a.Step.Needs, "fs.write")...)
		r, _ := do(t, a)
		wantVerdict(t, r, jitos.Fail, "denied: wrote a without fs.write")
		if len(r.Findings) != 1 || r.Findings[0].About != jitos.AboutDenied || r.Tree != tree {
			t.Errorf("findings %v", r.Findings)
		}
	})
	t.Run("artifacts", func(t *testing.T) {
		a := s.action(t, e, `echo forty-two > "$JITOS_OUT/answer"`)
		a.Step.Produces = []string{"answer"}
		r, _ := do(t, a)
		wantVerdict(t, r, jitos.Pass, "")
		if r.Artifacts["answer"] != "forty-two" {
			t.Errorf("artifacts %v", r.Artifacts)
		}
		a = s.action(t, e, "true")
		a.Step.Produces = []string{"answer"}
		r, _ = do(t, a)
		wantVerdict(t, r, jitos.Fail, "it did not produce answer")
	})
	t.Run("it finds no repository, no store, no fabric", func(t *testing.T) {
		r, _ := do(t, s.action(t, e, `! git rev-parse --git-dir 2>/dev/null; test ! -e .git; test ! -e .jitos; ! env | grep ^GIT_DIR; echo ok > ok`))
		wantVerdict(t, r, jitos.Pass, "")
		if get(t, m, r.Tree)["ok"] != "ok\n" {
			t.Errorf("it found something: %s", r.Output)
		}
	})
	t.Run("failing is a result", func(t *testing.T) {
		r, _ := do(t, s.broken(t, e))
		wantVerdict(t, r, jitos.Fail, "")
		if r.Reason == "" || r.Tree != tree {
			t.Errorf("reason %q, tree %s", r.Reason, r.Tree)
		}
	})
	t.Run("what is missing is named, and no failure", func(t *testing.T) {
		r, _ := do(t, s.missing(t, e))
		wantVerdict(t, r, jitos.CouldNot, "")
		if r.Reason == "" || r.Report != nil {
			t.Errorf("reason %q", r.Reason)
		}
	})
	t.Run("output is bounded", func(t *testing.T) {
		r, _ := do(t, s.action(t, e, `i=0; while [ $i -lt 6000 ]; do echo "line $i of a good many lines, each as long as this one"; i=$((i+1)); done; echo done > done`))
		if n := len(r.Output); n > keptHead+keptTail+1000 || r.Verdict != jitos.Pass {
			t.Errorf("%s, %d bytes of output kept", r.Verdict, n)
		}
		for name, text := range r.Artifacts {
			if len(text) > maxArtifact {
				t.Errorf("artifact %s has %d bytes", name, len(text))
			}
		}
	})
	t.Run("it says how it goes", func(t *testing.T) {
		_, host := do(t, s.action(t, e, `for i in 1 2 3 4 5 6; do echo "step $i"; sleep 0.5; done`))
		if len(host.said) == 0 {
			t.Error("three seconds, and not a word")
		}
	})
	e.NoSandbox = true // a file outside tells who is alive: the harder case
	t.Run("nothing is left running", func(t *testing.T) {
		pid := filepath.Join(t.TempDir(), "pid")
		r, _ := do(t, s.action(t, e, fmt.Sprintf(`(setsid sh -c 'echo $$ > %s; exec sleep 300' >/dev/null 2>&1 &) ; while ! test -s %s; do sleep 0.02; done`, pid, pid)))
		wantVerdict(t, r, jitos.Pass, "")
		wantDead(t, pid)
	})
	t.Run("a timeout ends all of it", func(t *testing.T) {
		pid := filepath.Join(t.TempDir(), "pid")
		a := s.action(t, e, fmt.Sprintf(`echo $$ > %s; sleep 300`, pid))
		a.Step.Timeout = 1
		r, _ := do(t, a)
		wantVerdict(t, r, jitos.Fail, "longer than 1s")
		wantDead(t, pid)
	})
	t.Run("the end of the context ends all of it", func(t *testing.T) {
		pid := filepath.Join(t.TempDir(), "pid")
		a := s.action(t, e, fmt.Sprintf(`echo $$ > %s; sleep 300`, pid))
		a.Tree = tree
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for range 2000 {
				if raw, err := os.ReadFile(pid); err == nil && strings.HasSuffix(string(raw), "\n") {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			cancel()
		}()
		if _, err := e.Execute(ctx, a, &testHost{t: t, e: e}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the context's error", err)
		}
		wantDead(t, pid)
	})
}

// without drops the needs of a verb.
func without(needs []string, verb string) []string {
	var rest []string
	for _, n := range needs {
		if !strings.HasPrefix(n, verb) {
			rest = append(rest, n)
		}
	}
	return rest
}

// wantDead wants the process whose number is in a file to be gone.
func wantDead(t *testing.T, file string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal("it never ran")
	}
	pid := strings.TrimSpace(string(raw))
	if state, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil && !strings.Contains(string(state), ") Z ") {
		t.Errorf("process %s is still alive", pid)
	}
}
