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

// lentSecrets are the secrets of one job. They travel in its context, so that no worker has to know of them: every command of
// the job gets them, and of what it says their values are taken out before anybody else sees it. They are written down nowhere:
// a command gets its environment, and a sandbox its files in memory, through a pipe.
type lentSecrets struct {
	vars   map[string]string // of the environment
	files  map[string]string // in sandbox.MemoryDir, by name
	values *secret.Values
}

type secretsKey struct{}

// lentTo are the secrets of the job that ctx is of.
func lentTo(ctx context.Context) lentSecrets {
	lent, _ := ctx.Value(secretsKey{}).(lentSecrets)
	return lent
}

// lendSecrets finds what a step needs by secret:NAME. The kernel has admitted that.
func (e *Executor) lendSecrets(step jitos.Step) (lentSecrets, error) {
	lent := lentSecrets{vars: map[string]string{}}
	values := map[string]string{}
	for _, need := range step.Needs {
		verb, name, _ := strings.Cut(need, ":")
		if verb != "secret" {
			continue
		}
		value, err := e.Secrets.Get(name)
		if err != nil {
			return lent, err
		}
		values[name] = value
		if step.Secrets == "file" {
			lent.vars[name+"_FILE"] = path.Join(sandbox.MemoryDir, name)
		} else {
			lent.vars[name] = value
		}
	}
	if len(values) > 0 {
		lent.values = secret.New(values)
	}
	if step.Secrets == "file" {
		lent.files = values
	}
	return lent, nil
}

// unlent is the outcome of a step whose secret is not to be had: it is denied, and says what to do.
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
