package runner

import (
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// walkIgnored lists the files below dir that the rules ignore, the way a capture walks: what is in an ignored directory is
// ignored, whatever the rules say of it.
func walkIgnored(t testing.TB, dir string) []string {
	var out []string
	var walk func(rel string, in ignores, ignored bool)
	walk = func(rel string, in ignores, ignored bool) {
		if raw, err := os.ReadFile(filepath.Join(dir, rel, ".gitignore")); err == nil {
			in = in.with(rel, raw)
		}
		list, err := os.ReadDir(filepath.Join(dir, rel))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			p := d.Name()
			if rel != "" {
				p = rel + "/" + p
			}
			hit := ignored || in.match(p, d.IsDir())
			if d.Name() == ".git" {
				continue
			}
			if d.IsDir() {
				walk(p, in, hit)
			} else if hit {
				out = append(out, p)
			}
		}
	}
	walk("", nil, false)
	sort.Strings(out)
	return out
}

// gitIgnored asks git the same.
func gitIgnored(t testing.TB, dir string) []string {
	cmd := exec.Command("git", "-c", "core.excludesFile=/dev/null", "ls-files", "-z", "-o", "-i", "--exclude-per-directory=.gitignore")
	cmd.Dir = dir
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range strings.Split(string(raw), "\x00") {
		if p != "" {
			out = append(out, p)
		}
	}
	sort.Strings(out)
	return out
}

// Not in the pool: "a**/b", which git takes for "a" and "**/b" (it strips what is literal before it matches).
var ignorePool = []string{
	"*.log", "!keep.log", "build/", "/build", "a/b", "**/b", "a/**", "a/**/x.log", "**/a/x", "!a/b/", "x?", "[ab]", "[!ab]", "[^x-z]",
	"*", "!*/", "!*.go", "\\!keep.log", "\\#x", "# comment", "", "   ", "x\\ ", "x ", "b/*", "/*", "!/a", "[[:digit:]]*", "a*b*", "[]a]",
	"a[", "**", "**/", "/**", "foo**bar", "*/x", "build", "x/", "!x/", "a/b/", "[a-", "x\\", "[!]a]", "[\\]x]",
}

// The rules must be git's own: what a job leaves would otherwise be captured or lost.
func TestIgnoreAsGit(t *testing.T) {
	names := []string{"a", "b", "x", "build", "keep.log", "x.log", "m.go", "1", "#x", "!keep.log", "foobar", "xy", "x ", "]", "a["}
	dir := t.TempDir()
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	rapid.Check(t, func(rt *rapid.T) {
		old, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range old {
			if d.Name() != ".git" {
				if err := os.RemoveAll(filepath.Join(dir, d.Name())); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range rapid.IntRange(1, 12).Draw(rt, "files") {
			parts := rapid.SliceOfN(rapid.SampledFrom(names), 1, 4).Draw(rt, "path")
			p := filepath.Join(dir, filepath.Join(parts...))
			if os.MkdirAll(filepath.Dir(p), 0o755) == nil {
				_ = os.WriteFile(p, nil, 0o644) // a directory of that name may be there
			}
		}
		for _, d := range []string{"", "a", "a/b", "build"} {
			if info, err := os.Stat(filepath.Join(dir, d)); err != nil || !info.IsDir() {
				continue
			}
			lines := rapid.SliceOfN(rapid.SampledFrom(ignorePool), 0, 5).Draw(rt, "rules of "+d)
			if err := os.WriteFile(filepath.Join(dir, d, ".gitignore"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		ours, git := strings.Join(walkIgnored(t, dir), "\n"), strings.Join(gitIgnored(t, dir), "\n")
		if ours != git {
			rt.Fatalf("ignored by us:\n%s\nby git:\n%s", ours, git)
		}
	})
}
