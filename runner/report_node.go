package runner

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// tapParser reads the Test Anything Protocol, versions 12 to 14, subtests indented by four spaces included (node --test, ava,
// tape, mocha). Tests are named "suite > test"; a suite that failed is listed as its tests are. Of equal names in
// one suite the later ones are numbered: "name #2".
type tapParser struct {
	tests
	below  map[int][]tapLine // lines of a level whose parent has not been told yet
	used   map[int]map[string]int
	diag   string // the indentation of the YAML block that is being skipped
	inDiag bool
	zero   bool // a plan of no tests at the top
}

type tapLine struct {
	name    string
	outcome byte // 'p', 'f', 's'
	leaf    bool
}

var tapTest = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^( *)(not )?ok\b ?(\d+)?(?: -)?(.*)$`) })

func newTapParser() *tapParser {
	return &tapParser{tests: newTests(), below: map[int][]tapLine{}, used: map[int]map[string]int{}}
}

func (p *tapParser) line(stream int, text string) (string, bool) {
	if stream != stdout {
		return text, true
	}
	trimmed := strings.TrimLeft(text, " ")
	indent := text[:len(text)-len(trimmed)]
	switch {
	case p.inDiag:
		p.inDiag = !(indent == p.diag && trimmed == "...")
	case trimmed == "---" && len(indent)%4 == 2:
		p.inDiag, p.diag = true, indent
	case strings.HasPrefix(text, "Bail out!"):
		p.fail(strings.TrimSpace(text))
	case text == "1..0" || strings.HasPrefix(text, "1..0 "):
		p.zero = true
	default:
		if m := tapTest().FindStringSubmatch(text); m != nil && len(m[1])%4 == 0 {
			p.test(len(m[1])/4, m[2] != "", m[3], m[4])
		}
	}
	return text, true
}

func (p *tapParser) test(level int, failed bool, number, text string) {
	name, directive := tapName(text)
	if name == "" {
		name = "test " + number
	}
	name = p.numbered(level, name)
	l := tapLine{name: name, outcome: 'p', leaf: true}
	switch {
	case directive == "skip" || directive == "todo" && failed:
		l.outcome = 's'
	case failed:
		l.outcome = 'f'
	}
	children := p.below[level+1]
	delete(p.below, level+1)
	delete(p.used, level+1)
	l.leaf = len(children) == 0
	p.below[level] = append(p.below[level], l)
	for _, c := range children {
		c.name = name + " > " + c.name
		p.below[level] = append(p.below[level], c)
	}
}

// numbered makes a name unique among those of its suite.
func (p *tapParser) numbered(level int, name string) string {
	if p.used[level] == nil {
		p.used[level] = map[string]int{}
	}
	p.used[level][name]++
	if n := p.used[level][name]; n > 1 {
		return name + " #" + strconv.Itoa(n)
	}
	return name
}

// tapName splits a description from its directive, "# SKIP why" or "# TODO why". A "#" behind a backslash is the
// description's own.
func tapName(text string) (name, directive string) {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			i++
			continue
		}
		if text[i] != '#' {
			continue
		}
		rest := strings.ToLower(strings.TrimSpace(text[i+1:]))
		for _, d := range []string{"skip", "todo"} {
			if strings.HasPrefix(rest, d) {
				return unescapeTap(text[:i]), d
			}
		}
	}
	return unescapeTap(text), ""
}

func unescapeTap(s string) string {
	return strings.NewReplacer(`\#`, "#", `\\`, `\`).Replace(strings.TrimSpace(s))
}

func (p *tapParser) end(int) tests {
	for _, lines := range p.below { // below the top there are only lines whose parent never came
		for _, l := range lines {
			switch {
			case l.outcome == 's':
				p.skipped[l.name] = true
			case l.leaf && l.outcome == 'f':
				p.fail(l.name)
			case l.leaf:
				p.pass(l.name)
			case l.outcome == 'f': // a suite: for its tests' sake, or its own
				p.failed[l.name] = true
			default:
				p.passed[l.name] = true
			}
		}
	}
	p.empty = p.zero && p.ran == 0
	return p.tests
}

// jestParser reads the one JSON object of `jest --json` and `vitest --reporter=json`. Tests are named "file: full name"; a file is
// the holder of its tests, and failed where it cannot be loaded.
type jestParser struct {
	tests
	found bool
	rest  strings.Builder // standard output from the first line on that begins like JSON
}

type jestRun struct {
	TestResults []struct {
		Name             string
		Status           string
		Message          string
		AssertionResults []struct {
			FullName        string
			Title           string
			AncestorTitles  []string
			Status          string
			FailureMessages []string
		}
	}
}

func (p *jestParser) line(stream int, text string) (string, bool) {
	if stream != stdout || p.found {
		return text, true
	}
	if p.rest.Len() == 0 && !strings.HasPrefix(text, "{") {
		return text, true
	}
	if kept, ok := p.parse(text); ok {
		return kept, kept != ""
	}
	if p.rest.Len() < maxLine {
		p.rest.WriteString(text + "\n")
	}
	return "", false
}

// parse reads the object and returns what it says of the failures.
func (p *jestParser) parse(text string) (string, bool) {
	var run jestRun
	if !strings.Contains(text, `"testResults"`) || json.Unmarshal([]byte(text), &run) != nil {
		return "", false
	}
	p.found = true
	var said strings.Builder
	for _, f := range run.TestResults {
		if f.Status == "failed" && len(f.AssertionResults) == 0 {
			p.failed[f.Name] = true
			said.WriteString(f.Name + ": " + f.Message + "\n")
			continue
		}
		p.passed[f.Name] = true
		for _, a := range f.AssertionResults {
			full := a.FullName
			if full == "" {
				full = strings.Join(append(a.AncestorTitles, a.Title), " ")
			}
			name := f.Name + ": " + strings.TrimSpace(full)
			switch a.Status {
			case "passed":
				p.pass(name)
			case "failed":
				p.fail(name)
				said.WriteString("FAIL " + name + "\n" + strings.Join(a.FailureMessages, "\n") + "\n")
			default:
				p.skipped[name] = true
			}
		}
	}
	return strings.TrimSuffix(said.String(), "\n"), true
}

func (p *jestParser) end(int) tests {
	if !p.found {
		p.parse(p.rest.String()) // printed over several lines; where even that is none, nothing was learned
	}
	return p.tests
}
