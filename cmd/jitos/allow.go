package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/overlay"
	"github.com/jitos/jitos/runner"
)

func allowCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "allow",
		Category:  groupLibrary,
		Usage:     "let content that came from elsewhere run in this clone",
		ArgsUsage: "HASH|METHOD|WORKER|unsandboxed",
		Description: `Methods, gates and policy that were fetched do not run before somebody here has read them. Before it allows anything it shows
all of it: which workers, commands and capabilities it comes to, which commit of whose it came by, and its text or, where
an earlier version was allowed, what changed since. --show shows it and allows nothing; --revoke takes it back.

HASH of what a person decided elsewhere, as ` + "`jitos inbox`" + ` shows it, makes that count here.

METHOD allows the file that defines it, as it is now; a later version must be allowed anew. --from allows the content of a
file. WORKER allows one that ` + "`jitos worker list`" + ` has, as it is configured now. Nothing is shared: each clone decides for
itself. For CI, JITOS_ALLOW holds hashes.

unsandboxed lets jobs run in this clone although the machine cannot make sandboxes: they then have your rights, and what
they settle says so. Where sandboxes work jobs get them all the same.

--json: {"hash","what","from","runs","text","before","changes","allowed"}`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "allow what `FILE` holds"},
			&cli.BoolFlag{Name: "show", Usage: "show it, and allow nothing"},
			&cli.BoolFlag{Name: "revoke", Usage: "allow it no more"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.allow(c) },
	}
}

// permitted is what allow is asked to let run, resolved as far as it can be.
type permitted struct {
	Hash    string `json:"hash"`
	What    string `json:"what"`
	From    string `json:"from,omitempty"`    // where it came from
	Runs    string `json:"runs,omitempty"`    // workers, commands, capabilities
	Text    string `json:"text,omitempty"`    // as it is written
	Before  string `json:"before,omitempty"`  // the hash of what was allowed last under this name
	Changes string `json:"changes,omitempty"` // since then, as a diff
	Allowed bool   `json:"allowed"`

	builtIn bool
}

func (a *app) allow(c *cli.Context) error {
	ctx := c.Context
	least := 1
	if c.String("from") != "" {
		least = 0
	}
	args, err := arguments(c, least, 1)
	if err != nil {
		return err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	if c.Bool("revoke") {
		return a.revoke(ctx, f, at, c, args)
	}
	p, err := a.permitted(ctx, f, at, c.String("from"), args)
	if err != nil {
		return err
	}
	if p.builtIn {
		a.ui.notef("%s is built in: it may run already", clean(args[0]))
		return nil
	}
	if p.Before, p.Changes, err = f.changedSince(p); err != nil {
		return err
	}
	if !c.Bool("json") {
		a.showPermitted(p)
	}
	if !c.Bool("show") {
		if p.Text == "" {
			err = f.repo.Allow(p.Hash, p.What)
		} else {
			err = f.repo.AllowContent(p.Hash, p.What, []byte(p.Text))
		}
		if err != nil {
			return err
		}
	}
	p.Allowed = f.repo.Allowed(p.Hash)
	if c.Bool("json") {
		return a.ui.json(p)
	}
	if c.Bool("show") {
		a.ui.notef("nothing was allowed; without --show it is")
		return nil
	}
	a.ui.printf("allowed in this clone: %s %s\n", clean(p.Hash), clean(p.What))
	return nil
}

// permitted finds what is meant: a file, a worker, what defines a name, or a bare hash.
func (a *app) permitted(ctx context.Context, f *fabric, at jitos.Snapshot, from string, args []string) (permitted, error) {
	var p permitted
	word := ""
	if len(args) > 0 {
		word = args[0]
	}
	if from != "" {
		raw, err := a.readInput(from)
		if err != nil {
			return p, err
		}
		p = permitted{Hash: methods.Origin(raw), What: inputName(from), From: "the file " + inputName(from), Text: string(raw)}
		if word != "" && !isHash(word) {
			return p, usage("--from takes a HASH beside it, to compare, or nothing")
		}
		if word != "" && word != p.Hash {
			return p, usage("the content of %s has another hash: %s", from, p.Hash)
		}
		return p, nil
	}
	if word == runner.AllowUnsandboxed {
		return permitted{Hash: word, What: "jobs without a sandbox, where none can be made", Runs: "  every job, with all of your rights\n"}, nil
	}
	for _, m := range f.executor.Roster.Members() {
		if m.Hash == word || m.Name == word || word == "llm" && m.Name == "llm/default" {
			return permitted{Hash: m.Hash, What: m.Name + " of " + m.File, From: "the file " + m.File, Text: m.Definition(),
				Runs: "  worker    " + m.Name + ", outside of the repository's control\n"}, nil
		}
	}
	return f.permittedFile(ctx, at, word)
}

// permittedFile finds a file of the fabric's own, by its hash or by a name that it defines.
func (f *fabric) permittedFile(ctx context.Context, at jitos.Snapshot, word string) (permitted, error) {
	files, err := at.Fabric(ctx)
	if err != nil {
		return permitted{}, err
	}
	var d definition
	if isHash(word) {
		for _, path := range sortedKeys(files) {
			if path != "fabric.json" && methods.Origin(files[path]) == word {
				d = definition{File: path, Origin: word, Text: string(files[path])}
			}
		}
		if d.File == "" {
			if p, err := f.permittedAnswer(ctx, at, word); p.Hash != "" || err != nil {
				return p, err
			}
			return permitted{Hash: word, What: "given on the command line", From: "nothing here has this hash: what it stands for is not known"}, nil
		}
	} else if d, err = f.defined(ctx, at, word); err != nil {
		return permitted{}, err
	}
	p := permitted{Hash: d.Origin, What: d.File, Text: d.Text, builtIn: d.Origin == ""}
	if p.builtIn {
		return p, nil
	}
	if p.From, err = f.cameBy(ctx, at, jitos.FabricItem(d.File)); err != nil {
		return p, err
	}
	lib, err := wire.LibraryAt(ctx, at)
	if err != nil {
		return p, err
	}
	p.Runs = lib.Resolved(d.File)
	if d.File == "policy.yaml" {
		policy, err := methods.LoadPolicy([]byte(d.Text))
		if err != nil {
			return p, err
		}
		p.Runs = "  grants    " + strings.Join(policy.Grants, ", ") + "\n"
		for _, g := range policy.Gates {
			p.Runs += "  gate      " + g.Gate + g.Run + "\n"
		}
	}
	return p, nil
}

// permittedAnswer finds what a person decided elsewhere, by its hash.
func (f *fabric) permittedAnswer(ctx context.Context, at jitos.Snapshot, hash string) (permitted, error) {
	for n, err := range at.Nodes(ctx, jitos.KindAnswer) {
		if err != nil {
			return permitted{}, err
		}
		a, err := jitos.Get[jitos.Answer](ctx, at, n.ID)
		if err != nil {
			return permitted{}, err
		}
		if jitos.HashOf(a) != hash {
			continue
		}
		q, err := jitos.Get[jitos.Question](ctx, at, jitos.NodeID{Kind: jitos.KindQuestion, Name: a.Question})
		if err != nil {
			return permitted{}, err
		}
		p := permitted{Hash: hash, What: n.ID.String(), Text: fmt.Sprintf("%s\n%s by %s\n%s\n", q.Text, a.Decision, a.Actor, a.Text)}
		p.From, err = f.cameBy(ctx, at, n.ID.Item())
		return p, err
	}
	return permitted{}, nil
}

// cameBy tells which rewrite made an item what it is.
func (f *fabric) cameBy(ctx context.Context, at jitos.Snapshot, item jitos.ItemID) (string, error) {
	for c, err := range f.store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return "", err
		}
		if c.Record != nil && c.Record.Set[item] != "" {
			return fmt.Sprintf("commit %s of %s by %s", short(c.ID), c.When.Format("2006-01-02 15:04"), c.Record.Actor), nil
		}
	}
	return "", nil
}

// changedSince compares with what was allowed last under the same name.
func (f *fabric) changedSince(p permitted) (before, changes string, err error) {
	before, content, err := f.repo.AllowedBefore(p.Hash, p.What)
	if err != nil || before == "" || p.Text == "" {
		return before, "", err
	}
	hunks, ok := overlay.Hunks(content, []byte(p.Text))
	if !ok {
		return before, "", nil
	}
	path := strings.TrimPrefix(filepath.ToSlash(p.What), "/")
	d := overlay.FileDiff{Path: path, OldMode: "100644", NewMode: "100644", Old: jitos.BlobID(before), New: jitos.BlobID(p.Hash), Hunks: hunks}
	var b strings.Builder
	err = overlay.WritePatch(&b, []overlay.FileDiff{d})
	return before, b.String(), err
}

// showPermitted shows all of it before it is allowed: what was allowed before as a diff, else the text.
func (a *app) showPermitted(p permitted) {
	head := func(text string) string { return a.ui.bold(clean(text)) }
	a.ui.printf("%s  %s\n", head(p.What), clean(p.Hash))
	if p.From != "" {
		a.ui.printf("from %s\n", line(p.From))
	}
	if p.Runs != "" {
		a.ui.printf("%s\n%s", head("what it runs"), clean(p.Runs))
	}
	switch {
	case p.Changes != "":
		a.ui.printf("%s\n%s", head("what changed since "+p.Before+" was allowed"), clean(p.Changes))
	case p.Text != "":
		a.ui.printf("%s\n%s\n", head("what it says"), strings.TrimRight(clean(p.Text), "\n"))
	}
}

// revoke takes back what was allowed.
func (a *app) revoke(ctx context.Context, f *fabric, at jitos.Snapshot, c *cli.Context, args []string) error {
	p, err := a.permitted(ctx, f, at, c.String("from"), args)
	if err != nil {
		return err
	}
	if p.builtIn {
		return usage("%s is built in", args[0])
	}
	was, err := f.repo.Disallow(p.Hash)
	if err != nil {
		return err
	}
	p.Allowed = f.repo.Allowed(p.Hash)
	if c.Bool("json") {
		return a.ui.json(p)
	}
	switch {
	case p.Allowed:
		a.ui.notef("JITOS_ALLOW holds it: it may run as long as it does")
	case was:
		a.ui.printf("not allowed any more in this clone: %s %s\n", clean(p.Hash), clean(p.What))
	default:
		a.ui.notef("it was not allowed; nothing was changed")
	}
	return nil
}

// isHash tells whether a word is the hash of content: 32 lower case hex digits.
func isHash(word string) bool {
	_, err := hex.DecodeString(word)
	return err == nil && len(word) == 32 && strings.ToLower(word) == word
}
