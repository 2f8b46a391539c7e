package runner

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jitos/jitos"
)

// Agent runs a command-line coding agent, or any other tool that takes words, in the job's directory: what it leaves there is
// its proposal, which the gates judge as they judge any other. Which program that is, the Roster says. The argument "prompt" is
// given on standard input or as an argument, with the failing tests and the rules of the directory; see briefing.
//
// What it says is kept as the artifact "transcript" (its head and its tail, without secrets), and what it says it cost as
// "cost_usd".
type Agent struct {
	member Member
	env    func(ctx context.Context, chain string, net bool) (map[string]string, error)
}

var _ jitos.Worker = (*Agent)(nil)

func checkAgent(d definition) error {
	switch {
	case len(d.Run) == 0:
		return errors.New("run: which program")
	case d.Prompt != "" && d.Prompt != "stdin" && d.Prompt != "argument":
		return fmt.Errorf("prompt: want stdin or argument, not %q", d.Prompt)
	case d.Cost != "":
		re, err := regexp.Compile(d.Cost)
		if err != nil {
			return fmt.Errorf("cost: %w", err)
		}
		if re.NumSubexp() != 1 {
			return errors.New("cost: want a pattern with one group, the number")
		}
	}
	return nil
}

// Work runs the program. Pass is exit status 0, whatever it did: whether that is right is for gates to say.
func (a *Agent) Work(ctx context.Context, dir string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	step, p := action.Step, placeOf(dir)
	prompt := briefing(action, host)
	if prompt == "" {
		return couldNot("no prompt was given"), nil
	}
	vars, err := variables(ctx, a.env, a.member, action)
	if err != nil {
		return jitos.Result{}, err
	}
	hide := redactor(vars)
	out, say := &output{}, progress(host)
	last := &tail{}
	c := command{place: p, argv: a.member.def.Run, vars: vars, timeout: timeout(step), line: func(_ int, text string) {
		text = hide.Replace(plainLine(text, p))
		out.add(text)
		last.add(text)
		say(text)
	}}
	if a.member.def.Prompt == "argument" {
		c.argv = withPrompt(c.argv, prompt)
	} else {
		c.stdin = strings.NewReader(prompt)
	}
	end, err := c.run(ctx)
	if errors.Is(err, errNoProgram) {
		return couldNot(err.Error()), nil
	}
	if err != nil {
		return jitos.Result{}, err
	}
	r := jitos.Result{Exit: end.exit, Verdict: jitos.Pass, Output: last.text()}
	switch {
	case end.timedOut:
		r.Verdict, r.Reason = jitos.Fail, "it ran longer than "+timeout(step).String()+" and was ended"
	case end.exit == 127 || end.exit == 126:
		r.Verdict, r.Reason = jitos.CouldNot, "its program could not be run: "+last.line()
	case end.exit != 0:
		r.Verdict, r.Reason = jitos.Fail, fmt.Sprintf("exit status %d: %s", end.exit, last.line())
	}
	r.Artifacts = map[string]string{"transcript": out.text()}
	if cost := costIn(a.member.def.Cost, out.text()); cost != "" {
		r.Artifacts["cost_usd"] = cost
	}
	return artifacts(p.out(), r)
}

// variables are what the program of a configured worker sees beside the job's own: its toolchain's, the arguments as
// $ARG_NAME, and those of the user's that its definition names.
func variables(ctx context.Context, env func(context.Context, string, bool) (map[string]string, error), m Member, action jitos.Action) (map[string]string, error) {
	vars := map[string]string{}
	if env != nil {
		var err error
		if vars, err = env(ctx, action.Step.Chain, needsNet(action.Step)); err != nil {
			return nil, err
		}
	}
	for name, value := range argVars(action.Args) {
		vars[name] = value
	}
	for name, value := range m.environment() {
		vars[name] = value
	}
	return vars, nil
}

// withPrompt puts the prompt where {prompt} stands, else behind all.
func withPrompt(argv []string, prompt string) []string {
	full, found := make([]string, 0, len(argv)+1), false
	for _, arg := range argv {
		found = found || strings.Contains(arg, "{prompt}")
		full = append(full, strings.ReplaceAll(arg, "{prompt}", prompt))
	}
	if !found {
		full = append(full, prompt)
	}
	return full
}

// costIn is the last number that the pattern finds.
func costIn(pattern, text string) string {
	re, err := regexp.Compile(pattern)
	if pattern == "" || err != nil {
		return ""
	}
	all := re.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

// briefing is what a model or an agent is told: the prompt of the step, which tests fail, and the rules that its work is
// judged by. "" where the step has no prompt.
func briefing(action jitos.Action, host jitos.Host) string {
	prompt := strings.TrimSpace(action.Args["prompt"])
	if prompt == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(prompt + "\n")
	if host != nil {
		if r := host.Failing(); r != nil && len(r.Failed) > 0 {
			b.WriteString("\nThese tests fail now:\n")
			for _, name := range r.Failed[:min(len(r.Failed), 50)] {
				b.WriteString("- " + name + "\n")
			}
		}
	}
	b.WriteString(`
The files are those of the current directory, which is not a git repository. Leave in it exactly the change that is wanted, as
small as it can be, and nothing else. It is checked by running the tests: a test that was edited, skipped or removed fails the
check. Nobody answers questions.
`)
	return b.String()
}

// tail keeps the last lines of a text.
type tail struct{ lines []string }

const tailLines = 20

func (t *tail) add(line string) {
	if len(line) > 2000 {
		line = strings.ToValidUTF8(line[:2000], "") + "…"
	}
	if t.lines = append(t.lines, line); len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
}

func (t *tail) text() string {
	if len(t.lines) == 0 {
		return ""
	}
	return strings.Join(t.lines, "\n") + "\n"
}

// line is the last that says something.
func (t *tail) line() string {
	for i := len(t.lines) - 1; i >= 0; i-- {
		if s := strings.TrimSpace(t.lines[i]); s != "" {
			return s
		}
	}
	return "it said nothing"
}

// enters implements enters.
func (*Agent) enters() {}
