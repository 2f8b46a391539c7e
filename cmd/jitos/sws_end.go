package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/overlay"
)

func swsCollapseCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "collapse",
		Usage:     "merge a workspace into the system line, checked, all or nothing",
		ArgsUsage: "[NAME]",
		Description: `The merge is made against the system line as it is, and the gates run on exactly the tree that it gives: those of the
task and of the policy, else the repository's own tests. --no-gate, for a workspace made by hand, says why none is needed.

--json: {"name","commit","files":["…"],"conflicts":[…],"evidence":[…]}`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "preview", Usage: "show what would be merged; prove and write nothing"},
			&cli.BoolFlag{Name: "no-gate", Usage: "merge a workspace made by hand without a gate; needs -m"},
			&cli.StringFlag{Name: "m", Usage: "why no gate is needed, in `WORDS`"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.swsCollapse(c) },
	}
}

func (a *app) swsCollapse(c *cli.Context) error {
	ctx := c.Context
	o, err := collapseOptions(c)
	if err != nil {
		return err
	}
	f, _, w, err := a.workspaceArg(c)
	if err != nil {
		return err
	}
	if o.Preview {
		done, err := f.kernel.Collapse(ctx, w.Process, o)
		if err != nil {
			return err
		}
		return a.sayPreview(c, f, w, done)
	}
	if o.NoGate != "" && !w.Process.Process.Hand {
		return fmt.Errorf("--no-gate: %w: workspace %s was not made by hand, so its task's gates hold", jitos.ErrDenied, w.Name)
	}
	if _, stop, err := a.writing(ctx); err != nil {
		return err
	} else {
		defer stop()
	}
	_, release, err := f.take(ctx, w)
	if err != nil {
		return err
	}
	defer release()
	done, err := f.hands.Collapse(ctx, w.Process, o)
	if err != nil && done.Commit != "" {
		return jitos.Hint(fmt.Errorf("%s was collapsed as %s, and its branch is still there: %w", w.Name, short(done.Commit), err),
			"the next command that writes removes it")
	}
	if err != nil {
		return collapseHint(w, err)
	}
	if c.Bool("json") {
		return a.ui.json(collapseJSON(w, done))
	}
	a.ui.printf("collapsed %s: %s changed, as %s\n", w.Name, plural(len(done.Files), "file"), short(done.Commit))
	a.sayUnlanded(ctx, f)
	return nil
}

func collapseOptions(c *cli.Context) (jitos.CollapseOptions, error) {
	o := jitos.CollapseOptions{Preview: c.Bool("preview")}
	why := strings.TrimSpace(c.String("m"))
	switch {
	case c.Bool("no-gate") && why == "":
		return o, usage("--no-gate needs -m: say why no gate is needed")
	case c.Bool("no-gate"):
		o.NoGate = why
	case why != "":
		return o, usage("-m says why no gate is needed: it goes with --no-gate")
	}
	return o, nil
}

// collapseHint says how a refused collapse goes on.
func collapseHint(w jitos.Workspace, err error) error {
	var refused *jitos.ConflictError
	switch {
	case hintOf(err) != "":
		return err
	case errors.As(err, &refused):
		err = fmt.Errorf("collapse %s: %w", w.Name, err)
		for _, c := range refused.Conflicts {
			if !c.ReadMoved() {
				return jitos.Hint(err, "nothing was merged. Make what clashes as jitos/system has it, save, `jitos sws rebase %s`, then bring your change in again; or work anew in `jitos sws new`", w.Name)
			}
		}
		return jitos.Hint(err, "nothing was merged; `jitos sws rebase %s` brings the system line in", w.Name)
	}
	return jitos.Hint(fmt.Errorf("collapse %s: %w", w.Name, err), "nothing was merged; the workspace is as it was")
}

// collapsedJSON is what sws collapse prints as JSON.
type collapsedJSON struct {
	Name      string           `json:"name"`
	Commit    jitos.CommitID   `json:"commit"`
	Files     []string         `json:"files"`
	Conflicts []jitos.Conflict `json:"conflicts"`
	Evidence  []jitos.Evidence `json:"evidence"`
}

func collapseJSON(w jitos.Workspace, done jitos.Collapsed) collapsedJSON {
	r := collapsedJSON{w.Name, done.Commit, done.Files, done.Conflicts, done.Evidence}
	if r.Files == nil {
		r.Files = []string{}
	}
	if r.Conflicts == nil {
		r.Conflicts = []jitos.Conflict{}
	}
	if r.Evidence == nil {
		r.Evidence = []jitos.Evidence{}
	}
	return r
}

// sayPreview shows what a collapse would merge. Conflicts are the answer, and the exit code says so.
func (a *app) sayPreview(c *cli.Context, f *fabric, w jitos.Workspace, done jitos.Collapsed) error {
	ctx := c.Context
	var refused error
	if len(done.Conflicts) > 0 {
		refused = collapseHint(w, &jitos.ConflictError{Conflicts: done.Conflicts})
	}
	if c.Bool("json") {
		if err := a.ui.json(collapseJSON(w, done)); err != nil {
			return err
		}
		return refused
	}
	if refused != nil {
		for _, conflict := range done.Conflicts {
			what := conflict.Path
			if what == "" {
				what = string(conflict.Item)
			}
			a.ui.printf("conflict  %s: %s\n", clean(what), line(conflict.Why))
		}
		return refused
	}
	at, err := f.kernel.System(ctx)
	if err != nil {
		return err
	}
	files, err := f.merger.DiffFiles(ctx, at.Tree(), done.Rewrite.Tree)
	if err != nil {
		return err
	}
	if err := a.ui.page(func(out io.Writer) error { return overlay.WriteStat(a.ui.cleanWriter(out), files) }); err != nil {
		return err
	}
	a.ui.printf("%s and %s would be set, %s dropped\n", plural(len(done.Rewrite.Set), "node"), plural(len(done.Rewrite.Edges), "edge"),
		plural(len(done.Rewrite.Drop), "item"))
	a.ui.notef("nothing was written; the gates run when it is collapsed")
	return nil
}

func swsDiscardCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "discard",
		Usage:     "give a workspace up; what it taught stays",
		ArgsUsage: "[NAME]",
		Description: `The reason is recorded on the system line, and the workspace's commits stay reachable in jitos/archive/<month>.
A worktree of it must have nothing unsaved.`,
		Flags: []cli.Flag{&cli.StringFlag{Name: "m", Usage: "why, in `WORDS`"}},
		Action: func(c *cli.Context) error {
			if strings.TrimSpace(c.String("m")) == "" {
				return usage("discard needs -m: say why, so that the next attempt can learn from it")
			}
			return a.swsDiscard(c)
		},
	}
}

func (a *app) swsDiscard(c *cli.Context) error {
	ctx := c.Context
	f, at, w, err := a.workspaceArg(c)
	if errors.Is(err, jitos.ErrNotFound) && at != nil {
		w, err = lostWorkspace(ctx, at, c.Args().First(), err)
	}
	if err != nil {
		return err
	}
	if _, stop, err := a.writing(ctx); err != nil {
		return err
	} else {
		defer stop()
	}
	_, release, err := f.take(ctx, w)
	if err != nil {
		return err
	}
	defer release()
	return f.hands.Discard(ctx, w.Process, "person", c.String("m"))
}

// take makes sure that nobody else is at a workspace: its worktree, nil for none, has nothing unsaved, and no job of it
// runs until release.
func (f *fabric) take(ctx context.Context, w jitos.Workspace) (tree *worktree, release func(), err error) {
	if tree, err = f.worktreeOf(ctx, w.Name); err != nil {
		return nil, nil, err
	}
	if tree != nil {
		if err := tree.requireClean(ctx, w.Name); err != nil {
			return nil, nil, err
		}
	}
	if release, err = f.repo.Hold(w.Process.ID); err != nil {
		return nil, nil, fmt.Errorf("workspace %s: its jobs are running: %w", w.Name, err)
	}
	return tree, release, nil
}

// lostWorkspace finds an open process whose branch somebody deleted with plain git: it can still be discarded.
func lostWorkspace(ctx context.Context, at jitos.Snapshot, name string, notFound error) (jitos.Workspace, error) {
	open, err := jitos.OpenProcesses(ctx, at)
	if err != nil {
		return jitos.Workspace{}, err
	}
	for _, p := range open {
		if p.Process.SWS == name {
			return jitos.Workspace{Name: name, Process: p}, nil
		}
	}
	return jitos.Workspace{}, notFound
}

func swsRebaseCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "rebase",
		Usage:     "merge the system line, as it is, into a workspace",
		ArgsUsage: "[NAME]",
		Description: `Work by hand is merged. In another workspace the changes of jobs whose inputs still hold are carried over, and the
others run again with ` + "`jitos run`" + `. A worktree of it must have nothing unsaved, and follows.`,
		Action: func(c *cli.Context) error { return a.swsRebase(c) },
	}
}

func (a *app) swsRebase(c *cli.Context) error {
	ctx := c.Context
	f, _, w, err := a.workspaceArg(c)
	if err != nil {
		return err
	}
	if _, stop, err := a.writing(ctx); err != nil {
		return err
	} else {
		defer stop()
	}
	tree, release, err := f.take(ctx, w)
	if err != nil {
		return err
	}
	defer release()
	if err := f.kernel.Rebase(ctx, w.Process); err != nil {
		return fmt.Errorf("rebase %s: %w", w.Name, err)
	}
	after, err := f.store.Head(ctx, workspaceRef(w.Name))
	if err != nil {
		return err
	}
	if after == w.Tip {
		a.ui.notef("workspace %s is on the newest system commit already", w.Name)
		return nil
	}
	if tree != nil {
		if err := tree.follow(ctx, string(w.Tip), string(after)); err != nil {
			return err
		}
	}
	a.ui.notef("rebased %s: now at %s", w.Name, short(after))
	return nil
}
