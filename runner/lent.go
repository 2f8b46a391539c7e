package runner

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/sandbox"
	"github.com/jitos/jitos/runner/secret"
)

// lent is what one job has beside its files: secrets, and a way to the network. It travels in the job's context, so that no
// worker has to know of it: every command of the job gets it, and of what it says the values of the secrets are taken out
// before anybody else sees it. They are written down nowhere: a command gets its environment, and a sandbox its files in
// memory, through a pipe.
type lent struct {
	vars   map[string]string // of the environment
	files  map[string]string // in sandbox.MemoryDir, by name
	values *secret.Values
	gate   *gateway // nil: no network, or all of it
}

type lentKey struct{}

// lentTo is what the job has that ctx is of.
func lentTo(ctx context.Context) lent {
	l, _ := ctx.Value(lentKey{}).(lent)
	return l
}

// lend finds what a step needs by secret:NAME and net:HOST:PORT. The kernel has admitted that.
func (e *Executor) lend(step jitos.Step) (lent, error) {
	l := lent{vars: map[string]string{}}
	reach, whole, err := destinations(step)
	if err != nil {
		return l, err
	}
	if len(reach) > 0 && !whole {
		l.gate = newGateway(reach)
	}
	values := map[string]string{}
	for _, need := range step.Needs {
		verb, name, _ := strings.Cut(need, ":")
		if verb != "secret" {
			continue
		}
		value, err := e.Secrets.Get(name)
		if err != nil {
			return l, err
		}
		values[name] = value
		if step.Secrets == "file" {
			l.vars[name+"_FILE"] = path.Join(sandbox.MemoryDir, name)
		} else {
			l.vars[name] = value
		}
	}
	if len(values) > 0 {
		l.values = secret.New(values)
	}
	if step.Secrets == "file" {
		l.files = values
	}
	return l, nil
}

// unlent is the outcome of a step that cannot be lent what it needs: it is denied, and says what to do.
func unlent(action jitos.Action, err error, took time.Duration) (jitos.Result, error) {
	r := jitos.Result{Tree: action.Tree, Verdict: jitos.Fail, Reason: "denied: " + err.Error(), Took: took}
	if hint := (*jitos.HintError)(nil); errors.As(err, &hint) {
		r.Reason += "; " + hint.Hint
	}
	if action.Step.Gate != nil {
		r.Verdict = jitos.CouldNot
	}
	r.Findings = []jitos.Finding{{Process: action.Process, Job: action.Job, About: jitos.AboutDenied, Text: r.Reason}}
	return r, nil
}
