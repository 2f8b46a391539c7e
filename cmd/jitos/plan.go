package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/planner"
)

func planCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "plan",
		Category:  groupWork,
		Usage:     "record the candidate plans of a task; or a plan of your own",
		ArgsUsage: "TASK | --hddl DOMAIN PROBLEM | --verify PLAN DOMAIN PROBLEM",
		Description: `Plans for the files of jitos/system as they are. --explain says for each method that is not used which condition
failed, and for each candidate why it applies.

A plan of your own (--from) is YAML or JSON: a title, and steps by name, each with one of run (a shell command), job or
gate, and after, needs, produces and expect where it wants them:

  title: use the new parser
  steps:
    swap:  {run: "sed -i s/oldparse/newparse/ *.go", needs: ["fs.write:**"]}
    prove: {gate: tests-pass, after: [swap]}

The candidates come best first: by what they are expected to cost until one works, which is the declared cost, and one for
the try, divided by the chance of their methods in this fabric's attempts; --explain and "rank" say how it came about.

--json: {"task","planning","slaps":[{"id","title","by","cost","methods":[…],"parent","steps":[…],"root",
"rank":{"expected","task","method","worker","kind","collapsed","failed","took_s","why"}}],"why_not":[{"task","method","condition","reason",
"binding","nearest"}],"bound","truncated"}; bound: no plan costs less, proved

With --hddl it plans for two files in HDDL, the language of the planning competitions, and needs no repository: it prints
the plan in the competition's format, the cheapest of several (--k) first. The same files and --budget give the same
bytes; --time only ever cuts the search off. With --verify it checks a plan in that format, of whatever planner, and gives
the reason and the line where it is none.

--hddl --json: {"plans":[{"cost","steps","plan"}],"bound","proved_none","truncated","nodes","by","why_not"}
--verify --json: {"accepted","reason","line"}`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "explain", Usage: "say why each other method was not used"},
			&cli.IntFlag{Name: "k", Usage: "return the `N` best candidates", DefaultText: "5"},
			&cli.StringFlag{Name: "from", Usage: "record the plan in `FILE` (- for stdin)"},
			&cli.StringFlag{Name: "revises", Usage: "with --from: the plan is a revision of `PLAN` (number or id)"},
			&cli.BoolFlag{Name: "hddl", Usage: "plan for a domain and a problem in HDDL"},
			&cli.BoolFlag{Name: "verify", Usage: "check a plan for a domain and a problem in HDDL"},
			&cli.DurationFlag{Name: "time", Usage: "with --hddl: search no longer than `TIME`", Value: time.Minute},
			&cli.IntFlag{Name: "budget", Usage: "with --hddl: expand at most `NODES`; 0 is no bound"},
			&cli.StringFlag{Name: "out", Usage: "with --hddl: write the plans to `FILE`"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			switch {
			case c.Bool("hddl"):
				return a.planHDDL(c)
			case c.Bool("verify"):
				return a.verifyHDDL(c)
			}
			return a.plan(c)
		},
	}
}

// planned is what plan prints as JSON.
type planned struct {
	Task      jitos.TaskID   `json:"task"`
	Planning  string         `json:"planning"`
	Slaps     []plannedSlap  `json:"slaps"`
	WhyNot    []jitos.WhyNot `json:"why_not"`
	Bound     int            `json:"bound"`
	Truncated bool           `json:"truncated"`
}

type plannedSlap struct {
	ID      jitos.SlapID  `json:"id"`
	Title   string        `json:"title"`
	By      string        `json:"by"`
	Cost    int           `json:"cost"`
	Methods []string      `json:"methods"`
	Parent  jitos.SlapID  `json:"parent"`
	Steps   []jitos.Step  `json:"steps"`
	Root    *jitos.Branch `json:"root"`
	Rank    planner.Rank  `json:"rank"`
}

func (a *app) plan(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	if c.String("revises") != "" && c.String("from") == "" {
		return usage("--revises needs --from: the plan that revises it")
	}
	if c.IsSet("k") && (c.Int("k") < 1 || c.Int("k") > maxCandidates || c.String("from") != "") {
		return usage("--k %d: want a number from 1 to %d, and no --from", c.Int("k"), maxCandidates)
	}
	if err := a.alone(c, "k"); err != nil {
		return err
	}
	f, id, stop, err := a.writingTask(ctx, args[0])
	if err != nil {
		return err
	}
	defer stop()
	if from := c.String("from"); from != "" {
		return a.planFrom(c, f, id, from)
	}
	f.planner.K = c.Int("k")
	planning, _, err := f.hands.Plan(ctx, id)
	if err != nil {
		return err
	}
	at, err := f.kernel.System(ctx)
	if err != nil {
		return err
	}
	v, err := jitos.ViewTask(ctx, at, id, f.repo.Clone())
	if err != nil {
		return err
	}
	v.Planning = &planning // the one of this moment, whichever is newest in the graph
	ranks, err := f.ranks(ctx, at, plansInOrder(v))
	if err != nil {
		return err
	}
	stop()
	if c.Bool("json") {
		return a.ui.json(plannedOf(v, ranks))
	}
	return a.sayPlans(v, ranks, c.Bool("explain"))
}

// maxCandidates bounds --k.
const maxCandidates = 100

// ranks says of each plan why it stands where it does.
func (f *fabric) ranks(ctx context.Context, at jitos.Snapshot, plans []jitos.Found[jitos.Slap]) ([]planner.Rank, error) {
	slaps := make([]jitos.Slap, len(plans))
	for i, s := range plans {
		slaps[i] = s.Record
	}
	return f.planner.Rank(ctx, at, slaps)
}

func plannedOf(v jitos.TaskView, ranks []planner.Rank) planned {
	record := v.Planning.Record
	p := planned{Task: v.ID, Planning: v.Planning.ID.Name, Slaps: []plannedSlap{}, WhyNot: record.WhyNot, Bound: record.Bound, Truncated: record.Truncated}
	if p.WhyNot == nil {
		p.WhyNot = []jitos.WhyNot{}
	}
	for i, s := range plansInOrder(v) {
		r := s.Record
		if r.Methods == nil {
			r.Methods = []string{}
		}
		p.Slaps = append(p.Slaps, plannedSlap{jitos.SlapID(s.ID.Name), r.Title, r.By, r.Cost, r.Methods, r.Parent, r.Steps, r.Root, ranks[i]})
	}
	return p
}

// sayPlans lists the candidates in the order in which a run tries them.
func (a *app) sayPlans(v jitos.TaskView, ranks []planner.Rank, explain bool) error {
	u, list := a.ui, plansInOrder(v)
	for i, s := range list {
		u.printf("%d  %s  %s\n", i+1, u.bold(line(s.Record.Title)), u.dim(s.ID.Name))
		if s.Record.By != "planner" {
			u.printf("   by %s\n", line(s.Record.By))
		}
		u.printf("   cost %d, %s: %s\n", s.Record.Cost, plural(len(s.Record.Steps), "step"), line(stepNames(s.Record.Steps)))
		if explain {
			if s.Record.By == "planner" {
				u.printf("   rank: %s, about %.3g until it works\n", line(ranks[i].Why), ranks[i].Expected)
			}
			u.sayBecause(s.Record.Root, "   ")
		}
		for _, p := range v.Processes {
			if p.Process.Slap == jitos.SlapID(s.ID.Name) && p.Attempt != nil {
				u.printf("   tried, %s: %s\n", clean(p.Attempt.Kind), line(p.Attempt.Reason))
			}
		}
	}
	record := v.Planning.Record
	if record.Truncated {
		u.notef("the search was cut off after %d nodes: there may be more", record.Expanded)
	}
	if explain && len(record.Slaps) > 0 {
		u.printf("no plan costs less than %d\n", record.Bound)
	}
	if explain || len(list) == 0 {
		for _, w := range record.WhyNot {
			u.sayWhyNot(w)
		}
	}
	if len(list) == 0 {
		return jitos.Hint(fmt.Errorf("%w for %q: the task is kept", jitos.ErrNoPlan, v.Task.Intent),
			"`jitos plan %s --from FILE` takes a plan of yours", v.ID)
	}
	u.notef("next: jitos run %s", v.ID)
	return nil
}

func stepNames(steps []jitos.Step) string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

func (u *ui) sayBecause(b *jitos.Branch, indent string) {
	if b == nil {
		return
	}
	u.printf("%s%s by %s\n", indent, line(b.Task), line(b.Method))
	for _, why := range b.Because {
		u.printf("%s  because %s\n", indent, line(why))
	}
	for _, t := range b.Tasks {
		u.sayBecause(t, indent+"  ")
	}
}

func (u *ui) sayWhyNot(w jitos.WhyNot) {
	if w.Method == "" {
		u.printf("%s\n", line(w.Reason))
		return
	}
	u.printf("not %s (%s): %s\n", u.bold(line(w.Method)), line(w.Task), line(w.Reason))
	if w.Condition != "" {
		u.printf("     condition: %s\n", line(w.Condition))
	}
	if len(w.Binding) > 0 {
		u.printf("     with: %s\n", line(bindingWords(w.Binding)))
	}
	if len(w.Nearest) > 0 {
		u.printf("     nearest: %s\n", line(strings.Join(w.Nearest, "; ")))
	}
}

func bindingWords(binding map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(binding)) {
		words = append(words, name+" "+binding[name])
	}
	return strings.Join(words, ", ")
}

// planFrom records a person's or an agent's own plan.
func (a *app) planFrom(c *cli.Context, f *fabric, id jitos.TaskID, from string) error {
	ctx := c.Context
	raw, err := a.readInput(from)
	if err != nil {
		return err
	}
	at, err := f.kernel.System(ctx)
	if err != nil {
		return err
	}
	task, err := jitos.Get[jitos.Task](ctx, at, id.Node())
	if err != nil {
		return err
	}
	slap, err := f.planner.ParsePlan(ctx, at, id, task, inputName(from), raw)
	if err != nil {
		return err
	}
	if word := c.String("revises"); word != "" {
		if slap.Parent, err = f.resolvePlan(ctx, at, id, word); err != nil {
			return err
		}
	}
	slapID, err := f.hands.SubmitPlan(ctx, id, slap)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"task": id, "slap": slapID})
	}
	a.ui.printf("%s\n", slapID)
	a.ui.notef("recorded; plans that were handed in are tried first: jitos run %s", id)
	return nil
}

// readInput reads a file, or stdin for "-".
func (a *app) readInput(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(a.ui.in)
	}
	raw, err := os.ReadFile(a.path(name))
	if err != nil {
		return nil, &usageError{Err: err}
	}
	return raw, nil
}

// path is a path as the caller meant it: relative to -C, where that is given.
func (a *app) path(name string) string {
	if a.dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.dir, name)
}

func inputName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}
