package runner

import (
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// An agent is told the prompt, the failing tests and the rules, by standard input or as an argument; its transcript and its cost
// are kept, and the secrets that were lent to it are in neither.
func TestAgent(t *testing.T) {
	e, m := newExecutor(t)
	t.Setenv("MY_API_KEY", "sk-very-secret")
	t.Setenv("OTHER_KEY", "not passed on")
	tree := put(t, m, files{"a": "a\n"})
	for name, yaml := range map[string]string{
		"stdin":    `agent: {x: {run: [sh, -c, 'cat; env | sort; echo "total cost: \$0.10"; echo "total cost: \$0.25"'], env: [MY_API_KEY], cost: 'total cost: \$([0-9.]+)'}}`,
		"argument": `agent: {x: {run: [sh, -c, 'echo "$1"; env | sort; echo "total cost: \$0.25"', sh, "{prompt}"], prompt: argument, env: [MY_API_KEY], cost: 'total cost: \$([0-9.]+)'}}`,
	} {
		a := configured(t, e, "agent/x", yaml, "make it green")
		a.Tree = tree
		r, err := e.Execute(t.Context(), a, &testHost{t: t, e: e, failing: &jitos.Report{Failed: []string{"pkg.TestOne"}}})
		if err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, r, jitos.Pass, "")
		said := r.Artifacts["transcript"]
		for _, want := range []string{"make it green\n", "- pkg.TestOne\n", "not a git repository", "MY_API_KEY=[MY_API_KEY]\n"} {
			if !strings.Contains(said, want) {
				t.Errorf("%s: the transcript lacks %q:\n%s", name, want, said)
			}
		}
		if strings.Contains(said+r.Output, "sk-very-secret") || strings.Contains(said, "not passed on") {
			t.Errorf("%s: a secret in\n%s", name, said)
		}
		if r.Artifacts["cost_usd"] != "0.25" {
			t.Errorf("%s: cost %q", name, r.Artifacts["cost_usd"])
		}
	}
}

// What is configured does not run before it was allowed, and a change of it must be allowed anew.
func TestRoster(t *testing.T) {
	read := func(yaml string) (*Roster, error) {
		r := &Roster{members: map[string]Member{}}
		return r, r.read("workers.yaml", []byte(yaml))
	}
	r, err := read("agent: {x: {run: [sh]}}")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := r.Member("agent/x")
	only := func(hash string) bool { return hash == m.Hash }
	if why := r.WhyNot("agent/x", only); why != "" {
		t.Errorf("allowed: %s", why)
	}
	if why := r.WhyNot("agent/x", func(string) bool { return false }); !strings.Contains(why, "`jitos allow agent/x`") {
		t.Errorf("not allowed: %q", why)
	}
	if why := r.WhyNot("agent/y", only); why != "no worker agent/y is configured here" {
		t.Errorf("not there: %q", why)
	}
	changed, err := read("agent: {x: {run: [sh, -x]}}")
	if err != nil {
		t.Fatal(err)
	}
	if why := changed.WhyNot("agent/x", only); !strings.Contains(why, "not allowed") {
		t.Errorf("changed: %q", why)
	}
	for yaml, want := range map[string]string{
		"agent: {x: {}}":                        "run: which program",
		"agent: {x: {run: [sh], prompt: loud}}": "prompt: want stdin or argument",
		"agent: {x: {run: [sh], cost: '('}}":    "cost: error parsing regexp",
		"agent: {x: {run: [sh], cost: '1'}}":    "one group",
		"agent: {x: {run: [sh], shell: yes}}":   "field shell not found",
		"robot: {x: {run: [sh]}}":               `no worker is of the kind "robot"`,
		"agent: {X: {run: [sh]}}":               `name "X"`,
	} {
		if _, err := read(yaml); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", yaml, err, want)
		}
	}
}
