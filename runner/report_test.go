package runner

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// parse gives a parser the lines of a file, as if a command had said them.
func parse(t *testing.T, kind, file string, stream, exit int) tests {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "reports", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := newParser(kind, "")
	eachLine(f, func(line string) { p.line(stream, line) })
	return p.end(exit)
}

func wantReport(t *testing.T, r *jitos.Report, passed, failed, skipped []string) {
	t.Helper()
	if r == nil {
		t.Fatal("no report")
	}
	for _, c := range []struct {
		what      string
		got, want []string
	}{{"passed", r.Passed, passed}, {"failed", r.Failed, failed}, {"skipped", r.Skipped, skipped}} {
		if fmt.Sprintf("%q", c.got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.what, c.got, c.want)
		}
	}
}

// The samples are what the real tools said.
func TestReportsOfSamples(t *testing.T) {
	unittests := struct{ passed, failed, skipped []string }{
		[]string{"test_x", "test_x.T", "test_x.T.test_doc", "test_x.T.test_noise", "test_x.T.test_ok", "test_x.T.test_xf"},
		[]string{"test_x.S", "test_x.T.test_bad", "test_x.T.test_err", "test_x.T.test_sub", "test_x.T.test_xs"},
		[]string{"test_x.T.test_skip"},
	}
	for file, c := range map[string]struct {
		kind                    string
		stream, ran, red        int
		passed, failed, skipped []string
	}{
		"node.tap": {"tap", stdout, 4, 2, []string{"adds", "suite > inner ok"}, []string{"breaks", "suite", "suite > inner # bad"},
			[]string{"later", "todo"}},
		"mocha.tap": {"tap", stdout, 3, 1, []string{"outer inner works", "outer inner works #2"}, []string{"outer inner breaks  hard"},
			[]string{"outer inner later"}},
		"bats.tap": {"tap", stdout, 2, 1, []string{"adds"}, []string{"breaks # x"}, []string{"later"}},
		"pytest.txt": {"pytest", stdout, 12, 5,
			[]string{"tests/test_a.py", "tests/test_a.py::TestC::test_in", "tests/test_a.py::test_ok", "tests/test_a.py::test_param[plain]",
				"tests/test_a.py::test_param_ok[x - y]", "tests/test_a.py::test_xf", "tests/test_a.py::test_xp"},
			[]string{"tests/test_a.py::test_bad", "tests/test_a.py::test_fixture", "tests/test_a.py::test_param[a - b]",
				"tests/test_a.py::test_param[c]", "tests/test_a.py::test_teardown"},
			[]string{"tests/test_a.py:8"}},
		"pytest-collect.txt": {"pytest", stdout, 0, 0, nil, []string{"tests/test_b.py"}, nil},
		"unittest.txt":       {"unittest", stderr, 8, 4, unittests.passed, append([]string{"test_broken"}, unittests.failed...), unittests.skipped},
		"unittest38.txt":     {"unittest", stderr, 8, 4, unittests.passed, unittests.failed, unittests.skipped},
		"unittest313.txt":    {"unittest", stderr, 8, 4, unittests.passed, unittests.failed, unittests.skipped},
		"jest.json.txt": {"jest", stdout, 2, 1, []string{"sum.test.js", "sum.test.js: sum adds"},
			[]string{"broken.test.js", `sum.test.js: sum breaks "q"`}, []string{"sum.test.js: sum later", "sum.test.js: sum todo"}},
	} {
		t.Run(file, func(t *testing.T) {
			got := parse(t, c.kind, file, c.stream, 1)
			wantReport(t, got.report(), c.passed, c.failed, c.skipped)
			if got.ran != c.ran || got.red != c.red {
				t.Errorf("%d ran, %d failed; want %d, %d", got.ran, got.red, c.ran, c.red)
			}
		})
	}
}

// What a test prints is not what its runner says.
func TestReportsBelieveTheRunnerAlone(t *testing.T) {
	say := func(kind string, exit int, lines ...string) *jitos.Report {
		p := newParser(kind, "")
		for _, l := range lines {
			p.line(stdout, l)
		}
		found := p.end(exit)
		return found.report()
	}
	wantReport(t, say("tap", 1, "TAP version 13", "ok 1 - real", "  ---", "  stack: |-", "    ok 1 - fake", "    not ok 2 - fake", "  ...", "ok 2 - more", "1..2"),
		[]string{"more", "real"}, nil, nil)
	wantReport(t, say("pytest", 0, "===== short test summary info =====", "FAILED fake.py::test_fake - no", "===== PASSES =====", "===== short test summary info =====",
		"PASSED t.py::test_real", "1 passed in 0.1s"), []string{"t.py", "t.py::test_real"}, nil, nil)
	wantReport(t, say("go", 1, `{"Action":"run","Package":"m","Test":"TestA"}`, `{"Action":"output","Package":"m","Test":"TestA","Output":"{\"Action\":\"fail\",\"Package\":\"m\",\"Test\":\"TestB\"}\n"}`,
		`{"Action":"pass","Package":"m","Test":"TestA"}`, `{"Action":"pass","Package":"m"}`), []string{"m", "m.TestA"}, nil, nil)
	// A run that was cut short: what had begun has failed.
	wantReport(t, say("go", 2, `{"Action":"run","Package":"m","Test":"TestA"}`), nil, []string{"m", "m.TestA"}, nil)
}

func testRun(report string) func(*jitos.Action) {
	return func(a *jitos.Action) { a.Step.Report, a.Step.Needs = report, nil }
}

const goTest = "go test -json -count=1 ./..."

func goCache(t *testing.T, e *Executor) {
	t.Helper()
	e.Workers = map[string]jitos.Worker{"shell": &Shell{Env: goEnv}, "bisect": &Bisect{}, "revert": &Revert{}, "patch": &Patch{}}
}

func TestGoReport(t *testing.T) {
	e, m := newPlain(t)
	goCache(t, e)
	mod := files{"go.mod": "module m.test/m\n\ngo 1.20\n"}
	with := func(more files) files {
		all := files{}
		for p, c := range mod {
			all[p] = c
		}
		for p, c := range more {
			all[p] = c
		}
		return all
	}
	r := run(t, e, put(t, m, with(files{
		"a/a_test.go": "package a\nimport \"testing\"\nfunc TestOK(t *testing.T) { t.Log(\"quiet\") }\nfunc TestBad(t *testing.T) {\n\tt.Run(\"sub one\", func(t *testing.T) { t.Error(\"loud\") })\n\tt.Run(\"fine\", func(t *testing.T) {})\n}\nfunc TestSkip(t *testing.T) { t.Skip() }\n",
		"b/b.go":      "package b\n",
		"c/c_test.go": "package c\nimport \"testing\"\nfunc TestC(t *testing.T) { undefined() }\n",
		"d/d_test.go": "package d\nimport \"testing\"\nfunc TestFine(t *testing.T) {}\nfunc TestPanics(t *testing.T) { panic(\"boom\") }\nfunc TestNever(t *testing.T) {}\n",
		"e/e_test.go": "package e\nimport (\"os\"; \"testing\")\nfunc TestMain(m *testing.M) { m.Run(); os.Exit(3) }\nfunc TestE(t *testing.T) {}\n",
	})), goTest, testRun("go"))
	wantVerdict(t, r, jitos.Fail, "3 of 7 tests failed: ")
	wantReport(t, r.Report,
		[]string{"m.test/m/a", "m.test/m/a.TestBad/fine", "m.test/m/a.TestOK", "m.test/m/b", "m.test/m/d.TestFine", "m.test/m/e.TestE"},
		[]string{"m.test/m/a.TestBad", "m.test/m/a.TestBad/sub_one", "m.test/m/c", "m.test/m/d", "m.test/m/d.TestPanics", "m.test/m/e"},
		[]string{"m.test/m/a.TestSkip"})
	for _, want := range []string{"a_test.go:5: loud", "undefined: undefined", "panic: boom", "FAIL\tm.test/m/a"} {
		if !strings.Contains(r.Output, want) {
			t.Errorf("the output lacks %q:\n%s", want, r.Output)
		}
	}
	for _, not := range []string{"quiet", `"Action"`, "=== RUN"} {
		if strings.Contains(r.Output, not) {
			t.Errorf("the output holds %q:\n%s", not, r.Output)
		}
	}
	for name, c := range map[string]struct {
		f      files
		want   jitos.Verdict
		reason string
	}{
		"no tests":    {files{"b/b.go": "package b\n"}, jitos.CouldNot, "nothing was collected"},
		"no packages": {files{}, jitos.CouldNot, "nothing was collected"},
		"no module":   {files{"go.mod": "", "b/b.go": "package b\n", "b/b_test.go": "package b\n"}, jitos.Fail, ""},
		"no build":    {files{"b/b_test.go": "package b\nvar x int = \"\"\n"}, jitos.Fail, "these failed as a whole: m.test/m/b"},
		"missing":     {files{"b/b_test.go": "package b\nimport _ \"example.com/gone\"\n"}, jitos.Fail, "these failed as a whole: m.test/m/b"},
		"no network": {files{"go.mod": "module m.test/m\n\ngo 1.20\n\nrequire example.com/gone v1.0.0\n", "b/b_test.go": "package b\nimport _ \"example.com/gone\"\n",
			"go.sum": "example.com/gone v1.0.0 h1:2jmj7l5rSw0yVb/vlWAYkK/YBwk=\nexample.com/gone v1.0.0/go.mod h1:2jmj7l5rSw0yVb/vlWAYkK/YBwk=\n"}, jitos.CouldNot, "network"},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, e, put(t, m, with(c.f)), goTest, testRun("go"))
			wantVerdict(t, r, c.want, c.reason)
		})
	}
}

func TestNodeReport(t *testing.T) {
	requireTool(t, "node")
	e, m := newExecutor(t)
	r := run(t, e, put(t, m, files{
		"a.test.js": "const {test, describe, it} = require('node:test'); const assert = require('node:assert');\ntest('adds', () => assert.equal(1, 1));\ndescribe('s', () => { it('bad', () => assert.equal(1, 2)); });\n",
		"b.test.js": "require('./gone');\n",
	}), "node --test --test-reporter=tap", testRun("tap"))
	wantVerdict(t, r, jitos.Fail, "tests failed")
	if got := strings.Join(r.Report.Passed, ","); got != "adds" && got != "a.test.js > adds" {
		t.Errorf("passed %q", r.Report.Passed)
	}
	if got := strings.Join(r.Report.Failed, ","); !strings.Contains(got, "s > bad") || !strings.Contains(got, "b.test.js") || strings.Contains(got, "/work/") {
		t.Errorf("failed %q", r.Report.Failed)
	}
	r = run(t, e, put(t, m, files{"a.js": ""}), "node --test --test-reporter=tap", testRun("tap"))
	wantVerdict(t, r, jitos.CouldNot, "nothing was collected")
}

func TestPythonReport(t *testing.T) {
	requireTool(t, "python3")
	e, m := newExecutor(t)
	tree := put(t, m, files{"pkg/__init__.py": "", "tests/__init__.py": "",
		"tests/test_a.py": "import unittest\nclass T(unittest.TestCase):\n    def test_ok(self): print('ok')\n    def test_bad(self): self.fail('no')\n"})
	r := run(t, e, tree, "python3 -m unittest discover -v", testRun("unittest"))
	wantVerdict(t, r, jitos.Fail, "1 of 2 tests failed: tests.test_a.T.test_bad")
	wantReport(t, r.Report, []string{"tests.test_a", "tests.test_a.T", "tests.test_a.T.test_ok"}, []string{"tests.test_a.T.test_bad"}, nil)
	r = run(t, e, put(t, m, files{"tests/__init__.py": "", "tests/test_a.py": "import no_such_module_here\n"}), "python3 -m unittest discover -v", testRun("unittest"))
	wantVerdict(t, r, jitos.CouldNot, "no module named no_such_module_here")
	r = run(t, e, put(t, m, files{"tests/__init__.py": "", "tests/test_a.py": "import tests.gone\n"}), "python3 -m unittest discover -v", testRun("unittest"))
	wantVerdict(t, r, jitos.Fail, "these failed as a whole: tests.test_a")
	r = run(t, e, put(t, m, files{"a.py": ""}), "python3 -m unittest discover -v", testRun("unittest"))
	wantVerdict(t, r, jitos.CouldNot, "nothing was collected")

	// Doctests in files, and in a module; what runs them may write between the name and the outcome.
	doctests := files{"good.rst": ">>> 1 + 1\n2\n", "bad.rst": ">>> import sys\n>>> print('noise', file=sys.stderr)\n>>> 1 + 1\n3\n",
		"m.py":        "def f():\n    \"\"\"\n    >>> f()\n    1\n    \"\"\"\n    return 1\n",
		"test_all.py": "import doctest, m\ndef load_tests(loader, tests, pattern):\n    tests.addTest(doctest.DocFileSuite('good.rst', 'bad.rst'))\n    tests.addTest(doctest.DocTestSuite(m))\n    return tests\n"}
	r = run(t, e, put(t, m, doctests), "python3 -m unittest discover -v", testRun("unittest"))
	wantVerdict(t, r, jitos.Fail, "1 of 3 tests failed: doctest bad.rst")
	wantReport(t, r.Report, []string{"doctest good.rst", "m", "m.f"}, []string{"doctest bad.rst"}, nil)
}

// Reports are read from all of the output, not from the part that is kept.
func TestReportBeyondKeptOutput(t *testing.T) {
	e, m := newExecutor(t)
	r := run(t, e, put(t, m, files{}), `i=1; while [ $i -le 5000 ]; do echo "ok $i - a test with a rather long name, number $i"; i=$((i+1)); done; echo 1..5000`, testRun("tap"))
	wantVerdict(t, r, jitos.Pass, "")
	if len(r.Report.Passed) != 5000 || len(r.Output) > keptHead+keptTail+100 {
		t.Errorf("%d tests, %d bytes", len(r.Report.Passed), len(r.Output))
	}
}
