package server

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jitos/jitos"
)

// moment is a snapshot to look at: every object of an answer holds the one that it was found in.
type moment struct {
	s  *Server
	at jitos.Snapshot
}

// newest is the system line as a request saw it first: all of its fields look at that.
type newest struct {
	once sync.Once
	m    moment
	err  error
}

type newestKey struct{}

// withNewest gives a request its place for the newest snapshot.
func withNewest(ctx context.Context) context.Context {
	return context.WithValue(ctx, newestKey{}, &newest{})
}

// now is the newest snapshot of the system line, the same one for a whole request.
func (s *Server) now(ctx context.Context) (moment, error) {
	n, ok := ctx.Value(newestKey{}).(*newest)
	if !ok {
		n = &newest{}
	}
	n.once.Do(func() {
		n.m.s = s
		n.m.at, n.err = s.Kernel.System(ctx)
	})
	return n.m, n.err
}

// moment is the snapshot of a commit of the fabric; id may be a prefix.
func (s *Server) moment(ctx context.Context, id string) (moment, error) {
	commit, err := s.Repo.FindCommit(ctx, id)
	if err != nil {
		return moment{}, err
	}
	at, err := s.Store.Open(ctx, commit)
	if err != nil {
		return moment{}, fmt.Errorf("commit %s: %w", id, err)
	}
	return moment{s, at}, nil
}

// find is the node that a word means; see warpgit.Store.Find.
func (m moment) find(ctx context.Context, kind, word string) (jitos.NodeID, error) {
	return m.s.Store.Find(ctx, m.at, kind, word)
}

// orNull turns what was not found into null.
func orNull[T any](v T, err error) (T, error) {
	if errors.Is(err, jitos.ErrNotFound) {
		var none T
		return none, nil
	}
	return v, err
}

// text is null for "".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
