package runner

import (
	"context"
	"fmt"
	"strings"

	"github.com/jitos/jitos"
)

// Revert takes the change of one commit of the user's history back, by a three-way merge of trees: base = the commit's
// files, ours = the action's, theirs = its first parent's. What came after it stays. The argument "commit" is its full id.
//
// Where the change cannot be taken out alone the verdict is Fail, and a Finding about "conflict" names the paths.
type Revert struct{}

var _ jitos.Worker = (*Revert)(nil)

// Fileless says that it works with trees alone.
func (*Revert) Fileless() {}

// Work returns the merged tree.
func (*Revert) Work(ctx context.Context, _ string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	id := jitos.CommitID(strings.TrimSpace(action.Args["commit"]))
	if id == "" {
		return couldNot("no commit was given to revert"), nil
	}
	commit, parent, err := findCommit(ctx, host, id)
	if err != nil {
		return jitos.Result{}, err
	}
	switch {
	case commit == nil:
		return failed("%s is not in the user's history", short(id)), nil
	case parent == nil:
		return failed("%s has no parent here: its change cannot be told from the files before it", label(*commit)), nil
	}
	tree, conflicts, err := host.Merge(ctx, commit.Tree, action.Tree, parent.Tree)
	if err != nil {
		return jitos.Result{}, err
	}
	if len(conflicts) > 0 {
		return conflicting(*commit, conflicts), nil
	}
	if tree == action.Tree {
		return failed("nothing of %s is left to take back", label(*commit)), nil
	}
	host.Say("took back " + label(*commit))
	return jitos.Result{Verdict: jitos.Pass, Tree: tree}, nil
}

// findCommit returns a commit of the user's history and its first parent; nil for what is not there.
func findCommit(ctx context.Context, host jitos.Host, id jitos.CommitID) (commit, parent *jitos.Commit, err error) {
	for c, err := range host.History(ctx) {
		if err != nil {
			return nil, nil, fmt.Errorf("read the history: %w", err)
		}
		if commit != nil {
			return commit, &c, nil
		}
		if c.ID == id {
			commit = &c
		}
	}
	return commit, nil, nil
}

func conflicting(c jitos.Commit, conflicts []jitos.Conflict) jitos.Result {
	var paths, whys []string
	for _, x := range conflicts {
		paths = append(paths, x.Path)
		whys = append(whys, x.Path+": "+x.Why)
	}
	r := failed("%s cannot be taken back alone: it conflicts with later changes in %s", label(c), few(paths))
	r.Output = strings.Join(whys, "\n") + "\n"
	r.Findings = []jitos.Finding{{About: "conflict", Text: r.Reason,
		Data: map[string]string{"commit": string(c.ID), "subject": c.Subject, "paths": strings.Join(paths, "\n")}}}
	return r
}

func failed(format string, args ...any) jitos.Result {
	return jitos.Result{Verdict: jitos.Fail, Reason: fmt.Sprintf(format, args...)}
}

// short is a commit's id as people read it.
func short(id jitos.CommitID) string { return string(id[:min(len(id), 10)]) }

// label names a commit for people.
func label(c jitos.Commit) string { return short(c.ID) + " (" + oneLine(c.Subject) + ")" }
