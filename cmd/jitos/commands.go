package main

import (
	"fmt"
	"strings"

	"github.com/jitos/jitos/cmd/jitos/cli"
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

// commands is the one list of commands, in the order of the help. Only what works stands here.
func (a *app) commands() []*cli.Command {
	return []*cli.Command{
		initCommand(a),
		uninitCommand(a),
		demoCommand(a),
		doCommand(a),
		taskCommand(a),
		planCommand(a),
		runCommand(a),
		swsCommand(a),
		rewriteCommand(a),
		statusCommand(a),
		showCommand(a),
		logCommand(a),
		graphCommand(a),
		whyCommand(a),
		verifyCommand(a),
		absorbCommand(a),
		landCommand(a),
		pushCommand(a),
		fetchCommand(a),
		methodCommand(a),
		capsCommand(a),
		allowCommand(a),
		doctorCommand(a),
		completionCommand(a),
		completeCommand(a),
		manCommand(a),
		versionCommand(a),
	}
}

// program is the whole command line. Help, completion and the man page are made from it.
func (a *app) program() *cli.Command {
	return &cli.Command{
		Name:      "jitos",
		Usage:     "run work in a git repository: declared, planned, tried, proven, and only then real",
		ArgsUsage: "[-C DIR] COMMAND [ARGUMENTS]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "C", Usage: "run as if started in `DIR`", Destination: &a.dir},
			&cli.BoolFlag{Name: "version", Usage: "as the command version"},
		},
		Subcommands: a.commands(),
		Action:      a.welcome,
		Out:         a.ui.out,
		Help:        helpText,
	}
}

// welcome is `jitos` alone, and where a word is no command. `jitos help COMMAND` is that command's --help.
func (a *app) welcome(c *cli.Context) error {
	if c.Bool("version") {
		return c.Command.Run(c.Context, []string{"version"})
	}
	switch word := c.First(); word {
	case "":
		return a.overview(c.Context)
	case "help":
		return c.Command.Run(c.Context, append(c.Args[1:], "--help"))
	default:
		return usage("%q is no command: `jitos --help` lists them", word)
	}
}

// helpText is `jitos --help`.
func helpText(p *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "jitos – %s\n\nUsage: %s %s\n", p.Usage, p.Name, p.ArgsUsage)
	for _, group := range []string{groupStart, groupWork, groupHand, groupLook, groupSync, groupLibrary, groupTool} {
		fmt.Fprintf(&b, "\n%s\n", group)
		for _, c := range p.Subcommands {
			if c.Category == group && !c.Hidden {
				fmt.Fprintf(&b, "  %-11s %s\n", c.Name, c.Usage)
			}
		}
	}
	fmt.Fprintf(&b, `
Each command has --help; those that print data have --json. Ids take any unique prefix.

Exit codes
%s

Environment
  JITOS_PAGER  shows long output on a terminal ("cat": none)    NO_COLOR   no colour
  JITOS_ALLOW  hashes that may run here, for CI                 JITOS_NOW  the time, in seconds since 1970
`, exitHelp)
	return b.String()
}

// jsonFlag is the flag of every command that prints data.
func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print one JSON object"} }
