package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

func policyCheckCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "say what the policy would ask of a change, and why; nothing runs and nothing is written",
		ArgsUsage: "[FILE… | WORKSPACE | TASK]",
		Description: `Of files: what a change of them must hold, who must approve it and how it would merge. Of a workspace: the same for what it
changes as things are, with its task's gates. Of a task: its gates, whether an attempt may be opened, and which rights the steps
of its plans lack. Without an argument: of what is uncommitted in the working tree. Files of the fabric's own are named
.jitos/policy.yaml or .jitos/methods/NAME.yaml. Each line names the rule's line of policy.yaml.

--policy checks by a file that is not in the fabric yet; --as asks for somebody else. Ends with 8 where something is denied, else
with 7 where a person must approve something first, else with 0.

--json: {"policy","files":["…"],"gates":[{"gate" or "run","goal","line"}],"approvals":[{"paths","by","why","line","changed","you"}],
"merges":[{"path","by","line"}],"rights":[{"step","need","denied"}],"denied":[{"what","why"}]}`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "policy", Usage: "check by this `FILE` instead of the fabric's policy"},
			&cli.StringFlag{Name: "as", Usage: "the one who asks, `\"NAME <ADDRESS>\"` instead of you"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.policyCheck(c) },
	}
}

// checked is what `policy check` finds.
type checked struct {
	Policy    string              `json:"policy"`
	Files     []string            `json:"files"`
	Gates     []jitos.Requirement `json:"gates"`
	Approvals []wantedApproval    `json:"approvals"`
	Merges    []fileMerge         `json:"merges"`
	Rights    []deniedRight       `json:"rights"` // those that steps lack
	Denied    []deniedChange      `json:"denied"`
}

type wantedApproval struct {
	jitos.Wanted
	You bool `json:"you"` // may give it
}

type fileMerge struct {
	Path string        `json:"path"`
	By   jitos.MergeBy `json:"by"`
	Line int           `json:"line"`
}

type deniedRight struct {
	Step   string `json:"step"`
	Need   string `json:"need"`
	Denied string `json:"denied"`
}

type deniedChange struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

func (a *app) policyCheck(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 0, -1)
	if err != nil {
		return err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	policy, origin, err := policyAt(ctx, at)
	out := checked{Policy: "default", Files: []string{}, Gates: []jitos.Requirement{}, Approvals: []wantedApproval{},
		Merges: []fileMerge{}, Rights: []deniedRight{}, Denied: []deniedChange{}}
	if origin != "" {
		out.Policy = "policy.yaml"
	}
	if name := c.String("policy"); name != "" {
		raw, rerr := a.readInput(name)
		if rerr != nil {
			return rerr
		}
		out.Policy = name
		policy, err = methods.LoadPolicy(raw)
	}
	if err != nil {
		return err
	}
	actor := c.String("as")
	if actor == "" {
		current, err := f.repo.Current(ctx)
		if err != nil {
			return err
		}
		actor = current.Actor
	}
	what, err := a.subject(ctx, f, at, args)
	if err != nil {
		return err
	}
	if err := out.judge(ctx, policy, actor, at, what); err != nil {
		return err
	}
	if c.Bool("json") {
		err = a.ui.json(out)
	} else {
		a.sayChecked(out, what, actor)
	}
	if err != nil {
		return err
	}
	return out.verdict()
}

// subject is what is checked: a task, one of its workspaces, or files alone.
type subject struct {
	words string
	task  *jitos.TaskView
	hand  bool
	ended bool // no attempt is to be opened: it is a workspace that is open
	files []string
	own   []string // files of the fabric's own, as ".jitos/policy.yaml"
}

// subject finds what the arguments mean: one that names no file may be a workspace or a task.
func (a *app) subject(ctx context.Context, f *fabric, at jitos.Snapshot, args []string) (subject, error) {
	s := subject{words: plural(len(args), "file")}
	if len(args) == 0 {
		dirty, err := f.repo.DirtyPaths(ctx)
		return subject{words: "what is uncommitted", files: dirty}, err
	}
	if len(args) == 1 && !strings.Contains(args[0], "/") {
		if _, err := os.Lstat(a.path(args[0])); err != nil {
			found, ok, err := a.named(ctx, f, at, args[0])
			if ok || err != nil {
				return found, err
			}
		}
	}
	for _, name := range args {
		path, err := a.pathInRepo(f, name)
		if err != nil {
			return s, err
		}
		if own, ok := strings.CutPrefix(path, ".jitos/"); ok {
			if _, err := jitos.FabricItem(own).Parse(); err != nil {
				return s, err
			}
			s.own = append(s.own, own)
			continue
		}
		s.files = append(s.files, path)
	}
	return s, nil
}

// named finds a workspace or a task by its name.
func (a *app) named(ctx context.Context, f *fabric, at jitos.Snapshot, word string) (subject, bool, error) {
	var s subject
	id := jitos.TaskID("")
	w, err := f.kernel.Workspace(ctx, word)
	switch {
	case err == nil && w.Broken != nil:
		return s, false, w.Broken
	case err == nil:
		done, err := f.kernel.Collapse(ctx, w.Process, jitos.CollapseOptions{Preview: true})
		if err != nil {
			return s, false, err
		}
		if len(done.Conflicts) > 0 {
			return s, false, &jitos.ConflictError{Conflicts: done.Conflicts}
		}
		s = subject{words: "workspace " + w.Name, hand: w.Process.Process.Hand, ended: true, files: done.Files}
		id = w.Process.Process.Task
	case !errors.Is(err, jitos.ErrNotFound):
		return s, false, err
	default:
		if id, err = f.resolveTask(ctx, at, word); errors.Is(err, jitos.ErrNotFound) {
			return s, false, nil
		} else if err != nil {
			return s, false, err
		}
		s.words = "task " + string(id)
	}
	v, err := jitos.ViewTask(ctx, at, id, f.repo.Clone())
	s.task = &v
	return s, err == nil, err
}

// judge evaluates the policy.
func (out *checked) judge(ctx context.Context, p jitos.Policy, actor string, at jitos.Snapshot, s subject) error {
	out.Files = append(out.Files, s.files...)
	task := jitos.Task{}
	if s.task != nil {
		task = s.task.Task
	}
	out.Gates = append(out.Gates, jitos.Requirements(task, p, s.files, s.hand)...)
	for _, w := range p.ApprovalsFor(s.files) {
		out.Approvals = append(out.Approvals, wantedApproval{w, jitos.MayAnswer(w.By, actor)})
	}
	for _, path := range s.files {
		if rule, ok := p.MergeFor(path); ok {
			out.Merges = append(out.Merges, fileMerge{path, rule.By, rule.Line})
		}
	}
	deny := func(err error) {
		var d *jitos.Denial
		if errors.As(err, &d) {
			out.Denied = append(out.Denied, deniedChange{d.What, d.Why})
		}
	}
	for _, file := range s.own {
		out.Files = append(out.Files, ".jitos/"+file)
		deny(p.MayChange(file, actor))
	}
	if s.task == nil {
		return nil
	}
	if !s.ended {
		open, err := jitos.OpenProcesses(ctx, at)
		if err != nil {
			return err
		}
		deny(p.MayOpen(len(open)))
	}
	seen := map[deniedRight]bool{}
	for _, plan := range s.task.Slaps {
		for _, step := range plan.Record.Steps {
			for _, r := range jitos.Rights(step, p.Grants, p) {
				d := deniedRight{step.Name, r.Need, "the policy does not grant it"}
				if r.Denied != "" && !seen[d] {
					seen[d] = true
					out.Rights = append(out.Rights, d)
				}
			}
		}
	}
	return nil
}

// verdict is what the command ends with.
func (out *checked) verdict() error {
	switch {
	case len(out.Denied) > 0:
		return &jitos.Denial{What: out.Denied[0].What, Why: out.Denied[0].Why}
	case len(out.Rights) > 0:
		return &jitos.Denial{What: out.Rights[0].Need, Why: "step " + out.Rights[0].Step + " needs it, and " + out.Rights[0].Denied}
	case len(out.Approvals) > 0:
		return fmt.Errorf("%w: an approval of %s", jitos.ErrWaiting, out.Approvals[0].Changed[0])
	}
	return nil
}

func (a *app) sayChecked(out checked, s subject, actor string) {
	a.ui.printf("%s, by %s\n", clean(s.words), clean(out.Policy))
	row := func(what, text string, at int) {
		where := ""
		if at > 0 {
			where = fmt.Sprintf("  (line %d)", at)
		}
		a.ui.printf("  %-9s %s%s\n", what, clean(text), where)
	}
	for _, g := range out.Gates {
		must := "must not get worse"
		if g.Goal {
			must = "must pass"
		}
		row("gate", gateName(g.GateRef)+" "+must, g.Line)
	}
	for _, w := range out.Approvals {
		text := "of " + strings.Join(w.Changed, ", ") + " by " + whoWords(w.By)
		if w.Why != "" {
			text += ": " + w.Why
		}
		if !w.You {
			text += "; you are " + actor
		}
		row("approval", text, w.Line)
	}
	for _, m := range out.Merges {
		row("merge", m.Path+" by "+string(m.By), m.Line)
	}
	for _, r := range out.Rights {
		row("denied", "step "+r.Step+" needs "+r.Need+": "+r.Denied, 0)
	}
	for _, d := range out.Denied {
		row("denied", d.What+": "+d.Why, 0)
	}
	if len(out.Gates)+len(out.Approvals)+len(out.Merges)+len(out.Rights)+len(out.Denied) == 0 {
		a.ui.printf("  nothing is asked\n")
	}
}
