package runner

import (
	"slices"
	"sort"
	"strings"

	"github.com/jitos/jitos"
)

// tests is what a parser learned from the output of a test run.
//
// A name stands for a test, or for what holds tests and can fail as a whole: a Go package that does not build, a Python
// file that cannot be imported. Such a holder is listed too, as passed where it was loaded and ran to its end, whatever
// its tests said: so a holder that failed can be seen to be well again, and every name that ran can be asked to run again.
type tests struct {
	passed, failed, skipped map[string]bool
	ran                     int  // tests, holders not counted
	red                     int  // tests that failed, holders not counted
	empty                   bool // the runner itself said that there is nothing to run
}

func newTests() tests {
	return tests{passed: map[string]bool{}, failed: map[string]bool{}, skipped: map[string]bool{}}
}

func (t *tests) pass(name string) {
	t.ran++
	t.passed[name] = true
}

func (t *tests) fail(name string) {
	t.ran++
	t.red++
	t.failed[name] = true
}

// report is sorted and unique; a name that failed once has failed, one that ran was not skipped.
func (t *tests) report() *jitos.Report {
	r := &jitos.Report{Failed: names(t.failed)}
	for _, n := range names(t.passed) {
		if !t.failed[n] {
			r.Passed = append(r.Passed, n)
		}
	}
	for _, n := range names(t.skipped) {
		if !t.failed[n] && !t.passed[n] {
			r.Skipped = append(r.Skipped, n)
		}
	}
	return r
}

func names(set map[string]bool) []string {
	var list []string
	for n := range set {
		list = append(list, strings.ToValidUTF8(n, "\uFFFD"))
	}
	sort.Strings(list)
	return slices.Compact(list)
}

// parser reads the output of one kind of test runner, line by line and whole, however much of it is kept.
type parser interface {
	// line takes a line of a stream. What it returns is kept for people, true; some runners speak for programs only.
	line(stream int, text string) (kept string, keep bool)
	// end is called once, after the last line, with the exit status, and returns what was learned.
	end(exit int) tests
}

// newParser makes the parser of a kind of report (jitos.Step.Report), nil for a kind that is not known. The script names
// the one test of a command that does not tell tests apart.
func newParser(kind, script string) parser {
	switch kind {
	case "go":
		return newGoParser()
	case "pytest":
		return &pytestParser{tests: newTests()}
	case "unittest":
		return &unittestParser{tests: newTests()}
	case "tap":
		return newTapParser()
	case "jest":
		return &jestParser{tests: newTests()}
	case "exit":
		return exitParser{script}
	case "":
		return noParser{}
	}
	return nil
}

// noParser is that of a step that runs no tests.
type noParser struct{}

func (noParser) line(_ int, text string) (string, bool) { return text, true }
func (noParser) end(int) tests                          { return newTests() }

// exitParser knows one test: the command itself.
type exitParser struct{ script string }

func (exitParser) line(_ int, text string) (string, bool) { return text, true }

func (p exitParser) end(exit int) tests {
	t := newTests()
	if exit == 0 {
		t.pass(oneLine(p.script))
	} else {
		t.fail(oneLine(p.script))
	}
	return t
}

// oneLine shortens a script to a name.
func oneLine(script string) string {
	name := strings.Join(strings.Fields(script), " ")
	if r := []rune(name); len(r) > 120 {
		name = string(r[:119]) + "…"
	}
	return name
}
