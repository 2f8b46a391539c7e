package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jitos/jitos"
)

// Process is one attempt at one candidate.
type Process struct {
	entry
	view jitos.ProcessView
}

func (m moment) process(ctx context.Context, id jitos.ProcessID) (*Process, error) {
	v, err := jitos.ViewProcess(ctx, m.at, id)
	if err != nil {
		return nil, err
	}
	return &Process{entry{m, id.Node()}, v}, nil
}

func (p *Process) Number() int       { return p.view.Process.Number }
func (p *Process) Workspace() string { return p.view.Process.SWS }
func (p *Process) Actor() string     { return p.view.Process.Actor }
func (p *Process) Grants() []string  { return p.view.Process.Grants }
func (p *Process) ByHand() bool      { return p.view.Process.Hand }

// ProcessState tells how an attempt ended, if it did.
type ProcessState string

func (p *Process) State() ProcessState {
	switch {
	case p.view.Collapse != nil:
		return "collapsed"
	case p.view.Attempt != nil:
		return "discarded"
	}
	return "open"
}

func (p *Process) Reason() *string {
	if p.view.Attempt == nil {
		return nil
	}
	return text(p.view.Attempt.Reason)
}

func (p *Process) Task(ctx context.Context) (*Task, error) {
	return orNull(p.task(ctx, p.view.Process.Task))
}

func (p *Process) Candidate(ctx context.Context) (*Candidate, error) {
	return orNull(p.candidate(ctx, p.view.Process.Slap))
}

// work is where the jobs of the process are. ok is false where that is not in this clone.
func (p *Process) work(ctx context.Context) (m moment, ok bool, err error) {
	at, err := p.s.Kernel.WorkOf(ctx, p.at, p.view)
	if errors.Is(err, jitos.ErrNotFound) {
		return moment{}, false, nil
	}
	return moment{p.s, at}, err == nil, err
}

func (p *Process) Jobs(ctx context.Context) ([]*Job, error) {
	list := []*Job{}
	m, ok, err := p.work(ctx)
	if !ok {
		return list, err
	}
	jobs, err := jitos.ViewJobs(ctx, m.at, p.view.ID)
	claimed := sync.OnceValues(func() (map[jitos.ItemID]time.Time, error) { return p.claimed(ctx) })
	for _, j := range jobs {
		list = append(list, &Job{j, claimed})
	}
	return list, err
}

// claimed tells when the claims of the process were made.
func (p *Process) claimed(ctx context.Context) (map[jitos.ItemID]time.Time, error) {
	s, err := p.strand(ctx, p.view.ID)
	if errors.Is(err, jitos.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	when := map[jitos.ItemID]time.Time{}
	for _, c := range s.commits {
		if c.Record == nil || c.Record.Rule != jitos.RuleClaim {
			continue
		}
		for item := range c.Record.Set {
			when[item] = c.When
		}
	}
	return when, nil
}

func (p *Process) Findings(ctx context.Context) ([]Finding, error) {
	list := []Finding{}
	found, err := fromWork[jitos.Finding](ctx, p, jitos.LabelFinding)
	for _, f := range found {
		list = append(list, Finding{f})
	}
	return list, err
}

func (p *Process) Conflicts(ctx context.Context) ([]Conflict, error) {
	list := []Conflict{}
	found, err := fromWork[jitos.Conflict](ctx, p, jitos.LabelConflict)
	for _, c := range found {
		list = append(list, Conflict{c.ID.String(), c.Record})
	}
	return list, err
}

// fromWork reads what a process left, on the system line and in its workspace.
func fromWork[T any](ctx context.Context, p *Process, label string) ([]jitos.Found[T], error) {
	found, err := targets[T](ctx, p.at, p.id, label)
	if err != nil || p.view.Collapse != nil {
		return found, err
	}
	m, ok, err := p.work(ctx)
	if !ok {
		return found, err
	}
	known := map[jitos.NodeID]bool{}
	for _, f := range found {
		known[f.ID] = true
	}
	inner, err := targets[T](ctx, m.at, p.id, label)
	for _, f := range inner {
		if !known[f.ID] {
			found = append(found, f)
		}
	}
	return found, err
}

func (p *Process) Evidence(ctx context.Context) ([]*Evidence, error) {
	list := []*Evidence{}
	if p.view.Collapse == nil {
		return list, nil
	}
	for _, name := range p.view.Collapse.Evidence {
		id := jitos.NodeID{Kind: jitos.KindEvidence, Name: name}
		e, err := jitos.Get[jitos.Evidence](ctx, p.at, id)
		if errors.Is(err, jitos.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, &Evidence{entry{p.moment, id}, e})
	}
	return list, nil
}

// Job is a step of a process.
type Job struct {
	view    jitos.JobView
	claimed func() (map[jitos.ItemID]time.Time, error)
}

func (j *Job) ID() string   { return j.view.ID.Node().String() }
func (j *Job) Name() string { return j.view.Step.Name }
func (j *Job) Step() Step   { return Step{j.view.Step} }

func (j *Job) Tries() []Try {
	list := []Try{}
	for _, c := range j.view.Claims {
		list = append(list, Try{c, j.claimed})
	}
	return list
}

func (j *Job) Verdict() *jitos.Verdict {
	if c := j.view.Last(); c != nil && c.Settlement != nil {
		return &c.Settlement.Verdict
	}
	return nil
}

// Try is one claim of a job.
type Try struct {
	claim   jitos.ClaimView
	claimed func() (map[jitos.ItemID]time.Time, error)
}

func (t Try) ID() string { return t.claim.ID.String() }

func (t Try) Began() (*time.Time, error) {
	all, err := t.claimed()
	when, ok := all[t.claim.ID.Item()]
	if !ok {
		return nil, err
	}
	return &when, nil
}

func (t Try) Settlement() *Settlement {
	if t.claim.Settlement == nil {
		return nil
	}
	return &Settlement{*t.claim.Settlement}
}

// Settlement is what came of one claim.
type Settlement struct{ record jitos.Settlement }

func (s *Settlement) Verdict() jitos.Verdict  { return s.record.Verdict }
func (s *Settlement) Exit() int               { return s.record.Exit }
func (s *Settlement) Stale() bool             { return s.record.Stale }
func (s *Settlement) Reason() *string         { return text(s.record.Reason) }
func (s *Settlement) Output() string          { return s.record.Output }
func (s *Settlement) Paths() []string         { return s.record.Paths }
func (s *Settlement) Artifacts() (any, error) { return plain(s.record.Artifacts) }
func (s *Settlement) Report() *Report         { return reportOf(s.record.Report) }
func (s *Settlement) Millis() int             { return int(s.record.Millis) }
func (s *Settlement) From() *string           { return text(s.record.From) }

// Report tells which tests ran.
type Report struct {
	Passed  int
	Failed  []string
	Skipped []string
}

func reportOf(r *jitos.Report) *Report {
	if r == nil {
		return nil
	}
	return &Report{len(r.Passed), r.Failed, r.Skipped}
}

// Evidence is the verdict of a gate on one file tree.
type Evidence struct {
	entry
	record jitos.Evidence
}

func (e *Evidence) Gate() string           { return e.record.Gate }
func (e *Evidence) Tree() string           { return string(e.record.Tree) }
func (e *Evidence) Env() string            { return e.record.Env }
func (e *Evidence) Verdict() jitos.Verdict { return e.record.Verdict }
func (e *Evidence) Reason() *string        { return text(e.record.Reason) }
func (e *Evidence) Report() *Report        { return reportOf(e.record.Report) }
func (e *Evidence) Output() *string        { return text(e.record.Output) }
func (e *Evidence) Millis() int            { return int(e.record.Millis) }

// Finding is knowledge that an attempt left.
type Finding struct{ found jitos.Found[jitos.Finding] }

func (f Finding) ID() string         { return f.found.ID.String() }
func (f Finding) About() string      { return f.found.Record.About }
func (f Finding) Text() string       { return f.found.Record.Text }
func (f Finding) Data() (any, error) { return plain(f.found.Record.Data) }

// Conflict is what two sides did to one thing. One that only refused a command is no node: its id is empty.
type Conflict struct {
	id     string
	record jitos.Conflict
}

func (c Conflict) ID() *string     { return text(c.id) }
func (c Conflict) Path() *string   { return text(c.record.Path) }
func (c Conflict) Item() *string   { return text(string(c.record.Item)) }
func (c Conflict) Why() string     { return c.record.Why }
func (c Conflict) Base() *string   { return text(c.record.Base) }
func (c Conflict) Ours() *string   { return text(c.record.Ours) }
func (c Conflict) Theirs() *string { return text(c.record.Theirs) }
