package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func uninitCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "uninit",
		Category: groupStart,
		Usage:    "remove the fabric from this repository without a trace",
		Description: `Removes the branches jitos/*, worktrees of workspaces, and jitos's directory in the git directory. Your branches and
working tree stay as they are; git collects the objects when it likes. Without --yes it only says what would go.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "yes", Usage: "do it"},
			&cli.BoolFlag{Name: "force", Usage: "also where worktrees of workspaces have uncommitted changes"},
		},
		Action: func(c *cli.Context) error { return a.uninit(c) },
	}
}

func (a *app) uninit(c *cli.Context) error {
	ctx := c.Context
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, err := a.open(ctx)
	if err != nil {
		return err
	}
	refs := 0
	for at, err := range f.store.Refs(ctx, "refs/heads/jitos/") {
		if err != nil {
			return err
		}
		refs++
		if !c.Bool("yes") {
			a.ui.printf("%s %s\n", short(at.ID), clean(string(at.Ref)))
		}
	}
	if !c.Bool("yes") {
		if refs == 0 {
			a.ui.notef("this repository has no fabric: nothing to remove")
			return nil
		}
		return jitos.Hint(usage("uninit would remove %s, and what jitos knows about this clone; nothing was removed", plural(refs, "branch", "branches")),
			"--yes removes them; `jitos push` first keeps a copy elsewhere")
	}
	left, err := f.leftWorktrees(ctx)
	if err != nil {
		return err
	}
	if err := f.repo.CheckUninit(ctx, c.Bool("force")); err != nil {
		return fmt.Errorf("uninit: %w", err)
	}
	for _, dir := range left {
		if err := f.repo.WorktreeRemove(ctx, dir, c.Bool("force")); err != nil {
			a.ui.notef("jitos: notice: the worktree %s stays: %s", clean(dir), line(err.Error()))
		}
	}
	if err := f.repo.Uninit(ctx, c.Bool("force")); err != nil {
		return fmt.Errorf("uninit: %w", err)
	}
	a.ui.notef("removed %s; your branches and files are as they were", plural(refs, "branch", "branches"))
	return nil
}

// leftWorktrees are those that `sws dir` made and whose workspaces have ended: they stand detached.
func (f *fabric) leftWorktrees(ctx context.Context) ([]string, error) {
	parent, err := f.worktreesDir()
	if err != nil {
		return nil, err
	}
	all, err := f.repo.Worktrees(ctx)
	var left []string
	for _, w := range all {
		if w.Branch == "" && filepath.Dir(w.Dir) == parent {
			left = append(left, w.Dir)
		}
	}
	return left, err
}
