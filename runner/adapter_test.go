package runner

import (
	"os"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// A program that does not keep to the protocol fails its job, and is told how.
func TestAdapter_faults(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{"a": "a\n"})
	hello := `read d; echo "{\"type\":\"description\",\"protocol\":1,\"name\":\"x\"}"; read j; `
	for script, want := range map[string]struct {
		verdict jitos.Verdict
		reason  string
	}{
		"exit 4":     {jitos.Fail, "it ended without saying done: exit status 4"},
		"echo hello": {jitos.Fail, "it does not speak the protocol: broken hello"},
		`read d; echo "{\"type\":\"description\",\"protocol\":9}"; read j`:                           {jitos.CouldNot, "it speaks protocol 9, and jitos 1"},
		hello + `echo "{\"type\":\"done\",\"verdict\":\"perfect\"}"`:                                 {jitos.Fail, "it does not speak the protocol: done perfect"},
		hello + `echo "{\"type\":\"done\",\"verdict\":\"fail\"}"`:                                    {jitos.Fail, "it did not say why"},
		hello + `echo "{\"type\":\"done\",\"verdict\":\"could-not-run\",\"reason\":\"no licence\"}"`: {jitos.CouldNot, "no licence"},
		hello + `echo oops >&2; exit 5`:                                                              {jitos.Fail, "exit status 5: oops"},
		hello + `echo "{\"type\":\"progress\",\"text\":\"on it\",\"new\":1}"; echo "{\"type\":\"done\",\"verdict\":\"pass\",\"artifacts\":{\"n\":\"42\"}}"; sleep 300`: {jitos.Pass, ""},
	} {
		a := configured(t, e, "adapter/x", "adapter: {x: {run: [sh, -c, '"+script+"']}}", "do it")
		a.Tree = tree
		host := &testHost{t: t, e: e}
		r, err := e.Execute(t.Context(), a, host)
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != want.verdict || !strings.Contains(r.Reason, want.reason) {
			t.Errorf("%s: %s, %q, want %s, %q", script, r.Verdict, r.Reason, want.verdict, want.reason)
		}
		if want.verdict == jitos.Pass && (r.Artifacts["n"] != "42" || len(host.said) != 1 || host.said[0] != "on it") {
			t.Errorf("artifacts %v, said %v", r.Artifacts, host.said)
		}
	}
}

// The template passes what others are held to; one that does not end when it is told to is found out.
func TestCheck(t *testing.T) {
	e, _ := newExecutor(t)
	templateAdapter(t, e, "")
	checks, err := e.Check(t.Context(), "adapter/template", "sleep 1; echo hello > hello.txt", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if !c.OK {
			t.Errorf("the template: %s: %s", c.Name, c.Detail)
		}
	}
	if len(checks) != 4 {
		t.Errorf("%d checks: %v", len(checks), checks)
	}
	stubborn := `read d; echo "{\"type\":\"description\",\"protocol\":1,\"name\":\"x\"}"; read j; echo "{\"type\":\"done\",\"verdict\":\"pass\"}"; sleep 300`
	configured(t, e, "adapter/x", "adapter: {x: {run: [sh, -c, '"+stubborn+"']}}", "")
	checks, err = e.Check(t.Context(), "adapter/x", "slow", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	last := checks[len(checks)-1]
	if last.OK || !strings.Contains(last.Detail, "had to be killed") {
		t.Errorf("one that does not end: %+v", last)
	}
}
