package main

import (
	"context"
	"errors"

	"github.com/jitos/jitos"
)

// overview is `jitos` alone: what state the repository is in, and three commands to try next.
func (a *app) overview(ctx context.Context) error {
	f, err := a.open(ctx)
	if errors.Is(err, jitos.ErrNotFound) {
		a.ui.printf("this directory is in no git repository\n\nNext\n%s%s%s", suggestion{"git init", "make one"},
			suggestion{"jitos demo", "watch a sample repository being fixed"}, suggestion{"jitos --help", "all commands"})
		return nil
	}
	if err != nil {
		return err
	}
	at, err := f.kernel.System(ctx)
	if errors.Is(err, jitos.ErrNotFound) {
		a.ui.printf("this repository has no fabric\n\nNext\n%s%s%s", suggestion{"jitos init", "make one from HEAD; nothing else is touched"},
			suggestion{"jitos fetch", "take the one of a remote"}, suggestion{"jitos --help", "all commands"})
		return nil
	}
	if err != nil {
		return err
	}
	card, err := f.statusAt(ctx, at, false)
	if err != nil {
		return err
	}
	a.printStatus(card)
	return nil
}
