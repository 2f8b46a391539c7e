package main

import (
	"github.com/urfave/cli/v2"
)

// atMoment gives a command that only reads the flag --at.
func (a *app) atMoment(c *cli.Command) *cli.Command {
	c.Flags = append(c.Flags, &cli.StringFlag{Name: "at", Usage: "as the system line was at `COMMIT`: nothing later counts, and no workspace is open"})
	c.Before = func(c *cli.Context) error {
		a.at = c.String("at")
		return nil
	}
	return c
}

// subAtMoment does so for a subcommand.
func (a *app) subAtMoment(c *cli.Command, name string) *cli.Command {
	if sub := find(c.Subcommands, name); sub != nil {
		a.atMoment(sub)
	}
	return c
}
