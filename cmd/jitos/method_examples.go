package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner"
)

func methodTestCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "run the examples that stand beside methods",
		ArgsUsage: "[FILE…]",
		Description: `An example is a small world, what is asked of it, and the plans that must come; it is planned, nothing is run, and no
repository is needed. Without FILE the fabric's own files are looked at, with --all what is built in as well.

  task: paint-house
  says: ["paint the house {colour}"]
  params: {colour: name}
  methods: [{name: roll, when: [{file: {path: house}}], steps: {roll: {run: "roll {colour}"}}}]
  examples:
  - {name: a house, files: [house], say: paint the house red, args: {colour: red}, plans: [{methods: [roll], run: {roll: roll red}}]}
  - {name: no house, args: {colour: red}, plans: [], not: {roll: there is no file house}}

The whole language is in the package comment of methods.

Exit code: 0 all hold · 1 some do not · 2 a file cannot be read or used.

--json: {"examples":[{"file","line","task","name","holds","difference":["- expected","+ came","  both"]}],"failed"}`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "run the examples of what is built in, too"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.methodTest(c) },
	}
}

// exampleCard is what method test prints as JSON.
type exampleCard struct {
	File       string   `json:"file"`
	Line       int      `json:"line"`
	Task       string   `json:"task"`
	Name       string   `json:"name"`
	Holds      bool     `json:"holds"`
	Difference []string `json:"difference"`
}

func (a *app) methodTest(c *cli.Context) error {
	f, err := a.chosenFiles(c.Context, c.Args().Slice(), c.Bool("all"))
	if err != nil {
		return err
	}
	if len(f.policy) > 0 {
		return usage("%s: a policy has no examples", f.policy[0])
	}
	lib, err := methods.Load(f.extra)
	if err != nil {
		return err
	}
	trial, failed := planner.NewTrial(lib), 0
	list := []exampleCard{}
	for _, t := range lib.Tasks() {
		for _, e := range t.Examples {
			if len(f.names) > 0 && !slices.Contains(f.names, e.Pos.File) {
				continue
			}
			lines, err := trial.Run(c.Context, t, e)
			if err != nil {
				return fmt.Errorf("%s:%d: example %s: %w", f.shown(e.Pos.File), e.Pos.Line, e.Name, err)
			}
			if len(lines) > 0 {
				failed++
			}
			list = append(list, exampleCard{f.shown(e.Pos.File), e.Pos.Line, t.Name, e.Name, len(lines) == 0, append([]string{}, lines...)})
		}
	}
	if c.Bool("json") {
		if err := a.ui.json(map[string]any{"examples": list, "failed": failed}); err != nil {
			return err
		}
	} else {
		a.sayExamples(list)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %s failed", failed, plural(len(list), "example"))
	}
	if len(list) == 0 {
		a.ui.notef("there is no example: nothing was tested; write one below `examples:` of a task")
		return nil
	}
	a.ui.notef("%s, all hold", plural(len(list), "example"))
	return nil
}

// sayExamples tells of each whether it holds, and if not how what came differs.
func (a *app) sayExamples(list []exampleCard) {
	for _, e := range list {
		if e.Holds {
			a.ui.printf("holds   %s: %s\n", clean(e.Task), line(e.Name))
			continue
		}
		a.ui.printf("%s  %s: %s (%s:%d)\n", a.ui.bold("FAILED"), clean(e.Task), line(e.Name), clean(e.File), e.Line)
		for _, l := range e.Difference {
			a.ui.printf("        %s\n", clean(l))
		}
	}
}
