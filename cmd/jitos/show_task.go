package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jitos/jitos"
)

// writeTask tells a task's whole story: what is wanted, which plans there are, how each attempt ended and what it taught.
func (a *app) writeTask(ctx context.Context, b *strings.Builder, f *fabric, at jitos.Snapshot, id jitos.TaskID) error {
	v, err := jitos.ViewTask(ctx, at, id, f.repo.Clone())
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "%s  %s\n", a.ui.bold(id.Node().String()), a.ui.paintTone(taskTone(v.Status), string(v.Status)))
	fmt.Fprintf(b, "  %s %s\n", a.ui.dim("intent:"), line(v.Task.Intent))
	if v.Task.Name != "" {
		fmt.Fprintf(b, "  %s %s%s\n", a.ui.dim("understood as:"), line(v.Task.Name), argsNote(v.Task.Args))
	}
	if v.Task.Goal != nil {
		fmt.Fprintf(b, "  %s %s\n", a.ui.dim("goal:"), gateNote(*v.Task.Goal))
	}
	for _, g := range v.Task.Gates {
		fmt.Fprintf(b, "  %s %s\n", a.ui.dim("keeps:"), gateNote(g))
	}
	fmt.Fprintf(b, "  %s %s\n", a.ui.dim("by:"), line(v.Task.Actor))
	a.writePlans(b, v)
	for _, p := range v.Processes {
		if err := a.writeAttempt(ctx, b, f, at, p); err != nil {
			return err
		}
	}
	for _, e := range v.Evidence {
		fmt.Fprintf(b, "%s %s %s\n", a.ui.dim("before:"), line(e.Record.Gate), a.ui.paintTone(verdictTone(e.Record.Verdict), f.evidenceNote(e.Record)))
		if e.Record.Report != nil {
			for _, t := range firstFew(e.Record.Report.Failed, 5) {
				fmt.Fprintf(b, "  failed: %s\n", line(t))
			}
		}
	}
	return nil
}

func argsNote(args map[string]string) string {
	note := ""
	for _, k := range sortedKeys(args) {
		note += " " + clean(k) + "=" + line(args[k])
	}
	return note
}

func gateNote(g jitos.GateRef) string {
	if g.Run != "" {
		return "`" + line(g.Run) + "`"
	}
	return line(g.Gate) + argsNote(g.Args)
}

func (a *app) writePlans(b *strings.Builder, v jitos.TaskView) {
	for _, s := range v.Slaps {
		steps := make([]string, len(s.Record.Steps))
		for i, step := range s.Record.Steps {
			steps[i] = line(step.Name)
		}
		fmt.Fprintf(b, "%s %s  %s, cost %d, by %s\n", a.ui.dim("plan"), s.ID.Name, line(s.Record.Title), s.Record.Cost, person(s.Record.By))
		fmt.Fprintf(b, "  %s %s\n", a.ui.dim("steps:"), strings.Join(steps, ", "))
	}
	if v.Planning == nil {
		return
	}
	for _, w := range v.Planning.Record.WhyNot {
		fmt.Fprintf(b, "%s %s: %s\n", a.ui.dim("not planned:"), line(w.Method), line(w.Reason))
	}
}

func (a *app) writeAttempt(ctx context.Context, b *strings.Builder, f *fabric, at jitos.Snapshot, p jitos.ProcessView) error {
	note, tone := f.processNote(p)
	fmt.Fprintf(b, "%s %s  %s\n", a.ui.dim("attempt"), p.ID, a.ui.paintTone(tone, note))
	if p.Attempt != nil {
		fmt.Fprintf(b, "  %s %s: %s\n", a.ui.dim("because:"), line(p.Attempt.Kind), line(p.Attempt.Reason))
	}
	if err := a.writeJobs(ctx, b, f, at, p); err != nil {
		return err
	}
	if p.Collapse != nil {
		for _, name := range p.Collapse.Evidence {
			e, err := jitos.Get[jitos.Evidence](ctx, at, jitos.NodeID{Kind: jitos.KindEvidence, Name: name})
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "  %s %s %s\n", a.ui.dim("evidence:"), line(e.Gate), a.ui.paintTone(verdictTone(e.Verdict), f.evidenceNote(e)))
		}
		if p.Collapse.NoGate != "" {
			fmt.Fprintf(b, "  %s %s\n", a.ui.dim("without a gate:"), line(p.Collapse.NoGate))
		}
	}
	for fd, err := range jitos.Targets[jitos.Finding](ctx, at, p.ID.Node(), jitos.LabelFinding) {
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "  %s %s: %s\n", a.ui.dim("found:"), line(fd.Record.About), line(fd.Record.Text))
	}
	for c, err := range jitos.Targets[jitos.Conflict](ctx, at, p.ID.Node(), jitos.LabelConflict) {
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "  %s %s: %s\n", a.ui.dim("conflict:"), conflictAbout(c.Record), line(c.Record.Why))
	}
	return nil
}

// writeJobs names the jobs of an attempt that were not run, and where their results came from; and of those that had a way to the
// network, where they were.
func (a *app) writeJobs(ctx context.Context, b *strings.Builder, f *fabric, at jitos.Snapshot, p jitos.ProcessView) error {
	work, err := f.kernel.WorkOf(ctx, at, p)
	if errors.Is(err, jitos.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	jobs, err := jitos.ViewJobs(ctx, work, p.ID)
	for _, j := range jobs {
		if c := j.Last(); c != nil && c.Settlement != nil && c.Settlement.From != "" {
			from := clean(c.Settlement.From)
			if c.Settlement.Signer != "" {
				from += ", signed by " + line(c.Settlement.Signer)
			}
			fmt.Fprintf(b, "  %s %s, from %s\n", a.ui.dim("not run:"), line(j.Step.Name), from)
		}
		a.writeNet(b, j)
	}
	return err
}

// writeNet tells where the tries of a job were by the proxy, and where they were not let.
func (a *app) writeNet(b *strings.Builder, j jitos.JobView) {
	for _, c := range j.Claims {
		if c.Settlement == nil {
			continue
		}
		for _, use := range c.Settlement.Net {
			if use.Connections > 0 {
				fmt.Fprintf(b, "  %s %s reached %s: %s, %d bytes sent, %d received\n", a.ui.dim("net:"), line(j.Step.Name), line(use.To),
					plural(use.Connections, "connection"), use.Sent, use.Received)
			}
			if use.Refused > 0 {
				fmt.Fprintf(b, "  %s %s was refused %s, %d times\n", a.ui.dim("net:"), line(j.Step.Name), line(use.To), use.Refused)
			}
		}
	}
}
