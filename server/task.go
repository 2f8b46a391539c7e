package server

import (
	"context"

	"github.com/jitos/jitos"
)

// Task is a declared intent, with the status that it has in its snapshot.
type Task struct {
	entry
	view jitos.TaskView
}

func (m moment) task(ctx context.Context, id jitos.TaskID) (*Task, error) {
	v, err := jitos.ViewTask(ctx, m.at, id, m.s.Repo.Clone())
	if err != nil {
		return nil, err
	}
	return &Task{entry{m, id.Node()}, v}, nil
}

func (t *Task) Intent() string           { return t.view.Task.Intent }
func (t *Task) Matched() *string         { return text(t.view.Task.Name) }
func (t *Task) Actor() string            { return t.view.Task.Actor }
func (t *Task) Status() jitos.TaskStatus { return t.view.Status }

func (t *Task) Planning() *Planning {
	if t.view.Planning == nil {
		return nil
	}
	return &Planning{t.view.Planning.ID.String(), t.view.Planning.Record}
}

func (t *Task) Candidates() []*Candidate {
	list := []*Candidate{}
	for _, s := range t.view.Slaps {
		list = append(list, &Candidate{entry{t.moment, s.ID}, s.Record})
	}
	return list
}

func (t *Task) Processes() []*Process {
	list := []*Process{}
	for _, p := range t.view.Processes {
		list = append(list, &Process{entry{t.moment, p.ID.Node()}, p})
	}
	return list
}

func (t *Task) Evidence() []*Evidence { return t.evidence(t.view.Evidence) }

func (m moment) evidence(found []jitos.Found[jitos.Evidence]) []*Evidence {
	list := []*Evidence{}
	for _, e := range found {
		list = append(list, &Evidence{entry{m, e.ID}, e.Record})
	}
	return list
}

// Planning is what one call of the planner said.
type Planning struct {
	ID     string
	record jitos.Planning
}

func (p *Planning) Tree() string    { return string(p.record.Tree) }
func (p *Planning) Planner() string { return p.record.Planner }
func (p *Planning) Expanded() int   { return p.record.Expanded }
func (p *Planning) Truncated() bool { return p.record.Truncated }

func (p *Planning) Bound() *int {
	if p.record.Bound == 0 {
		return nil
	}
	return &p.record.Bound
}

func (p *Planning) WhyNot() []WhyNot {
	list := []WhyNot{}
	for _, w := range p.record.WhyNot {
		list = append(list, WhyNot{w})
	}
	return list
}

// WhyNot says why a method was not used.
type WhyNot struct{ w jitos.WhyNot }

func (w WhyNot) Task() string          { return w.w.Task }
func (w WhyNot) Method() string        { return w.w.Method }
func (w WhyNot) Condition() string     { return w.w.Condition }
func (w WhyNot) Reason() string        { return w.w.Reason }
func (w WhyNot) Binding() (any, error) { return plain(w.w.Binding) }
func (w WhyNot) Nearest() []string     { return w.w.Nearest }

// Candidate is a SLAP.
type Candidate struct {
	entry
	slap jitos.Slap
}

func (m moment) candidate(ctx context.Context, id jitos.SlapID) (*Candidate, error) {
	s, err := jitos.Get[jitos.Slap](ctx, m.at, id.Node())
	if err != nil {
		return nil, err
	}
	return &Candidate{entry{m, id.Node()}, s}, nil
}

func (c *Candidate) Title() string     { return c.slap.Title }
func (c *Candidate) Cost() int         { return c.slap.Cost }
func (c *Candidate) By() string        { return c.slap.By }
func (c *Candidate) Methods() []string { return c.slap.Methods }
func (c *Candidate) Keeps() []string   { return c.slap.Keeps }

func (c *Candidate) Decomposition() (any, error) { return plain(c.slap.Root) }

func (c *Candidate) Parent() *string {
	if c.slap.Parent == "" {
		return nil
	}
	return text(c.slap.Parent.Node().String())
}

func (c *Candidate) Steps() []Step {
	list := []Step{}
	for _, s := range c.slap.Steps {
		list = append(list, Step{s})
	}
	return list
}

// Processes are the attempts at this candidate.
func (c *Candidate) Processes(ctx context.Context) ([]*Process, error) {
	t, err := c.task(ctx, c.slap.Task)
	if err != nil {
		return nil, err
	}
	list := []*Process{}
	for _, p := range t.Processes() {
		if string(p.view.Process.Slap) == c.id.Name {
			list = append(list, p)
		}
	}
	return list, nil
}

// Step is a primitive step of a plan.
type Step struct{ step jitos.Step }

func (s Step) Name() string    { return s.step.Name }
func (s Step) Title() string   { return s.step.Title }
func (s Step) Worker() string  { return s.step.Worker }
func (s Step) Run() *string    { return text(s.step.Run) }
func (s Step) After() []string { return s.step.After }
func (s Step) Needs() []string { return s.step.Needs }

func (s Step) Args() (any, error) { return plain(s.step.Args) }

func (s Step) Gate() *string {
	if s.step.Gate == nil {
		return nil
	}
	if s.step.Gate.Gate == "" {
		return text(s.step.Gate.Run)
	}
	return text(s.step.Gate.Gate)
}
