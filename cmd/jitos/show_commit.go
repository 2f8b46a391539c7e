package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jitos/jitos"
)

// commitCard is a commit as `show --json` prints it.
type commitCard struct {
	Commit  jitos.CommitID   `json:"commit"`
	Parents []jitos.CommitID `json:"parents"`
	Files   jitos.TreeID     `json:"files"` // the file tree
	Changed []string         `json:"changed"`
	Author  string           `json:"author"`
	When    time.Time        `json:"when"`
	Subject string           `json:"subject"`
	Body    string           `json:"body"`
	Record  *jitos.Record    `json:"record"`
}

func (a *app) showCommit(ctx context.Context, f *fabric, c jitos.Commit, asJSON bool) error {
	card := commitCard{Commit: c.ID, Parents: c.Parents, Files: c.Tree, Changed: []string{}, Author: c.Author, When: c.When,
		Subject: c.Subject, Body: c.Body, Record: c.Record}
	if card.Parents == nil {
		card.Parents = []jitos.CommitID{}
	}
	if len(c.Parents) > 0 {
		before, err := f.store.Open(ctx, c.Parents[0])
		if err != nil {
			return err
		}
		changed, err := f.merger.Changed(ctx, before.Tree(), c.Tree)
		if err != nil {
			return err
		}
		card.Changed = append(card.Changed, changed...)
	}
	if asJSON {
		return a.ui.json(card)
	}
	return a.ui.page(func(w io.Writer) error {
		_, err := io.WriteString(w, a.commitText(card))
		return err
	})
}

func (a *app) commitText(card commitCard) string {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s %s\n", a.ui.dim(name+":"), value)
		}
	}
	fmt.Fprintln(&b, a.ui.bold("commit "+string(card.Commit)))
	if r := card.Record; r != nil {
		field("rule", fmt.Sprintf("%s, version %d, number %d of its line", r.Rule, r.Version, r.Seq))
		field("actor", line(r.Actor))
		field("task", string(r.Task))
		field("process", string(r.Process))
	} else {
		field("a commit of your own, by", line(card.Author))
	}
	for i, p := range card.Parents {
		field([]string{"after", "merges"}[min(i, 1)], short(p))
	}
	field("when", card.When.Format("2006-01-02 15:04:05 -0700"))
	field("files", string(card.Files))
	fmt.Fprintf(&b, "\n    %s\n", line(card.Subject))
	for l := range strings.Lines(strings.TrimSpace(card.Body)) {
		fmt.Fprintf(&b, "    %s\n", clean(strings.TrimRight(l, "\n")))
	}
	b.WriteString("\n")
	if card.Record != nil {
		a.writeRecord(&b, *card.Record)
	}
	for _, path := range card.Changed {
		fmt.Fprintf(&b, "%s %s\n", a.ui.dim("file"), clean(path))
	}
	return b.String()
}

func (a *app) writeRecord(b *strings.Builder, r jitos.Record) {
	items := make([]string, 0, len(r.Set))
	for item := range r.Set {
		items = append(items, string(item))
	}
	slices.Sort(items)
	for _, item := range items {
		fmt.Fprintf(b, "%s %s\n", a.ui.dim("set"), clean(item))
	}
	for _, item := range r.Drop {
		fmt.Fprintf(b, "%s %s\n", a.ui.dim("drop"), clean(string(item)))
	}
	for _, read := range r.Reads {
		was := read.Is
		if was == "" {
			was = "absent"
		}
		fmt.Fprintf(b, "%s %s  %s\n", a.ui.dim("read"), readNote(read), was)
	}
}

func readNote(r jitos.Read) string {
	switch {
	case r.Pattern != nil:
		note := r.Pattern.Kind + " nodes"
		for _, k := range sortedKeys(r.Pattern.Has) {
			note += " " + clean(k) + "=" + line(r.Pattern.Has[k])
		}
		return note
	case r.Path != "":
		return clean(r.Path)
	}
	return clean(string(r.Item))
}
