package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func absorbCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "absorb",
		Category:  groupSync,
		Usage:     "bring your commits into the system line",
		ArgsUsage: "[BRANCH]",
		Description: `Of the current branch, or of BRANCH. Holds after an amend, a rebase or a reset too: what is collapsed and not landed
stays. ` + "`do` and `run`" + ` do it by themselves.

--json: {"commit","from","branch","files":["…"]}; commit is "" where nothing was new`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dirty", Usage: "take uncommitted changes of tracked files along"},
			&cli.BoolFlag{Name: "committed", Usage: "leave uncommitted changes out"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.absorb(c) },
	}
}

func (a *app) absorb(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 0, 1)
	if err != nil {
		return err
	}
	mode, err := modeOf(c)
	if err != nil {
		return err
	}
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	branch := ""
	if len(args) == 1 {
		branch = args[0]
	}
	done, err := f.hands.Absorb(ctx, branch, mode)
	if err != nil {
		return err
	}
	stop()
	if done.Files == nil {
		done.Files = []string{}
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"commit": done.Commit, "from": done.From, "branch": done.Branch, "files": done.Files})
	}
	if done.Commit == "" {
		a.ui.notef("nothing to absorb: the system line has all of %s", branchWords(done.Branch))
		return nil
	}
	a.ui.printf("absorbed %s: %s changed on the system line\n", branchWords(done.Branch), plural(len(done.Files), "file"))
	return nil
}

func branchWords(branch string) string {
	if branch == "" {
		return "the detached HEAD"
	}
	return clean(branch)
}

func landCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "land",
		Category:  groupSync,
		Usage:     "carry collapsed files to a branch of yours, as one ordinary commit",
		ArgsUsage: "[BRANCH]",
		Description: `To the branch that the fabric follows, or to BRANCH. Where it is checked out, the working tree follows as git would, or
the landing is refused. --branch makes a new branch from the commit last synced: a clean one for a pull request. After
` + "`do --dirty`" + ` only jitos's own difference is put on the working tree, uncommitted.

--json: {"commit","branch","files":["…"],"working_tree":bool}`,
		Flags:  []cli.Flag{&cli.StringFlag{Name: "branch", Usage: "make branch `NEW`"}, jsonFlag()},
		Action: func(c *cli.Context) error { return a.land(c) },
	}
}

func (a *app) land(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 0, 1)
	if err != nil {
		return err
	}
	var o jitos.LandOptions
	switch {
	case len(args) == 1 && c.IsSet("branch"):
		return usage("land takes BRANCH, or --branch NEW, not both")
	case len(args) == 1:
		o.Branch = args[0]
	case c.IsSet("branch"):
		o.Branch, o.New = c.String("branch"), true
		if o.Branch == "" {
			return usage("--branch needs a name")
		}
	}
	if ofFabric(o.Branch) {
		return usage("land on %s: branches jitos/* are the fabric's own", o.Branch)
	}
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	done, err := f.hands.Land(ctx, o)
	if err != nil {
		return err
	}
	stop()
	if done.Files == nil {
		done.Files = []string{}
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"commit": done.Commit, "branch": done.Branch, "files": done.Files, "working_tree": done.Patched})
	}
	a.ui.printf("%s\n", landedWords(done))
	return nil
}

func landedWords(done jitos.Landed) string {
	files := plural(len(done.Files), "file")
	switch {
	case done.Patched:
		return files + " changed in the working tree, uncommitted"
	case done.Commit == "":
		return "nothing to land: the branch has all that was collapsed"
	}
	return fmt.Sprintf("landed %s on %s as %s", files, branchWords(done.Branch), short(done.Commit))
}
