package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jitos/jitos"
)

// Shell runs Step.Run with `sh -e -c` (it ends at the first command that fails). The zero value works.
//
// The command sees PATH, a home and a temporary directory of its own, LANG=C.UTF-8, TZ=UTC, CI=true, what its
// toolchain adds, each argument of the action as $ARG_<NAME>, and nothing else of the user's; standard input is empty. Files that
// it writes to $JITOS_OUT become artifacts by their names; of one that holds a single line the newline is dropped.
//
// Step.Timeout, or jitos.DefaultTimeout, ends it and everything that it started; so does the end of the context. What it
// left running in the background when it ended by itself is killed as well. Where Step.Unless succeeds, the command does not
// run, and the files are as they were.
type Shell struct {
	// Env returns the variables that a toolchain adds, with net those for the network too; nil adds none.
	Env func(ctx context.Context, chain string, net bool) (map[string]string, error)
	// Root is the user's working tree, for hints about what could be lent from there; "" for none.
	Root string
}

var _ jitos.Worker = (*Shell)(nil)

// Work runs the command.
//
// Pass means exit status 0, and, where the step reports tests, that at least one ran and none failed. CouldNot means that
// the command, a dependency or the network was missing, or nothing was collected; see whyNot. All else is Fail, also
// when the user's code does not build.
func (s *Shell) Work(ctx context.Context, dir string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	step := action.Step
	parse := newParser(step.Report, step.Run)
	if parse == nil {
		return couldNot("no report is of the kind " + step.Report), nil
	}
	vars := map[string]string{}
	if s.Env != nil {
		var err error
		if vars, err = s.Env(ctx, step.Chain, needsNet(step)); err != nil {
			return jitos.Result{}, err
		}
	}
	for k, v := range argVars(action.Args) {
		vars[k] = v
	}
	p := placeOf(dir)
	out, signs := &output{}, newSigns(step.Report)
	if step.Unless != "" {
		done, err := s.done(ctx, p, step, vars)
		if done || err != nil {
			return jitos.Result{Tree: action.Tree, Verdict: jitos.Pass, Reason: "already done: " + oneLine(step.Unless)}, err
		}
	}
	say := progress(host)
	c := command{place: p, argv: inShell(step.Run), vars: vars, timeout: timeout(step), line: func(stream int, text string) {
		text = plainLine(text, p)
		kept, keep := parse.line(stream, text)
		if !keep {
			return
		}
		for _, l := range strings.Split(kept, "\n") { // an event may hold more than one line, and colours of its own
			l = plainLine(l, p)
			signs.see(l)
			out.add(l)
			say(l)
		}
	}}
	end, err := c.run(ctx)
	if errors.Is(err, errNoProgram) {
		return couldNot(err.Error()), nil
	}
	if err != nil {
		return jitos.Result{}, err
	}
	r := s.verdict(p, step, end, parse.end(end.exit), signs)
	r.Output = out.text()
	return artifacts(p.out(), r)
}

// done asks the step's Unless, in the same directory, whether there is nothing to do. One that cannot say so in time says no.
func (s *Shell) done(ctx context.Context, p place, step jitos.Step, vars map[string]string) (bool, error) {
	c := command{place: p, argv: inShell(step.Unless), vars: vars, timeout: timeout(step), line: func(int, string) {}}
	end, err := c.run(ctx)
	if errors.Is(err, errNoProgram) {
		return false, nil
	}
	return err == nil && end.exit == 0 && !end.timedOut, err
}

func timeout(step jitos.Step) time.Duration {
	if step.Timeout > 0 {
		return time.Duration(step.Timeout) * time.Second
	}
	return jitos.DefaultTimeout
}

// needsNet tells whether a step asked for the network.
func needsNet(step jitos.Step) bool {
	for _, need := range step.Needs {
		if verb, _, _ := strings.Cut(need, ":"); verb == "net" {
			return true
		}
	}
	return false
}

// verdict makes a result of how the command ended and what its tests said.
func (s *Shell) verdict(p place, step jitos.Step, end ended, found tests, signs *signs) jitos.Result {
	r := jitos.Result{Exit: end.exit, Verdict: jitos.Fail}
	if step.Report != "" {
		r.Report = found.report()
	}
	counts := step.Report != "" && step.Report != "exit" // it tells tests apart
	switch {
	case end.limit != "":
		r.Reason = "it was ended: " + end.limit
	case end.timedOut:
		r.Reason = "it ran longer than " + timeout(step).String() + " and was ended"
	case counts && found.red > 0:
		r.Reason = fmt.Sprintf("%d of %d tests failed: %s", found.red, found.ran, few(r.Report.Failed))
	case end.signal != 0:
		r.Reason = "it was ended by the signal " + end.signal.String()
	case end.exit == 0 && counts && len(r.Report.Failed) > 0:
		r.Reason = "the command succeeded, and yet these failed: " + few(r.Report.Failed)
	case end.exit == 0 && counts && found.ran == 0:
		r.Verdict, r.Reason = jitos.CouldNot, "nothing was collected: no test ran"
		if len(r.Report.Skipped) > 0 {
			r.Reason = "every test was skipped: none ran"
		}
	case end.exit == 0:
		r.Verdict = jitos.Pass
	default:
		if why := signs.whyNot(s, p, end.exit); why != "" {
			r.Verdict, r.Reason = jitos.CouldNot, why
		} else if found.empty {
			r.Verdict, r.Reason = jitos.CouldNot, "nothing was collected: no test ran"
		} else if counts && len(r.Report.Failed) > 0 {
			r.Reason = "these failed as a whole: " + few(r.Report.Failed)
		} else {
			r.Reason = fmt.Sprintf("exit status %d", end.exit)
			if signs.last != "" {
				r.Reason += ": " + signs.last
			}
		}
	}
	if r.Verdict == jitos.CouldNot {
		r.Report = nil // what ran by the way is evidence of nothing
	}
	return r
}

// quiet is how long a command runs before its output is shown as progress, and how long a line of it stands.
const quiet = 2 * time.Second

// progress returns what tells the host a line of output now and then, of commands that run long enough to wonder.
func progress(host jitos.Host) func(string) {
	last := time.Now()
	return func(line string) {
		line = strings.TrimSpace(line)
		if host == nil || line == "" || time.Since(last) < quiet {
			return
		}
		last = time.Now()
		host.Say(line)
	}
}

// Bounds of artifacts, in bytes.
const (
	maxArtifact  = 256 << 10
	maxArtifacts = 1 << 20
)

// artifacts reads what the command left in the directory for artifacts. One that is no plain text file, or too long, fails the
// step: a part of it would be taken for the whole.
func artifacts(dir string, r jitos.Result) (jitos.Result, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil // the command removed it
	}
	if err != nil {
		return r, fmt.Errorf("read artifacts: %w", err)
	}
	if len(list) == 0 {
		return r, nil
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name() < list[j].Name() })
	root, err := os.OpenRoot(dir)
	if err != nil {
		return r, fmt.Errorf("read artifacts: %w", err)
	}
	defer root.Close()
	total := 0
	for _, e := range list {
		text, why, err := artifact(root, e)
		if err != nil {
			return r, fmt.Errorf("read artifact %s: %w", quoted(e.Name()), err)
		}
		if total += len(text); why == "" && total > maxArtifacts {
			why = fmt.Sprintf("all artifacts together are longer than %d KB", maxArtifacts>>10)
		}
		if why != "" {
			if r.Verdict == jitos.Pass {
				r.Verdict, r.Reason = jitos.Fail, "artifact "+quoted(e.Name())+": "+why
			}
			continue
		}
		if r.Artifacts == nil {
			r.Artifacts = map[string]string{}
		}
		r.Artifacts[e.Name()] = text
	}
	return r, nil
}

func artifact(root *os.Root, e os.DirEntry) (text, why string, err error) {
	if !e.Type().IsRegular() {
		return "", "it is no regular file", nil
	}
	if !utf8.ValidString(e.Name()) || strings.IndexFunc(e.Name(), isControl) >= 0 {
		return "", "its name is no plain text", nil
	}
	f, err := root.OpenFile(e.Name(), os.O_RDONLY|noFollow, 0)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxArtifact+1))
	switch {
	case err != nil:
		return "", "", err
	case len(data) > maxArtifact:
		return "", fmt.Sprintf("it is longer than %d KB", maxArtifact>>10), nil
	case !utf8.Valid(data):
		return "", "it is no text", nil
	}
	text = string(data)
	if strings.Count(text, "\n") == 1 {
		text = strings.TrimSuffix(text, "\n")
	}
	return text, "", nil
}

// enters implements enters.
func (*Shell) enters() {}

// hasFile tells whether a path is there.
func hasFile(elem ...string) bool {
	_, err := os.Lstat(filepath.Join(elem...))
	return err == nil
}
