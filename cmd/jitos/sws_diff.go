package main

import (
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/overlay"
)

func swsDiffCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show what a workspace changed since its snapshot",
		ArgsUsage: "[NAME]",
		Description: `Prints a patch that git apply takes; --graph prints the nodes and edges instead, with the fields that differ. With --names
only what differs is named, and no file or node is read.

--json: {"name","base","tip","files":[{"path","old_mode","new_mode","old","new","binary","added","removed","hunks"}],
"graph":{…}}`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "stat", Usage: "only the number of lines for each file"},
			&cli.BoolFlag{Name: "names", Usage: "only the names: of the files, with --graph of the nodes and edges"},
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
	if c.Bool("names") && !c.Bool("json") && !c.Bool("stat") {
		return a.swsDiffNames(c, f, w)
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
		}
		return overlay.WritePatch(out, files)
	})
}

func (a *app) swsDiffNames(c *cli.Context, f *fabric, w jitos.Workspace) error {
	d, err := f.merger.Changes(c.Context, w.Base, w.Tip)
	if err != nil {
		return err
	}
	return a.ui.page(func(out io.Writer) error {
		names := d.Paths
		if c.Bool("graph") {
			names = nil
			for _, i := range d.Items {
				names = append(names, string(i.Item))
			}
		}
		_, err := io.WriteString(a.ui.cleanWriter(out), strings.Join(append(names, ""), "\n"))
		return err
	})
}
