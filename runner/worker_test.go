package runner

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/overlay"
)

// TestWorkers holds every worker to what an executor relies on: it answers what lacks its arguments, one line of
// reason for all that did not pass, no change of the tree then, and the context's error after its end.
func TestWorkers(t *testing.T) {
	e, m := newExecutor(t)
	trees := past(t, m, files{"code": "good", "t.sh": okScript}, files{"code": "x", "t.sh": okScript, "n": "n"})
	host := func() *testHost {
		return &testHost{t: t, e: e, commits: trees, failing: &jitos.Report{Failed: []string{"sum"}}, merge: overlay.New(history{m}, nil).Files}
	}
	diff := "--- a/code\n+++ b/code\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+y\n"
	for name, c := range map[string]struct {
		step         jitos.Step
		right, wrong map[string]string
	}{
		"shell":  {jitos.Step{Run: `test "$ARG_X" = right`}, map[string]string{"x": "right"}, map[string]string{"x": "wrong"}},
		"bisect": {jitos.Step{Produces: []string{"culprit"}}, map[string]string{"run": "sh t.sh", "report": "tap"}, map[string]string{"run": "true"}},
		"revert": {jitos.Step{}, map[string]string{"commit": string(trees[0].ID)}, map[string]string{"commit": string(trees[1].ID)}},
		"patch":  {jitos.Step{}, map[string]string{"patch": diff}, map[string]string{"patch": strings.Replace(diff, "-x", "-z", 1)}},
	} {
		t.Run(name, func(t *testing.T) {
			a := jitos.Action{Step: c.step, Tree: trees[0].Tree, Grants: writeAll}
			a.Step.Name, a.Step.Worker, a.Step.Needs = "job", name, writeAll
			execute := func(ctx context.Context, args map[string]string) (jitos.Result, error) {
				a.Args = args
				return e.Execute(ctx, a, host())
			}
			r, err := execute(t.Context(), c.right)
			if err != nil {
				t.Fatal(err)
			}
			wantVerdict(t, r, jitos.Pass, "")
			if r.Reason != "" || r.Tree == "" {
				t.Errorf("passed with the reason %q and the tree %q", r.Reason, r.Tree)
			}
			for what, args := range map[string]map[string]string{"wrong": c.wrong, "none": nil} {
				r, err := execute(t.Context(), args)
				if err != nil {
					t.Fatal(err)
				}
				if r.Verdict == jitos.Pass || r.Verdict == "" || r.Reason == "" || strings.Contains(r.Reason, "\n") || r.Tree != a.Tree {
					t.Errorf("%s arguments: verdict %q, reason %q, tree %s", what, r.Verdict, r.Reason, r.Tree)
				}
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := execute(ended, c.right); !errors.Is(err, context.Canceled) {
				t.Errorf("after the context's end: %v", err)
			}
		})
	}
}
