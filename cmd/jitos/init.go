package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

func initCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "init",
		Category: groupStart,
		Usage:    "make the fabric of this repository from HEAD",
		Description: `Makes the branch jitos/system. Index, working tree, current branch and configuration stay as they are. On a
repository that has a fabric it changes nothing. In a clone whose remote has one, that one is fetched.

--agents shows the pointers for coding agents that it would write, and changes nothing: a section that names ` + "`jitos prime`" + ` in
AGENTS.md and in CLAUDE.md, GEMINI.md and .github/copilot-instructions.md where those are, and an entry in .mcp.json.
--write with it writes them, --remove takes them out again; what else is in these files stays. --json then:
{"files":[{"path","change","diff"}],"written"}.

--json: {"created":bool,"adopted":"remote or empty","fabric":"id","system":"commit","branch":"…","toolchains":["…"]}`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "agents", Usage: "show pointers for coding agents, and change nothing"},
			&cli.BoolFlag{Name: "write", Usage: "with --agents: write them"},
			&cli.BoolFlag{Name: "remove", Usage: "with --agents: take them out again"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.init(c) },
	}
}

// initResult is what init prints as JSON.
type initResult struct {
	Created    bool           `json:"created"`
	Adopted    string         `json:"adopted"`
	Fabric     string         `json:"fabric"`
	System     jitos.CommitID `json:"system"`
	Branch     string         `json:"branch"`
	Toolchains []string       `json:"toolchains"`
}

func (a *app) init(c *cli.Context) error {
	ctx := c.Context
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	if c.Bool("agents") {
		return a.agents(c)
	}
	if c.Bool("write") || c.Bool("remove") {
		return usage("--write and --remove go with --agents")
	}
	f, err := a.open(ctx)
	if err != nil {
		return err
	}
	notices, err := f.repo.CheckInit(ctx)
	if err != nil {
		return err
	}
	var result initResult
	if _, err := f.store.Head(ctx, jitos.SystemRef); errors.Is(err, jitos.ErrNotFound) {
		for _, n := range notices {
			a.ui.notef("jitos: notice: %s", clean(n))
		}
		if err := a.birth(ctx, f, &result); err != nil {
			return err
		}
	} else if err != nil {
		return err
	} else if _, err := f.makeFabric(ctx, nil); err != nil { // it was interrupted, perhaps
		return err
	}
	at, err := f.kernel.System(ctx)
	if err != nil {
		return err
	}
	if err := result.describe(ctx, at); err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(result)
	}
	a.sayInit(result)
	return nil
}

// birth makes the fabric, or takes that of a remote which this clone has seen.
func (a *app) birth(ctx context.Context, f *fabric, result *initResult) error {
	remote, err := f.remoteWithFabric(ctx)
	if err != nil {
		return err
	}
	if remote != "" {
		result.Adopted = remote
		if _, err := a.fetchFrom(ctx, f, remote); err != nil {
			return jitos.Hint(fmt.Errorf("init: remote %s has a fabric, and it cannot be fetched: %w", remote, err), "`jitos fetch %s` tries again", remote)
		}
		return nil
	}
	current, err := f.repo.Current(ctx)
	if err != nil {
		return err
	}
	if current.Busy != "" {
		return jitos.Hint(fmt.Errorf("init: %w: a %s is under way, so HEAD is between two states", jitos.ErrBusy, current.Busy), "finish it, then `jitos init`")
	}
	fabric, err := warpgit.FabricFile(jitos.NewName(f.name()))
	if err != nil {
		return err
	}
	result.Created, err = f.makeFabric(ctx, fabric)
	return err
}

// makeFabric makes the fabric, or finishes what an interrupted init has begun.
func (f *fabric) makeFabric(ctx context.Context, file []byte) (bool, error) {
	if err := f.wired.AsUser(ctx, nil); err != nil {
		return false, err
	}
	return f.kernel.Init(ctx, file)
}

// name is what people call the repository: the name of its directory.
func (f *fabric) name() string {
	dir := f.repo.Worktree
	if dir == "" {
		dir = strings.TrimSuffix(f.repo.Common, ".git")
	}
	return filepath.Base(dir)
}

func (r *initResult) describe(ctx context.Context, at jitos.Snapshot) error {
	r.System, r.Toolchains = at.Commit().ID, []string{}
	id, err := fabricID(ctx, at)
	if err != nil {
		return err
	}
	r.Fabric = id
	sync, err := jitos.Get[jitos.Sync](ctx, at, jitos.SyncNode)
	if err != nil && !errors.Is(err, jitos.ErrNotFound) {
		return err
	}
	r.Branch = sync.Branch
	for n, err := range at.Nodes(ctx, jitos.KindToolchain) {
		if err != nil {
			return err
		}
		r.Toolchains = append(r.Toolchains, n.ID.Name)
	}
	return nil
}

func (a *app) sayInit(r initResult) {
	switch {
	case r.Adopted != "":
		a.ui.notef("took the fabric of remote %s: branch jitos/system at %s", clean(r.Adopted), short(r.System))
	case r.Created:
		a.ui.notef("made the fabric: branch jitos/system at %s", short(r.System))
	default:
		a.ui.notef("this repository has a fabric already: branch jitos/system at %s; nothing was changed", short(r.System))
	}
	if r.Created {
		a.ui.notef("index, working tree, branch and configuration are as they were")
	}
	seen := "no toolchain was recognised by the files at the root: give a check with `--gate CMD`"
	if len(r.Toolchains) > 0 {
		seen = "recognised: " + strings.Join(r.Toolchains, ", ")
	}
	a.ui.notef("%s\nnext: jitos do \"run the checks\"", seen)
}

// fabricID is the id by which a fabric is known.
func fabricID(ctx context.Context, at jitos.Snapshot) (string, error) {
	files, err := at.Fabric(ctx)
	if err != nil {
		return "", err
	}
	fields, err := jitos.DecodeFields(files["fabric.json"])
	if err != nil {
		return "", fmt.Errorf("fabric.json: %w", err)
	}
	return jitos.FieldText(fields["id"]), nil
}
