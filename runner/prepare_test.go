package runner

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// workingTree makes a repository of the user's with files on disk.
func workingTree(t *testing.T, f files) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	writeFiles(t, dir, f)
	return dir
}

func writeFiles(t *testing.T, dir string, f files) {
	t.Helper()
	for p, content := range f {
		link, isLink := strings.CutPrefix(p, "-> ")
		p = filepath.Join(dir, link)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if isLink {
			err = os.Symlink(content, p)
		} else {
			err = os.WriteFile(p, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func chain(name string) func(*jitos.Action) {
	return func(a *jitos.Action) { a.Step.Chain = name }
}

func only(t methods.Toolchain) func(string) (methods.Toolchain, bool) {
	return func(name string) (methods.Toolchain, bool) { return t, name == t.Name }
}

func TestLend(t *testing.T) {
	e, m := newExecutor(t)
	lock := files{"lock": "v1", ".gitignore": "deps/\n*.local\n"}
	e.Repo = workingTree(t, files{"lock": "v1", ".gitignore": "deps/\n*.local\n", "deps/a/index": "lib", "-> deps/link": "a/index", "env.local": "secret",
		"deps/.cache/x": "x", "deps/b": "b", "mine/y": "unsaved"})
	e.Lend = []string{"env.local", "../outside", ".git", "gone"}
	e.Toolchain = only(methods.Toolchain{Name: "tc", Lend: []string{"deps", "mine"}})
	tree := put(t, m, lock)
	r := run(t, e, tree, `cat deps/a/index deps/link env.local; test ! -e mine; test ! -e .git
		echo broken > deps/a/index; rm deps/link; echo new > deps/new; echo changed > env.local; echo out > result`, chain("tc"))
	wantVerdict(t, r, jitos.Pass, "")
	if !strings.HasPrefix(r.Output, "liblibsecret") {
		t.Errorf("lent: %q", r.Output)
	}
	if got := get(t, m, r.Tree); got["result"] != "out\n" || len(got) != 3 {
		t.Errorf("captured what was lent: %s", got)
	}
	for p, want := range map[string]string{"deps/a/index": "lib", "deps/link": "lib", "env.local": "secret"} {
		if raw, err := os.ReadFile(filepath.Join(e.Repo, p)); err != nil || string(raw) != want {
			t.Errorf("the user's %s is now %q, %v", p, raw, err)
		}
	}
	// The next job gets the originals again, as they are by then.
	writeFiles(t, e.Repo, files{"deps/a/more": "more"})
	if err := os.RemoveAll(filepath.Join(e.Repo, "deps", ".cache")); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, e.Repo, files{"deps/b": "newer"})
	r = run(t, e, tree, `cat deps/a/index deps/link deps/b deps/a/more env.local; test ! -e deps/new; test ! -e deps/.cache`, chain("tc"))
	wantVerdict(t, r, jitos.Pass, "")
	if r.Output != "liblibnewermoresecret\n" {
		t.Errorf("lent the second time: %q", r.Output)
	}
	// Without the toolchain, and where the files have a directory of that name, nothing is lent.
	wantVerdict(t, run(t, e, tree, "test ! -e deps && test -e env.local"), jitos.Pass, "")
	r = run(t, e, put(t, m, files{"deps/own": "own"}), "test $(ls deps) = own", chain("tc"))
	wantVerdict(t, r, jitos.Pass, "")
	wantVerdict(t, run(t, e, tree, "test -f deps/a/index", chain("tc")), jitos.Pass, "")
}

// The tests of an editable install would otherwise import the user's working tree, whatever the job's files say.
func TestLendRelocates(t *testing.T) {
	e, m := newExecutor(t)
	e.Repo = workingTree(t, files{".gitignore": ".venv\n"})
	writeFiles(t, e.Repo, files{".venv/bin/tool": "#!" + e.Repo + "/.venv/bin/python\n", ".venv/lib/site/x.pth": e.Repo + "/src\n" + e.Repo + "2/src\n",
		".venv/lib/site/plain.py": "path = '" + e.Repo + "/src'\n", "-> .venv/src": e.Repo + "/src"})
	e.Toolchain = only(methods.Toolchain{Name: "py", Lend: []string{".venv"}})
	r := run(t, e, put(t, m, files{".gitignore": ".venv\n", "src/a": "job's"}), `
		test "$(head -n 1 .venv/bin/tool)" = "#!$PWD/.venv/bin/python"
		test "$(head -n 1 .venv/lib/site/x.pth)" = "$PWD/src"
		test "$(tail -n 1 .venv/lib/site/x.pth)" = "`+e.Repo+`2/src"
		grep -q "`+e.Repo+`" .venv/lib/site/plain.py
		cat .venv/src/a`, chain("py"))
	wantVerdict(t, r, jitos.Pass, "")
	if r.Output != "job's\n" {
		t.Errorf("the link leads to %q", r.Output)
	}
}

func TestPrepare(t *testing.T) {
	e, m := newExecutor(t)
	cache, err := e.cacheDir()
	if err != nil {
		t.Fatal(err)
	}
	count := filepath.Join(cache, "tools", "tc", "tc_cache", "count")
	tc := methods.Toolchain{Name: "tc", Title: "Tool", Lend: []string{"deps"}, Caches: []string{"TC_CACHE"}, Prepare: []methods.Prepare{{Where: []string{"lock"}, Key: []string{"conf/rc"},
		Run:  "echo run >> $TC_CACHE/count; test ! -e code; mkdir -p deps/bin; cp lock deps/installed; echo $PWD > deps/bin/where; if grep -q broken lock; then echo no such version; exit 1; fi",
		Lend: []string{"deps"}}}}
	e.Toolchain = only(tc)
	runs := func() int {
		raw, _ := os.ReadFile(count)
		return strings.Count(string(raw), "run")
	}
	script := `cat deps/installed; test "$(cat deps/bin/where)" = "$PWD"; echo spoilt > deps/installed`
	for i, c := range []struct {
		f    files
		out  string
		runs int
	}{
		{files{"lock": "v1\n", "code": "1"}, "v1\n", 1},
		{files{"lock": "v1\n", "code": "2"}, "v1\n", 1},
		{files{"lock": "v2\n", "code": "2"}, "v2\n", 2},
		{files{"lock": "v2\n", "code": "2", "conf/rc": "x"}, "v2\n", 3},
		{files{"lock": "v1\n", "code": "3"}, "v1\n", 3},
	} {
		tree := put(t, m, c.f)
		r := run(t, e, tree, script, chain("tc"))
		wantVerdict(t, r, jitos.Pass, "")
		if r.Output != c.out || runs() != c.runs || r.Tree != tree {
			t.Errorf("%d: %q after %d installations, want %q after %d", i, r.Output, runs(), c.out, c.runs)
		}
	}
	broken := put(t, m, files{"lock": "broken"})
	for range 2 {
		wantVerdict(t, run(t, e, broken, "true", chain("tc")), jitos.CouldNot, "the dependencies for Tool could not be installed: exit status 1: no such version")
	}
	if runs() != 4 {
		t.Errorf("a failed installation ran %d times", runs()-3)
	}
	// Another process finds what was installed.
	other := &Executor{Objects: m, Cache: e.Cache, Toolchain: e.Toolchain, Unsandboxed: e.Unsandboxed}
	defer other.Close()
	wantVerdict(t, run(t, other, put(t, m, files{"lock": "v1\n"}), script, chain("tc")), jitos.Pass, "")
	if runs() != 4 {
		t.Error("another process installed again")
	}
	// What the user has installed from the same files is lent instead; from other files it is only the last resort.
	e.Repo = workingTree(t, files{".gitignore": "deps\n", "lock": "v9\n", "deps/installed": "the user's\n"})
	for _, c := range []struct{ lock, out string }{{"v9\n", "the user's\n"}, {"v1\n", "v1\n"}, {"broken", "the user's\n"}} {
		r := run(t, e, put(t, m, files{"lock": c.lock}), "cat deps/installed", chain("tc"))
		wantVerdict(t, r, jitos.Pass, "")
		if r.Output != c.out {
			t.Errorf("lock %q: lent %q, want %q", c.lock, r.Output, c.out)
		}
	}
}

// A toolchain of another's making runs nothing before it was allowed.
func TestPrepareNeedsLeave(t *testing.T) {
	e, m := newPlain(t)
	made := filepath.Join(t.TempDir(), "made")
	e.Toolchain = only(methods.Toolchain{Name: "tc", Origin: "abc", Version: "touch " + made, Ask: map[string]string{"X": "touch " + made},
		Prepare: []methods.Prepare{{Where: []string{"lock"}, Run: "touch " + made}}})
	tree := put(t, m, files{"lock": ""})
	wantVerdict(t, run(t, e, tree, "true", chain("tc")), jitos.Pass, "")
	if env, err := e.Environment(t.Context(), "tc"); err != nil || !strings.Contains(env, "not allowed") {
		t.Errorf("environment %q, %v", env, err)
	}
	if hasFile(made) {
		t.Error("something ran")
	}
	e.Allowed = func(hash string) bool { return hash == "abc" }
	wantVerdict(t, run(t, e, tree, "true", chain("tc")), jitos.Pass, "")
	if !hasFile(made) {
		t.Error("nothing ran once it was allowed")
	}
}

// Where a preparation only warms a cache, the job itself says what it lacks.
func TestPrepareWithoutLoans(t *testing.T) {
	e, m := newExecutor(t)
	var log []string
	e.Log = func(line string) { log = append(log, line) }
	e.Toolchain = only(methods.Toolchain{Name: "tc", Title: "Tool", Prepare: []methods.Prepare{{Where: []string{"mod"}, Run: "echo offline; exit 1"}}})
	wantVerdict(t, run(t, e, put(t, m, files{"mod": ""}), "true", chain("tc")), jitos.Pass, "")
	if len(log) != 1 || !strings.Contains(log[0], "offline") {
		t.Errorf("log %q", log)
	}
}

func TestReadLend(t *testing.T) {
	dir := t.TempDir()
	if list, err := ReadLend(filepath.Join(dir, "none")); err != nil || list != nil {
		t.Errorf("%q, %v", list, err)
	}
	writeFiles(t, dir, files{"lend": "# mine\n node_modules   # large\n\npackages/a/node_modules\n"})
	if list, err := ReadLend(filepath.Join(dir, "lend")); err != nil || strings.Join(list, "|") != "node_modules|packages/a/node_modules" {
		t.Errorf("%q, %v", list, err)
	}
}

func TestEnvironment(t *testing.T) {
	e, _ := newExecutor(t)
	e.Toolchain = func(name string) (methods.Toolchain, bool) {
		switch name {
		case "two":
			return methods.Toolchain{Name: name, Version: "echo one; echo noise >&2; echo two"}, true
		case "none":
			return methods.Toolchain{Name: name, Version: "no-such-tool --version"}, true
		}
		return methods.Toolchain{}, false
	}
	for name, want := range map[string]string{"": "", "unknown": "", "two": "; one; two", "none": "; none not installed"} {
		got, err := e.Environment(t.Context(), name)
		if _, after, _ := strings.Cut(got+" ", "/"); err != nil || !strings.HasSuffix(strings.TrimSpace(after), want) || strings.Contains(want, ";") != strings.Contains(got, ";") {
			t.Errorf("environment of %q: %q, %v; want …%q", name, got, err, want)
		}
	}
}

func TestToolchainVariables(t *testing.T) {
	e, m := newExecutor(t)
	t.Setenv("TC_INHERIT", "inherited")
	t.Setenv("HTTPS_PROXY", "http://user:secret@proxy")
	e.Toolchain = only(methods.Toolchain{Name: "tc", Env: []string{"TC_INHERIT", "TC_UNSET"}, Caches: []string{"TC_CACHE"},
		Ask: map[string]string{"TC_ASKED": "echo \" $HOME \"", "TC_SILENT": "exit 1"}})
	tree := put(t, m, files{"a": ""})
	script := `echo "$TC_INHERIT|${TC_UNSET-unset}|$TC_ASKED|${TC_SILENT-unset}|${HTTPS_PROXY-unset}"; echo x >> "$TC_CACHE/kept"; wc -l < "$TC_CACHE/kept"`
	for i := range 2 {
		r := run(t, e, tree, script, chain("tc"))
		want := "inherited|unset|" + os.Getenv("HOME") + "|unset|unset\n" + string(rune('1'+i)) + "\n"
		if r.Verdict != jitos.Pass || r.Output != want || r.Tree != tree {
			t.Errorf("%d: %q, want %q", i, r.Output, want)
		}
	}
	r := run(t, e, tree, script, chain("tc"), func(a *jitos.Action) { a.Step.Needs = append([]string{"net"}, writeAll...) })
	if !strings.Contains(r.Output, "|http://user:secret@proxy\n") {
		t.Errorf("with the network: %q", r.Output)
	}
}
