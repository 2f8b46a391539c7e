package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/repair"
)

// goSubject is a Go module.
type goSubject struct {
	packages map[string]goPackage // those of the module that failing tests depend on, by import path
	exports  map[string]string    // files with the export data of packages
	tests    []goCase             // the failing ones that fail alone, at most maxFailing
	timeout  int                  // seconds of processor time that a test may take with an edit
	schema   jitos.TreeID
	sites    map[int]int
}

type goPackage struct {
	dir   string // in the tree, "" for the root
	files []string
}

// goCase is a test of a package, and the pattern that chooses it alone.
type goCase struct{ pkg, pattern string }

// Bounds of the tests that are run one by one.
const (
	maxFailing = 6   // with each edit
	maxPassing = 150 // to be told from failing ones
)

// goTestName matches what follows the package in the name of a test.
var goTestName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\.((?:Test|Example|Fuzz)[^/]*(?:/.*)?)$`) })

// splitTest takes the name of a test apart; false for one of a package.
func splitTest(name string) (goCase, bool) {
	m := goTestName().FindStringSubmatchIndex(name)
	if m == nil || m[0] == 0 {
		return goCase{}, false
	}
	var parts []string
	for _, part := range strings.Split(name[m[2]:], "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
	}
	return goCase{name[:m[0]], strings.Join(parts, "/")}, true
}

func (g *goSubject) format(src []byte, e repair.Edit) []byte { return e.Format(src) }

func (g *goSubject) measure(s *repairing) (*repair.Spectrum, error) {
	var failing, passing []goCase
	pkgs := map[string]bool{}
	for _, name := range s.failing {
		if t, ok := splitTest(name); ok {
			failing = append(failing, t)
			pkgs[t.pkg] = true
		}
	}
	if len(failing) == 0 {
		return nil, &inconclusive{"no-repair", "no test fails by its name: " + few(s.failing) + " does not build or run as a whole"}
	}
	for _, name := range s.passing {
		if t, ok := splitTest(name); ok && pkgs[t.pkg] {
			passing = append(passing, t)
		}
	}
	failing, passing = spread(failing, 4*maxFailing), spread(passing, maxPassing)
	if err := g.list(s, pkgs); err != nil {
		return nil, err
	}
	return g.trace(s, failing, passing)
}

// spread picks at most n of a list, evenly.
func spread[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	picked := make([]T, n)
	for i := range picked {
		picked[i] = list[i*len(list)/n]
	}
	return picked
}

// list asks the go command for the packages behind the failing tests.
func (g *goSubject) list(s *repairing, pkgs map[string]bool) error {
	const form = `{{if not .ForTest}}{{.ImportPath}}|{{.Dir}}|{{.Export}}|{{with .Module}}{{if .Main}}main{{end}}{{end}}|{{len .CgoFiles}}|{{join .GoFiles "|"}}{{end}}`
	script := "pwd -P >\"$JITOS_OUT/here\"\ngo list -e -export -deps -test -f " + shellQuote(form) + " " + quoteAll(names(pkgs)) + " >\"$JITOS_OUT/packages\"\n"
	r, err := s.try(s.ctx, s.action.Tree, "list the packages", script)
	if err != nil {
		return err
	}
	if r.Verdict != jitos.Pass {
		return &inconclusive{"no-repair", "the packages cannot be listed: " + r.Reason}
	}
	here := strings.TrimSpace(r.Artifacts["here"])
	g.packages, g.exports = map[string]goPackage{}, map[string]string{}
	for line := range strings.Lines(r.Artifacts["packages"]) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) < 6 {
			continue
		}
		g.exports[f[0]] = f[2]
		dir, err := filepath.Rel(here, f[1])
		if f[3] != "main" || f[4] != "0" || err != nil || !filepath.IsLocal(dir) || strings.HasSuffix(f[0], ".test") {
			continue
		}
		p := goPackage{dir: strings.TrimPrefix(filepath.ToSlash(dir), ".")}
		for _, name := range f[5:] {
			if _, ok := s.files.files[path.Join(p.dir, name)]; ok {
				p.files = append(p.files, path.Join(p.dir, name))
			}
		}
		g.packages[f[0]] = p
	}
	return nil
}

// sources reads the files of a package.
func (g *goSubject) sources(s *repairing, p goPackage) (map[string][]byte, error) {
	all := map[string][]byte{}
	for _, name := range p.files {
		src, err := s.source(name)
		if err != nil {
			return nil, err
		}
		all[name] = src
	}
	return all, nil
}

// trace runs the tests one by one in a program that says which statements it runs.
func (g *goSubject) trace(s *repairing, failing, passing []goCase) (*repair.Spectrum, error) {
	files := map[string][]byte{}
	var spans []repair.Span
	for _, name := range keysOf(g.packages) {
		sources, err := g.sources(s, g.packages[name])
		if err != nil {
			return nil, err
		}
		traced, more, err := repair.TraceGo(sources, len(spans))
		if err != nil {
			return nil, &inconclusive{"no-repair", err.Error()}
		}
		for p, text := range traced {
			files[p] = text
		}
		spans = append(spans, more...)
	}
	var list strings.Builder
	for kind, tests := range [][]goCase{failing, passing} {
		for i, t := range tests {
			fmt.Fprintf(&list, "%c%d %s %s\n", "FP"[kind], i, t.pkg, t.pattern)
		}
	}
	files[below("tests")] = []byte(list.String())
	tree, err := s.tree(files)
	if err != nil {
		return nil, err
	}
	r, err := s.try(s.ctx, tree, "trace the tests", g.build(s, failing)+traceScript)
	if err != nil {
		return nil, err
	}
	if r.Verdict != jitos.Pass {
		return nil, &inconclusive{"no-repair", "the tests cannot be traced: " + r.Reason}
	}
	return g.spectrum(r, spans, failing)
}

// build is the beginning of a script that compiles the tests of the failing packages, each to $TMPDIR/<number>.test, and has a
// function that says where those of a package run.
func (g *goSubject) build(s *repairing, tests []goCase) string {
	var b, where strings.Builder
	b.WriteString("root=$PWD\n")
	seen := map[string]bool{}
	for _, t := range tests {
		if seen[t.pkg] {
			continue
		}
		fmt.Fprintf(&b, "go test -c -vet=off -o \"$TMPDIR/%d.test\" %s\n", len(seen), shellQuote(t.pkg))
		fmt.Fprintf(&where, "%s) cd \"$root\"/%s; binary=$TMPDIR/%d.test;;\n", shellQuote(t.pkg), shellQuote(g.packages[t.pkg].dir), len(seen))
		seen[t.pkg] = true
	}
	return b.String() + "enter() {\ncase $1 in\n" + where.String() + "esac\n}\nset +e\nulimit -v 6000000 2>/dev/null\n"
}

// traceScript leaves the runs that went as expected ("F0"), the processor time of all so far after each ("F0 0m1.2s 0m0.1s", by the
// shell's times), the first before any, and how many of them ran each
// statement ("F 17 2").
const traceScript = `end=$(($(date +%s) + 60))
times >"$TMPDIR/times"
sed -n '2s/^/- /p' "$TMPDIR/times" >"$JITOS_OUT/times"
while read -r id pkg pattern; do
  if [ "$(date +%s)" -ge $end ]; then break; fi
  enter "$pkg"
  rm -f "$TMPDIR/trace"
  if JITOS_REPAIR_TRACE="$TMPDIR/trace" "$binary" -test.run "$pattern" -test.timeout 20s </dev/null >"$TMPDIR/said" 2>&1; then got=P; else got=F; fi
  times >"$TMPDIR/times"
  sed -n "2s/^/$id /p" "$TMPDIR/times" >>"$JITOS_OUT/times"
  if [ "$got" = "${id%%[0-9]*}" ] && [ -f "$TMPDIR/trace" ]; then
    echo "$id" >>"$TMPDIR/runs"
    sort -u "$TMPDIR/trace" | sed "s/^/$got /" >>"$TMPDIR/all"
  fi
done <"$root/_jitos_repair/tests"
if [ -f "$TMPDIR/runs" ]; then
  cp "$TMPDIR/runs" "$JITOS_OUT/runs"
  awk '{n[$0]++; if ($1 == "F") hot[$2] = 1} END {for (k in n) {split(k, f, " "); if (f[2] in hot) print k, n[k]}}' "$TMPDIR/all" >"$JITOS_OUT/counts"
fi
exit 0
`

func (g *goSubject) spectrum(r jitos.Result, spans []repair.Span, failing []goCase) (*repair.Spectrum, error) {
	found := &repair.Spectrum{Spans: spans}
	for line := range strings.Lines(r.Artifacts["runs"] + "\n") {
		var kind rune
		var i int
		if _, err := fmt.Sscanf(line, "%c%d", &kind, &i); err != nil {
			continue
		}
		if kind == 'P' {
			found.Passing++
			continue
		}
		found.Failing++
		if len(g.tests) < maxFailing && i < len(failing) {
			g.tests = append(g.tests, failing[i])
		}
	}
	failed, passed := slowest(r.Artifacts["times"])
	g.timeout = 1 + int(2*min(failed, max(1, 4*passed))) // one that fails may be in a loop without end
	for line := range strings.Lines(r.Artifacts["counts"] + "\n") {
		var kind rune
		var span, n int
		if _, err := fmt.Sscanf(line, "%c %d %d", &kind, &span, &n); err != nil || span >= len(spans) {
			continue
		}
		if kind == 'F' {
			spans[span].Failed = n
		} else {
			spans[span].Passed = n
		}
	}
	if found.Failing == 0 {
		return nil, &inconclusive{"flaky", "the failing tests do not fail when each runs alone"}
	}
	return found, nil
}

// slowest is the largest step, in seconds, that a failing and a passing test made in the processor times of a user and of the
// system, added up: "F0 0m1.230s 0m0.450s".
func slowest(lines string) (failed, passed float64) {
	before := 0.0
	for line := range strings.Lines(lines) {
		kind, rest, _ := strings.Cut(line, " ")
		total := 0.0
		for _, part := range strings.Fields(rest) {
			minutes, seconds, _ := strings.Cut(strings.TrimSuffix(part, "s"), "m")
			m, _ := strconv.ParseFloat(minutes, 64)
			s, _ := strconv.ParseFloat(seconds, 64)
			total += 60*m + s
		}
		switch kind[0] {
		case 'F':
			failed = max(failed, total-before)
		case 'P':
			passed = max(passed, total-before)
		}
		before = total
	}
	return failed, passed
}

func (g *goSubject) edits(s *repairing, spectrum *repair.Spectrum) ([]repair.Edit, error) {
	hot := map[string]bool{}
	for _, span := range spectrum.Ranked() {
		hot[span.Path] = true
	}
	var all []repair.Edit
	for _, name := range keysOf(g.packages) {
		if !slices.ContainsFunc(g.packages[name].files, func(f string) bool { return hot[f] }) {
			continue
		}
		p, err := g.load(s, name)
		if err != nil {
			return nil, err
		}
		all = append(all, p.Edits(spectrum)...)
	}
	return all, nil
}

func (g *goSubject) load(s *repairing, name string) (*repair.GoPackage, error) {
	sources, err := g.sources(s, g.packages[name])
	if err != nil {
		return nil, err
	}
	p, err := repair.LoadGo(name, sources, g.export)
	if err != nil {
		return nil, &inconclusive{"no-repair", err.Error()}
	}
	return p, nil
}

func (g *goSubject) export(name string) (io.ReadCloser, error) {
	file := g.exports[name]
	if file == "" {
		return nil, errors.New("no export data of " + name)
	}
	return os.Open(file)
}

// compose makes the one program that all edits are tried in.
func (g *goSubject) compose(s *repairing) error {
	files := map[string][]byte{}
	g.sites = map[int]int{}
	paths := map[string]bool{}
	for _, e := range s.edits {
		paths[e.Path] = true
	}
	for _, name := range keysOf(g.packages) {
		if !slices.ContainsFunc(g.packages[name].files, func(f string) bool { return paths[f] }) {
			continue
		}
		p, err := g.load(s, name)
		if err != nil {
			return err
		}
		schema, err := p.Schema(s.edits)
		if err != nil {
			return err
		}
		for f, text := range schema.Files {
			files[f] = text
		}
		for id, site := range schema.Site {
			g.sites[id] = site
		}
	}
	var err error
	g.schema, err = s.tree(files)
	return err
}

func (g *goSubject) sieve(ctx context.Context, s *repairing, ids []int) ([]int, int, error) {
	if g.schema == "" {
		if err := g.compose(s); err != nil {
			return nil, 0, err
		}
	}
	var lists [2]strings.Builder
	var rest []int
	for _, id := range ids {
		if site, ok := g.sites[id]; ok {
			fmt.Fprintf(&lists[id%2], "%d:%d\n", site, id)
		} else {
			rest = append(rest, id)
		}
	}
	var run strings.Builder
	for _, t := range g.tests {
		fmt.Fprintf(&run, "enter %s; (ulimit -t %d; exec \"$binary\" -test.run %s -test.timeout %ds) </dev/null >/dev/null 2>&1 || return 1\n",
			shellQuote(t.pkg), g.timeout, shellQuote(t.pattern), 10*g.timeout)
	}
	end, _ := ctx.Deadline()
	script := g.build(s, g.tests) + "run() {\n" + run.String() + "}\n" + fmt.Sprintf(sieveScript, end.Add(-time.Second).Unix(),
		repair.SchemaSite, repair.SchemaEdit, lists[0].String(), lists[1].String())
	r, err := s.try(s.ctx, g.schema, "run the failing tests with each edit", script)
	if err != nil {
		return nil, 0, err
	}
	if r.Verdict != jitos.Pass && r.Artifacts["tried"] == "" && ctx.Err() == nil {
		return nil, 0, &inconclusive{"no-repair", "the edits cannot be tried together: " + r.Reason}
	} // one that ran out of time has told what it came to
	passed := numbers(r.Artifacts["passed"])
	tried := len(numbers(r.Artifacts["tried"]))
	more, n, err := g.apart(ctx, s, rest)
	passed = append(passed, more...)
	sort.Ints(passed)
	return passed, tried + n, err
}

// sieveScript runs the tests with each edit, two side by side, and leaves the edits that it came to, and with which they passed.
const sieveScript = `part() {
  while IFS=: read -r site edit; do
    if [ "$(date +%%s)" -ge %d ]; then break; fi
    echo "$edit" >>"$JITOS_OUT/tried"
    if %s=$site %s=$edit run; then echo "$edit" >>"$JITOS_OUT/passed"; fi
  done
}
part <<'END' &
%sEND
part <<'END' &
%sEND
wait
exit 0
`

// apart tries edits that cannot be compiled together, each on its own file tree.
func (g *goSubject) apart(ctx context.Context, s *repairing, ids []int) (passed []int, tried int, err error) {
	var run strings.Builder
	for _, t := range g.tests {
		fmt.Fprintf(&run, "go test -count=1 -vet=off -run %s -timeout %ds %s\n", shellQuote(t.pattern), 10*g.timeout, shellQuote(t.pkg))
	}
	for _, id := range ids {
		if ctx.Err() != nil {
			return passed, tried, nil
		}
		e := s.edits[id]
		src, err := s.source(e.Path)
		if err != nil {
			return nil, 0, err
		}
		tree, err := s.tree(map[string][]byte{e.Path: e.Apply(src)})
		if err != nil {
			return nil, 0, err
		}
		r, err := s.try(s.ctx, tree, "run the failing tests with an edit", run.String())
		if err != nil {
			return nil, 0, err
		}
		tried++
		if r.Verdict == jitos.Pass {
			passed = append(passed, id)
		}
	}
	return passed, tried, nil
}

// numbers reads numbers that are apart by white space.
func numbers(text string) []int {
	var list []int
	for _, word := range strings.Fields(text) {
		if n, err := strconv.Atoi(word); err == nil {
			list = append(list, n)
		}
	}
	return list
}

func keysOf[T any](m map[string]T) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

// shellQuote makes one word of text.
func shellQuote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func quoteAll(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, shellQuote(w))
	}
	return strings.Join(quoted, " ")
}
