package jitos

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// SecretRule says who may ask for a secret. Each list that is given must name the borrower; several rules of one secret add up. A
// secret without a rule is lent to any step whose process and policy grant it, as is every other right.
type SecretRule struct {
	Name    string   `json:"name"`              // of the secret, or a pattern of path.Match
	Tasks   []string `json:"tasks,omitempty"`   // of the library; the step belongs to one of them, at whatever depth
	Methods []string `json:"methods,omitempty"` // likewise
	Workers []string `json:"workers,omitempty"` // patterns of path.Match: "shell", "agent/*"
	Line    int      `json:"line,omitempty"`    // of policy.yaml
}

// Borrower is a step that asks for a secret, by where it stands in its plan: a plan that somebody wrote has no methods.
type Borrower struct {
	Step    string
	Worker  string
	Tasks   []string
	Methods []string
}

// BorrowerOf finds out where a step of a process stands.
func BorrowerOf(ctx context.Context, at Graph, p Process, step Step) (Borrower, error) {
	b := Borrower{Step: step.Name, Worker: step.Worker}
	if p.Task == "" { // a gate on the system's own tree
		return b, nil
	}
	task, err := Get[Task](ctx, at, p.Task.Node())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return b, err
	}
	if task.Name != "" {
		b.Tasks = append(b.Tasks, task.Name)
	}
	slap, err := Get[Slap](ctx, at, p.Slap.Node())
	if errors.Is(err, ErrNotFound) || err == nil && slap.By != "planner" {
		return b, nil
	}
	for branch := slap.Root; branch != nil; {
		b.Tasks, b.Methods = append(b.Tasks, branch.Task), append(b.Methods, branch.Method)
		i := slices.IndexFunc(branch.Tasks, func(t *Branch) bool { return t.has(step.Name) })
		if i < 0 {
			break
		}
		branch = branch.Tasks[i]
	}
	return b, err
}

// has tells whether a step stands below a branch.
func (b *Branch) has(step string) bool {
	return slices.Contains(b.Steps, step) || slices.ContainsFunc(b.Tasks, func(t *Branch) bool { return t.has(step) })
}

// MayBorrow tells whether a step may ask for what it needs. It returns nil or a *Denial.
func (p Policy) MayBorrow(needs []string, b Borrower) error {
	for _, need := range needs {
		if verb, name, _ := strings.Cut(need, ":"); verb == "secret" {
			if why := p.unlent(name, b); why != "" {
				return &Denial{What: need, Why: "step " + b.Step + " needs it and " + why}
			}
		}
	}
	return nil
}

// unlent says why a secret is not lent, "" where no rule is against it.
func (p Policy) unlent(name string, b Borrower) string {
	why := ""
	for _, r := range p.Secrets {
		if ok, _ := path.Match(r.Name, name); !ok {
			continue
		}
		if r.names(b) {
			return ""
		}
		why = fmt.Sprintf("line %d of policy.yaml lends it to %s alone", r.Line, r.words())
	}
	return why
}

func (r SecretRule) names(b Borrower) bool {
	any := func(list, have []string) bool {
		return len(list) == 0 || slices.ContainsFunc(have, func(h string) bool {
			return slices.ContainsFunc(list, func(pattern string) bool { ok, _ := path.Match(pattern, h); return ok })
		})
	}
	return any(r.Tasks, b.Tasks) && any(r.Methods, b.Methods) && any(r.Workers, []string{b.Worker})
}

func (r SecretRule) words() string {
	var parts []string
	for _, p := range []struct {
		what string
		list []string
	}{{"task", r.Tasks}, {"method", r.Methods}, {"worker", r.Workers}} {
		if len(p.list) > 0 {
			parts = append(parts, p.what+" "+strings.Join(p.list, " or "))
		}
	}
	return strings.Join(parts, ", ")
}

// admit decides whether a step may run in a process, as Admit does, and whether it may ask for the secrets that it needs. It returns
// the step with what is left of its needs.
func (k *Kernel) admit(ctx context.Context, p ProcessView, step Step) (Step, error) {
	policy := k.bounds()
	if err := Admit(step, k.grants(p), policy, k.Local.Allowed); err != nil {
		return step, err
	}
	step = step.Within(k.grants(p), policy)
	if len(policy.Secrets) == 0 || !slices.ContainsFunc(step.Needs, func(n string) bool { return strings.HasPrefix(n, "secret:") }) {
		return step, nil
	}
	at, err := k.System(ctx)
	if err != nil {
		return step, err
	}
	b, err := BorrowerOf(ctx, at, p.Process, step)
	if err != nil {
		return step, err
	}
	return step, policy.MayBorrow(step.Needs, b)
}
