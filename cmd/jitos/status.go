package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

func statusCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "status",
		Category: groupLook,
		Usage:    "what is open, what waits for you, what can be landed, and what to do next",
		Description: `Every status is computed from the graph: declared, planned, open, by-hand (a person works on it), elsewhere (open in another
clone), exhausted (every plan failed), no-plan, true (it held already), done, withdrawn.

--json: {"system","tasks":[{"id","intent","status"}],"sws":[{"name","task","base","tip"}],"inbox":[…] as
` + "`jitos inbox --json`" + ` has it,"unlanded":["path"],"branch"}: all tasks, in order of their ids; without --json those that have not ended.`,
		Flags:  []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error { return a.status(c) },
	}
}

// statusCard is what `status --json` prints.
type statusCard struct {
	System   jitos.CommitID     `json:"system"`
	Tasks    []warpgit.TaskLine `json:"tasks"`
	SWS      []swsLine          `json:"sws"`
	Inbox    []jitos.Waiting    `json:"inbox"`
	Unlanded []string           `json:"unlanded"`
	Branch   string             `json:"branch"` // that the fabric follows

	ended int // tasks that have ended and are not in Tasks
	sync  jitos.Sync
}

type swsLine struct {
	Name string         `json:"name"`
	Task jitos.TaskID   `json:"task"`
	Base jitos.CommitID `json:"base"`
	Tip  jitos.CommitID `json:"tip"`
}

func (a *app) status(c *cli.Context) error {
	ctx := c.Context
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	card, err := f.statusAt(ctx, at, c.Bool("json"))
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(card)
	}
	a.printStatus(card)
	return nil
}

// statusAt computes the status. Its cost follows what is open and what has changed since it was asked last, not the size
// of the graph: see warpgit.Store.Tasks. all lists tasks that have ended, too.
func (f *fabric) statusAt(ctx context.Context, at jitos.Snapshot, all bool) (statusCard, error) {
	card := statusCard{System: at.Commit().ID, SWS: []swsLine{}, Inbox: []jitos.Waiting{}, Unlanded: []string{}}
	var err error
	if card.Tasks, card.ended, err = f.store.Tasks(ctx, all); err != nil {
		return card, err
	}
	list, err := f.kernel.Workspaces(ctx)
	if err != nil {
		return card, err
	}
	var open []jitos.ProcessView
	for _, w := range list {
		card.SWS = append(card.SWS, swsLine{w.Name, w.Process.Process.Task, w.Base, w.Tip})
		open = append(open, w.Process)
	}
	if card.Inbox, err = f.kernel.Inbox(ctx, open); err != nil {
		return card, err
	}
	sync, err := jitos.Get[jitos.Sync](ctx, at, jitos.SyncNode)
	if errors.Is(err, jitos.ErrNotFound) {
		return card, nil
	}
	if err != nil {
		return card, err
	}
	card.sync, card.Branch = sync, sync.Branch
	changed, err := f.merger.Changed(ctx, sync.Tree, at.Tree())
	card.Unlanded = append(card.Unlanded, changed...)
	return card, err
}

func (a *app) printStatus(card statusCard) {
	u := a.ui
	branch := line(card.Branch)
	if branch == "" {
		branch = "a detached HEAD"
	}
	u.printf("system %s follows %s\n", short(card.System), branch)
	for i, t := range card.Tasks {
		if i == 0 {
			u.printf("\nTasks\n")
		}
		u.printf("  %s  %s  %s\n", u.paintTone(taskTone(t.Status), fmt.Sprintf("%-9s", t.Status)), t.ID, line(t.Intent))
	}
	for i, s := range card.SWS {
		if i == 0 {
			u.printf("\nWorkspaces\n")
		}
		u.printf("  %s  from %s, at %s\n", line(s.Name), short(s.Base), short(s.Tip))
	}
	for i, w := range card.Inbox {
		if i == 0 {
			u.printf("\nWaiting for you\n")
		}
		where := line(w.SWS)
		if w.Step != "" {
			where += ": " + line(w.Step)
		}
		u.printf("  %s: %s\n", where, line(w.Why))
	}
	if n := len(card.Unlanded); n > 0 {
		u.printf("\nProven and not on your branch: %s\n", plural(n, "file"))
		for _, path := range firstFew(card.Unlanded, 8) {
			u.printf("  %s\n", clean(path))
		}
		if n > 8 {
			u.printf("  … and %d more\n", n-8)
		}
	}
	if len(card.Tasks) == 0 && len(card.SWS) == 0 && len(card.Unlanded) == 0 {
		u.printf("nothing is open%s\n", endedNote(card.ended))
	}
	u.printf("\nNext\n")
	for _, n := range nextCommands(card) {
		u.printf("%s", n)
	}
}

func endedNote(n int) string {
	if n == 0 {
		return ""
	}
	return "; " + plural(n, "task") + " ended"
}

type suggestion struct{ command, what string }

func (s suggestion) String() string { return fmt.Sprintf("  %-44s %s\n", s.command, s.what) }

// nextCommands are at most three commands that make sense now, the most useful first.
func nextCommands(card statusCard) []suggestion {
	var next []suggestion
	if len(card.Unlanded) > 0 {
		where := "put it on your branch, as one commit"
		if card.sync.Dirty {
			where = "put it into your working tree"
		}
		next = append(next, suggestion{"jitos land", where})
	}
	if len(card.Inbox) > 0 {
		next = append(next, suggestion{"jitos inbox", "decide what waits for you"})
	}
	for _, t := range card.Tasks {
		switch t.Status {
		case jitos.Open:
			if slices.ContainsFunc(card.Inbox, func(w jitos.Waiting) bool { return w.Task == t.ID }) {
				continue
			}
			next = append(next, suggestion{"jitos run " + string(t.ID), "go on where it was interrupted"})
		case jitos.Declared, jitos.Planned:
			next = append(next, suggestion{"jitos run " + string(t.ID), "try its plans"})
		case jitos.Exhausted:
			next = append(next, suggestion{"jitos show " + string(t.ID), "what each attempt learned"})
		case jitos.NoPlan:
			next = append(next, suggestion{"jitos plan " + string(t.ID) + " --explain", "why no method fits"})
		case jitos.ByHand:
			if name := workspaceOf(card, t.ID); name != "" {
				next = append(next, suggestion{"jitos sws show " + name, "what is in your workspace"})
			}
		}
	}
	for _, s := range []suggestion{
		{`jitos do "run the tests"`, "prove that they pass as they are"},
		{`jitos do "fix the failing tests"`, "declare, plan, try, prove"},
		{"jitos method list", "what it can do by itself"},
	} {
		if len(next) < 3 {
			next = append(next, s)
		}
	}
	return next[:3]
}

func workspaceOf(card statusCard, id jitos.TaskID) string {
	for _, s := range card.SWS {
		if s.Task == id {
			return s.Name
		}
	}
	return ""
}
