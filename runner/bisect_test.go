package runner

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"pgregory.net/rapid"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/overlay"
	"github.com/jitos/jitos/warpgit/object"
)

// past makes a history of file trees, given oldest first; the newest commit is the first of the result.
func past(t testing.TB, m *memory, trees ...files) []jitos.Commit {
	var commits []jitos.Commit
	for i, f := range trees {
		id := plumbing.ComputeHash(plumbing.CommitObject, fmt.Appendf(nil, "%d", i)).String()
		c := jitos.Commit{ID: jitos.CommitID(id), Tree: put(t, m, f), Subject: fmt.Sprintf("commit %d", i)}
		if i > 0 {
			c.Parents = []jitos.CommitID{commits[0].ID}
		}
		commits = append([]jitos.Commit{c}, commits...)
	}
	return commits
}

// bisect runs the worker on a history whose newest files are the snapshot's.
func bisect(t *testing.T, e *Executor, h *testHost, edit ...func(*jitos.Action)) jitos.Result {
	t.Helper()
	h.t, h.e = t, e
	a := jitos.Action{Step: jitos.Step{Name: "find", Worker: "bisect", Needs: []string{"history:read"}, Produces: []string{"culprit"}},
		Tree: h.commits[0].Tree, Args: map[string]string{"run": "sh t.sh", "report": "tap"}}
	for _, f := range edit {
		f(&a)
	}
	r, err := e.Execute(t.Context(), a, h)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantFinding(t *testing.T, r jitos.Result, about string) jitos.Finding {
	t.Helper()
	if len(r.Findings) != 1 || r.Findings[0].About != about {
		t.Fatalf("findings %+v; want one about %q\n%s", r.Findings, about, r.Output)
	}
	return r.Findings[0]
}

// okScript passes a test "sum" where the file code says "good", and fails it where not.
const okScript = "echo 'ok 1 - other'; if grep -q good code; then echo 'ok 2 - sum'; else echo 'not ok 2 - sum'; exit 1; fi\n"

func TestBisectFindsTheCulprit(t *testing.T) {
	e, m := newExecutor(t)
	var trees []files
	for i := range 30 {
		code := "good"
		if i >= 19 {
			code = "bad"
		}
		trees = append(trees, files{"code": code, "n": fmt.Sprint(i), "t.sh": okScript})
	}
	h := &testHost{commits: past(t, m, trees...), failing: &jitos.Report{Failed: []string{"sum"}, Passed: []string{"other"}}}
	r := bisect(t, e, h)
	wantVerdict(t, r, jitos.Pass, "")
	want := h.commits[29-19]
	if r.Artifacts["culprit"] != string(want.ID) {
		t.Fatalf("culprit %q, want %s\n%s", r.Artifacts["culprit"], want.Subject, r.Output)
	}
	f := wantFinding(t, r, "culprit")
	if f.Data["commit"] != string(want.ID) || f.Data["subject"] != "commit 19" || f.Data["tests"] != "sum" || f.Data["probes"] != fmt.Sprint(h.tries) {
		t.Errorf("data %v", f.Data)
	}
	if h.tries > 15 {
		t.Errorf("%d runs for 30 commits", h.tries)
	}
	if parent := h.commits[29-18]; h.tried[want.Tree] != 3 || h.tried[parent.Tree] != 3 {
		t.Errorf("the culprit was run %d times, its parent %d; want once to find them and twice to be sure\n%s", h.tried[want.Tree], h.tried[parent.Tree], r.Output)
	}
	if r.Tree != h.commits[0].Tree {
		t.Error("the tree changed")
	}
}

func TestBisectWithoutCulprit(t *testing.T) {
	broken := "exit 127\n"
	noSum := "echo 'ok 1 - other'\n"
	otherFails := "echo 'not ok 1 - other'; grep -q good code && echo 'ok 2 - sum' || echo 'not ok 2 - sum'; exit 1\n"
	for name, c := range map[string]struct {
		trees   []files
		failing []string
		about   string
		reason  string
	}{
		"came with the test": {[]files{{"t.sh": noSum, "code": "x"}, {"t.sh": noSum, "code": "y"}, {"t.sh": okScript, "code": "z"}, {"t.sh": okScript, "code": "bad"}},
			[]string{"sum"}, "no-culprit", "sum never passed: it fails at " + idOf(2) + " (commit 2), and before that, at " + idOf(1) + " (commit 1), there is no sum"},
		"always failed": {[]files{{"t.sh": okScript, "code": "x"}, {"t.sh": okScript, "code": "y"}, {"t.sh": okScript, "code": "z"}},
			[]string{"sum"}, "no-culprit", "fails at every commit back to the oldest"},
		"only commit": {[]files{{"t.sh": okScript, "code": "x"}}, []string{"sum"}, "no-culprit", "fails at every commit"},
		"broken between": {[]files{{"t.sh": okScript, "code": "good"}, {"t.sh": broken, "code": "x"}, {"t.sh": broken, "code": "y"}, {"t.sh": okScript, "code": "z"}},
			[]string{"sum"}, "no-culprit", "one of the 3 commits after"},
		"other failure only": {[]files{{"t.sh": okScript, "code": "good"}, {"t.sh": otherFails, "code": "good"}},
			[]string{"sum"}, "flaky", "sum failed before and did not fail now"},
		"fails without a name": {[]files{{"t.sh": okScript, "code": "good"}, {"t.sh": "echo 'ok 1 - sum'; exit 1\n", "code": "good"}}, nil, "no-culprit",
			"no test is named as failing at the newest commit"},
		"passes": {[]files{{"t.sh": okScript, "code": "x"}, {"t.sh": okScript, "code": "good"}}, nil, "no-culprit", "do not fail at the newest commit"},
	} {
		t.Run(name, func(t *testing.T) {
			e, m := newExecutor(t)
			h := &testHost{commits: past(t, m, c.trees...)}
			if c.failing != nil {
				h.failing = &jitos.Report{Failed: c.failing}
			}
			r := bisect(t, e, h)
			wantVerdict(t, r, jitos.Fail, c.reason)
			wantFinding(t, r, c.about)
			if len(r.Artifacts) != 0 {
				t.Errorf("artifacts %v", r.Artifacts)
			}
		})
	}
}

func idOf(i int) string {
	return plumbing.ComputeHash(plumbing.CommitObject, fmt.Appendf(nil, "%d", i)).String()[:10]
}

// A failure of other tests, in older commits, must not be taken for the one that is looked for.
func TestBisectJudgesNamedTestsOnly(t *testing.T) {
	e, m := newExecutor(t)
	noisy := "grep -q good code && echo 'ok 1 - sum' || echo 'not ok 1 - sum'; grep -q bad noise && echo 'not ok 2 - other' || echo 'ok 2 - other'; exit 1\n"
	var trees []files
	for i := range 12 {
		f := files{"t.sh": noisy, "code": "good", "noise": "bad", "n": fmt.Sprint(i)}
		if i >= 9 {
			f["code"] = "x"
		}
		trees = append(trees, f)
	}
	h := &testHost{commits: past(t, m, trees...), failing: &jitos.Report{Failed: []string{"sum"}}}
	r := bisect(t, e, h)
	wantVerdict(t, r, jitos.Pass, "")
	if f := wantFinding(t, r, "culprit"); f.Data["subject"] != "commit 9" {
		t.Errorf("culprit %v", f.Data)
	}
}

// Nothing is reverted for a test that fails now and then.
func TestBisectFlaky(t *testing.T) {
	e, m := newExecutor(t)
	for _, pass := range []string{"2 4", "1 2 3 5", "2 3"} { // the runs that pass, of four and more; the first finds the newest failing
		count := filepath.Join(t.TempDir(), "count")
		script := fmt.Sprintf(`n=$(cat %[1]s 2>/dev/null || echo 0); echo $((n+1)) > %[1]s
case " %[2]s " in *" $n "*) echo 'ok 1 - sum';; *) echo 'not ok 1 - sum'; exit 1;; esac`, count, pass)
		h := &testHost{commits: past(t, m, files{"t.sh": script, "n": "1"}, files{"t.sh": script, "n": "2"}), failing: &jitos.Report{Failed: []string{"sum"}}}
		r := bisect(t, e, h)
		if r.Verdict != jitos.Fail {
			raw, _ := os.ReadFile(count)
			t.Fatalf("passing runs %s: %q after %s runs\n%s", pass, r.Verdict, raw, r.Output)
		}
		if len(r.Artifacts) > 0 {
			t.Errorf("artifacts %v", r.Artifacts)
		}
	}
}

// oracle is a host that knows the outcome at every commit instead of running anything.
type oracle struct {
	testHost
	outcome map[jitos.TreeID]byte
}

func (o *oracle) Try(_ context.Context, tree jitos.TreeID, _ jitos.Step) (jitos.Result, error) {
	o.tries++
	switch o.outcome[tree] {
	case bad:
		return jitos.Result{Verdict: jitos.Fail, Report: &jitos.Report{Failed: []string{"sum"}}}, nil
	case good:
		return jitos.Result{Verdict: jitos.Pass, Report: &jitos.Report{Passed: []string{"sum"}}}, nil
	case 'a':
		return jitos.Result{Verdict: jitos.Pass, Report: &jitos.Report{Passed: []string{"other"}}}, nil
	}
	return jitos.Result{Verdict: jitos.CouldNot, Reason: "does not build"}, nil
}

// In any history a culprit that is named is bad with a good parent, and where neighbours can be judged it is found.
func TestBisectAnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 70).Draw(rt, "commits")
		first := rapid.IntRange(0, n-1).Draw(rt, "first bad, from the newest")
		born := rapid.IntRange(first, n).Draw(rt, "test absent from")
		holes := rapid.SliceOfN(rapid.IntRange(1, n), 0, 12).Draw(rt, "cannot be judged")
		o := &oracle{outcome: map[jitos.TreeID]byte{}}
		kinds := make([]byte, n)
		for i := range n {
			switch {
			case i <= first:
				kinds[i] = bad
			case i < born:
				kinds[i] = good
			default:
				kinds[i] = 'a'
			}
			for _, h := range holes {
				if i == h {
					kinds[i] = skip
				}
			}
			tree := jitos.TreeID(fmt.Sprint(i))
			o.outcome[tree] = kinds[i]
			o.commits = append(o.commits, jitos.Commit{ID: jitos.CommitID(fmt.Sprintf("%040d", i)), Tree: tree, Subject: "s"})
		}
		r, err := (&Bisect{}).Work(context.Background(), "", jitos.Action{Args: map[string]string{"run": "x"}, Tree: "0"}, o)
		if err != nil {
			rt.Fatal(err)
		}
		clear := first+1 < n && kinds[first] == bad && kinds[first+1] == good && len(holes) == 0
		if r.Verdict == jitos.Pass {
			if want := fmt.Sprintf("%040d", first); r.Artifacts["culprit"] != want || kinds[first+1] != good {
				rt.Fatalf("culprit %s, want %s in %s", r.Artifacts["culprit"], want, kinds)
			}
		} else if clear {
			rt.Fatalf("not found in %s: %s", kinds, r.Reason)
		}
		if o.tries > DefaultProbes {
			rt.Fatalf("%d runs", o.tries)
		}
	})
}

func TestBisectBounded(t *testing.T) {
	o := &oracle{outcome: map[jitos.TreeID]byte{"0": bad}}
	for i := range 2000 {
		o.commits = append(o.commits, jitos.Commit{ID: jitos.CommitID(fmt.Sprint(i)), Tree: jitos.TreeID(fmt.Sprint(i))})
	}
	o.outcome["1999"], o.outcome["1024"] = good, good
	r, err := (&Bisect{Probes: 30}).Work(t.Context(), "", jitos.Action{Args: map[string]string{"run": "x"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, r, jitos.Fail, "no culprit was found in 30 runs")
	if o.tries != 30 {
		t.Errorf("%d runs", o.tries)
	}
}

// history lets overlay merge what memory holds; file trees need no commits.
type history struct{ *memory }

func (history) Commit(context.Context, plumbing.Hash) (*object.Commit, error) {
	return nil, jitos.ErrNotFound
}

func TestRevert(t *testing.T) {
	e, m := newExecutor(t)
	lines := func(s ...string) string { return strings.Join(s, "\n") + "\n" }
	h := &testHost{t: t, e: e, merge: overlay.New(history{m}, nil).Files, commits: past(t, m,
		files{"a": lines("1", "2", "3", "4", "5", "6", "7", "8", "9")},
		files{"a": lines("1", "two", "3", "4", "5", "6", "7", "8", "9"), "new": "n"},
		files{"a": lines("1", "two", "3", "4", "5", "6", "7", "8", "nine"), "new": "n"},
		files{"a": lines("1", "TWO", "3", "4", "5", "6", "7", "8", "nine"), "new": "n"})}
	revert := func(commit jitos.CommitID, tree jitos.TreeID, needs []string) jitos.Result {
		r, err := e.Execute(t.Context(), jitos.Action{Step: jitos.Step{Name: "revert", Worker: "revert", Needs: needs}, Tree: tree, Grants: needs,
			Args: map[string]string{"commit": string(commit)}}, h)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := revert(h.commits[2].ID, h.commits[1].Tree, writeAll)
	wantVerdict(t, r, jitos.Pass, "")
	if got, want := get(t, m, r.Tree), (files{"a": lines("1", "2", "3", "4", "5", "6", "7", "8", "nine")}); got.String() != want.String() {
		t.Errorf("reverted to %s", got)
	}
	r = revert(h.commits[2].ID, h.commits[0].Tree, writeAll)
	wantVerdict(t, r, jitos.Fail, "cannot be taken back alone: it conflicts with later changes in a")
	if f := wantFinding(t, r, "conflict"); f.Data["paths"] != "a" || r.Tree != h.commits[0].Tree {
		t.Errorf("data %v, tree %s", f.Data, r.Tree)
	}
	wantVerdict(t, revert(h.commits[3].ID, h.commits[0].Tree, writeAll), jitos.Fail, "has no parent here")
	wantVerdict(t, revert("0123", h.commits[0].Tree, writeAll), jitos.Fail, "0123 is not in the user's history")
	wantVerdict(t, revert(h.commits[2].ID, h.commits[3].Tree, writeAll), jitos.Fail, "nothing of")
	wantVerdict(t, revert(h.commits[2].ID, h.commits[1].Tree, []string{"fs.write:a"}), jitos.Fail, "denied: wrote new without fs.write")
	wantVerdict(t, revert("", h.commits[0].Tree, writeAll), jitos.CouldNot, "no commit was given")
}

func TestPatch(t *testing.T) {
	requireTool(t, "git")
	e, m := newExecutor(t)
	tree := put(t, m, files{"a": "1\n2\n3\n", "d/b": "x\n", "-> out": "d", "fix.diff": "--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n"})
	apply := func(patch string) jitos.Result {
		return run(t, e, tree, "", func(a *jitos.Action) { a.Step.Worker, a.Args = "patch", map[string]string{"patch": patch} })
	}
	r := apply("diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\ndiff --git a/n b/n\nnew file mode 100755\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+new")
	wantVerdict(t, r, jitos.Pass, "")
	if got := get(t, m, r.Tree); got["a"] != "1\ntwo\n3\n" || got["+x n"] != "new\n" {
		t.Errorf("patched to %s", got)
	}
	r = apply("fix.diff")
	wantVerdict(t, r, jitos.Pass, "")
	if got := get(t, m, r.Tree); got["a"] != "1\ntwo\n3\n" {
		t.Errorf("patched to %s", got)
	}
	for name, c := range map[string]struct{ patch, want string }{
		"does not fit": {"--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n 1\n-zwei\n+two\n 3\n", "patch failed: a:1"},
		"half fits":    {"--- a/d/b\n+++ b/d/b\n@@ -1 +1 @@\n-x\n+y\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-q\n+r\n", "patch failed: a:1"},
		"escapes":      {"--- a/../../x\n+++ b/../../x\n@@ -0,0 +1 @@\n+x\n", "invalid path"},
		"through link": {"--- /dev/null\n+++ b/out/c\n@@ -0,0 +1 @@\n+x\n", "beyond a symbolic link"},
		"git":          {"--- /dev/null\n+++ b/.git/config\n@@ -0,0 +1 @@\n+x\n", "invalid path"},
		"no diff":      {"hello\nworld\n", "No valid patches"},
	} {
		t.Run(name, func(t *testing.T) {
			r := apply(c.patch)
			wantVerdict(t, r, jitos.Fail, c.want)
			if r.Tree != tree {
				t.Error("the tree changed")
			}
		})
	}
	wantVerdict(t, apply(""), jitos.CouldNot, "no patch was given")
	wantVerdict(t, apply("../x.diff"), jitos.CouldNot, "not among the files")
	wantVerdict(t, apply("gone.diff"), jitos.CouldNot, "cannot be read")
}
