package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// files are the files of a module by their paths.
type files map[string]string

// with is the files with one of them changed.
func (f files) with(name, text string) files {
	all := files{name: text}
	for n, t := range f {
		if n != name {
			all[n] = t
		}
	}
	return all
}

// names of the files with a suffix, those of tests or the others, in order.
func (f files) names(suffix string, tests *regexp.Regexp, test bool) []string {
	var list []string
	for name := range f {
		if strings.HasSuffix(name, suffix) && tests.MatchString(name) == test {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

func (f files) write(dir string) error {
	for name, text := range f {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// module is a project with tests.
type module struct {
	name     string
	files    files
	language language
}

// language is how bugs are made in a program, and how its tests run.
type language struct {
	name   string
	suffix string
	tests  *regexp.Regexp // files that hold them
	test   []string       // runs them
	failed *regexp.Regexp // what it says of one that fails
	check  []string       // fails where the program is none
	decl   *regexp.Regexp // the declaration of a test, up to the name
	hidden string         // what becomes of it
	slip   func(src string, only *regexp.Regexp, random *rand.Rand) (slipped, bool)
	tidy   func(src string) string
}

// slipped is a file with a slip.
type slipped struct{ text, kind, what string }

func readModule(name string) (module, error) {
	m := module{name: name, files: files{}, language: golang}
	if lib, ok := strings.CutPrefix(name, "python:"); ok {
		m.language = python
		out, err := exec.Command("python3", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))").Output()
		if err != nil {
			return m, err
		}
		for from, to := range map[string]string{lib + ".py": lib + ".py", "test/test_" + lib + ".py": "test_" + lib + ".py"} {
			text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), from))
			if err != nil {
				return m, err
			}
			m.files[to] = string(text)
		}
		return m, nil
	}
	m.name = filepath.Base(name)
	err := filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(name, p)
		if err != nil || strings.HasPrefix(rel, ".") {
			return err
		}
		text, err := os.ReadFile(p)
		m.files[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if _, ok := m.files["go.mod"]; !ok && err == nil {
		err = fmt.Errorf("%s: no go.mod", name)
	}
	return m, err
}

// hide renames one test in n, so that nothing runs it.
func (m module) hide(n int) files {
	all := files{}
	count := 0
	for name, text := range m.files {
		all[name] = text
	}
	for _, name := range m.files.names(m.language.suffix, m.language.tests, true) {
		if n > 0 {
			all[name] = m.language.decl.ReplaceAllStringFunc(all[name], func(decl string) string {
				if count++; count%n > 0 {
					return decl
				}
				return m.language.decl.ReplaceAllString(decl, m.language.hidden)
			})
		}
	}
	return all
}

// sound fails where the tests of the module do not pass as it is, within ten seconds.
func (m module) sound(o options) error {
	dir := filepath.Join(o.dir, "sound")
	defer os.RemoveAll(dir)
	if err := m.hide(o.hide).write(dir); err != nil {
		return err
	}
	failing, out, err := m.run(dir)
	if err == nil && len(failing) > 0 {
		err = fmt.Errorf("%s fails as it is\n%s", failing[0], out)
	}
	return err
}

// run runs the tests, and returns the names of those that fail. Where one has no name, it is "".
func (m module) run(dir string) (failing []string, output string, err error) {
	out, code, err := command(dir, 2*time.Minute, nil, m.language.test...)
	if code == 0 || err != nil {
		return nil, out, err
	}
	for _, f := range m.language.failed.FindAllStringSubmatch(out, -1) {
		failing = append(failing, f[1])
	}
	if len(failing) == 0 {
		failing = []string{""}
	}
	return failing, out, nil
}

// command runs a program in a directory; one that takes longer fails.
func command(dir string, limit time.Duration, env []string, words ...string) (output string, code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) || ctx.Err() != nil {
		return string(out), max(1, cmd.ProcessState.ExitCode()), nil
	}
	return string(out), 0, err
}
