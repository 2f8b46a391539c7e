package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

func manCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:        "man",
		Category:    groupTool,
		Usage:       "print the manual page, in roff: jitos man > jitos.1",
		Description: "Made from the same text as --help. `jitos man | man -l -` shows it.",
		Action: func(c *cli.Context) error {
			if _, err := arguments(c, 0, 0); err != nil {
				return err
			}
			a.ui.printf("%s", manual(a.program()))
			return nil
		},
	}
}

// manual is the page of the whole command line.
func manual(p *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH JITOS 1 \"\" \"jitos %s\" \"User commands\"\n", roff(buildVersion().Jitos))
	b.WriteString(".nh\n.ad l\n")
	fmt.Fprintf(&b, ".SH NAME\njitos \\- %s\n", roff(p.Usage))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n%s\n", roff(p.UsageText))
	fmt.Fprintf(&b, ".SH OPTIONS\n%s", manFlags(p.VisibleFlags()))
	b.WriteString(".SH COMMANDS\n")
	for _, c := range p.Commands {
		manOf(&b, "jitos", c)
	}
	fmt.Fprintf(&b, ".SH EXIT STATUS\n%s\n", roff(exitHelp))
	b.WriteString(".SH ENVIRONMENT\n")
	for _, e := range environment {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(e.name), roff(e.what))
	}
	b.WriteString(".SH SEE ALSO\n.BR git (1)\n")
	return b.String()
}

// environment is every variable that the program reads.
var environment = []struct{ name, what string }{
	{"JITOS_PAGER", `shows long output on a terminal, before PAGER; "cat": none`},
	{"NO_COLOR", "no colour, where it is set"},
	{"JITOS_SANDBOX", "0 makes no sandboxes, to see whether a job fails for that; it must be allowed: jitos allow unsandboxed"},
	{"JITOS_ALLOW", "hashes of content that may run here, for CI; separated by spaces or commas"},
	{"JITOS_NOW", "the time for new commits, in seconds since 1970"},
	{"XDG_CACHE_HOME", "directories of jobs and their caches are below jitos/ in it"},
}

func manOf(b *strings.Builder, parent string, c *cli.Command) {
	if c.Hidden {
		return
	}
	name := parent + " " + c.Name
	fmt.Fprintf(b, ".SS %s\n", roff(strings.TrimSpace(name+" "+c.ArgsUsage)))
	usage := strings.ToUpper(c.Usage[:1]) + c.Usage[1:]
	fmt.Fprintf(b, "%s.\n", roff(usage))
	if c.Description != "" {
		for _, paragraph := range strings.Split(c.Description, "\n\n") {
			fmt.Fprintf(b, ".PP\n%s\n", manParagraph(paragraph))
		}
	}
	b.WriteString(manFlags(c.VisibleFlags()))
	for _, sub := range c.Subcommands {
		manOf(b, name, sub)
	}
}

// manParagraph is filled to the width of the page, unless it is laid out in columns.
func manParagraph(text string) string {
	if strings.Contains(text, "  ") {
		return ".nf\n" + roff(text) + "\n.fi"
	}
	return roff(text)
}

func manFlags(flags []cli.Flag) string {
	var b strings.Builder
	for _, f := range flags {
		names, text, _ := strings.Cut(f.String(), "\t")
		if names == "--help, -h" {
			continue
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace(names)), roff(strings.TrimSuffix(strings.TrimSpace(text), " (default: false)")))
	}
	return b.String()
}

var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\u2018", "'", "–", `\(en`, "…", "...", "·", `\(bu`, "→", `\(->`)

// roff escapes text: what roff reads as a command at the head of a line, and its special characters. An empty line begins
// a paragraph.
func roff(s string) string {
	lines := strings.Split(roffEscapes.Replace(strings.TrimSpace(s)), "\n")
	for i, l := range lines {
		switch {
		case strings.TrimSpace(l) == "":
			lines[i] = ".PP"
		case l[0] == '.' || l[0] == '\'':
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
