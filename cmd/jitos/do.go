package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func doCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "do",
		Category:  groupWork,
		Usage:     "declare, plan, try, prove and collapse an intent, in one go",
		ArgsUsage: `"INTENT"`,
		Description: `Starts from the files of the current branch. What comes of it is proven and merged into jitos/system; your branch and
working tree are not touched before ` + "`jitos land`" + `. Ctrl-C stops it; ` + "`jitos run`" + ` goes on from there. Ignored paths that jobs need (an
installed dependency, a licence file) are lent to them where <git dir>/jitos/lend lists them, one a line.

--json ends with {"task","outcome","process","commit","slap","attempts":[{"process","slap","outcome","reason","jobs"}],
"evidence":[{"gate","tree","verdict","name"}],"files":[…],"reason","nearest":[…],"landed","waiting":[…]}, the last as
` + "`jitos inbox --json`" + ` has it. Outcomes and exit codes:
collapsed 0, already-true 0, failed 1, no-plan 3, cancelled 4, conflict 5, exhausted 6, waiting 7, denied 8.`,
		Flags: append(intentFlags(),
			runFlags()...),
		Action: func(c *cli.Context) error { return a.do(c) },
	}
}

// intentFlags are those of every command that declares an intent.
func intentFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "arg", Usage: "argument of the task, `NAME=VALUE`; NAME=@FILE takes the text of a file"},
		&cli.StringSliceFlag{Name: "gate", Usage: "shell `COMMAND` that must pass on the result; the goal where the words match nothing"},
	}
}

// runFlags are those of every command that runs jobs for the current branch.
func runFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "jobs", Usage: "run up to `N` jobs side by side, in all attempts together; with --race as many as attempts, else 2"},
		&cli.IntFlag{Name: "race", Usage: "try `N` plans side by side; the first that is green collapses, the others stop", Value: 1},
		&cli.BoolFlag{Name: "no-cache", Usage: "run every job and gate, also where a result is on record for the same inputs"},
		&cli.BoolFlag{Name: "dirty", Usage: "take uncommitted changes of tracked files along"},
		&cli.BoolFlag{Name: "committed", Usage: "leave uncommitted changes out"},
		&cli.BoolFlag{Name: "land", Usage: "put the result on your branch as well"},
		jsonFlag(),
	}
}

// howToRun reads the flags that tell how attempts and jobs run, and tells how many attempts do side by side.
func (a *app) howToRun(c *cli.Context) (set func(*jitos.Kernel), race int, err error) {
	if err := a.alone(c, "jobs", "no-cache"); err != nil {
		return nil, 0, err
	}
	race, jobs := c.Int("race"), c.Int("jobs")
	if race < 1 {
		return nil, 0, usage("--race %d: want 1 or more", race)
	}
	if !c.IsSet("jobs") {
		jobs = max(2, race)
	}
	if jobs < 1 {
		return nil, 0, usage("--jobs %d: want 1 or more", jobs)
	}
	a.ui.numbered = race > 1
	return func(k *jitos.Kernel) { k.Jobs, k.NoCache = jobs, c.Bool("no-cache") }, race, nil
}

func (a *app) do(c *cli.Context) error {
	request, err := a.requestOf(c)
	if err != nil {
		return err
	}
	set, race, err := a.howToRun(c)
	if err != nil {
		return err
	}
	f, _, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	if err := a.boxed(c.Context); err != nil {
		return err
	}
	_, stop, err := a.writing(c.Context)
	if err != nil {
		return err
	}
	set(f.kernel)
	request.Race = race
	out, err := f.hands.Do(c.Context, request)
	stop()
	return a.report(c, f, out, err)
}

// requestOf reads an intent from the command line.
func (a *app) requestOf(c *cli.Context) (jitos.Request, error) {
	var r jitos.Request
	words, err := arguments(c, 1, -1)
	if err != nil {
		return r, err
	}
	r.Intent = strings.TrimSpace(strings.Join(words, " "))
	if r.Intent == "" {
		return r, usage("say in words what should be true: jitos %s \"fix the failing tests\"", c.Command.Name)
	}
	r.Gates, r.Land = c.StringSlice("gate"), c.Bool("land")
	for _, gate := range r.Gates {
		if strings.TrimSpace(gate) == "" {
			return r, usage("--gate needs a command")
		}
	}
	if r.Args, err = a.argsOf(c.StringSlice("arg")); err != nil {
		return r, err
	}
	r.Mode, err = modeOf(c)
	return r, err
}

func modeOf(c *cli.Context) (jitos.AbsorbMode, error) {
	switch {
	case c.Bool("dirty") && c.Bool("committed"):
		return 0, usage("--dirty and --committed exclude each other")
	case c.Bool("dirty"):
		return jitos.TakeDirty, nil
	case c.Bool("committed"):
		return jitos.LeaveDirty, nil
	}
	return jitos.AskAboutDirty, nil
}

// argsOf reads NAME=VALUE. A value that begins with @ names a file, as does that of "patch", the one argument that is a
// text of many lines.
func (a *app) argsOf(given []string) (map[string]string, error) {
	args := map[string]string{}
	for _, arg := range given {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, usage("--arg %s: want NAME=VALUE", arg)
		}
		if _, twice := args[name]; twice {
			return nil, usage("--arg %s is given twice", name)
		}
		file, isFile := strings.CutPrefix(value, "@")
		if name == "patch" && !strings.Contains(value, "\n") {
			isFile = true
		}
		if isFile {
			raw, err := os.ReadFile(a.path(file))
			if err != nil {
				return nil, usage("--arg %s: %w", name, err)
			}
			value = string(raw)
		}
		args[name] = value
	}
	return args, nil
}

// report tells people, or scripts, what became of a task.
func (a *app) report(c *cli.Context, f *fabric, out jitos.Outcome, err error) error {
	if out.Attempts == nil {
		out.Attempts = []jitos.AttemptEnd{}
	}
	if out.Evidence == nil {
		out.Evidence = []jitos.EvidenceLine{}
	}
	if out.Files == nil {
		out.Files = []string{}
	}
	if c.Bool("json") {
		if err := a.ui.json(out); err != nil {
			return err
		}
	} else {
		a.tell(c.Context, f, out)
	}
	return a.furtherHint(out, err)
}

// tell is the end of a run in words.
func (a *app) tell(ctx context.Context, f *fabric, out jitos.Outcome) {
	u := a.ui
	switch out.Outcome {
	case "collapsed":
		u.printf("%s: %s changed\n", out.Task, plural(len(out.Files), "file"))
		for _, path := range firstFew(out.Files, 12) {
			u.printf("  %s\n", clean(path))
		}
		if n := len(out.Files) - 12; n > 0 {
			u.printf("  … and %d more\n", n)
		}
		if gates := passed(out.Evidence); len(gates) > 0 {
			u.printf("proven: %s\n", strings.Join(gates, ", "))
		}
		if out.Landed != "" {
			u.printf("landed as %s\n", short(out.Landed))
		} else {
			a.sayUnlanded(ctx, f)
		}
	case "already-true":
		gate := "the goal"
		if len(out.Evidence) > 0 {
			gate = line(out.Evidence[0].Gate)
		}
		u.printf("%s: nothing to do, %s holds on these files\n", out.Task, gate)
	case "no-plan":
		if len(out.Nearest) > 0 {
			u.notef("nearest phrases:")
			for _, phrase := range out.Nearest {
				u.notef("  %s", clean(phrase))
			}
			u.notef("or say by a command when it is done, --gate CMD, and how to get there: jitos plan %s --from FILE", out.Task)
		}
	}
	if words := jobsNote(out.Attempts); words != "" {
		u.notef("jobs: %s", words)
	}
	if len(out.Attempts) > 1 {
		for i, t := range out.Attempts {
			u.notef("attempt %d, %s: %s", i+1, clean(string(t.Process)), strings.TrimSpace(t.Outcome+" "+clean(t.Reason)))
		}
	}
}

// jobsNote says how many jobs ran in all attempts, where some did not have to, or ran again.
func jobsNote(attempts []jitos.AttemptEnd) string {
	var sum jitos.JobCounts
	for _, t := range attempts {
		sum.Run, sum.Reused, sum.Again = sum.Run+t.Jobs.Run, sum.Reused+t.Jobs.Reused, sum.Again+t.Jobs.Again
	}
	if sum.Reused+sum.Again == 0 {
		return ""
	}
	words := fmt.Sprintf("%d run", sum.Run)
	if sum.Again > 0 {
		words += fmt.Sprintf(" (%d again)", sum.Again)
	}
	if sum.Reused > 0 {
		words += fmt.Sprintf(", %d by an earlier result", sum.Reused)
	}
	return words
}

// passed names the gates that passed, each once.
func passed(evidence []jitos.EvidenceLine) []string {
	var gates []string
	for _, e := range evidence {
		if gate := line(e.Gate); e.Verdict == jitos.Pass && !slices.Contains(gates, gate) {
			gates = append(gates, gate)
		}
	}
	return gates
}

// sayUnlanded says what of the system WARP the user's branch lacks.
func (a *app) sayUnlanded(ctx context.Context, f *fabric) {
	at, err := f.kernel.System(ctx)
	if err != nil {
		return
	}
	sync, err := jitos.Get[jitos.Sync](ctx, at, jitos.SyncNode)
	if err != nil {
		return
	}
	files, err := f.merger.Changed(ctx, sync.Tree, at.Tree())
	if err != nil || len(files) == 0 {
		return
	}
	where := "your branch is unchanged"
	if sync.Dirty {
		where = "your working tree is unchanged"
	}
	a.ui.printf("%s; %s to land: `jitos land`\n", where, plural(len(files), "file"))
}

// furtherHint adds what the outcome asks for and the kernel cannot know: the commands.
func (a *app) furtherHint(out jitos.Outcome, err error) error {
	if err == nil || hintOf(err) != "" {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled) && out.Task != "":
		return jitos.Hint(fmt.Errorf("cancelled: %w", err), "`jitos run %s` goes on from here", out.Task)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("cancelled before anything was written: %w", err)
	case errors.Is(err, jitos.ErrDenied) && hashIn(err.Error()) != "":
		return jitos.Hint(err, "`jitos method show` prints what it is; `jitos allow %s` lets it run in this clone, then `jitos run %s`", hashIn(err.Error()), out.Task)
	case out.Task != "":
		return jitos.Hint(err, "`jitos show %s` tells what happened", out.Task)
	}
	return err
}

// hashIn is the first hash of content in a text, "" for none.
func hashIn(text string) string {
	for _, word := range strings.Fields(text) {
		if isHash(word) {
			return word
		}
	}
	return ""
}

func firstFew[T any](list []T, n int) []T { return list[:min(n, len(list))] }
