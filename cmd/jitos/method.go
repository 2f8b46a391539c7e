package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/methods"
)

func methodCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "method",
		Category:  groupLibrary,
		Usage:     "list, show, add, check and test methods",
		ArgsUsage: "list|show|add|lint|test",
		Subcommands: []*cli.Command{
			{
				Name:  "list",
				Usage: "list tasks with what they are called, and their methods",
				Description: `--json: {"tasks":[{"task","title","says":["…"],"origin","allowed","methods":[{"method","title","cost","origin","allowed"}]}]}
origin is "" for what is built in, else the hash of the file that brought it.`,
				Flags:  []cli.Flag{jsonFlag()},
				Action: func(c *cli.Context) error { return a.methodList(c) },
			},
			{
				Name:        "show",
				Usage:       "print the file that defines a task, a method, a job, a gate or a toolchain",
				ArgsUsage:   "NAME",
				Description: `--json: {"name","file","origin","allowed","text"}`,
				Flags:       []cli.Flag{jsonFlag()},
				Action:      func(c *cli.Context) error { return a.methodShow(c) },
			},
			{
				Name:      "add",
				Usage:     "put a file of methods, or policy.yaml, into the fabric; it may then run in this clone",
				ArgsUsage: "FILE",
				Description: `A file of the same name is replaced.

--json: {"file","origin","commit"}`,
				Flags:  []cli.Flag{jsonFlag()},
				Action: func(c *cli.Context) error { return a.methodAdd(c) },
			},
			methodLintCommand(a),
			methodTestCommand(a),
		},
	}
}

// taskCard and methodCard are what method list prints as JSON.
type taskCard struct {
	Task    string       `json:"task"`
	Title   string       `json:"title"`
	Says    []string     `json:"says"`
	Origin  string       `json:"origin"`
	Allowed bool         `json:"allowed"`
	Methods []methodCard `json:"methods"`
}

type methodCard struct {
	Method  string `json:"method"`
	Title   string `json:"title"`
	Cost    int    `json:"cost"`
	Origin  string `json:"origin"`
	Allowed bool   `json:"allowed"`
}

// mayRun tells whether content may run in this clone: what is built in always may.
func (f *fabric) mayRun(origin string) bool { return origin == "" || f.repo.Allowed(origin) }

func (a *app) methodList(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, at, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	lib, err := wire.LibraryAt(c.Context, at)
	if err != nil {
		return err
	}
	list := []taskCard{}
	for _, t := range lib.Tasks() {
		card := taskCard{Task: t.Name, Title: t.Title, Says: []string{}, Origin: t.Origin, Allowed: f.mayRun(t.Origin), Methods: []methodCard{}}
		for _, p := range t.Says {
			card.Says = append(card.Says, p.Text)
		}
		for _, m := range t.Methods {
			card.Methods = append(card.Methods, methodCard{m.Name, m.Title.String(), m.Cost, m.Origin, f.mayRun(m.Origin)})
		}
		list = append(list, card)
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"tasks": list})
	}
	for _, t := range list {
		says := ""
		if len(t.Says) > 0 {
			says = "“" + line(t.Says[0]) + "”"
		}
		a.ui.printf("%s  %s%s\n", a.ui.bold(clean(t.Task)), says, originWords(t.Origin, t.Allowed))
		for _, m := range t.Methods {
			a.ui.printf("  %d  %-26s %s%s\n", m.Cost, clean(m.Method), line(m.Title), originWords(m.Origin, m.Allowed))
		}
	}
	return nil
}

func originWords(origin string, allowed bool) string {
	switch {
	case origin == "":
		return ""
	case allowed:
		return "  (of this fabric)"
	}
	return "  (of this fabric, not allowed yet: " + origin + ")"
}

// definition is a file of the library that defines something.
type definition struct {
	Name    string `json:"name"`
	File    string `json:"file"`
	Origin  string `json:"origin"`
	Allowed bool   `json:"allowed"`
	Text    string `json:"text"`
}

// defined finds the file that defines a name: a task, a method (or task/method), a job, a gate, a toolchain, or a file of
// the fabric's own.
func (f *fabric) defined(ctx context.Context, at jitos.Snapshot, name string) (definition, error) {
	d := definition{Name: name}
	files, err := at.Fabric(ctx)
	if err != nil {
		return d, err
	}
	for path, raw := range files {
		if path != "fabric.json" && (path == name || strings.TrimPrefix(path, "methods/") == name) {
			d.File, d.Origin, d.Text = path, methods.Origin(raw), string(raw)
			d.Allowed = f.mayRun(d.Origin)
			return d, nil
		}
	}
	lib, err := wire.LibraryAt(ctx, at)
	if err != nil {
		return d, err
	}
	pos, origin, ok := definedAt(lib, name)
	if !ok {
		return d, jitos.Hint(fmt.Errorf("method %q: %w", name, jitos.ErrNotFound), "`jitos method list` lists them")
	}
	d.File, d.Origin, d.Allowed = pos, origin, f.mayRun(origin)
	if origin == "" {
		d.Text = string(methods.Builtin()[pos])
	} else {
		d.Text = string(files[pos])
	}
	return d, nil
}

// definedAt is where a name is defined: the file, and its origin.
func definedAt(lib *methods.Library, name string) (file, origin string, ok bool) {
	if t, ok := lib.Task(name); ok {
		return t.Pos.File, t.Origin, true
	}
	for _, t := range lib.Tasks() {
		for _, m := range t.Methods {
			if m.Name == name || t.Name+"/"+m.Name == name {
				return m.Pos.File, m.Origin, true
			}
		}
	}
	if j, ok := lib.Job(name); ok {
		return j.Pos.File, j.Origin, true
	}
	if g, ok := lib.Gate(name); ok {
		return g.Pos.File, g.Origin, true
	}
	if t, ok := lib.Toolchain(name); ok {
		return t.Pos.File, t.Origin, true
	}
	return "", "", false
}

func (a *app) methodShow(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, at, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	d, err := f.defined(c.Context, at, args[0])
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(d)
	}
	switch {
	case d.Origin == "":
		a.ui.notef("built in: %s", clean(d.File))
	case d.Allowed:
		a.ui.notef("%s of this fabric, %s, allowed in this clone", clean(d.File), d.Origin)
	default:
		a.ui.notef("%s of this fabric, %s, not allowed in this clone yet", clean(d.File), d.Origin)
	}
	a.ui.printf("%s", clean(d.Text))
	return nil
}

// readMethods reads a file and checks it against the library of the fabric.
func (a *app) readMethods(ctx context.Context, at jitos.Snapshot, name string) (path string, raw []byte, err error) {
	if raw, err = a.readInput(name); err != nil {
		return "", nil, err
	}
	base := filepath.Base(name)
	if base == "policy.yaml" {
		_, err = methods.LoadPolicy(raw)
		return base, raw, err
	}
	path = "methods/" + base
	if _, err := jitos.FabricItem(path).Parse(); err != nil {
		return "", nil, usage("%s: a file of methods is named NAME.yaml, in lower case", name)
	}
	extra := map[string][]byte{}
	files, err := at.Fabric(ctx)
	if err != nil {
		return "", nil, err
	}
	for p, b := range files {
		if strings.HasPrefix(p, "methods/") {
			extra[p] = b
		}
	}
	return path, raw, methods.Check(extra, path, raw)
}

func (a *app) methodAdd(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	at, err := f.kernel.System(ctx)
	if err != nil {
		return err
	}
	path, raw, err := a.readMethods(ctx, at, args[0])
	if err != nil {
		return err
	}
	origin := methods.Origin(raw)
	if err := f.repo.AllowContent(origin, path, raw); err != nil {
		return err
	}
	commit, err := f.kernel.SubmitMethod(ctx, path, raw)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"file": path, "origin": origin, "commit": commit.ID})
	}
	a.ui.printf("%s %s\n", origin, clean(path))
	a.ui.notef("added, and allowed in this clone; elsewhere it runs after `jitos allow %s`", origin)
	return nil
}
