package warpgit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// AsOf makes the store tell of a moment of the system line, by any name that git has for the commit: from now on that commit is the
// head, those workspaces are open that were open then, and nothing can be written. The error Is jitos.ErrNotFound where it is not on the
// system line.
func (r *Repo) AsOf(ctx context.Context, revision string) (jitos.CommitID, error) {
	out, err := r.git(ctx, gitCommand{plain: true, args: []string{"rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}"}})
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil || len(out) < 40 {
		return "", fmt.Errorf("commit %q: %w", revision, jitos.ErrNotFound)
	}
	id := jitos.CommitID(out[:40])
	head, err := r.Store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return "", err
	}
	for at, err := range r.Store.Line(ctx, head) {
		if err != nil {
			return "", err
		}
		if at == id {
			r.Store.openThen, err = r.Store.workspacesAsOf(ctx, head, id)
			r.Store.asOf = id
			return id, err
		}
	}
	return "", jitos.Hint(fmt.Errorf("commit %s: %w on the system line", id[:10], jitos.ErrNotFound), "`git log --first-parent jitos/system` lists what is")
}

// workspacesAsOf are the workspaces that were open at a commit of the line, where they stood then. The line tells which; of each, all
// commits are on the branch that it has or led to when it ended. No commit of the line names those that a workspace had at a moment:
// they are told apart by their times, as git does for branch@{time}, and by what of the line they rest on. One that was not forked yet, or
// whose month of the archive is gone, is left out.
func (s *Store) workspacesAsOf(ctx context.Context, head, at jitos.CommitID) ([]namedRef, error) {
	now, err := s.Open(ctx, head)
	if err != nil {
		return nil, err
	}
	then, err := s.Open(ctx, at)
	if err != nil {
		return nil, err
	}
	open, err := jitos.OpenProcesses(ctx, then)
	if err != nil {
		return nil, err
	}
	var list []namedRef
	for _, p := range open {
		ref := jitos.SWSPrefix + p.Process.SWS
		p, err := jitos.ViewProcess(ctx, now, p.ID)
		if err != nil {
			return nil, err
		}
		tip, err := s.lastOf(ctx, p)
		if err == nil && tip != "" {
			tip, err = s.notAfter(ctx, tip, then.Commit())
		}
		if err != nil && !errors.Is(err, jitos.ErrNotFound) {
			return nil, fmt.Errorf("workspace %s: %w", p.Process.SWS, err)
		}
		if err == nil && tip != "" {
			list = append(list, namedRef{ref, plumbing.NewHash(string(tip))})
		}
	}
	slices.SortFunc(list, func(a, b namedRef) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

// lastOf is the last commit of a process's own line.
func (s *Store) lastOf(ctx context.Context, p jitos.ProcessView) (jitos.CommitID, error) {
	switch {
	case p.Collapse != nil:
		return p.Collapse.Tip, nil
	case p.Attempt != nil:
		return p.Attempt.Tip, nil
	}
	id, err := s.refs.read(jitos.SWSPrefix + p.Process.SWS)
	return commitID(id), err
}

// notAfter is the youngest commit of a workspace that is not younger than a moment of the line and merges nothing of the line that
// is; "" for none.
func (s *Store) notAfter(ctx context.Context, tip jitos.CommitID, moment jitos.Commit) (jitos.CommitID, error) {
	for c, err := range s.Log(ctx, tip) {
		if err != nil {
			return "", err
		}
		if c.Record != nil && jitos.IsSystemRule(c.Record.Rule) {
			return "", nil // it was forked from here
		}
		if c.When.After(moment.When) {
			continue
		}
		if c.Record == nil || c.Record.Rule != jitos.RuleRebase || len(c.Parents) < 2 {
			return c.ID, nil
		}
		onto, err := s.Open(ctx, c.Parents[1])
		if err != nil {
			return "", err
		}
		if r := onto.Commit().Record; r != nil && r.Seq <= moment.Record.Seq {
			return c.ID, nil
		}
	}
	return "", nil
}

// tasksAsOf is Tasks by a walk: the index tells of the line's head alone.
func (s *Store) tasksAsOf(ctx context.Context, all bool) (list []TaskLine, ended int, err error) {
	at, err := s.Open(ctx, s.asOf)
	if err != nil {
		return nil, 0, err
	}
	list = []TaskLine{}
	for n, err := range at.Nodes(ctx, jitos.KindTask) {
		if err != nil {
			return nil, 0, fmt.Errorf("tasks: %w", err)
		}
		v, err := jitos.ViewTask(ctx, at, jitos.TaskID(n.ID.Name), s.index.clone())
		if err != nil {
			return nil, 0, fmt.Errorf("tasks: %w", err)
		}
		line := TaskLine{ID: jitos.TaskID(n.ID.Name), Intent: v.Task.Intent, Status: v.Status}
		if line.Ended() {
			ended++
		}
		if all || !line.Ended() {
			list = append(list, line)
		}
	}
	slices.SortFunc(list, func(a, b TaskLine) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list, ended, nil
}
