package jitos

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// How a rewrite of ours is submitted again on a line that has gone on elsewhere. Facts (tasks, plans, attempts, evidence,
// answers, …) are merged item by item and keep their ids; a collapse is judged anew, as any collapse; absorb and land follow
// their rule. What clashes is theirs: of ours, a workspace stays open where there is something to decide.

// trailerWas names, on a rewrite that was submitted again, the commit by which it was first submitted.
const trailerWas = "Jitos-Was"

// reopened is a workspace that could not be collapsed again.
type reopened struct {
	p         ProcessView
	tip       CommitID
	was       Commit
	conflicts []Conflict
}

// submit puts a rewrite of ours on the staged line.
func (r *reconciliation) submit(ctx context.Context, c Commit) error {
	switch {
	case c.Record == nil:
		return fmt.Errorf("%w: a plain commit stands on the system line", ErrCorrupt)
	case c.Record.Rule == RuleObserve:
		r.done.Known++ // the files are looked at anew when all is there
		return nil
	case c.Record.Set[SyncNode.Item()] != "" && (c.Record.Rule == RuleAbsorb || c.Record.Rule == RuleLand):
		return r.follow(ctx, c)
	case c.Record.Rule == RuleCollapse && len(c.Parents) == 2:
		return r.collapse(ctx, c)
	}
	return r.fact(ctx, c)
}

// stage adds rewrites to the line.
func (r *reconciliation) stage(ctx context.Context, chain ...Rewrite) error {
	if len(chain) == 0 {
		return nil
	}
	if err := applyAll(ctx, r.at, chain, true); err != nil {
		return err
	}
	next, err := r.k.Store.Stage(ctx, r.at.Commit().ID, chain...)
	if err == nil {
		r.at = next
	}
	return err
}

// again stages a rewrite in the place of a commit of ours.
func (r *reconciliation) again(ctx context.Context, c Commit, rw Rewrite) error {
	rw.Actor, rw.Also = c.Record.Actor, []Trailer{{trailerWas, string(originOf(c))}}
	err := r.stage(ctx, rw)
	if err == nil {
		r.done.Again++
	}
	return err
}

// originOf is the commit by which a rewrite was first submitted.
func originOf(c Commit) CommitID {
	if was := c.Trailers[trailerWas]; was != "" {
		return CommitID(was)
	}
	return c.ID
}

func (r *reconciliation) leave(c Commit, format string, args ...any) error {
	left := LeftOut{c.ID, c.Subject, fmt.Sprintf(format, args...)}
	r.done.Left = append(r.done.Left, left)
	r.k.notify(Event{Kind: "notice", Task: c.Record.Task, Process: c.Record.Process,
		Text: fmt.Sprintf("left out %s %q: %s; the archive keeps it", short(c.ID), c.Subject, left.Why)})
	return nil
}

// words takes the message of a rewrite apart as it was put together: a first line that was too long stands whole in the body.
func words(c Commit) (what, why string) {
	prefix := c.Record.Rule + ": "
	what, why = strings.TrimPrefix(c.Subject, prefix), c.Body
	if first, rest, _ := strings.Cut(c.Body, "\n\n"); strings.HasSuffix(c.Subject, "…") && strings.HasPrefix(first, prefix) {
		what, why = strings.TrimPrefix(first, prefix), strings.TrimSpace(rest)
	}
	return what, why
}

// restated is a rewrite with the words and the parents of a commit, and no content yet.
func restated(c Commit) Rewrite {
	rw := Rewrite{Rule: c.Record.Rule, Actor: c.Record.Actor, Task: c.Record.Task, Process: c.Record.Process, Reads: c.Record.Reads, Parents: c.Parents[1:]}
	rw.What, rw.Why = words(c)
	return rw
}

// fact merges what a commit wrote into the line: all of it, or nothing where something of it clashes with what is there.
func (r *reconciliation) fact(ctx context.Context, c Commit) error {
	before, err := r.k.Store.Open(ctx, c.Parents[0])
	if err != nil {
		return err
	}
	own, err := r.k.Store.Open(ctx, c.ID)
	if err != nil {
		return err
	}
	if over, err := r.over(ctx, c); over || err != nil {
		return err
	}
	if c.Record.Rule == RuleMethod {
		if refused, err := r.k.refused(ctx, r.at, c); err != nil {
			return err
		} else if refused != nil {
			return r.leave(c, "%v", refused)
		}
	}
	merger, err := r.k.merger(ctx, r.at)
	if err != nil {
		return err
	}
	merged, conflicts, err := merger.Merge(ctx, before, r.at, own)
	if err != nil {
		return err
	}
	if len(conflicts) > 0 {
		if c.Record.Rule == RuleCollapse || c.Record.Rule == RuleMethod {
			r.disputes = append(r.disputes, dispute{was: c, before: before, own: own, conflicts: withoutEchoes(conflicts)})
			return nil
		}
		return r.leave(c, "it was decided otherwise elsewhere: %v", &ConflictError{conflicts})
	}
	rw := restated(c)
	rw.Set, rw.Edges, rw.Drop, rw.Fabric = merged.Set, merged.Edges, merged.Drop, merged.Fabric
	wrote := len(c.Record.Set)+len(c.Record.Drop) > 0
	if len(rw.Set)+len(rw.Edges)+len(rw.Drop)+len(rw.Fabric) == 0 && (wrote || len(rw.Parents) == 0) {
		r.done.Known++
		return nil
	}
	if err := r.again(ctx, c, rw); !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrNotFound) {
		return err
	}
	return r.leave(c, "it rests on something that was left out")
}

// over deals with what was done about a process that has ended otherwise on the line.
func (r *reconciliation) over(ctx context.Context, c Commit) (bool, error) {
	if c.Record.Rule != RuleDiscard && c.Record.Rule != RuleTakeOver {
		return false, nil
	}
	p, err := viewOf(ctx, r.at, c.Record.Process)
	switch {
	case errors.Is(err, ErrNotFound):
		return true, r.leave(c, "its attempt was left out")
	case err != nil:
		return false, err
	case p.Collapse != nil:
		return true, r.leave(c, "its attempt was collapsed elsewhere")
	case p.Attempt != nil && c.Record.Rule == RuleTakeOver:
		return true, r.leave(c, "its attempt was given up elsewhere")
	}
	return false, nil
}

// follow submits an absorb or a landing again, by their rule: base = the files of the user's commit that the line was synced
// with last, ours = the line's, theirs = those of the commit that was absorbed or landed.
func (r *reconciliation) follow(ctx context.Context, c Commit) error {
	k := r.k
	own, err := k.Store.Open(ctx, c.ID)
	if err != nil {
		return err
	}
	next, err := Get[Sync](ctx, own, SyncNode)
	if err != nil {
		return err
	}
	old, err := Get[Sync](ctx, r.at, SyncNode)
	if errors.Is(err, ErrNotFound) {
		old = Sync{Tree: emptyTree}
	} else if err != nil {
		return err
	}
	if old == next {
		r.done.Known++
		return nil
	}
	if !next.Dirty && next.Commit != old.Commit {
		if later, err := k.Repository.Contains(ctx, old.Commit, next.Commit); err != nil {
			return err
		} else if later {
			r.done.Known++ // what was absorbed elsewhere goes on from it
			return nil
		}
	}
	if err := k.followable(ctx, r.at, old, next); errors.Is(err, ErrBusy) {
		return r.leave(c, "the line follows %s by now, where work is open or not landed", branchWords(old.Branch))
	} else if err != nil {
		return err
	}
	tree, conflicts, err := k.mergeFiles(ctx, r.at, old.Tree, r.at.Tree(), next.Tree)
	if errors.Is(err, ErrNotFound) && (old.Dirty || next.Dirty) {
		return r.leave(c, "uncommitted files that it was made from are not kept")
	}
	if err != nil {
		return err
	}
	if len(conflicts) > 0 {
		return r.leave(c, "your commits and what was collapsed elsewhere change the same lines: %v", &ConflictError{conflicts})
	}
	rw := restated(c)
	rw.Tree = tree
	if err := rw.put(SyncNode, next); err != nil {
		return err
	}
	return r.again(ctx, c, rw)
}

// collapse judges a workspace of ours anew. Evidence that was found for our line counts where the files are the same. What cannot be
// judged here and now, because a gate fails, waits for somebody, may not run or cannot be read, stays open.
func (r *reconciliation) collapse(ctx context.Context, c Commit) error {
	k := r.k
	p, err := viewOf(ctx, r.at, c.Record.Process)
	switch {
	case errors.Is(err, ErrNotFound):
		return r.leave(c, "its attempt was left out")
	case err != nil:
		return err
	case p.Collapse != nil && p.Collapse.Tip == c.Parents[1]:
		r.done.Known++
		return nil
	case !p.Open():
		return r.leave(c, "its attempt has ended elsewhere")
	}
	own, err := k.Store.Open(ctx, c.ID)
	if err != nil {
		return err
	}
	end, err := Get[Collapse](ctx, own, NodeID{KindCollapse, string(p.ID)})
	if err != nil {
		return err
	}
	ws, err := k.Store.Open(ctx, c.Parents[1])
	if err != nil {
		return err
	}
	if err := k.heed(ctx, r.at); err != nil {
		return err
	}
	o := CollapseOptions{NoGate: end.NoGate}
	ask := func(q Question, _ []Evidence) error { return &parked{id: q.name(), q: q} }
	done, err := k.judge(ctx, p, r.at, ws, o, ask, own, evidenceGraph(r.proven))
	r.proven = append(r.proven, done.Evidence...)
	var failed *jobFailed
	var conflict *ConflictError
	switch {
	case err == nil:
		rw, err := k.collapsed(ctx, p, r.at, ws, done, o)
		if err != nil {
			return err
		}
		return r.again(ctx, c, rw)
	case errors.As(err, &conflict):
		r.reopens(p, c, conflict.Conflicts)
	case errors.As(err, &failed), errors.Is(err, ErrWaiting), errors.Is(err, ErrStale), errors.Is(err, ErrDenied), errors.Is(err, ErrInvalid):
		r.reopens(p, c, []Conflict{{Process: p.ID, Path: "**", Why: "on the files of both sides: " + err.Error(),
			Ours: string(r.at.Commit().ID), Theirs: string(c.Parents[1]), By: []string{string(r.at.Commit().ID), string(c.Parents[1])}}})
	default:
		return err
	}
	return nil
}

func (r *reconciliation) reopens(p ProcessView, c Commit, conflicts []Conflict) {
	r.reopen = append(r.reopen, reopened{p: p, tip: c.Parents[1], was: c, conflicts: conflicts})
}
