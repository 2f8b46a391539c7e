package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func capsCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "caps",
		Category: groupLibrary,
		Usage:    "capabilities: what processes may do here",
		Subcommands: []*cli.Command{{
			Name:  "show",
			Usage: "show the policy: grants, gates, quota",
			Description: `--json: {"policy":"policy.yaml or default","origin","allowed","grants":["…"],"gates":[…],
"quota":{"jobs","seconds","ttl_hours"}}`,
			Flags:  []cli.Flag{jsonFlag()},
			Action: func(c *cli.Context) error { return a.capsShow(c) },
		}, {
			Name:      "explain",
			Usage:     "show what a job may do, need by need, and who grants or denies it",
			ArgsUsage: "JOB",
			Description: `A job has what it needs and its process holds and the policy grants: the intersection. What no line allows, it may not. Limits
(time:10m, memory:2g, disk:1g, output:1m, processes:64) are the lowest that one of the three names, and so is what it reads
(fs.read:src/**) and starts (exec:cat).
Exit 8 where something is denied.

--json: {"job","step","worker","rights":[{"need","method","process","policy","has","denied"}]}`,
			Flags:  []cli.Flag{jsonFlag()},
			Action: func(c *cli.Context) error { return a.capsExplain(c) },
		}},
	}
}

func (a *app) capsShow(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, at, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	card := policyCard{Policy: "default", Allowed: true, Grants: []string{}, Gates: []jitos.GateRule{}}
	policy, origin, err := policyAt(c.Context, at)
	if err != nil {
		return err
	}
	if origin != "" {
		card.Policy, card.Origin, card.Allowed = "policy.yaml", origin, f.mayRun(origin)
	}
	card.Grants, card.Gates, card.Quota = append(card.Grants, policy.Grants...), append(card.Gates, policy.Gates...), policy.Quota
	if c.Bool("json") {
		return a.ui.json(card)
	}
	a.ui.printf("policy: %s\n", card.Policy)
	if !card.Allowed {
		a.ui.printf("its commands are not allowed in this clone yet: jitos allow %s\n", card.Origin)
	}
	for _, g := range card.Grants {
		a.ui.printf("  grant  %s\n", clean(g))
	}
	for _, g := range card.Gates {
		a.ui.printf("  gate   %s\n", gateName(g.GateRef))
	}
	a.ui.printf("  quota  %s and %d s of jobs for each process; open ones may be discarded after %d h\n",
		plural(card.Quota.Jobs, "job"), card.Quota.Seconds, card.Quota.TTL)
	return nil
}

// policyCard is what caps show prints as JSON.
type policyCard struct {
	Policy  string           `json:"policy"`
	Origin  string           `json:"origin"`
	Allowed bool             `json:"allowed"`
	Grants  []string         `json:"grants"`
	Gates   []jitos.GateRule `json:"gates"`
	Quota   jitos.Quota      `json:"quota"`
}

func (a *app) capsExplain(c *cli.Context) error {
	ctx := c.Context
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return err
	}
	found, err := f.find(ctx, at, args[0])
	if err != nil {
		return err
	}
	if found.id.Kind != jitos.KindJob {
		return usage("%s/%s is no job: `jitos show` lists those of a task", found.id.Kind, found.id.Name)
	}
	job, err := jitos.Get[jitos.Job](ctx, found.at, found.id)
	if err != nil {
		return err
	}
	process, err := jitos.Get[jitos.Process](ctx, found.at, job.Process.Node())
	if err != nil {
		return err
	}
	policy, origin, err := policyAt(ctx, at)
	if err != nil {
		return err
	}
	rights := jitos.Rights(job.Step, process.Grants, policy)
	to, err := jitos.BorrowerOf(ctx, found.at, process, job.Step)
	if err != nil {
		return err
	}
	for i, r := range rights {
		denial := (*jitos.Denial)(nil)
		if errors.As(policy.MayBorrow([]string{r.Need}, to), &denial) && r.Denied == "" {
			rights[i].Denied = strings.TrimPrefix(denial.Why, "step "+job.Step.Name+" needs it and ")
		}
	}
	if c.Bool("json") {
		err = a.ui.json(map[string]any{"job": found.id.Name, "step": job.Step.Name, "worker": job.Step.Worker, "rights": rights})
		if err != nil {
			return err
		}
	} else {
		from := "the default policy"
		if origin != "" {
			from = "policy.yaml"
		}
		a.ui.printf("job %s, step %s\n", clean(found.id.Name), clean(job.Step.Name))
		if len(rights) == 0 {
			a.ui.printf("  it needs nothing: it sees its files, the system and its tools, and what it changes is dropped or refused\n")
		}
		for _, r := range rights {
			what := "has it by " + r.Process + " of its process, within " + r.Policy + " of " + from
			if r.Has != "" {
				what = "has " + r.Has + lowest(r, from)
			}
			if r.Method != "" {
				what += "; " + r.Method
			}
			if r.Denied != "" {
				what = "denied: " + r.Denied
			}
			a.ui.printf("  needs  %-16s %s\n", clean(r.Need), clean(what))
		}
	}
	for _, r := range rights {
		if r.Denied != "" {
			return &jitos.Denial{What: r.Need, Why: fmt.Sprintf("step %s needs it and %s", job.Step.Name, r.Denied)}
		}
	}
	return nil
}

// lowest says who named a limit.
func lowest(r jitos.Right, from string) string {
	var by []string
	if strings.Contains(r.Need, ":") {
		by = append(by, "it asks for "+r.Need)
	}
	if r.Process != "" {
		by = append(by, "its process holds "+r.Process)
	}
	if r.Policy != "" {
		by = append(by, from+" grants "+r.Policy)
	}
	return ": " + strings.Join(by, ", ")
}
