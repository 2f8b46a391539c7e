package jitos_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"pgregory.net/rapid"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/overlay"
	"github.com/jitos/jitos/planner"
	"github.com/jitos/jitos/warpgit"
	"github.com/jitos/jitos/warpgit/object"
)

// fabric is a real repository with a kernel on it. It has no executor: these tests work by hand.
type fabric struct {
	dir    string
	repo   *warpgit.Repo
	kernel *jitos.Kernel
}

// newFabric makes a repository with the given files and a fabric in it. When the test ends, git finds nothing wrong there.
func newFabric(t testing.TB, files map[string]string) *fabric {
	t.Helper()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "Ada")
		t.Setenv("GIT_"+who+"_EMAIL", "ada@example.org")
	}
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	git(t, dir, "add", ".")
	git(t, dir, "commit", "-q", "-m", "first")
	f := openFabric(t, dir)
	id, err := warpgit.FabricFile(jitos.NewName("fabric"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.kernel.Init(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("git", "-C", dir, "fsck", "--strict", "--no-dangling").CombinedOutput(); err != nil {
			t.Errorf("git fsck: %v\n%s", err, out)
		}
	})
	return f
}

// openFabric opens what another process might have left in dir.
func openFabric(t testing.TB, dir string) *fabric {
	t.Helper()
	repo, err := warpgit.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repo.Close() })
	return wired(dir, repo)
}

func wired(dir string, repo *warpgit.Repo) *fabric {
	return &fabric{dir, repo, &jitos.Kernel{
		Store: repo.Store, Merger: overlay.New(repo.Store.Objects, repo.Store), Planner: planner.New(), Repository: repo, Local: repo,
		ParsePolicy: methods.LoadPolicy, Actor: "Ada <ada@example.org>",
	}}
}

func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// fatal is what *testing.T and *rapid.T share.
type fatal interface {
	Helper()
	Fatal(args ...any)
}

func (f *fabric) system(t fatal) jitos.Snapshot {
	t.Helper()
	at, err := f.kernel.System(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// tree stages files; names hold no slash.
func (f *fabric) tree(files map[string]string) (jitos.TreeID, error) {
	var entries []object.TreeEntry
	for name, text := range files {
		id, err := f.repo.Store.Objects.PutBlob([]byte(text))
		if err != nil {
			return "", err
		}
		entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: id})
	}
	tree, err := f.repo.Store.Objects.PutTree(entries)
	if err == nil && tree == plumbing.ZeroHash {
		err = errors.New("no tree")
	}
	return jitos.TreeID(tree.String()), err
}

// save replaces the files of a workspace; names hold no slash.
func (f *fabric) save(t fatal, p jitos.ProcessView, files map[string]string) {
	t.Helper()
	tree, err := f.tree(files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.kernel.Save(context.Background(), p, tree, "edit"); err != nil {
		t.Fatal(err)
	}
}

func (f *fabric) files(t fatal, at jitos.Snapshot) map[string]string {
	t.Helper()
	ctx := context.Background()
	all := map[string]string{}
	for name, err := range at.Glob(ctx, "**") {
		if err != nil {
			t.Fatal(err)
		}
		raw, err := at.ReadFile(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(raw)
	}
	return all
}

// notes are the user's nodes, by name.
func (f *fabric) notes(t fatal, at jitos.Snapshot) map[string]string {
	t.Helper()
	all := map[string]string{}
	for n, err := range at.Nodes(context.Background(), "note") {
		if err != nil {
			t.Fatal(err)
		}
		all[n.ID.Name] = jitos.FieldText(n.Fields["text"])
	}
	return all
}

func note(name, text string) jitos.Node {
	return jitos.Node{ID: jitos.NodeID{Kind: "note", Name: name}, Fields: map[string]any{"text": text}}
}

// collapse merges without a gate; it returns the conflict where there was one.
func (f *fabric) collapse(t fatal, p jitos.ProcessView) *jitos.ConflictError {
	t.Helper()
	_, err := f.kernel.Collapse(context.Background(), p, jitos.CollapseOptions{NoGate: "a test of merges"})
	var conflict *jitos.ConflictError
	if err != nil && !errors.As(err, &conflict) {
		t.Fatal(err)
	}
	return conflict
}

// Several workspaces change files and nodes at once. What collapses is exactly the three-way merge of plain maps; what
// conflicts changes nothing but the record of the conflict.
func TestCollapseIsAnExactMerge(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n", "b": "b\n", "c": "c\n"})
	value := rapid.SampledFrom([]string{"1\n", "2\n", "3\n"})
	turn := 0
	rapid.Check(t, func(t *rapid.T) {
		turn++
		baseFiles, baseNotes := f.files(t, f.system(t)), f.notes(t, f.system(t))
		type work struct {
			p            jitos.ProcessView
			files, notes map[string]string
		}
		var open []work
		for i := range 2 {
			p, err := f.kernel.NewWorkspace(ctx, fmt.Sprintf("w%d-%d", turn, i), "")
			if err != nil {
				t.Fatal(err)
			}
			w := work{p, maps.Clone(baseFiles), maps.Clone(baseNotes)}
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 2, rapid.ID).Draw(t, "files") {
				w.files[name] = value.Draw(t, "text")
			}
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 2, rapid.ID).Draw(t, "notes") {
				w.notes[name] = value.Draw(t, "note")
			}
			f.save(t, p, w.files)
			var s jitos.Submission
			for name, text := range w.notes {
				if baseNotes[name] != text {
					s.Set = append(s.Set, note(name, text))
				}
			}
			if len(s.Set) > 0 {
				if _, err := f.kernel.SubmitRewrite(ctx, s, p.Process.SWS); err != nil {
					t.Fatal(err)
				}
			}
			open = append(open, w)
		}
		for _, w := range open {
			before := f.system(t)
			oursFiles, oursNotes := f.files(t, before), f.notes(t, before)
			wantFiles, ok1 := mergeMaps(baseFiles, oursFiles, w.files, true)
			wantNotes, ok2 := mergeMaps(baseNotes, oursNotes, w.notes, false)
			conflict := f.collapse(t, w.p)
			after := f.system(t)
			if conflict != nil {
				wantFiles, wantNotes = oursFiles, oursNotes
				if after.Commit().Record.Rule != jitos.RuleConflict && before.Commit().ID != after.Commit().ID {
					t.Fatalf("a refused collapse wrote a %s", after.Commit().Record.Rule)
				}
				if err := f.kernel.Discard(ctx, w.p, "conflict", conflict.Error()); err != nil {
					t.Fatal(err)
				}
			}
			if (conflict == nil) != (ok1 && ok2) {
				t.Fatalf("conflict %v, but the maps merge: files %v, notes %v", conflict, ok1, ok2)
			}
			if got := f.files(t, after); !maps.Equal(got, wantFiles) {
				t.Fatalf("files %q, want %q", got, wantFiles)
			}
			if got := f.notes(t, after); !maps.Equal(got, wantNotes) {
				t.Fatalf("notes %q, want %q", got, wantNotes)
			}
		}
	})
}

// mergeMaps is the three-way merge of the model; false where both sides changed an entry differently, or, where what a side
// changed counts as read, at all. Files of one line and nodes of one field merge no finer than that.
func mergeMaps(base, ours, theirs map[string]string, changedIsRead bool) (map[string]string, bool) {
	merged := maps.Clone(ours)
	for name, t := range theirs {
		b, o := base[name], ours[name]
		switch {
		case t == b || t == o && !changedIsRead:
		case o == b:
			merged[name] = t
		default:
			return nil, false
		}
	}
	return merged, true
}

// Two kernels, as two processes would, write to one system line: nothing that was acknowledged is lost.
func TestKernelsShareTheSystemLine(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n"})
	const each = 10
	errs := make(chan error, 2)
	for writer := range 2 {
		k := openFabric(t, f.dir).kernel
		go func() {
			for i := range each {
				s := jitos.Submission{Set: []jitos.Node{note(fmt.Sprintf("n-%d-%d", writer, i), "x")}}
				if _, err := k.SubmitRewrite(ctx, s, ""); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := len(f.notes(t, f.system(t))); got != 2*each {
		t.Errorf("%d notes survive of %d", got, 2*each)
	}
}

// A rewrite that relied on something which has changed since is refused, and changes nothing.
func TestStaleRewriteIsRefused(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n"})
	first, err := f.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note("x", "1")}}, "")
	if err != nil {
		t.Fatal(err)
	}
	read := jitos.Read{Item: "note/x", Is: string(first.Record.Set["note/x"])}
	if _, err := f.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note("x", "2")}, Reads: []jitos.Read{read}}, ""); err != nil {
		t.Fatalf("a read that holds: %v", err)
	}
	head := f.system(t).Commit().ID
	if _, err := f.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note("x", "3")}, Reads: []jitos.Read{read}}, ""); !errors.Is(err, jitos.ErrStale) {
		t.Errorf("a read that moved: %v, want ErrStale", err)
	}
	if f.system(t).Commit().ID != head {
		t.Error("a refused rewrite moved the system line")
	}
}

// Each of two workspaces keeps "at least one of x and y is on" by what it reads, and together they would break it. Paths
// and nodes are disjoint; only the reads tell.
func TestWriteSkewIsRefused(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n"})
	made, err := f.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note("x", "on"), note("y", "on")}}, "")
	if err != nil {
		t.Fatal(err)
	}
	turnOff := func(name, other string) jitos.ProcessView {
		p, err := f.kernel.NewWorkspace(ctx, "off-"+name, "")
		if err != nil {
			t.Fatal(err)
		}
		read := jitos.Read{Item: jitos.ItemID("note/" + other), Is: string(made.Record.Set[jitos.ItemID("note/"+other)])}
		if _, err := f.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note(name, "off")}, Reads: []jitos.Read{read}}, p.Process.SWS); err != nil {
			t.Fatal(err)
		}
		return p
	}
	x, y := turnOff("x", "y"), turnOff("y", "x")
	if conflict := f.collapse(t, x); conflict != nil {
		t.Fatal(conflict)
	}
	conflict := f.collapse(t, y)
	if conflict == nil {
		t.Fatal("both are off: the second collapse relied on x, which had changed")
	}
	if !slices.ContainsFunc(conflict.Conflicts, jitos.Conflict.ReadMoved) {
		t.Errorf("the conflict does not say what was relied on: %v", conflict)
	}
	if got := f.notes(t, f.system(t)); got["x"] != "off" || got["y"] != "on" {
		t.Errorf("notes %v", got)
	}
}

// A discard without a reason would leave nothing to learn from.
func TestDiscardNeedsAReason(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n"})
	p, err := f.kernel.NewWorkspace(ctx, "w", "")
	if err != nil {
		t.Fatal(err)
	}
	f.save(t, p, map[string]string{"a": "b\n"})
	w, err := f.kernel.Workspace(ctx, "w")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.kernel.Discard(ctx, p, "person", " \n"); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("an empty reason: %v, want ErrInvalid", err)
	}
	if err := f.kernel.Discard(ctx, p, "person", "it did not help"); err != nil {
		t.Fatal(err)
	}
	a, err := jitos.Get[jitos.Attempt](ctx, f.system(t), jitos.NodeID{Kind: jitos.KindAttempt, Name: string(p.ID)})
	if err != nil || a.Reason != "it did not help" || a.Tip != w.Tip {
		t.Errorf("what is left: %+v, %v", a, err)
	}
	git(t, f.dir, "gc", "-q", "--prune=now")
	if got := git(t, f.dir, "show", string(w.Tip)+":a"); got != "b" {
		t.Errorf("the attempt's files after gc: %q", got)
	}
	if _, err := f.kernel.Workspace(ctx, "w"); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("the workspace is still there: %v", err)
	}
}

// Two people change different lines of one file. The second must look at what has moved (a changed path counts as read);
// after the rebase the files hold the work of both.
func TestRebaseKeepsWorkByHand(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "1\n2\n3\n4\n5\n"})
	first, err := f.kernel.NewWorkspace(ctx, "first", "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := f.kernel.NewWorkspace(ctx, "second", "")
	if err != nil {
		t.Fatal(err)
	}
	f.save(t, first, map[string]string{"a": "one\n2\n3\n4\n5\n"})
	f.save(t, second, map[string]string{"a": "1\n2\n3\n4\nfive\n"})
	if conflict := f.collapse(t, first); conflict != nil {
		t.Fatal(conflict)
	}
	if conflict := f.collapse(t, second); conflict == nil {
		t.Fatal("the second did not notice that its file had changed")
	}
	if err := f.kernel.Rebase(ctx, second); err != nil {
		t.Fatal(err)
	}
	if conflict := f.collapse(t, second); conflict != nil {
		t.Fatal(conflict)
	}
	if got, want := f.files(t, f.system(t))["a"], "one\n2\n3\n4\nfive\n"; got != want {
		t.Errorf("a is %q, want %q", got, want)
	}
}

// A kill left an ended workspace "w" and an open one "w1": what is meant for w must not hit w1.
func TestEndedWorkspaceIsNoPrefix(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n"})
	p, err := f.kernel.NewWorkspace(ctx, "w", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.kernel.Discard(ctx, p, "person", "done with it"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.kernel.NewWorkspace(ctx, "w1-long", ""); err != nil {
		t.Fatal(err)
	}
	if w, err := f.kernel.Workspace(ctx, "w"); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("w, which has ended, gave %s, %v", w.Name, err)
	}
	if w, err := f.kernel.Workspace(ctx, "w1"); err != nil || w.Name != "w1-long" {
		t.Errorf("a prefix gave %s, %v", w.Name, err)
	}
}
