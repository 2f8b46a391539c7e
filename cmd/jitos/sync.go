package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

func syncCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "sync",
		Category:  groupSync,
		Usage:     "make the fabric here and on a remote the same",
		ArgsUsage: "[REMOTE]",
		Description: `Fetches, reconciles and pushes the system line, the archive and the open workspaces of this clone. Where both sides have gone
on, the remote's line stays as it is, and yours is submitted again on top of it, in order: tasks, plans, attempts and what was
found keep their ids; every collapse is checked anew, its gates run again where the files are not those that were proven. What
conflicts, or does not hold any more, stays an open workspace. Your line as it was goes to the archive first, so nothing is lost.
It runs no jobs. Killed at any moment it leaves whole lines; the next sync goes on.

Workspaces of others come as theirs: ` + "`jitos run --take-over TASK`" + ` goes on with one. Of a workspace that went two ways, the tip of
the clone that owns it stays; the other is in the archive.

What it would push is looked through for secrets first, as by ` + "`jitos push`" + ` (exit 8).
Ends with 5 where the remote has another fabric, was moved back, or others pushed all the time; with 9 where a sync is at work here.
--dry-run fetches, says what both sides have, and moves nothing.
--json: {"remote","from","to","theirs","ours","again","known","reopened":[{"name","task","process","by_hand","why"}],
"left":[{"commit","what","why"}],"pushed":["jitos/system",…],"taken":["jitos/sws/x",…],"kept":["why"],"tries",
"not_allowed":[{"file","origin"}]}; ours are your rewrites that the remote lacked: submitted again, known there by now, reopened or left out.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "say what both sides have, and change nothing"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.sync(c) },
	}
}

// syncCard is what `sync --json` prints.
type syncCard struct {
	Remote     string           `json:"remote"`
	DryRun     bool             `json:"dry_run,omitempty"`
	From       jitos.CommitID   `json:"from"`
	To         jitos.CommitID   `json:"to"`
	Theirs     int              `json:"theirs"`
	Ours       int              `json:"ours"`
	Again      int              `json:"again"`
	Known      int              `json:"known"`
	Reopened   []jitos.Reopened `json:"reopened"`
	Left       []jitos.LeftOut  `json:"left"`
	Pushed     []string         `json:"pushed"`
	Taken      []string         `json:"taken"`
	Kept       []string         `json:"kept"`
	Tries      int              `json:"tries"`
	NotAllowed []definition     `json:"not_allowed"`
}

func (a *app) sync(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 0, 1)
	if err != nil {
		return err
	}
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	remote, err := f.remote(ctx, args)
	if err != nil {
		return err
	}
	known, err := f.repo.Remembered(remote)
	if err != nil {
		return err
	}
	if c.Bool("dry-run") {
		done, err := f.kernel.Compare(ctx, f.repo.Meet(remote))
		stop()
		if err != nil {
			return syncError(remote, err)
		}
		return a.tellSync(c, cardOf(remote, jitos.Synced{Reconciled: done}), true)
	}
	if err := a.refuseSecretsOfAll(ctx, f, remote); err != nil {
		return err
	}
	if len(known) == 0 {
		a.sayFirstPush(remote)
	}
	done, err := f.kernel.Sync(ctx, f.repo.Meet(remote))
	stop()
	if err != nil {
		return syncError(remote, err)
	}
	card := cardOf(remote, done)
	var news fetched
	if err := f.listNotAllowed(ctx, &news); err != nil {
		return err
	}
	card.NotAllowed = append(card.NotAllowed, news.NotAllowed...)
	return a.tellSync(c, card, false)
}

// refuseSecretsOfAll looks through all that a sync may push. What it makes beside that is merged from it.
func (a *app) refuseSecretsOfAll(ctx context.Context, f *fabric, remote string) error {
	refs, err := f.keptMonths(ctx)
	if err != nil {
		return err
	}
	refs = append(refs, string(jitos.SystemRef))
	for ws, err := range f.store.Refs(ctx, jitos.SWSPrefix) {
		if err != nil {
			return err
		}
		refs = append(refs, string(ws.Ref))
	}
	return a.refuseSecrets(ctx, f, remote, refs)
}

// syncError says what to do about a sync that was refused.
func syncError(remote string, err error) error {
	switch {
	case errors.As(err, new(*warpgit.RewoundError)):
		return jitos.Hint(err, "nothing was taken or pushed; ask who did that. `jitos push %s` puts back what the remote had, `jitos fetch --accept-rewound %s` takes it as it is", remote, remote)
	case errors.Is(err, jitos.ErrConflict):
		return jitos.Hint(err, "nothing was changed; two fabrics cannot be joined: where nothing of the one here is needed, `jitos uninit` makes room for the other")
	}
	return err
}

func cardOf(remote string, done jitos.Synced) syncCard {
	card := syncCard{Remote: remote, From: done.From, To: done.To, Theirs: done.Theirs, Ours: done.Ours, Again: done.Again, Known: done.Known,
		Reopened: append([]jitos.Reopened{}, done.Reopened...), Left: append([]jitos.LeftOut{}, done.Left...),
		Pushed: []string{}, Taken: []string{}, Kept: append([]string{}, done.Kept...), Tries: done.Tries, NotAllowed: []definition{}}
	for _, m := range done.Pushed {
		card.Pushed = append(card.Pushed, strings.TrimPrefix(string(m.Ref), "refs/heads/"))
	}
	for _, m := range done.Taken {
		card.Taken = append(card.Taken, strings.TrimPrefix(string(m.Ref), "refs/heads/"))
	}
	return card
}

func (a *app) tellSync(c *cli.Context, card syncCard, dry bool) error {
	card.DryRun = dry
	if c.Bool("json") {
		return a.ui.json(card)
	}
	u := a.ui
	switch {
	case card.Theirs == 0 && card.Ours == 0 && len(card.Pushed)+len(card.Taken) == 0:
		u.printf("nothing new here or on %s\n", clean(card.Remote))
	case dry:
		u.printf("%s has %s that you lack, you have %s that it lacks\n", clean(card.Remote), plural(card.Theirs, "rewrite"), plural(card.Ours, "rewrite"))
	default:
		u.printf("%s\n", syncWords(card))
	}
	for _, w := range card.Reopened {
		u.printf("workspace %s stays open: %s\n", clean(w.Name), line(w.Why))
		if w.Hand {
			u.notef("  `jitos sws diff %[1]s` shows it; `jitos sws collapse %[1]s`, or `jitos sws discard %[1]s -m WHY`", clean(w.Name))
		} else {
			u.notef("  `jitos run %s` goes on with it", w.Task)
		}
	}
	for _, k := range card.Kept {
		u.notef("jitos: notice: %s", clean(k))
	}
	for _, d := range card.NotAllowed {
		u.notef("jitos: notice: %s came from elsewhere and does not run here yet: read it with `jitos method show %s`, then `jitos allow %s`",
			clean(d.File), clean(strings.TrimPrefix(d.File, "methods/")), d.Origin)
	}
	return nil
}

// syncWords are one sentence on what came and what went.
func syncWords(card syncCard) string {
	var parts []string
	if card.Theirs > 0 {
		parts = append(parts, fmt.Sprintf("took %s from %s", plural(card.Theirs, "rewrite"), clean(card.Remote)))
	}
	if n := card.Again; n > 0 {
		parts = append(parts, fmt.Sprintf("put %s of yours on top", plural(n, "rewrite")))
	}
	if len(card.Taken) > 0 {
		parts = append(parts, "took "+clean(strings.Join(card.Taken, ", ")))
	}
	if len(card.Pushed) > 0 {
		parts = append(parts, "pushed "+clean(strings.Join(card.Pushed, ", ")))
	}
	return strings.Join(parts, "; ")
}
