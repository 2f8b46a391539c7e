package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// LandOptions say where to land.
type LandOptions struct {
	Branch string // a branch of the user's; "" is the one that the fabric follows
	New    bool   // make Branch, from the commit last synced: a clean branch for a pull request
}

// Landed is what a landing did.
type Landed struct {
	Commit  CommitID // the user's new commit; "" where nothing was to land, or it went to the working tree
	Branch  string
	Files   []string
	Patched bool // it went to the working tree, uncommitted, because the work started from uncommitted changes
}

// Land carries the files of the system WARP to a branch of the user's as one ordinary commit: base = the files of the
// commit last synced, ours = the branch's tip, theirs = the system's. The landed commit becomes the one last synced.
func (k *Kernel) Land(ctx context.Context, o LandOptions) (Landed, error) {
	at, err := k.System(ctx)
	if err != nil {
		return Landed{}, err
	}
	sync, err := Get[Sync](ctx, at, SyncNode)
	if err != nil {
		return Landed{}, fmt.Errorf("land: %w", err)
	}
	done := Landed{Branch: o.Branch}
	if !o.New && o.Branch == "" {
		done.Branch = sync.Branch
	}
	if sync.Dirty && !o.New {
		return k.patch(ctx, at, sync, done)
	}
	tip, err := k.landingTip(ctx, sync, done.Branch, o.New)
	if err != nil {
		return done, err
	}
	ours, err := k.filesOf(ctx, tip)
	if err != nil {
		return done, err
	}
	tree, conflicts, err := k.mergeFiles(ctx, at, sync.Tree, ours, at.Tree())
	if err != nil {
		return done, err
	}
	if len(conflicts) > 0 {
		return done, fmt.Errorf("land on %s: %w", done.Branch, &ConflictError{conflicts})
	}
	if done.Files, err = k.Merger.Changed(ctx, ours, tree); err != nil || len(done.Files) == 0 {
		return done, err
	}
	message, err := k.landMessage(ctx, at)
	if err != nil {
		return done, err
	}
	old := tip
	if o.New {
		old = ""
	}
	if done.Commit, err = k.Repository.Land(ctx, done.Branch, old, tip, tree, message); err != nil {
		return done, fmt.Errorf("land on %s: %w", branchWords(done.Branch), err)
	}
	k.notify(Event{Kind: "land", Text: plural(len(done.Files), "file") + " on " + branchWords(done.Branch)})
	return done, k.recordLanding(ctx, sync, done.Commit, done.Branch, tree, o.New)
}

// landingTip finds the commit to land on. A branch that does not hold the commit last synced is absorbed first where it is
// the one that the fabric follows, and refused otherwise.
func (k *Kernel) landingTip(ctx context.Context, sync Sync, branch string, fresh bool) (CommitID, error) {
	if fresh {
		if _, err := k.Repository.Tip(ctx, branch); err == nil {
			return "", fmt.Errorf("branch %s: %w: it exists already", branch, ErrInvalid)
		} else if !errors.Is(err, ErrNotFound) {
			return "", err
		}
		return sync.Commit, nil
	}
	cur, err := k.Repository.Current(ctx)
	if err != nil {
		return "", err
	}
	if cur.Busy != "" && branch == cur.Branch {
		return "", Hint(fmt.Errorf("land: %w: a %s is under way in this repository", ErrBusy, cur.Busy), "finish it first")
	}
	tip := cur.Tip
	if branch != "" {
		if tip, err = k.Repository.Tip(ctx, branch); errors.Is(err, ErrNotFound) && cur.Branch == branch {
			tip, err = "", nil // unborn
		}
		if err != nil {
			return "", err
		}
	}
	if sync.Commit == "" || tip == sync.Commit {
		return tip, nil
	}
	holds, err := k.Repository.Contains(ctx, tip, sync.Commit)
	if err != nil {
		return "", err
	}
	if !holds {
		return "", Hint(fmt.Errorf("land on %s: %w: it does not contain %s, from which this work started", branchWords(branch), ErrConflict, short(sync.Commit)),
			"`jitos absorb %s` first brings its commits in", branch)
	}
	return tip, nil
}

// filesOf is the file tree of a commit of the user's.
func (k *Kernel) filesOf(ctx context.Context, id CommitID) (TreeID, error) {
	if id == "" {
		return emptyTree, nil
	}
	s, err := k.Store.Open(ctx, id)
	if err != nil {
		return "", err
	}
	return s.Tree(), nil
}

// patch lands on the working tree: the work started from uncommitted changes, so it goes back beside them.
func (k *Kernel) patch(ctx context.Context, at Snapshot, sync Sync, done Landed) (Landed, error) {
	var err error
	if done.Files, err = k.Merger.Changed(ctx, sync.Tree, at.Tree()); err != nil || len(done.Files) == 0 {
		return done, err
	}
	if err := k.Repository.Patch(ctx, sync.Tree, at.Tree()); err != nil {
		return done, fmt.Errorf("land on the working tree: %w", err)
	}
	done.Patched = true
	k.notify(Event{Kind: "land", Text: plural(len(done.Files), "file") + " in the working tree, uncommitted"})
	_, err = k.record(ctx, func(now Snapshot) ([]Rewrite, error) {
		rw := k.rule(RuleLand, "", "", plural(len(done.Files), "file")+" in the working tree, uncommitted")
		next := sync
		next.Tree = at.Tree()
		return rw.with(SyncNode, next)
	})
	return done, err
}

// recordLanding writes on the system line that its files are on a branch of the user's. A landing on a new branch leaves
// the sync where it was: the user's own branch has nothing of it yet.
func (k *Kernel) recordLanding(ctx context.Context, sync Sync, commit CommitID, branch string, tree TreeID, fresh bool) error {
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		rw := k.rule(RuleLand, "", "", "on "+branchWords(branch)+" as "+short(commit))
		rw.Parents = []CommitID{commit}
		if fresh {
			return []Rewrite{rw}, nil
		}
		next := Sync{Commit: commit, Branch: branch, Tree: tree}
		merged, conflicts, err := k.mergeFiles(ctx, at, sync.Tree, at.Tree(), tree)
		if err != nil {
			return nil, err
		}
		if len(conflicts) > 0 {
			return nil, &ConflictError{conflicts}
		}
		rw.Tree = merged
		return rw.with(SyncNode, next)
	})
	return err
}

// landedTrailer names, on a landed commit, the system commit that it carries.
const landedTrailer = "Jitos-Landed"

// landMessage tells what was collapsed since the last landing, with trailers that lead back.
func (k *Kernel) landMessage(ctx context.Context, at Snapshot) (string, error) {
	var titles, tasks, bodies []string
	for c, err := range k.Store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return "", err
		}
		if c.Record == nil || c.Record.Rule == RuleLand && c.Record.Set[SyncNode.Item()] != "" || c.Record.Rule == RuleBirth {
			break
		}
		if c.Record.Rule != RuleCollapse || c.Record.Task == "" {
			continue
		}
		task, err := Get[Task](ctx, at, c.Record.Task.Node())
		if err != nil {
			return "", err
		}
		if slices.Contains(tasks, string(c.Record.Task)) {
			continue
		}
		titles = append(titles, task.Intent)
		tasks = append(tasks, string(c.Record.Task))
		how, err := k.landedHow(ctx, at, c)
		if err != nil {
			return "", err
		}
		bodies = append(bodies, task.Intent+": "+how)
	}
	var b strings.Builder
	switch len(titles) {
	case 0:
		b.WriteString("land the work of jitos")
	case 1:
		b.WriteString(titles[0])
	default:
		b.WriteString(titles[0] + fmt.Sprintf(" and %d more", len(titles)-1))
	}
	b.WriteString("\n\n")
	for _, line := range bodies {
		b.WriteString("- " + line + "\n")
	}
	if len(bodies) > 0 {
		b.WriteString("\n")
	}
	for _, t := range tasks {
		b.WriteString("Jitos-Task: " + t + "\n")
	}
	b.WriteString(landedTrailer + ": " + string(at.Commit().ID) + "\n")
	return b.String(), nil
}

// landedHow says by which plan a collapse came about.
func (k *Kernel) landedHow(ctx context.Context, at Snapshot, c Commit) (string, error) {
	p, err := Get[Process](ctx, at, c.Record.Process.Node())
	if err != nil {
		return "", err
	}
	slap, err := Get[Slap](ctx, at, p.Slap.Node())
	if err != nil {
		return "", err
	}
	return slap.Title + " (" + short(c.ID) + ")", nil
}
