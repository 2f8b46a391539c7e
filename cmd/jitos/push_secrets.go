package main

import (
	"context"
	"fmt"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/secret"
	"github.com/jitos/jitos/warpgit"
)

// maxTold bounds the findings that are told of one push.
const maxTold = 20

// refuseSecrets looks through every new file and message that a push of refs would send. Where there is a secret each place is
// told, with what lets it pass, and the error Is jitos.ErrDenied: nothing must be sent.
func (a *app) refuseSecrets(ctx context.Context, f *fabric, remote string, refs []string) error {
	known, err := f.executor.Secrets.Values()
	if err != nil {
		return err
	}
	scanner := &secret.Scanner{Values: known, Allowed: f.repo.Allowed}
	told, first := map[string]bool{}, ""
	err = f.repo.Outgoing(ctx, remote, refs, func(o warpgit.Outgoing) error {
		found, err := scanner.ScanReader(o.Content)
		for _, one := range found {
			if told[one.Hash()] {
				continue // it was there in another commit, too
			}
			told[one.Hash()] = true
			where := fmt.Sprintf("%s:%d of commit %.10s", o.Path, one.Line, o.Commit)
			if o.Path == "" {
				where = fmt.Sprintf("the message of commit %.10s", o.Commit)
			}
			if first == "" {
				first = where + ": " + one.Rule
			}
			if len(told) <= maxTold {
				way := "`jitos allow " + one.Hash() + "` lets it pass"
				if one.Known {
					way = "it is one that `jitos secret list` has"
				}
				a.ui.notef("  %s: %s; %s", clean(where), one.Rule, way)
			}
		}
		return err
	})
	if err != nil || first == "" {
		return err
	}
	if len(told) > 1 {
		first += fmt.Sprintf(" and %d more", len(told)-1)
	}
	return jitos.Hint(&jitos.Denial{What: "a push with a secret in it", Why: clean(first)},
		"nothing was sent; a secret that was committed is best replaced where it was issued")
}
