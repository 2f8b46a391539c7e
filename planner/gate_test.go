package planner

import (
	"errors"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// What is recognised, and how its tests are run.
func TestGate_toolchains(t *testing.T) {
	script := func(test string) string {
		return `{"name": "x", "scripts": {"test": "` + test + `", "lint": "eslint"}}`
	}
	cases := []struct {
		name  string
		files map[string]string
		want  string // chain, report and a part of the command
	}{
		{"go", goFiles(), "go go: cd . && go test -json -count=1 ./..."},
		{"go without tests", map[string]string{"go.mod": "module x"}, ""},
		{"jest", map[string]string{"package.json": script("jest")}, "node jest: npm test --silent -- --json"},
		{"jest after lint", map[string]string{"package.json": script("eslint . && jest --ci")}, "node jest: npm test --silent -- --json"},
		{"jest before lint", map[string]string{"package.json": script("jest && eslint .")}, "node exit: npm test --silent"},
		{"vitest", map[string]string{"package.json": script("vitest")}, "node jest: npm test --silent -- --run --reporter=json"},
		{"mocha", map[string]string{"package.json": script(`nyc mocha \"test/**/*.js\"`)}, "node tap: npm test --silent -- --reporter tap"},
		{"ava", map[string]string{"package.json": script("xo && ava")}, "node tap: npm test --silent -- --tap"},
		{"node --test", map[string]string{"package.json": script("node --test test/")}, "node tap: --test-reporter=tap"},
		{"node --test with a reporter", map[string]string{"package.json": script("node --test --test-reporter=spec")}, "node exit: npm test --silent"},
		{"tape", map[string]string{"package.json": script("tape test/*.js")}, "node tap: npm test --silent"},
		{"other script", map[string]string{"package.json": script("./run.sh")}, "node exit: npm test --silent"},
		{"npm's placeholder", map[string]string{"package.json": script(`echo \"Error: no test specified\" && exit 1`)}, ""},
		{"no script", map[string]string{"package.json": `{"name": "x"}`}, ""},
		{"pytest by configuration", map[string]string{"pyproject.toml": "[tool.pytest.ini_options]\n", "tests/test_a.py": "def test_a(): pass\n"}, "python pytest: -m pytest -rA -q ."},
		{"pytest by conftest", map[string]string{"setup.py": "", "tests/conftest.py": ""}, "python pytest: -m pytest"},
		{"pytest by plain functions", map[string]string{"setup.py": "", "tests/test_a.py": "def test_a(): pass\n"}, "python pytest: -m pytest"},
		{"unittest in a package", map[string]string{"setup.py": "", "tests/__init__.py": "", "tests/test_a.py": "import unittest\n"}, "python unittest: -m unittest discover -v\n"},
		{"unittest in a directory", map[string]string{"setup.py": "", "tests/test_a.py": "import unittest\n"}, "python unittest: discover -v -s tests"},
		{"unittest at the root", map[string]string{"test_a.py": "import unittest\n"}, "python unittest: -m unittest discover -v\n"},
		{"python without tests", map[string]string{"setup.py": ""}, ""},
		{"make test", map[string]string{"Makefile": "all:\n\techo\n\ntest: all\n\techo\n"}, "make exit: make test"},
		{"make check", map[string]string{"GNUmakefile": "check:\n\techo\n"}, "make exit: make check"},
		{"make with a variable", map[string]string{"Makefile": "test := 1\nall:\n"}, ""},
		{"make beside go", map[string]string{"go.mod": "module x", "a_test.go": "", "Makefile": "test:\n"}, "go go: go test"},
		{"make where go cannot", map[string]string{"go.mod": "module x", "Makefile": "test:\n"}, "make exit: make test"},
		{"shell", map[string]string{"test.sh": "", "x.sh": ""}, "shell exit: ./$t"},
		{"bats", map[string]string{"test/a.bats": ""}, "shell tap: bats --tap test"},
		{"nothing", map[string]string{"README": ""}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.files)
			steps, err := New().Gate(t.Context(), w, jitos.GateRef{Gate: "tests-pass"})
			if err != nil {
				t.Fatal(err)
			}
			can := false
			for _, n := range w.nodes {
				can = can || (jitos.Pattern{Kind: jitos.KindToolchain, Has: map[string]string{"can": "test"}}).Matches(n)
			}
			if can != (len(steps) > 0) {
				t.Errorf("recognised as able to test: %v, but there are %d steps", can, len(steps))
			}
			if c.want == "" {
				if len(steps) > 0 {
					t.Errorf("steps %+v, want none", steps)
				}
				return
			}
			head, run, _ := strings.Cut(c.want, ": ")
			if len(steps) != 1 {
				t.Fatalf("steps %+v, want one", steps)
			}
			s := steps[0]
			if s.Chain+" "+s.Report != head || !strings.Contains(s.Run, run) || s.Gate == nil || s.Gate.Gate != "tests-pass" {
				t.Errorf("%s %s: %s\nwant %s", s.Chain, s.Report, s.Run, c.want)
			}
		})
	}
}

func TestGate_made(t *testing.T) {
	files := goFiles()
	files["package.json"] = `{"scripts": {"test": "jest", "lint": "eslint ."}}`
	w := newWorld(t, files)
	name := func(ref jitos.GateRef) string {
		steps, err := New().Gate(t.Context(), w, ref)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, s := range steps {
			names = append(names, s.Name)
		}
		return strings.Join(names, " ")
	}
	if got := name(jitos.GateRef{Gate: "checks-pass"}); got != "tests-pass.go tests-pass.node vet-clean.go vet-clean.node" {
		t.Errorf("checks-pass is made of %s", got)
	}
	if got := name(jitos.GateRef{Gate: "tests-pass", Args: map[string]string{"chain": "node"}}); got != "tests-pass.node" {
		t.Errorf("of one toolchain: %s", got)
	}
	for _, bad := range []jitos.GateRef{{Gate: "nonsense"}, {}, {Gate: "tests-pass", Args: map[string]string{"pgk": "."}}, {Gate: "tests-pass", Args: map[string]string{"pkg": ".."}}} {
		if steps, err := New().Gate(t.Context(), w, bad); err == nil {
			t.Errorf("%+v: %+v", bad, steps)
		}
	}
}

// A command of the user's own runs as it is, with the toolchain that it calls prepared.
func TestGate_command(t *testing.T) {
	files := goFiles()
	files["package.json"] = "{}"
	w := newWorld(t, files)
	for run, chain := range map[string]string{
		"go test ./...": "go", "npm run lint": "node", "FOO=1 npx tsc && go vet ./...": "node", "sh -c 'go vet ./...'": "go", "./check.sh": "", "cargo test": "",
	} {
		steps, err := New().Gate(t.Context(), w, jitos.GateRef{Run: run, Origin: "abc"})
		if err != nil || len(steps) != 1 {
			t.Fatalf("%s: %v, %v", run, steps, err)
		}
		if s := steps[0]; s.Run != run || s.Chain != chain || s.Report != "exit" || s.Origin != "abc" {
			t.Errorf("%s: %+v, want chain %q", run, s, chain)
		}
	}
	w = newWorld(t, goFiles())
	if steps, err := New().Gate(t.Context(), w, jitos.GateRef{Run: "./check.sh"}); err != nil || steps[0].Chain != "go" {
		t.Errorf("the only toolchain there is: %+v, %v", steps, err)
	}
}

func TestMatch(t *testing.T) {
	w := newWorld(t, goFiles())
	m, err := New().Match(t.Context(), w, "Update golang.org/x/text", map[string]string{"version": "v0.14.0"})
	if err != nil || m.Task.Name != "update-dependency" || m.Task.Args["dep"] != "golang.org/x/text" || m.Task.Args["version"] != "v0.14.0" || len(m.Nearest) > 0 {
		t.Errorf("match: %+v, %v", m, err)
	}
	if g := m.Task.Gates; len(g) != 1 || g[0].Gate != "tests-pass" || m.Task.Goal != nil {
		t.Errorf("gates: %+v, goal %+v", g, m.Task.Goal)
	}
	m, err = New().Match(t.Context(), w, "fix the failing tests in x", map[string]string{"pkg": "./y"})
	if err != nil || m.Task.Args["pkg"] != "y" || m.Task.Goal == nil || m.Task.Goal.Args["pkg"] != "y" {
		t.Errorf("an argument given wins: %+v, %v", m, err)
	}
	m, err = New().Match(t.Context(), w, "sing a song", map[string]string{"k": "v"})
	if err != nil || m.Task.Name != "" || m.Task.Intent != "sing a song" || m.Task.Args["k"] != "v" || len(m.Nearest) != 5 {
		t.Errorf("no match: %+v, %v", m, err)
	}
	for intent, args := range map[string]map[string]string{
		"apply the patch":                     nil, // which?
		"fix the failing tests":               {"pkg": "../x"},
		"fix the failing tests now":           nil, // not what a phrase says
		"format the code":                     {"speed": "high"},
		"update golang.org/x/text to v0.14.0": {"dep": "a b"},
	} {
		m, err := New().Match(t.Context(), w, intent, args)
		if intent == "fix the failing tests now" {
			if err != nil || m.Task.Name != "" {
				t.Errorf("%s: %+v, %v", intent, m.Task, err)
			}
			continue
		}
		var hint *jitos.HintError
		if !errors.Is(err, jitos.ErrInvalid) || !errors.As(err, &hint) {
			t.Errorf("%s %v: %v, want invalid with a hint", intent, args, err)
		}
	}
	w.fabric["methods/bad.yaml"] = []byte("task: x\nmehtods: []\n")
	if _, err := New().Match(t.Context(), w, "x", nil); !errors.Is(err, jitos.ErrInvalid) || !strings.Contains(err.Error(), "methods/bad.yaml:2") {
		t.Errorf("a library that does not load: %v", err)
	}
}

func TestParsePlan(t *testing.T) {
	w := newWorld(t, goFiles())
	task := jitos.Task{Name: "fix-failing-tests", Args: map[string]string{"pkg": "sub"}}
	plan := `title: by hand
steps:
  prove: {gate: tests-pass, args: {pkg: $pkg}, after: [gen]}
  gen: {run: go generate ./..., needs: ["fs.write:**"], after: [format]}
  format: {job: format, args: {chain: go}}
  ask: {job: ask, title: 'is it good?', args: {question: why}}
`
	slap, err := New().ParsePlan(t.Context(), w, "t", task, "p.yaml", []byte(plan))
	if err != nil {
		t.Fatal(err)
	}
	want := "format: find . -name '*.go' ! -path '*/vendor/*' ! -path '*/testdata/*' ! -path '*/_*' ! -path '*/.[!/]*' -exec gofmt -w {} +\n" +
		"gen: go generate ./... < format\nprove: gate tests-pass < gen\nask: human\n"
	if got := lines(slap); got != want {
		t.Errorf("plan:\n%swant:\n%s", got, want)
	}
	for _, s := range slap.Steps {
		if s.Origin == "" || s.Origin != slap.Steps[0].Origin {
			t.Errorf("step %s: origin %q, want that of the plan", s.Name, s.Origin)
		}
	}
	if slap.Title != "by hand" || slap.By != "" || slap.Task != "t" || slap.Steps[1].Chain != "go" || slap.Steps[2].Gate.Args["pkg"] != "sub" {
		t.Errorf("plan: %+v", slap)
	}
	_, err = New().ParsePlan(t.Context(), w, "t", task, "p.yaml", []byte("title: x\nsteps: {a: {job: format, args: {chain: node}}}\n"))
	if !errors.Is(err, jitos.ErrNoPlan) || !strings.Contains(err.Error(), "step a: job format: toolchain node cannot format here") {
		t.Errorf("a step that cannot be: %v", err)
	}
	_, err = New().ParsePlan(t.Context(), w, "t", task, "p.yaml", []byte("title: x\nsteps: {a: {rnu: y}}\n"))
	if !errors.Is(err, jitos.ErrInvalid) || !strings.Contains(err.Error(), "p.yaml:2") {
		t.Errorf("a plan with a mistake: %v", err)
	}
}
