package warpgit

import (
	"context"
	"fmt"
	"strings"

	"github.com/jitos/jitos"
)

// gitReads says in words where the git that is installed refuses a repository that this package would read: one with an
// extension that came with a later git. The error Is jitos.ErrInvalid then.
func (r *Repo) gitReads(ctx context.Context) error {
	_, err := r.Git(ctx, "rev-parse", "--git-dir")
	for _, text := range []string{"unknown repository extension found:", "unknown repository extensions found:"} {
		if said(err, text) {
			_, names, _ := strings.Cut(err.(*GitError).Stderr, text)
			return jitos.Hint(fmt.Errorf("%w: the git that is installed does not know its extension %s", jitos.ErrInvalid, strings.Join(strings.Fields(names), ", ")),
				"jitos does its work by git: install a later one")
		}
	}
	return err
}
