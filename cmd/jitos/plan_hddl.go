package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/planner/hddl"
	"github.com/jitos/jitos/planner/htn"
	"github.com/jitos/jitos/planner/verifier"
)

// plannedHDDL is what `plan --hddl --json` prints.
type plannedHDDL struct {
	Plans     []plannedText  `json:"plans"`
	Bound     int            `json:"bound"`       // no plan costs less; 0: none was proved
	Proved    bool           `json:"proved_none"` // there is no plan
	Truncated bool           `json:"truncated"`
	Nodes     int            `json:"nodes"`
	By        string         `json:"by"`
	WhyNot    []jitos.WhyNot `json:"why_not"`
}

type plannedText struct {
	Cost  int    `json:"cost"`
	Steps int    `json:"steps"`
	Plan  string `json:"plan"`
}

// planHDDL plans for files in HDDL. It needs no repository.
func (a *app) planHDDL(c *cli.Context) error {
	for _, other := range []string{"verify", "from", "revises"} {
		if c.IsSet(other) {
			return usage("--hddl plans for files: it does not go with --%s", other)
		}
	}
	files, err := arguments(c, 2, 2)
	if err != nil {
		return err
	}
	d, p, err := a.loadHDDL(files[0], files[1])
	if err != nil {
		return err
	}
	k := 1
	if c.IsSet("k") {
		k = c.Int("k")
	}
	if k < 1 || k > maxCandidates || c.Int("budget") < 0 || c.Duration("time") <= 0 {
		return usage("want --k from 1 to %d, and a positive --time and --budget", maxCandidates)
	}
	debug.SetMemoryLimit(htn.MemoryLimit)
	ctx, stop := context.WithTimeout(c.Context, c.Duration("time"))
	defer stop()
	res, err := htn.Solve(ctx, d, p, htn.Options{Budget: c.Int("budget"), K: k, Explain: c.Bool("explain")})
	if err != nil {
		var at *hddl.Error
		if errors.As(err, &at) {
			return &usageError{Err: err}
		}
		return err
	}
	if err := c.Context.Err(); err != nil {
		return err // interrupted: what is known then is of no use
	}
	if err := a.sayHDDL(c, res); err != nil || len(res.Plans) > 0 {
		return err
	}
	if res.Proved {
		return fmt.Errorf("%w: everything was searched, %d nodes", jitos.ErrNoPlan, res.Nodes)
	}
	return jitos.Hint(fmt.Errorf("%w found: the search was cut off after %d nodes", jitos.ErrNoPlan, res.Nodes),
		"--time and --budget say how long to search")
}

func (a *app) loadHDDL(domain, problem string) (*hddl.Domain, *hddl.Problem, error) {
	d, p, err := hddl.Load(a.path(domain), a.path(problem))
	if err != nil {
		return nil, nil, &usageError{Err: err}
	}
	return d, p, nil
}

// sayHDDL prints the plans, to a file where one is named.
func (a *app) sayHDDL(c *cli.Context, res *htn.Result) error {
	out := plannedHDDL{Plans: []plannedText{}, Bound: res.Bound, Proved: res.Proved, Truncated: res.Truncated, Nodes: res.Nodes, By: res.By, WhyNot: res.WhyNot}
	if out.WhyNot == nil {
		out.WhyNot = []jitos.WhyNot{}
	}
	text := ""
	for _, p := range res.Plans {
		out.Plans = append(out.Plans, plannedText{p.Cost, p.Steps(), p.String()})
		text += p.String()
	}
	if name := c.String("out"); name != "" && text != "" {
		if err := os.WriteFile(a.path(name), []byte(text), 0o644); err != nil {
			return err
		}
		text = ""
	}
	if c.Bool("json") {
		return a.ui.json(out)
	}
	a.ui.printf("%s", text)
	for i, p := range res.Plans {
		a.ui.notef("plan %d: cost %d, %s", i+1, p.Cost, plural(p.Steps(), "step"))
	}
	switch {
	case len(res.Plans) == 0:
	case res.Bound > 0 && res.Bound == res.Plans[0].Cost:
		a.ui.notef("no plan costs less than %d", res.Bound)
	case res.Bound > 0:
		a.ui.notef("no plan costs less than %d: the best one may be better than these", res.Bound)
	}
	for _, w := range res.WhyNot {
		a.ui.sayWhyNot(w)
	}
	return nil
}

// verifyHDDL checks a plan of any planner.
func (a *app) verifyHDDL(c *cli.Context) error {
	files, err := arguments(c, 3, 3)
	if err != nil {
		return err
	}
	name := files[0]
	raw, err := a.readInput(name)
	if err != nil {
		return err
	}
	d, p, err := a.loadHDDL(files[1], files[2])
	if err != nil {
		return err
	}
	plan, err := verifier.ParsePlan(inputName(name), raw)
	if err == nil {
		err = verifier.Verify(d, p, plan)
	}
	var refusal *verifier.Refusal
	if c.Bool("json") {
		v := map[string]any{"accepted": err == nil, "reason": "", "line": 0}
		if errors.As(err, &refusal) {
			v["reason"], v["line"] = refusal.Reason, refusal.Line
		}
		if jsonErr := a.ui.json(v); jsonErr != nil {
			return jsonErr
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("no solution: %w", err)
	}
	a.ui.printf("a solution: %s\n", plural(len(plan.Steps), "step"))
	return nil
}
