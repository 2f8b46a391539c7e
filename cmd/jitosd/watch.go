package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/jitos/jitos/cmd/internal/exit"
	"github.com/jitos/jitos/cmd/internal/plain"
)

func watchCommand(stdin io.Reader, stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:  "watch",
		Usage: "the system line and the workspaces beside it, live in the terminal",
		Description: `What anybody writes to the repository appears within a moment; no daemon is needed. ? lists the keys: they scrub through the
rewrites, open a difference, and decide what waits for you. Where standard output is no terminal, or with --lines, each rewrite
is one line; what happens in a workspace is indented under its name.

--json: a line for each rewrite, {"commit","workspace","rule","what","task","process","when"}; without a workspace it is one of the
system line.`,
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "n", Usage: "begin with the last `N` rewrites of the system line", DefaultText: "0, on a screen 100"},
			&cli.BoolFlag{Name: "lines", Usage: "print lines, on a terminal as well"},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON object a line"},
		},
		Action: func(c *cli.Context) error { return watch(c, stdin, stdout) },
	}
}

func watch(c *cli.Context, stdin io.Reader, stdout io.Writer) error {
	if c.Args().Present() || c.Int("n") < 0 {
		return exit.Usage("watch takes no arguments, and -n at least 0")
	}
	f, err := open(c.Context, c.String("C"))
	if err != nil {
		return err
	}
	defer f.Repo.Close()
	w := &feed{f: f}
	screen := isTerminal(stdout) && isTerminal(stdin) && os.Getenv("TERM") != "dumb" && !c.Bool("lines") && !c.Bool("json")
	n := c.Int("n")
	if screen && !c.IsSet("n") {
		n = 100
	}
	if err := w.from(c.Context, n); err != nil {
		return err
	}
	if screen {
		return watchScreen(c.Context, w, stdin, stdout)
	}
	w.note = func(text string) { fmt.Fprintf(c.App.ErrWriter, "jitosd: notice: %s\n", text) }
	return watchLines(c.Context, w, stdout, c.Bool("json"))
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// watchLines prints a line for each rewrite until ctx ends, or the reader has gone.
func watchLines(ctx context.Context, w *feed, stdout io.Writer, asJSON bool) error {
	e := json.NewEncoder(stdout)
	e.SetEscapeHTML(false)
	return w.follow(ctx, func(list []happening) error {
		for _, h := range list {
			var err error
			if asJSON {
				err = e.Encode(h)
			} else {
				_, err = fmt.Fprintln(stdout, h.line())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// line is a rewrite for people.
func (h happening) line() string {
	what := plain.Line(h.What)
	if h.Rule != "" {
		what = h.Rule + ": " + what
	}
	if h.Workspace != "" {
		what = "  " + plain.Line(h.Workspace) + "  " + what
	}
	return fmt.Sprintf("%s  %s  %s", h.When.Local().Format("15:04:05"), h.Commit[:min(10, len(h.Commit))], what)
}
