package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jitos/jitos"
)

// root is where operations begin.
type root struct{ s *Server }

func (r *root) Query() QueryResolver               { return queries{r.s} }
func (r *root) Mutation() MutationResolver         { return commands{r.s} }
func (r *root) Subscription() SubscriptionResolver { return streams{r.s} }

type queries struct{ s *Server }

func (q queries) Warp(ctx context.Context, at *string) (*Warp, error) {
	if at != nil {
		m, err := q.s.moment(ctx, *at)
		return &Warp{m}, err
	}
	m, err := q.s.now(ctx)
	return &Warp{m}, err
}

func (q queries) Node(ctx context.Context, id string) (Node, error) {
	m, err := q.s.now(ctx)
	if err != nil {
		return nil, err
	}
	return (&Warp{m}).Node(ctx, id)
}

func (q queries) Commit(ctx context.Context, id string) (*Commit, error) {
	m, err := q.s.moment(ctx, id)
	if err != nil {
		return orNull[*Commit](nil, err)
	}
	return &Commit{q.s, m.at.Commit()}, nil
}

func (q queries) Diff(ctx context.Context, from, to string) (*Diff, error) {
	a, err := q.s.moment(ctx, from)
	if err != nil {
		return nil, err
	}
	b, err := q.s.moment(ctx, to)
	if err != nil {
		return nil, err
	}
	return &Diff{q.s, a.at.Commit().ID, b.at.Commit().ID}, nil
}

func (q queries) Workspaces(ctx context.Context) ([]Workspace, error) {
	open, err := q.s.Kernel.Workspaces(ctx)
	list := []Workspace{}
	for _, w := range open {
		list = append(list, Workspace{q.s, w})
	}
	return list, err
}

func (q queries) Inbox(ctx context.Context) ([]Waiting, error) { return q.s.inbox(ctx) }

func (s *Server) inbox(ctx context.Context) ([]Waiting, error) {
	open, err := s.Kernel.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	var processes []jitos.ProcessView
	for _, w := range open {
		processes = append(processes, w.Process)
	}
	found, err := s.Kernel.Inbox(ctx, processes)
	list := []Waiting{}
	for _, w := range found {
		list = append(list, Waiting{w})
	}
	return list, err
}

// Waiting is a question that waits for a person.
type Waiting struct{ w jitos.Waiting }

func (w Waiting) ID() string        { return w.w.ID }
func (w Waiting) Task() string      { return w.w.Task.Node().String() }
func (w Waiting) Process() string   { return w.w.Process.Node().String() }
func (w Waiting) Workspace() string { return w.w.SWS }
func (w Waiting) Step() string      { return w.w.Step }
func (w Waiting) About() About      { return About(w.w.About) }
func (w Waiting) Why() string       { return w.w.Why }
func (w Waiting) Tree() string      { return string(w.w.Tree) }
func (w Waiting) Paths() []string   { return w.w.Paths }
func (w Waiting) By() []string      { return w.w.By }

func (w Waiting) Until() *time.Time {
	if w.w.Until == 0 {
		return nil
	}
	t := time.Unix(w.w.Until, 0).UTC()
	return &t
}

// About is what a question is about.
type About string

// Warp is the graph and the files at one commit.
type Warp struct{ moment }

func (w *Warp) Commit() *Commit { return &Commit{w.s, w.at.Commit()} }
func (w *Warp) Tree() string    { return string(w.at.Tree()) }

// sync is where the system line and the user's branch last met, nil before the first time.
func (w *Warp) sync(ctx context.Context) (*jitos.Sync, error) {
	sync, err := jitos.Get[jitos.Sync](ctx, w.at, jitos.SyncNode)
	if errors.Is(err, jitos.ErrNotFound) {
		return nil, nil
	}
	return &sync, err
}

func (w *Warp) Branch(ctx context.Context) (*string, error) {
	sync, err := w.sync(ctx)
	if sync == nil || err != nil {
		return nil, err
	}
	return text(sync.Branch), nil
}

func (w *Warp) Unlanded(ctx context.Context) ([]string, error) {
	sync, err := w.sync(ctx)
	if sync == nil || err != nil {
		return []string{}, err
	}
	paths, err := w.s.Merger.Changed(ctx, sync.Tree, w.at.Tree())
	if paths == nil {
		paths = []string{}
	}
	return paths, err
}

func (w *Warp) Node(ctx context.Context, id string) (Node, error) {
	found, err := w.find(ctx, "", id)
	if err != nil {
		return orNull[Node](nil, err)
	}
	return w.node(ctx, found)
}

func (w *Warp) Nodes(ctx context.Context, kind *string, first int, after *string) (*NodeConnection, error) {
	of := ""
	if kind != nil {
		of = *kind
	}
	ids, err := take(w.s.Store.NodeIDs(ctx, w.at, of), jitos.NodeID.String, first, after)
	if err != nil {
		return nil, err
	}
	p, err := mapped(ids, func(id jitos.NodeID) (Node, error) { return w.node(ctx, id) })
	return &NodeConnection{each(p, func(c string, n Node) NodeEdge { return NodeEdge{c, n} }), p.items, p.info}, err
}

func (w *Warp) Task(ctx context.Context, id string) (*Task, error) {
	found, err := w.find(ctx, jitos.KindTask, id)
	if err != nil {
		return orNull[*Task](nil, err)
	}
	return w.task(ctx, jitos.TaskID(found.Name))
}

func (w *Warp) Tasks(ctx context.Context, status []jitos.TaskStatus, first int, after *string) (*TaskConnection, error) {
	var ids []string
	for id, err := range w.s.Store.NodeIDs(ctx, w.at, jitos.KindTask) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, id.Name)
	}
	slices.Sort(ids)
	p, err := take(w.tasks(ctx, ids, status), func(t *Task) string { return t.id.Name }, first, after)
	return &TaskConnection{each(p, func(c string, t *Task) TaskEdge { return TaskEdge{c, t} }), p.items, p.info}, err
}

// tasks are those of a list that have one of the statuses; none means all.
func (w *Warp) tasks(ctx context.Context, ids []string, status []jitos.TaskStatus) iter.Seq2[*Task, error] {
	return func(yield func(*Task, error) bool) {
		for _, id := range ids {
			t, err := w.task(ctx, jitos.TaskID(id))
			if err == nil && len(status) > 0 && !slices.Contains(status, t.view.Status) {
				continue
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}

func (w *Warp) History(ctx context.Context, task *string, first int, after *string) (*CommitConnection, error) {
	of := jitos.TaskID("")
	if task != nil {
		id, err := w.find(ctx, jitos.KindTask, *task)
		if err != nil {
			return nil, err
		}
		of = jitos.TaskID(id.Name)
	}
	return w.s.history(ctx, w.at.Commit().ID, first, after, func(c jitos.Commit) (keep, end bool) {
		return of == "" || c.Record != nil && c.Record.Task == of, false
	})
}

// history is a page of a line, back from a commit. A page that begins behind a commit reads nothing before that.
func (s *Server) history(ctx context.Context, from jitos.CommitID, first int, after *string, choose func(jitos.Commit) (keep, end bool)) (*CommitConnection, error) {
	behind, err := cursorKey(after)
	if err != nil {
		return nil, err
	}
	if behind != "" {
		if from, err = s.Repo.FindCommit(ctx, behind); err != nil {
			return nil, fmt.Errorf("after: %w: it is no cursor of ours", jitos.ErrInvalid)
		}
	}
	found, err := take(func(yield func(jitos.Commit, error) bool) {
		for c, err := range s.Store.Log(ctx, from) {
			keep, end := false, false
			if err == nil {
				keep, end = choose(c)
				keep = keep && !end || string(c.ID) == behind
			}
			if end && !keep || (keep || err != nil) && !yield(c, err) {
				return
			}
		}
	}, func(c jitos.Commit) string { return string(c.ID) }, first, after)
	if err != nil {
		return nil, err
	}
	p, err := mapped(found, func(c jitos.Commit) (*Commit, error) { return &Commit{s, c}, nil })
	return &CommitConnection{each(p, func(c string, n *Commit) CommitEdge { return CommitEdge{c, n} }), p.items, p.info}, err
}

// File is the text of a file, null where there is none, or no text.
func (w *Warp) File(ctx context.Context, path string) (*string, error) {
	raw, err := w.at.ReadFile(ctx, path)
	if err != nil {
		return orNull[*string](nil, err)
	}
	if !utf8.Valid(raw) {
		return nil, nil
	}
	s := string(raw)
	return &s, nil
}

// Workspace is an open SWS.
type Workspace struct {
	s *Server
	w jitos.Workspace
}

func (w Workspace) Name() string  { return w.w.Name }
func (w Workspace) Base() *string { return text(string(w.w.Base)) }
func (w Workspace) Tip() string   { return string(w.w.Tip) }

func (w Workspace) Broken() *string {
	if w.w.Broken == nil {
		return nil
	}
	return text(w.w.Broken.Error())
}

func (w Workspace) Process(ctx context.Context) (*Process, error) {
	m, err := w.s.now(ctx)
	return &Process{entry{m, w.w.Process.ID.Node()}, w.w.Process}, err
}

func (w Workspace) Warp(ctx context.Context) (*Warp, error) {
	m, err := w.s.moment(ctx, string(w.w.Tip))
	return &Warp{m}, err
}

func (w Workspace) History(ctx context.Context, first int, after *string) (*CommitConnection, error) {
	return w.s.history(ctx, w.w.Tip, first, after, func(c jitos.Commit) (keep, end bool) {
		return true, c.ID == w.w.Base
	})
}

func (w Workspace) Diff() *Diff { return &Diff{w.s, w.w.Base, w.w.Tip} }
