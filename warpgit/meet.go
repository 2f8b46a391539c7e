package warpgit

import (
	"context"
	"errors"

	"github.com/jitos/jitos"
)

// Meet is a remote as a place where clones of a fabric meet.
func (r *Repo) Meet(remote string) jitos.Remote { return meetingPlace{r, remote} }

type meetingPlace struct {
	repo   *Repo
	remote string
}

// Fetch implements jitos.Remote.
func (p meetingPlace) Fetch(ctx context.Context, except ...jitos.Ref) ([]jitos.Tip, error) {
	rest := []string{jitos.SWSPrefix + "*", jitos.ArchivePrefix + "*"}
	for _, ref := range except {
		rest = append(rest, "^"+string(ref))
	}
	list, err := p.repo.Fetch(ctx, p.remote, append([]string{string(jitos.SystemRef)}, rest...)...)
	if errors.Is(err, jitos.ErrNotFound) { // no such remote, or no fabric on it: without the line it is the former alone
		list, err = p.repo.Fetch(ctx, p.remote, rest...)
	}
	var tips []jitos.Tip
	for _, ref := range list {
		if ref.New != "" {
			tips = append(tips, jitos.Tip{Ref: ref.Ref, ID: ref.New})
		}
	}
	return tips, err
}

// Push implements jitos.Remote.
func (p meetingPlace) Push(ctx context.Context, moves []jitos.Move) error {
	var specs, leases []string
	var list []RemoteRef
	for _, m := range moves {
		leases = append(leases, "--force-with-lease="+string(m.Ref)+":"+string(m.From))
		specs = append(specs, string(m.To)+":"+string(m.Ref))
		list = append(list, RemoteRef{Ref: m.Ref, Old: m.From, New: m.To})
	}
	if err := p.repo.pushLeased(ctx, p.remote, leases, specs); err != nil {
		return err
	}
	return p.repo.keepInMind(ctx, p.remote, list)
}
