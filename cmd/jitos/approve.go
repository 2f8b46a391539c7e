package main

import (
	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func approveCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "approve",
		Category:  groupWork,
		Usage:     "approve what the inbox shows",
		ArgsUsage: "ID",
		Description: `It holds for exactly the files that were shown. Of an interrupted job whose outcome is unknown it says: run it again.

` + decisionJSON,
		Flags: []cli.Flag{&cli.StringFlag{Name: "m", Usage: "why, in `WORDS`"}, jsonFlag()},
		Action: func(c *cli.Context) error {
			words, err := arguments(c, 1, 1)
			if err != nil {
				return err
			}
			return a.decide(c, words[0], jitos.Approved, c.String("m"))
		},
	}
}
