package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos/overlay"
)

func swsDiffCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show what a workspace changed since its snapshot",
		ArgsUsage: "[NAME]",
		Description: `Prints a patch that git apply takes; --graph prints the nodes and edges instead.

--json: {"name","base","tip","files":[{"path","old_mode","new_mode","old","new","binary","added","removed","hunks"}],
"graph":{…}}`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "stat", Usage: "only the number of lines for each file"},
			&cli.BoolFlag{Name: "names", Usage: "only the names of the files"},
			&cli.BoolFlag{Name: "graph", Usage: "nodes and edges"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.swsDiff(c) },
	}
}

func (a *app) swsDiff(c *cli.Context) error {
	ctx := c.Context
	f, _, w, err := a.workspaceArg(c)
	if err != nil {
		return err
	}
	base, err := f.store.Open(ctx, w.Base)
	if err != nil {
		return err
	}
	tip, err := f.store.Open(ctx, w.Tip)
	if err != nil {
		return err
	}
	files, err := f.merger.DiffFiles(ctx, base.Tree(), tip.Tree())
	if err != nil {
		return err
	}
	graph, err := f.merger.DiffGraph(ctx, base, tip)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if files == nil {
			files = []overlay.FileDiff{}
		}
		return a.ui.json(map[string]any{"name": w.Name, "base": w.Base, "tip": w.Tip, "files": files, "graph": graph})
	}
	return a.ui.page(func(out io.Writer) error {
		out = a.ui.cleanWriter(out)
		switch {
		case c.Bool("graph"):
			return overlay.WriteGraph(out, graph)
		case c.Bool("stat"):
			return overlay.WriteStat(out, files)
		case c.Bool("names"):
			return writeNames(out, files)
		}
		return overlay.WritePatch(out, files)
	})
}

func writeNames(out io.Writer, files []overlay.FileDiff) error {
	last := ""
	for _, d := range files {
		if d.Path == last {
			continue
		}
		last = d.Path
		if _, err := io.WriteString(out, d.Path+"\n"); err != nil {
			return err
		}
	}
	return nil
}
