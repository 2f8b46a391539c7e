package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

func pushCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "push",
		Category:  groupSync,
		Usage:     "share the system line on a remote",
		ArgsUsage: "[REMOTE]",
		Description: `Pushes jitos/system, the workspaces that are named, and with --archive the months of discarded attempts: all or none, and
never over what the remote has and you lack (exit 5). It adds nothing to your configuration.

What it would send is looked through for secrets first: files and messages of every new commit, yours that were absorbed included. One
stops it (exit 8) with its path and commit; ` + "`jitos allow HASH`" + ` lets it pass from then on, in this clone.

--json: {"remote","pushed":["jitos/system",…],"first":bool}`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "sws", Usage: "also workspace `NAME`"},
			&cli.BoolFlag{Name: "archive", Usage: "also the archive of discarded workspaces"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error { return a.push(c) },
	}
}

func (a *app) push(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 0, 1)
	if err != nil {
		return err
	}
	f, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	stop()
	remote, err := f.remote(ctx, args)
	if err != nil {
		return err
	}
	refs := []string{string(jitos.SystemRef)}
	for _, name := range c.StringSlice("sws") {
		w, err := f.kernel.Workspace(ctx, name)
		if err != nil {
			return err
		}
		refs = append(refs, string(workspaceRef(w.Name)))
	}
	if c.Bool("archive") {
		months, err := f.keptMonths(ctx)
		if err != nil {
			return err
		}
		refs = append(refs, months...)
	}
	known, err := f.repo.Remembered(remote)
	if err != nil {
		return err
	}
	first := len(known) == 0
	if first {
		a.sayFirstPush(remote)
	}
	if err := a.refuseSecrets(ctx, f, remote, refs); err != nil {
		return err
	}
	if err := f.repo.Push(ctx, remote, pairs(refs)...); err != nil {
		if errors.Is(err, jitos.ErrStale) {
			err = jitos.Hint(err, "nothing was pushed; `jitos sync %s` puts your line on that of the remote", remote)
		}
		return err
	}
	if first {
		if _, err := f.repo.Fetch(ctx, remote, refs...); err != nil { // so that the next push knows that it is not the first
			return err
		}
	}
	short := make([]string, len(refs))
	for i, r := range refs {
		short[i] = strings.TrimPrefix(r, "refs/heads/")
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"remote": remote, "pushed": short, "first": first})
	}
	a.ui.printf("pushed %s to %s\n", clean(strings.Join(short, ", ")), clean(remote))
	return nil
}

// keptMonths are the refs of the archive, but for months that the fabric has dropped.
func (f *fabric) keptMonths(ctx context.Context) ([]string, error) {
	system, err := f.kernel.System(ctx)
	if err != nil {
		return nil, err
	}
	gone, err := jitos.RetiredMonths(ctx, system)
	if err != nil {
		return nil, err
	}
	var refs []string
	for at, err := range f.store.Refs(ctx, jitos.ArchivePrefix) {
		if err != nil {
			return nil, err
		}
		if !gone[strings.TrimPrefix(string(at.Ref), jitos.ArchivePrefix)] {
			refs = append(refs, string(at.Ref))
		}
	}
	return refs, nil
}

func (a *app) sayFirstPush(remote string) {
	a.ui.notef(`jitos: notice: this is the first push of this fabric to %s. It shares: tasks, plans, attempts with the output of
  their jobs, evidence, and the files of every commit that was absorbed, also of branches that you did not push.
  To keep CI from running on these branches: branches-ignore: ["jitos/**"] (GitHub Actions), or a rule
  if: $CI_COMMIT_BRANCH =~ /^jitos\// with when: never (GitLab).`, clean(remote))
}

func pairs(refs []string) []string {
	specs := make([]string, len(refs))
	for i, r := range refs {
		specs[i] = r + ":" + r
	}
	return specs
}

// remote is the remote that is meant: the argument, the upstream's of the current branch, origin, or the only one.
func (f *fabric) remote(ctx context.Context, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], warpgit.CheckRemote(args[0])
	}
	cur, err := f.repo.Current(ctx)
	if err != nil {
		return "", err
	}
	if cur.Branch != "" {
		out, err := f.repo.Git(ctx, "config", "--get", "branch."+cur.Branch+".remote")
		if name := strings.TrimSpace(string(out)); err == nil && name != "" && name != "." {
			return name, nil
		}
	}
	remotes, err := f.remotes(ctx)
	if err != nil {
		return "", err
	}
	for _, name := range remotes {
		if name == "origin" || len(remotes) == 1 {
			return name, nil
		}
	}
	if len(remotes) == 0 {
		return "", jitos.Hint(fmt.Errorf("no remote: %w", jitos.ErrNotFound), "`git remote add origin URL` adds one, or name a URL")
	}
	return "", usage("which remote? there are %s", strings.Join(remotes, ", "))
}

func (f *fabric) remotes(ctx context.Context) ([]string, error) {
	out, err := f.repo.Git(ctx, "remote")
	return strings.Fields(string(out)), err
}

// remoteWithFabric is a remote of which git has seen a fabric, as a clone does, "" for none. That there is one is all that is
// ever believed of names that a plain git fetch moved; the fabric itself is fetched anew.
func (f *fabric) remoteWithFabric(ctx context.Context) (string, error) {
	remotes, err := f.remotes(ctx)
	if err != nil {
		return "", err
	}
	for _, name := range remotes {
		out, err := f.repo.Git(ctx, "for-each-ref", "--format=%(refname)", "refs/remotes/"+name+"/jitos/system")
		if err != nil {
			return "", err
		}
		if len(out) > 0 {
			return name, nil
		}
	}
	return "", nil
}
