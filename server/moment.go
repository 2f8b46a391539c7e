package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
	commit, err := s.commitID(ctx, id)
	if err != nil {
		return moment{}, err
	}
	at, err := s.Store.Open(ctx, commit)
	if err != nil {
		return moment{}, fmt.Errorf("commit %s: %w", id, err)
	}
	return moment{s, at}, nil
}

// commitID finds the only commit whose id begins so. The error Is jitos.ErrNotFound where there is none.
func (s *Server) commitID(ctx context.Context, id string) (jitos.CommitID, error) {
	if len(id) < 4 || len(id) > 40 || strings.Trim(id, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q: %w: want 4 to 40 hexadecimal digits", id, jitos.ErrInvalid)
	}
	if len(id) == 40 {
		return jitos.CommitID(id), nil
	}
	out, err := s.Repo.Git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", id+"^{commit}")
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("commit %s: %w", id, jitos.ErrNotFound)
	}
	return jitos.CommitID(strings.TrimSpace(string(out))), nil
}

// find resolves "kind/name" or a unique prefix of a name, within a kind where one is given. The error Is jitos.ErrNotFound
// where there is none, jitos.ErrInvalid where there are several.
func (m moment) find(ctx context.Context, kind, word string) (jitos.NodeID, error) {
	name := word
	if k, n, ok := strings.Cut(word, "/"); ok {
		if kind != "" && k != kind {
			return jitos.NodeID{}, fmt.Errorf("%s: %w: want a %s", word, jitos.ErrInvalid, kind)
		}
		kind, name = k, n
	}
	if kind != "" {
		id := jitos.NodeID{Kind: kind, Name: name}
		if id.Check() == nil {
			if ok, err := jitos.Has(ctx, m.at, id); ok || err != nil {
				return id, err
			}
		}
	}
	if name == "" {
		return jitos.NodeID{}, fmt.Errorf("%q: %w: want kind/name, or the beginning of a name", word, jitos.ErrInvalid)
	}
	ids, more, err := m.s.Store.Named(ctx, m.at, kind, name, 8)
	if err != nil {
		return jitos.NodeID{}, err
	}
	switch {
	case len(ids) == 0:
		return jitos.NodeID{}, fmt.Errorf("%s: %w", word, jitos.ErrNotFound)
	case len(ids) > 1 || more > 0:
		var names []string
		for _, id := range ids {
			names = append(names, id.String())
		}
		if more > 0 {
			names = append(names, fmt.Sprintf("%d more", more))
		}
		return jitos.NodeID{}, fmt.Errorf("%s: %w: it may be %s", word, jitos.ErrInvalid, strings.Join(names, ", "))
	}
	return ids[0], nil
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
