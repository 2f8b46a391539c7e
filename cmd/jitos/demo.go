package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner"
)

func demoCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "demo",
		Category:  groupStart,
		Usage:     "a sample repository with a bug, fixed before your eyes",
		ArgsUsage: "[DIR]",
		Description: `Makes a small Go project with a history in which one commit broke a test, and runs the commands that repair it. It needs Go
and git, no network and no model. With DIR the project stays there, to play with; without, it is removed at the end.`,
		Action: func(c *cli.Context) error { return a.demo(c) },
	}
}

// The line that the demonstration asks about, once it is repaired.
const demoFile, demoLine = "shelf.go", "total += Life(n) * days"

func (a *app) demo(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 0, 1)
	if err != nil {
		return err
	}
	for _, tool := range []string{"git", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			return jitos.Hint(fmt.Errorf("the demonstration needs %s: %w", tool, jitos.ErrNotFound), "install it, or put it on the PATH")
		}
	}
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"} {
		os.Unsetenv(name) // a hook sets them, and the sample is not that repository
	}
	os.Setenv("JITOS_PAGER", "cat") // a show does not stop for a key
	dir, keep, err := demoDir(a.dir, args)
	if err != nil {
		return err
	}
	if !keep {
		defer os.RemoveAll(dir)
	}
	if err := makeSample(ctx, dir); err != nil {
		return err
	}
	d := &demonstration{ui: a.ui, dir: dir, show: dir, app: &app{ui: a.ui, dir: dir, heard: a.heard}}
	defer d.app.close()
	if !keep {
		d.show = filepath.Base(dir)
	}
	if err := d.tell(ctx); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	d.farewell(keep)
	return nil
}

// demoDir makes the directory: the one that was named, which must be empty or not there, or a temporary one.
func demoDir(at string, args []string) (dir string, keep bool, err error) {
	if len(args) == 0 {
		dir, err = os.MkdirTemp("", "jitos-demo-")
		return dir, false, err
	}
	dir = args[0]
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(at, dir)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", false, err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return "", false, usage("%s is not empty: name a new directory", args[0])
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", false, usage("demo: %w", err)
	}
	return dir, true, os.MkdirAll(dir, 0o755)
}

// demonstration runs commands in the sample, each as if it had been typed there.
type demonstration struct {
	ui   *ui
	dir  string
	show string
	app  *app // the program, started in the sample
}

func (d *demonstration) tell(ctx context.Context) error {
	u := d.ui
	u.printf("%s\n\n", u.bold("A small Go project with a history. Somewhere in it a test broke, and nobody noticed."))
	if err := d.git(ctx, "log", "--oneline"); err != nil {
		return err
	}
	u.printf("\n%s\n\n", u.bold("1. Make the fabric: a branch beside yours. Nothing else changes."))
	if err := d.jitos(ctx, "init"); err != nil {
		return err
	}
	if err := d.unboxed(ctx); err != nil {
		return err
	}
	u.printf("\n%s\n\n", u.bold("2. Say what should be true. How is not your business yet."))
	if err := d.jitos(ctx, "task", "new", "fix the failing tests"); err != nil {
		return err
	}
	task, err := d.task(ctx)
	if err != nil {
		return err
	}
	u.printf("\n%s\n\n", u.bold("3. Ways to get there, the cheapest first."))
	if err := d.jitos(ctx, "plan", string(task)); err != nil {
		return err
	}
	u.printf("\n%s\n\n", u.bold("4. Try them, each in a workspace that can be thrown away. What fails its gate is given up, and remembered."))
	if err := d.jitos(ctx, "run", string(task)); err != nil {
		return err
	}
	if err := d.jitos(ctx, "graph", "--task", string(task)); err != nil {
		return err
	}
	u.printf("\n%s\n\n", u.bold("5. Put the proven files on your branch, as one ordinary commit."))
	if err := d.jitos(ctx, "land"); err != nil {
		return err
	}
	u.printf("\n%s\n\n", u.bold("6. The audit log is plain git."))
	if err := d.git(ctx, "log", "--first-parent", "--oneline", "jitos/system"); err != nil {
		return err
	}
	u.printf("\n%s\n\n", u.bold("7. Why is this line here?"))
	number, err := repairedLine(d.dir)
	if err != nil {
		return err
	}
	return d.jitos(ctx, "why", fmt.Sprintf("%s:%d", demoFile, number))
}

// unboxed lets the sample's jobs run where the machine makes no sandboxes: they are this program's own.
func (d *demonstration) unboxed(ctx context.Context) error {
	f, err := d.app.open(ctx)
	if err != nil {
		return err
	}
	_, _, err = f.executor.Sandboxed(ctx)
	if !errors.Is(err, jitos.ErrDenied) {
		return err
	}
	d.ui.printf("\n%s\n\n", d.ui.bold("This machine makes no sandboxes. The sample's own commands may run without; in your repositories you decide."))
	return d.jitos(ctx, "allow", runner.AllowUnsandboxed)
}

// repairedLine finds the line that came back.
func repairedLine(dir string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(dir, demoFile))
	if err != nil {
		return 0, err
	}
	for i, l := range strings.Split(string(raw), "\n") {
		if strings.TrimSpace(l) == demoLine {
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("%s: %w: the repaired line is not there", demoFile, jitos.ErrNotFound)
}

func (d *demonstration) farewell(keep bool) {
	u := d.ui
	u.printf("\n%s\n", u.bold("Try next"))
	if !keep {
		u.printf("  jitos demo larder                  the same, kept in ./larder to play with (this one is removed now)\n")
		u.printf("  jitos init                         in a repository of yours\n")
		u.printf("  jitos do \"run the tests\"           there, once it has a fabric\n")
		return
	}
	u.printf("  cd %s\n", quoteShell(d.show))
	u.printf("  jitos show fix                     what each attempt learned\n")
	u.printf("  jitos do \"format the code\" --land  another intent, landed at once\n")
	u.printf("  jitos verify                       replay the whole history\n")
}

// task is the only task there is.
func (d *demonstration) task(ctx context.Context) (jitos.TaskID, error) {
	f, _, err := d.app.fabric(ctx)
	if err != nil {
		return "", err
	}
	list, _, err := f.store.Tasks(ctx, true)
	if err != nil {
		return "", err
	}
	if len(list) != 1 {
		return "", fmt.Errorf("%w: the sample has %s", jitos.ErrCorrupt, plural(len(list), "task"))
	}
	return list[0].ID, nil
}

// jitos runs one command of this program on the open sample.
func (d *demonstration) jitos(ctx context.Context, args ...string) error {
	d.typed("jitos", args)
	program := d.app.program()
	full, err := flagsFirst(program, append([]string{"jitos", "-C", d.dir}, args...))
	if err != nil {
		return err
	}
	return program.RunContext(ctx, full)
}

func (d *demonstration) git(ctx context.Context, args ...string) error {
	d.typed("git", args)
	out, err := gitIn(ctx, d.dir, nil, args...)
	d.ui.printf("%s", clean(out))
	return err
}

// typed shows a command as it would be typed.
func (d *demonstration) typed(name string, args []string) {
	words := []string{name}
	for _, arg := range args {
		words = append(words, quoteShell(arg))
	}
	d.ui.printf("%s\n", d.ui.dim("$ "+strings.Join(words, " ")))
}

func quoteShell(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@") == "" {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`
}
