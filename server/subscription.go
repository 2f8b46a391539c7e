package server

import (
	"context"
	"errors"
	"strings"

	"github.com/jitos/jitos"
)

// streams are the resolvers of subscriptions. Each is asked twice: once when somebody subscribes, for the source of its events, and
// again for each event, which it hands on (topic.go).
type streams struct{ s *Server }

var errTooSlow = errors.New("you do not read: the stream was cut off; `after` goes on behind the last commit that you have seen")

// staged answers for an event that is carried out, or opens the source of events.
func staged[T any](ctx context.Context, open func() (opening, error)) (<-chan T, error) {
	events := make(chan T, 1)
	defer close(events)
	if now, ok := ctx.Value(occurrenceKey{}).(occurrence); ok {
		events <- now.value.(T)
		return events, nil
	}
	into, ok := ctx.Value(openingKey{}).(*opening)
	if !ok {
		return nil, errors.New("subscriptions go over a WebSocket, or by POST with Accept: text/event-stream")
	}
	var err error
	*into, err = open()
	return events, err
}

func (st streams) Rewrites(ctx context.Context, workspace, after *string) (<-chan *Commit, error) {
	return staged[*Commit](ctx, func() (o opening, err error) {
		r := rewritesOf{st.s, jitos.SystemRef}
		if workspace != nil {
			w, err := st.s.Kernel.Workspace(ctx, *workspace)
			if err != nil {
				return o, err
			}
			r.ref = jitos.Ref(jitos.SWSPrefix + w.Name)
		}
		head, err := st.s.Store.Head(ctx, r.ref)
		if err == nil && after != nil {
			if head, err = st.s.Repo.FindCommit(ctx, *after); err == nil {
				_, err = r.since(ctx, string(head))
			}
		}
		return opening{source: r, about: string(r.ref), after: string(head)}, err
	})
}

func (st streams) Progress(ctx context.Context, task *string) (<-chan *Progress, error) {
	return staged[*Progress](ctx, func() (o opening, err error) {
		of := jitos.TaskID("")
		if task != nil {
			m, err := st.s.now(ctx)
			if err != nil {
				return o, err
			}
			id, err := m.find(ctx, jitos.KindTask, *task)
			if err != nil {
				return o, err
			}
			of = jitos.TaskID(id.Name)
		}
		return opening{about: string(of), source: eventsOf{st.s.events, func(e event) (any, bool) {
			return &Progress{e}, of == "" || e.Task == of
		}}}, nil
	})
}

// Output implements the subscription. A job is named as its node, "job/NAME", or by its name.
func (st streams) Output(ctx context.Context, job string) (<-chan string, error) {
	return staged[string](ctx, func() (opening, error) {
		of := jitos.JobID(strings.TrimPrefix(job, jitos.KindJob+"/"))
		return opening{source: eventsOf{st.s.events, func(e event) (any, bool) {
			return e.Text, e.Kind == "say" && e.Job == of
		}}}, jitos.CheckName(string(of))
	})
}

func (st streams) Inbox(ctx context.Context) (<-chan []Waiting, error) {
	return staged[[]Waiting](ctx, func() (opening, error) {
		return opening{source: stateOf[[]Waiting]{st.s, st.s.inbox}, now: true}, nil
	})
}

// Tips implements the subscription: what the refs stand at, now and whenever one has moved. Moves that come together are told
// together.
func (st streams) Tips(ctx context.Context) (<-chan []Tip, error) {
	return staged[[]Tip](ctx, func() (opening, error) {
		return opening{source: stateOf[[]Tip]{st.s, st.s.tips}, now: true}, nil
	})
}

// Progress is one line of progress.
type Progress struct{ e event }

func (p *Progress) Kind() string     { return p.e.Kind }
func (p *Progress) Text() string     { return p.e.Text }
func (p *Progress) Outcome() *string { return text(p.e.outcome) }

func (p *Progress) Task() *string    { return nodeText(p.e.Task != "", p.e.Task.Node()) }
func (p *Progress) Process() *string { return nodeText(p.e.Process != "", p.e.Process.Node()) }
func (p *Progress) Job() *string     { return nodeText(p.e.Job != "", p.e.Job.Node()) }

func (p *Progress) Commit() *string { return text(string(p.e.Commit)) }
func (p *Progress) Millis() int     { return int(p.e.Took.Milliseconds()) }

func (p *Progress) Result() (any, error) {
	if p.e.result == nil {
		return nil, nil
	}
	return plain(p.e.result)
}

func (p *Progress) Refusal() *Refusal {
	r, _ := refused(p.e.err)
	return r
}

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
