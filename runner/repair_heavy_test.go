package runner

import (
	"fmt"
	"go/format"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos"
)

// TestHeavyRepair seeds bugs of one edit in real modules, each of which makes a test fail, and reports how many the worker
// repairs within five minutes each. It fails where less than a third are: what the published tools reach.
//
//	JITOS_REPAIR_MODULES   directories of Go modules, and python:NAME for a module of Python's library with its tests, by
//	                       commas; default: three modules, where Go's module cache has them, and two of Python's
//	JITOS_REPAIR_BUGS      bugs in each, default 8
//	JITOS_REPAIR_SEED      of the generator, default 1
func TestHeavyRepair(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("JITOS_HEAVY is not set")
	}
	dirs := strings.FieldsFunc(os.Getenv("JITOS_REPAIR_MODULES"), func(r rune) bool { return r == ',' })
	if len(dirs) == 0 {
		for _, m := range []string{"github.com/pmezard/go-difflib@*", "github.com/xrash/smetrics@*", "github.com/google/uuid@*"} {
			found, _ := filepath.Glob(filepath.Join(modCache(t), m))
			dirs = append(dirs, found...)
		}
		if _, err := exec.LookPath("python3"); err == nil {
			dirs = append(dirs, "python:textwrap", "python:shlex")
		}
	}
	var all score
	for _, dir := range dirs {
		var s score
		for i := range number("JITOS_REPAIR_BUGS", 8) {
			s.add(t, dir, rand.New(rand.NewSource(int64(104729*number("JITOS_REPAIR_SEED", 1)+7919*i))))
		}
		t.Logf("%s: %s", filepath.Base(dir), &s)
		all.join(s)
	}
	t.Logf("in all: %s", &all)
	if all.bugs == 0 || 3*all.fixed < all.bugs {
		t.Errorf("fixed %d of %d", all.fixed, all.bugs)
	}
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func modCache(t *testing.T) string {
	if dir := os.Getenv("GOMODCACHE"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(home, "go", "pkg", "mod")
}

// score adds up what became of bugs.
type score struct {
	bugs, fixed, same int // seeded; with a patch that passes all tests; where the chosen one is the true fix, by its text
	within            int // true fix among the passing patches
	patches, others   int // passing, and those of them that differ from the true fix
	seconds           time.Duration
}

func (s *score) join(o score) {
	s.bugs, s.fixed, s.same, s.within = s.bugs+o.bugs, s.fixed+o.fixed, s.same+o.same, s.within+o.within
	s.patches, s.others, s.seconds = s.patches+o.patches, s.others+o.others, s.seconds+o.seconds
}

func (s *score) String() string {
	return fmt.Sprintf("%d bugs, %d with a patch, %d of them the true fix by its text (in %d it was among the patches); %d patches in all, %d differ from the true fix; %s a bug",
		s.bugs, s.fixed, s.same, s.within, s.patches, s.others, (s.seconds / time.Duration(max(1, s.bugs))).Round(time.Second))
}

// add seeds a bug in a project and has it repaired.
func (s *score) add(t *testing.T, dir string, random *rand.Rand) {
	f := project(t, dir)
	run, report, seed := "go test -json -count=1 -vet=off ./...", "go", seedGo
	if _, ok := f["go.mod"]; !ok {
		run, report, seed = "python3 -m unittest discover -v", "unittest", seedPython
	}
	e, m := newPlain(t)
	e.Workers = map[string]jitos.Worker{"shell": &Shell{Env: goEnv}, "repair": &Repair{Objects: m}}
	h := &testHost{t: t, e: e}
	test := jitos.Step{Name: "test", Worker: "shell", Run: run, Report: report, Timeout: 25}
	sound, err := h.Try(t.Context(), put(t, m, f), test)
	if err != nil || sound.Report == nil || len(sound.Report.Passed) == 0 {
		t.Fatalf("%s: %v %s\n%s", dir, err, sound.Reason, sound.Output)
	}
	for range 200 {
		bug := seed(f, random)
		if bug.path == "" {
			continue
		}
		broken := files{}
		for name, text := range f {
			broken[name] = text
		}
		broken[bug.path] = bug.text
		tree := put(t, m, broken)
		r, err := h.Try(t.Context(), tree, test)
		if err != nil {
			t.Fatal(err)
		}
		// A test must fail by its name that passed before, and the project must still build.
		if r.Report == nil || !slices.ContainsFunc(r.Report.Failed, func(name string) bool {
			return strings.Contains(name, "Test") || strings.Contains(name, "test_")
		}) || !slices.ContainsFunc(r.Report.Failed, func(name string) bool { return slices.Contains(sound.Report.Passed, name) }) {
			continue
		}
		h.failing = r.Report
		start := time.Now()
		a := jitos.Action{Step: jitos.Step{Name: "mend", Worker: "repair", Needs: writeAll, Timeout: 600}, Tree: tree, Grants: writeAll,
			Args: map[string]string{"run": run, "report": report}}
		if r, err = e.Execute(t.Context(), a, h); err != nil {
			t.Errorf("%s: %v", bug.what, err)
		}
		s.count(t, m, f, bug, r, time.Since(start))
		return
	}
	t.Errorf("%s: no bug makes a test fail", dir)
}

func (s *score) count(t *testing.T, m *memory, sound files, bug seeded, r jitos.Result, took time.Duration) {
	s.bugs++
	s.seconds += took
	rank, patches := 0, 0
	for _, f := range r.Findings {
		if f.About != "repair" && f.About != "alternative" {
			continue
		}
		patches++
		text := strings.Replace(bug.text, f.Data["was"], f.Data["now"], 1)
		if at, err := strconv.Atoi(f.Data["start"]); err == nil {
			text = bug.text[:at] + f.Data["now"] + bug.text[at+len(f.Data["was"]):]
		}
		if f.Data["path"] == bug.path && tidy(text) == tidy(sound[bug.path]) && rank == 0 {
			rank = patches
		}
	}
	s.patches += patches
	s.others += patches
	if rank > 0 {
		s.within++
		s.others--
	}
	if rank == 1 {
		s.same++
	}
	what := "not fixed: " + r.Reason
	if r.Verdict == jitos.Pass {
		s.fixed++
		what = fmt.Sprintf("fixed, true fix at rank %d of %d: %s", rank, patches, r.Findings[0].Text)
	}
	if len(r.Findings) > 0 {
		data := r.Findings[0].Data
		what += fmt.Sprintf(" [tried %s of %s edits, %s by the failing tests; rank %s]", data["tried"], data["edits"], data["passed_failing"], data["rank"])
	}
	t.Logf("%s %s: %s\n  %s (%s)", bug.path, bug.kind, bug.what, what, took.Round(time.Second))
	if r.Verdict != jitos.Pass && testing.Verbose() {
		t.Log(r.Output)
	}
}

// tidy is text without the differences that mean nothing.
func tidy(text string) string {
	if formatted, err := format.Source([]byte(text)); err == nil {
		text = string(formatted)
	}
	return strings.Join(strings.Fields(text), " ")
}

// project reads a directory; a Go module without go.mod gets one.
func project(t *testing.T, dir string) files {
	t.Helper()
	f := files{}
	if name, ok := strings.CutPrefix(dir, "python:"); ok { // of the standard library
		out, err := exec.Command("python3", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))").Output()
		if err != nil {
			t.Fatal(err)
		}
		for from, to := range map[string]string{name + ".py": name + ".py", "test/test_" + name + ".py": "test_" + name + ".py"} {
			text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), from))
			if err != nil {
				t.Fatal(err)
			}
			f[to] = string(text)
		}
		return f
	}
	isGo := false
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".pyc") {
			return nil
		}
		text, err := os.ReadFile(p)
		f[filepath.ToSlash(name)] = string(text)
		isGo = isGo || strings.HasSuffix(name, ".go")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f["go.mod"]; isGo && !ok {
		_, name, _ := strings.Cut(dir, "/pkg/mod/")
		name, _, _ = strings.Cut(name, "@")
		f["go.mod"] = "module " + name + "\n\ngo 1.17\n"
	}
	return f
}

// seeded is a file with a bug.
type seeded struct{ path, text, kind, what string }

// pick chooses one of the files that are no tests.
func pick(f files, random *rand.Rand, suffix string, test *regexp.Regexp) string {
	var names []string
	for name := range f {
		if strings.HasSuffix(name, suffix) && !test.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return ""
	}
	return names[random.Intn(len(names))]
}
