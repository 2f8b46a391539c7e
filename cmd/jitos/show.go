package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func showCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "show",
		Category:  groupLook,
		Usage:     "show a task, a plan, an attempt, any other node, or a commit",
		ArgsUsage: "ID",
		Description: `ID is a name or any unique prefix of one, kind/name, or the id of a commit. A node is shown with its fields, the edges that
leave it and lead to it, and the rewrite that made it; a task with its plans, attempts and what they taught.

--json of a node: {"id","kind","name","where","fields":{…},"out":[{"label","to","key","attrs"}],"in":[{"label","from","key","attrs"}],
"made_by":{"commit","rule","what","when"},"blob","status","claimed":{"words","why","hash"}}; claimed is given for an answer that came from
elsewhere and does not count here; blob is what a read of the node sees; status is computed, and given for tasks. Of a commit:
{"commit","parents","files","author","when","subject","body","record":{…}}; record is null for a commit of your own.`,
		Flags:  []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error { return a.show(c) },
	}
}

func (a *app) show(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	commit, isCommit, err := f.commit(ctx, args[0])
	if err != nil {
		return err
	}
	if isCommit {
		return a.showCommit(ctx, f, commit, c.Bool("json"))
	}
	p, err := f.find(ctx, at, args[0])
	if err != nil {
		return err
	}
	card, err := f.card(ctx, at, p)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(card)
	}
	var b strings.Builder
	if p.id.Kind == jitos.KindTask {
		err = a.writeTask(ctx, &b, f, at, jitos.TaskID(p.id.Name))
	} else {
		a.writeNode(&b, card)
	}
	if p.id.Kind == jitos.KindJob && err == nil {
		err = a.writeJobNet(ctx, &b, p)
	}
	if err != nil {
		return err
	}
	a.writeEdges(&b, card)
	return a.ui.page(func(w io.Writer) error {
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// nodeCard is a node as `show --json` prints it.
type nodeCard struct {
	ID      string           `json:"id"`
	Kind    string           `json:"kind"`
	Name    string           `json:"name"`
	Where   string           `json:"where"` // "system", or in words
	Fields  map[string]any   `json:"fields"`
	Out     []edgeCard       `json:"out"`
	In      []edgeCard       `json:"in"`
	MadeBy  *commitLine      `json:"made_by"`
	Blob    jitos.BlobID     `json:"blob"` // of its stored bytes: what a read of it sees
	Status  jitos.TaskStatus `json:"status,omitempty"`
	Claimed *jitos.Claimed   `json:"claimed,omitempty"` // of an answer that does not count in this clone
}

type edgeCard struct {
	Label string         `json:"label"`
	From  string         `json:"from,omitempty"`
	To    string         `json:"to,omitempty"`
	Key   string         `json:"key,omitempty"`
	Attrs map[string]any `json:"attrs,omitempty"`
}

// commitLine is a commit in short.
type commitLine struct {
	Commit jitos.CommitID `json:"commit"`
	Rule   string         `json:"rule,omitempty"`
	What   string         `json:"what"`
	When   time.Time      `json:"when"`
}

func lineOf(c jitos.Commit) *commitLine {
	l := &commitLine{Commit: c.ID, What: c.Subject, When: c.When}
	if c.Record != nil {
		l.Rule, l.What = c.Record.Rule, strings.TrimPrefix(c.Subject, c.Record.Rule+": ")
	}
	return l
}

func (f *fabric) card(ctx context.Context, system jitos.Snapshot, p place) (nodeCard, error) {
	card := nodeCard{ID: p.id.String(), Kind: p.id.Kind, Name: p.id.Name, Where: "system", Out: []edgeCard{}, In: []edgeCard{}}
	if p.where != "" {
		card.Where = p.where
	}
	n, err := p.at.Node(ctx, p.id)
	if err != nil {
		return card, err
	}
	card.Fields = n.Fields
	if card.Blob, err = p.at.Blob(ctx, p.id.Item()); err != nil {
		return card, err
	}
	for e, err := range p.at.Edges(ctx, p.id, "") {
		if err != nil {
			return card, err
		}
		card.Out = append(card.Out, edgeCard{Label: e.Label, To: e.To.String(), Key: e.Key, Attrs: e.Attrs})
	}
	for e, err := range f.store.To(ctx, p.at, p.id) {
		if err != nil {
			return card, err
		}
		card.In = append(card.In, edgeCard{Label: e.Label, From: e.From.String(), Key: e.Key, Attrs: e.Attrs})
	}
	for _, list := range [][]edgeCard{card.Out, card.In} {
		slices.SortFunc(list, func(a, b edgeCard) int {
			return strings.Compare(a.Label+"\x00"+a.From+a.To+"\x00"+a.Key, b.Label+"\x00"+b.From+b.To+"\x00"+b.Key)
		})
	}
	made, err := f.maker(ctx, p.at, p.id)
	if err != nil {
		return card, err
	}
	if made != nil {
		card.MadeBy = lineOf(*made)
	}
	if p.id.Kind == jitos.KindAnswer {
		card.Claimed, err = f.kernel.ClaimedAnswer(ctx, system, p.id.Name)
		return card, err
	}
	if p.id.Kind == jitos.KindTask {
		v, err := jitos.ViewTask(ctx, system, jitos.TaskID(p.id.Name), f.repo.Clone())
		card.Status = v.Status
		return card, err
	}
	return card, nil
}

func (a *app) writeNode(b *strings.Builder, card nodeCard) {
	fmt.Fprint(b, a.ui.bold(card.ID))
	if card.Where != "system" {
		fmt.Fprintf(b, "  (%s)", clean(card.Where))
	}
	fmt.Fprintln(b)
	writeFields(b, "  ", card.Fields, a.ui.dim)
	if c := card.Claimed; c != nil {
		fmt.Fprintf(b, "  %s %s: `jitos allow %s` believes it\n", a.ui.dim("claimed elsewhere:"), line(c.Why), c.Hash)
	}
}

// writeJobNet tells of one job where it was on the network.
func (a *app) writeJobNet(ctx context.Context, b *strings.Builder, p place) error {
	job, err := jitos.Get[jitos.Job](ctx, p.at, p.id)
	if err != nil {
		return err
	}
	jobs, err := jitos.ViewJobs(ctx, p.at, job.Process)
	for _, j := range jobs {
		if j.ID == jitos.JobID(p.id.Name) {
			a.writeNet(b, j)
		}
	}
	return err
}

func (a *app) writeEdges(b *strings.Builder, card nodeCard) {
	writeEdgeList(b, a.ui.dim("to"), card.Out)
	writeEdgeList(b, a.ui.dim("from"), card.In)
	fmt.Fprintf(b, "%s %s\n", a.ui.dim("blob"), card.Blob)
	if m := card.MadeBy; m != nil {
		fmt.Fprintf(b, "%s %s  %s: %s  %s\n", a.ui.dim("made by"), short(m.Commit), m.Rule, line(m.What), m.When.Format("2006-01-02 15:04"))
	}
}

// writeEdgeList groups edges by label; a long list is cut, and says so.
func writeEdgeList(b *strings.Builder, title string, edges []edgeCard) {
	const most = 20
	for i, e := range edges {
		if i == most {
			fmt.Fprintf(b, "%s … and %d more (--json lists all)\n", title, len(edges)-most)
			return
		}
		text := e.Label + " " + e.From + e.To
		if e.Key != "" {
			text += " (" + line(e.Key) + ")"
		}
		if note := fieldsNote(e.Attrs); note != "" {
			text += "  " + note
		}
		fmt.Fprintf(b, "%s %s\n", title, text)
	}
}
