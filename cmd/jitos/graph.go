package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func graphCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "graph",
		Category: groupLook,
		Usage:    "draw tasks, plans, attempts, jobs and evidence, and nodes of your own",
		Description: `On a terminal a tree: task, its plans, their attempts, the jobs of each with what they wait for, the evidence, and how it
ended. What several things lead to is drawn once. Below them the nodes that ` + "`jitos rewrite`" + ` made. Box characters where
the locale is UTF-8, else ASCII.

--dot and --mermaid print the same for Graphviz and for Markdown.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dot", Usage: "print it for Graphviz"},
			&cli.BoolFlag{Name: "mermaid", Usage: "print it as a mermaid flowchart"},
			&cli.StringFlag{Name: "task", Usage: "draw this task only, by its `ID`"},
			&cli.IntFlag{Name: "n", Usage: "draw the newest `N` tasks; 0 draws all", Value: 10},
		},
		Action: func(c *cli.Context) error { return a.graph(c) },
	}
}

func (a *app) graph(c *cli.Context) error {
	ctx := c.Context
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	if c.Bool("dot") && c.Bool("mermaid") {
		return usage("--dot and --mermaid exclude each other")
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	p := newPicture()
	if word := c.String("task"); word != "" {
		id, err := f.resolveTask(ctx, at, word)
		if err != nil {
			return err
		}
		if err := f.drawTask(ctx, p, at, id); err != nil {
			return err
		}
	} else if err := f.drawAll(ctx, p, at, c.Int("n")); err != nil {
		return err
	}
	switch {
	case c.Bool("dot"):
		return p.dot(a.ui.out)
	case c.Bool("mermaid"):
		return p.mermaid(a.ui.out)
	case len(p.nodes) == 0:
		a.ui.notef("nothing to draw yet: `jitos do \"INTENT\"` or `jitos rewrite FILE` makes something")
		return nil
	}
	return a.ui.page(func(w io.Writer) error { return a.ui.treeOn(w, p) })
}

// drawAll draws the newest tasks, and the nodes of users.
func (f *fabric) drawAll(ctx context.Context, p *picture, at jitos.Snapshot, most int) error {
	n := 0
	for c, err := range f.store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return err
		}
		if c.Record == nil || c.Record.Rule != jitos.RuleTask {
			continue
		}
		if n++; most > 0 && n > most {
			break
		}
		if err := f.drawTask(ctx, p, at, c.Record.Task); err != nil {
			return err
		}
	}
	return drawOwn(ctx, p, at)
}

// drawOwn draws the nodes that are no kernel's, with the edges that leave them.
func drawOwn(ctx context.Context, p *picture, at jitos.Graph) error {
	var own []jitos.NodeID
	for n, err := range at.Nodes(ctx, "") {
		if err != nil {
			return err
		}
		if jitos.IsKernelKind(n.ID.Kind) {
			continue
		}
		own = append(own, n.ID)
		p.add(spot{id: n.ID.String(), shape: "node", title: n.ID.String(), note: fieldsNote(n.Fields)})
	}
	for _, id := range own {
		for e, err := range at.Edges(ctx, id, "") {
			if err != nil {
				return err
			}
			p.add(spot{id: e.To.String(), shape: "node", title: e.To.String()})
			label := e.Label
			if e.Key != "" {
				label += " (" + line(e.Key) + ")"
			}
			p.lines = append(p.lines, arrow{from: e.From.String(), to: e.To.String(), label: label})
		}
	}
	return nil
}

// drawTask draws one task with everything below it.
func (f *fabric) drawTask(ctx context.Context, p *picture, at jitos.Snapshot, id jitos.TaskID) error {
	v, err := jitos.ViewTask(ctx, at, id, f.repo.Clone())
	if err != nil {
		return err
	}
	p.add(spot{id: id.Node().String(), shape: "task", title: string(id), note: fmt.Sprintf("%q  %s", line(v.Task.Intent), v.Status), tone: taskTone(v.Status)})
	tried := map[jitos.SlapID]bool{}
	for _, pr := range v.Processes {
		tried[pr.Process.Slap] = true
	}
	for _, s := range v.Slaps {
		note := fmt.Sprintf("%s, cost %d", line(s.Record.Title), s.Record.Cost)
		if s.Record.By != "planner" {
			note = line(s.Record.Title) + ", by " + person(s.Record.By)
		}
		if !tried[jitos.SlapID(s.ID.Name)] {
			note += ", not tried"
		}
		p.under(id.Node().String(), "plan", spot{id: s.ID.String(), shape: "plan", title: s.ID.Name, note: note})
		if parent := s.Record.Parent; parent != "" {
			p.lines = append(p.lines, arrow{from: parent.Node().String(), to: s.ID.String(), label: "revision", aside: true})
		}
	}
	for _, pr := range v.Processes {
		if err := f.drawProcess(ctx, p, at, pr); err != nil {
			return err
		}
	}
	for _, e := range v.Evidence {
		p.under(id.Node().String(), "measured", f.evidenceSpot(e))
	}
	return nil
}

func (f *fabric) drawProcess(ctx context.Context, p *picture, at jitos.Snapshot, pr jitos.ProcessView) error {
	id := pr.ID.Node().String()
	note, tone := f.processNote(pr)
	p.under(pr.Process.Slap.Node().String(), "attempt", spot{id: id, shape: "attempt", title: string(pr.ID), note: note, tone: tone})
	ws, err := f.kernel.WorkOf(ctx, at, pr)
	switch {
	case errors.Is(err, jitos.ErrNotFound):
		ws = at // its jobs are not here: what the attempt taught is
	case err != nil:
		return err
	}
	jobs, err := jitos.ViewJobs(ctx, ws, pr.ID)
	if err != nil {
		return err
	}
	byStep := map[string]string{}
	for _, j := range jobs {
		byStep[j.Step.Name] = j.ID.Node().String()
		p.under(id, "", jobSpot(j))
		for _, dep := range j.Step.After {
			p.lines = append(p.lines, arrow{from: byStep[dep], to: byStep[j.Step.Name], label: "then", aside: true})
		}
		for _, c := range j.Claims {
			for e, err := range jitos.Targets[jitos.Evidence](ctx, ws, jitos.NodeID{Kind: jitos.KindSettlement, Name: c.ID.Name}, jitos.LabelEvidence) {
				if err != nil {
					return err
				}
				p.under(j.ID.Node().String(), "", f.evidenceSpot(e))
			}
		}
	}
	return f.drawKnowledge(ctx, p, ws, at, pr)
}

// drawKnowledge draws what an attempt found out, what it clashed with, and its end.
func (f *fabric) drawKnowledge(ctx context.Context, p *picture, ws, at jitos.Snapshot, pr jitos.ProcessView) error {
	id := pr.ID.Node().String()
	for fd, err := range jitos.Targets[jitos.Finding](ctx, ws, pr.ID.Node(), jitos.LabelFinding) {
		if err != nil {
			return err
		}
		p.under(id, "finding", spot{id: fd.ID.String(), shape: "finding", title: line(fd.Record.About), note: line(fd.Record.Text)})
	}
	for c, err := range jitos.Targets[jitos.Conflict](ctx, at, pr.ID.Node(), jitos.LabelConflict) {
		if err != nil {
			return err
		}
		p.under(id, "conflict", spot{id: c.ID.String(), shape: "conflict", title: conflictAbout(c.Record), note: line(c.Record.Why), tone: "bad"})
	}
	switch {
	case pr.Collapse != nil:
		end := jitos.NodeID{Kind: jitos.KindCollapse, Name: string(pr.ID)}
		s := spot{id: end.String(), shape: "end", title: "collapsed", note: "files " + shortTree(pr.Collapse.Tree), tone: "good"}
		if pr.Collapse.NoGate != "" {
			s.note += ", without a gate: " + line(pr.Collapse.NoGate)
		}
		p.under(id, "end", s)
		for _, name := range pr.Collapse.Evidence {
			e, err := jitos.Get[jitos.Evidence](ctx, at, jitos.NodeID{Kind: jitos.KindEvidence, Name: name})
			if err != nil {
				return err
			}
			p.under(end.String(), "", f.evidenceSpot(jitos.Found[jitos.Evidence]{ID: jitos.NodeID{Kind: jitos.KindEvidence, Name: name}, Record: e}))
		}
	case pr.Attempt != nil:
		end := jitos.NodeID{Kind: jitos.KindAttempt, Name: string(pr.ID)}
		p.under(id, "end", spot{id: end.String(), shape: "end", title: "discarded", note: line(pr.Attempt.Kind + ": " + pr.Attempt.Reason), tone: "bad"})
	}
	return nil
}

func (f *fabric) processNote(pr jitos.ProcessView) (note, tone string) {
	switch {
	case pr.Collapse != nil:
		return "collapsed", "good"
	case pr.Attempt != nil:
		return "discarded", "bad"
	case pr.Process.Owner != f.repo.Clone():
		return "open in another clone", "warn"
	case pr.Process.Hand:
		return "open by hand in workspace " + line(pr.Process.SWS), "warn"
	}
	return "open in workspace " + line(pr.Process.SWS), "warn"
}

// person is the name in "name <address>".
func person(actor string) string {
	name, _, _ := strings.Cut(actor, " <")
	return line(name)
}

// jobSpot is a job with what came of its last try.
func jobSpot(j jitos.JobView) spot {
	s := spot{id: j.ID.Node().String(), shape: "job", title: line(j.Step.Name)}
	last := j.Last()
	switch {
	case last == nil && j.Step.Worker == "human":
		s.note = "by a person"
	case last == nil:
		s.note = "not started"
	case last.Settlement == nil:
		s.note, s.tone = "claimed, not settled", "warn"
	default:
		s.note, s.tone = settledNote(*last.Settlement), verdictTone(last.Settlement.Verdict)
	}
	if n := len(j.Claims); n > 1 {
		s.note += fmt.Sprintf(" (%d tries)", n)
	}
	return s
}

func settledNote(r jitos.Settlement) string {
	note := string(r.Verdict)
	if len(r.Paths) > 0 {
		note += ", changed " + line(strings.Join(firstFew(r.Paths, 3), ", "))
		if n := len(r.Paths) - 3; n > 0 {
			note += fmt.Sprintf(" and %d more", n)
		}
	}
	if r.Signer != "" {
		note += ", a result that " + line(r.Signer) + " signed"
	} else if r.From != "" {
		note += ", an earlier result"
	}
	if r.Reason != "" {
		note += ": " + line(r.Reason)
	}
	return note
}

func (f *fabric) evidenceSpot(e jitos.Found[jitos.Evidence]) spot {
	return spot{id: e.ID.String(), shape: "evidence", title: line(e.Record.Gate), note: f.evidenceNote(e.Record), tone: verdictTone(e.Record.Verdict)}
}

func (f *fabric) evidenceNote(e jitos.Evidence) string {
	note := fmt.Sprintf("%s on files %s", e.Verdict, shortTree(e.Tree))
	if !f.repo.Saw(jitos.HashOf(e)) {
		note = "claimed elsewhere: " + note
	}
	if e.Report != nil {
		note += fmt.Sprintf(", %d passed", len(e.Report.Passed))
		if n := len(e.Report.Failed); n > 0 {
			note += fmt.Sprintf(", %d failed", n)
		}
		if n := len(e.Report.Skipped); n > 0 {
			note += fmt.Sprintf(", %d skipped", n)
		}
	}
	return note
}

func verdictTone(v jitos.Verdict) string {
	return map[jitos.Verdict]string{jitos.Pass: "good", jitos.Fail: "bad", jitos.CouldNot: "warn"}[v]
}

func taskTone(s jitos.TaskStatus) string {
	switch s {
	case jitos.Done, jitos.True:
		return "good"
	case jitos.Exhausted, jitos.NoPlan:
		return "bad"
	case jitos.Open, jitos.ByHand, jitos.Elsewhere:
		return "warn"
	}
	return ""
}

func conflictAbout(c jitos.Conflict) string {
	if c.Path != "" {
		return line(c.Path)
	}
	return line(string(c.Item))
}

func shortTree(id jitos.TreeID) string { return string(id[:min(10, len(id))]) }
