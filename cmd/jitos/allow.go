package main

import (
	"encoding/hex"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/runner"
)

func allowCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "allow",
		Category:  groupLibrary,
		Usage:     "let content that came from elsewhere run in this clone",
		ArgsUsage: "HASH|METHOD|WORKER|unsandboxed",
		Description: `Methods, gates and policy that were fetched do not run before somebody here has read them: ` + "`jitos method show NAME`" + `
prints them. METHOD allows the file that defines it, as it is now; a later version must be allowed anew. --from allows the
content of a file. WORKER allows one that ` + "`jitos worker list`" + ` has, as it is configured now. Nothing is shared: each clone decides for itself. For CI, JITOS_ALLOW holds hashes.

unsandboxed lets jobs run in this clone although the machine cannot make sandboxes: they then have your rights, and what
they settle says so. Where sandboxes work jobs get them all the same.

--json: {"hash","what"}`,
		Flags:  []cli.Flag{&cli.StringFlag{Name: "from", Usage: "allow what `FILE` holds"}, jsonFlag()},
		Action: func(c *cli.Context) error { return a.allow(c) },
	}
}

func (a *app) allow(c *cli.Context) error {
	ctx := c.Context
	from := c.String("from")
	least := 1
	if from != "" {
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
	var hash, what string
	if from != "" {
		raw, err := a.readInput(from)
		if err != nil {
			return err
		}
		hash, what = methods.Origin(raw), inputName(from)
	}
	switch {
	case len(args) == 0:
	case isHash(args[0]):
		if hash != "" && hash != args[0] {
			return usage("the content of %s has another hash: %s", from, hash)
		}
		if hash = args[0]; what == "" {
			what = "given on the command line"
		}
	case args[0] == runner.AllowUnsandboxed && from == "":
		hash, what = args[0], "jobs without a sandbox, where none can be made"
	case from != "":
		return usage("--from takes a HASH beside it, to compare, or nothing")
	case f.isWorker(args[0]):
		m, _ := f.executor.Roster.Member(args[0])
		hash, what = m.Hash, m.Name+" of "+m.File
	default:
		d, err := f.defined(ctx, at, args[0])
		if err != nil {
			return err
		}
		if d.Origin == "" {
			a.ui.notef("%s is built in: it may run already", clean(d.Name))
			return nil
		}
		hash, what = d.Origin, d.File
	}
	if err := f.repo.Allow(hash, what); err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(map[string]string{"hash": hash, "what": what})
	}
	a.ui.printf("allowed in this clone: %s %s\n", hash, clean(what))
	return nil
}

// isWorker tells whether a word names a worker that was configured here.
func (f *fabric) isWorker(word string) bool {
	_, ok := f.executor.Roster.Member(word)
	return ok
}

// isHash tells whether a word is the hash of content: 32 lower case hex digits.
func isHash(word string) bool {
	_, err := hex.DecodeString(word)
	return err == nil && len(word) == 32 && strings.ToLower(word) == word
}
