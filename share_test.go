package jitos_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// clones are n clones of one repository with a fabric, that meet in a bare one.
func clones(t *testing.T, n int, files map[string]string) []*fabric {
	t.Helper()
	hub := filepath.Join(t.TempDir(), "hub.git")
	all := []*fabric{newFabric(t, files)}
	git(t, all[0].dir, "init", "-q", "--bare", "-b", "main", hub)
	git(t, all[0].dir, "remote", "add", "origin", hub)
	git(t, all[0].dir, "push", "-q", "origin", "main")
	all[0].sync(t)
	for len(all) < n {
		dir := t.TempDir()
		git(t, filepath.Dir(hub), "clone", "-q", hub, dir)
		f := openFabric(t, dir)
		f.sync(t)
		all = append(all, f)
	}
	return all
}

// sync must work.
func (f *fabric) sync(t fatal) jitos.Synced {
	t.Helper()
	done, err := f.kernel.Sync(context.Background(), f.repo.Meet("origin"))
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// holds lets the store replay the system line and the kernel run its rules again.
func (f *fabric) holds(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	for v, err := range f.repo.Store.Verify(ctx, f.system(t).Commit().ID) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.kernel.Rerun(ctx, v.Commit); err != nil {
			t.Fatalf("%s %q: %v", v.Commit.ID, v.Commit.Subject, err)
		}
	}
}

// rules are the rules of a line's last rewrites, oldest first.
func (f *fabric) rules(t *testing.T, n int) string {
	var list []string
	for c, err := range f.repo.Store.Log(context.Background(), f.system(t).Commit().ID) {
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == n {
			break
		}
		list = append(list, c.Record.Rule)
	}
	slices.Reverse(list)
	return strings.Join(list, " ")
}

// Both clones work without each other. The line that was shared first stays; the other's rewrites come after it, with their
// ids; what clashes stays an open workspace.
func TestSync_diverged(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n", "b": "b\n"})
	one, two := all[0], all[1]
	task, _, err := one.kernel.SubmitIntent(ctx, jitos.Request{Intent: "run the tests"})
	if err != nil {
		t.Fatal(err)
	}
	one.handwork(t, "left", map[string]string{"a": "one\n", "b": "b\n"})
	one.sync(t)
	theirs := one.system(t).Commit().ID

	other, _, err := two.kernel.SubmitIntent(ctx, jitos.Request{Intent: "run the tests again"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := two.kernel.Plan(ctx, other); err != nil {
		t.Fatal(err)
	}
	clean := two.handwork(t, "clean", map[string]string{"a": "a\n", "b": "two\n"})
	clash := two.handwork(t, "clash", map[string]string{"a": "two\n", "b": "two\n"})
	if _, err := two.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note("x", "two")}}, ""); err != nil {
		t.Fatal(err)
	}
	old := two.system(t).Commit().ID
	done := two.sync(t)
	if done.Ours != 11 || done.Again != 10 || len(done.Reopened) != 1 || done.Reopened[0].Name != "clash" || len(done.Left) > 0 {
		t.Errorf("%+v", done)
	}
	at := two.system(t)
	if got := two.files(t, at); got["a"] != "one\n" || got["b"] != "two\n" {
		t.Errorf("files %v", got)
	}
	for _, id := range []jitos.NodeID{task.Node(), other.Node(), {Kind: "note", Name: "x"}, {Kind: jitos.KindCollapse, Name: string(clean.ID)}} {
		if ok, err := jitos.Has(ctx, at, id); err != nil || !ok {
			t.Errorf("%s: %v %v", id, ok, err)
		}
	}
	again := 0
	for c, err := range two.repo.Store.Log(ctx, at.Commit().ID) {
		if err != nil || c.ID == theirs {
			break
		}
		if was := c.Trailers["Jitos-Was"]; was != "" {
			git(t, two.dir, "merge-base", "--is-ancestor", was, string(old))
			again++
		}
	}
	if again != done.Again+len(done.Reopened) {
		t.Errorf("%d rewrites say what they were, of %d", again, done.Again)
	}
	if held, err := two.repo.Contains(ctx, at.Commit().ID, theirs); err != nil || !held {
		t.Error("their line is not the beginning of ours", err)
	}
	if v, err := jitos.ViewProcess(ctx, at, clash.ID); err != nil || !v.Open() {
		t.Error(v, err)
	}
	if w, err := two.kernel.Workspace(ctx, "clash"); err != nil || w.Process.ID != clash.ID {
		t.Error(w, err)
	}
	git(t, two.dir, "merge-base", "--is-ancestor", string(old), "refs/heads/jitos/archive/"+two.repo.Store.Now().UTC().Format("2006-01"))
	two.holds(t)

	// The other clone has the same, the workspace as another's.
	one.sync(t)
	if a, b := one.system(t).Commit().ID, at.Commit().ID; a != b {
		t.Errorf("one is at %s, two at %s", a, b)
	}
	if w, err := one.kernel.Workspace(ctx, "clash"); err != nil || w.Process.Process.Owner != two.repo.Clone() {
		t.Error(w, err)
	}
	one.holds(t)
	if again := one.sync(t); len(again.Pushed)+len(again.Taken) > 0 {
		t.Errorf("nothing was new: %+v", again)
	}
}

// What a reconciliation left open was forked from a line that is no more. It is brought onto the new one like any workspace, and
// takes nothing along that the new line has left out.
func TestSync_reopenedRebase(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n", "b": "b\n", "c": "c\n"})
	one, two := all[0], all[1]
	one.handwork(t, "left", map[string]string{"a": "one\n", "b": "b\n", "c": "c\n"})
	one.sync(t)
	two.handwork(t, "first", map[string]string{"a": "two\n", "b": "b\n", "c": "c\n"})
	seen := jitos.Read{Item: note("y", "").ID.Item()}
	if _, err := two.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note("x", "two")}, Reads: []jitos.Read{seen}}, ""); err != nil {
		t.Fatal(err)
	}
	p := two.handwork(t, "second", map[string]string{"a": "three\n", "b": "two\n", "c": "c\n"})
	if done := two.sync(t); len(done.Reopened) != 2 {
		t.Fatalf("%+v", done)
	}
	var conflict *jitos.ConflictError
	if err := two.kernel.Rebase(ctx, p); !errors.As(err, &conflict) || conflict.Conflicts[0].Path != "a" {
		t.Errorf("a rebase of what clashes: %v", err)
	}
	two.save(t, p, map[string]string{"a": "one\n", "b": "two\n", "c": "c\n"}) // as the line has it
	if err := two.kernel.Rebase(ctx, p); err != nil {
		t.Fatal(err)
	}
	if _, err := two.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note("y", "new")}}, ""); err != nil {
		t.Fatal(err)
	}
	if c := two.collapse(t, p); c != nil { // that the old line relied on note y is nothing to it
		t.Fatal(c)
	}
	if got := two.files(t, two.system(t)); got["a"] != "one\n" || got["b"] != "two\n" {
		t.Errorf("files %v", got)
	}
	two.sync(t)
	one.sync(t)
	for _, f := range all {
		f.holds(t)
	}
}

// handwork is done in a workspace, and collapsed.
func (f *fabric) handwork(t *testing.T, name string, files map[string]string) jitos.ProcessView {
	t.Helper()
	p, err := f.kernel.NewWorkspace(context.Background(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	f.save(t, p, files)
	if c := f.collapse(t, p); c != nil {
		t.Fatal(c)
	}
	return p
}
