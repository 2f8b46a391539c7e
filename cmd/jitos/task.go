package main

import (
	"context"
	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func taskCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "task",
		Category:  groupWork,
		Usage:     "declare, list, show and withdraw tasks",
		ArgsUsage: "new|list|show|withdraw",
		Subcommands: []*cli.Command{
			{
				Name:      "new",
				Usage:     "declare an intent; nothing is planned or run",
				ArgsUsage: `"INTENT"`,
				Description: `Prints the task's id.

--json: {"task","intent","name","args":{…},"goal":{…},"nearest":["…"]}`,
				Flags:  append(intentFlags(), jsonFlag()),
				Action: func(c *cli.Context) error { return a.taskNew(c) },
			},
			{
				Name:  "list",
				Usage: "list tasks with their status",
				Description: `Without --all those that nobody has finished or withdrawn.

--json: {"tasks":[{"id","intent","status"}]}`,
				Flags:  []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "also done, true and withdrawn ones"}, jsonFlag()},
				Action: func(c *cli.Context) error { return a.taskList(c) },
			},
			{
				Name:      "show",
				Usage:     "show a task: plans, attempts, evidence, findings",
				ArgsUsage: "ID",
				Flags:     []cli.Flag{jsonFlag()},
				Action:    func(c *cli.Context) error { return a.taskShow(c) },
			},
			{
				Name:      "withdraw",
				Usage:     "take a task back; its open workspaces must be discarded first",
				ArgsUsage: "ID",
				Flags:     []cli.Flag{&cli.StringFlag{Name: "m", Usage: "why, as `WORDS`"}},
				Action:    func(c *cli.Context) error { return a.taskWithdraw(c) },
			},
		},
	}
}

// declared is what task new prints as JSON.
type declared struct {
	Task    jitos.TaskID      `json:"task"`
	Intent  string            `json:"intent"`
	Name    string            `json:"name"`
	Args    map[string]string `json:"args"`
	Goal    *jitos.GateRef    `json:"goal"`
	Nearest []string          `json:"nearest"`
}

func (a *app) taskNew(c *cli.Context) error {
	ctx := c.Context
	request, err := a.requestOf(c)
	if err != nil {
		return err
	}
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	id, match, err := f.hands.SubmitIntent(ctx, request)
	stop()
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
	if c.Bool("json") {
		d := declared{Task: id, Intent: task.Intent, Name: task.Name, Args: task.Args, Goal: task.Goal, Nearest: match.Nearest}
		if d.Args == nil {
			d.Args = map[string]string{}
		}
		if d.Nearest == nil {
			d.Nearest = []string{}
		}
		return a.ui.json(d)
	}
	a.ui.printf("%s\n", id)
	switch {
	case task.Name != "":
		a.ui.notef("understood as %s; next: jitos plan %s", clean(task.Name), id)
	case task.Goal != nil:
		a.ui.notef("the words match no task of the library; its goal is the gate; a plan must be handed in: jitos plan %s --from FILE", id)
	default:
		a.ui.notef("the words match no task of the library; nearest phrases:")
		for _, phrase := range match.Nearest {
			a.ui.notef("  %s", clean(phrase))
		}
	}
	return nil
}

func (a *app) taskList(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, _, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	list, ended, err := f.store.Tasks(c.Context, c.Bool("all"))
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"tasks": list})
	}
	for _, t := range list {
		a.ui.printf("%-10s %s  %s\n", t.Status, t.ID, line(t.Intent))
	}
	if ended > 0 && !c.Bool("all") {
		a.ui.notef("%s ended: --all lists them too", plural(ended, "task has", "tasks have"))
	} else if len(list) == 0 {
		a.ui.notef("no task: `jitos task new` declares one")
	}
	return nil
}

func (a *app) taskShow(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, at, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	if _, err := f.resolveTask(c.Context, at, args[0]); err != nil {
		return err
	}
	return a.show(c)
}

func (a *app) taskWithdraw(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, id, stop, err := a.writingTask(ctx, args[0])
	if err != nil {
		return err
	}
	defer stop()
	if err := f.hands.Withdraw(ctx, id, c.String("m")); err != nil {
		return err
	}
	a.ui.notef("withdrawn: %s", id)
	return nil
}

// writingTask is writing for a command on a task: a wrong id is told before anything is touched.
func (a *app) writingTask(ctx context.Context, word string) (f *fabric, id jitos.TaskID, stop func(), err error) {
	f, at, err := a.fabric(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	if id, err = f.resolveTask(ctx, at, word); err != nil {
		return nil, "", nil, err
	}
	f, stop, err = a.writing(ctx)
	return f, id, stop, err
}
