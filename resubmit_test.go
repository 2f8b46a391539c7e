package jitos_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// leftOut must be the one rewrite that a sync left out, and why.
func leftOut(t *testing.T, done jitos.Synced, subject, why string) {
	t.Helper()
	if len(done.Left) != 1 || !strings.HasPrefix(done.Left[0].What, subject) || !strings.Contains(done.Left[0].Why, why) {
		t.Errorf("left out %+v, want %q: %q", done.Left, subject, why)
	}
}

// A change of the library that was made before its author heard of the policy that refuses it stays out.
func TestSync_libraryRefused(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	if _, err := one.kernel.SubmitMethod(ctx, "policy.yaml", []byte("approvals:\n- {paths: [.jitos/**], by: [ada@example.org]}\n")); err != nil {
		t.Fatal(err)
	}
	one.sync(t)
	for _, by := range []struct{ actor, file string }{{"Bob <bob@example.org>", "methods/bob.yaml"}, {"Ada <ada@example.org>", "methods/ada.yaml"}} {
		two.kernel.Actor = by.actor
		if _, err := two.kernel.SubmitMethod(ctx, by.file, []byte("# nothing yet\n")); err != nil {
			t.Fatal(err)
		}
	}
	leftOut(t, two.sync(t), "method: ", "line 2 of policy.yaml lets ada@example.org change it")
	for file, want := range map[string]bool{"methods/ada.yaml": true, "methods/bob.yaml": false} {
		if blob, err := two.system(t).Blob(ctx, jitos.FabricItem(file)); err != nil || (blob != "") != want {
			t.Errorf("%s: %q %v, want it there: %v", file, blob, err, want)
		}
	}
}

// A library that cannot be read, of a newer jitos or pushed without one, keeps nobody from sharing: what its gates would have to
// judge stays open.
func TestSync_libraryUnread(t *testing.T) {
	ctx := context.Background()
	peers := peersOf(t, 2, false)
	one, two := peers[0], peers[1]
	if _, err := one.kernel.SubmitMethod(ctx, "methods/new.yaml", []byte("tomorrow: true\n")); err != nil {
		t.Fatal(err) // the command lines look at it before
	}
	one.handwork(t, "left", map[string]string{"f0": "0\n", "f1": "one\n"})
	one.sync(nil)
	gated, _ := two.declare(ctx, "gated", "test -e a")
	s, err := two.kernel.SubmitPlan(ctx, gated, jitos.Slap{Title: "write", Steps: []jitos.Step{{Name: "write", Worker: "shell", Run: "echo two >a", Needs: []string{"fs.write:**"}}}})
	if err == nil {
		_, err = two.kernel.Run(ctx, gated, jitos.RunOptions{Slap: s})
	}
	if err != nil {
		t.Fatal(err)
	}
	two.handwork(t, "by-hand", map[string]string{"a": "two\n", "f0": "two\n", "f1": "1\n"})
	done := two.sync(nil)
	if len(done.Left) > 0 || len(done.Reopened) != 1 || done.Reopened[0].Task != gated || !strings.Contains(done.Reopened[0].Why, "load methods") {
		t.Errorf("%+v", done)
	}
	if got := two.files(t, two.system(t)); got["f0"] != "two\n" || got["f1"] != "one\n" || got["a"] != "" {
		t.Errorf("files %v", got)
	}
	two.must(t, gated)
}

// What was done about an attempt that has ended elsewhere is told to whoever did it, and changes nothing; that both have collapsed the
// same is no news.
func TestSync_endedElsewhere(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n", "b": "b\n", "c": "c\n"})
	one, two := all[0], all[1]
	ps := map[string]jitos.ProcessView{}
	for _, name := range []string{"a", "b", "c"} {
		p, err := one.kernel.NewWorkspace(ctx, "work-on-"+name, "")
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{"a": "a\n", "b": "b\n", "c": "c\n"}
		files[name] = "one\n"
		one.save(t, p, files)
		ps[name] = p
	}
	one.sync(t)
	two.sync(t)
	collapse := func(f *fabric, name string) {
		if _, err := f.kernel.Collapse(ctx, ps[name], jitos.CollapseOptions{NoGate: "a test"}); err != nil {
			t.Fatal(name, err)
		}
	}
	discard := func(f *fabric, name string) {
		if err := f.kernel.Discard(ctx, ps[name], "person", "nobody needs it"); err != nil {
			t.Fatal(name, err)
		}
	}
	collapse(one, "a")
	discard(one, "b")
	collapse(one, "c")
	one.sync(t)
	discard(two, "a")
	collapse(two, "b")
	collapse(two, "c")
	done := two.sync(t)
	if len(done.Left) != 2 || done.Left[0].Why != "its attempt was collapsed elsewhere" || done.Left[1].Why != "its attempt has ended elsewhere" || len(done.Reopened) > 0 {
		t.Errorf("left out %+v, reopened %+v", done.Left, done.Reopened)
	}
	if got := two.files(t, two.system(t)); got["a"] != "one\n" || got["b"] != "b\n" || got["c"] != "one\n" {
		t.Errorf("files %v", got)
	}
	if a, b := one.system(t).Commit().ID, two.system(t).Commit().ID; a != b {
		t.Errorf("nothing was new, and the line went from %s to %s", a, b)
	}
	two.holds(t)
}

// A collapse that was made before its clone heard of the policy is judged by it all the same.
func TestSync_policyHeeded(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	if _, err := one.kernel.SubmitMethod(ctx, "policy.yaml", []byte("approvals:\n- {paths: [a], by: [ada@example.org]}\n")); err != nil {
		t.Fatal(err)
	}
	one.sync(t)
	two.handwork(t, "early", map[string]string{"a": "two\n"})
	done := two.sync(t)
	if len(done.Reopened) != 1 || done.Reopened[0].Name != "early" {
		t.Errorf("%+v", done)
	}
	if got := two.files(t, two.system(t)); got["a"] != "a\n" {
		t.Errorf("files %v", got)
	}
}

// A line does not turn to another branch while work that started from the old one is open elsewhere.
func TestSync_otherBranch(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	if _, err := one.kernel.NewWorkspace(ctx, "open", ""); err != nil {
		t.Fatal(err)
	}
	one.sync(t)
	git(t, two.dir, "checkout", "-q", "-b", "other")
	two.commit(t, "b", "two\n")
	leftOut(t, two.sync(t), "absorb: other", "the line follows main by now, where work is open or not landed")
	if s, err := jitos.Get[jitos.Sync](ctx, two.system(t), jitos.SyncNode); err != nil || s.Branch != "main" {
		t.Errorf("%+v %v", s, err)
	}
}

// commit commits a file with git, and absorbs it.
func (f *fabric) commit(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	git(t, f.dir, "add", name)
	git(t, f.dir, "commit", "-q", "-m", "change "+name)
	if _, err := f.kernel.Absorb(context.Background(), "", jitos.LeaveDirty); err != nil {
		t.Fatal(err)
	}
}

// Commits that clash with what was collapsed elsewhere are left out; those that were absorbed elsewhere, with others after them, are
// known.
func TestSync_absorbed(t *testing.T) {
	all := clones(t, 2, map[string]string{"a": "a\n", "b": "b\n"})
	one, two := all[0], all[1]
	one.handwork(t, "left", map[string]string{"a": "one\n", "b": "b\n"})
	one.sync(t)
	two.commit(t, "a", "two\n")
	leftOut(t, two.sync(t), "absorb: main", "your commits and what was collapsed elsewhere change the same lines")
	git(t, two.dir, "reset", "-q", "--hard", "HEAD^")

	two.commit(t, "b", "two\n")
	git(t, two.dir, "push", "-q", "origin", "main")
	git(t, one.dir, "pull", "-q", "origin", "main")
	one.commit(t, "c", "c\n")
	one.sync(t)
	if done := two.sync(t); len(done.Left) > 0 || done.Again > 0 || done.Known == 0 {
		t.Errorf("%+v", done)
	}
	if got := two.files(t, two.system(t)); got["a"] != "one\n" || got["b"] != "two\n" || got["c"] != "c\n" {
		t.Errorf("files %v", got)
	}
}

// Where a workspace that stays open stands, its owner says: a clone that has taken the line alone does not make its branch.
func TestReconcile_reopenedElsewhere(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	one.handwork(t, "left", map[string]string{"a": "one\n"})
	one.sync(t)
	two.handwork(t, "clash", map[string]string{"a": "two\n"})
	if done := two.sync(t); len(done.Reopened) != 1 {
		t.Fatalf("%+v", done)
	}
	if _, err := one.repo.Meet("origin").Fetch(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := one.kernel.Reconcile(ctx, two.system(t).Commit().ID); err != nil {
		t.Fatal(err)
	}
	if err := one.kernel.Heal(ctx); err != nil {
		t.Fatal(err)
	}
	if refs := refsOf(t, one.dir); strings.Contains(refs, "sws/clash") {
		t.Errorf("the branch of another clone's workspace: %s", refs)
	}
}

// One question is decided in two clones: the decision that was shared first stays, and the other is told to whoever made it.
func TestSync_decidedTwice(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	if _, err := one.kernel.SubmitMethod(ctx, "policy.yaml", []byte("approvals:\n- {paths: [a], by: ['*@example.org']}\n")); err != nil {
		t.Fatal(err)
	}
	p, err := one.kernel.NewWorkspace(ctx, "shared", "")
	if err != nil {
		t.Fatal(err)
	}
	one.save(t, p, map[string]string{"a": "one\n"})
	if _, err := one.kernel.Collapse(ctx, p, jitos.CollapseOptions{NoGate: "a test"}); !errors.Is(err, jitos.ErrWaiting) {
		t.Fatal(err)
	}
	one.sync(t)
	two.sync(t)
	for _, by := range []struct {
		f *fabric
		d jitos.Decision
	}{{one, jitos.Rejected}, {two, jitos.Approved}} {
		open, err := jitos.OpenProcesses(ctx, by.f.system(t))
		if err != nil {
			t.Fatal(err)
		}
		waiting, err := by.f.kernel.Inbox(ctx, open)
		if err != nil || len(waiting) != 1 {
			t.Fatal(waiting, err)
		}
		if _, err := by.f.kernel.Answer(ctx, waiting[0].ID, by.d, "so I say"); err != nil {
			t.Fatal(err)
		}
	}
	one.sync(t)
	leftOut(t, two.sync(t), "answer: ", "it was decided otherwise elsewhere")
	for n, err := range two.system(t).Nodes(ctx, jitos.KindAnswer) {
		if err != nil {
			t.Fatal(err)
		}
		if a, err := jitos.Get[jitos.Answer](ctx, two.system(t), n.ID); err != nil || a.Decision != jitos.Rejected {
			t.Errorf("%+v %v", a, err)
		}
	}
}

// One node is set in two clones, and one file of the library: the line keeps what was shared first, and each of the others is an open
// workspace that a person decides about; with the node as its clone had it.
func TestSync_disputes(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	for i, f := range all {
		if _, err := f.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note("x", fmt.Sprint(i))}}, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := f.kernel.SubmitMethod(ctx, "policy.yaml", fmt.Appendf(nil, "retention: {archive_months: %d}\n", i+7)); err != nil {
			t.Fatal(err)
		}
	}
	one.sync(t)
	done := two.sync(t)
	if len(done.Reopened) != 2 || len(done.Left) > 0 || !done.Reopened[0].Hand {
		t.Fatalf("%+v", done)
	}
	if got := two.notes(t, two.system(t)); got["x"] != "0" {
		t.Errorf("on the line: %v", got)
	}
	w, err := two.kernel.Workspace(ctx, done.Reopened[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	if got := two.notes(t, two.tip(t, jitos.Ref(jitos.SWSPrefix+done.Reopened[0].Name))); got["x"] != "1" {
		t.Errorf("in the workspace %s: %v", w.Name, got)
	}
	two.holds(t)
}
