package main

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

func whyCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "why",
		Category:  groupLook,
		Usage:     "from a line of a file, or any id, back to the intent and the evidence",
		ArgsUsage: "FILE[:LINE] | ID",
		Description: `FILE:LINE follows git blame from your file to the commit that landed the line, on to the job that changed it, its plan, its
task and the evidence on which it was accepted. FILE alone tells it for each part of the file, shortly. ID is a commit or
the name of anything in the fabric. A line of your own says so.

--json of FILE:LINE and ID: {"file","line","text","commit":{"commit","rule","what","when"},"origin","landed","system",
"rewrite":{…},"job":{"id","step","worker","run","verdict","reason"},"process","slap":{"id","title","methods","because"},
"task":{"id","intent","status"},"collapse":{…},"evidence":[{"gate","tree","verdict","name"}],"findings":[{"about","text"}],
"discarded":[{"process","slap","outcome","reason"}]}; origin is "jitos", "yours" or "uncommitted". Of FILE:
{"file","parts":[{"from","to","origin","commit","what","task"}]}.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "system", Usage: "the file as it is on jitos/system: what is collapsed and not landed"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.why(c) },
	}
}

func (a *app) why(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	rev := ""
	if c.Bool("system") {
		rev = string(jitos.SystemRef)
	} else if f.bare() {
		rev = "HEAD"
	}
	name, number, isLine, err := fileLine(args[0])
	if err != nil {
		return err
	}
	if isLine {
		return a.whyLine(c, f, rev, name, number)
	}
	if isFile, path := a.isFile(ctx, f, rev, name); isFile {
		return a.whyFile(c, f, rev, path)
	}
	return a.whyID(c, f, at, name)
}

var lineSuffix = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.+):(-?\d+)$`) })

// fileLine takes FILE:LINE apart.
func fileLine(arg string) (name string, number int, ok bool, err error) {
	m := lineSuffix().FindStringSubmatch(arg)
	if m == nil {
		return arg, 0, false, nil
	}
	number, err = strconv.Atoi(m[2])
	if err != nil || number < 1 {
		return "", 0, false, usage("%s: lines count from 1", arg)
	}
	return m[1], number, true, nil
}

// isFile tells whether the word names a file of the branch rather than an id.
func (a *app) isFile(ctx context.Context, f *fabric, rev, name string) (bool, string) {
	path, err := a.pathInRepo(f, name)
	if err != nil {
		return false, ""
	}
	if rev == "" {
		rev = "HEAD"
	}
	out, err := f.repo.Git(ctx, "cat-file", "-t", rev+":"+path)
	return err == nil && strings.TrimSpace(string(out)) == "blob", path
}

func (a *app) whyLine(c *cli.Context, f *fabric, rev, name string, number int) error {
	path, err := a.pathInRepo(f, name)
	if err != nil {
		return err
	}
	list, err := f.repo.Blame(c.Context, rev, path, number, number)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return warpgit.BlameError(path, number, errors.New("has only fewer lines"))
	}
	tale, err := f.tracer(false).traceLine(c.Context, list[0])
	if err != nil {
		return err
	}
	tale.card.File, tale.card.Line, tale.card.Text = path, number, list[0].Text
	return a.tellWhy(c, tale)
}

func (a *app) whyID(c *cli.Context, f *fabric, at jitos.Snapshot, word string) error {
	ctx := c.Context
	commit, isCommit, err := f.commit(ctx, word)
	if err != nil {
		return err
	}
	if isCommit {
		tale, err := f.tracer(false).traceCommit(ctx, commit)
		if err != nil {
			return err
		}
		return a.tellWhy(c, tale)
	}
	p, err := f.find(ctx, at, word)
	if errors.Is(err, jitos.ErrNotFound) {
		return jitos.Hint(err, "it is no file of this branch either; FILE:LINE asks about a line")
	}
	if err != nil {
		return err
	}
	reason, err := f.kernel.WhyNode(ctx, p.at, p.id, f.store.To)
	if err != nil {
		return err
	}
	if made, err := f.maker(ctx, p.at, p.id); err == nil && made != nil {
		reason.Commit = made
	}
	tale := tale{origin: "jitos", reason: reason}
	tale.fill(f)
	tale.card.Node = p.id.String()
	return a.tellWhy(c, tale)
}

// part is a run of lines with one origin.
type part struct {
	From   int            `json:"from"`
	To     int            `json:"to"`
	Origin string         `json:"origin"`
	Commit jitos.CommitID `json:"commit,omitempty"`
	What   string         `json:"what"`
	Task   jitos.TaskID   `json:"task,omitempty"`
}

func (a *app) whyFile(c *cli.Context, f *fabric, rev, path string) error {
	list, err := f.repo.Blame(c.Context, rev, path, 0, 0)
	if err != nil {
		return err
	}
	parts, err := f.tracer(true).parts(c.Context, list)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"file": path, "parts": parts})
	}
	for _, p := range parts {
		what := line(p.What)
		if p.Task != "" {
			what += "  " + a.ui.dim(string(p.Task))
		}
		a.ui.printf("%5d–%-5d %-11s %-10s %s\n", p.From, p.To, p.Origin, short(p.Commit), what)
	}
	return nil
}

// parts joins neighbouring lines that come from the same change. Each commit of the user's is traced once, and for those
// that landed work, each line.
func (f *tracer) parts(ctx context.Context, list []warpgit.Blamed) ([]part, error) {
	parts := []part{}
	yours := map[jitos.CommitID]tale{}
	for i, b := range list {
		t, ok := yours[b.Commit]
		if !ok {
			var err error
			if t, err = f.traceLine(ctx, b); err != nil {
				return nil, err
			}
			if t.landed == "" && t.origin != "jitos" {
				yours[b.Commit] = t
			}
		}
		next := part{From: i + 1, To: i + 1, Origin: t.origin}
		if t.reason.Commit != nil {
			next.Commit, next.What = t.reason.Commit.ID, t.reason.Commit.Subject
		}
		if t.reason.Task != nil {
			next.Task = t.reason.Task.ID
		}
		if last := len(parts) - 1; last >= 0 && parts[last].Commit == next.Commit && parts[last].Origin == next.Origin {
			parts[last].To = next.To
			continue
		}
		parts = append(parts, next)
	}
	return parts, nil
}
