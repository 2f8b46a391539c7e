package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/jitos/jitos"
)

// occurrence is something that happened, before anybody has chosen fields of it.
type occurrence struct {
	mark  string // where on its line it is: a client that was away goes on behind it; "" where there is no such place
	value any
}

// source is where the events of a subscription come from.
type source interface {
	// listen begins to follow, behind a mark. What happens after it has returned is among the occurrences, those that come together
	// in one list. They end with ctx, or with an error.
	listen(ctx context.Context) (mark string, list iter.Seq2[[]occurrence, error], err error)
}

// line is a source whose occurrences stay: what a client has missed is read again.
type line interface {
	source
	// since lists the marks behind one, oldest first.
	since(ctx context.Context, mark string) ([]string, error)
	at(ctx context.Context, mark string) (occurrence, error)
}

// rewritesOf are the rewrites of a line of the fabric. It reads the line itself, so that nothing is lost between two looks.
type rewritesOf struct {
	s   *Server
	ref jitos.Ref
}

var _ line = rewritesOf{}

func (r rewritesOf) listen(ctx context.Context) (string, iter.Seq2[[]occurrence, error], error) {
	moved, end := r.s.follow.Listen()
	head, err := r.s.Store.Head(ctx, r.ref)
	if err != nil {
		end()
		return "", nil, err
	}
	return string(head), func(yield func([]occurrence, error) bool) {
		defer end()
		for at := string(head); ; {
			wake := moved()
			list, err := r.news(ctx, at)
			switch {
			case ctx.Err() != nil, errors.Is(err, jitos.ErrNotFound): // a workspace has ended
				return
			case err != nil:
				yield(nil, err)
				return
			case len(list) > 0:
				if !yield(list, nil) {
					return
				}
				at = list[len(list)-1].mark
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}, nil
}

// news are the rewrites behind one.
func (r rewritesOf) news(ctx context.Context, mark string) ([]occurrence, error) {
	marks, err := r.since(ctx, mark)
	if err != nil {
		return nil, err
	}
	list := make([]occurrence, len(marks))
	for i, m := range marks {
		if list[i], err = r.at(ctx, m); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r rewritesOf) at(ctx context.Context, mark string) (occurrence, error) {
	c, err := r.s.commitOf(ctx, jitos.CommitID(mark))
	return occurrence{mark, c}, err
}

// since lists the commits of the line behind one of its commits, oldest first. The error Is jitos.ErrStale where the commit is not
// on the line.
func (r rewritesOf) since(ctx context.Context, mark string) ([]string, error) {
	head, err := r.s.Store.Head(ctx, r.ref)
	if err != nil || string(head) == mark {
		return nil, err
	}
	var list []string
	for id, err := range r.s.Store.Line(ctx, head) {
		if err != nil {
			return nil, err
		}
		if string(id) == mark {
			slices.Reverse(list)
			return list, nil
		}
		list = append(list, string(id))
	}
	return nil, fmt.Errorf("commit %s: %w: it is not on this line, which may have been reconciled with another clone's", mark, jitos.ErrStale)
}

// eventsOf are what the kernel tells, as far as choose takes it.
type eventsOf struct {
	hub    *hub
	choose func(event) (value any, ok bool)
}

func (o eventsOf) listen(ctx context.Context) (string, iter.Seq2[[]occurrence, error], error) {
	sub, end := o.hub.subscribe()
	return "", func(yield func([]occurrence, error) bool) {
		defer end()
		for {
			var list []occurrence
			select {
			case e, ok := <-sub.events:
				for there := true; there; { // what is there already comes along
					if !ok {
						yield(nil, errTooSlow)
						return
					}
					if v, ok := o.choose(e); ok {
						list = append(list, occurrence{value: v})
					}
					select {
					case e, ok = <-sub.events:
					default:
						there = false
					}
				}
			case <-ctx.Done():
				return
			}
			if len(list) > 0 && !yield(list, nil) {
				return
			}
		}
	}, nil
}

// stateOf is what something is, and what it is again whenever a ref has moved and it is not that any more.
type stateOf[T any] struct {
	s    *Server
	look func(context.Context) (T, error)
}

func (o stateOf[T]) listen(ctx context.Context) (string, iter.Seq2[[]occurrence, error], error) {
	moved, end := o.s.follow.Listen()
	return "", func(yield func([]occurrence, error) bool) {
		defer end()
		var last T
		for first := true; ; first = false {
			wake := moved()
			now, err := o.look(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				yield(nil, err)
				return
			case first || !reflect.DeepEqual(now, last):
				if !yield([]occurrence{{value: now}}, nil) {
					return
				}
				last = now
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}, nil
}
