package runner

import (
	"os"
	"regexp"
	"strings"
	"sync"
)

// signs are lines of output by which a run that failed is recognised as one that could not take place at all. They are
// asked only where no test failed by its name: a test may print anything.
type signs struct {
	last string // the last line that was not empty
	seen []sign
	of   string // the kind of report
}

type sign struct {
	kind  string
	match []string
}

type signKind struct {
	kind  string
	hint  string // a part of the line, cheap to look for
	match *regexp.Regexp
}

// signKinds are tried in order; a line is one sign at most.
var signKinds = sync.OnceValue(func() []signKind {
	return []signKind{
		{"command", "not found", regexp.MustCompile(`^(?:\S*sh|\S*bash)(?:\[\d+\])?: (?:(?:line )?\d+: )?(?:\S+: )?(\S+?): (?:command )?not found$`)},
		{"command", "not found", regexp.MustCompile(`^make(?:\[\d+\])?: (\S+): (?:Command )?not found$`)},
		{"command", "No such file or directory", regexp.MustCompile(`^(?:make(?:\[\d+\])?|env|/usr/bin/env|\S*sh: (?:line )?\d+): [‘']?([^\s’':]+)[’']?: No such file or directory$`)},
		{"denied", "ermission denied", regexp.MustCompile(`^(?:\S*sh|make(?:\[\d+\])?)(?:: (?:line )?\d+)?: (\S+): Permission denied$`)},
		{"target", "No rule to make target", regexp.MustCompile("No rule to make target [`']([^']+)'\\.")},
		{"target", "no makefile found", regexp.MustCompile(`No targets specified and (no makefile) found`)},
		{"script", "issing script", regexp.MustCompile(`^npm (?:ERR!|error) [Mm]issing script: "?([^"\s]+)"?`)},
		{"script", "no test specified", regexp.MustCompile(`^Error: (no test) specified`)},
		{"python", "No module named", regexp.MustCompile(`^(?:E\s+)?(?:ModuleNotFoundError|ImportError|\S*python[\d.]*(?:\.exe)?): No module named '?([\w.]+)'?`)},
		{"node", "Cannot find", regexp.MustCompile(`Cannot find (?:module|package) '([^'./][^']*)'`)},
		{"network", "", regexp.MustCompile(`^(?:go: .*|\S+\.go:\d+:\d+: .*|\s+)?(?:Get|Head) "?(https?://[^"/\s]+)[^\s]*: (?:dial|proxyconnect|EOF|net/http|context deadline|x509|tls|read|unexpected|remote error|server misbehaving|Service|Forbidden|Proxy|\d)`)},
		{"network", "dial tcp", regexp.MustCompile(`^go: .*dial tcp:? (?:lookup )?(\S+)`)},
		{"network", "module lookup disabled", regexp.MustCompile(`^(?:go: |\S+\.go:\d+:\d+: )?.*(module) lookup disabled by GOPROXY=off`)},
		{"network", "E", regexp.MustCompile(`^npm (?:ERR!|error) (?:code )?(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT)`)},
		{"network", "Failed to establish a new connection", regexp.MustCompile(`(Failed to establish a new connection)`)},
		{"golang", "requires go >=", regexp.MustCompile(`^go: .*(requires go >= \S+ .*)$`)},
		{"gomod", "", regexp.MustCompile(`^go: (?:cannot find main module|go\.mod file not found)(.*)`)},
	}
})

func newSigns(kind string) *signs { return &signs{of: kind} }

// see looks at one line. A few signs are enough.
func (s *signs) see(line string) {
	if strings.TrimSpace(line) == "" {
		return
	}
	if len(line) > 2000 {
		line = strings.ToValidUTF8(line[:2000], "")
	}
	s.last = strings.TrimSpace(line)
	if len(s.last) > 300 {
		s.last = strings.ToValidUTF8(s.last[:300], "") + "…"
	}
	if len(s.seen) >= 50 {
		return
	}
	for _, k := range signKinds() {
		if !strings.Contains(line, k.hint) {
			continue
		}
		if m := k.match.FindStringSubmatch(line); m != nil {
			s.seen = append(s.seen, sign{k.kind, m})
			return
		}
	}
}

// whyNot says in one line what was missing and what would help, "" where the command ran and failed by itself.
func (s *signs) whyNot(shell *Shell, p place, exit int) string {
	for _, found := range s.seen {
		if why := s.explain(found, shell, p, exit); why != "" {
			return why
		}
	}
	switch exit {
	case 127:
		return "a command was not found; " + installHint(shell, p)
	case 126:
		return "a command is there and cannot be executed; make its file executable (git update-index --chmod=+x) or name its interpreter"
	}
	return ""
}

func (s *signs) explain(found sign, shell *Shell, p place, exit int) string {
	what := found.match[1]
	switch found.kind {
	case "command":
		if exit != 127 && !(exit == 2 && strings.HasPrefix(found.match[0], "make")) && s.last != "" && !strings.Contains(s.last, "Error 127") {
			return "" // said by the way
		}
		return what + ": command not found; " + installHint(shell, p)
	case "denied":
		if exit != 126 && !strings.Contains(s.last, "Error 126") && exit != 2 {
			return ""
		}
		return what + " cannot be executed; make the file executable, or name its interpreter"
	case "target":
		return "make has no target " + what + "; name another command with --gate"
	case "script":
		return "package.json has no script for it (" + what + "); name another command with --gate"
	case "python":
		return missingPython(what, shell, p)
	case "node":
		return missingNode(what, shell, p)
	case "network":
		return "the network was not there (" + what + "), and a dependency is not installed; install it in your own working tree first, then try again"
	case "golang":
		return "go is too old: it " + what
	case "gomod":
		return "there is no go.mod in this directory"
	}
	return ""
}

// missingPython explains a module that cannot be imported. One of the repository's own is a fault of its code.
func missingPython(module string, shell *Shell, p place) string {
	top, _, _ := strings.Cut(module, ".")
	if module == "pytest" || module == "unittest" || module == "tox" || module == "nox" {
		return "no module named " + module + "; " + installHint(shell, p)
	}
	for _, at := range []string{"", "src", "lib", "tests", "test"} {
		if p.has(at, top) || p.has(at, top+".py") {
			return ""
		}
	}
	return "no module named " + module + "; " + installHint(shell, p)
}

// missingNode explains a package that cannot be found. One that package.json does not name is a fault of the code.
func missingNode(name string, shell *Shell, p place) string {
	parts := strings.SplitN(name, "/", 3)
	pkg := parts[0]
	if strings.HasPrefix(pkg, "@") && len(parts) > 1 {
		pkg += "/" + parts[1]
	}
	raw, err := os.ReadFile(p.real("package.json"))
	if err != nil || !strings.Contains(string(raw), `"`+pkg+`"`) || p.has("node_modules", pkg) {
		return ""
	}
	return "the package " + pkg + " is not installed; " + installHint(shell, p)
}

// installHint says how what is missing could come to a job of this project.
func installHint(shell *Shell, p place) string {
	switch {
	case p.has("package.json") && !p.has("node_modules"):
		return "run `npm ci` in your working tree: its node_modules is lent to jobs"
	case p.has("package.json"):
		return "install it with npm in your working tree: its node_modules is lent to jobs"
	case p.has("pyproject.toml") || p.has("setup.py") || p.has("setup.cfg") || p.has("requirements.txt"):
		if shell.Root != "" && hasFile(shell.Root, ".venv") {
			return "install it in .venv in your working tree, which is lent to jobs"
		}
		return "make .venv in your working tree with what the project needs: it is lent to jobs"
	}
	return "install it, or put it on PATH"
}
