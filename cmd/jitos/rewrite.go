package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func rewriteCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "rewrite",
		Category:  groupHand,
		Usage:     "submit a rewrite: nodes and edges to set or drop",
		ArgsUsage: "FILE|-",
		Description: `Reads one JSON object; unknown keys are refused:

  {"what": "note the owner of the parser",                     one line, what happened
   "why":  "asked for by the audit",                           optional
   "set":  [{"node": "owner/parser", "fields": {"team": "core"}}],
   "edges": [{"from": "owner/parser", "label": "owns", "to": "component/parser", "key": "", "attrs": {}}],
   "drop": ["owner/lexer", {"from": "owner/parser", "label": "owns", "to": "component/lexer", "key": ""}],
   "reads": [{"node": "owner/parser", "is": "…"}, {"path": "go.mod"}, {"pattern": {"kind": "owner", "has": {"team": "core"}}}]}

Kinds that the kernel writes are refused. A read says what the rewrite relied on: "is" is what was seen (as ` + "`jitos show`" + `
and a refusal print it, "" for absent; without it, what is there now); where it has changed the rewrite is refused (exit 5).
Without --sws it is one commit on the system line; with it one commit in that workspace.

--json: {"commit","what"}`,
		Flags:  []cli.Flag{&cli.StringFlag{Name: "sws", Usage: "write into workspace `NAME`"}, jsonFlag()},
		Action: func(c *cli.Context) error { return a.rewrite(c) },
	}
}

func (a *app) rewrite(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	raw, err := a.readInput(args[0])
	if err != nil {
		return err
	}
	form, err := parseForm(inputName(args[0]), raw)
	if err != nil {
		return err
	}
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	at, err := f.kernel.System(ctx)
	if err != nil {
		return err
	}
	sws := c.String("sws")
	if sws != "" {
		w, err := f.kernel.Workspace(ctx, sws)
		if err != nil {
			return err
		}
		sws = w.Name
		if at, err = f.store.Open(ctx, w.Tip); err != nil {
			return err
		}
	}
	s, err := form.submission(ctx, at)
	if err != nil {
		return err
	}
	commit, err := f.hands.SubmitRewrite(ctx, s, sws)
	if err != nil {
		return err
	}
	stop()
	if c.Bool("json") {
		return a.ui.json(map[string]any{"commit": commit.ID, "what": commit.Subject})
	}
	a.ui.printf("%s %s\n", short(commit.ID), line(commit.Subject))
	return nil
}

// submission looks up, at the snapshot that the rewrite is for, what its reads see where the form does not say.
func (r form) submission(ctx context.Context, at jitos.Snapshot) (jitos.Submission, error) {
	s := jitos.Submission{Set: r.set, Edges: r.edges, Drop: r.drop, What: r.what, Why: r.why}
	for _, read := range r.reads {
		if !read.seen {
			var err error
			if read.Is, err = jitos.Look(ctx, at, read.Read); err != nil {
				return s, fmt.Errorf("rewrite: reads: %w", err)
			}
		}
		s.Reads = append(s.Reads, read.Read)
	}
	return s, nil
}
