package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func rejectCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "reject",
		Category:  groupWork,
		Usage:     "reject what the inbox shows: the next run gives that attempt up and tries the next plan",
		ArgsUsage: "ID -m WHY",
		Description: `The reason is kept with the attempt, where people and the planner find it.

` + decisionJSON,
		Flags: []cli.Flag{&cli.StringFlag{Name: "m", Usage: "why, in `WORDS`"}, jsonFlag()},
		Action: func(c *cli.Context) error {
			words, err := arguments(c, 1, 1)
			if err != nil {
				return err
			}
			if strings.TrimSpace(c.String("m")) == "" {
				return usage("say why: jitos reject %s -m WHY", words[0])
			}
			return a.decide(c, words[0], jitos.Rejected, c.String("m"))
		},
	}
}
