package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func undoCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "undo",
		Category:  groupHand,
		Usage:     "append the inverse of the last collapse, or of one that is named",
		ArgsUsage: "[COLLAPSE|REWRITE]",
		Description: `Takes back what a collapse did to the files and to nodes of your own, or what ` + "`jitos method add`" + ` did to the library. Nothing is
rewritten: the inverse is merged with what came since and proven by the gates, as any collapse is; on a conflict nothing
changes (exit 5). What is on record of the work stays. Your branch is unchanged until ` + "`jitos land`" + `. To undo an undo does it again.

COLLAPSE is a commit of the system line, or a task's attempt that collapsed. --preview only looks whether it can be done.

--json: {"undone","commit","files":["…"]}`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "preview", Usage: "say whether it can be undone; write nothing"},
			&cli.BoolFlag{Name: "no-gate", Usage: "collapse it without a gate; needs -m"},
			&cli.StringFlag{Name: "m", Usage: "why no gate is needed, in `WORDS`"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.undo(c) },
	}
}

func (a *app) undo(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 0, 1)
	if err != nil {
		return err
	}
	o, err := collapseOptions(c)
	if err != nil {
		return err
	}
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	var id jitos.CommitID
	if len(args) == 1 {
		if id, err = f.collapseOf(ctx, args[0]); err != nil {
			return err
		}
	}
	target, done, err := f.kernel.Undo(ctx, id, o)
	if err != nil {
		if done.Commit == "" && hintOf(err) == "" && !errors.Is(err, jitos.ErrNotFound) {
			err = jitos.Hint(err, "nothing was undone; --no-gate -m WHY undoes without a gate")
		}
		return err
	}
	stop()
	if c.Bool("json") {
		files := done.Files
		if files == nil {
			files = []string{}
		}
		return a.ui.json(map[string]any{"undone": target.ID, "commit": done.Commit, "files": files})
	}
	if o.Preview {
		a.ui.printf("%s can be undone: %s\n", short(target.ID), line(target.Subject))
		return nil
	}
	a.ui.printf("undone %s (%s): %s changed, as %s\n", short(target.ID), line(target.Subject), plural(len(done.Files), "file"), short(done.Commit))
	a.sayUnlanded(ctx, f)
	return nil
}

// collapseOf finds the commit that is meant: by its id, or by the name of what collapsed.
func (f *fabric) collapseOf(ctx context.Context, word string) (jitos.CommitID, error) {
	if c, ok, err := f.commit(ctx, word); ok || err != nil {
		return c.ID, err
	}
	at, err := f.kernel.System(ctx)
	if err != nil {
		return "", err
	}
	p, err := f.find(ctx, at, word)
	if err != nil {
		return "", err
	}
	made, err := f.maker(ctx, at, jitos.NodeID{Kind: jitos.KindCollapse, Name: p.id.Name})
	if err != nil {
		return "", err
	}
	if made == nil {
		return "", fmt.Errorf("%s: %w: it is no collapse", word, jitos.ErrNotFound)
	}
	return made.ID, nil
}
