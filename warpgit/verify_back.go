package warpgit

import (
	"context"
	"iter"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// VerifyBack is Verify for a line that leaves one which was verified already: it goes back only to a commit that is known to
// hold. So a workspace costs what was done in it.
func (s *Store) VerifyBack(ctx context.Context, tip jitos.CommitID, known func(jitos.CommitID) bool) iter.Seq2[Verified, error] {
	id, err := parseID(tip)
	if err != nil {
		return func(yield func(Verified, error) bool) { yield(Verified{}, err) }
	}
	return s.verify(ctx, id, func(at plumbing.Hash) bool { return known(commitID(at)) })
}
