package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/warpgit"
)

func fetchCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "fetch",
		Category:  groupSync,
		Usage:     "take the fabric of a remote, or what is new on it",
		ArgsUsage: "[REMOTE]",
		Description: `Brings jitos/system and the workspaces of the remote, with --archive also its archive. What comes is looked at in quarantine
before it counts: files that git would not check out, a graph that does not replay, strange names and more than the limits
(settings jitos.fetchObjects, fetchBytes, fetchObjectBytes, fetchDepth, fetchRefs, fetchSeconds) are refused, and nothing was
taken. Branches only move forward: where both sides have rewrites that the other lacks, nothing moves (exit 5; ` + "`jitos sync`" + `
reconciles them), and so for the line of another fabric. Methods and policy that came do not run here before ` + "`jitos allow`" + `.

A remote whose line does not go on from where it was raises an alarm (exit 5) every time, until --accept-rewound takes it as it
is; ` + "`jitos doctor`" + ` keeps telling of it.

--json: {"remote","moved":[{"ref","from","to"}],"kept":["ref"],"not_allowed":[{"file","origin"}]}`,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "archive", Usage: "also the archive of discarded workspaces"},
			&cli.BoolFlag{Name: "accept-rewound", Usage: "take the remote as it is, although it was moved back"}, jsonFlag()},
		Action: func(c *cli.Context) error { return a.fetch(c) },
	}
}

// fetched is what fetch prints as JSON.
type fetched struct {
	Remote     string       `json:"remote"`
	Moved      []moved      `json:"moved"`
	Kept       []string     `json:"kept"` // branches that have gone another way here
	NotAllowed []definition `json:"not_allowed"`
}

type moved struct {
	Ref  string         `json:"ref"`
	From jitos.CommitID `json:"from"`
	To   jitos.CommitID `json:"to"`
}

func (a *app) fetch(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 0, 1)
	if err != nil {
		return err
	}
	f, err := a.open(ctx)
	if err != nil {
		return err
	}
	if _, err := f.repo.CheckInit(ctx); err != nil {
		return err
	}
	remote, err := f.remote(ctx, args)
	if err != nil {
		return err
	}
	if c.Bool("accept-rewound") {
		if err := f.repo.AcceptRewound(ctx, remote); err != nil {
			return err
		}
	}
	var more []string
	if c.Bool("archive") {
		more = append(more, jitos.ArchivePrefix+"*")
	}
	done, err := a.fetchFrom(ctx, f, remote, more...)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return a.ui.json(done)
	}
	for _, m := range done.Moved {
		from := "new"
		if m.From != "" {
			from = short(m.From)
		}
		a.ui.printf("%s  %s → %s\n", clean(m.Ref), from, short(m.To))
	}
	for _, ref := range done.Kept {
		a.ui.notef("jitos: notice: %s has gone another way here; it was left as it is", clean(ref))
	}
	if len(done.Moved) == 0 {
		a.ui.notef("nothing new on %s", clean(remote))
	}
	for _, d := range done.NotAllowed {
		a.ui.notef("jitos: notice: %s came from elsewhere and does not run here yet: read it with `jitos method show %s`, then `jitos allow %s`",
			clean(d.File), clean(strings.TrimPrefix(d.File, "methods/")), d.Origin)
	}
	return nil
}

// fetchFrom fetches, and moves the local branches forward: the system line first, since a workspace rests on it.
func (a *app) fetchFrom(ctx context.Context, f *fabric, remote string, more ...string) (fetched, error) {
	done := fetched{Remote: remote, Moved: []moved{}, Kept: []string{}, NotAllowed: []definition{}}
	refs, err := f.repo.Fetch(ctx, remote, string(jitos.SystemRef), jitos.SWSPrefix+"*")
	if errors.Is(err, jitos.ErrNotFound) {
		err = jitos.Hint(err, "either there is no such remote, or it has no fabric: `jitos push` shares one")
	}
	if errors.As(err, new(*warpgit.RewoundError)) {
		err = jitos.Hint(err, "nothing was taken; ask who did that. What you have is safe: `jitos push %s` puts it back where the remote has nothing else, `jitos fetch --accept-rewound %s` takes the remote as it is", remote, remote)
	} else if errors.Is(err, jitos.ErrConflict) {
		err = jitos.Hint(err, "two fabrics cannot be joined; where nothing of the one here is needed, `jitos uninit` makes room for the other")
	}
	if err != nil {
		return done, err
	}
	if err := f.wired.AsUser(ctx, func(e jitos.Event) { a.ui.notef("jitos: %s: %s", e.Kind, line(e.Text)) }); err != nil {
		return done, err
	}
	for _, ref := range refs {
		if ref.Ref == jitos.SystemRef && ref.New != "" {
			if err := f.adoptSystem(ctx, remote, ref.New, &done); err != nil {
				return done, err
			}
		}
	}
	if len(more) > 0 { // when the line tells which months were dropped
		kept, err := f.fetchArchive(ctx, remote, more)
		if err != nil {
			return done, err
		}
		refs = append(refs, kept...)
	}
	for _, ref := range refs {
		if ref.Ref != jitos.SystemRef && ref.New != "" {
			if err := f.forward(ctx, ref, &done); err != nil {
				return done, err
			}
		}
	}
	if err := f.kernel.Heal(ctx); err != nil {
		return done, err
	}
	return done, f.listNotAllowed(ctx, &done)
}

// fetchArchive fetches the archive but for the months that the fabric has dropped.
func (f *fabric) fetchArchive(ctx context.Context, remote string, sources []string) ([]warpgit.RemoteRef, error) {
	at, err := f.kernel.System(ctx)
	if err != nil {
		return nil, err
	}
	gone, err := jitos.RetiredMonths(ctx, at)
	if err != nil {
		return nil, err
	}
	for _, month := range sortedKeys(gone) {
		sources = append(sources, "^"+jitos.ArchivePrefix+month)
	}
	return f.repo.Fetch(ctx, remote, sources...)
}

func (f *fabric) adoptSystem(ctx context.Context, remote string, tip jitos.CommitID, done *fetched) error {
	before, err := f.head(ctx, jitos.SystemRef)
	if err != nil {
		return err
	}
	ok, err := f.kernel.Adopt(ctx, tip)
	if errors.Is(err, jitos.ErrConflict) {
		return jitos.Hint(fmt.Errorf("fetch from %s: %w", remote, err), "jitos/system is as it was; `jitos sync %s` puts your line on that of the remote", remote)
	}
	if ok {
		done.Moved = append(done.Moved, moved{"jitos/system", before, tip})
	}
	return err
}

// head is the commit of a ref, "" where there is none.
func (f *fabric) head(ctx context.Context, ref jitos.Ref) (jitos.CommitID, error) {
	id, err := f.store.Head(ctx, ref)
	if errors.Is(err, jitos.ErrNotFound) {
		return "", nil
	}
	return id, err
}

// forward moves a workspace or a month of the archive to what the remote has, where that goes on from what is here.
func (f *fabric) forward(ctx context.Context, ref warpgit.RemoteRef, done *fetched) error {
	name := strings.TrimPrefix(string(ref.Ref), "refs/heads/")
	here, err := f.head(ctx, ref.Ref)
	if err != nil || here == ref.New {
		return err
	}
	if here != "" {
		if holds, err := f.repo.Contains(ctx, here, ref.New); holds || err != nil {
			return err // ours goes on from theirs
		}
		goesOn, err := f.repo.Contains(ctx, ref.New, here)
		if err != nil {
			return err
		}
		dir, err := f.repo.CheckedOut(ctx, ref.Ref)
		if err != nil {
			return err
		}
		if !goesOn || dir != "" {
			done.Kept = append(done.Kept, name)
			return nil
		}
	}
	if _, err := f.store.Append(ctx, ref.Ref, here, ref.New); err != nil {
		return err
	}
	done.Moved = append(done.Moved, moved{name, here, ref.New})
	return nil
}

// listNotAllowed lists the fabric's own files that may not run in this clone.
func (f *fabric) listNotAllowed(ctx context.Context, done *fetched) error {
	at, err := f.kernel.System(ctx)
	if err != nil {
		return err
	}
	files, err := at.Fabric(ctx)
	if err != nil {
		return err
	}
	for _, path := range sortedKeys(files) {
		origin := methods.Origin(files[path])
		if path != "fabric.json" && !f.mayRun(origin) {
			done.NotAllowed = append(done.NotAllowed, definition{Name: path, File: path, Origin: origin})
		}
	}
	return nil
}
