package runner

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// memory keeps objects in maps.
type memory struct {
	mu    sync.Mutex
	blobs map[plumbing.Hash][]byte
	trees map[plumbing.Hash][]object.TreeEntry
	reads int // of blobs

	treeReads int
}

func newMemory() *memory {
	return &memory{blobs: map[plumbing.Hash][]byte{}, trees: map[plumbing.Hash][]object.TreeEntry{}}
}

func (m *memory) Blob(_ context.Context, id plumbing.Hash) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	b, ok := m.blobs[id]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", id, jitos.ErrNotFound)
	}
	return b, nil
}

func (m *memory) Tree(_ context.Context, id plumbing.Hash) ([]object.TreeEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.treeReads++
	e, ok := m.trees[id]
	if !ok {
		return nil, fmt.Errorf("tree %s: %w", id, jitos.ErrNotFound)
	}
	return e, nil
}

func (m *memory) PutBlob(data []byte) (plumbing.Hash, error) {
	id := plumbing.ComputeHash(plumbing.BlobObject, data)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.blobs[id] = append([]byte(nil), data...)
	return id, nil
}

func (m *memory) PutTree(entries []object.TreeEntry) (plumbing.Hash, error) {
	entries = append([]object.TreeEntry(nil), entries...)
	slices.SortFunc(entries, func(a, b object.TreeEntry) int { return strings.Compare(gitOrder(a), gitOrder(b)) })
	o := &plumbing.MemoryObject{}
	var raw []byte
	for _, e := range entries {
		raw = fmt.Appendf(raw, "%o %s\x00", uint32(e.Mode), e.Name)
		raw = append(raw, e.Hash[:]...)
	}
	o.SetType(plumbing.TreeObject)
	if _, err := o.Write(raw); err != nil {
		return plumbing.ZeroHash, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trees[o.Hash()] = entries
	return o.Hash(), nil
}

// gitOrder is what git sorts an entry by.
func gitOrder(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}

// files is a file tree for tests: path → contents. A path may begin with a mode: "+x bin/run", "-> link" (the contents are
// its target), "@ sub" (a submodule).
type files map[string]string

// put stores a tree.
func put(t testing.TB, m *memory, f files) jitos.TreeID {
	t.Helper()
	flat := newManifest(emptyTree)
	all := map[string]entry{}
	var changed []string
	for p, content := range f {
		e := entry{mode: filemode.Regular}
		if mode, rest, ok := strings.Cut(p, " "); ok {
			switch mode {
			case "+x":
				e.mode, p = filemode.Executable, rest
			case "->":
				e.mode, p = filemode.Symlink, rest
			case "@":
				e.mode, p = filemode.Submodule, rest
			}
		}
		hash, err := m.PutBlob([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		e.hash = hash
		all[p] = e
		changed = append(changed, p)
	}
	tree, err := flat.write(m, all, changed)
	if err != nil {
		t.Fatal(err)
	}
	return jitos.TreeID(tree.String())
}

// get reads a tree back, in the form that put takes.
func get(t testing.TB, m *memory, id jitos.TreeID) files {
	t.Helper()
	hash, err := treeHash(id)
	if err != nil {
		t.Fatal(err)
	}
	man, err := readManifest(t.Context(), m, hash)
	if err != nil {
		t.Fatal(err)
	}
	f := files{}
	for p, e := range man.files {
		content, err := m.Blob(t.Context(), e.hash)
		if err != nil {
			t.Fatal(err)
		}
		switch e.mode {
		case filemode.Executable:
			p = "+x " + p
		case filemode.Symlink:
			p = "-> " + p
		case filemode.Submodule:
			p = "@ " + p
		}
		f[p] = string(content)
	}
	return f
}

func (f files) String() string {
	var lines []string
	for p, c := range f {
		lines = append(lines, fmt.Sprintf("%s: %.60q", p, c))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// overlayFrom is what newExecutor takes; TestOverlaid runs other tests with 1.
var overlayFrom, _ = strconv.Atoi(os.Getenv("TEST_OVERLAY_FROM"))

func newExecutor(t testing.TB) (*Executor, *memory) {
	m := newMemory()
	e := &Executor{Objects: m, Cache: filepath.Join(t.TempDir(), "cache"), OverlayFrom: overlayFrom, Unsandboxed: func() bool { return true }}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, m
}

// newPlain is an Executor as on a machine without sandboxes, where the user allowed that: its jobs can tell a test, by
// files outside, what they do.
func newPlain(t testing.TB) (*Executor, *memory) {
	e, m := newExecutor(t)
	e.NoSandbox = true
	return e, m
}

var writeAll = []string{"fs.write:**"}

// run executes a shell step that may write everything.
func run(t testing.TB, e *Executor, tree jitos.TreeID, script string, edit ...func(*jitos.Action)) jitos.Result {
	t.Helper()
	a := jitos.Action{Step: jitos.Step{Name: "job", Worker: "shell", Run: script, Needs: writeAll}, Tree: tree, Grants: writeAll}
	for _, f := range edit {
		f(&a)
	}
	r, err := e.Execute(t.Context(), a, &testHost{t: t, e: e})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantVerdict(t testing.TB, r jitos.Result, want jitos.Verdict, reason string) {
	t.Helper()
	if r.Verdict != want || !strings.Contains(r.Reason, reason) {
		t.Fatalf("verdict %q, reason %q; want %q, %q\noutput:\n%s", r.Verdict, r.Reason, want, reason, r.Output)
	}
}

// testHost lends what a kernel would: a history of trees, the executor itself for runs, and a merge.
type testHost struct {
	t       testing.TB
	e       *Executor
	commits []jitos.Commit // newest first
	failing *jitos.Report
	merge   func(ctx context.Context, base, ours, theirs jitos.TreeID) (jitos.TreeID, []jitos.Conflict, error)

	mu    sync.Mutex
	said  []string
	tries int
	tried map[jitos.TreeID]int
}

func (h *testHost) Say(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, line)
}

func (h *testHost) History(context.Context) iter.Seq2[jitos.Commit, error] {
	return func(yield func(jitos.Commit, error) bool) {
		for _, c := range h.commits {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (h *testHost) Try(ctx context.Context, tree jitos.TreeID, step jitos.Step) (jitos.Result, error) {
	h.mu.Lock()
	h.tries++
	if h.tried == nil {
		h.tried = map[jitos.TreeID]int{}
	}
	h.tried[tree]++
	h.mu.Unlock()
	return h.e.Execute(ctx, jitos.Action{Step: step, Tree: tree, Args: step.Args, Grants: step.Needs}, h)
}

func (h *testHost) Merge(ctx context.Context, base, ours, theirs jitos.TreeID) (jitos.TreeID, []jitos.Conflict, error) {
	return h.merge(ctx, base, ours, theirs)
}

func (h *testHost) Failing() *jitos.Report { return h.failing }

// requireTool skips a test that needs a program which is not there, unless JITOS_REQUIRE lists it.
func requireTool(t testing.TB, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err == nil {
		return
	}
	for _, r := range strings.FieldsFunc(os.Getenv("JITOS_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' }) {
		if r == name {
			t.Fatalf("%s is required and not installed", name)
		}
	}
	t.Skipf("%s is not installed", name)
}

// startMarked starts a process as a job of a killed jitos would have left it.
func startMarked(t *testing.T, p place) *exec.Cmd {
	cmd := exec.Command("sleep", "60")
	cmd.Env = []string{marker + "=" + string(p)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

// goEnv lets jobs share the build cache of the tests, and keeps them off the network.
func goEnv(context.Context, string, bool) (map[string]string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	if c := os.Getenv("GOCACHE"); c != "" {
		return map[string]string{"GOCACHE": c, "GOPROXY": "http://127.0.0.1:1", "GOFLAGS": "-mod=mod", "GONOSUMDB": "*", "GONOSUMCHECK": "1", "GOTOOLCHAIN": "local"}, nil
	}
	return map[string]string{"GOCACHE": filepath.Join(cache, "go-build"), "GOPROXY": "http://127.0.0.1:1", "GONOSUMDB": "*", "GOTOOLCHAIN": "local"}, nil
}
