package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func logCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "log",
		Category: groupLook,
		Usage:    "what happened on the system line, newest first",
		Description: "One line for each rewrite of jitos/system, as `git log --first-parent jitos/system` has them: commit, time, rule, what\n" +
			`happened, and the task it was for. --task also lists what happened in the task's workspaces, indented, where that is here.

--json: {"system","commits":[{"commit","seq","rule","what","why","actor","task","process","when","workspace"}]}; workspace is
true for commits that are not on the system line itself; rule is "" for a plain commit of a person's in a workspace.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "task", Usage: "only this task, by its `ID`"},
			&cli.IntFlag{Name: "n", Usage: "at most `N` commits of the system line"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.log(c) },
	}
}

// logEntry is a commit as `log --json` prints it.
type logEntry struct {
	Commit    jitos.CommitID  `json:"commit"`
	Seq       int64           `json:"seq"`
	Rule      string          `json:"rule"`
	What      string          `json:"what"`
	Why       string          `json:"why,omitempty"`
	Actor     string          `json:"actor"`
	Task      jitos.TaskID    `json:"task,omitempty"`
	Process   jitos.ProcessID `json:"process,omitempty"`
	When      time.Time       `json:"when"`
	Workspace bool            `json:"workspace"`
}

func (a *app) log(c *cli.Context) error {
	ctx := c.Context
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	var task jitos.TaskID
	if word := c.String("task"); word != "" {
		if task, err = f.resolveTask(ctx, at, word); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		list := []logEntry{}
		err := f.history(ctx, at, task, c.Int("n"), func(e logEntry) error {
			list = append(list, e)
			return nil
		})
		if err != nil {
			return err
		}
		return a.ui.json(map[string]any{"system": at.Commit().ID, "commits": list})
	}
	return a.ui.page(func(w io.Writer) error {
		return f.history(ctx, at, task, c.Int("n"), func(e logEntry) error {
			_, err := fmt.Fprintln(w, a.logLine(e, task != ""))
			return err
		})
	})
}

// history tells the system line to each, newest first; for one task, with its workspaces.
func (f *fabric) history(ctx context.Context, at jitos.Snapshot, task jitos.TaskID, most int, each func(logEntry) error) error {
	n := 0
	for c, err := range f.store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return err
		}
		if task != "" && (c.Record == nil || c.Record.Task != task) {
			continue
		}
		if n++; most > 0 && n > most {
			return nil
		}
		if err := each(entryOf(c, false)); err != nil {
			return err
		}
		if task != "" {
			if err := f.inner(ctx, at, c, each); err != nil {
				return err
			}
		}
	}
	return nil
}

// inner tells what happened in a workspace, at the commit by which its process ended.
func (f *fabric) inner(ctx context.Context, at jitos.Snapshot, c jitos.Commit, each func(logEntry) error) error {
	tip := jitos.CommitID("")
	switch {
	case c.Record.Rule == jitos.RuleCollapse && len(c.Parents) == 2:
		tip = c.Parents[1]
	case c.Record.Rule == jitos.RuleDiscard:
		a, err := jitos.Get[jitos.Attempt](ctx, at, jitos.NodeID{Kind: jitos.KindAttempt, Name: string(c.Record.Process)})
		if err != nil {
			return err
		}
		tip = a.Tip
	}
	if tip == "" {
		return nil
	}
	if _, err := f.store.Open(ctx, tip); err != nil {
		return nil // the archive of that month is not here
	}
	for inner, err := range f.store.Log(ctx, tip) {
		if err != nil {
			return err
		}
		if inner.Record != nil && jitos.IsSystemRule(inner.Record.Rule) {
			return nil
		}
		if err := each(entryOf(inner, true)); err != nil {
			return err
		}
	}
	return nil
}

func entryOf(c jitos.Commit, workspace bool) logEntry {
	e := logEntry{Commit: c.ID, What: c.Subject, Actor: c.Author, When: c.When, Workspace: workspace}
	if r := c.Record; r != nil {
		e.Seq, e.Rule, e.Actor, e.Task, e.Process = r.Seq, r.Rule, r.Actor, r.Task, r.Process
		e.What = strings.TrimPrefix(c.Subject, r.Rule+": ")
		e.Why = strings.TrimSpace(c.Body)
	}
	return e
}

var ruleTone = map[string]string{jitos.RuleCollapse: "good", jitos.RuleDiscard: "bad", jitos.RuleConflict: "bad"}

func (a *app) logLine(e logEntry, oneTask bool) string {
	rule, indent := e.Rule, ""
	if rule == "" {
		rule = "commit"
	}
	if e.Workspace {
		indent = "  "
	}
	text := fmt.Sprintf("%s%s %s  %s %s", indent, a.ui.dim(short(e.Commit)), e.When.Format("2006-01-02 15:04"),
		a.ui.paintTone(ruleTone[e.Rule], fmt.Sprintf("%-8s", rule)), line(e.What))
	if !oneTask && e.Task != "" && e.Rule != jitos.RuleTask && !strings.Contains(e.What, string(e.Task)) {
		text += "  " + a.ui.dim(string(e.Task))
	}
	return text
}
