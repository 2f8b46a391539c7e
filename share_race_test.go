package jitos_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// between is a remote at which something happens, once, after a fetch and before the push that follows.
type between struct {
	jitos.Remote
	then func()
}

func (b *between) Push(ctx context.Context, moves []jitos.Move) error {
	if then := b.then; then != nil {
		b.then = nil
		then()
	}
	return b.Remote.Push(ctx, moves)
}

// task declares one, which must work.
func (f *fabric) task(t *testing.T, intent string) jitos.TaskID {
	t.Helper()
	id, _, err := f.kernel.SubmitIntent(context.Background(), jitos.Request{Intent: intent})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// must have nodes on the line.
func (f *fabric) must(t *testing.T, ids ...jitos.TaskID) {
	t.Helper()
	for _, id := range ids {
		if ok, err := jitos.Has(context.Background(), f.system(t), id.Node()); err != nil || !ok {
			t.Errorf("%s is not on the line of %s: %v", id, f.dir, err)
		}
	}
}

// shared is a workspace of the first clone's that all have.
func shared(t *testing.T, all []*fabric, name string) jitos.ProcessView {
	t.Helper()
	p, err := all[0].kernel.NewWorkspace(context.Background(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		f.sync(t)
	}
	return p
}

// Another clone pushes while one is about to: what it pushed is never gone over, of the line, of a workspace and of the archive.
func TestSync_pushedMeanwhile(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	ws := shared(t, all, "shared")
	mine := one.task(t, "one thing")
	one.save(t, ws, map[string]string{"a": "one\n"})
	var theirs jitos.TaskID
	done, err := one.kernel.Sync(ctx, &between{one.repo.Meet("origin"), func() {
		theirs = two.task(t, "another thing")
		v, err := two.kernel.NewWorkspace(ctx, "given-up", "")
		if err == nil {
			err = two.kernel.Discard(ctx, v, "person", "a try")
		}
		if err != nil {
			t.Fatal(err)
		}
		two.sync(t)
	}})
	if err != nil || done.Tries != 2 {
		t.Fatalf("tries %d: %v", done.Tries, err)
	}
	two.sync(t)
	one.must(t, mine, theirs)
	two.must(t, mine, theirs)
	if refsOf(t, one.dir) != refsOf(t, two.dir) {
		t.Errorf("%s\n%s", refsOf(t, one.dir), refsOf(t, two.dir))
	}

	// All refs go or none do: a workspace alone that somebody else moved stops the line, too.
	late := one.task(t, "a third thing")
	before := git(t, two.dir, "ls-remote", "origin", "refs/heads/jitos/system")
	err = one.repo.Meet("origin").Push(ctx, []jitos.Move{
		{Ref: jitos.SystemRef, From: two.system(t).Commit().ID, To: one.system(t).Commit().ID},
		{Ref: "refs/heads/jitos/sws/shared", From: two.system(t).Commit().ID, To: one.system(t).Commit().ID}})
	if !errors.Is(err, jitos.ErrStale) {
		t.Errorf("a push over what is elsewhere: %v", err)
	}
	if after := git(t, two.dir, "ls-remote", "origin", "refs/heads/jitos/system"); after != before {
		t.Errorf("half of it went: %s", after)
	}
	one.sync(t)
	two.sync(t)
	two.must(t, late)
}

// busy is a store in which somebody else writes, once, when the line is about to be put on another one.
type busy struct {
	*warpgit.Store
	meanwhile func()
}

func (s *busy) Archive(ctx context.Context, tip jitos.CommitID, what string) error {
	if then := s.meanwhile; then != nil {
		s.meanwhile = nil
		then()
	}
	return s.Store.Archive(ctx, tip, what)
}

// Another process writes in the clone while its line is put on another one: that rewrite is submitted again like the others.
func TestReconcile_writtenMeanwhile(t *testing.T) {
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	theirs := one.task(t, "their thing")
	one.sync(t)
	mine := two.task(t, "one thing")
	other := openFabric(t, two.dir)
	var meanwhile jitos.TaskID
	two.kernel.Store = &busy{two.repo.Store, func() { meanwhile = other.task(t, "a thing of another process") }}
	two.sync(t)
	two.must(t, theirs, mine, meanwhile)
	two.holds(t)
}

// The line of another fabric is refused by the kernel itself, whatever brought it here, and nothing moves.
func TestReconcile_otherFabric(t *testing.T) {
	ctx := context.Background()
	one, other := newFabric(t, map[string]string{"a": "a\n"}), newFabric(t, map[string]string{"a": "a\n"})
	one.task(t, "one thing")
	git(t, one.dir, "fetch", "-q", other.dir, "refs/heads/jitos/system")
	before := refsOf(t, one.dir)
	if _, err := one.kernel.Reconcile(ctx, other.system(t).Commit().ID); !errors.Is(err, jitos.ErrConflict) {
		t.Errorf("another fabric: %v", err)
	}
	if after := refsOf(t, one.dir); after != before {
		t.Errorf("refs moved: %s", after)
	}
}

// Killed right after the line was put on another one, the line as it was is in the archive already.
func TestReconcile_killed(t *testing.T) {
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	one.task(t, "their thing")
	one.handwork(t, "left", map[string]string{"a": "one\n"})
	one.sync(t)
	mine := two.task(t, "one thing")
	clash := two.handwork(t, "clash", map[string]string{"a": "two\n"})
	old := two.system(t).Commit().ID
	for step := 1; ; step++ {
		p := &peer{fabric: two, t: t, name: "two", real: true}
		p.reborn()
		p.fuse.left = step
		p.try("sync", func() error { _, err := p.kernel.Sync(context.Background(), p.repo.Meet("origin")); return err })
		two = p.fabric
		p.exec.Close()
		t.Cleanup(func() { p.repo.Close() })
		two.must(t, mine)
		if v, err := jitos.ViewProcess(context.Background(), two.system(t), clash.ID); err != nil {
			t.Fatal(err)
		} else if _, err := two.kernel.Workspace(context.Background(), "clash"); v.Open() && err != nil {
			t.Errorf("killed at %d, the line leaves open what has no branch: %v", step, err)
		}
		git(t, two.dir, "merge-base", "--is-ancestor", string(old), two.anyRef(t, old))
		if p.fuse.left > 0 { // it was not killed any more
			break
		}
	}
	one.sync(t)
	one.must(t, mine)
}

// anyRef is a ref of the fabric that leads to a commit.
func (f *fabric) anyRef(t *testing.T, id jitos.CommitID) string {
	t.Helper()
	ref := git(t, f.dir, "for-each-ref", "--contains", string(id), "--format=%(refname)", "--count=1", "refs/heads/jitos")
	if ref == "" {
		t.Fatalf("no ref leads to %s", id)
	}
	return ref
}

// Two clones keep a gate each, and break it together: the collapse that comes second runs its gates again on the files of both, and
// stays an open workspace.
func TestSync_gatesAgain(t *testing.T) {
	ctx := context.Background()
	peers := peersOf(t, 2, false)
	var second jitos.TaskID
	for _, p := range peers {
		id, _ := p.declare(ctx, "cap", "test -e cap-"+p.name, capped)
		s, err := p.kernel.SubmitPlan(ctx, id, jitos.Slap{Title: "write", Steps: []jitos.Step{
			{Name: "write", Worker: "shell", Run: "echo one >cap-" + p.name, Needs: []string{"fs.write:**"}}}})
		if err == nil {
			_, err = p.kernel.Run(ctx, id, jitos.RunOptions{Slap: s})
		}
		if err != nil {
			t.Fatal(err)
		}
		second = id
	}
	peers[0].sync(nil)
	done := peers[1].sync(nil)
	if len(done.Reopened) != 1 || done.Reopened[0].Task != second {
		t.Errorf("%+v", done)
	}
	if files := peers[1].files(t, peers[1].system(t)); files["cap-p0"] == "" || files["cap-p1"] != "" {
		t.Errorf("files %v", files)
	}
}

// A workspace goes two ways: that of the clone that owns it stays, everywhere, and the other way is in the archive, whoever of the
// two syncs first.
func TestSync_workspaceParted(t *testing.T) {
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	for name, order := range map[string][]*fabric{"owner-first": {one, two, one}, "owner-second": {two, one, two}} {
		p := shared(t, all, name)
		one.save(t, p, map[string]string{"a": "one\n"})
		two.save(t, p, map[string]string{"a": "two\n"})
		ref := jitos.Ref("refs/heads/jitos/sws/" + name)
		owners, others := one.tip(t, ref).Commit().ID, two.tip(t, ref).Commit().ID
		for _, f := range order {
			f.sync(t)
		}
		for _, f := range all {
			if at := f.tip(t, ref).Commit().ID; at != owners {
				t.Errorf("%s: %s has the workspace at %s, its owner at %s", name, f.dir, at, owners)
			}
			git(t, f.dir, "merge-base", "--is-ancestor", string(others), f.anyRef(t, others))
		}
	}
}

// Only rewrites stand on a system line: one with a plain commit is not taken, nor gone on with, whoever looked at it before.
func TestReconcile_plainCommit(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n"})
	base := string(f.system(t).Commit().ID)
	plain := jitos.CommitID(git(t, f.dir, "commit-tree", base+"^{tree}", "-p", base, "-m", "by hand"))
	for _, mine := range []string{"", "a thing"} {
		if mine != "" {
			f.task(t, mine)
		}
		before := f.system(t).Commit().ID
		if _, err := f.kernel.Reconcile(ctx, plain); !errors.Is(err, jitos.ErrInvalid) {
			t.Errorf("with %q here: %v", mine, err)
		}
		if after := f.system(t).Commit().ID; after != before {
			t.Errorf("with %q here the line is at %s", mine, after)
		}
	}
}

// What another clone did in a workspace that has ended meanwhile goes to the archive, and its branch goes.
func TestSync_beyondItsEnd(t *testing.T) {
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	p := shared(t, all, "shared")
	two.save(t, p, map[string]string{"a": "two\n"})
	beyond := two.tip(t, "refs/heads/jitos/sws/shared").Commit().ID
	one.save(t, p, map[string]string{"a": "one\n"})
	if c := one.collapse(t, p); c != nil {
		t.Fatal(c)
	}
	one.sync(t)
	two.sync(t)
	if refs := refsOf(t, two.dir); strings.Contains(refs, "sws/shared") {
		t.Errorf("the workspace has ended: %s", refs)
	}
	git(t, two.dir, "merge-base", "--is-ancestor", string(beyond), two.anyRef(t, beyond))
}

// A workspace that has gone on at its owner's stays where somebody works in it here, until he is done.
func TestSync_atWorkHere(t *testing.T) {
	all := clones(t, 2, map[string]string{"a": "a\n"})
	one, two := all[0], all[1]
	p := shared(t, all, "shared")
	one.save(t, p, map[string]string{"a": "one\n"})
	one.sync(t)
	const ref = "refs/heads/jitos/sws/shared"
	was := two.tip(t, ref).Commit().ID
	dir := filepath.Join(t.TempDir(), "shared")
	for why, work := range map[string]func() (end func()){
		"is checked out in " + dir: func() func() {
			git(t, two.dir, "worktree", "add", "-q", dir, "jitos/sws/shared")
			return func() { git(t, two.dir, "worktree", "remove", dir) }
		},
		"is at work here": func() func() {
			release, err := two.repo.Hold(p.ID)
			if err != nil {
				t.Fatal(err)
			}
			return release
		},
	} {
		end := work()
		done := two.sync(t)
		if at := two.tip(t, ref).Commit().ID; at != was || len(done.Kept) != 1 || !strings.HasSuffix(done.Kept[0], why) {
			t.Errorf("at %s, was %s; kept %q, want %q", at, was, done.Kept, why)
		}
		end()
	}
	two.sync(t)
	if at, want := two.tip(t, ref).Commit().ID, one.tip(t, ref).Commit().ID; at != want {
		t.Errorf("nobody is at work any more, and it is at %s, not %s", at, want)
	}
}

// Two clones give different workspaces one name: each keeps its own branch, and the remote the one that came first.
func TestSync_sameName(t *testing.T) {
	ctx := context.Background()
	all := clones(t, 2, map[string]string{"a": "a\n"})
	const ref = "refs/heads/jitos/sws/same"
	var tips []jitos.CommitID
	for i, f := range all {
		p, err := f.kernel.NewWorkspace(ctx, "same", "")
		if err != nil {
			t.Fatal(err)
		}
		f.save(t, p, map[string]string{"a": fmt.Sprint(i)})
		tips = append(tips, f.tip(t, ref).Commit().ID)
	}
	all[0].sync(t)
	for range 2 {
		done := all[1].sync(t)
		if len(done.Kept) != 1 || done.Kept[0] != "same: it is another workspace than the one of that name there, and stays here alone until one of the two has ended" {
			t.Errorf("kept %q", done.Kept)
		}
		all[0].sync(t)
	}
	for i, f := range all {
		if at := f.tip(t, ref).Commit().ID; at != tips[i] {
			t.Errorf("clone %d has it at %s, was %s", i, at, tips[i])
		}
	}
	if there := git(t, all[0].dir, "ls-remote", "origin", ref); !strings.HasPrefix(there, string(tips[0])) {
		t.Errorf("there it is %s, was %s", there, tips[0])
	}
}
