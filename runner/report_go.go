package runner

import (
	"encoding/json"
	"strings"
)

// goParser reads `go test -json`: one event a line. Tests are named "package.Test/sub"; a package is the holder of its
// tests, and failed where it did not build or did not run to its end (a panic, os.Exit, a time limit).
type goParser struct {
	tests
	open map[string]*output         // what running tests have said
	pkgs map[string]map[string]bool // tests that started and did not end, by package
	main map[string]bool            // packages whose test binary came to its end and said FAIL
}

func newGoParser() *goParser {
	return &goParser{tests: newTests(), open: map[string]*output{}, pkgs: map[string]map[string]bool{}, main: map[string]bool{}}
}

type goEvent struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

func (p *goParser) line(stream int, text string) (string, bool) {
	var e goEvent
	if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &e) != nil || e.Action == "" {
		if strings.Contains(text, "matched no packages") || text == "no packages to test" {
			p.empty = true
		}
		return text, !strings.HasPrefix(text, "go: downloading ")
	}
	if e.Action == "build-output" {
		return strings.TrimSuffix(e.Output, "\n"), true
	}
	if e.Test == "" {
		return p.packageEvent(e)
	}
	return p.testEvent(e)
}

func (p *goParser) packageEvent(e goEvent) (string, bool) {
	switch e.Action {
	case "output":
		text := strings.TrimSuffix(e.Output, "\n")
		if text == "PASS" || text == "FAIL" {
			p.main[e.Package] = text == "FAIL"
			return "", false
		}
		return text, true
	case "pass":
		p.passed[e.Package] = true
	case "skip": // no test files; it was built all the same
		p.passed[e.Package] = true
	case "fail":
		for name := range p.pkgs[e.Package] { // they were running when the package came to its end
			p.fail(name)
		}
		if p.main[e.Package] {
			p.passed[e.Package] = true
		} else if e.Package != "" {
			p.failed[e.Package] = true
		}
		return p.unfinished(e.Package)
	}
	return "", false
}

// unfinished returns what the tests said that were running when their package came to its end.
func (p *goParser) unfinished(pkg string) (string, bool) {
	var b strings.Builder
	for name := range p.pkgs[pkg] {
		if o := p.open[name]; o != nil {
			b.WriteString(o.text())
			delete(p.open, name)
		}
	}
	delete(p.pkgs, pkg)
	return strings.TrimSuffix(b.String(), "\n"), b.Len() > 0
}

func (p *goParser) testEvent(e goEvent) (string, bool) {
	name := e.Package + "." + e.Test
	switch e.Action {
	case "run":
		if p.pkgs[e.Package] == nil {
			p.pkgs[e.Package] = map[string]bool{}
		}
		p.pkgs[e.Package][name] = true
		p.open[name] = &output{}
		return "", false
	case "output":
		text := strings.TrimSuffix(e.Output, "\n")
		if o := p.open[name]; o != nil && !strings.HasPrefix(text, "=== ") {
			o.add(text)
		}
		return "", false
	case "pass":
		p.pass(name)
	case "skip":
		p.skipped[name] = true
	case "fail":
		p.fail(name)
		defer delete(p.open, name)
		delete(p.pkgs[e.Package], name)
		if o := p.open[name]; o != nil {
			return strings.TrimSuffix(o.text(), "\n"), true
		}
		return "", false
	default:
		return "", false
	}
	delete(p.pkgs[e.Package], name)
	delete(p.open, name)
	return "", false
}

// end counts tests that nobody ended as failed: the run was cut short.
func (p *goParser) end(int) tests {
	for pkg, running := range p.pkgs {
		for name := range running {
			p.fail(name)
			p.failed[pkg] = true
		}
	}
	return p.tests
}
