package warpgit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos"
)

// pinned is when everything in the tests happens.
var pinned = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// isolate keeps the machine's git configuration away from a test.
func isolate(t testing.TB) {
	t.Helper()
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	t.Setenv("GIT_CEILING_DIRECTORIES", os.TempDir())
	t.Setenv("GIT_AUTHOR_NAME", "Ada")
	t.Setenv("GIT_AUTHOR_EMAIL", "ada@example.org")
	t.Setenv("GIT_COMMITTER_NAME", "Ada")
	t.Setenv("GIT_COMMITTER_EMAIL", "ada@example.org")
	t.Setenv("HOME", t.TempDir())
}

// run runs git as a user would, and fails the test where git fails.
func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimRight(out.String(), "\n")
}

// newDir makes a repository with one commit of two files, on branch main. When the test ends, git must find nothing wrong.
func newDir(t testing.TB) string {
	t.Helper()
	isolate(t)
	dir := t.TempDir()
	run(t, dir, "init", "-q", "-b", "main")
	write(t, dir, "README.md", "hello\n")
	write(t, dir, "src/main.go", "package main\n")
	run(t, dir, "add", ".")
	run(t, dir, "commit", "-q", "-m", "first")
	t.Cleanup(func() { checkRepo(t, dir) })
	return dir
}

// checkRepo lets git judge what is on the disk: every object, every ref, no lock or .keep left.
func checkRepo(t testing.TB, dir string) {
	t.Helper()
	out, err := exec.Command("git", "-C", dir, "fsck", "--strict", "--full").CombinedOutput()
	text := string(out)
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "dangling ") && !strings.HasPrefix(line, "Checking ") && !strings.HasPrefix(line, "notice: ") {
			t.Errorf("git fsck: %s", line)
		}
	}
	if err != nil {
		t.Errorf("git fsck: %v", err)
	}
	common := run(t, dir, "rev-parse", "--path-format=absolute", "--git-common-dir")
	for _, pattern := range []string{"refs/heads/jitos/*.lock", "refs/heads/jitos/*/*.lock", "packed-refs.lock", "objects/pack/*.keep", "jitos/tmp/*"} {
		if left, _ := filepath.Glob(filepath.Join(common, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
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

// openDir opens a repository for the time of a test.
func openDir(t testing.TB, dir string) *Repo {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	r.Store.now = func() time.Time { return pinned }
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// stores are the two implementations: every test of the contract runs on both.
func stores(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("memory", func(t *testing.T) {
		s := NewMemory()
		s.now = func() time.Time { return pinned }
		test(t, s)
	})
	t.Run("disk", func(t *testing.T) { test(t, openDir(t, newDir(t)).Store) })
}

const ada = "Ada <ada@example.org>"

func birth() jitos.Rewrite {
	file, err := FabricFile("test-aaaaaaaa")
	if err != nil {
		panic(err)
	}
	return jitos.Rewrite{Rule: jitos.RuleBirth, Actor: ada, What: "a fabric", Fabric: map[string][]byte{"fabric.json": file}}
}

// born makes a fabric and returns its first commit.
func born(t testing.TB, s *Store) jitos.CommitID {
	t.Helper()
	return appendTo(t, s, jitos.SystemRef, "", birth())
}

// appendTo appends to a ref that must stand at parent, and returns the last commit.
func appendTo(t testing.TB, s *Store, ref jitos.Ref, parent jitos.CommitID, rewrites ...jitos.Rewrite) jitos.CommitID {
	t.Helper()
	ids, err := s.Append(context.Background(), ref, parent, parent, rewrites...)
	if err != nil {
		t.Fatal(err)
	}
	return ids[len(ids)-1]
}

func open(t testing.TB, s *Store, id jitos.CommitID) jitos.Snapshot {
	t.Helper()
	snap, err := s.Open(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func node(kind, name string, fields ...string) jitos.Node {
	n := jitos.Node{ID: jitos.NodeID{Kind: kind, Name: name}, Fields: map[string]any{}}
	for i := 0; i+1 < len(fields); i += 2 {
		n.Fields[fields[i]] = fields[i+1]
	}
	return n
}

func edge(from jitos.Node, label string, to jitos.Node, key string) jitos.Edge {
	return jitos.Edge{From: from.ID, Label: label, To: to.ID, Key: key}
}

// graphRule sets and drops in a rewrite of a user's.
func graphRule(set []jitos.Node, edges []jitos.Edge, drop ...jitos.ItemID) jitos.Rewrite {
	return jitos.Rewrite{Rule: jitos.RuleGraph, Actor: ada, What: fmt.Sprintf("set %d nodes, %d edges", len(set), len(edges)),
		Set: set, Edges: edges, Drop: drop}
}

// collapseRule sets nodes of any kind by a rule that may, on the system line.
func collapseRule(set ...jitos.Node) jitos.Rewrite {
	rw := graphRule(set, nil)
	rw.Rule = jitos.RuleCollapse
	return rw
}

// matches tells whether a text has something like a pattern.
func matches(t testing.TB, pattern, text string) bool {
	t.Helper()
	re, err := regexp.Compile(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return re.MatchString(text)
}
