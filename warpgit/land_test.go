package warpgit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// landing is a repository, and a file tree that differs from its HEAD: README.md changed, src/main.go gone, src/new.go new.
func landing(t *testing.T) (dir string, r *Repo, head jitos.CommitID, tree jitos.TreeID) {
	dir = newDir(t)
	r = openDir(t, dir)
	tree = putFiles(t, r.Store.Objects, map[string]string{"README.md": "landed\n", "src/new.go": "package main\n"})
	return dir, r, jitos.CommitID(run(t, dir, "rev-parse", "HEAD")), tree
}

func TestLand_checkedOut(t *testing.T) {
	dir, r, head, tree := landing(t)
	write(t, dir, "untracked", "mine\n")
	id, err := r.Land(ctx, "main", head, head, tree, "fix it\n\nJitos-Landed: abc\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, dir, "rev-parse", "main"); got != string(id) {
		t.Errorf("main is at %s, want %s", got, id)
	}
	if read(t, dir, "README.md") != "landed\n" || exists(filepath.Join(dir, "src/main.go")) || read(t, dir, "untracked") != "mine\n" {
		t.Error("the working tree did not follow")
	}
	if got := run(t, dir, "status", "--porcelain"); got != "?? untracked" {
		t.Errorf("status %q", got)
	}
	if got := run(t, dir, "log", "-1", "--format=%an|%s|%(trailers:key=Jitos-Landed,valueonly)|%P"); got != "Ada|fix it|abc\n|"+string(head) {
		t.Errorf("commit %q", got)
	}
	if got := run(t, dir, "rev-parse", "main@{1}"); got != string(head) {
		t.Errorf("the log of main says it was at %s", got)
	}
	if _, err := r.Land(ctx, "main", head, head, tree, "again"); !errors.Is(err, jitos.ErrStale) {
		t.Errorf("from an old tip: %v", err)
	}
}

// What the user has changed and not committed is never overwritten: the landing is refused and nothing has moved.
func TestLand_inTheWay(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"changed":   func(t *testing.T, dir string) { write(t, dir, "README.md", "mine\n") },
		"staged":    func(t *testing.T, dir string) { write(t, dir, "README.md", "mine\n"); run(t, dir, "add", ".") },
		"untracked": func(t *testing.T, dir string) { write(t, dir, "src/new.go", "mine\n") },
		"ignored": func(t *testing.T, dir string) {
			write(t, dir, ".git/info/exclude", "new.go\n")
			write(t, dir, "src/new.go", "mine\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r, head, tree := landing(t)
			prepare(t, dir)
			before := run(t, dir, "status", "--porcelain", "--ignored")
			if _, err := r.Land(ctx, "main", head, head, tree, "fix"); !errors.Is(err, jitos.ErrConflict) {
				t.Errorf("error %v, want ErrConflict", err)
			}
			if run(t, dir, "rev-parse", "main") != string(head) || run(t, dir, "status", "--porcelain", "--ignored") != before {
				t.Error("something moved")
			}
			if !exists(filepath.Join(dir, "src/main.go")) {
				t.Error("a file is gone")
			}
		})
	}
}

func TestLand_elsewhere(t *testing.T) {
	dir, r, head, tree := landing(t)
	status := run(t, dir, "status", "--porcelain")
	id, err := r.Land(ctx, "new/branch", "", head, tree, "on a new branch")
	if err != nil || run(t, dir, "rev-parse", "new/branch") != string(id) {
		t.Errorf("new branch: %s %v", id, err)
	}
	if _, err := r.Land(ctx, "new/branch", "", head, tree, "again"); !errors.Is(err, jitos.ErrStale) {
		t.Errorf("a new branch that exists: %v", err)
	}
	if _, err := r.Land(ctx, "new/branch", id, id, tree, "once more"); err != nil {
		t.Errorf("a branch that is not checked out: %v", err)
	}
	if run(t, dir, "status", "--porcelain") != status || run(t, dir, "rev-parse", "HEAD") != string(head) {
		t.Error("the working tree moved")
	}
	if _, err := r.Land(ctx, "jitos/system", "", head, tree, "x"); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("on the fabric's branch: %v", err)
	}
	linked := filepath.Join(t.TempDir(), "side")
	run(t, dir, "worktree", "add", "-q", "-b", "side", linked)
	if id, err = r.Land(ctx, "side", head, head, tree, "in another worktree"); err != nil {
		t.Fatal(err)
	}
	if read(t, linked, "README.md") != "landed\n" || run(t, linked, "status", "--porcelain") != "" || run(t, linked, "rev-parse", "HEAD") != string(id) {
		t.Error("the other worktree did not follow")
	}
	run(t, dir, "checkout", "-q", "--detach")
	if id, err = r.Land(ctx, "", head, head, tree, "detached"); err != nil || run(t, dir, "rev-parse", "HEAD") != string(id) || run(t, dir, "rev-parse", "main") != string(head) {
		t.Errorf("detached: %v", err)
	}
}

func TestLand_unborn(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main")
	t.Cleanup(func() { checkRepo(t, dir) })
	r := openDir(t, dir)
	tree := putFiles(t, r.Store.Objects, map[string]string{"a.txt": "a\n"})
	write(t, dir, "a.txt", "mine\n")
	if _, err := r.Land(ctx, "main", "", "", tree, "first"); !errors.Is(err, jitos.ErrConflict) || read(t, dir, "a.txt") != "mine\n" {
		t.Errorf("over an untracked file: %v", err)
	}
	os.Remove(filepath.Join(dir, "a.txt"))
	id, err := r.Land(ctx, "main", "", "", tree, "first")
	if err != nil || read(t, dir, "a.txt") != "a\n" || run(t, dir, "log", "--format=%H %P") != string(id)+" " {
		t.Errorf("unborn: %s %v", id, err)
	}
	bare := filepath.Join(t.TempDir(), "bare.git")
	run(t, dir, "clone", "-q", "--bare", dir, bare)
	b := openDir(t, bare)
	tree = putFiles(t, b.Store.Objects, map[string]string{"b.txt": "b\n"})
	if next, err := b.Land(ctx, "main", id, id, tree, "second"); err != nil || run(t, bare, "rev-parse", "main") != string(next) {
		t.Errorf("in a bare repository: %v", err)
	}
}

// patched is a repository in which the tree of HEAD is the one to patch from.
func patched(t *testing.T, to map[string]string) (string, *Repo, jitos.TreeID, jitos.TreeID) {
	dir := newDir(t)
	write(t, dir, "lib/x/deep.txt", "deep\n")
	write(t, dir, "tool.sh", "#!/bin/sh\n")
	os.Chmod(filepath.Join(dir, "tool.sh"), 0o755)
	os.Symlink("README.md", filepath.Join(dir, "link"))
	run(t, dir, "add", ".")
	run(t, dir, "commit", "-q", "-m", "more")
	r := openDir(t, dir)
	born(t, r.Store)
	rw := graphRule(nil, nil)
	rw.Tree = putFiles(t, r.Store.Objects, to)
	head, err := r.Store.Head(ctx, jitos.SystemRef)
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, r.Store, jitos.SystemRef, head, rw) // so that the objects are durable
	return dir, r, jitos.TreeID(run(t, dir, "rev-parse", "HEAD^{tree}")), rw.Tree
}

func TestPatch(t *testing.T) {
	dir, r, from, to := patched(t, map[string]string{"README.md": "patched\n", "new/file.txt": "new\n", "lib": "was a directory\n", "src/main.go/x": "was a file\n"})
	write(t, dir, "untracked", "mine\n")
	index := read(t, dir, ".git/index")
	if err := r.Patch(ctx, from, to); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"README.md": "patched\n", "new/file.txt": "new\n", "lib": "was a directory\n", "src/main.go/x": "was a file\n", "untracked": "mine\n"} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for _, gone := range []string{"tool.sh", "link"} {
		if exists(filepath.Join(dir, gone)) {
			t.Errorf("%s is still there", gone)
		}
	}
	if read(t, dir, ".git/index") != index {
		t.Error("the index changed")
	}
	if err := r.Patch(ctx, to, from); err != nil {
		t.Fatal(err)
	}
	if got := run(t, dir, "status", "--porcelain"); got != "" && got != "?? untracked" {
		t.Errorf("back again, status says %q", got)
	}
	if target, err := os.Readlink(filepath.Join(dir, "link")); err != nil || target != "README.md" {
		t.Errorf("the link is %q %v", target, err)
	}
}

func TestPatch_refused(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, dir string){
		"changed":    func(t *testing.T, dir string) { write(t, dir, "README.md", "mine\n") },
		"removed":    func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "README.md")) },
		"untracked":  func(t *testing.T, dir string) { write(t, dir, "new/file.txt", "mine\n") },
		"file above": func(t *testing.T, dir string) { write(t, dir, "new", "mine\n") },
		"link above": func(t *testing.T, dir string) { os.Symlink(t.TempDir(), filepath.Join(dir, "new")) },
		"left in directory": func(t *testing.T, dir string) {
			write(t, dir, "lib/x/mine.txt", "mine\n")
		},
		"mode": func(t *testing.T, dir string) { os.Chmod(filepath.Join(dir, "README.md"), 0o755) },
		"link moved": func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, "link"))
			os.Symlink("elsewhere", filepath.Join(dir, "link"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, r, from, to := patched(t, map[string]string{"README.md": "patched\n", "new/file.txt": "new\n", "lib": "was a directory\n"})
			prepare(t, dir)
			before := listWorktree(t, dir)
			err := r.Patch(ctx, from, to)
			var conflict *jitos.ConflictError
			if !errors.As(err, &conflict) || len(conflict.Conflicts) != 1 {
				t.Errorf("error %v, want one conflict", err)
			}
			if after := listWorktree(t, dir); after != before {
				t.Errorf("something moved:\n%s\nwas\n%s", after, before)
			}
		})
	}
}

func listWorktree(t *testing.T, dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if e != nil && e.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		data, _ := os.ReadFile(p)
		b.WriteString(p + " " + info.Mode().String() + " " + string(data) + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Files are written as git writes them: here with the line endings that .gitattributes asks for.
func TestPatch_filters(t *testing.T) {
	dir := newDir(t)
	write(t, dir, ".gitattributes", "*.txt text eol=crlf\n")
	write(t, dir, "a.txt", "one\r\n")
	run(t, dir, "add", ".")
	run(t, dir, "commit", "-q", "-m", "attributes")
	r := openDir(t, dir)
	from := jitos.TreeID(run(t, dir, "rev-parse", "HEAD^{tree}"))
	write(t, dir, "a.txt", "two\r\n")
	to, err := r.Dirty(ctx)
	if err != nil {
		t.Fatal(err)
	}
	head := born(t, r.Store)
	rw := graphRule(nil, nil)
	rw.Tree = to
	appendTo(t, r.Store, jitos.SystemRef, head, rw)
	write(t, dir, "a.txt", "one\r\n")
	if err := r.Patch(ctx, from, to); err != nil || read(t, dir, "a.txt") != "two\r\n" {
		t.Errorf("a.txt is %q %v", read(t, dir, "a.txt"), err)
	}
}
