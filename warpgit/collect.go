package warpgit

import (
	"context"
	"fmt"
)

// Collection is what GC did, or would do.
type Collection struct {
	Joined Joined     // zero where there was nothing to join
	Graph  bool       // the commit-graph was written anew
	Left   []LeftPack // packs of ours that stay as they are
}

// LeftPack is a pack that must stay, and why.
type LeftPack struct {
	Name string `json:"pack"`
	Why  string `json:"why"`
}

// GC joins all packs of ours that nobody holds into one, and writes the commit-graph. It touches nothing of others': loose
// objects, their packs, and what nothing reaches are git's own to collect. A dry run does the same work and throws it away,
// so its numbers are those of a GC at this moment, to the byte. The error Is jitos.ErrBusy while another process maintains
// the repository.
func (r *Repo) GC(ctx context.Context, dry bool) (Collection, error) {
	c, err := r.collect(ctx, dry)
	if err != nil {
		return c, fmt.Errorf("gc: %w", err)
	}
	return c, nil
}

func (r *Repo) collect(ctx context.Context, dry bool) (Collection, error) {
	var c Collection
	lock, err := r.maintenanceLock(ctx, patience)
	if err != nil {
		return c, err
	}
	defer lock.Close()
	l, err := r.load()
	if err != nil {
		return c, err
	}
	claimed, err := r.claimed()
	if err != nil {
		return c, err
	}
	if _, c.Left, err = r.weigh(l, claimed); err != nil {
		return c, err
	}
	all := func(_ packLoad, free []ourPack) []ourPack { return free }
	if c.Joined, err = r.join(ctx, joining{choose: all, dry: dry}); err != nil {
		return c, err
	}
	c.Graph, err = r.writeGraph(ctx, dry)
	return c, err
}
