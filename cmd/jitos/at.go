package main

import (
	"github.com/urfave/cli/v2"
)

// atMoment gives a command that only reads the flag --at.
func (a *app) atMoment(c *cli.Command) *cli.Command {
	c.Flags = append(c.Flags, &cli.StringFlag{Name: "at", Usage: "as the fabric was at `COMMIT` of the system line: nothing later counts; workspaces stand where they did by the times of their commits"})
	c.Before = func(c *cli.Context) error {
		a.at = c.String("at")
		return nil
	}
	return c
}

// subAtMoment does so for subcommands.
func (a *app) subAtMoment(c *cli.Command, names ...string) *cli.Command {
	for _, name := range names {
		if sub := find(c.Subcommands, name); sub != nil {
			a.atMoment(sub)
		}
	}
	return c
}
