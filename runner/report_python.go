package runner

import (
	"regexp"
	"strings"
	"sync"
)

// pytestParser reads the short summary that `pytest -rA` ends with. Tests are named "path::Class::test[param]"; a file is the
// holder of its tests, and failed where it cannot be collected.
type pytestParser struct {
	tests
	summary bool // the summary has begun
}

func (p *pytestParser) line(stream int, text string) (string, bool) {
	if stream != stdout {
		return text, true
	}
	bare := strings.Trim(text, "= ")
	switch {
	case strings.HasPrefix(text, "=") && bare == "short test summary info":
		p.tests, p.summary = newTests(), true // a test may have printed one before
	case !p.summary:
		p.empty = p.empty || strings.HasPrefix(bare, "no tests ran")
	default:
		p.entry(text)
	}
	return text, true
}

func (p *pytestParser) entry(text string) {
	status, rest, ok := strings.Cut(text, " ")
	if !ok {
		return
	}
	switch status {
	case "PASSED", "XFAIL":
		p.pass(p.held(pytestName(rest)))
	case "XPASS": // the reason follows with no dash in some versions
		if !strings.Contains(rest, "[") {
			rest, _, _ = strings.Cut(rest, " ")
		}
		p.pass(p.held(pytestName(rest)))
	case "FAILED":
		p.fail(p.held(pytestName(rest)))
	case "ERROR":
		if name := pytestName(rest); strings.Contains(name, "::") {
			p.fail(p.held(name)) // in a fixture
		} else {
			p.failed[name] = true // the file
		}
	case "SKIPPED": // "[2] path:10: reason"; the names are not told
		if _, at, ok := strings.Cut(rest, "] "); ok {
			where, _, _ := strings.Cut(at, ": ")
			p.skipped[where] = true
		}
	}
}

// held notes the test's file as collected.
func (p *pytestParser) held(name string) string {
	if file, _, ok := strings.Cut(name, "::"); ok {
		p.passed[file] = true
	}
	return name
}

// pytestName cuts the message off: "path::test[a - b] - assert …".
func pytestName(text string) string {
	from := 0
	if open := strings.IndexByte(text, '['); open >= 0 {
		if dash := strings.Index(text, " - "); dash < 0 || dash > open {
			if end := strings.Index(text[open:], "] - "); end >= 0 {
				from = open + end
			} else if strings.HasSuffix(text, "]") {
				return text
			}
		}
	}
	if i := strings.Index(text[from:], " - "); i >= 0 {
		return text[:from+i]
	}
	return text
}

func (p *pytestParser) end(exit int) tests {
	p.empty = p.empty || exit == 5
	return p.tests
}

// unittestParser reads `python -m unittest -v`, which speaks on standard error. Tests are named "module.Class.test"; a class
// and a module are the holders of their tests, and failed where their set-up failed or the module cannot be imported. A file
// of doctests is the test "doctest file.rst".
type unittestParser struct {
	tests
	open string // a test whose outcome has not been told yet
}

const doctestPrefix = "doctest "

var (
	unittestStart  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*([\w.]+) \(([\w.<>]+)\)(.*)$`) })
	unittestStatus = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?:.*\.\.\. )?(ok|FAIL|ERROR|skipped .*|expected failure|unexpected success)$`)
	})
	// A file of doctests has no method to be named after; its path would differ from run to run.
	unittestFile   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^Doctest: (\S+) \.\.\. ?(.*)$`) })
	unittestBroken = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(FAIL|ERROR): ([\w.]+) \(([\w.<>]+)\)`) })
)

func (p *unittestParser) line(stream int, text string) (string, bool) {
	if stream != stderr {
		return text, true
	}
	switch {
	case strings.HasPrefix(text, "Ran 0 tests") || text == "NO TESTS RAN":
		p.empty = true
	case strings.HasPrefix(text, "FAIL: ") || strings.HasPrefix(text, "ERROR: "):
		p.open = ""
		if m := unittestBroken().FindStringSubmatch(text); m != nil {
			p.settle(unittestName(m[2], m[3]), m[1])
		}
	default:
		p.progress(text)
	}
	return text, true
}

// progress reads "test (module.Class.test) ... ok". A docstring, or what the test prints, may push the outcome to a later line.
func (p *unittestParser) progress(text string) {
	if m := unittestStart().FindStringSubmatch(text); m != nil && (m[3] == "" || strings.HasPrefix(m[3], " ")) {
		p.open = unittestName(m[1], m[2])
		text = strings.TrimSpace(m[3])
		// Before Python 3.11 a test whose subtests failed told nothing, not even a newline.
		if next := strings.TrimPrefix(text, "... "); unittestStart().MatchString(next) {
			p.progress(next)
			return
		}
	}
	if m := unittestFile().FindStringSubmatch(text); m != nil && p.open == "" {
		p.open, text = doctestPrefix+m[1], m[2]
	}
	if p.open == "" {
		return
	}
	if m := unittestStatus().FindStringSubmatch(text); m != nil {
		p.settle(p.open, m[1])
		p.open = ""
	}
}

func (p *unittestParser) settle(name, status string) {
	if module, ok := strings.CutPrefix(name, "unittest.loader._FailedTest."); ok {
		p.failed[module] = true
		return
	}
	var parts []string
	if !strings.HasPrefix(name, doctestPrefix) {
		parts = strings.Split(name, ".")
	}
	holders := []string{strings.Join(parts[:max(0, len(parts)-1)], "."), strings.Join(parts[:max(0, len(parts)-2)], ".")}
	switch strings.TrimPrefix(name, holders[0]+".") {
	case "setUpClass", "tearDownClass", "setUpModule", "tearDownModule": // told only when they fail
		p.failed[holders[0]] = true
		return
	}
	for _, h := range holders {
		if h != "" {
			p.passed[h] = true
		}
	}
	switch {
	case status == "ok" || status == "expected failure":
		p.pass(name)
	case strings.HasPrefix(status, "skipped"):
		p.skipped[name] = true
	case !p.failed[name]: // told twice: as it ends, and in the list at the end
		p.fail(name)
	}
}

// unittestName joins what is told as "test (module.Class.test)", or as "test (module.Class)" before Python 3.11.
func unittestName(test, in string) string {
	if in == test || strings.HasSuffix(in, "."+test) {
		return in
	}
	return in + "." + test
}

func (p *unittestParser) end(exit int) tests {
	if p.open != "" && exit != 0 { // it ended the run
		p.fail(p.open)
	}
	p.empty = p.empty || exit == 5
	return p.tests
}
