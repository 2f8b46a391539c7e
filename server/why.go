package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// Why is the way from one thing back to the intent behind it.
type Why struct {
	moment
	r jitos.Reason
}

func (w *Why) Commit() *Commit   { return w.commit(w.r.Commit) }
func (w *Why) Collapse() *Commit { return w.commit(w.r.Collapse) }

func (w *Why) commit(c *jitos.Commit) *Commit {
	if c == nil {
		return nil
	}
	return &Commit{w.s, *c}
}

func (w *Why) Settlement() *Settlement {
	if w.r.Settlement == nil {
		return nil
	}
	return &Settlement{w.r.Settlement.Record}
}

func (w *Why) Job() *string {
	if w.r.Job == nil {
		return nil
	}
	return text(w.r.Job.ID.String())
}

func (w *Why) Step() *Step {
	if w.r.Job == nil {
		return nil
	}
	return &Step{w.r.Job.Record.Step}
}

func (w *Why) Process() *Process {
	if w.r.Process == nil {
		return nil
	}
	return &Process{entry{w.moment, w.r.Process.ID.Node()}, *w.r.Process}
}

func (w *Why) Candidate() *Candidate {
	if w.r.Slap == nil {
		return nil
	}
	return &Candidate{entry{w.moment, w.r.Slap.ID}, w.r.Slap.Record}
}

func (w *Why) Methods() []string {
	list := []string{}
	for _, b := range w.r.Path {
		list = append(list, b.Method)
	}
	return list
}

func (w *Why) Task() *Task {
	if w.r.Task == nil {
		return nil
	}
	return &Task{entry{w.moment, w.r.Task.ID.Node()}, *w.r.Task}
}

func (w *Why) Evidence() []*Evidence { return w.evidence(w.r.Evidence) }

func (w *Why) Findings() []Finding {
	list := []Finding{}
	for _, f := range w.r.Findings {
		list = append(list, Finding{f})
	}
	return list
}

// Why is null for what the user committed himself.
func (c *Commit) Why(ctx context.Context) (*Why, error) {
	if c.c.Record == nil {
		return nil, nil
	}
	m, err := c.s.now(ctx)
	if err != nil {
		return nil, err
	}
	r, err := c.s.Kernel.Why(ctx, c.c)
	return &Why{m, r}, err
}

// Line is one line of a file, and since when it is so.
type Line struct {
	Number int
	Text   string
	s      *Server
	blamed warpgit.Blamed
}

func (l *Line) Commit(ctx context.Context) (*Commit, error) {
	return l.s.commitOf(ctx, l.blamed.Commit)
}

// Lines asks git: on the system line a line leads to the rewrite of a workspace that made it, or to a commit of the user's.
func (w *Warp) Lines(ctx context.Context, path string, from, first int) ([]*Line, error) {
	if from < 1 || first < 1 || first > maxPage {
		return nil, fmt.Errorf("from and first: %w: want lines from 1 on, and at most %d", jitos.ErrInvalid, maxPage)
	}
	if !fs.ValidPath(path) {
		return nil, nil
	}
	raw, err := w.at.ReadFile(ctx, path)
	if err != nil {
		return orNull[[]*Line](nil, err)
	}
	count := strings.Count(strings.TrimSuffix(string(raw), "\n"), "\n") + 1
	list := []*Line{}
	if len(raw) == 0 || from > count {
		return list, nil
	}
	found, err := w.s.Repo.Blame(ctx, string(w.at.Commit().ID), path, from, min(count, from+first-1))
	for i, b := range found {
		list = append(list, &Line{from + i, b.Text, w.s, b})
	}
	return list, err
}

// Files lists paths.
func (w *Warp) Files(ctx context.Context, pattern string, first int) ([]string, error) {
	if first < 1 || first > maxPage {
		return nil, fmt.Errorf("first: %w: want 1 to %d", jitos.ErrInvalid, maxPage)
	}
	list := []string{}
	for path, err := range w.at.Glob(ctx, pattern) {
		if err != nil {
			return nil, err
		}
		if list = append(list, path); len(list) == first {
			break
		}
	}
	return list, nil
}

// sinceMost is how many commits are read to find since when a field is what it is.
const sinceMost = 10_000

// Since goes back through the rewrites that set the node, as long as the field is the same before.
func (w *Warp) Since(ctx context.Context, node, field string) (*Commit, error) {
	id, err := w.find(ctx, "", node)
	if err != nil {
		return orNull[*Commit](nil, err)
	}
	is, ok, err := fieldAt(ctx, w.at, id, field)
	if err != nil || !ok {
		return nil, err
	}
	last, err := entry{w.moment, id}.SetBy(ctx)
	if err != nil || last == nil {
		return nil, err
	}
	read := 0
	for c, err := range w.s.Store.Log(ctx, last.c.ID) {
		if err != nil {
			return nil, err
		}
		if read++; read > sinceMost {
			return nil, nil
		}
		if c.Record == nil || c.Record.Set[id.Item()] == "" || len(c.Parents) == 0 {
			continue
		}
		before, err := w.s.Store.Open(ctx, c.Parents[0])
		if err != nil {
			return nil, err
		}
		was, ok, err := fieldAt(ctx, before, id, field)
		if err != nil || !ok || !reflect.DeepEqual(was, is) {
			return &Commit{w.s, c}, err
		}
	}
	return nil, nil
}

// fieldAt is a field of a node, not ok where there is no such one.
func fieldAt(ctx context.Context, at jitos.Snapshot, id jitos.NodeID, field string) (v any, ok bool, err error) {
	n, err := at.Node(ctx, id)
	if errors.Is(err, jitos.ErrNotFound) {
		return nil, false, nil
	}
	v, ok = n.Fields[field]
	return v, ok, err
}
