package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// signatures is what verify --signatures found on the system line.
type signatures struct {
	Good     int                `json:"good"`
	Signers  []string           `json:"signers"`
	Bad      *warpgit.Signature `json:"bad"`      // the newest that is not good
	Unsigned int                `json:"unsigned"` // the newest commits, that no signature vouches for
}

func (s *signatures) hold() bool { return s == nil || s.Bad == nil && s.Unsigned == 0 }

// refuse says what is wrong with them.
func (s *signatures) refuse() error {
	switch {
	case s.hold():
		return nil
	case s.Bad != nil:
		return jitos.Hint(fmt.Errorf("commit %s on the system line: its signature does not count: %s", s.Bad.Commit, s.Bad.Why),
			"who may sign is in <git dir>/jitos/signers, or else in the file that gpg.ssh.allowedSignersFile names")
	case s.Good == 0:
		return jitos.Hint(fmt.Errorf("nothing on the system line is signed"), "where git signs your commits (commit.gpgsign) jitos signs from now on")
	}
	return jitos.Hint(fmt.Errorf("%s at the end of the system line without a signature: nobody vouches for it", standCommits(s.Unsigned)),
		"whoever signs vouches for them by the next rewrite")
}

func standCommits(n int) string {
	if n == 1 {
		return "1 commit stands"
	}
	return fmt.Sprintf("%d commits stand", n)
}

// signatures checks each signature on the system line, from the tip to the birth: what stands before one is vouched for by it.
func (v *verifying) signatures(ctx context.Context) error {
	found := &signatures{Signers: []string{}}
	v.out.Signatures = found
	for id, err := range v.f.store.Line(ctx, v.out.System) {
		if err != nil {
			return err
		}
		s, signed, err := v.f.repo.Signature(ctx, id)
		switch {
		case err != nil:
			return err
		case !signed && found.Good == 0:
			found.Unsigned++
		case !signed:
		case !s.Good:
			found.Bad = &s
			return nil
		default:
			found.Good++
			if !slices.Contains(found.Signers, s.Signer) {
				found.Signers = append(found.Signers, s.Signer)
			}
		}
	}
	return nil
}
