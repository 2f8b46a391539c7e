package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Undo appends the inverse of a collapse, or of a change of the library, as work by hand: what it changed in files, and in nodes
// and edges of the user's, is taken back by a three-way merge, and collapsed with every check that a collapse has. What came
// since stays; where it touched the same lines or items the error is a *ConflictError, and nothing was written. What is told of
// the work (task, plan, attempt, evidence) stays: it happened. id "" means the newest such commit; to undo an undo does it again.
func (k *Kernel) Undo(ctx context.Context, id CommitID, o CollapseOptions) (Commit, Collapsed, error) {
	at, err := k.System(ctx)
	if err != nil {
		return Commit{}, Collapsed{}, err
	}
	target, err := k.undoable(ctx, at, id)
	if err != nil {
		return target, Collapsed{}, err
	}
	before, err := k.Store.Open(ctx, target.Parents[0])
	if err != nil {
		return target, Collapsed{}, err
	}
	after, err := k.Store.Open(ctx, target.ID)
	if err != nil {
		return target, Collapsed{}, err
	}
	if target.Record.Rule == RuleMethod {
		commit, err := k.undoMethod(ctx, at, before, after)
		return target, Collapsed{Commit: commit, Files: []string{}}, err
	}
	what := "undo " + short(target.ID) + ": " + strings.TrimPrefix(target.Subject, target.Record.Rule+": ")
	var done Collapsed
	if _, _, err = k.inverse(ctx, at, before, after); err != nil || o.Preview {
		return target, done, err
	}
	p, err := k.NewWorkspace(ctx, NewName("undo"), what)
	if err != nil {
		return target, done, err
	}
	release, err := k.Local.Hold(p.ID)
	if err != nil {
		return target, done, err
	}
	defer release()
	if err = k.takeBack(ctx, p, before, after, what); err == nil {
		done, err = k.Collapse(ctx, p, o)
	}
	if err != nil && done.Commit == "" && !errors.Is(err, ErrWaiting) {
		err = k.giveUpUndo(ctx, p, err)
	}
	return target, done, err
}

// giveUpUndo discards an undo that was refused. After a fault (of a disk, say) it writes nothing more: the workspace stays.
func (k *Kernel) giveUpUndo(ctx context.Context, p ProcessView, err error) error {
	var failed *jobFailed
	if ErrorCode(err) == "" && !errors.As(err, &failed) && ctx.Err() == nil {
		return Hint(err, "nothing was undone; `jitos sws discard %s -m WHY` gives up what was begun, then undo again", p.Process.SWS)
	}
	kind := "gate"
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrStale) {
		kind = "conflict"
	}
	return errors.Join(err, k.Discard(context.WithoutCancel(ctx), p, kind, err.Error()))
}

// undoable finds the commit to undo on the system line.
func (k *Kernel) undoable(ctx context.Context, at Snapshot, id CommitID) (Commit, error) {
	for c, err := range k.Store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return c, err
		}
		canBe := c.Record != nil && len(c.Parents) > 0 && (c.Record.Rule == RuleCollapse || c.Record.Rule == RuleMethod)
		switch {
		case id == "" && canBe, id == c.ID && canBe:
			return c, nil
		case id == c.ID && c.Record != nil:
			return c, Hint(fmt.Errorf("undo %s: %w: a rewrite of rule %s is a record of what happened", short(id), ErrInvalid, c.Record.Rule),
				"collapses and changes of the library can be undone; a task is withdrawn, your own commits are reverted by git")
		}
	}
	if id == "" {
		return Commit{}, fmt.Errorf("undo: %w: nothing was collapsed yet", ErrNotFound)
	}
	return Commit{}, fmt.Errorf("undo %s: %w: it is not on the system line", short(id), ErrNotFound)
}

// inverse is what takes a change back on a WARP: its files, and the rewrite of its graph.
func (k *Kernel) inverse(ctx context.Context, at, before, after Snapshot) (TreeID, Rewrite, error) {
	tree, conflicts, err := k.Merger.Files(ctx, after.Tree(), at.Tree(), before.Tree())
	if err != nil {
		return "", Rewrite{}, err
	}
	back := Rewrite{}
	record := after.Commit().Record
	items := slices.Clone(record.Drop)
	for item := range record.Set {
		items = append(items, item)
	}
	slices.Sort(items)
	for _, item := range items {
		p, err := item.Parse()
		if err != nil {
			return "", back, err
		}
		if p.File != "" || IsKernelKind(p.Node.Kind) {
			continue // what is told of the work stays
		}
		now, err := at.Blob(ctx, item)
		if err != nil {
			return "", back, err
		}
		then, err := after.Blob(ctx, item)
		if err != nil {
			return "", back, err
		}
		was, err := before.Blob(ctx, item)
		switch {
		case err != nil:
			return "", back, err
		case now == was:
			continue
		case now != then:
			conflicts = append(conflicts, Conflict{Item: item, Why: "it was changed again since", Base: string(then), Ours: string(now), Theirs: string(was)})
		case was == "":
			back.Drop = append(back.Drop, item)
		default:
			if err := back.restore(ctx, before, p, item); err != nil {
				return "", back, err
			}
		}
	}
	if len(conflicts) > 0 {
		return "", back, Hint(fmt.Errorf("undo: %w", &ConflictError{conflicts}), "nothing was changed; what came since rests on it: undo that first, or take it back by hand in `jitos sws new`")
	}
	if tree == at.Tree() && len(back.Set)+len(back.Edges)+len(back.Drop) == 0 {
		return "", back, Hint(fmt.Errorf("undo: %w: nothing of it is left to take back", ErrInvalid), "it was undone already")
	}
	return tree, back, nil
}

// restore sets an item to what it was.
func (rw *Rewrite) restore(ctx context.Context, before Snapshot, p ItemParts, item ItemID) error {
	if p.Label == "" {
		n, err := before.Node(ctx, p.Node)
		rw.Set = append(rw.Set, n)
		return err
	}
	for e, err := range before.Edges(ctx, p.Node, p.Label) {
		if err != nil {
			return err
		}
		if e.Item() == item {
			rw.Edges = append(rw.Edges, e)
		}
	}
	return nil
}

// takeBack writes the inverse into a workspace.
func (k *Kernel) takeBack(ctx context.Context, p ProcessView, before, after Snapshot, what string) error {
	ws, err := k.workspace(ctx, p)
	if err != nil {
		return err
	}
	tree, back, err := k.inverse(ctx, ws, before, after)
	if err != nil {
		return err
	}
	if ws, err = k.Save(ctx, p, tree, what); err != nil {
		return err
	}
	if len(back.Set)+len(back.Edges)+len(back.Drop) == 0 {
		return nil
	}
	rw := k.rewrite(RuleGraph, p, what)
	rw.Set, rw.Edges, rw.Drop = back.Set, back.Edges, back.Drop
	for _, item := range slices.Concat(itemsOf(back), back.Drop) {
		is, err := ws.Blob(ctx, item)
		if err != nil {
			return err
		}
		rw.Reads = append(rw.Reads, Read{Item: item, Is: string(is)})
	}
	_, err = k.extend(ctx, p, ws, rw)
	return err
}

func itemsOf(rw Rewrite) []ItemID {
	var items []ItemID
	for _, n := range rw.Set {
		items = append(items, n.ID.Item())
	}
	for _, e := range rw.Edges {
		items = append(items, e.Item())
	}
	return items
}

// undoMethod puts a file of the library back, where it is still what the change made of it.
func (k *Kernel) undoMethod(ctx context.Context, at, before, after Snapshot) (CommitID, error) {
	was, err := before.Fabric(ctx)
	if err != nil {
		return "", err
	}
	then, err := after.Fabric(ctx)
	if err != nil {
		return "", err
	}
	now, err := at.Fabric(ctx)
	if err != nil {
		return "", err
	}
	record := after.Commit().Record
	items := slices.Clone(record.Drop)
	for item := range record.Set {
		items = append(items, item)
	}
	var last CommitID
	for _, item := range items {
		p, err := item.Parse()
		if err != nil || p.File == "" {
			return last, err
		}
		if string(now[p.File]) != string(then[p.File]) {
			return last, Hint(fmt.Errorf("undo: %w: %s was changed again since", ErrConflict, p.File), "nothing was changed")
		}
		c, err := k.SubmitMethod(ctx, p.File, was[p.File])
		if err != nil {
			return last, err
		}
		last = c.ID
	}
	return last, nil
}
