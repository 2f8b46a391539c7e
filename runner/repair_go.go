package runner

import (
	"errors"
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
	one      time.Duration        // of processor time that a failing test may take with an edit
	whole    time.Duration        // and all tests of a package
	schema   jitos.TreeID         // the program of all edits
	sites    map[int]int          // of the edits in it
	parts    []repair.Schema      // its packages
	without  map[int]bool         // edits that were to be in it and that the compiler refuses
	odd      *string              // see oddScript
}

type goPackage struct {
	dir     string // in the tree, "" for the root
	version string // of the language
	files   []string
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
	const form = `{{if not .ForTest}}{{.ImportPath}}|{{.Dir}}|{{.Export}}|{{with .Module}}{{if .Main}}main{{end}}{{end}}|{{with .Module}}{{.GoVersion}}{{end}}|{{len .CgoFiles}}|{{join .GoFiles "|"}}{{end}}`
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
		if len(f) < 7 {
			continue
		}
		g.exports[f[0]] = f[2]
		dir, err := filepath.Rel(here, f[1])
		if f[3] != "main" || f[5] != "0" || err != nil || !filepath.IsLocal(dir) || strings.HasSuffix(f[0], ".test") {
			continue
		}
		p := goPackage{dir: strings.TrimPrefix(filepath.ToSlash(dir), ".")}
		if f[4] != "" {
			p.version = "go" + f[4]
		}
		for _, name := range f[6:] {
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
	p, err := repair.LoadGo(name, g.packages[name].version, sources, g.export)
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
