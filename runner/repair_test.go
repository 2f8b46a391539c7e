package runner

import (
	"strconv"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/repair"
)

// mend runs the worker on files whose tests report as given.
func mend(t *testing.T, f files, run, report string) (jitos.Result, *testHost, files) {
	t.Helper()
	e, m := newPlain(t)
	e.Workers = map[string]jitos.Worker{"shell": &Shell{Env: goEnv}, "repair": &Repair{Objects: m}}
	h := &testHost{t: t, e: e}
	tree := put(t, m, f)
	a := jitos.Action{Step: jitos.Step{Name: "mend", Worker: "repair", Needs: writeAll}, Tree: tree, Grants: writeAll,
		Args: map[string]string{"run": run, "report": report, "seconds": "120"}}
	r, err := e.Execute(t.Context(), a, h)
	if err != nil {
		t.Fatal(err)
	}
	return r, h, get(t, m, r.Tree)
}

const goRun = "go test -json -count=1 ./..."

// clamp is a module with a bug in Clamp and none in Mean.
func clamp(condition string) files {
	return files{"go.mod": "module example.com/m\n\ngo 1.22\n", "calc.go": `package m

import "errors"

// Clamp limits x to lo..hi.
func Clamp(x, lo, hi int) int {
	if x < lo {
		return lo
	}
	if ` + condition + ` {
		return hi
	}
	return x
}

// Mean of a list.
func Mean(list []float64) (float64, error) {
	if len(list) == 0 {
		return 0, errors.New("empty")
	}
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list)), nil
}
`, "calc_test.go": `package m

import "testing"

func TestClamp(t *testing.T) {
	for _, c := range [][4]int{{5, 0, 10, 5}, {-1, 0, 10, 0}, {11, 0, 10, 10}, {10, 0, 10, 10}, {3, 2, 4, 3}} {
		if got := Clamp(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%v: %d", c, got)
		}
	}
}

func TestMean(t *testing.T) {
	if m, err := Mean([]float64{1, 2, 3}); err != nil || m != 2 {
		t.Error(m, err)
	}
}
`}
}

func TestRepairGo(t *testing.T) {
	r, h, now := mend(t, clamp("x < hi"), goRun, "go")
	wantVerdict(t, r, jitos.Pass, "")
	if !strings.Contains(now["calc.go"], "if x > hi {") && !strings.Contains(now["calc.go"], "if x >= hi {") {
		t.Errorf("mended as\n%s", now["calc.go"])
	}
	if f := r.Findings[0]; f.About != "repair" || f.Data["path"] != "calc.go" || f.Data["kinds"] == "" || f.Data["places"] != "calc.go Clamp "+f.Data["tried"] {
		t.Errorf("finding %+v", f)
	}
	if n := len(r.Findings); n != 2 || r.Findings[1].About != "alternative" {
		t.Fatalf("findings %+v", r.Findings)
	}
	best, _ := strconv.Atoi(r.Findings[0].Data["rank"])
	other, _ := strconv.Atoi(r.Findings[1].Data["rank"])
	if best == 0 || best >= other {
		t.Errorf("the chosen edit has rank %d, another one %d", best, other)
	}
	if h.tries > 12 {
		t.Errorf("%d runs", h.tries)
	}
}

// No patch takes a failing test out of the run, though what is left would pass.
func TestRepairKeepsTests(t *testing.T) {
	r, _, _ := mend(t, files{"go.mod": "module example.com/m\n\ngo 1.22\n", "m.go": `package m

func Names() []string {
	list := []string{"jam"}
	list = append(list, "salt")
	return list
}
`, "m_test.go": `package m

import "testing"

func TestNames(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			if name == "salt" {
				t.Error("no salt")
			}
		})
	}
}
`}, goRun, "go")
	wantVerdict(t, r, jitos.Fail, "make the failing ones pass and break others")
	wantFinding(t, r, "no-repair")
}

// A test that fails only after others is none of a place in the code.
func TestRepairFlaky(t *testing.T) {
	r, _, _ := mend(t, files{"go.mod": "module example.com/m\n\ngo 1.22\n", "m.go": "package m\n\nvar N int\n\nfunc Next() int { N++; return N }\n",
		"m_test.go": `package m

import "testing"

func TestFirst(t *testing.T) { Next() }

func TestSecond(t *testing.T) {
	if Next() != 1 {
		t.Error(N)
	}
}
`}, goRun, "go")
	wantVerdict(t, r, jitos.Fail, "do not fail when each runs alone")
	wantFinding(t, r, "flaky")
}

// What it cannot edit it does not try.
func TestRepairOther(t *testing.T) {
	r, h, _ := mend(t, files{"Makefile": "test:\n\tfalse\n"}, "make test", "exit")
	wantVerdict(t, r, jitos.CouldNot, "it can edit Go and Python")
	if h.tries > 0 {
		t.Errorf("%d runs", h.tries)
	}
}

func TestRepairPython(t *testing.T) {
	requireTool(t, "python3")
	r, _, now := mend(t, files{"larder.py": `"""Jars."""


def days(text):
    """The days that a text like 2w3d stands for."""
    total, number = 0, ""
    for c in text:
        if c.isdigit():
            number += c
            continue
        if not number:
            raise ValueError("no number before " + c)
        total = int(number) * {"d": 1, "w": 7}[c]
        number = ""
    return total
`, "test_larder.py": `import unittest

import larder


class Days(unittest.TestCase):
    def test_one(self):
        self.assertEqual(larder.days("3d"), 3)

    def test_week(self):
        self.assertEqual(larder.days("2w"), 14)

    def test_sum(self):
        self.assertEqual(larder.days("2w3d"), 17)

    def test_none(self):
        with self.assertRaises(ValueError):
            larder.days("w")
`}, "python3 -m unittest discover -v", "unittest")
	wantVerdict(t, r, jitos.Pass, "")
	if !strings.Contains(now["larder.py"], "total += int(number)") {
		t.Errorf("mended as\n%s", now["larder.py"])
	}
	wantFinding(t, r, "repair")
}

func TestProcessorTimes(t *testing.T) {
	failed, passed, all := processorTimes("- 0m1.50s 0m0.50s\nF0 0m1.75s 0m0.50s\nF1 1m2.00s 0m0.75s\nP0 1m2.00s 0m1.00s\nP1 1m2.00s 0m1.50s\n")
	if failed != 60.5 || passed != .5 || all != .75 {
		t.Errorf("%v %v %v", failed, passed, all)
	}
}

// A panic leads to its innermost frame of the project, then to those that called it; the last commit to what it changed.
func TestLeads(t *testing.T) {
	leads := panicLeads("/usr/lib/go/src/runtime/panic.go:115\n/tmp/x/lex/lex.go:7\n/tmp/x/m.go:3\n", []string{"m.go", "lex/lex.go", "lex.go"})
	if len(leads) != 2 || leads[0].Path != "lex/lex.go" || leads[0].From != 7 || leads[0].Weight != panicked || leads[1].Path != "m.go" || leads[1].Weight != calledIt {
		t.Errorf("%+v", leads)
	}
	for _, c := range []struct {
		was, now string
		from, to int
	}{{"a\nb\nc\n", "a\nx\nc\n", 2, 2}, {"a\nb\nc\n", "a\nc\n", 1, 2}, {"a\nc\n", "a\nb\nc\n", 2, 2}, {"", "a", 1, 1}} {
		if from, to := changedLines([]byte(c.was), []byte(c.now)); from != c.from || to != c.to {
			t.Errorf("%q, %q: lines %d to %d, want %d to %d", c.was, c.now, from, to, c.from, c.to)
		}
	}
}

// What the last commit changed is tried first: of two places that the failing test runs alike, the one that was just touched.
func TestRepairRecent(t *testing.T) {
	f := files{"m.go": "package m\n\nfunc F(a int) int {\n\ta = a - 1\n\ta = a - 2\n\treturn a\n}\n"}
	before := files{"m.go": "package m\n\nfunc F(a int) int {\n\ta = a - 1\n\ta = a + 2\n\treturn a\n}\n"}
	e, m := newPlain(t)
	h := &testHost{t: t, e: e, commits: []jitos.Commit{{Tree: put(t, m, f)}, {Tree: put(t, m, before)}}}
	hash, err := treeHash(h.commits[0].Tree)
	if err != nil {
		t.Fatal(err)
	}
	s := &repairing{ctx: t.Context(), objects: m, host: h}
	if s.files, err = readManifest(t.Context(), m, hash); err != nil {
		t.Fatal(err)
	}
	leads, err := s.recentLeads()
	if err != nil {
		t.Fatal(err)
	}
	spectrum := &repair.Spectrum{Failing: 1, Leads: leads, Spans: []repair.Span{{Path: "m.go", Line: 4, Column: 2, EndLine: 4, EndColumn: 11, Failed: 1},
		{Path: "m.go", Line: 5, Column: 2, EndLine: 5, EndColumn: 11, Failed: 1}}}
	if first := spectrum.Ranked()[0]; first.Line != 5 {
		t.Errorf("line %d is first", first.Line)
	}
}

// Where a repair is to ask, it takes none of several patches; a second step takes the one that a person named, and no other place.
func TestRepairChoice(t *testing.T) {
	e, m := newPlain(t)
	e.Workers = map[string]jitos.Worker{"repair": &Repair{Objects: m}}
	const src = "package m\n\nfunc F(n int) bool { return n < 5 }\n"
	tree := put(t, m, files{"m.go": src})
	at := strings.Index(src, "n < 5")
	s := &repairing{ctx: t.Context(), action: jitos.Action{Tree: tree, Args: map[string]string{"ask": "yes"}}, host: &testHost{t: t, e: e}}
	for i, text := range []string{"n>5", "n >= 5"} {
		edit := repair.Edit{Path: "m.go", Start: at, End: at + 5, Was: "n < 5", Text: text, Line: 3}
		s.edits = append(s.edits, edit)
		s.patches = append(s.patches, patch{edit: i, tree: "none", words: edit.Words([]byte(src))})
	}
	r, err := s.conclude()
	if err != nil || r.Verdict != jitos.Pass || r.Tree != tree || !strings.Contains(r.Artifacts["question"], "\n2. m.go:3: ") || len(r.Findings) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	take := func(patches, answer string, from jitos.TreeID) jitos.Result {
		a := jitos.Action{Step: jitos.Step{Name: "take", Worker: "repair", Needs: writeAll}, Tree: from, Grants: writeAll,
			Args: map[string]string{"patches": patches, "answer": answer}}
		r, err := e.Execute(t.Context(), a, s.host)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for answer, want := range map[string]string{"1": "n > 5", " patch 2. ": "n >= 5"} {
		if got := take(r.Artifacts["patches"], answer, tree); !strings.Contains(get(t, m, got.Tree)["m.go"], want) {
			t.Errorf("answer %q: %+v", answer, got)
		}
	}
	for _, answer := range []string{"3", "0", "the first", ""} {
		wantVerdict(t, take(r.Artifacts["patches"], answer, tree), jitos.Fail, "is no number from 1 to 2")
	}
	wantVerdict(t, take(r.Artifacts["patches"], "1", put(t, m, files{"m.go": strings.Replace(src, "< 5", "< 6", 1)})), jitos.Fail, "not as it was")
	if got := take("", "", tree); got.Verdict != jitos.Pass || got.Tree != tree || !strings.Contains(got.Reason, "no choice") {
		t.Errorf("nothing to choose: %+v", got)
	}

	// One patch alone is taken without a question, and so is the best where nobody is to be asked.
	s.action.Args = nil
	if r, err = s.conclude(); err != nil || r.Tree != "none" || r.Artifacts["question"] != "" {
		t.Errorf("%+v, %v", r, err)
	}
	s.action.Args, s.patches = map[string]string{"ask": "yes"}, s.patches[:1]
	if r, err = s.conclude(); err != nil || r.Tree != "none" || r.Artifacts["question"] != "" {
		t.Errorf("%+v, %v", r, err)
	}
}
