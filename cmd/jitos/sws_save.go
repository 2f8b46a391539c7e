package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/secret"
	"github.com/jitos/jitos/warpgit"
	"github.com/jitos/jitos/warpgit/object"
)

func swsSaveCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "save",
		Usage:     "commit the worktree of a workspace as one rewrite",
		ArgsUsage: "[NAME]",
		Description: `Takes all that git would: tracked files and new ones that are not ignored. Without NAME the workspace is that of the
current directory. ` + "`git commit`" + ` in the worktree does as well; .jitos/ is the fabric's own and must stay as it is.

--json: {"name","commit","files":["…"]}; commit is "" where nothing had changed`,
		Flags: []cli.Flag{&cli.StringFlag{Name: "m", Usage: "what was done, in `WORDS`"}, jsonFlag()},
		Action: func(c *cli.Context) error {
			if strings.TrimSpace(c.String("m")) == "" {
				return usage("say what was done: -m WHAT")
			}
			return a.swsSave(c)
		},
	}
}

func (a *app) swsSave(c *cli.Context) error {
	ctx := c.Context
	if strings.TrimSpace(c.String("m")) == "" {
		return usage("save needs -m: what was done, in words")
	}
	f, _, w, err := a.workspaceArg(c)
	if err != nil {
		return err
	}
	tree, err := f.worktreeOf(ctx, w.Name)
	if err != nil {
		return err
	}
	if tree == nil {
		return jitos.Hint(usage("workspace %s is not checked out, so there is nothing to save", w.Name), "`jitos sws dir %s` makes a worktree of it", w.Name)
	}
	_, stop, err := a.writing(ctx)
	if err != nil {
		return err
	}
	defer stop()
	commit, err := f.save(ctx, w, tree, c.String("m"))
	if err != nil {
		return fmt.Errorf("save %s: %w", w.Name, err)
	}
	files := []string{}
	if commit != "" {
		if files, err = f.changedBetween(ctx, w.Tip, commit); err != nil {
			return err
		}
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"name": w.Name, "commit": commit, "files": files})
	}
	if commit == "" {
		a.ui.notef("nothing to save: the worktree is as the workspace has it")
		return nil
	}
	a.ui.notef("saved %s in %s as %s\nnext: jitos sws collapse %s", plural(len(files), "file"), w.Name, short(commit), w.Name)
	return nil
}

func (f *fabric) changedBetween(ctx context.Context, a, b jitos.CommitID) ([]string, error) {
	from, err := f.store.Open(ctx, a)
	if err != nil {
		return nil, err
	}
	to, err := f.store.Open(ctx, b)
	if err != nil {
		return nil, err
	}
	files, err := f.merger.Changed(ctx, from.Tree(), to.Tree())
	if files == nil {
		files = []string{}
	}
	return files, err
}

// save records the state of a worktree as a rewrite, and leaves it clean on the new commit. "" means that there was nothing
// to save. On an error the index is put back as it was.
func (f *fabric) save(ctx context.Context, w jitos.Workspace, t *worktree, message string) (jitos.CommitID, error) {
	touched, err := t.Git(ctx, "status", "--porcelain=v1", "--untracked-files=all", "--ignored", "--", ".jitos")
	if err != nil {
		return "", err
	}
	if len(touched) > 0 {
		return "", jitos.Hint(fmt.Errorf("%w: .jitos/ was changed in %s, and it is the fabric's own", jitos.ErrInvalid, t.dir),
			"bring it back as HEAD has it; nodes and edges change by `jitos rewrite --sws %s`", w.Name)
	}
	before, err := t.Git(ctx, "write-tree")
	if err != nil {
		return "", jitos.Hint(fmt.Errorf("%w: %w", jitos.ErrConflict, err), "resolve what git names, then save again")
	}
	restore := func(err error) (jitos.CommitID, error) {
		t.Git(context.WithoutCancel(ctx), "read-tree", strings.TrimSpace(string(before)))
		return "", err
	}
	tip, err := f.store.Open(ctx, w.Tip)
	if err != nil {
		return "", err
	}
	root, files, err := f.stage(ctx, t, tip.Tree())
	for try := 1; try < 5 && disturbed(err); try++ {
		restore(nil) // git takes a path of the index for stored, and would not store it again
		root, files, err = f.stage(ctx, t, tip.Tree())
	}
	if err != nil {
		return restore(err)
	}
	if err := f.refuseSavedSecrets(ctx, w, tip.Tree(), files, message); err != nil {
		return restore(err)
	}
	after, err := f.kernel.Save(ctx, w.Process, files, message)
	if err != nil {
		return restore(err)
	}
	if after.Commit().ID == w.Tip {
		return restore(nil)
	}
	err = t.follow(ctx, root, string(after.Commit().ID))
	for try := 1; try < 5 && disturbed(err); try++ {
		if _, err = t.Git(ctx, "write-tree"); err == nil { // only the index names root: a gc may have taken it
			err = t.follow(ctx, root, string(after.Commit().ID))
		}
	}
	return after.Commit().ID, err
}

// refuseSavedSecrets looks through what a save would commit, as is done with what jobs leave: the files that it changes, each as far as
// it says something new, and its message. The error Is jitos.ErrDenied and names each place, never the value.
func (f *fabric) refuseSavedSecrets(ctx context.Context, w jitos.Workspace, before, after jitos.TreeID, message string) error {
	known, err := f.executor.Secrets.Values()
	if err != nil {
		return err
	}
	leaks, err := f.executor.Leaks(ctx, known, before, after, message)
	if err != nil || len(leaks) == 0 {
		return err
	}
	hint := "take it out, or where it is none write " + secret.Marker + " in its line"
	if !leaks[0].Known {
		hint += ", or `jitos allow " + leaks[0].Hash() + "`"
	}
	words := make([]string, len(leaks))
	for i, l := range leaks {
		words[i] = l.String()
	}
	return jitos.Hint(&jitos.Denial{What: "saving a secret in " + w.Name, Why: clean(strings.Join(firstFew(words, 3), ", "))}, "nothing was saved; %s", hint)
}

// stage stores the state of a worktree: the whole tree as git writes it, and the file tree of that. What is not in the files
// before goes into a pack of ours: what git has just stored, only the index leads to, and a gc may not have seen that.
func (f *fabric) stage(ctx context.Context, t *worktree, before jitos.TreeID) (string, jitos.TreeID, error) {
	if _, err := t.Git(ctx, "add", "--all", "--", "."); err != nil {
		return "", "", err
	}
	whole, err := t.Git(ctx, "write-tree")
	if err != nil {
		return "", "", err
	}
	root := strings.TrimSpace(string(whole))
	files, err := f.withoutFabric(ctx, root)
	if err == nil {
		err = f.store.Objects.StageBeyond(ctx, plumbing.NewHash(string(files)), plumbing.NewHash(string(before)))
	}
	return root, files, err
}

// disturbed tells whether a gc took away, from under git, a directory that it was about to write in or an object that
// nothing named yet. Git gives up then; trying again is all that it takes.
func disturbed(err error) bool {
	var git *warpgit.GitError
	if !errors.As(err, &git) {
		return errors.Is(err, jitos.ErrNotFound)
	}
	return strings.Contains(git.Stderr, "insert into database") || strings.Contains(git.Stderr, "unable to write") ||
		strings.Contains(git.Stderr, "failed to unpack tree") || strings.Contains(git.Stderr, "invalid object") || strings.Contains(git.Stderr, "error building trees")
}

// withoutFabric stages the file tree of a whole one.
func (f *fabric) withoutFabric(ctx context.Context, root string) (jitos.TreeID, error) {
	entries, err := f.store.Objects.Tree(ctx, plumbing.NewHash(root))
	if err != nil {
		return "", err
	}
	kept := make([]object.TreeEntry, 0, len(entries))
	for _, e := range entries {
		if e.Name != ".jitos" {
			kept = append(kept, e)
		}
	}
	id, err := f.store.Objects.PutTree(kept)
	return jitos.TreeID(id.String()), err
}
