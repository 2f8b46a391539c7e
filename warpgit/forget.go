package warpgit

import (
	"context"
	"strings"

	"github.com/jitos/jitos"
)

// Forget drops what is remembered of a ref on all remotes, so that it keeps no object here.
func (r *Repo) Forget(ctx context.Context, ref jitos.Ref) error {
	list, err := r.refs.list(remotePrefix)
	if err != nil {
		return err
	}
	name := "/" + strings.TrimPrefix(string(ref), fabricPrefixes[0])
	for _, old := range list {
		if strings.HasSuffix(old.name, name) {
			if err := r.refs.move(ctx, old.name, old.id, [20]byte{}); err != nil {
				return err
			}
		}
	}
	return nil
}
