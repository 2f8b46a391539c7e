package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/jitos/jitos/runner/secret"
)

func secretCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "secret",
		Category: groupLibrary,
		Usage:    "secrets that jobs may be lent, kept in this clone alone",
		Description: `A job that needs secret:NAME, of a process and a policy that grant it (grants: ["secret:NAME", …] in policy.yaml), gets the
value as the variable NAME or, where it says secrets: file, in a file in memory that NAME_FILE names. The value is taken out
of what the job says, and a job that would commit it is stopped. What a job did with a secret is never reused. secrets: in
policy.yaml says which tasks, methods and workers may ask for which of them; one that stands not there, any that the grants let.

The values are files that only you can read, below .git/jitos/secrets: in no commit, and pushed nowhere. In CI,
` + secret.Variable + `NAME in the environment of jitos gives one instead.`,
		Subcommands: []*cli.Command{{
			Name:        "set",
			Usage:       "read a secret from standard input",
			ArgsUsage:   "NAME",
			Description: `One newline at the end is no part of it. On a terminal it is asked for, and not shown.`,
			Action:      func(c *cli.Context) error { return a.secretSet(c) },
		}, {
			Name:        "list",
			Usage:       "list the names of secrets",
			Description: `--json: [{"name","set"}]`,
			Flags:       []cli.Flag{jsonFlag()},
			Action:      func(c *cli.Context) error { return a.secretList(c) },
		}, {
			Name:      "drop",
			Usage:     "forget a secret",
			ArgsUsage: "NAME",
			Action:    func(c *cli.Context) error { return a.secretDrop(c) },
		}},
	}
}

func (a *app) secretSet(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, _, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	if err := secret.CheckName(args[0]); err != nil {
		return err // before anything is asked for
	}
	value, err := a.readSecret(args[0])
	if err != nil {
		return err
	}
	if err := f.executor.Secrets.Set(args[0], value); err != nil {
		return err
	}
	a.ui.printf("kept in this clone: %s\n", args[0])
	return nil
}

// maxSecret bounds a value, in bytes.
const maxSecret = 64 << 10

// readSecret reads a value from standard input; from a terminal without showing it.
func (a *app) readSecret(name string) (string, error) {
	if in, ok := a.ui.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		a.ui.notef("value of %s (not shown), and enter:", name)
		raw, err := term.ReadPassword(int(in.Fd()))
		return string(raw), err
	}
	raw, err := io.ReadAll(io.LimitReader(a.ui.in, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read the value of %s: %w", name, err)
	}
	if len(raw) > maxSecret {
		return "", usage("the value of %s is longer than %d KB", name, maxSecret>>10)
	}
	text := strings.TrimSuffix(string(raw), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}

func (a *app) secretList(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, _, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	list, err := f.executor.Secrets.List()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(append([]secret.Entry{}, list...))
	}
	for _, e := range list {
		a.ui.printf("%s  set %s\n", e.Name, e.Set.Local().Format("2006-01-02 15:04"))
	}
	return nil
}

func (a *app) secretDrop(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, _, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	if err := f.executor.Secrets.Drop(args[0]); err != nil {
		return err
	}
	a.ui.printf("forgotten: %s\n", args[0])
	return nil
}
