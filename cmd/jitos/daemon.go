package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/server/client"
)

// hands do what commands have done: a kernel in this process, or with --daemon the one of the repository's daemon. What a command only
// reads it reads itself, so that both print the same.
type hands interface {
	SubmitIntent(context.Context, jitos.Request) (jitos.TaskID, jitos.Match, error)
	Withdraw(ctx context.Context, id jitos.TaskID, why string) error
	Plan(context.Context, jitos.TaskID) (jitos.Found[jitos.Planning], []jitos.Found[jitos.Slap], error)
	SubmitPlan(context.Context, jitos.TaskID, jitos.Slap) (jitos.SlapID, error)
	Run(context.Context, jitos.TaskID, jitos.RunOptions) (jitos.Outcome, error)
	Do(context.Context, jitos.Request) (jitos.Outcome, error)
	Answer(ctx context.Context, question string, d jitos.Decision, text string) (jitos.Question, error)
	SubmitRewrite(ctx context.Context, s jitos.Submission, sws string) (jitos.Commit, error)
	Collapse(context.Context, jitos.ProcessView, jitos.CollapseOptions) (jitos.Collapsed, error)
	Discard(ctx context.Context, p jitos.ProcessView, kind, reason string) error
	Absorb(ctx context.Context, branch string, mode jitos.AbsorbMode) (jitos.Absorbed, error)
	Land(context.Context, jitos.LandOptions) (jitos.Landed, error)
}

var _, _ hands = (*jitos.Kernel)(nil), (*client.Kernel)(nil)

// daemon is that of the repository.
func (f *fabric) daemon(show func(jitos.Event)) hands {
	return &client.Kernel{Daemon: client.Daemon{Socket: client.Socket(f.repo.Common)}, Store: f.store, Merger: f.merger, Notify: show}
}

// alone refuses flags that say how this process works, where a daemon is to.
func (a *app) alone(c *cli.Context, flags ...string) error {
	for _, name := range flags {
		if a.daemon && c.IsSet(name) {
			return usage("--%s does not go with --daemon: how much runs at once there, and how, is said to jitosd", name)
		}
	}
	return nil
}
