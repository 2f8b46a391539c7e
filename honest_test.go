package jitos_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// mender plays a worker that mends a project by changing one file, and the project's tests: test.sh names them, one a line. Each
// passes where the greeting is right, or where its line says that it is easy; one that is skipped does not run.
type mender struct {
	f          *fabric
	path, text string
	asked      []string // workers
}

func (m *mender) Environment(context.Context, string) (string, error) { return "here", nil }

func (m *mender) Execute(ctx context.Context, a jitos.Action, _ jitos.Host) (jitos.Result, error) {
	entries, err := m.f.repo.Store.Objects.Tree(ctx, plumbing.NewHash(string(a.Tree)))
	if err != nil {
		return jitos.Result{}, err
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := m.f.repo.Store.Objects.Blob(ctx, e.Hash)
		if err != nil {
			return jitos.Result{}, err
		}
		files[e.Name] = string(text)
	}
	if a.Step.Worker != "shell" {
		m.asked = append(m.asked, a.Step.Worker)
		files[m.path] = m.text
		changed, err := m.f.tree(files)
		return jitos.Result{Verdict: jitos.Pass, Tree: changed}, err
	}
	r := jitos.Result{Verdict: jitos.Pass, Tree: a.Tree, Report: &jitos.Report{}}
	for line := range strings.Lines(files["test.sh"]) {
		name, how, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case how == "skipped":
		case how == "easy" || files["greeting"] == "hello\n":
			r.Report.Passed = append(r.Report.Passed, name)
		default:
			r.Report.Failed, r.Verdict, r.Exit = append(r.Report.Failed, name), jitos.Fail, 1
		}
	}
	return r, nil
}

// Whoever mends a project, by edits, as an agent or as a model, a test that is removed, skipped or edited fails the gate of a fix, though
// all tests that are left pass. A person may let it through, for exactly those files.
func TestHonestGates(t *testing.T) {
	for _, worker := range []string{"repair", "agent/fixer", "llm"} {
		for _, c := range []struct{ how, path, text, says string }{
			{"honest", "greeting", "hello\n", ""},
			{"removed", "test.sh", "TestBye\n", "no longer run: TestHello"},
			{"skipped", "test.sh", "TestBye\nTestHello skipped\n", "no longer run: TestHello"},
			{"edited", "test.sh", "TestBye easy\nTestHello easy\n", "edited tests: test.sh"},
		} {
			t.Run(worker+"/"+c.how, func(t *testing.T) {
				f := newFabric(t, map[string]string{"Makefile": "test:\n\tsh test.sh\n", "greeting": "hullo\n", "test.sh": "TestBye easy\nTestHello\n"})
				m := &mender{f: f, path: c.path, text: strings.ReplaceAll(c.text, "TestBye\n", "TestBye easy\n")}
				f.kernel.Executor = m
				ctx := t.Context()
				task, _, err := f.kernel.SubmitIntent(ctx, jitos.Request{Intent: "fix the failing tests"})
				if err != nil {
					t.Fatal(err)
				}
				slap, err := f.kernel.SubmitPlan(ctx, task, jitos.Slap{Title: "mend", Steps: []jitos.Step{{Name: "mend", Worker: worker, Needs: []string{"fs.write:**"}}}})
				if err != nil {
					t.Fatal(err)
				}
				out, err := f.kernel.Run(ctx, task, jitos.RunOptions{Slap: slap})
				if !slices.Equal(m.asked, []string{worker}) {
					t.Fatalf("%v were asked: %+v, %v", m.asked, out, err)
				}
				if c.says == "" {
					if out.Outcome != "collapsed" {
						t.Errorf("%+v, %v", out, err)
					}
					return
				}
				if out.Outcome != "waiting" || !errors.Is(err, jitos.ErrWaiting) || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("%+v, %v", out, err)
				}
				if now := f.files(t, f.system(t)); now["test.sh"] != "TestBye easy\nTestHello\n" {
					t.Errorf("before anybody approved: %q", now)
				}
				q := out.Waiting[0]
				if q.About != jitos.AskTests {
					t.Errorf("asked about %s", q.About)
				}
				if _, err := f.kernel.Answer(ctx, q.ID, jitos.Approved, ""); err != nil {
					t.Fatal(err)
				}
				out, err = f.kernel.Run(ctx, task, jitos.RunOptions{Slap: slap})
				if now := f.files(t, f.system(t)); err != nil || out.Outcome != "collapsed" || now["test.sh"] != m.text {
					t.Errorf("approved: %+v, %v, %q", out, err, now)
				}
			})
		}
	}
}

// A person's job may have its question from an earlier step. Where that left none nobody is asked, and the plan goes on.
func TestPosedQuestion(t *testing.T) {
	for _, question := range []string{"", "which one?"} {
		f := newFabric(t, map[string]string{"a": "0\n"})
		f.kernel.Executor = poser{question}
		ctx := t.Context()
		task, _, err := f.kernel.SubmitIntent(ctx, jitos.Request{Intent: "ask"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.kernel.SubmitPlan(ctx, task, jitos.Slap{Title: "ask", Steps: []jitos.Step{{Name: "find", Worker: "repair"},
			{Name: "choose", Worker: "human", After: []string{"find"}, Inputs: map[string]string{"question": "find.question"}},
			{Name: "take", Worker: "repair", After: []string{"choose"}, Inputs: map[string]string{"answer": "choose.answer"}}}}); err != nil {
			t.Fatal(err)
		}
		out, err := f.kernel.Run(ctx, task, jitos.RunOptions{})
		if question != "" {
			if out.Outcome != "waiting" || out.Waiting[0].About != jitos.AskText || out.Waiting[0].Why != question {
				t.Fatalf("%+v, %v", out, err)
			}
			if _, err := f.kernel.Answer(ctx, out.Waiting[0].ID, jitos.Answered, "2"); err != nil {
				t.Fatal(err)
			}
			out, err = f.kernel.Run(ctx, task, jitos.RunOptions{})
		}
		if err != nil || out.Outcome != "collapsed" {
			t.Errorf("question %q: %+v, %v", question, out, err)
		}
		log := git(t, f.dir, "log", "--format=%s", "jitos/system^2")
		chosen, left := strings.Contains(log, "choose passed, as a person decided"), strings.Contains(log, "choose was left out: nobody had to be asked")
		if chosen != (question != "") || left == chosen {
			t.Errorf("question %q: the line says\n%s", question, log)
		}
		f.holds(t)
	}
}

// poser plays a worker that leaves a question; with the answer it must be called only where there was one.
type poser struct{ question string }

func (poser) Environment(context.Context, string) (string, error) { return "here", nil }

func (p poser) Execute(_ context.Context, a jitos.Action, _ jitos.Host) (jitos.Result, error) {
	r := jitos.Result{Verdict: jitos.Pass, Tree: a.Tree, Artifacts: map[string]string{"question": p.question}}
	if answer, ok := a.Args["answer"]; ok && (answer == "2") != (p.question != "") {
		r.Verdict, r.Reason = jitos.Fail, "answer "+answer
	}
	return r, nil
}
