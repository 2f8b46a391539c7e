package runner

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jitos/jitos"
)

// Patch applies a unified diff strictly: every hunk must fit exactly, or nothing is changed. The argument "patch" is its
// text, or, where it holds no newline, the path of a file of the tree that holds it. Paths that lead out of the files,
// and through links, are refused.
type Patch struct{}

var _ jitos.Worker = (*Patch)(nil)

// Work applies the diff with git, which needs no repository for it and finds none.
func (*Patch) Work(ctx context.Context, dir string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	text, r, err := patchText(dir, action.Args["patch"])
	if text == "" || err != nil {
		return r, err
	}
	git, err := exec.LookPath("git")
	if err != nil {
		return couldNot("git: command not found; install it, or put it on PATH"), nil
	}
	p := placeOf(dir)
	cmd := exec.CommandContext(ctx, git, "apply", "--whitespace=nowarn", "-")
	cmd.Dir = dir
	cmd.Env = environList(baseEnviron(p), map[string]string{"GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"})
	cmd.Stdin = strings.NewReader(text)
	cmd.WaitDelay = time.Second
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return jitos.Result{}, ctx.Err()
	}
	out := &output{}
	for _, line := range strings.Split(strings.TrimSuffix(string(said), "\n"), "\n") {
		if line != "" {
			out.add(plainLine(line, p))
		}
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return jitos.Result{Verdict: jitos.Pass, Output: out.text()}, nil
	case !errors.As(err, &exit):
		return jitos.Result{}, err
	}
	r = failed("the patch does not apply: %s", firstError(out.text()))
	r.Exit, r.Output = exit.ExitCode(), out.text()
	return r, nil
}

// elsewhere says how to give a patch that the workspace does not hold.
const elsewhere = "`--arg patch=FILE` reads one from anywhere"

// patchText returns the diff, or the result where there is none.
func patchText(dir, arg string) (string, jitos.Result, error) {
	if strings.TrimSpace(arg) == "" {
		return "", couldNot("no patch was given"), nil
	}
	if strings.Contains(arg, "\n") {
		if !strings.HasSuffix(arg, "\n") {
			arg += "\n"
		}
		return arg, jitos.Result{}, nil
	}
	name := strings.TrimSpace(arg)
	if !filepath.IsLocal(name) {
		return "", couldNot("the patch " + quoted(name) + " is not among the files; " + elsewhere), nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", jitos.Result{}, err
	}
	defer root.Close()
	data, err := root.ReadFile(name)
	if err != nil {
		return "", couldNot("the patch " + quoted(name) + " cannot be read from the committed files; " + elsewhere), nil
	}
	if strings.TrimSpace(string(data)) == "" {
		return "", failed("the patch %s is empty", quoted(name)), nil
	}
	return string(data), jitos.Result{}, nil
}

// firstError is the first line in which git says what is wrong.
func firstError(text string) string {
	for _, line := range strings.Split(text, "\n") {
		if why, ok := strings.CutPrefix(line, "error: "); ok {
			return why
		}
	}
	first, _, _ := strings.Cut(text, "\n")
	return first
}
