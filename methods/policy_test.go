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
	raw := []byte("grants: [\"exec:go\"]\ngates:\n- gate: tests-pass\n  args: {pkg: sub}\n- {run: make lint, paths: src/**}\n" +
		"approvals:\n- {paths: [.jitos/**], by: ['*@example.org']}\n- {gates: [tests-pass], by: [Ada], why: tests are promises}\n" +
		"quota: {jobs: 3, jobs_at_once: 2, open_workspaces: 4}\nretention: {questions_hours: 5, archive_months: 6}\nmerge: [{paths: package.json, by: json}]\n")
	p, err := LoadPolicy(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := jitos.DefaultPolicy()
	want.Grants = []string{"exec:go"}
	want.Gates = []jitos.GateRule{{GateRef: jitos.GateRef{Gate: "tests-pass", Args: map[string]string{"pkg": "sub"}}, Line: 3},
		{GateRef: jitos.GateRef{Run: "make lint", Origin: Origin(raw)}, Paths: []string{"src/**"}, Line: 5}}
	want.Approvals = []jitos.Approval{{Paths: []string{".jitos/**"}, By: []string{"*@example.org"}, Line: 7},
		{Gates: []string{"tests-pass"}, By: []string{"Ada"}, Why: "tests are promises", Line: 8}}
	want.Quota.Jobs, want.Quota.AtOnce, want.Quota.Workspaces = 3, 2, 4
	want.Retention = jitos.Retention{Archive: 6, Questions: 5}
	want.Merge = []jitos.MergeRule{{Paths: []string{"package.json"}, By: jitos.ByJSON, Line: 11}}
	want.Lines = map[string]int{"grants": 1, "quota": 9, "retention": 10}
	if !reflect.DeepEqual(p, want) {
		t.Errorf("policy %+v, want %+v", p, want)
	}
	for text, says := range map[string]string{
		"grant: [net]":                            `policy.yaml:1:1: policy: unknown key "grant": did you mean "grants"?`,
		"grants: [net]\ngrants: [net]":            `policy.yaml:2:1: policy: duplicate key "grants"`,
		"grants: [\"a b\"]":                       `grants: "a b" is no capability`,
		"gates: [{run: \"x {y}\"}]":               "a policy has no variable y",
		"gates: [{}]":                             "give exactly one of gate, run",
		"quota: {jobs: -1}":                       "jobs: want a whole number",
		"quota: {ttl: 1}":                         `quota: unknown key "ttl"`,
		"- net":                                   "policy: want a mapping",
		"gates:\n- {gate: a, paths: [\"src/[\"]}": `policy.yaml:2:21: paths: "src/[" is no pattern: syntax error in pattern`,
		"gates: [{gate: a, paths: []}]":           "policy.yaml:1:26: gates: of which paths",
		"approvals: [{paths: [/etc]}]":            `1:22: paths: "/etc" starts at the root of the machine`,
		"approvals: [{paths: [a/../b]}]":          `"a/../b" leads out of the repository`,
		"approvals: [{paths: [a//b]}]":            `"a//b" has an empty part`,
		"approvals: [{by: [Ada]}]":                "1:13: approval: of which paths, or of which gates",
		"approvals: [{gates: [a]}]":               "approval: anybody may let a gate's findings through already",
		"approvals: [{paths: [a], by: ['[a']}]":   `1:31: by: "[a" is no pattern`,
		"grants: [net, 'fs.write:/a']":            `1:15: grants: "/a" starts at the root`,
		"merge: [{paths: ['*.json'], by: jsn}]":   `1:33: by: unknown value "jsn": did you mean "json"?`,
		"merge: [{by: json}]":                     "1:9: merge: of which paths",
		"retention: {archive: 1}":                 `retention: unknown key "archive"`,
		"grants: [net]\n---\ngates: []":           "policy.yaml:3:1: policy: more than one document",
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
