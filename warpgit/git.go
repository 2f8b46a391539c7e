package warpgit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// GitError is a git command that failed.
type GitError struct {
	Args   []string
	Exit   int    // -1 where it could not be started or was killed
	Stderr string // what it said, trimmed
	Err    error
}

func (e *GitError) Error() string {
	var lines []string
	for line := range strings.Lines(e.Stderr) {
		line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "fatal: "), "error: ")
		if line != "" && !strings.HasPrefix(line, "hint: ") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		lines = []string{e.Err.Error()}
	}
	command := "git"
	for i, a := range e.Args {
		if !strings.HasPrefix(a, "-") && (i == 0 || e.Args[i-1] != "-c") {
			command += " " + a
			break
		}
	}
	return command + ": " + strings.Join(lines, "; ")
}

func (e *GitError) Unwrap() error { return e.Err }

// passed are the variables of git's that reach the commands that we run: who the user is, how to reach a remote, where the
// configuration is. The others would point git at another repository, index or object directory than ours.
var passed = []string{
	"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL",
	"GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_PROXY_COMMAND", "GIT_SSL_NO_VERIFY", "GIT_SSL_CAINFO",
	"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_PARAMETERS", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR",
	"GIT_ALLOW_PROTOCOL", "GIT_PROTOCOL_FROM_USER",
}

// gitEnv is the environment of the git commands that we run: the process's, without most of git's own variables.
func gitEnv(extra ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, "GIT_") && !slices.Contains(passed, name) && !strings.HasPrefix(name, "GIT_CONFIG_KEY_") &&
			!strings.HasPrefix(name, "GIT_CONFIG_VALUE_") && name != "GIT_CONFIG_COUNT" || name == "LANGUAGE" {
			continue
		}
		env = append(env, kv)
	}
	env = append(env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_PAGER=cat", "GIT_EDITOR=:", "GIT_MERGE_AUTOEDIT=no", "GIT_OPTIONAL_LOCKS=0")
	return append(env, extra...)
}

// fixed are the settings of every command: no hook of the user's and no monitor of files runs, git starts no gc, and the bytes of each file that it
// leaves are on the disk before the file has its name. The names are synced by the caller, see syncDir: git does not do that.
var fixed = []string{"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
	"-c", "core.fsync=all", "-c", "advice.detachedHead=false"}

// gitCommand describes one run of git.
type gitCommand struct {
	dir    string // where it runs
	env    []string
	input  []byte
	args   []string
	stderr *bytes.Buffer // what it says there; nil: only an error tells of it
	plain  bool          // it concerns the fabric alone: no settings of the machine or of the user count, and none that replaces objects
}

// bare are the variables of a plain command.
var bare = []string{"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_COUNT=0", "GIT_CONFIG_PARAMETERS=",
	"GIT_NO_REPLACE_OBJECTS=1", "GIT_ATTR_NOSYSTEM=1"}

// run returns what git prints. The error is a *GitError.
func (c gitCommand) run(ctx context.Context) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append(slices.Clone(fixed), c.args...)...)
	cmd.Dir = c.dir
	cmd.Env = gitEnv(c.env...)
	if c.plain {
		cmd.Env = append(cmd.Env, bare...)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it takes its helpers and locks along
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.stderr != nil {
		cmd.Stderr = io.MultiWriter(&stderr, c.stderr)
	}
	if c.input != nil {
		cmd.Stdin = bytes.NewReader(c.input)
	}
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	e := &GitError{Args: c.args, Exit: -1, Stderr: strings.TrimSpace(stderr.String()), Err: err}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		e.Exit = exit.ExitCode()
	}
	return stdout.Bytes(), e
}

// Git runs the system's git in this repository, at the root of its working tree where it has one, and returns what it
// prints. No hook, pager, editor or prompt starts; nothing of the caller's environment points git elsewhere. The error is a
// *GitError.
func (r *Repo) Git(ctx context.Context, args ...string) ([]byte, error) {
	return r.git(ctx, gitCommand{args: args})
}

func (r *Repo) git(ctx context.Context, c gitCommand) ([]byte, error) {
	if c.dir == "" {
		c.dir = r.anyDir()
	}
	env := []string{"GIT_DIR=" + r.GitDir}
	if r.Worktree != "" {
		env = append(env, "GIT_WORK_TREE="+r.Worktree)
	}
	c.env = append(env, c.env...)
	return c.run(ctx)
}

// gitSaid returns what git says on stderr, whether it fails or not.
func (r *Repo) gitSaid(ctx context.Context, c gitCommand) (string, error) {
	var said bytes.Buffer
	c.stderr = &said
	_, err := r.git(ctx, c)
	return said.String(), err
}

// anyDir is where git runs: paths in the user's settings are relative to the working tree, where there is one.
func (r *Repo) anyDir() string {
	if r.Worktree != "" {
		return r.Worktree
	}
	return r.GitDir
}

// gitLine runs git for one line of output.
func (r *Repo) gitLine(ctx context.Context, args ...string) (string, error) {
	out, err := r.Git(ctx, args...)
	return strings.TrimSpace(string(out)), err
}

// exitCode is the exit code of a git command that failed, -1 for any other error.
func exitCode(err error) int {
	var e *GitError
	if errors.As(err, &e) {
		return e.Exit
	}
	return -1
}

// said tells whether a failed git command said something like text.
func said(err error, text string) bool {
	var e *GitError
	return errors.As(err, &e) && strings.Contains(e.Stderr, text)
}
