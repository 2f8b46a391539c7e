package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/overlay"
)

// fabricView is what the screen asks and does.
type fabricView struct{ f *wire.Fabric }

// around are the open workspaces, and what waits for a person.
func (r fabricView) around(ctx context.Context) ([]jitos.Workspace, []jitos.Waiting, error) {
	lanes, err := r.f.Kernel.Workspaces(ctx)
	if err != nil {
		return nil, nil, err
	}
	at, err := r.f.Kernel.System(ctx)
	if err != nil {
		return nil, nil, err
	}
	open, err := jitos.OpenProcesses(ctx, at)
	if err != nil {
		return nil, nil, err
	}
	waits, err := r.f.Kernel.Inbox(ctx, open)
	return lanes, waits, err
}

// commitText is a rewrite with what it changed, in files and in the graph.
func (r fabricView) commitText(ctx context.Context, id jitos.CommitID) (string, error) {
	at, err := r.f.Store.Open(ctx, id)
	if err != nil {
		return "", err
	}
	c := at.Commit()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s  %s\n", c.Subject, c.Author, c.When.Local().Format("2006-01-02 15:04:05"))
	if c.Body != "" {
		fmt.Fprintf(&b, "\n%s\n", c.Body)
	}
	if len(c.Parents) == 0 {
		return b.String(), nil
	}
	before, err := r.f.Store.Open(ctx, c.Parents[0])
	if err != nil {
		return "", err
	}
	if err := r.files(ctx, &b, before.Tree(), c.Tree); err != nil {
		return "", err
	}
	graph, err := r.f.Merger.DiffGraph(ctx, before, at)
	if err != nil {
		return "", err
	}
	b.WriteString("\n")
	err = overlay.WriteGraph(&b, graph)
	return b.String(), err
}

func (r fabricView) files(ctx context.Context, b *strings.Builder, from, to jitos.TreeID) error {
	files, err := r.f.Merger.DiffFiles(ctx, from, to)
	if err != nil {
		return err
	}
	b.WriteString("\n")
	return overlay.WritePatch(b, files)
}

// diffText is what an attempt that waits changes.
func (r fabricView) diffText(ctx context.Context, w jitos.Waiting) (string, error) {
	at, err := r.f.Kernel.System(ctx)
	if err != nil {
		return "", err
	}
	p, err := jitos.Get[jitos.Process](ctx, at, w.Process.Node())
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = r.files(ctx, &b, p.Tree, w.Tree)
	return b.String(), err
}

// answer records a decision, as the commands answer, approve and reject do.
func (r fabricView) answer(ctx context.Context, id string, d jitos.Decision, text string) error {
	if err := r.f.Kernel.Heal(ctx); err != nil {
		return err
	}
	_, err := r.f.Kernel.Answer(ctx, id, d, text)
	return err
}
