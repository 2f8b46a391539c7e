package runner

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Check is one thing that a worker was held to.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Check tries a configured worker: one job with the given prompt on a tree of one file, and what more its kind promises. The
// error is the fabric's; what is wrong with the worker is a check that is not OK.
func (e *Executor) Check(ctx context.Context, name, prompt string, say func(string)) ([]Check, error) {
	blob, err := e.Objects.PutBlob([]byte("a file to try a worker on\n"))
	if err != nil {
		return nil, err
	}
	tree, err := e.Objects.PutTree([]object.TreeEntry{{Name: "README", Mode: filemode.Regular, Hash: blob}})
	if err != nil {
		return nil, err
	}
	needs := []string{"fs.write:**", "net", "exec:*"}
	a := jitos.Action{Tree: jitos.TreeID(tree.String()), Args: map[string]string{"prompt": prompt}, Grants: needs,
		Step: jitos.Step{Name: "test", Worker: name, Needs: needs, Timeout: 300}}
	r, err := e.Execute(ctx, a, &lonely{say})
	if err != nil {
		return nil, err
	}
	detail := strings.TrimSpace(r.Reason)
	if r.Output != "" {
		detail = strings.TrimSpace(detail + "\n" + r.Output)
	}
	checks := []Check{{"it does a job", r.Verdict == jitos.Pass, detail}}
	if r.Tree != a.Tree {
		was, now := tree, tree
		if now, err = treeHash(r.Tree); err != nil {
			return checks, err
		}
		changed, err := changedPaths(ctx, e.Objects, was, now)
		if err != nil {
			return checks, err
		}
		checks = append(checks, Check{"what it left is captured", true, strings.Join(changed, "\n")})
	}
	if cost := r.Artifacts["cost_usd"]; cost != "" {
		checks = append(checks, Check{"it tells its cost", true, cost + " USD"})
	}
	m, _ := e.Roster.Member(name)
	if more := kindOf(m.Kind).promises; more != nil {
		return append(checks, more(ctx, e, m, a)...), ctx.Err()
	}
	return checks, nil
}

// lonely is a host that has nothing but ears.
type lonely struct{ say func(string) }

func (l *lonely) Say(line string)        { l.say(line) }
func (l *lonely) Failing() *jitos.Report { return nil }
func (l *lonely) History(context.Context) iter.Seq2[jitos.Commit, error] {
	return func(func(jitos.Commit, error) bool) {}
}
func (l *lonely) Merge(context.Context, jitos.TreeID, jitos.TreeID, jitos.TreeID) (jitos.TreeID, []jitos.Conflict, error) {
	return "", nil, fmt.Errorf("merge: %w", jitos.ErrNotFound)
}
func (l *lonely) Try(context.Context, jitos.TreeID, jitos.Step) (jitos.Result, error) {
	return jitos.Result{}, fmt.Errorf("try: %w", jitos.ErrNotFound)
}
