package main

import (
	"os"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos/cmd/internal/companion"
)

// Commands that need large libraries are carried out by jitosd: the initialisers of those would be paid by every command here. The
// program becomes jitosd, so that signals, terminal and exit code are its own.

func mcpCommand(a *app) *cli.Command {
	return a.handedOver("mcp", "serve the commands as tools for agents, by the Model Context Protocol over stdio")
}

func viewCommand(a *app) *cli.Command {
	return a.handedOver("view", "open the viewer in a browser, starting a daemon where none runs")
}

func watchCommand(a *app) *cli.Command {
	return a.handedOver("watch", "the system line and the workspaces beside it, live in the terminal")
}

func (a *app) handedOver(name, what string) *cli.Command {
	return &cli.Command{
		Name:            name,
		Category:        groupTool,
		Usage:           what,
		Description:     "Carried out by the program jitosd, which is found beside this one or on PATH: `jitosd " + name + " --help`.",
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			err := a.handOver(name, c.Args().Slice())
			if asksHelp := c.Args().First(); asksHelp == "--help" || asksHelp == "-h" {
				return cli.ShowSubcommandHelp(c) // the other program's is not to be had
			}
			return err
		},
	}
}

// handOver returns only where the other program cannot be started.
func (a *app) handOver(name string, args []string) error {
	path, err := companion.Find("jitosd")
	if err != nil {
		return err
	}
	return syscall.Exec(path, append([]string{"jitosd", "-C", a.place(), name}, args...), os.Environ())
}
