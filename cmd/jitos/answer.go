package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func answerCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "answer",
		Category:  groupWork,
		Usage:     "answer a question of the inbox in words",
		ArgsUsage: "ID TEXT",
		Description: `The job that asked has passed with the text as its artifact "answer". Of an interrupted job whose outcome is unknown it says
that the work was done, and how that is known.

` + decisionJSON,
		Flags: []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error {
			words, err := arguments(c, 2, -1)
			if err != nil {
				return err
			}
			return a.decide(c, words[0], jitos.Answered, strings.Join(words[1:], " "))
		},
	}
}
