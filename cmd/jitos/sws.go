package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func swsCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "sws",
		Aliases:   []string{"ws"},
		Category:  groupHand,
		Usage:     "workspaces: make, look at, work in, collapse and discard them",
		ArgsUsage: "new|list|show|diff|dir|save|collapse|discard|rebase",
		Description: `A workspace (SWS) is a branch jitos/sws/NAME, forked from the system line. One made by hand is a task, a one-step plan
and a person's process. Any unique prefix names one.`,
		Subcommands: []*cli.Command{
			swsNewCommand(a), swsListCommand(a), swsShowCommand(a), swsDiffCommand(a), swsDirCommand(a), swsSaveCommand(a),
			swsCollapseCommand(a), swsDiscardCommand(a), swsRebaseCommand(a),
		},
	}
}

func swsNewCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "new",
		Usage:     "make a workspace to work in by hand",
		ArgsUsage: "[NAME]",
		Description: `Starts from the committed files of the current branch. Prints its name.

--json: {"name","task","process","base","tip"}`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "intent", Usage: "what it is for, in `WORDS`"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.swsNew(c) },
	}
}

// workspaceLine is a workspace as JSON.
type workspaceLine struct {
	Name    string          `json:"name"`
	Task    jitos.TaskID    `json:"task"`
	Intent  string          `json:"intent"`
	Process jitos.ProcessID `json:"process"`
	Hand    bool            `json:"hand"`
	Owner   string          `json:"owner"` // "here", or the id of the clone that opened it
	Base    jitos.CommitID  `json:"base"`
	Tip     jitos.CommitID  `json:"tip"`
	Dir     string          `json:"dir"`    // of the worktree that has it checked out, "" for none
	Broken  string          `json:"broken"` // why it cannot be collapsed, "" for a sound one
}

func (f *fabric) workspaceLine(ctx context.Context, at jitos.Graph, w jitos.Workspace) (workspaceLine, error) {
	l := workspaceLine{Name: w.Name, Task: w.Process.Process.Task, Process: w.Process.ID, Hand: w.Process.Process.Hand,
		Owner: w.Process.Process.Owner, Base: w.Base, Tip: w.Tip}
	if l.Owner == f.repo.Clone() {
		l.Owner = "here"
	}
	if w.Broken != nil {
		l.Broken = w.Broken.Error()
	}
	task, err := jitos.Get[jitos.Task](ctx, at, l.Task.Node())
	if err != nil {
		return l, err
	}
	l.Intent = task.Intent
	l.Dir, err = f.repo.CheckedOut(ctx, workspaceRef(w.Name))
	return l, err
}

func workspaceRef(name string) jitos.Ref { return jitos.Ref(jitos.SWSPrefix + name) }

func (a *app) swsNew(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 0, 1)
	if err != nil {
		return err
	}
	name := ""
	if len(args) == 1 {
		name = args[0]
		if err := jitos.CheckName(name); err != nil {
			return err
		}
	}
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := a.absorbForHand(ctx, f); err != nil {
		return err
	}
	p, err := f.kernel.NewWorkspace(ctx, name, c.String("intent"))
	if err != nil {
		return err
	}
	w, err := f.kernel.Workspace(ctx, p.Process.SWS)
	if err != nil {
		return err
	}
	stop()
	if c.Bool("json") {
		at, err := f.kernel.System(ctx)
		if err != nil {
			return err
		}
		l, err := f.workspaceLine(ctx, at, w)
		if err != nil {
			return err
		}
		return a.ui.json(l)
	}
	a.ui.printf("%s\n", w.Name)
	a.ui.notef("next: cd \"$(jitos sws dir %s)\", work there, then jitos sws save -m WHAT and jitos sws collapse", w.Name)
	return nil
}

// absorbForHand brings the commits of the current branch in, so that the work starts from what the person sees. In a
// worktree of a workspace there is nothing of theirs to bring.
func (a *app) absorbForHand(ctx context.Context, f *fabric) error {
	cur, err := f.repo.Current(ctx)
	if err != nil {
		return err
	}
	if ofFabric(cur.Branch) {
		return nil
	}
	dirty, err := f.repo.DirtyPaths(ctx)
	if err != nil {
		return err
	}
	if len(dirty) > 0 {
		a.ui.notef("jitos: notice: uncommitted changes are not in it: %s", line(few(dirty)))
	}
	_, err = f.kernel.Absorb(ctx, "", jitos.LeaveDirty)
	return err
}

func few(list []string) string {
	s := ""
	for i, e := range firstFew(list, 3) {
		if i > 0 {
			s += ", "
		}
		s += e
	}
	if n := len(list) - 3; n > 0 {
		s += fmt.Sprintf(" and %d more", n)
	}
	return s
}

func swsListCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "list open workspaces",
		Description: `--json: {"sws":[{"name","task","intent","process","hand","owner","base","tip","dir","broken"}]}`,
		Flags:       []cli.Flag{jsonFlag()},
		Action:      func(c *cli.Context) error { return a.swsList(c) },
	}
}

func (a *app) swsList(c *cli.Context) error {
	ctx := c.Context
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	open, err := f.kernel.Workspaces(ctx)
	if err != nil {
		return err
	}
	list := []workspaceLine{}
	for _, w := range open {
		l, err := f.workspaceLine(ctx, at, w)
		if err != nil {
			return err
		}
		list = append(list, l)
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"sws": list})
	}
	for _, l := range list {
		a.ui.printf("%s  %s%s\n", l.Name, line(l.Intent), a.ui.dim(l.remark()))
	}
	if len(list) == 0 {
		a.ui.notef("no open workspace: `jitos sws new` makes one")
	}
	return nil
}

func (l workspaceLine) remark() string {
	s := ""
	if l.Hand {
		s += "  by hand"
	}
	if l.Owner != "here" {
		s += "  open in another clone"
	}
	if l.Dir != "" {
		s += "  checked out in " + clean(l.Dir)
	}
	if l.Broken != "" {
		s += "  broken: " + line(l.Broken)
	}
	return s
}

func swsShowCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "show a workspace: what it is for, where it stands, what it changed",
		ArgsUsage: "NAME",
		Description: `--json: {"name","task","intent","process","hand","owner","base","tip","dir","broken","behind","files":["…"],
"commits":[{"commit","rule","what","when"}]}; behind: the system line has moved since`,
		Flags:  []cli.Flag{jsonFlag()},
		Action: func(c *cli.Context) error { return a.swsShow(c) },
	}
}

// workspaceDetail is what sws show prints as JSON.
type workspaceDetail struct {
	workspaceLine
	Behind  bool          `json:"behind"`
	Files   []string      `json:"files"`
	Commits []*commitLine `json:"commits"`
}

func (a *app) swsShow(c *cli.Context) error {
	ctx := c.Context
	f, at, w, err := a.workspaceArg(c)
	if err != nil {
		return err
	}
	d := workspaceDetail{Files: []string{}, Commits: []*commitLine{}}
	if d.workspaceLine, err = f.workspaceLine(ctx, at, w); err != nil {
		return err
	}
	d.Behind = w.Base != at.Commit().ID
	base, err := f.store.Open(ctx, w.Base)
	if err != nil {
		return err
	}
	tip, err := f.store.Open(ctx, w.Tip)
	if err != nil {
		return err
	}
	if files, err := f.merger.Changed(ctx, base.Tree(), tip.Tree()); err != nil {
		return err
	} else if files != nil {
		d.Files = files
	}
	for commit, err := range f.store.Log(ctx, w.Tip) {
		if err != nil {
			return err
		}
		if commit.ID == w.Base || commit.Record != nil && jitos.IsSystemRule(commit.Record.Rule) {
			break
		}
		d.Commits = append(d.Commits, lineOf(commit))
	}
	if c.Bool("json") {
		return a.ui.json(d)
	}
	u := a.ui
	u.printf("%s  %s%s\n", u.bold(d.Name), line(d.Intent), u.dim(d.remark()))
	behind := ""
	if d.Behind {
		behind = ", and the system line has moved since"
	}
	u.printf("task %s\nforked from %s%s\n", d.Task, short(d.Base), behind)
	for _, commit := range d.Commits {
		u.printf("  %s %s %s\n", u.dim(short(commit.Commit)), commit.Rule, line(commit.What))
	}
	u.printf("%s changed\n", plural(len(d.Files), "file"))
	for _, path := range d.Files {
		u.printf("  %s\n", clean(path))
	}
	return nil
}

// workspaceArg finds the workspace that the one argument names; without one, that of the worktree that the caller is in.
func (a *app) workspaceArg(c *cli.Context) (*fabric, jitos.Snapshot, jitos.Workspace, error) {
	ctx := c.Context
	args, err := arguments(c, 0, 1)
	if err != nil {
		return nil, nil, jitos.Workspace{}, err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return nil, nil, jitos.Workspace{}, err
	}
	name := ""
	if len(args) == 1 {
		name = args[0]
	} else {
		cur, err := f.repo.Current(ctx)
		if err != nil {
			return nil, nil, jitos.Workspace{}, err
		}
		if name = workspaceOfBranch(cur.Branch); name == "" {
			return nil, nil, jitos.Workspace{}, jitos.Hint(usage("which workspace? this is not the directory of one"), "`jitos sws list` lists them")
		}
	}
	w, err := f.kernel.Workspace(ctx, name)
	if err == nil {
		err = w.Broken
	} else if lost, no := lostWorkspace(ctx, at, name, err); no == nil && lost.Process.Process.Owner == f.kernel.Local.Clone() {
		err = jitos.Hint(err, "its branch is not there: `jitos sws dir %s` makes it again, from where it began", name)
	}
	return f, at, w, err
}

// ofFabric tells whether a branch is one of the fabric's own.
func ofFabric(branch string) bool { return strings.HasPrefix(branch, "jitos/") }

// workspaceOfBranch is the workspace that a branch belongs to, "" for none.
func workspaceOfBranch(branch string) string {
	name, ok := strings.CutPrefix("refs/heads/"+branch, jitos.SWSPrefix)
	if !ok {
		return ""
	}
	return name
}
