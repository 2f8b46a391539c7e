package runner

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

// drawFiles draws a small file tree whose paths often collide between trees, also as a file here and a directory there.
func drawFiles(rt *rapid.T, what string) files {
	f := files{}
	for range rapid.IntRange(0, 8).Draw(rt, what) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d.txt"}), 1, 3).Draw(rt, "path")
		p := strings.Join(parts, "/")
		clash := false
		for have := range f {
			have = have[strings.LastIndexByte(have, ' ')+1:]
			clash = clash || have == p || strings.HasPrefix(have, p+"/") || strings.HasPrefix(p, have+"/")
		}
		if clash {
			continue
		}
		switch rapid.IntRange(0, 7).Draw(rt, "mode") {
		case 0:
			f["-> "+p] = rapid.SampledFrom([]string{"a", "nowhere"}).Draw(rt, "target")
		case 1:
			f["+x "+p] = rapid.SampledFrom([]string{"one", "two"}).Draw(rt, "content")
		default:
			f[p] = rapid.SampledFrom([]string{"one", "two", "tree"}).Draw(rt, "content")
		}
	}
	return f
}

// script makes the files of a directory those of f, in place.
func script(f files) string {
	var b strings.Builder
	b.WriteString("rm -rf ./* && true\n")
	for _, key := range slices.Sorted(maps.Keys(f)) {
		mode, p := "", key
		if m, rest, ok := strings.Cut(key, " "); ok {
			mode, p = m, rest
		}
		fmt.Fprintf(&b, "mkdir -p %s\n", filepath.Dir(p))
		switch mode {
		case "->":
			fmt.Fprintf(&b, "ln -s %s %s\n", f[key], p)
		case "+x":
			fmt.Fprintf(&b, "printf %s > %s; chmod +x %s\n", f[key], p, p)
		default:
			fmt.Fprintf(&b, "printf %s > %s\n", f[key], p)
		}
	}
	return b.String()
}

// One directory serves any sequence of jobs: each finds exactly its files, whatever the one before left, and what it leaves
// is captured exactly.
func TestOneDirectoryManyJobs(t *testing.T) {
	e, m := newPlain(t) // what a sandbox adds, most of the time that a job takes here, others test
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 4).Draw(rt, "jobs") {
			from, to := drawFiles(rt, "from"), drawFiles(rt, "to")
			tree := put(t, m, from)
			a := jitos.Action{Step: jitos.Step{Name: "job", Worker: "shell", Needs: writeAll}, Tree: tree, Grants: writeAll}
			a.Step.Run = `find . -mindepth 1 ! -type d | sort | tr '\n' ' '` + "\n" + script(to) + "mkdir -p litter/dir; chmod 500 litter\n"
			r, err := e.Execute(t.Context(), a, &testHost{t: t, e: e})
			if err != nil || r.Verdict != jitos.Pass {
				rt.Fatalf("%v %q %s", err, r.Reason, r.Output)
			}
			var paths []string
			for p := range from {
				paths = append(paths, "./"+p[strings.LastIndexByte(p, ' ')+1:])
			}
			slices.Sort(paths)
			if got := strings.Fields(r.Output); !slices.Equal(got, paths) {
				rt.Fatalf("the job found %q, want %q", got, paths)
			}
			if got := get(t, m, r.Tree); got.String() != to.String() {
				rt.Fatalf("captured\n%s\nwant\n%s", got, to)
			}
		}
	})
	if len(e.free) != 1 {
		t.Errorf("%d directories for jobs one after another", len(e.free))
	}
}

// A job's changes are seen even where it hides them: same size, the old modification time, a rename over the file.
func TestCaptureSeesHiddenChanges(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{"a": "one", "b": "one", "c": "one"})
	run(t, e, tree, "true")
	time.Sleep(3 * racyWindow) // so that the files are known by their stat alone
	r := run(t, e, tree, `touch -r a ref; printf two > a; touch -r ref a
		printf two > x; touch -r ref x; mv x b; rm ref`)
	if got := get(t, m, r.Tree); got["a"] != "two" || got["b"] != "two" || got["c"] != "one" || len(got) != 3 {
		t.Errorf("captured %s", got)
	}
}

// A file that was written in the same step of the clock in which it was put there looks unchanged: it is read.
func TestCaptureReadsRacyFiles(t *testing.T) {
	m := newMemory()
	s, err := takeSlot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.release()
	tree, err := treeHash(put(t, m, files{"a": "one"}))
	if err != nil {
		t.Fatal(err)
	}
	man, err := readManifest(t.Context(), m, tree)
	if err == nil {
		err = s.fill(t.Context(), m, man)
	}
	name := filepath.Join(s.place.tree(), "a")
	if err == nil {
		err = os.WriteFile(name, []byte("two"), 0o644)
	}
	info, err2 := os.Lstat(name)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	s.files["a"] = tracked{s.files["a"].entry, statOf(info)}
	for _, c := range []struct {
		began   time.Time
		changed int
	}{{info.ModTime(), 1}, {info.ModTime().Add(time.Hour), 0}} {
		if got, err := capture(t.Context(), m, s, man, nil, c.began); err != nil || len(got.changed) != c.changed {
			t.Errorf("a job that began at %s changed %q, %v", c.began, got.changed, err)
		}
	}
}

// Unchanged files are not read again, neither to capture them nor for the next job. What a job leaves is, to look for secrets.
func TestUnchangedFilesAreNotRead(t *testing.T) {
	e, m := newExecutor(t)
	f := files{}
	for i := range 300 {
		f[fmt.Sprintf("d%d/f%d", i%7, i)] = fmt.Sprint(i)
	}
	run(t, e, put(t, m, f), "true")
	f["d3/f3"] = "new"
	tree := put(t, m, f)
	before := m.reads
	r := run(t, e, tree, "cat d3/f3 d4/f4; echo x > d5/f5")
	if r.Output != "new4\n" || m.reads-before != 2 {
		t.Errorf("output %q, %d blobs read for one changed file and one that the job changed", r.Output, m.reads-before)
	}
}

// Python takes a file of the same size and time for unchanged, and so does Go: every tree needs a time of its own. All files of
// one tree have the same time, or make would build what is up to date.
func TestTreeTimes(t *testing.T) {
	e, m := newExecutor(t)
	times := map[string]bool{}
	for _, content := range []string{"one", "two", "six"} {
		r := run(t, e, put(t, m, files{"a": content, "d/b": "same", "+x c": "same"}), "find . -type f -printf '%T@\\n' | sort -u")
		lines := strings.Fields(r.Output)
		if len(lines) != 1 || times[lines[0]] {
			t.Errorf("times %q, seen before: %v", lines, times)
		}
		times[lines[0]] = true
	}
	if at := treeTime(plumbing.ComputeHash(plumbing.BlobObject, []byte("x"))); at.After(time.Now().Add(-24*time.Hour)) || at.Year() < 2000 {
		t.Errorf("time %s", at)
	}
}

func TestStaleBytecodeIsNotUsed(t *testing.T) {
	requireTool(t, "python3")
	e, m := newExecutor(t)
	cache := t.TempDir()
	for _, word := range []string{"one", "two", "six"} {
		r := run(t, e, put(t, m, files{"mod.py": "word = '" + word + "'\n"}),
			"unset PYTHONDONTWRITEBYTECODE; ln -s "+cache+" $HOME/pyc; PYTHONPYCACHEPREFIX=$HOME/pyc python3 -c 'import mod; print(mod.word)'")
		if r.Output != word+"\n" {
			t.Errorf("the module says %q, the file %q", r.Output, word)
		}
	}
}

// A process that was killed leaves its place locked by nobody; one that lives keeps it.
func TestSlotsAreOwned(t *testing.T) {
	dir := t.TempDir()
	a, err := takeSlot(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := takeSlot(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.place == b.place {
		t.Error("two owners of one place")
	}
	a.release()
	if c, err := takeSlot(dir); err != nil || c.place != a.place {
		t.Errorf("a free place was not used again: %v, %v", c.place, err)
	}
}

func BenchmarkExecute_20kfiles(b *testing.B) {
	for name, reuse := range map[string]bool{"first": false, "again": true} {
		b.Run(name, func(b *testing.B) {
			e, m := newExecutor(b)
			f := files{}
			for i := range 20_000 {
				f[fmt.Sprintf("d%d/e%d/f%d", i%20, i%400, i)] = strings.Repeat(fmt.Sprintln(i), 300)
			}
			tree := put(b, m, f)
			f["d0/e0/f0"] = "changed"
			other := put(b, m, f)
			if reuse {
				run(b, e, other, "true")
			}
			for b.Loop() {
				if !reuse {
					b.StopTimer()
					if err := e.Close(); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				run(b, e, tree, "echo x > new")
				tree, other = other, tree
			}
		})
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == mcpServerArg {
		serveWords()
		return
	}
	os.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	workInMemory()
	code := m.Run()
	for _, f := range atExit {
		f()
	}
	os.Exit(code)
}

// The directories beside the files are emptied for each job, also of what was written within one step of the file system's clock after
// they were made, and of what only changed a mode.
func TestBesideIsEmptied(t *testing.T) {
	s, err := takeSlot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.release()
	empty := func() bool { return isEmpty(s.home()) && isEmpty(s.tmp()) && isEmpty(s.out()) }
	file := filepath.Join(s.tmp(), "left")
	for round := range 200 {
		if err := s.fresh(); err != nil || !empty() {
			t.Fatalf("round %d: %v", round, err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(s.tmp())
		if err != nil {
			t.Fatal(err)
		}
		s.beside[s.tmp()] = statOf(info) // as a coarse clock would have shown it before
	}
	for _, spoil := range []func() error{
		func() error { return os.Mkdir(filepath.Join(s.out(), "left"), 0o700) },
		func() error { return os.Chmod(s.home(), 0o500) },
		func() error { return os.Remove(s.tmp()) },
	} {
		for range 2 { // the second time nothing is read
			if err := s.fresh(); err != nil || !empty() {
				t.Fatal(err)
			}
			time.Sleep(2 * racyWindow)
		}
		if err := s.fresh(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(spoil(), s.fresh()); err != nil || !empty() {
			t.Errorf("what was spoilt stays so: %v", err)
		}
	}
}
