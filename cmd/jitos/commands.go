package main

import (
	"fmt"
	"strings"

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

// commands is the one list of commands, in the order of the help. Only what works stands here.
func (a *app) commands() []*cli.Command {
	return []*cli.Command{
		initCommand(a),
		uninitCommand(a),
		demoCommand(a),
		doCommand(a),
		a.subAtMoment(taskCommand(a), "list", "show"),
		planCommand(a),
		runCommand(a),
		a.atMoment(inboxCommand(a)),
		answerCommand(a),
		approveCommand(a),
		rejectCommand(a),
		a.subAtMoment(swsCommand(a), "list", "show", "diff"),
		rewriteCommand(a),
		a.atMoment(statusCommand(a)),
		a.atMoment(showCommand(a)),
		a.atMoment(logCommand(a)),
		a.atMoment(graphCommand(a)),
		a.atMoment(whyCommand(a)),
		verifyCommand(a),
		undoCommand(a),
		absorbCommand(a),
		landCommand(a),
		pushCommand(a),
		fetchCommand(a),
		syncCommand(a),
		a.subAtMoment(methodCommand(a), "list", "show"),
		workerCommand(a),
		a.subAtMoment(capsCommand(a), "show"),
		a.subAtMoment(policyCommand(a), "show"),
		allowCommand(a),
		secretCommand(a),
		gcCommand(a),
		doctorCommand(a),
		completionCommand(a),
		completeCommand(a),
		manCommand(a),
		viewCommand(a),
		watchCommand(a),
		mcpCommand(a),
		primeCommand(a),
		versionCommand(a),
	}
}

// program is the whole command line. Help, completion and the man page are made from it.
func (a *app) program() *cli.App {
	p := &cli.App{
		Name:      "jitos",
		HelpName:  "jitos",
		Usage:     "run work in a git repository: declared, planned, tried, proven, and only then real",
		UsageText: "jitos [-C DIR] [--daemon] COMMAND [ARGUMENTS]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "C", Usage: "run as if started in `DIR`", Destination: &a.dir},
			&cli.BoolFlag{Name: "daemon", Usage: "have the daemon of the repository (jitosd) do what changes something", Destination: &a.daemon},
			&cli.BoolFlag{Name: "version", Usage: "as the command version"},
		},
		Commands:                  a.commands(),
		Action:                    a.welcome,
		Reader:                    a.ui.in,
		Writer:                    a.ui.out,
		ErrWriter:                 a.ui.err,
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {}, // exit.go decides
		OnUsageError:              misused,
	}
	for _, c := range p.Commands {
		a.finish(c, "")
	}
	p.CustomAppHelpTemplate = strings.ReplaceAll(helpText(p), "{{", `{{"{{"}}`)
	return p
}

// finish gives a command, and those below it, what all have in common.
func (a *app) finish(c *cli.Command, parent string) {
	c.OnUsageError = misused
	c.CustomHelpTemplate = commandHelp
	c.HideHelpCommand = true
	for _, f := range c.Flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = true
		}
	}
	name := strings.TrimSpace(parent + " " + c.Name)
	if parent != "" {
		c.HelpName = "jitos " + name // those of the top get it from the program
	}
	if len(c.Subcommands) > 0 && c.Action == nil {
		c.Action = func(ctx *cli.Context) error {
			if word := ctx.Args().First(); word != "" {
				return usage("`jitos %s` has no command %q: see `jitos %s --help`", name, word, name)
			}
			return cli.ShowSubcommandHelp(ctx)
		}
	}
	for _, sub := range c.Subcommands {
		a.finish(sub, name)
	}
}

func misused(_ *cli.Context, err error, _ bool) error { return usage("%s", err) }

// welcome is `jitos` alone, and where a word is no command. `jitos help COMMAND` is that command's --help.
func (a *app) welcome(c *cli.Context) error {
	if c.Bool("version") {
		return c.App.RunContext(c.Context, []string{"jitos", "version"})
	}
	if words := c.Args().Slice(); len(words) > 0 && words[0] == "help" {
		return c.App.RunContext(c.Context, append(append([]string{"jitos"}, words[1:]...), "--help"))
	}
	if word := c.Args().First(); word != "" {
		return usage("%q is no command: `jitos --help` lists them", word)
	}
	return a.overview(c.Context)
}

// helpText is `jitos --help`.
func helpText(p *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "jitos – %s\n\nUsage: %s\n", p.Usage, p.UsageText)
	for _, group := range []string{groupStart, groupWork, groupHand, groupLook, groupSync, groupLibrary, groupTool} {
		fmt.Fprintf(&b, "\n%s\n", group)
		for _, c := range p.Commands {
			if c.Category == group && !c.Hidden {
				fmt.Fprintf(&b, "  %-11s %s\n", c.Name, c.Usage)
			}
		}
	}
	fmt.Fprintf(&b, `
Each command has --help; those that print data have --json. Ids take any unique prefix.

With --daemon what do, run, plan, task, answer, approve, reject, rewrite, absorb, land, sws collapse and sws discard change is done by
the daemon of the repository (jitosd), with the same output and exit codes; what is read is read here.

Exit codes
%s

Environment
  JITOS_PAGER  shows long output on a terminal ("cat": none)    NO_COLOR   no colour
  JITOS_ALLOW  what may run here, for CI: hashes, unsandboxed   JITOS_NOW  the time, in seconds since 1970
`, exitHelp)
	return b.String()
}

const commandHelp = `Usage: {{.HelpName}}{{if .VisibleFlags}} [FLAGS]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{.Usage}}{{if .Description}}

{{.Description}}{{end}}
{{if .Subcommands}}
Commands
{{range .Subcommands}}  {{printf "%-10s" .Name}} {{.Usage}}
{{end}}{{end}}{{if .VisibleFlags}}
Flags
{{range .VisibleFlags}}  {{.}}
{{end}}{{end}}`

// jsonFlag is the flag of every command that prints data.
func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print one JSON object"} }
