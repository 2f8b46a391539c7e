package jitos_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// A policy that cannot be read, as one of a later version, stops what it would bound, with how to mend it; what only looks goes on.
func TestPolicyUnread(t *testing.T) {
	f := newFabric(t, map[string]string{"a": "0\n"})
	task, _, err := f.kernel.SubmitIntent(t.Context(), jitos.Request{Intent: "do something"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.kernel.NewWorkspace(t.Context(), "try", "by hand")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.kernel.SubmitMethod(t.Context(), "policy.yaml", []byte("grants: [\"fs.write:**\"]\nlater: true\n")); err != nil {
		t.Fatal(err)
	}
	at, err := f.kernel.System(t.Context())
	if err != nil || f.kernel.PolicyError() == nil {
		t.Fatalf("%v, %v", err, f.kernel.PolicyError())
	}
	if _, err := jitos.ViewTask(t.Context(), at, task, f.repo.Clone()); err != nil {
		t.Error(err)
	}
	if list, err := f.kernel.Workspaces(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if ran, err := f.kernel.Rerun(t.Context(), at.Commit()); !ran || err != nil {
		t.Errorf("verify: %t, %v", ran, err)
	}
	refuses := func(what string, err error) {
		t.Helper()
		hint := (*jitos.HintError)(nil)
		if err == nil || !strings.Contains(err.Error(), "the policy of this fabric cannot be read") || !errors.As(err, &hint) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = f.kernel.Run(t.Context(), task, jitos.RunOptions{})
	refuses("run", err)
	_, err = f.kernel.Do(t.Context(), jitos.Request{Intent: "do more"})
	refuses("do", err)
	_, err = f.kernel.NewWorkspace(t.Context(), "second", "by hand")
	refuses("open", err)
	_, err = f.kernel.Collapse(t.Context(), p, jitos.CollapseOptions{NoGate: "why not"})
	refuses("collapse", err)
	_, err = f.kernel.Answer(t.Context(), "x", jitos.Approved, "")
	refuses("approve", err)
	_, err = f.kernel.SubmitMethod(t.Context(), "methods/a.yaml", []byte("task: a\n"))
	refuses("a method", err)

	// Mended, all goes on.
	if _, err := f.kernel.SubmitMethod(t.Context(), "policy.yaml", []byte("grants: [\"fs.write:**\"]\n")); err != nil {
		t.Fatal(err)
	}
	if at = f.system(t); f.kernel.PolicyError() != nil {
		t.Error(f.kernel.PolicyError())
	}
	if ran, err := f.kernel.Rerun(t.Context(), at.Commit()); !ran || err != nil {
		t.Errorf("verify: %t, %v", ran, err)
	}
	if _, err := f.kernel.Collapse(t.Context(), p, jitos.CollapseOptions{NoGate: "why not"}); err != nil {
		t.Error(err)
	}
}
