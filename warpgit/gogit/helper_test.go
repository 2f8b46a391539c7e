package gogit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// pinned is when everything in the tests happens.
var pinned = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// run runs git as a user would, and fails the test where git fails.
func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimRight(out.String(), "\n")
}

// newDir makes a repository with one commit of two files, on branch main, away from the machine's own configuration. When the
// test ends, git must find nothing wrong in it, and no lock or .keep.
func newDir(t testing.TB) string {
	t.Helper()
	for name, value := range map[string]string{"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": os.TempDir(),
		"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
		"HOME": t.TempDir(), "LC_ALL": "C", "JITOS_NOW": fmt.Sprint(pinned.Unix())} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main")
	write(t, dir, "README.md", "hello\n")
	write(t, dir, "src/main.go", "package main\n")
	run(t, dir, "add", ".")
	run(t, dir, "commit", "-q", "-m", "first")
	t.Cleanup(func() {
		run(t, dir, "fsck", "--strict", "--full")
		common := run(t, dir, "rev-parse", "--path-format=absolute", "--git-common-dir")
		for _, pattern := range []string{"*.lock", "refs/heads/*.lock", "packed-refs.lock", "objects/pack/*.keep", "jitos/tmp/*"} {
			if left, _ := filepath.Glob(filepath.Join(common, pattern)); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	})
	return dir
}

// openDir opens a repository for the time of a test.
func openDir(t testing.TB, dir string) *warpgit.Repo {
	t.Helper()
	r, err := warpgit.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// fabric makes a fabric of some rewrites and returns its tip.
func fabric(t testing.TB, r *warpgit.Repo, rewrites int) jitos.CommitID {
	t.Helper()
	file, err := warpgit.FabricFile("test-aaaaaaaa")
	if err != nil {
		t.Fatal(err)
	}
	var tip jitos.CommitID
	add := func(rw jitos.Rewrite) {
		rw.Actor = "Ada <ada@example.org>"
		ids, err := r.Store.Append(context.Background(), jitos.SystemRef, tip, tip, rw)
		if err != nil {
			t.Fatal(err)
		}
		tip = ids[0]
	}
	add(jitos.Rewrite{Rule: jitos.RuleBirth, What: "a fabric", Fabric: map[string][]byte{"fabric.json": file}})
	for i := range rewrites {
		add(jitos.Rewrite{Rule: jitos.RuleGraph, What: "one more", Set: []jitos.Node{{ID: jitos.NodeID{Kind: "thing", Name: fmt.Sprint("n", i)}}}})
	}
	return tip
}

// packOf is what git would send of a commit.
func packOf(dir string, id plumbing.Hash) ([]byte, error) {
	cmd := exec.Command("git", "pack-objects", "--revs", "--stdout", "-q")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(id.String()+"\n")
	return cmd.Output()
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
