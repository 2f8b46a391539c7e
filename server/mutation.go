package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jitos/jitos"
)

type commands struct{ s *Server }

// Results of commands; the schema has them as unions with Refusal.
type (
	IntentResult interface{ intentResult() }
	TaskResult   interface{ taskResult() }
	PlanResult   interface{ planResult() }
	CommitResult interface{ commitResult() }
	LandResult   interface{ landResult() }
	AllowResult  interface{ allowResult() }
)

type IntentAccepted struct {
	Task    *Task
	Commit  *Commit
	Nearest []string
}

type TaskAccepted struct {
	Task   *Task
	Commit *Commit
}

type PlanAccepted struct {
	Candidate *Candidate
	Commit    *Commit
}

type CommitMade struct{ Commit *Commit }

type Landed struct{ landed jitos.Landed }

type Allowed struct{ Hash string }

func (*IntentAccepted) intentResult() {}
func (*TaskAccepted) taskResult()     {}
func (*PlanAccepted) planResult()     {}
func (*CommitMade) commitResult()     {}
func (*Landed) landResult()           {}
func (*Allowed) allowResult()         {}

func (l *Landed) Commit() *string { return text(string(l.landed.Commit)) }
func (l *Landed) Branch() string  { return l.landed.Branch }
func (l *Landed) Files() []string { return l.landed.Files }

func (l *Landed) WorkingTree() bool { return l.landed.Patched }

// Refusal says why a command was not carried out.
type Refusal struct {
	Code      RefusalCode
	Message   string
	Hint      *string
	Conflicts []Conflict
}

// RefusalCode is what callers test for: a jitos.ErrorCode.
type RefusalCode string

func (*Refusal) intentResult() {}
func (*Refusal) taskResult()   {}
func (*Refusal) planResult()   {}
func (*Refusal) commitResult() {}
func (*Refusal) landResult()   {}
func (*Refusal) allowResult()  {}

// refused turns an error into an answer, where it is one. All others are faults, and errors of GraphQL.
func refused(err error) (*Refusal, error) {
	code := jitos.ErrorCode(err)
	if code == "" {
		return nil, err
	}
	answer := &Refusal{Code: RefusalCode(code), Message: err.Error(), Conflicts: []Conflict{}}
	var hint *jitos.HintError
	if errors.As(err, &hint) {
		answer.Hint = text(hint.Hint)
	}
	var conflict *jitos.ConflictError
	if errors.As(err, &conflict) {
		for _, c := range conflict.Conflicts {
			answer.Conflicts = append(answer.Conflicts, Conflict{record: c})
		}
	}
	return answer, nil
}

// answer makes the result of a command: what it did, or why it was refused.
func answer[T any, R any](did T, err error, refuse func(*Refusal) R) (R, error) {
	if err == nil {
		return any(did).(R), nil
	}
	r, err := refused(err)
	if err != nil {
		var none R
		return none, err
	}
	return refuse(r), nil
}

// ready prepares for a command that writes, as the command line does: what a crash left halfway is finished first.
func (s *Server) ready(ctx context.Context) error {
	current, err := s.Repo.Current(ctx)
	if err != nil {
		return err
	}
	if current.Actor == "" {
		return jitos.Hint(fmt.Errorf("%w: git does not know who you are", jitos.ErrInvalid), "set user.name and user.email")
	}
	return s.Kernel.Heal(ctx)
}

// made is the rewrite of the system line that set a node.
func (s *Server) made(ctx context.Context, id jitos.NodeID) (*Commit, error) {
	commit, err := s.Store.SetBy(ctx, id)
	if err != nil {
		return nil, err
	}
	if commit == "" {
		return nil, fmt.Errorf("%s: %w", id, jitos.ErrNotFound)
	}
	return s.commitOf(ctx, commit)
}

func (s *Server) commitOf(ctx context.Context, id jitos.CommitID) (*Commit, error) {
	at, err := s.Store.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return &Commit{s, at.Commit()}, nil
}

// fresh is the system line as it is after a command.
func (s *Server) fresh(ctx context.Context) (moment, error) {
	at, err := s.Kernel.System(ctx)
	return moment{s, at}, err
}

func (c commands) SubmitIntent(ctx context.Context, in IntentInput) (IntentResult, error) {
	did, err := c.submitIntent(ctx, in)
	return answer(did, err, func(r *Refusal) IntentResult { return r })
}

func (c commands) submitIntent(ctx context.Context, in IntentInput) (*IntentAccepted, error) {
	if strings.TrimSpace(in.Intent) == "" {
		return nil, fmt.Errorf("intent: %w: say in words what should be true", jitos.ErrInvalid)
	}
	args := map[string]string{}
	for _, a := range in.Args {
		args[a.Name] = a.Value
	}
	if err := c.s.ready(ctx); err != nil {
		return nil, err
	}
	id, match, err := c.s.Kernel.SubmitIntent(ctx, jitos.Request{Intent: in.Intent, Args: args, Gates: in.Gates})
	if err != nil {
		return nil, err
	}
	task, commit, err := c.taskAfter(ctx, id, id.Node())
	return &IntentAccepted{task, commit, append([]string{}, match.Nearest...)}, err
}

// taskAfter is a task as it is now, and the rewrite that set a node.
func (c commands) taskAfter(ctx context.Context, id jitos.TaskID, set jitos.NodeID) (*Task, *Commit, error) {
	m, err := c.s.fresh(ctx)
	if err != nil {
		return nil, nil, err
	}
	task, err := m.task(ctx, id)
	if err != nil || set == (jitos.NodeID{}) {
		return task, nil, err
	}
	commit, err := c.s.made(ctx, set)
	return task, commit, err
}

// onTask finds a task, does something to it, and tells what it is then; do returns the node that was set, if one was.
func (c commands) onTask(ctx context.Context, word string, do func(jitos.TaskID) (jitos.NodeID, error)) (TaskResult, error) {
	did, err := func() (*TaskAccepted, error) {
		m, err := c.s.fresh(ctx)
		if err != nil {
			return nil, err
		}
		found, err := m.find(ctx, jitos.KindTask, word)
		if err != nil {
			return nil, err
		}
		if err := c.s.ready(ctx); err != nil {
			return nil, err
		}
		set, err := do(jitos.TaskID(found.Name))
		if err != nil {
			return nil, err
		}
		task, commit, err := c.taskAfter(ctx, jitos.TaskID(found.Name), set)
		return &TaskAccepted{task, commit}, err
	}()
	return answer(did, err, func(r *Refusal) TaskResult { return r })
}

func (c commands) Plan(ctx context.Context, task string) (TaskResult, error) {
	return c.onTask(ctx, task, func(id jitos.TaskID) (jitos.NodeID, error) {
		planning, _, err := c.s.Kernel.Plan(ctx, id)
		return planning.ID, err
	})
}

// SubmitPlan implements the command. Whose plan it is, is the user of this repository's.
func (c commands) SubmitPlan(ctx context.Context, task string, plan any) (PlanResult, error) {
	did, err := func() (*PlanAccepted, error) {
		var slap jitos.Slap
		raw, err := json.Marshal(plan)
		if err == nil {
			err = json.Unmarshal(raw, &slap)
		}
		if err != nil {
			return nil, fmt.Errorf("plan: %w: %w", jitos.ErrInvalid, err)
		}
		m, err := c.s.fresh(ctx)
		if err != nil {
			return nil, err
		}
		found, err := m.find(ctx, jitos.KindTask, task)
		if err != nil {
			return nil, err
		}
		if err := c.s.ready(ctx); err != nil {
			return nil, err
		}
		slap.By = c.s.Kernel.Actor
		id, err := c.s.Kernel.SubmitPlan(ctx, jitos.TaskID(found.Name), slap)
		if err != nil {
			return nil, err
		}
		if m, err = c.s.fresh(ctx); err != nil {
			return nil, err
		}
		candidate, err := m.candidate(ctx, id)
		if err != nil {
			return nil, err
		}
		commit, err := c.s.made(ctx, id.Node())
		return &PlanAccepted{candidate, commit}, err
	}()
	return answer(did, err, func(r *Refusal) PlanResult { return r })
}

func (c commands) Run(ctx context.Context, task string, candidate *string, uncommitted Uncommitted, race int) (TaskResult, error) {
	return c.onTask(ctx, task, func(id jitos.TaskID) (jitos.NodeID, error) {
		if race < 1 {
			return jitos.NodeID{}, fmt.Errorf("race %d: %w: want 1 or more", race, jitos.ErrInvalid)
		}
		o := jitos.RunOptions{Race: race}
		if candidate != nil {
			m, err := c.s.fresh(ctx)
			if err != nil {
				return jitos.NodeID{}, err
			}
			slap, err := m.find(ctx, jitos.KindSlap, *candidate)
			if err != nil {
				return jitos.NodeID{}, err
			}
			o.Slap = jitos.SlapID(slap.Name)
		}
		if _, err := c.s.Kernel.Absorb(ctx, "", absorbMode(uncommitted)); err != nil {
			return jitos.NodeID{}, err
		}
		return jitos.NodeID{}, c.s.runs.start(id, o)
	})
}

func absorbMode(u Uncommitted) jitos.AbsorbMode {
	switch u {
	case UncommittedTake:
		return jitos.TakeDirty
	case UncommittedLeave:
		return jitos.LeaveDirty
	}
	return jitos.AskAboutDirty
}

func (c commands) Stop(ctx context.Context, task string) (TaskResult, error) {
	return c.onTask(ctx, task, func(id jitos.TaskID) (jitos.NodeID, error) {
		return jitos.NodeID{}, c.s.runs.stop(ctx, id)
	})
}

func (c commands) Withdraw(ctx context.Context, task, why string) (TaskResult, error) {
	return c.onTask(ctx, task, func(id jitos.TaskID) (jitos.NodeID, error) {
		return jitos.NodeID{Kind: jitos.KindWithdrawal, Name: string(id)}, c.s.Kernel.Withdraw(ctx, id, why)
	})
}

func (c commands) SubmitRewrite(ctx context.Context, in RewriteInput) (CommitResult, error) {
	return c.makes(ctx, func() (jitos.CommitID, error) {
		sub, err := submission(in)
		if err != nil {
			return "", err
		}
		sws := ""
		if in.Workspace != nil {
			sws = *in.Workspace
		}
		commit, err := c.s.Kernel.SubmitRewrite(ctx, sub, sws)
		return commit.ID, err
	})
}

// makes carries out a command that makes one rewrite.
func (c commands) makes(ctx context.Context, do func() (jitos.CommitID, error)) (CommitResult, error) {
	did, err := func() (*CommitMade, error) {
		if err := c.s.ready(ctx); err != nil {
			return nil, err
		}
		id, err := do()
		if err != nil {
			return nil, err
		}
		commit, err := c.s.commitOf(ctx, id)
		return &CommitMade{commit}, err
	}()
	return answer(did, err, func(r *Refusal) CommitResult { return r })
}

func submission(in RewriteInput) (jitos.Submission, error) {
	sub := jitos.Submission{What: in.What}
	if in.Why != nil {
		sub.Why = *in.Why
	}
	for _, n := range in.Set {
		id, err := jitos.ParseNodeID(n.ID)
		if err != nil {
			return sub, err
		}
		fields, err := record(n.ID, n.Fields)
		if err != nil {
			return sub, err
		}
		sub.Set = append(sub.Set, jitos.Node{ID: id, Fields: fields})
	}
	for _, e := range in.Edges {
		from, err := jitos.ParseNodeID(e.From)
		if err != nil {
			return sub, err
		}
		to, err := jitos.ParseNodeID(e.To)
		if err != nil {
			return sub, err
		}
		edge := jitos.Edge{From: from, Label: e.Label, To: to}
		if e.Key != nil {
			edge.Key = *e.Key
		}
		if e.Attrs != nil {
			if edge.Attrs, err = record(e.From+"#"+e.Label, e.Attrs); err != nil {
				return sub, err
			}
		}
		sub.Edges = append(sub.Edges, edge)
	}
	for _, item := range in.Drop {
		sub.Drop = append(sub.Drop, jitos.ItemID(item))
	}
	if in.Reads != nil {
		raw, err := json.Marshal(in.Reads)
		if err == nil {
			err = json.Unmarshal(raw, &sub.Reads)
		}
		if err != nil {
			return sub, fmt.Errorf("reads: %w: %w", jitos.ErrInvalid, err)
		}
	}
	return sub, nil
}

// record is a JSON object as fields of a node hold it.
func record(what string, v any) (map[string]any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	fields, err := jitos.DecodeFields(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: want a JSON object", what, jitos.ErrInvalid)
	}
	return fields, nil
}

func (c commands) Collapse(ctx context.Context, workspace string, noGate *string) (CommitResult, error) {
	return c.makes(ctx, func() (jitos.CommitID, error) {
		w, err := c.s.Kernel.Workspace(ctx, workspace)
		if err != nil {
			return "", err
		}
		var o jitos.CollapseOptions
		if noGate != nil {
			o.NoGate = *noGate
		}
		done, err := c.s.Kernel.Collapse(ctx, w.Process, o)
		return done.Commit, err
	})
}

func (c commands) Discard(ctx context.Context, workspace, why string) (CommitResult, error) {
	return c.makes(ctx, func() (jitos.CommitID, error) {
		w, err := c.s.Kernel.Workspace(ctx, workspace)
		if err != nil {
			return "", err
		}
		if err := c.s.Kernel.Discard(ctx, w.Process, "person", why); err != nil {
			return "", err
		}
		return c.s.Store.SetBy(ctx, jitos.NodeID{Kind: jitos.KindAttempt, Name: string(w.Process.ID)})
	})
}

func (c commands) Absorb(ctx context.Context, branch *string, uncommitted Uncommitted) (CommitResult, error) {
	return c.makes(ctx, func() (jitos.CommitID, error) {
		of := ""
		if branch != nil {
			of = *branch
		}
		done, err := c.s.Kernel.Absorb(ctx, of, absorbMode(uncommitted))
		if err == nil && done.Commit == "" {
			return c.s.Store.Head(ctx, jitos.SystemRef)
		}
		return done.Commit, err
	})
}

func (c commands) Land(ctx context.Context, branch *string, create bool) (LandResult, error) {
	did, err := func() (*Landed, error) {
		if err := c.s.ready(ctx); err != nil {
			return nil, err
		}
		o := jitos.LandOptions{New: create}
		if branch != nil {
			o.Branch = *branch
		}
		done, err := c.s.Kernel.Land(ctx, o)
		if done.Files == nil {
			done.Files = []string{}
		}
		return &Landed{done}, err
	}()
	return answer(did, err, func(r *Refusal) LandResult { return r })
}

func (c commands) Answer(ctx context.Context, question string, decision jitos.Decision, words *string) (CommitResult, error) {
	return c.makes(ctx, func() (jitos.CommitID, error) {
		said := ""
		if words != nil {
			said = *words
		}
		if _, err := c.s.Kernel.Answer(ctx, question, decision, said); err != nil {
			return "", err
		}
		return c.s.Store.SetBy(ctx, jitos.NodeID{Kind: jitos.KindAnswer, Name: question})
	})
}

func (c commands) Allow(ctx context.Context, hash string) (AllowResult, error) {
	did, err := func() (*Allowed, error) {
		if len(hash) != 32 || strings.Trim(hash, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("%q: %w: want the hash of content, 32 hexadecimal digits", hash, jitos.ErrInvalid)
		}
		return &Allowed{hash}, c.s.Repo.Allow(hash, "allowed through the daemon")
	}()
	return answer(did, err, func(r *Refusal) AllowResult { return r })
}
