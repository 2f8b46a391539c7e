package warpgit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// JoinMonth implements jitos.Store. The entries that are appended keep their words, authors and times, so that whoever joins the same
// two chains makes the same one.
func (s *Store) JoinMonth(ctx context.Context, month jitos.Ref, theirs jitos.CommitID) (from, to jitos.CommitID, err error) {
	before, after, err := s.joinMonth(ctx, string(month), theirs)
	if err != nil {
		return "", "", fmt.Errorf("join %s: %w", month, err)
	}
	return commitID(before), commitID(after), nil
}

func (s *Store) joinMonth(ctx context.Context, ref string, theirs jitos.CommitID) (before, after plumbing.Hash, err error) {
	if err := checkFabricRef(jitos.Ref(ref)); err != nil {
		return before, after, err
	}
	other, err := parseID(theirs)
	if err != nil {
		return before, after, err
	}
	for {
		before, err = s.refs.read(ref)
		if err != nil && !isNotFound(err) {
			return before, after, err
		}
		if after, err = s.joined(ctx, before, other); err != nil || after == before {
			return before, after, err
		}
		err = s.publish(ctx, ref, before, after, nil, after)
		if !errors.Is(err, jitos.ErrStale) || ctx.Err() != nil {
			return before, after, err
		}
	}
}

// joined stages the chain that comes of ours and theirs, and returns its end.
func (s *Store) joined(ctx context.Context, ours, theirs plumbing.Hash) (plumbing.Hash, error) {
	if ours.IsZero() || ours == theirs {
		return theirs, nil
	}
	mine, others, err := s.partedChains(ctx, ours, theirs)
	if err != nil || len(others) == 0 {
		return ours, err
	}
	have := map[plumbing.Hash]bool{}
	for _, c := range others {
		for _, tip := range c.ParentHashes[min(1, len(c.ParentHashes)):] {
			have[tip] = true
		}
	}
	end := theirs
	for _, c := range slices.Backward(mine) {
		if len(c.ParentHashes) < 2 || have[c.ParentHashes[1]] {
			continue // the commit that begins a month holds on to nothing
		}
		entry := object.Commit{Author: c.Author, Committer: c.Committer, Message: c.Message, TreeHash: c.TreeHash,
			ParentHashes: append([]plumbing.Hash{end}, c.ParentHashes[1:]...)}
		if end, err = s.Objects.PutCommit(&entry); err != nil {
			return end, err
		}
	}
	return end, nil
}

// partedChains lists what each chain has since they parted, youngest first. They count nothing, so both are followed in turn
// until one meets what was seen of the other; chains of two clones may have nothing in common.
func (s *Store) partedChains(ctx context.Context, ours, theirs plumbing.Hash) (mine, others []*object.Commit, err error) {
	type side struct {
		next plumbing.Hash
		list []*object.Commit
		at   map[plumbing.Hash]int
	}
	a, b := &side{next: ours, at: map[plumbing.Hash]int{}}, &side{next: theirs, at: map[plumbing.Hash]int{}}
	for !a.next.IsZero() || !b.next.IsZero() {
		for _, pair := range [][2]*side{{a, b}, {b, a}} {
			own, other := pair[0], pair[1]
			if own.next.IsZero() {
				continue
			}
			if i, met := other.at[own.next]; met {
				other.list = other.list[:i]
				return a.list, b.list, nil
			}
			c, err := s.Objects.Commit(ctx, own.next)
			if err != nil {
				return nil, nil, err
			}
			own.at[own.next] = len(own.list)
			own.list = append(own.list, c)
			own.next = plumbing.ZeroHash
			if len(c.ParentHashes) > 0 {
				own.next = c.ParentHashes[0]
			}
		}
	}
	return a.list, b.list, nil
}
