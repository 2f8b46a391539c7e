package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

func policyCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "policy",
		Category: groupLibrary,
		Usage:    "the fabric's policy: what changes must hold, who decides, how files merge",
		Description: `The policy is .jitos/policy.yaml of the fabric, on its system line. ` + "`jitos method add policy.yaml`" + ` puts one there,
` + "`jitos method lint policy.yaml`" + ` checks one: its keys are

  grants:     ["fs.write:**", "exec:*"]                 capabilities that an attempt may hold
  gates:      [{gate: tests-pass, paths: ["src/**"]}]   what a collapse that changes these must hold; run: CMD as well
  approvals:  [{paths: ["db/**"], by: ["*@example.org"], why: …}]   who must approve what; .jitos/** are its own files,
              [{gates: [tests-pass], by: [Ada]}]        and who may let through that tests were removed or edited
  merge:      [{paths: ["**/*.json"], by: json}]        json, yaml (by key), union, refuse, lines
  quota:      {jobs, seconds, ttl_hours, jobs_at_once, open_workspaces}
  retention:  {archive_months, questions_hours}`,
		Subcommands: []*cli.Command{{
			Name:  "show",
			Usage: "show the policy, rule by rule, with their lines",
			Description: `--json: {"policy":"policy.yaml or default","origin","allowed","rules":{"grants","gates","approvals","merge","quota",
"retention"}}; each rule of a list has its line.`,
			Flags:  []cli.Flag{jsonFlag()},
			Action: func(c *cli.Context) error { return a.policyShow(c) },
		}, policyCheckCommand(a)},
	}
}

func (a *app) policyShow(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, at, err := a.fabric(c.Context)
	if err != nil {
		return err
	}
	policy, origin, err := policyAt(c.Context, at)
	if err != nil {
		return err
	}
	name := "default"
	if origin != "" {
		name = "policy.yaml"
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"policy": name, "origin": origin, "allowed": f.mayRun(origin), "rules": policy})
	}
	a.ui.printf("policy: %s\n", name)
	if !f.mayRun(origin) {
		a.ui.printf("its commands are not allowed in this clone yet: jitos allow %s\n", origin)
	}
	for _, l := range policyLines(policy) {
		a.ui.printf("  %s\n", strings.TrimRight(fmt.Sprintf("%-4s %-9s %s", lineNumber(l.line), l.key, clean(l.text)), " "))
	}
	return nil
}

func lineNumber(n int) string {
	if n == 0 {
		return "-" // not in the file: by default
	}
	return fmt.Sprint(n)
}

// policyLine is one rule in words.
type policyLine struct {
	line      int
	key, text string
}

func policyLines(p jitos.Policy) []policyLine {
	list := []policyLine{{p.Lines["grants"], "grants", strings.Join(p.Grants, " ")}}
	for _, g := range p.Gates {
		text := gateName(g.GateRef) + ", for every collapse"
		if len(g.Paths) > 0 {
			text = gateName(g.GateRef) + ", for " + strings.Join(g.Paths, " ")
		}
		list = append(list, policyLine{g.Line, "gate", text})
	}
	for _, r := range p.Approvals {
		text := "of " + strings.Join(append(r.Paths, r.Gates...), " ") + " by " + whoWords(r.By)
		if r.Why != "" {
			text += ": " + r.Why
		}
		list = append(list, policyLine{r.Line, "approval", text})
	}
	for _, r := range p.Merge {
		list = append(list, policyLine{r.Line, "merge", strings.Join(r.Paths, " ") + " by " + string(r.By)})
	}
	q := p.Quota
	list = append(list, policyLine{p.Lines["quota"], "quota", fmt.Sprintf("%s and %d s of jobs for each attempt; open ones may be discarded after %d h",
		plural(q.Jobs, "job"), q.Seconds, q.TTL)})
	if q.AtOnce > 0 {
		list = append(list, policyLine{p.Lines["quota"], "quota", plural(q.AtOnce, "job") + " at once"})
	}
	if q.Workspaces > 0 {
		list = append(list, policyLine{p.Lines["quota"], "quota", plural(q.Workspaces, "workspace") + " open at a time"})
	}
	if n := p.Retention.Archive; n > 0 {
		list = append(list, policyLine{p.Lines["retention"], "retention", fmt.Sprintf("`jitos gc` drops the archive but for the last %s", plural(n, "month"))})
	}
	if h := p.Retention.Questions; h > 0 {
		list = append(list, policyLine{p.Lines["retention"], "retention", fmt.Sprintf("a question expires after %d h", h)})
	}
	return list
}

func gateName(g jitos.GateRef) string {
	if g.Gate != "" {
		return g.Gate
	}
	return line(g.Run)
}

func whoWords(by []string) string {
	if len(by) == 0 {
		return "anybody"
	}
	return strings.Join(by, ", ")
}

// policyAt is the policy at a snapshot, and the hash of its file, "" for the default.
func policyAt(ctx context.Context, at jitos.Snapshot) (jitos.Policy, string, error) {
	files, err := at.Fabric(ctx)
	if err != nil {
		return jitos.Policy{}, "", err
	}
	raw, ok := files["policy.yaml"]
	if !ok {
		return jitos.DefaultPolicy(), "", nil
	}
	policy, err := methods.LoadPolicy(raw)
	return policy, methods.Origin(raw), err
}
