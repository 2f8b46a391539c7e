package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func inboxCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "inbox",
		Category: groupWork,
		Usage:    "what waits for a person: questions, approvals, jobs whose outcome is unknown",
		Description: `An attempt that only a person can take further parks: nothing runs and nothing is held until somebody decides. An approval
holds for exactly the files that are shown; when they change, it is asked for anew.

about: text (a job wants words), approval (a job wants one), tests (the gates hold but for tests that were removed, skipped or
edited), paths (the policy wants an approval), outcome (an interrupted job may have acted on the network).

What somebody decided in another clone counts here where its commit is signed by one of the allowed signers (of those who may
decide, where the policy says who); else it is shown as a claim, which ` + "`jitos allow HASH`" + ` believes.

--json: {"inbox":[{"id","task","process","sws","step","about","why","tree","paths":["…"],"by":["…"],"until","claimed":{"words","why",
"hash"},"files":["…"]}]}: paths need the approval, by may give it, until is in seconds since 1970, files is all that the attempt changes.`,
		Flags:  []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error { return a.inbox(c) },
	}
}

// letter is one entry of the inbox.
type letter struct {
	jitos.Waiting
	Files []string `json:"files"`

	intent string
}

func (a *app) inbox(c *cli.Context) error {
	ctx := c.Context
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	waits, err := f.waiting(ctx)
	if err != nil {
		return err
	}
	letters := []letter{}
	for _, w := range waits {
		l := letter{Waiting: w, Files: []string{}}
		p, err := jitos.Get[jitos.Process](ctx, at, w.Process.Node())
		if err != nil {
			return err
		}
		task, err := jitos.Get[jitos.Task](ctx, at, w.Task.Node())
		if err != nil {
			return err
		}
		changed, err := f.merger.Changed(ctx, p.Tree, w.Tree)
		if err != nil {
			return err
		}
		l.Files, l.intent = append(l.Files, changed...), task.Intent
		letters = append(letters, l)
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"inbox": letters})
	}
	if len(letters) == 0 {
		a.ui.printf("nothing waits for you\n")
	}
	for i, l := range letters {
		if i > 0 {
			a.ui.printf("\n")
		}
		a.printLetter(l)
	}
	return nil
}

func (a *app) printLetter(l letter) {
	u := a.ui
	u.printf("%s  %s\n", u.bold(l.ID), line(l.intent))
	for text := range strings.Lines(strings.TrimSpace(l.Why)) {
		u.printf("  %s\n", strings.TrimRight(clean(text), "\n"))
	}
	if l.Step != "" {
		u.printf("  %s %s of %s\n", u.dim("step"), line(l.Step), l.Process)
	}
	if n := len(l.Files); n > 0 {
		u.printf("  %s %s\n", plural(n, "file")+" changed:", strings.Join(firstFew(cleanAll(l.Files), 4), ", "))
		u.printf("  %s jitos sws diff %s\n", u.dim("look   "), line(l.SWS))
	}
	if len(l.By) > 0 {
		u.printf("  %s %s\n", u.dim("may be decided by"), line(strings.Join(l.By, ", ")))
	}
	if l.Until != 0 {
		u.printf("  %s %s\n", u.dim("expires"), time.Unix(l.Until, 0).UTC().Format("2006-01-02 15:04 MST"))
	}
	if c := l.Claimed; c != nil {
		u.printf("  %s %s; %s\n", u.dim("claimed elsewhere"), line(c.Words), line(c.Why))
		u.printf("  %s jitos allow %s  (believe it, here)\n", u.dim("decide "), c.Hash)
	}
	for _, d := range decisions(l.Waiting) {
		u.printf("  %s %s\n", u.dim("decide "), d)
	}
}

// decisions are the commands that a question takes.
func decisions(w jitos.Waiting) []string {
	approve, reject, answer := "jitos approve "+w.ID, "jitos reject "+w.ID+" -m WHY", "jitos answer "+w.ID+" TEXT"
	switch w.About {
	case jitos.AskText:
		return []string{answer, reject}
	case jitos.AskOutcome:
		return []string{approve + "  (run it again)", answer + "  (it was done)", reject + "  (give the attempt up)"}
	}
	return []string{approve, reject}
}

func cleanAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = line(s)
	}
	return out
}

// waiting lists what waits in the workspaces of this clone.
func (f *fabric) waiting(ctx context.Context) ([]jitos.Waiting, error) {
	list, err := f.kernel.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	var open []jitos.ProcessView
	for _, w := range list {
		open = append(open, w.Process)
	}
	return f.kernel.Inbox(ctx, open)
}

// decide is the common part of answer, approve and reject: it resolves the id, records the decision, and says how to go on.
func (a *app) decide(c *cli.Context, word string, d jitos.Decision, text string) error {
	ctx := c.Context
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	id, err := f.resolveQuestion(ctx, word)
	if err != nil {
		return err
	}
	q, err := f.hands.Answer(ctx, id, d, text)
	if err != nil {
		return err
	}
	next, err := f.nextAfter(ctx, q)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(map[string]string{"question": id, "task": string(q.Task), "process": string(q.Process), "decision": string(d), "next": next})
	}
	a.ui.printf("%s: %s\n", d, line(q.Text))
	a.ui.printf("go on with `%s`\n", next)
	return nil
}

func (f *fabric) nextAfter(ctx context.Context, q jitos.Question) (string, error) {
	at, err := f.kernel.System(ctx)
	if err != nil {
		return "", err
	}
	p, err := jitos.Get[jitos.Process](ctx, at, q.Process.Node())
	if err == nil && p.Hand {
		return "jitos sws collapse " + p.SWS, nil
	}
	return "jitos run " + string(q.Task), err
}

// resolveQuestion finds a question by any unique prefix: among those that wait, else among all.
func (f *fabric) resolveQuestion(ctx context.Context, word string) (string, error) {
	word = strings.TrimPrefix(word, jitos.KindQuestion+"/")
	waits, err := f.waiting(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, w := range waits {
		names = append(names, w.ID)
	}
	if slices.Contains(names, word) {
		return word, nil
	}
	if found := prefixed(names, word); len(found) > 0 {
		return jitos.OnlyName(jitos.KindQuestion, word, found, 0)
	}
	at, err := f.kernel.System(ctx)
	if err != nil {
		return "", err
	}
	id, err := f.store.Find(ctx, at, jitos.KindQuestion, word)
	if err != nil && hintOf(err) == "" && exitCode(err) == exitNotFound {
		err = jitos.Hint(fmt.Errorf("%w", err), "`jitos inbox` lists what waits")
	}
	return id.Name, err
}

// decisionJSON is what answer, approve and reject print as JSON.
const decisionJSON = `--json: {"question","task","process","decision","next"}: next is the command that goes on.`
