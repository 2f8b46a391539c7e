package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner"
)

func workerCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "worker",
		Category:  groupLibrary,
		Usage:     "workers: who carries out jobs here; list and test those that you configured",
		ArgsUsage: "list|test",
		Subcommands: []*cli.Command{
			{
				Name:  "list",
				Usage: "list the workers, and why one cannot be used",
				Description: `Beside what jitos brings there are those that you configure, in <git dir>/jitos/workers.yaml or, for all repositories,
~/.config/jitos/workers.yaml (neither is ever shared):

` + runner.RosterHelp + `
Each must be allowed: jitos allow agent/claude. A method uses one by its name: jobs: {fix: {params: {prompt: string}, worker:
agent/claude, needs: [net, "fs.write:**"]}}.

--json: {"workers":[{"name","kind","hash","file","why"}]}: why is why it cannot be used now, "" where it can.`,
				Flags:  []cli.Flag{jsonFlag()},
				Action: func(c *cli.Context) error { return a.workerList(c) },
			},
			{
				Name:      "test",
				Usage:     "try a worker on a small directory, and hold it to what every worker must do",
				ArgsUsage: "NAME",
				Description: `Runs one small job, and shows what it said and left. Of an adapter it also checks the protocol: that it describes itself, and
ends when it is told to. Nothing is recorded.

--json: {"worker","checks":[{"name","ok","detail"}]}; exit code 1 where a check failed.`,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "prompt", Usage: "what to ask for, in `WORDS`", Value: "Make a file hello.txt that holds the one line: hello"},
					jsonFlag(),
				},
				Action: func(c *cli.Context) error { return a.workerTest(c) },
			},
		},
	}
}

// workerCard is one line of worker list.
type workerCard struct {
	runner.Member
	Why string `json:"why"`
}

func (a *app) workerList(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, err := a.open(c.Context)
	if err != nil {
		return err
	}
	cards := []workerCard{}
	for _, name := range runner.BuiltIn {
		cards = append(cards, workerCard{Member: runner.Member{Name: name, Kind: "built in"}})
	}
	for _, m := range f.executor.Roster.Members() {
		cards = append(cards, workerCard{m, f.executor.Roster.WhyNot(m.Name, f.repo.Allowed)})
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"workers": cards})
	}
	for _, w := range cards {
		note := "ready"
		switch {
		case w.Why != "":
			note = a.ui.paintTone("warn", line(w.Why))
		case w.Hash == "":
			note = "built in"
		}
		a.ui.printf("%-20s %s\n", line(w.Name), note)
	}
	if len(cards) == len(runner.BuiltIn) {
		a.ui.printf("none is configured: `jitos worker list --help` says how\n")
	}
	return nil
}

func (a *app) workerTest(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, err := a.open(c.Context)
	if err != nil {
		return err
	}
	name := args[0]
	if _, ok := f.executor.Roster.Member(name); !ok {
		var names []string
		for _, m := range f.executor.Roster.Members() {
			names = append(names, m.Name)
		}
		return jitos.Hint(fmt.Errorf("worker %s: %w here", name, jitos.ErrNotFound), "%s", orNone(names))
	}
	if why := f.executor.Roster.WhyNot(name, f.repo.Allowed); why != "" {
		return fmt.Errorf("%w: %s", jitos.ErrDenied, why)
	}
	checks, err := f.executor.Check(c.Context, name, c.String("prompt"), func(text string) { a.ui.notef("%s", line(text)) })
	if err != nil {
		return err
	}
	bad := slices.IndexFunc(checks, func(k runner.Check) bool { return !k.OK })
	if c.Bool("json") {
		if err := a.ui.json(map[string]any{"worker": name, "checks": checks}); err != nil {
			return err
		}
	} else {
		for _, k := range checks {
			mark, tone := "ok  ", "good"
			if !k.OK {
				mark, tone = "bad ", "bad"
			}
			a.ui.printf("%s %s\n", a.ui.paintTone(tone, mark), line(k.Name))
			for text := range strings.Lines(k.Detail) {
				a.ui.printf("       %s\n", strings.TrimRight(clean(text), "\n"))
			}
		}
	}
	if bad >= 0 {
		return fmt.Errorf("worker %s: %s", name, checks[bad].Name)
	}
	return nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none is configured: `jitos worker list --help` says how"
	}
	return "configured are " + strings.Join(names, ", ")
}
