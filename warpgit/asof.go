package warpgit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jitos/jitos"
)

// AsOf makes the store tell of a moment of the system line, by any name that git has for the commit: from now on that commit is the
// head, no workspace is open, and nothing can be written. The error Is jitos.ErrNotFound where it is not on the system line.
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
			r.Store.asOf = id
			return id, nil
		}
	}
	return "", jitos.Hint(fmt.Errorf("commit %s: %w on the system line", id[:10], jitos.ErrNotFound), "`git log --first-parent jitos/system` lists what is")
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
