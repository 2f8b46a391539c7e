package main

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

func gcCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "gc",
		Category: groupTool,
		Usage:    "join the packs that jitos wrote, and write git's commit-graph",
		Description: `Each rewrite leaves a small pack. jitos has them joined in the background when there are many, long before git would
start a gc of its own; this command joins them all now. It only touches packs that jitos wrote and that nobody holds, it may
be killed at any time, and it keeps no other command waiting. What nothing reaches, loose objects and your own packs are
left to ` + "`git gc`" + `, which is safe beside jitos.

Where the policy says how long (retention: {archive_months}), older months of the archive of discarded attempts are dropped, which
the system line records: what the attempts taught stays, their commits are neither fetched nor pushed any more.

--dry-run does the same work and throws it away: its numbers are those of a run at this moment. Ends with 9 where another
process does this already.
--json: {"dryRun","retired":[{"month","tip","entries"}],"joined":{"packs","objects","before","after"},"freed","graph",
"left":[{"pack","why"}]}; before, after and
freed are bytes, graph says whether the commit-graph is written anew.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "say what it would do and free, and change nothing"},
			jsonFlag(),
			&cli.BoolFlag{Name: "background", Hidden: true},
		},
		Action: func(c *cli.Context) error { return a.gc(c) },
	}
}

// gcResult is what `gc --json` prints.
type gcResult struct {
	DryRun  bool               `json:"dryRun"`
	Retired []jitos.Retired    `json:"retired"`
	Joined  warpgit.Joined     `json:"joined"`
	Freed   int64              `json:"freed"`
	Graph   bool               `json:"graph"`
	Left    []warpgit.LeftPack `json:"left"`
}

func (a *app) gc(c *cli.Context) error {
	ctx := c.Context
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	if c.Bool("background") {
		f, err := a.open(ctx)
		if err != nil {
			return err
		}
		f.repo.Background = func() error { return nil }  // this is it: what it could not join, the next one need not try at once
		syscall.Setpriority(syscall.PRIO_PROCESS, 0, 10) // refused or not, the work is the same
		return f.repo.Maintain(ctx)
	}
	f, _, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	retired, err := a.retire(ctx, f, c.Bool("dry-run"))
	if err != nil {
		return err
	}
	done, err := f.repo.GC(ctx, c.Bool("dry-run"))
	if err != nil {
		return err
	}
	r := gcResult{c.Bool("dry-run"), retired, done.Joined, done.Joined.Before - done.Joined.After, done.Graph, done.Left}
	if c.Bool("json") {
		if r.Left == nil {
			r.Left = []warpgit.LeftPack{}
		}
		return a.ui.json(r)
	}
	a.sayGC(r)
	return nil
}

// retire drops the months of the archive that the policy keeps no longer.
func (a *app) retire(ctx context.Context, f *fabric, dry bool) ([]jitos.Retired, error) {
	if !dry {
		if err := f.wired.AsUser(ctx, func(jitos.Event) {}); err != nil {
			return nil, err
		}
	}
	list, err := f.kernel.Retire(ctx, dry)
	if err != nil || dry {
		return list, err
	}
	for _, m := range list {
		if err := f.repo.Forget(ctx, jitos.Ref(jitos.ArchivePrefix+m.Month)); err != nil {
			return list, err
		}
	}
	return list, nil
}

func (a *app) sayGC(r gcResult) {
	drop, join, write, freed := "dropped", "joined", "wrote", "freed"
	if r.DryRun {
		drop, join, write, freed = "would drop", "would join", "would write", "would be freed; nothing was changed"
	}
	for _, m := range r.Retired {
		a.ui.printf("%s the archive of %s with %s\n", drop, m.Month, plural(m.Entries, "discarded attempt"))
	}
	if r.Joined.Packs > 0 {
		a.ui.printf("%s %s with %s: %s become %s\n", join, plural(r.Joined.Packs, "pack"), plural(r.Joined.Objects, "object"),
			sizeWords(r.Joined.Before), sizeWords(r.Joined.After))
	}
	if r.Graph {
		a.ui.printf("%s the commit-graph\n", write)
	}
	for _, p := range r.Left {
		a.ui.printf("left %s: %s\n", clean(p.Name), p.Why)
	}
	switch {
	case r.Joined.Packs == 0 && !r.Graph && len(r.Retired) == 0:
		a.ui.notef("nothing to do; `git gc` collects what nothing reaches")
	case r.Joined.Packs > 0:
		a.ui.notef("%s %s", plural(int(r.Freed), "byte"), freed)
	case r.DryRun:
		a.ui.notef("nothing was changed")
	}
}

// background starts `jitos gc --background` in a session of its own, so that it ends with neither this process nor its
// terminal. It runs in the same place, so it finds the same repository.
func (a *app) background() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Args = []string{os.Args[0], "-C", a.place(), "gc", "--background"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}
