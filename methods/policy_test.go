package methods

import (
	"reflect"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

func TestLoadPolicy(t *testing.T) {
	if p, err := LoadPolicy(nil); err != nil || !reflect.DeepEqual(p, jitos.DefaultPolicy()) {
		t.Errorf("an empty policy: %v, %v; want the default", p, err)
	}
	raw := []byte("grants: [\"exec:go\"]\ngates:\n- gate: tests-pass\n  args: {pkg: sub}\n- run: make lint\nquota: {jobs: 3}\n")
	p, err := LoadPolicy(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := jitos.DefaultPolicy()
	want.Grants = []string{"exec:go"}
	want.Gates = []jitos.GateRef{{Gate: "tests-pass", Args: map[string]string{"pkg": "sub"}}, {Run: "make lint", Origin: Origin(raw)}}
	want.Quota.Jobs = 3
	if !reflect.DeepEqual(p, want) {
		t.Errorf("policy %+v, want %+v", p, want)
	}
	for text, says := range map[string]string{
		"grant: [net]":                  `policy.yaml:1:1: policy: unknown key "grant": did you mean "grants"?`,
		"grants: [net]\ngrants: [net]":  `policy.yaml:2:1: policy: duplicate key "grants"`,
		"grants: [\"a b\"]":             `grants: "a b" is no capability`,
		"gates: [{run: \"x {y}\"}]":     "a policy has no variable y",
		"gates: [{}]":                   "give exactly one of gate, run",
		"quota: {jobs: -1}":             "jobs: want a whole number",
		"quota: {ttl: 1}":               `quota: unknown key "ttl"`,
		"- net":                         "policy: want a mapping",
		"grants: [net]\n---\ngates: []": "policy.yaml:3:1: policy: more than one document",
	} {
		if _, err := LoadPolicy([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s\nerror %v\nwant  %s", text, err, says)
		}
	}
}

func TestParsePlan(t *testing.T) {
	lib := library(t)
	good := "title: by hand\nsteps:\n  b: {run: 'make {pkg}', after: [a]}\n  a: {job: format, args: {chain: go}}\n  c: {gate: tests-pass, after: [b]}\n"
	p, err := lib.ParsePlan("plan.yaml", []byte(good), []string{"pkg"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Title != "by hand" || len(p.Steps) != 3 || p.Origin != Origin([]byte(good)) {
		t.Errorf("plan: %+v", p)
	}
	if _, err := lib.ParsePlan("plan.json", []byte(`{"title": "x", "steps": {"a": {"run": "make"}}}`), nil); err != nil {
		t.Errorf("a plan in JSON: %v", err)
	}
	for text, says := range map[string]string{
		"":                                     "the plan is empty",
		"title: x":                             "the plan has no steps",
		"steps: {a: {run: x}}":                 "the plan has no title",
		"title: x\nsteps: {a: {task: format}}": "a plan has neither task nor each",
		"title: x\nsteps: {a: {run: x, each: {file: {path: '*', as: $f}}}}":       "a plan has neither task nor each",
		"title: x\nsteps: {a: {run: x, after: [b]}}":                              `plan.yaml:2:12: step a: after: there is no step "b"`,
		"title: x\nsteps: {a: {run: x, after: [a]}}":                              "steps wait for each other",
		"title: x\nsteps: {a: {run: 'x {y}'}}":                                    "unbound variable y",
		"title: x\nsteps: {a: {rum: x}}":                                          `unknown key "rum"`,
		"title: x\nstep: {}":                                                      `plan: unknown key "step"`,
		"title: x\nsteps: {a: {run: x}}\n---\ntitle: y":                           "a plan is one document",
		"title: x\nsteps: {a: {job: revert-commit, inputs: {commit: b.culprit}}}": `there is no step "b"`,
	} {
		if _, err := lib.ParsePlan("plan.yaml", []byte(text), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s\nerror %v\nwant  %s", text, err, says)
		}
	}
}
