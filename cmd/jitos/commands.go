package main

import (
	"context"

	"github.com/urfave/cli/v2"
)

// Groups of commands, in the order of the help.
const (
	groupStart   = "Start"
	groupWork    = "Work"
	groupHand    = "Work by hand"
	groupLook    = "Look"
	groupSync    = "Your branches, and others"
	groupLibrary = "Methods and permissions"
	groupTool    = "This program"
)

// commands is the one list of commands. Only what works stands here.
func (a *app) commands() []*cli.Command {
	return []*cli.Command{}
}

// program is the whole command line. Help, completion and the man page are made from it.
func (a *app) program() *cli.App {
	p := &cli.App{
		Name:      "jitos",
		HelpName:  "jitos",
		Usage:     "run work in a git repository: declared, planned, tried, proven, and only then real",
		UsageText: "jitos [-C DIR] COMMAND [ARGUMENTS]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "C", Usage: "run as if started in `DIR`", Destination: &a.dir},
		},
		Commands:                  a.commands(),
		Action:                    a.welcome,
		CommandNotFound:           nil,
		Reader:                    a.ui.in,
		Writer:                    a.ui.out,
		ErrWriter:                 a.ui.err,
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		CustomAppHelpTemplate:     appHelp,
		ExitErrHandler:            func(*cli.Context, error) {}, // exit.go decides
		OnUsageError:              misused,
	}
	for _, c := range p.Commands {
		a.finish(c)
	}
	return p
}

// finish gives a command, and those below it, what all have in common.
func (a *app) finish(c *cli.Command) {
	c.OnUsageError = misused
	c.HideHelpCommand = true
	c.UseShortOptionHandling = false
	if len(c.Subcommands) > 0 && c.Action == nil {
		c.Action = func(ctx *cli.Context) error {
			if word := ctx.Args().First(); word != "" {
				return usage("`jitos %s` has no command %q: see `jitos %s --help`", c.Name, word, c.Name)
			}
			return cli.ShowSubcommandHelp(ctx)
		}
	}
	for _, sub := range c.Subcommands {
		a.finish(sub)
	}
}

func misused(_ *cli.Context, err error, _ bool) error { return usage("%s", err) }

// welcome is `jitos` alone, and where a word is no command.
func (a *app) welcome(c *cli.Context) error {
	if word := c.Args().First(); word != "" {
		return usage("%q is no command: `jitos --help` lists them", word)
	}
	return a.overview(c.Context)
}

const appHelp = `jitos – {{.Usage}}

Usage: {{.UsageText}}
{{range .VisibleCategories}}{{if .Name}}
{{.Name}}{{range .VisibleCommands}}
  {{printf "%-12s" .Name}} {{.Usage}}{{end}}
{{end}}{{end}}
Each command has --help. Commands that print data have --json.

Exit codes
` + exitHelp + `

Environment
  JITOS_PAGER  shows long output on a terminal ("cat": none)     NO_COLOR  no colour
  JITOS_ALLOW  hashes that may run here, for CI                  JITOS_NOW  the time, in seconds since 1970
`

// jsonFlag is the flag of every command that prints data.
func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print one JSON object"} }

// overview says what state the repository is in and what to try next.
func (a *app) overview(ctx context.Context) error { return a.help() }

func (a *app) help() error {
	p := a.program()
	return cli.ShowAppHelp(cli.NewContext(p, nil, nil))
}
