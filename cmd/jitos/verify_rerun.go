package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

// rerunFlag makes verify run settled jobs and gates again.
func rerunFlag() cli.Flag {
	return &cli.BoolFlag{Name: "rerun", Usage: "run settled jobs and gates again as well, and compare what they give"}
}

// rerunning counts what --rerun ran again.
type rerunning struct {
	Run     int `json:"run"`
	Skipped int `json:"skipped"` // settled otherwise, or not to be compared here: another environment, not allowed
}

// settled runs the action of a commit again. Nothing is reused: not even evidence, of which each is found anew once.
func (v *verifying) settled(ctx context.Context, c jitos.Commit) error {
	if v.out.Actions == nil || c.Record.Rule != jitos.RuleSettle {
		return nil
	}
	ran, err := v.f.kernel.Recheck(ctx, c)
	if ran {
		v.out.Actions.Run++
	} else {
		v.out.Actions.Skipped++
	}
	return err
}
