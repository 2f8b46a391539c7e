package server

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/jitos/jitos"
)

type streams struct{ s *Server }

// send hands a value to the transport. It is false where the client is gone: one that does not read is cut off by the transport,
// whose writes have their time. How long a server takes that has too much to do is not the client's fault.
func send[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

var errTooSlow = errors.New("you do not read: the stream was cut off; `after` goes on behind the last commit that you have seen")

func cutOff(ctx context.Context) {
	countCut(ctx)
	failStream(ctx, errTooSlow)
}

type socketKey struct{}

// failStream tells a client why its stream ends. Over server-sent events that cannot be told: the stream ends, and who asks
// again behind the last commit that it has seen is told then.
func failStream(ctx context.Context, err error) {
	if ctx.Value(socketKey{}) == nil {
		return
	}
	transport.AddSubscriptionError(ctx, gqlerror.Wrap(err))
}

// Rewrites implements the subscription: it reads the line itself, so that nothing is lost between two looks.
func (st streams) Rewrites(ctx context.Context, workspace, after *string) (<-chan *Commit, error) {
	ref := jitos.SystemRef
	if workspace != nil {
		w, err := st.s.Kernel.Workspace(ctx, *workspace)
		if err != nil {
			return nil, err
		}
		ref = jitos.Ref(jitos.SWSPrefix + w.Name)
	}
	moved, end := st.s.follow.listen(ctx)
	head, err := st.s.Store.Head(ctx, ref)
	if err == nil && after != nil {
		head, err = st.s.Repo.FindCommit(ctx, *after)
	}
	if err == nil {
		_, err = st.s.since(ctx, ref, head)
	}
	if err != nil {
		end()
		return nil, err
	}
	out := make(chan *Commit)
	go func() {
		defer end()
		defer close(out)
		for {
			wake := moved()
			commits, err := st.s.since(ctx, ref, head)
			if errors.Is(err, jitos.ErrNotFound) {
				return // the workspace has ended
			}
			if err != nil {
				if ctx.Err() == nil {
					failStream(ctx, err)
				}
				return
			}
			for _, id := range commits {
				c, err := st.s.commitOf(ctx, id)
				if err != nil {
					failStream(ctx, err)
					return
				}
				if !send(ctx, out, c) {
					return
				}
				head = id
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// since lists the commits of a line behind one of its commits, oldest first. The error Is jitos.ErrStale where the commit is
// not on the line.
func (s *Server) since(ctx context.Context, ref jitos.Ref, from jitos.CommitID) ([]jitos.CommitID, error) {
	head, err := s.Store.Head(ctx, ref)
	if err != nil || head == from {
		return nil, err
	}
	var list []jitos.CommitID
	for id, err := range s.Store.Line(ctx, head) {
		if err != nil {
			return nil, err
		}
		if id == from {
			slices.Reverse(list)
			return list, nil
		}
		list = append(list, id)
	}
	return nil, fmt.Errorf("commit %s: %w: it is not on this line, which may have been reconciled with another clone's", from, jitos.ErrStale)
}

// listen hands the events that choose takes to a client.
func listen[T any](ctx context.Context, s *Server, choose func(event) (T, bool)) <-chan T {
	sub, end := s.events.subscribe()
	out := make(chan T)
	go func() {
		defer end()
		defer close(out)
		for {
			select {
			case e, ok := <-sub.events:
				if !ok {
					cutOff(ctx)
					return
				}
				if v, ok := choose(e); ok && !send(ctx, out, v) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (st streams) Progress(ctx context.Context, task *string) (<-chan *Progress, error) {
	of := jitos.TaskID("")
	if task != nil {
		m, err := st.s.now(ctx)
		if err != nil {
			return nil, err
		}
		id, err := m.find(ctx, jitos.KindTask, *task)
		if err != nil {
			return nil, err
		}
		of = jitos.TaskID(id.Name)
	}
	return listen(ctx, st.s, func(e event) (*Progress, bool) {
		return &Progress{e}, of == "" || e.Task == of
	}), nil
}

// Output implements the subscription. A job is named as its node, "job/NAME", or by its name.
func (st streams) Output(ctx context.Context, job string) (<-chan string, error) {
	of := jitos.JobID(strings.TrimPrefix(job, jitos.KindJob+"/"))
	if err := jitos.CheckName(string(of)); err != nil {
		return nil, err
	}
	return listen(ctx, st.s, func(e event) (string, bool) {
		return e.Text, e.Kind == "say" && e.Job == of
	}), nil
}

func (st streams) Inbox(ctx context.Context) (<-chan []Waiting, error) {
	return watch(ctx, st.s, st.s.inbox)
}

// watch tells what something is, and again whenever a ref has moved and it is not that any more.
func watch[T any](ctx context.Context, s *Server, look func(context.Context) (T, error)) (<-chan T, error) {
	moved, end := s.follow.listen(ctx)
	out := make(chan T)
	go func() {
		defer end()
		defer close(out)
		var last T
		for first := true; ; first = false {
			wake := moved()
			v, err := look(ctx)
			if err != nil {
				if ctx.Err() == nil {
					failStream(ctx, err)
				}
				return
			}
			if (first || !reflect.DeepEqual(v, last)) && !send(ctx, out, v) {
				return
			}
			last = v
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// Progress is one line of progress.
type Progress struct{ e event }

func (p *Progress) Kind() string     { return p.e.Kind }
func (p *Progress) Text() string     { return p.e.Text }
func (p *Progress) Outcome() *string { return text(p.e.outcome) }

func (p *Progress) Task() *string    { return nodeText(p.e.Task != "", p.e.Task.Node()) }
func (p *Progress) Process() *string { return nodeText(p.e.Process != "", p.e.Process.Node()) }
func (p *Progress) Job() *string     { return nodeText(p.e.Job != "", p.e.Job.Node()) }

func nodeText(ok bool, id jitos.NodeID) *string {
	if !ok {
		return nil
	}
	return text(id.String())
}

func (p *Progress) Verdict() *jitos.Verdict {
	if p.e.Verdict == "" {
		return nil
	}
	return &p.e.Verdict
}
