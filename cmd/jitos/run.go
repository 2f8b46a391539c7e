package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func runCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "run",
		Category:  groupWork,
		Usage:     "try the plans of a task until one collapses; resume what was interrupted",
		ArgsUsage: "TASK",
		Description: `Starts from the files of the current branch. An attempt that is open in another clone is left to it (exit 9); --take-over goes on
with it here, from what was shared of it: that is one rewrite of the system line, and whichever clone ends the attempt and
shares that first has ended it for all. --json prints what ` + "`jitos do --json`" + ` prints, with the same exit codes.`,
		Flags: append([]cli.Flag{&cli.StringFlag{Name: "slap", Usage: "try only `PLAN`: its number as `jitos plan` lists it, or its id"},
			&cli.BoolFlag{Name: "take-over", Usage: "go on with attempts that are open in another clone"}}, runFlags()...),
		Action: func(c *cli.Context) error { return a.run(c) },
	}
}

func (a *app) run(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	mode, err := modeOf(c)
	if err != nil {
		return err
	}
	set, race, err := a.howToRun(c)
	if err != nil {
		return err
	}
	if _, _, err := a.fabric(ctx); err != nil {
		return err
	}
	if err := a.boxed(ctx); err != nil {
		return err
	}
	f, id, stop, err := a.writingTask(ctx, args[0])
	if err != nil {
		return err
	}
	set(f.kernel)
	if c.Bool("take-over") {
		if _, err := f.kernel.TakeOver(ctx, id); err != nil {
			stop()
			return err
		}
	}
	out, err := f.runTask(ctx, id, c.String("slap"), mode, race)
	if err == nil && c.Bool("land") && out.Outcome == "collapsed" {
		var landed jitos.Landed
		landed, err = f.hands.Land(ctx, jitos.LandOptions{})
		out.Landed = landed.Commit
	}
	stop()
	return a.report(c, f, out, err)
}

func (f *fabric) runTask(ctx context.Context, id jitos.TaskID, slap string, mode jitos.AbsorbMode, race int) (jitos.Outcome, error) {
	out := jitos.Outcome{Task: id, Outcome: "failed"}
	if _, err := f.hands.Absorb(ctx, "", mode); err != nil {
		out.Reason = err.Error()
		return out, err
	}
	o := jitos.RunOptions{Race: race}
	if slap != "" {
		at, err := f.kernel.System(ctx)
		if err != nil {
			return out, err
		}
		if o.Slap, err = f.resolvePlan(ctx, at, id, slap); err != nil {
			return out, err
		}
	}
	return f.hands.Run(ctx, id, o)
}

// resolvePlan finds a plan of a task: by its number in the list that `jitos plan` printed last, or by its id.
func (f *fabric) resolvePlan(ctx context.Context, at jitos.Snapshot, task jitos.TaskID, word string) (jitos.SlapID, error) {
	v, err := jitos.ViewTask(ctx, at, task, f.repo.Clone())
	if err != nil {
		return "", err
	}
	list := plansInOrder(v)
	if n, err := strconv.Atoi(word); err == nil {
		if n < 1 || n > len(list) {
			return "", jitos.Hint(fmt.Errorf("plan %d of %s: %w: it has %s", n, task, jitos.ErrNotFound, plural(len(list), "plan")),
				"`jitos plan %s` makes and lists them", task)
		}
		return jitos.SlapID(list[n-1].ID.Name), nil
	}
	names := make([]string, len(list))
	for i, s := range list {
		if names[i] = s.ID.Name; names[i] == word {
			return jitos.SlapID(word), nil
		}
	}
	name, err := jitos.OnlyName(jitos.KindSlap, word, prefixed(names, word), 0)
	return jitos.SlapID(name), err
}

// plansInOrder lists the plans that a run would try, in its order: those that were handed in, newest cost first, then the
// candidates of the last planning.
func plansInOrder(v jitos.TaskView) []jitos.Found[jitos.Slap] {
	byID := map[jitos.SlapID]jitos.Found[jitos.Slap]{}
	var list []jitos.Found[jitos.Slap]
	for _, s := range v.Slaps {
		byID[jitos.SlapID(s.ID.Name)] = s
		if s.Record.By != "planner" {
			list = append([]jitos.Found[jitos.Slap]{s}, list...)
		}
	}
	if v.Planning != nil {
		for _, id := range v.Planning.Record.Slaps {
			if s, ok := byID[id]; ok {
				list = append(list, s)
			}
		}
	}
	return list
}
