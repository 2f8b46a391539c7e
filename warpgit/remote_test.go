package warpgit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// pair is a repository with a fabric, a bare remote that it was pushed to, and a fresh clone of the remote's main branch.
func pair(t *testing.T) (a, b *Repo, tip jitos.CommitID, bare string) {
	dir := newDir(t)
	bare = filepath.Join(t.TempDir(), "remote.git")
	run(t, dir, "init", "-q", "--bare", "-b", "main", bare)
	run(t, dir, "remote", "add", "origin", bare)
	run(t, dir, "push", "-q", "origin", "main")
	a = openDir(t, dir)
	tip = born(t, a.Store)
	for i := range 4 {
		tip = appendTo(t, a.Store, jitos.SystemRef, tip, collapseRule(node("thing", fmt.Sprint("n", i))))
	}
	config := read(t, dir, ".git/config")
	if err := a.Push(ctx, "origin", string(jitos.SystemRef)); err != nil {
		t.Fatal(err)
	}
	if read(t, dir, ".git/config") != config {
		t.Error("the push changed the configuration")
	}
	clone := filepath.Join(t.TempDir(), "clone")
	run(t, dir, "clone", "-q", "--single-branch", bare, clone)
	t.Cleanup(func() { checkRepo(t, clone) })
	return a, openDir(t, clone), tip, bare
}

func TestFetch(t *testing.T) {
	a, b, tip, bare := pair(t)
	list, err := b.Fetch(ctx, "origin", "refs/heads/jitos/system", "refs/heads/jitos/sws/*")
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0] != (RemoteRef{Ref: jitos.SystemRef, New: tip}) {
		t.Errorf("fetched %+v, want the system line at %s", list, tip)
	}
	if _, err := b.Store.Head(ctx, jitos.SystemRef); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("a fetch moved the local line: %v", err)
	}
	if out := run(t, b.Worktree, "branch", "-a"); strings.Contains(out, "jitos") {
		t.Errorf("git branch shows what was fetched:\n%s", out)
	}
	if _, err := b.Store.Append(ctx, jitos.SystemRef, "", tip); err != nil { // adopt it
		t.Fatal(err)
	}
	if got := nodeNames(t, open(t, b.Store, tip), "thing"); len(got) != 4 {
		t.Errorf("nodes %v", got)
	}
	if _, err := a.Store.Append(ctx, jitos.SWSPrefix+"try", "", tip, graphRule([]jitos.Node{node("thing", "x")}, nil)); err != nil {
		t.Fatal(err)
	}
	next := appendTo(t, a.Store, jitos.SystemRef, tip, collapseRule())
	if err := a.Push(ctx, "origin", string(jitos.SystemRef), jitos.SWSPrefix+"try"); err != nil {
		t.Fatal(err)
	}
	if list, err = b.Fetch(ctx, "origin", "refs/heads/jitos/*"); err != nil || len(list) != 2 {
		t.Fatalf("fetched %+v %v", list, err)
	}
	if list[1] != (RemoteRef{Ref: jitos.SystemRef, Old: tip, New: next}) {
		t.Errorf("the system line moved: %+v", list[1])
	}
	run(t, bare, "update-ref", "-d", jitos.SWSPrefix+"try")
	if list, err = b.Fetch(ctx, "origin", "refs/heads/jitos/*"); err != nil || len(list) != 2 || list[0].New != "" || list[0].Old == "" {
		t.Errorf("a ref that is gone there: %+v %v", list, err)
	}
	if list, err = b.Remembered("origin"); err != nil || len(list) != 1 || list[0].New != next {
		t.Errorf("remembered %+v %v", list, err)
	}
	if list, err = b.Fetch(ctx, bare, "refs/heads/jitos/system"); err != nil || len(list) != 1 || list[0].New != next {
		t.Errorf("by its path: %+v %v", list, err)
	}
}

func TestPush_refusals(t *testing.T) {
	a, b, tip, bare := pair(t)
	if _, err := b.Fetch(ctx, "origin", string(jitos.SystemRef)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Store.Append(ctx, jitos.SystemRef, "", tip, collapseRule(node("thing", "theirs"))); err != nil {
		t.Fatal(err)
	}
	if err := b.Push(ctx, "origin", string(jitos.SystemRef)); err != nil {
		t.Fatal(err)
	}
	appendTo(t, a.Store, jitos.SystemRef, tip, collapseRule(node("thing", "ours")))
	if _, err := a.Store.Append(ctx, jitos.SWSPrefix+"new", "", tip); err != nil {
		t.Fatal(err)
	}
	if err := a.Push(ctx, "origin", string(jitos.SystemRef), jitos.SWSPrefix+"new"); !errors.Is(err, jitos.ErrStale) {
		t.Errorf("a push that loses commits: %v", err)
	}
	if out := run(t, a.Worktree, "ls-remote", "origin", jitos.SWSPrefix+"new"); out != "" {
		t.Errorf("half of a refused push arrived: %s", out)
	}
	write(t, bare, "hooks/pre-receive", "#!/bin/sh\nexit 1\n")
	if err := os.Chmod(filepath.Join(bare, "hooks/pre-receive"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := a.Push(ctx, "origin", jitos.SWSPrefix+"new"); !errors.Is(err, jitos.ErrDenied) {
		t.Errorf("a push that a hook there refuses: %v", err)
	}
	if err := a.Push(ctx, "nowhere", string(jitos.SystemRef)); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("no such remote: %v", err)
	}
	if _, err := a.Fetch(ctx, "nowhere", string(jitos.SystemRef)); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("no such remote: %v", err)
	}
	if _, err := a.Fetch(ctx, "origin", "refs/heads/main"); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("a branch of the user's: %v", err)
	}
}

// What does not replay is not taken, even where a plain git fetch has brought its objects before.
func TestFetch_tampered(t *testing.T) {
	_, b, tip, bare := pair(t)
	run(t, b.Worktree, "fetch", "-q", "origin", "refs/heads/jitos/*:refs/remotes/origin/jitos/*")
	scratch := filepath.Join(t.TempDir(), "evil")
	run(t, bare, "clone", "-q", "-b", "jitos/system", bare, scratch)
	write(t, scratch, ".jitos/nodes/thing/evil.json", "{}\n")
	run(t, scratch, "add", ".")
	run(t, scratch, "commit", "-q", "-m", "graph: nothing to see\n\nJitos-Rule: graph")
	run(t, scratch, "push", "-q", "origin", "jitos/system")
	run(t, b.Worktree, "fetch", "-q", "origin", "refs/heads/jitos/*:refs/remotes/origin/jitos/*")
	packs, err := filepath.Glob(filepath.Join(b.Common, "objects/pack/*"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Fetch(ctx, "origin", string(jitos.SystemRef)); !errors.Is(err, jitos.ErrCorrupt) {
		t.Errorf("a forged commit: %v", err)
	}
	if list, _ := b.Remembered("origin"); len(list) != 0 {
		t.Errorf("it was remembered: %+v", list)
	}
	if after, _ := filepath.Glob(filepath.Join(b.Common, "objects/pack/*")); !slices.Equal(after, packs) {
		t.Error("its objects were taken")
	}
	run(t, scratch, "push", "-q", "-f", "origin", string(tip)+":refs/heads/jitos/system")
	if _, err := b.Fetch(ctx, "origin", string(jitos.SystemRef)); err != nil {
		t.Errorf("the honest line: %v", err)
	}
}

func TestFetch_anotherFabric(t *testing.T) {
	_, b, _, _ := pair(t)
	rw := birth()
	file, err := FabricFile("another-bbbbbbbb")
	if err != nil {
		t.Fatal(err)
	}
	rw.Fabric = map[string][]byte{"fabric.json": file}
	if _, err := b.Store.Append(ctx, jitos.SystemRef, "", "", rw); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Fetch(ctx, "origin", string(jitos.SystemRef)); !errors.Is(err, jitos.ErrConflict) || !strings.Contains(err.Error(), "another fabric") {
		t.Errorf("error %v", err)
	}
}

// A clone of depth 1 reads, writes and fetches; what is behind its edge does not exist for it.
func TestShallow(t *testing.T) {
	a, _, tip, bare := pair(t)
	run(t, a.Worktree, "commit", "-q", "--allow-empty", "-m", "second")
	run(t, a.Worktree, "push", "-q", "origin", "main")
	clone := filepath.Join(t.TempDir(), "shallow")
	run(t, bare, "clone", "-q", "--depth", "1", "file://"+bare, clone)
	r := openDir(t, clone)
	cur, err := r.Current(ctx)
	if err != nil || !cur.Shallow {
		t.Errorf("current %+v %v", cur, err)
	}
	n := 0
	for c, err := range r.Store.Log(ctx, cur.Tip) {
		if err != nil || len(c.Parents) != 0 {
			t.Errorf("commit at the edge: %+v %v", c, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d commits, want 1", n)
	}
	if list, err := r.Fetch(ctx, "origin", string(jitos.SystemRef)); err != nil || len(list) != 1 || list[0].New != tip {
		t.Errorf("fetch in a shallow clone: %+v %v", list, err)
	}
	if held, _, err := verifyAll(r.Store, tip); err != nil || held != 5 {
		t.Errorf("verify: %d %v", held, err)
	}
	run(t, clone, "fsck", "--strict")
}

// Appends make small packs; Tidy joins them, and readers that had them open go on reading.
func TestTidy(t *testing.T) {
	dir := newDir(t)
	r, reader := openDir(t, dir), openDir(t, dir)
	tip := born(t, r.Store)
	for i := range 30 {
		tip = appendTo(t, r.Store, jitos.SystemRef, tip, graphRule([]jitos.Node{node("thing", fmt.Sprint("n", i))}, nil))
		if i == 15 {
			open(t, reader.Store, tip)
		}
	}
	packs := func() int {
		list, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if packs() != 31 {
		t.Fatalf("%d packs before", packs())
	}
	if err := r.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	if packs() != 1 {
		t.Errorf("%d packs after", packs())
	}
	for _, s := range []*Store{r.Store, reader.Store, openDir(t, dir).Store} {
		if held, _, err := verifyAll(s, tip); err != nil || held != 31 {
			t.Errorf("%d commits hold, %v", held, err)
		}
	}
	run(t, dir, "gc", "-q", "--prune=now")
	if held, _, err := verifyAll(reader.Store, tip); err != nil || held != 31 {
		t.Errorf("after a gc: %d commits hold, %v", held, err)
	}
	if err := r.Tidy(ctx); err != nil {
		t.Errorf("a second time: %v", err)
	}
}

// A repository that borrows objects reads them where they are, also over a chain of relative paths.
func TestAlternates(t *testing.T) {
	dir := newDir(t)
	tip := born(t, openDir(t, dir).Store)
	parent := t.TempDir()
	one, two := filepath.Join(parent, "one"), filepath.Join(parent, "two")
	run(t, dir, "clone", "-q", "--shared", dir, one)
	run(t, dir, "clone", "-q", "--shared", one, two)
	write(t, two, ".git/objects/info/alternates", "../../../one/.git/objects\n")
	r := openDir(t, two)
	if snap := open(t, r.Store, tip); snap.Commit().Record == nil {
		t.Error("no record")
	}
	cmd := exec.Command("git", "-C", two, "cat-file", "-e", string(tip))
	if err := cmd.Run(); err != nil {
		t.Errorf("git does not see it: %v", err)
	}
}
