package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos/warpgit"
)

// primer is what an agent that meets a fabric should know. With the state of the repository below it, it stays under 2 KB.
const primer = `This repository has a jitos fabric: all work is commits on branch jitos/system, and git log on it is the audit log.

- An intent is declared, planned, tried in a workspace that can be thrown away, proven by gates on exactly one file tree, and only
  then collapsed. Your branch changes only by ` + "`jitos land`" + `.
- jitos do "fix the failing tests"    all of that in one go; jitos method list shows what the library knows
- jitos do "INTENT" --gate 'CMD'      any intent, with the command that must pass
- By hand: jitos sws new NAME --intent "WHY"; cd "$(jitos sws dir NAME)"; edit; jitos sws save -m WHAT; jitos sws collapse.
  A collapse is a checked merge: on a conflict nothing changes; jitos sws rebase, mend, collapse again. What leads nowhere:
  jitos sws discard -m WHY, so that the next one knows.
- Before work: jitos status (others may be at it), jitos why FILE:LINE (why the code is so), jitos show ID (failed attempts).
- Never write to branches jitos/* with git, and never edit .jitos/. Removed, skipped or edited tests need a person's approval.
- Everything has --json and --help. Exit codes: 3 no plan, 5 conflict or stale, 6 all candidates failed, 7 waits for a person,
  8 denied, 9 busy. As tools over stdio: jitos mcp.
`

func primeCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "prime",
		Category: groupTool,
		Usage:    "what an agent that meets this repository should know, in under 2 KB",
		Action:   func(c *cli.Context) error { return a.prime(c) },
	}
}

func (a *app) prime(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, at, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	card, err := f.statusAt(c.Context, at, false)
	if err != nil {
		return err
	}
	a.ui.printf("%s\nNow: %s open, %s open, %d waiting for a person, %s to land.\n", primer,
		plural(len(card.Tasks), "task"), plural(len(card.SWS), "workspace"), len(card.Inbox), plural(len(card.Unlanded), "file"))
	const most = 3
	for _, t := range card.Tasks[:min(most, len(card.Tasks))] {
		a.ui.printf("  %s %s\n", t.Status, short80(t))
	}
	return nil
}

// short80 is a task in at most about eighty characters.
func short80(t warpgit.TaskLine) string {
	text := fmt.Sprintf("%s  %s", t.ID, line(t.Intent))
	if r := []rune(text); len(r) > 80 {
		text = string(r[:79]) + "…"
	}
	return text
}
