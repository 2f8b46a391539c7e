package runner

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

func TestExecuteCaptures(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{
		"a.txt": "one\n", "dir/b.txt": "two\n", "dir/deep/c.txt": "three\n", "+x run.sh": "#!/bin/sh\necho hi\n",
		"-> link": "dir/b.txt", "-> dir/up": "../a.txt", "-> gone": "nowhere", "@ sub": "", "empty": "", "ü ñ.txt": "x",
	})
	r := run(t, e, tree, "./run.sh && cat link && true")
	wantVerdict(t, r, jitos.Pass, "")
	if r.Tree != tree || r.Output != "hi\ntwo\n" {
		t.Errorf("tree changed to %s; output %q", r.Tree, r.Output)
	}
	r = run(t, e, tree, `
		echo ONE > a.txt
		rm dir/deep/c.txt
		chmod +x dir/b.txt
		chmod -x run.sh
		ln -sf a.txt link
		mkdir -p new/er && echo n > new/er/n.txt && mkdir hollow
		echo lost > sub/file`)
	wantVerdict(t, r, jitos.Pass, "")
	want := files{
		"a.txt": "ONE\n", "+x dir/b.txt": "two\n", "run.sh": "#!/bin/sh\necho hi\n",
		"-> link": "a.txt", "-> dir/up": "../a.txt", "-> gone": "nowhere", "@ sub": "", "empty": "", "ü ñ.txt": "x", "new/er/n.txt": "n\n",
	}
	if got := get(t, m, r.Tree); got.String() != want.String() {
		t.Errorf("captured\n%s\nwant\n%s", got, want)
	}
	// The directory is used again, and must be as fresh as a new one.
	if r := run(t, e, tree, "cat a.txt && ls dir/deep && test ! -e new && test ! -e hollow && test -d sub"); r.Tree != tree {
		t.Errorf("a used directory is not fresh: %s", r.Output)
	}
}

// A job that found a repository would read or write the user's history.
func TestExecuteFindsNoRepository(t *testing.T) {
	e, m := newExecutor(t)
	outer := filepath.Dir(e.Cache)
	tree := put(t, m, files{"a": "a", "sub/b": "b"})
	t.Setenv("GIT_DIR", outer)
	t.Setenv("GIT_WORK_TREE", outer)
	if _, err := e.cacheDir(); err != nil {
		t.Fatal(err)
	}
	// A repository that appears above the cache later is not found either.
	cmd := exec.Command("git", "init", "-q", outer)
	cmd.Env = append(os.Environ(), "GIT_DIR="+filepath.Join(outer, ".git"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	r := run(t, e, tree, "env | grep ^GIT_DIR && exit 3; cd sub && if git rev-parse --git-dir; then exit 4; fi; cd $HOME && ! git rev-parse --git-dir")
	wantVerdict(t, r, jitos.Pass, "")
	if !strings.Contains(r.Output, "not a git repository") {
		t.Errorf("git said %q", r.Output)
	}
}

func TestCacheInsideRepositoryRefused(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	if _, err := makeCache(filepath.Join(dir, "deep", "cache")); err == nil || !strings.Contains(err.Error(), "inside the repository") {
		t.Errorf("a cache inside a repository: %v", err)
	}
	t.Setenv("XDG_CACHE_HOME", dir)
	t.Setenv("TMPDIR", t.TempDir())
	got, err := DefaultCache()
	if err != nil || strings.HasPrefix(got, dir) {
		t.Errorf("default cache %q, %v; want one outside of %s", got, err, dir)
	}
}

func TestExecuteRefusesTrees(t *testing.T) {
	e, m := newExecutor(t)
	for name, c := range map[string]struct {
		f    files
		want string
	}{
		"absolute link":   {files{"-> etc": "/etc/passwd"}, "etc: a link to the absolute path"},
		"escaping link":   {files{"-> d/x": "../../x"}, "d/x: a link that may lead out"},
		"hidden escape":   {files{"-> d/s": "..", "-> d/x": "s/../y"}, "d/x: a link that may lead out"},
		"link into git":   {files{"-> x": ".git/config"}, "x: a link into git"},
		"git directory":   {files{"sub/.git/config": "x"}, "sub/.git: git's own"},
		"git, other case": {files{".GiT": "x"}, ".GiT: git's own"},
		"git, dots":       {files{"sub/.git. .": "x"}, "git's own"},
		"control":         {files{"a\x1bb": "x"}, "a?b: a control character"},
		"git, ignored":    {files{".g\u200dit": "x"}, "git's own"},
		"git, short name": {files{"GIT~1": "x"}, "git's own"},
		"twins by case":   {files{"d/Read": "x", "d/read": "y"}, "d/read: some file systems take it for Read"},
		"twins, composed": {files{"d/\u00c9t\u00e9": "x", "d/e\u0301te\u0301": "y"}, "some file systems take it for"},
		"twins, a dir":    {files{"Docs/a": "x", "docs": "y"}, "docs: some file systems take it for Docs"},
		"fabric":          {files{".jitos/fabric.json": "{}"}, ".jitos: the fabric's own"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, e, put(t, m, c.f), "echo ran")
			wantVerdict(t, r, jitos.CouldNot, c.want)
			if r.Output != "" {
				t.Error("the job ran all the same")
			}
		})
	}
	r := run(t, e, put(t, m, files{".gitignore": "x", ".gitmodules": "", "a/.github/w.yml": "", "-> a/b": "../c/./d", "git": "x", "-> here": "."}), "true")
	wantVerdict(t, r, jitos.Pass, "")
}

func TestExecuteLeavesOut(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{".gitignore": "*.log\nbuild/\n!keep.log\n", "tracked.log": "1", "build/kept.txt": "1", "src/.gitignore": "/gen\n", "src/a": "a"})
	script := `
		echo 2 > tracked.log; echo 2 > build/kept.txt
		echo x > new.log; echo x > keep.log; echo x > build/out; mkdir -p build/sub && echo x > build/sub/o
		echo x > src/gen; mkdir -p other && echo x > other/gen
		git init -q . && git init -q nested && echo x > nested/file
		mkdir -p build/deep/.git && mkfifo build/pipe`
	r := run(t, e, tree, script)
	wantVerdict(t, r, jitos.Pass, "")
	want := files{".gitignore": "*.log\nbuild/\n!keep.log\n", "tracked.log": "2\n", "build/kept.txt": "2\n", "src/.gitignore": "/gen\n",
		"src/a": "a", "keep.log": "x\n", "other/gen": "x\n", "nested/file": "x\n"}
	if got := get(t, m, r.Tree); got.String() != want.String() {
		t.Errorf("captured\n%s\nwant\n%s", got, want)
	}
	r = run(t, e, tree, "mkdir -p build/sub; echo x > build/out; echo x > build/sub/o; echo x > new.log", func(a *jitos.Action) {
		a.Step.Keeps = []string{"build/sub", "new.log"}
	})
	got := get(t, m, r.Tree)
	if got["build/sub/o"] != "x\n" || got["new.log"] != "x\n" || got["build/out"] != "" {
		t.Errorf("kept\n%s", got)
	}
}

func TestExecuteRefusesLeftovers(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{"a": "a"})
	for name, c := range map[string]struct{ script, want string }{
		"fifo":          {"mkfifo pipe", "pipe: a special file"},
		"large":         {"truncate -s 65M big", "big: 65 MB is more"},
		"escaping link": {"ln -s /etc/passwd l", "l: a link to the absolute path /etc/passwd"},
		"fabric":        {"mkdir .jitos && echo {} > .jitos/policy.yaml", ".jitos: a job does not write"},
		"git":           {"mkdir .GIT && echo x > .GIT/config", ".GIT: git's own"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, e, tree, c.script)
			wantVerdict(t, r, jitos.Fail, c.want)
			if r.Tree != tree {
				t.Error("the tree changed")
			}
		})
	}
}

func TestExecuteCapabilities(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{"docs/a": "a", "src/b": "b"})
	with := func(needs, grants []string) func(*jitos.Action) {
		return func(a *jitos.Action) { a.Step.Needs, a.Grants = needs, grants }
	}
	docs := []string{"fs.write:docs/**"}
	script := "echo x > docs/a; echo y > docs/new"
	wantVerdict(t, run(t, e, tree, script, with(docs, docs)), jitos.Pass, "")
	wantVerdict(t, run(t, e, tree, script, with(docs, writeAll)), jitos.Pass, "")
	for name, c := range map[string]struct {
		script        string
		needs, grants []string
		path          string
	}{
		"outside":         {"echo x > docs/a; echo x > src/b", docs, docs, "src/b"},
		"deletion":        {"rm src/b", docs, docs, "src/b"},
		"no more granted": {script, writeAll, []string{"fs.write:src/**"}, "docs/a, docs/new"},
		"no more needed":  {script, nil, writeAll, "docs/a, docs/new"},
		"none":            {"touch fresh", nil, nil, "fresh"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, e, tree, c.script, with(c.needs, c.grants))
			wantVerdict(t, r, jitos.Fail, "denied: wrote "+c.path+" without fs.write")
			if r.Tree != tree || len(r.Findings) != 1 || r.Findings[0].About != "denied" {
				t.Errorf("tree %s, findings %v", r.Tree, r.Findings)
			}
		})
	}
	gate := func(a *jitos.Action) { a.Step.Gate = &jitos.GateRef{Gate: "g"} }
	if r := run(t, e, tree, "echo x > src/b", gate); r.Verdict != jitos.Pass || r.Tree != tree {
		t.Errorf("a gate: %q, tree %s", r.Verdict, r.Tree)
	}
	report := func(a *jitos.Action) { a.Step.Report, a.Step.Needs = "exit", nil }
	if r := run(t, e, tree, "echo x > src/b", report); r.Verdict != jitos.Pass || r.Tree != tree {
		t.Errorf("a test run: %q, tree %s", r.Verdict, r.Tree)
	}
}

func TestExecuteExpects(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{"a": "a"})
	for _, c := range []struct {
		script, expect string
		want           jitos.Verdict
		reason         string
	}{
		{"true", "", jitos.Pass, ""},
		{"true", "pass", jitos.Pass, ""},
		{"true", "fail", jitos.Fail, "it passed, and was expected to fail"},
		{"true", "any", jitos.Pass, ""},
		{"exit 3", "", jitos.Fail, "exit status 3"},
		{"echo why; exit 3", "pass", jitos.Fail, "exit status 3: why"},
		{"exit 3", "fail", jitos.Pass, ""},
		{"exit 3", "any", jitos.Pass, ""},
		{"no-such-command", "fail", jitos.CouldNot, "no-such-command: command not found"},
		{"no-such-command", "any", jitos.CouldNot, "no-such-command: command not found"},
	} {
		r := run(t, e, tree, c.script, func(a *jitos.Action) { a.Step.Expect = c.expect })
		wantVerdict(t, r, c.want, c.reason)
		if strings.Contains(c.script, "exit 3") && r.Exit != 3 {
			t.Errorf("%s: exit %d", c.script, r.Exit)
		}
	}
	if r := run(t, e, tree, "echo x > a; exit 1"); r.Tree != tree {
		t.Error("a failed job changed the tree")
	}
	e.Workers = map[string]jitos.Worker{"odd": treeOf{put(t, m, files{"b": "b"})}}
	if r := run(t, e, tree, "", func(a *jitos.Action) { a.Step.Worker = "odd" }); r.Tree != tree || r.Verdict != jitos.Fail {
		t.Error("a worker that failed changed the tree")
	}
	r := run(t, e, tree, "true", func(a *jitos.Action) { a.Step.Worker = "nobody" })
	wantVerdict(t, r, jitos.CouldNot, "no worker is named nobody")
}

// treeOf is a worker that fails and returns a tree all the same.
type treeOf struct{ tree jitos.TreeID }

func (w treeOf) Work(context.Context, string, jitos.Action, jitos.Host) (jitos.Result, error) {
	return jitos.Result{Verdict: jitos.Fail, Tree: w.tree}, nil
}

// A few objects may unfold to more files than any disk holds.
func TestExecuteRefusesBombs(t *testing.T) {
	e, m := newExecutor(t)
	nest := func(levels, wide int) jitos.TreeID {
		hash, err := m.PutBlob(nil)
		mode := filemode.Regular
		for range levels {
			var entries []object.TreeEntry
			for i := range wide {
				entries = append(entries, object.TreeEntry{Name: string(rune('a' + i)), Mode: mode, Hash: hash})
			}
			if err == nil {
				hash, err = m.PutTree(entries)
			}
			mode = filemode.Dir
		}
		if err != nil {
			t.Fatal(err)
		}
		return jitos.TreeID(hash.String())
	}
	wantVerdict(t, run(t, e, nest(40, 10), "true"), jitos.CouldNot, "more than 1000000 files")
	wantVerdict(t, run(t, e, nest(400, 1), "true"), jitos.CouldNot, "more than 256 levels")
	blob, err := m.PutBlob(nil)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := m.PutTree([]object.TreeEntry{{Name: "a", Mode: filemode.Regular, Hash: blob}, {Name: "a", Mode: filemode.Executable, Hash: blob}})
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, run(t, e, jitos.TreeID(twice.String()), "true"), jitos.CouldNot, "a: named twice")
	wantVerdict(t, run(t, e, nest(3, 10), "test $(find . -type f | wc -l) = 1000"), jitos.Pass, "")
}

// Jobs run side by side; each sees its own files alone.
func TestExecuteSideBySide(t *testing.T) {
	e, m := newExecutor(t)
	t.Run("jobs", func(t *testing.T) {
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for range 3 {
					tree := put(t, m, files{"me": name, name + "/x": name})
					r := run(t, e, tree, "echo -n more >> me; sleep 0.02; test $(ls | wc -l) = 2; cp me also")
					wantVerdict(t, r, jitos.Pass, "")
					if got := get(t, m, r.Tree); got["me"] != name+"more" || got["also"] != name+"more" || len(got) != 3 {
						t.Errorf("got %s", got)
					}
				}
			})
		}
	})
}
