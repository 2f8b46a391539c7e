package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// marker is the variable that every process of a job inherits, by which they are found when the job is over. Its value is
// the job's place, of which nobody else can be the owner.
const marker = "JITOS_PLACE"

// baseEnviron is what every job sees: nothing of the user's but PATH. The search for a repository ends at the place.
func baseEnviron(p place) map[string]string {
	return map[string]string{
		"PATH":                    os.Getenv("PATH"),
		"HOME":                    p.home(),
		"TMPDIR":                  p.tmp(),
		"PWD":                     p.tree(),
		"SHELL":                   "/bin/sh",
		"LANG":                    "C.UTF-8",
		"TZ":                      "UTC",
		"TERM":                    "dumb",
		"NO_COLOR":                "1",
		"CI":                      "true", // test runners do not watch and do not ask
		"GIT_CEILING_DIRECTORIES": string(p),
		"GIT_TERMINAL_PROMPT":     "0",
		"PYTHONDONTWRITEBYTECODE": "1", // no __pycache__ to capture
		"PYTHONHASHSEED":          "0",
		"JITOS_OUT":               p.out(),
		marker:                    string(p),
	}
}

// toolHomes are directories in which version managers and installers keep what is on PATH. Jobs have a home of their own, so
// their tools would not find them.
var toolHomes = map[string]string{
	"RUSTUP_HOME":    ".rustup",
	"CARGO_HOME":     ".cargo",
	"PYENV_ROOT":     ".pyenv",
	"PYTHONUSERBASE": ".local",
	"ASDF_DATA_DIR":  ".asdf",
	"VOLTA_HOME":     ".volta",
	"RBENV_ROOT":     ".rbenv",
	"NODENV_ROOT":    ".nodenv",
	"GOENV_ROOT":     ".goenv",
}

// netNames are passed to what may use the network.
var netNames = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"}

// environ returns the variables that a toolchain adds for its jobs. With net they include what it takes to reach the
// network as the user does. A toolchain that came from elsewhere and was not allowed adds nothing.
func (e *Executor) environ(ctx context.Context, chain string, net bool) (map[string]string, error) {
	vars := e.toolHomes()
	if net {
		inherit(vars, netNames)
	}
	t, ok := e.toolchain(chain)
	if !ok || !e.allowed(t) {
		return vars, nil
	}
	inherit(vars, t.Env)
	for name, command := range t.Ask {
		answer, err := e.ask(ctx, command)
		if err != nil {
			return nil, err
		}
		if answer != "" {
			vars[name] = answer
		}
	}
	cache, err := e.cacheDir()
	if err != nil {
		return nil, err
	}
	for _, name := range t.Caches {
		dir := filepath.Join(cache, "tools", t.Name, strings.ToLower(name))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make a cache of %s: %w", t.Name, err)
		}
		vars[name] = dir
	}
	return vars, nil
}

// toolHomes returns those of toolHomes that are there. It looks once a second at most, for there is one look for each job.
func (e *Executor) toolHomes() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.looked) < time.Second {
		return maps.Clone(e.homes)
	}
	e.homes, e.looked = map[string]string{}, time.Now()
	home, err := os.UserHomeDir()
	if err != nil {
		return map[string]string{}
	}
	for name, below := range toolHomes {
		dir := os.Getenv(name)
		if dir == "" {
			dir = filepath.Join(home, below)
		}
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			e.homes[name] = dir
		}
	}
	return maps.Clone(e.homes)
}

func inherit(vars map[string]string, names []string) {
	for _, name := range names {
		if v, ok := os.LookupEnv(name); ok {
			vars[name] = v
		}
	}
}

func (e *Executor) toolchain(name string) (methods.Toolchain, bool) {
	if name == "" || e.Toolchain == nil {
		return methods.Toolchain{}, false
	}
	return e.Toolchain(name)
}

func (e *Executor) allowed(t methods.Toolchain) bool {
	return t.Origin == "" || e.Allowed != nil && e.Allowed(t.Origin)
}

// ask runs a command of a toolchain in the user's own environment, once, and returns what it prints, "" where it fails.
func (e *Executor) ask(ctx context.Context, command string) (string, error) {
	e.mu.Lock()
	answer, ok := e.asked[command]
	e.mu.Unlock()
	if ok {
		return answer, nil
	}
	bounded, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(bounded, "/bin/sh", "-c", command)
	cmd.Dir = e.Repo
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err == nil {
		answer = strings.TrimSpace(string(out))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asked == nil {
		e.asked = map[string]string{}
	}
	e.asked[command] = answer
	return answer, nil
}

// version is a toolchain's version, found once.
type version struct {
	once sync.Once
	text string
	err  error
}

// Environment names what else a result depends on: the platform, and what the toolchain's version command prints, with
// newlines as "; ". A toolchain that is not installed is named as such and is no error; one that is not known is
// left out. The answer is found once for the life of the Executor.
func (e *Executor) Environment(ctx context.Context, chain string) (string, error) {
	platform := runtime.GOOS + "/" + runtime.GOARCH
	t, ok := e.toolchain(chain)
	if !ok || t.Version == "" {
		return platform, nil
	}
	if !e.allowed(t) {
		return platform + "; " + t.Name + " not allowed", nil
	}
	e.mu.Lock()
	if e.versions == nil {
		e.versions = map[string]*version{}
	}
	v := e.versions[chain]
	if v == nil {
		v = &version{}
		e.versions[chain] = v
	}
	e.mu.Unlock()
	v.once.Do(func() { v.text, v.err = e.findVersion(ctx, t) })
	if v.err != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.versions, chain) // a cancelled look is no answer
		return "", v.err
	}
	return platform + "; " + v.text, nil
}

func (e *Executor) findVersion(ctx context.Context, t methods.Toolchain) (string, error) {
	s, err := e.take(emptyTree)
	if err != nil {
		return "", err
	}
	defer e.give(s, true)
	if err := s.fill(ctx, e.Objects, newManifest(emptyTree)); err != nil {
		return "", err
	}
	_, done, err := e.confine(ctx, s.place, jitos.Action{Step: jitos.Step{Chain: t.Name}}, nil, nil)
	defer done()
	if err != nil {
		return "", err
	}
	vars, err := e.environ(ctx, t.Name, false)
	if err != nil {
		return "", err
	}
	var text []string
	c := command{place: s.place, argv: inShell(t.Version), vars: vars, timeout: 30 * time.Second, line: func(stream int, line string) {
		if line = strings.TrimSpace(line); stream == stdout && line != "" {
			text = append(text, line)
		}
	}}
	end, err := c.run(ctx)
	switch {
	case err != nil && !errors.Is(err, errNoProgram):
		return "", err
	case err != nil || end.exit != 0:
		return t.Name + " not installed", nil
	}
	return strings.Join(text, "; "), nil
}

// environList joins maps of variables, later ones first, as a process takes them.
func environList(maps ...map[string]string) []string {
	all := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	list := make([]string, 0, len(all))
	for k, v := range all {
		if !strings.ContainsRune(k+v, 0) {
			list = append(list, k+"="+v)
		}
	}
	sort.Strings(list)
	return list
}

// argVars are the arguments of a step as variables: "ARG_" and the name in capitals, "_" for what is no letter or digit.
func argVars(args map[string]string) map[string]string {
	vars := make(map[string]string, len(args))
	for name, value := range args {
		vars["ARG_"+strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return r - 'a' + 'A'
			}
			if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
				return r
			}
			return '_'
		}, name)] = value
	}
	return vars
}
