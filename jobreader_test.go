package jitos_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner"
)

// At every commit of an attempt, jobs that failed and were tried again included, what is read of the jobs step by step is what
// there is.
func TestJobReader(t *testing.T) {
	f := newFabric(t, map[string]string{"a": "0\n"})
	e := &runner.Executor{Unsandboxed: func() bool { return true }, NoSandbox: true, Objects: f.repo.Store.Objects, Cache: filepath.Join(t.TempDir(), "cache")}
	defer e.Close()
	f.kernel.Executor, f.kernel.Jobs = e, 2
	mark := filepath.Join(t.TempDir(), "mark")
	write := []string{"fs.write:**"}
	task, _, err := f.kernel.SubmitIntent(t.Context(), jitos.Request{Intent: "do some things"})
	if err == nil {
		_, err = f.kernel.SubmitPlan(t.Context(), task, jitos.Slap{Title: "things", Steps: []jitos.Step{
			{Name: "one", Worker: "shell", Run: "echo 1 >b", Needs: write},
			{Name: "two", Worker: "shell", Run: "test -e " + mark + " || { touch " + mark + "; exit 1; }", Retries: 2, Fresh: true},
			{Name: "three", Worker: "shell", Run: "echo 3 >c", Needs: write, After: []string{"one"}},
			{Name: "four", Worker: "shell", Run: "echo 4 >d", Needs: write, After: []string{"two", "three"}},
		}})
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := f.kernel.Run(t.Context(), task, jitos.RunOptions{})
	if err != nil || out.Outcome != "collapsed" {
		t.Fatalf("%+v, %v", out, err)
	}
	c, err := jitos.Get[jitos.Collapse](t.Context(), f.system(t), jitos.NodeID{Kind: "collapse", Name: string(out.Process)})
	if err != nil {
		t.Fatal(err)
	}
	var line []jitos.CommitID
	for c, err := range f.repo.Store.Log(t.Context(), c.Tip) {
		if err != nil {
			t.Fatal(err)
		}
		if line = append(line, c.ID); c.Record != nil && c.Record.Rule == jitos.RuleCompile {
			break
		}
	}
	slices.Reverse(line)
	differs, kept, err := jitos.CompareJobReader(t.Context(), f.repo.Store, out.Process, line)
	if err != nil || differs != "" || kept < 8 {
		t.Errorf("%d commits, %d read step by step, other jobs at %q, %v", len(line), kept, differs, err)
	}
	slices.Reverse(line) // to a commit that does not come after the one before
	if differs, kept, err := jitos.CompareJobReader(t.Context(), f.repo.Store, out.Process, line); err != nil || differs != "" || kept != 0 {
		t.Errorf("backwards: %d read step by step, other jobs at %q, %v", kept, differs, err)
	}
}
