package warpgit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// interrupted is a landing of README.md, src/main.go (which goes) and src/new.go that was killed when it had written so many of
// the three, in this order; index says that it had written the index as well.
func interrupted(t *testing.T, files int, index bool) (dir string, r *Repo, head jitos.CommitID, tree jitos.TreeID) {
	dir, r, head, tree = landing(t)
	old, err := parseID(head)
	if err != nil {
		t.Fatal(err)
	}
	new, err := r.landCommit(ctx, head, tree, "fix")
	if err != nil {
		t.Fatal(err)
	}
	note, err := r.noteLanding(ctx, landingNote{Branch: "main", GitDir: ".", Old: string(head), New: new.String()})
	if err != nil {
		t.Fatal(err)
	}
	_, changes, err := r.changesBetween(ctx, old, new)
	if err != nil || len(changes) != 3 {
		t.Fatal(changes, err)
	}
	// The commit stays in a pack that a killed process leaves, and can be read.
	f, err := r.Store.Objects.flush(ctx, nil, new)
	if err != nil {
		t.Fatal(err)
	}
	w := &checkout{r, dir, r.GitDir}
	if index {
		err = r.landFiles(ctx, w, old, new)
	} else {
		err = w.write(ctx, changes[:files])
	}
	if err := errors.Join(err, r.Store.Objects.settle(f, true), note.file.Close()); err != nil {
		t.Fatal(err)
	}
	return dir, openDir(t, dir), head, tree
}

// A landing that was killed while it wrote files is found, and the same landing goes on; where nothing of it is to be seen, or
// the user took it back, committed, or went elsewhere, it is forgotten.
func TestUnfinished(t *testing.T) {
	for name, c := range map[string]struct {
		files int
		index bool
		since func(dir string)
		want  bool
	}{
		"nothing written": {},
		"one file":        {files: 1, want: true},
		"all files":       {files: 3, want: true},
		"the index":       {index: true, want: true},
		"taken back":      {files: 3, since: func(dir string) { run(t, dir, "stash", "-q", "-u") }},
		"reset":           {index: true, since: func(dir string) { run(t, dir, "reset", "-q", "--hard") }},
		"committed":       {files: 1, since: func(dir string) { run(t, dir, "commit", "-q", "-a", "-m", "mine") }},
		"on another branch": {files: 3, since: func(dir string) {
			run(t, dir, "checkout", "-q", "-b", "other")
		}},
		"collected": {files: 1, want: true, since: func(dir string) { run(t, dir, "gc", "-q", "--prune=now") }},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r, head, tree := interrupted(t, c.files, c.index)
			if c.since != nil {
				c.since(dir)
			}
			for range 2 {
				branch, found, err := r.Unfinished(ctx)
				if err != nil || found != c.want || found && branch != "main" {
					t.Fatalf("branch %q, %v, %v", branch, found, err)
				}
			}
			if !c.want {
				return
			}
			tree = putFiles(t, r.Store.Objects, map[string]string{"README.md": "landed\n", "src/new.go": "package main\n"})
			id, err := r.Land(ctx, "main", head, head, tree, "fix")
			if err != nil || run(t, dir, "rev-parse", "main") != string(id) || run(t, dir, "status", "--porcelain") != "" {
				t.Errorf("%v; status %q", err, run(t, dir, "status", "--porcelain"))
			}
			if _, found, err := r.Unfinished(ctx); found || err != nil {
				t.Errorf("when it has landed: %v %v", found, err)
			}
		})
	}
}

// What the user has changed since is never overwritten. Before the index was written nobody can tell what the change is made
// of, and the landing is refused; after it, the change stands on the landed file, and stays as one that is not committed.
func TestUnfinished_changedSince(t *testing.T) {
	for _, index := range []bool{false, true} {
		dir, r, head, tree := interrupted(t, 3, index)
		write(t, dir, "README.md", "landed\nmine\n")
		before := run(t, dir, "status", "--porcelain")
		if _, found, err := r.Unfinished(ctx); !found || err != nil {
			t.Fatal(found, err)
		}
		tree = putFiles(t, r.Store.Objects, map[string]string{"README.md": "landed\n", "src/new.go": "package main\n"})
		_, err := r.Land(ctx, "main", head, head, tree, "fix")
		if read(t, dir, "README.md") != "landed\nmine\n" {
			t.Error("the user's change is gone")
		}
		after := run(t, dir, "status", "--porcelain")
		if _, found, ferr := r.Unfinished(ctx); found == index || ferr != nil {
			t.Errorf("index written: %v: found again: %v, %v", index, found, ferr)
		}
		if index && (err != nil || after != " M README.md") || !index && (!errors.Is(err, jitos.ErrConflict) || after != before) {
			t.Errorf("index written: %v: %v; status %q, before %q", index, err, after, before)
		}
	}
}

// It is the same in a linked worktree, also when the repository was moved since.
func TestUnfinished_linked(t *testing.T) {
	dir, r, head, tree := landing(t)
	linked := filepath.Join(t.TempDir(), "side")
	run(t, dir, "worktree", "add", "-q", "-b", "side", linked)
	new, err := r.landCommit(ctx, head, tree, "fix")
	if err != nil {
		t.Fatal(err)
	}
	note, err := r.noteLanding(ctx, landingNote{Branch: "side", GitDir: "worktrees/side", Old: string(head), New: new.String()})
	if err == nil {
		err = note.file.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	moved := dir + "-moved"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	run(t, moved, "worktree", "repair", linked)
	if branch, found, err := openDir(t, moved).Unfinished(ctx); branch != "side" || !found || err != nil {
		t.Errorf("branch %q, %v, %v", branch, found, err)
	}
	if err := os.Rename(moved, dir); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "worktree", "repair", linked)
}

// A landing that is under way is nobody else's, and a note that is not whole says nothing.
func TestUnfinished_alive(t *testing.T) {
	dir, r, head, _ := landing(t)
	zero := plumbing.ZeroHash.String()
	note, err := r.noteLanding(ctx, landingNote{Branch: "main", GitDir: ".", Old: string(head), New: zero})
	if err != nil {
		t.Fatal(err)
	}
	other := openDir(t, dir)
	if _, found, err := other.Unfinished(ctx); found || err != nil {
		t.Errorf("under way: %v %v", found, err)
	}
	note.file.Close()
	if _, found, err := other.Unfinished(ctx); !found || err != nil {
		t.Errorf("its process ended, its commit is gone: %v %v", found, err)
	}
	file := filepath.Join(dir, ".git/jitos/landing")
	if err := os.Truncate(file, 20); err != nil {
		t.Fatal(err)
	}
	if _, found, err := other.Unfinished(ctx); found || err != nil || read(t, dir, ".git/jitos/landing") != "" {
		t.Errorf("not whole: %v %v", found, err)
	}
}
