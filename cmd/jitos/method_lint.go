package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

func methodLintCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "lint",
		Usage:     "check files of methods, or policy.yaml, without adding them",
		ArgsUsage: "[FILE…]",
		Description: `Looks for what cannot be read, and for what can and will not do what was meant. Without FILE the fabric's own files are
checked, with --all those that are built in as well. Outside a fabric a FILE is checked beside what is built in.
Each finding has its file, line and column, what to do, and a code:

  malformed, unbound-variable, unknown-task (-job, -gate, -step, -toolchain, -ability, -parameter), missing-argument,
  duplicate-definition, no-method, step-cycle, wrong-use
                       the file cannot be used as it is: exit 2, as from ` + "`jitos method add`" + `
  unreachable-task     no phrase says it and no step leads to it
  unreachable-method   its conditions never hold, or a step of it never ends
  unused-variable      a variable or parameter is bound, and nothing depends on it
  left-recursion       a task leads back to itself, and nothing says that it comes nearer to an end: no fact is used up, no
                       mark is set, no argument moves on
  goal-not-reached     no step may change a file or proves the goal, or one may change files after the proof
  missing-capability   a command evidently needs the network, writes files or starts a tool, and needs does not say so
  duplicate-phrase     two phrases say the same
  ambiguous-phrase     the words of a phrase fit another task as well, or are its name

Exit code: 0 nothing was found · 1 something was found · 2 a file cannot be read or used.

--json: {"files":["…"],"findings":[{"file","line","column","code","what","do"}]}`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "check what is built in, too"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.methodLint(c) },
	}
}

// chosenFiles are the files of methods that a command was asked to look at.
type chosenFiles struct {
	extra  map[string][]byte // all of the fabric's, with those given in their place
	names  []string          // those to look at; none: all, the embedded ones too
	given  map[string]string // how the user called them
	policy []string          // of the arguments, those that are a policy.yaml
}

// shown is a file as the user calls it.
func (f chosenFiles) shown(name string) string {
	if given, ok := f.given[name]; ok {
		return given
	}
	return name
}

// chosenFiles reads the files that a command names; those of the fabric where it names none.
func (a *app) chosenFiles(ctx context.Context, args []string, all bool) (chosenFiles, error) {
	f := chosenFiles{extra: map[string][]byte{}, given: map[string]string{}}
	_, at, err := a.fabric(ctx)
	switch {
	case err == nil:
		files, err := at.Fabric(ctx)
		if err != nil {
			return f, err
		}
		for path, raw := range files {
			if strings.HasPrefix(path, "methods/") {
				f.extra[path] = raw
			}
		}
	case !errors.Is(err, jitos.ErrNotFound) || len(args) == 0 && !all:
		return f, err
	}
	if len(args) == 0 && !all {
		for path := range f.extra {
			f.names = append(f.names, path)
		}
		slices.Sort(f.names)
		if len(f.names) == 0 {
			return f, usage("this fabric has no methods of its own: name a FILE, or give --all")
		}
	}
	for _, name := range args {
		raw, err := a.readInput(name)
		if err != nil {
			return f, err
		}
		base := filepath.Base(name)
		if base == "policy.yaml" {
			f.policy = append(f.policy, name)
			if _, err := methods.LoadPolicy(raw); err != nil {
				return f, err
			}
			continue
		}
		path := "methods/" + base
		if _, err := jitos.FabricItem(path).Parse(); err != nil {
			return f, usage("%s: a file of methods is named NAME.yaml, in lower case", name)
		}
		f.extra[path], f.given[path] = raw, name
		if !all {
			f.names = append(f.names, path)
		}
	}
	return f, nil
}

// finding is what method lint prints as JSON.
type finding struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Code   string `json:"code"`
	What   string `json:"what"`
	Do     string `json:"do"`
}

func (a *app) methodLint(c *cli.Context) error {
	f, err := a.chosenFiles(c.Context, c.Args().Slice(), c.Bool("all"))
	var found []methods.Problem
	if err == nil && (len(f.names) > 0 || len(f.policy) == 0) {
		found, err = methods.Lint(f.extra, f.names...)
	}
	var unread *methods.LoadError
	if errors.As(err, &unread) {
		found, err = unread.Problems, nil
	}
	if err != nil {
		return err
	}
	list := []finding{}
	for _, p := range found {
		list = append(list, finding{f.shown(p.File), p.Line, p.Column, p.Code, p.What, p.Do})
	}
	if c.Bool("json") {
		files := append([]string{}, f.policy...)
		for _, name := range f.names {
			files = append(files, f.shown(name))
		}
		if err := a.ui.json(map[string]any{"files": files, "findings": list}); err != nil {
			return err
		}
	} else {
		a.sayFindings(list)
	}
	switch {
	case unread != nil:
		return fmt.Errorf("%w: %s", jitos.ErrInvalid, plural(len(list), "problem"))
	case len(list) > 0:
		return fmt.Errorf("%s", plural(len(list), "finding"))
	}
	if !c.Bool("json") {
		for _, name := range append(f.policy, f.names...) {
			a.ui.printf("%s is sound\n", clean(f.shown(name)))
		}
	}
	a.ui.notef("nothing was found")
	return nil
}

func (a *app) sayFindings(list []finding) {
	for _, p := range list {
		do := ""
		if p.Do != "" {
			do = ": " + p.Do
		}
		a.ui.printf("%s:%d:%d: %s%s [%s]\n", clean(p.File), p.Line, p.Column, clean(p.What), clean(do), p.Code)
	}
}
