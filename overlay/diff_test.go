package overlay

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

// repository is a real one, for the real git to say what it makes of our output.
type repository struct {
	*objects
	dir string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	dir := t.TempDir()
	r := repository{dir: dir}
	r.git(t, nil, "init", "-q", ".")
	git := osfs.New(filepath.Join(dir, ".git"))
	r.objects = &objects{EncodedObjectStorer: filesystem.NewStorage(git, cache.NewObjectLRUDefault())}
	return r
}

func (r repository) git(t *testing.T, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	for _, v := range os.Environ() { // a hook that runs the tests sets GIT_DIR
		if !strings.HasPrefix(v, "GIT_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C")
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s\n%s", strings.Join(args, " "), err, out, stdin)
	}
	return strings.TrimSpace(string(out))
}

func patch(t *testing.T, diffs []FileDiff) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WritePatch(&b, diffs); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// git apply of the difference of a and b makes b of a.
func TestDiffFiles_gitApply(t *testing.T) {
	r := newRepository(t)
	m, ctx := New(r, nil), context.Background()
	names := []string{"f", "d/f", "d/e/f", "with space", "d/ünï", `qu"ote\`, "tab\tand\nline", "x*", "l@", "m%", "bin"}
	for seed := range 60 {
		g := textGen{rand.New(rand.NewSource(int64(seed))), 12}
		text := func(name string) string {
			switch name {
			case "m%":
				return []string{link1, link2, link3}[g.Intn(3)]
			case "bin":
				return fmt.Sprintf("\x00%d", g.Intn(9))
			}
			return strings.Join(g.lines(g.Intn(30)), "")
		}
		was := files{}
		for _, n := range names {
			if g.Intn(3) > 0 {
				was[n] = text(n)
			}
		}
		now := maps.Clone(was)
		for _, n := range names {
			switch old, ok := was[n]; {
			case g.Intn(2) == 0:
			case g.Intn(4) == 0:
				delete(now, n)
			case ok && n != "m%" && n != "bin":
				now[n] = strings.Join(g.edit(splitLines([]byte(old)), 3), "")
			default:
				now[n] = text(n)
			}
		}
		if f, ok := now["f"]; ok && g.Intn(3) == 0 { // another mode, or another kind
			delete(now, "f")
			now["f"+[]string{"*", "@"}[g.Intn(2)]] = f
		}
		a, b := was.tree(t, r), now.tree(t, r)
		diffs, err := m.DiffFiles(ctx, a, b)
		if err != nil {
			t.Fatal(err)
		}
		r.git(t, nil, "read-tree", string(a))
		if p := patch(t, diffs); len(p) > 0 {
			r.git(t, p, "apply", "--cached", "--whitespace=nowarn", "-")
		}
		if got := r.git(t, nil, "write-tree"); got != string(b) {
			t.Fatalf("seed %d: git apply made another tree: %s", seed, r.git(t, nil, "diff-tree", "-r", "-p", got, string(b)))
		}
		checkChanged(t, m, a, b, diffs)
	}
}

// checkChanged holds Changed and DiffFiles together.
func checkChanged(t *testing.T, m *Merger, a, b jitos.TreeID, diffs []FileDiff) {
	t.Helper()
	paths, err := m.Changed(context.Background(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, d := range diffs {
		told = append(told, d.Path)
	}
	if told = slices.Compact(told); !slices.Equal(paths, told) {
		t.Fatalf("changed %q, diffs of %q", paths, told)
	}
}

func TestWritePatch(t *testing.T) {
	o := newObjects()
	was := files{"a": "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "gone": "x\n", "mode": "m\n", "bin": "\x00", "same": "s\n"}
	now := files{"a": "1\n2\n3\n4\nfive\n6\n7\n8\n9", "mode*": "m\n", "bin": "\x00\x01", "same": "s\n", "new": "", "with space": "x\n"}
	diffs, err := New(o, nil).DiffFiles(context.Background(), was.tree(t, o), now.tree(t, o))
	if err != nil {
		t.Fatal(err)
	}
	want := `diff --git a/a b/a
index 0719398930..f563de55bf 100644
--- a/a
+++ b/a
@@ -2,8 +2,8 @@
 2
 3
 4
-5
+five
 6
 7
 8
-9
+9
\ No newline at end of file
diff --git a/bin b/bin
index f76dd238ade08917e6712764a16a22005a50573d..bdc955b7b2e610ad5a72302b139a2e6cb325519a 100644
Binary files a/bin and b/bin differ
diff --git a/gone b/gone
deleted file mode 100644
index 587be6b4c3..0000000000
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/mode b/mode
old mode 100644
new mode 100755
diff --git a/new b/new
new file mode 100644
index 0000000000..e69de29bb2
diff --git a/with space b/with space
new file mode 100644
index 0000000000..587be6b4c3
--- /dev/null
+++ b/with space	
@@ -0,0 +1 @@
+x
`
	if got := string(patch(t, diffs)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var stat bytes.Buffer
	if err := WriteStat(&stat, diffs); err != nil {
		t.Fatal(err)
	}
	want = ` a          | 4 ++--
 bin        | binary
 gone       | 1 -
 mode       | mode 100755, was 100644
 new        | 0
 with space | 1 +
 6 files changed, 3 insertions(+), 3 deletions(-)
`
	if stat.String() != want {
		t.Errorf("got\n%s\nwant\n%s", stat.String(), want)
	}
}

// Changed is what a comparison of the two trees path by path gives.
func TestChanged_model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := genFiles(rt, "a")
		b := a.edit(rt, "b")
		o := newObjects()
		got, err := New(o, nil).Changed(context.Background(), a.files().tree(t, o), b.files().tree(t, o))
		if err != nil {
			rt.Fatal(err)
		}
		all := maps.Clone(a)
		maps.Copy(all, b)
		var want []string
		for _, p := range sortedKeys(all) {
			x, inA := a[p]
			if y, inB := b[p]; inA != inB || x != y {
				want = append(want, p)
			}
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("changed %q, want %q", got, want)
		}
	})
}
