package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Waiting is a question that waits for a person.
type Waiting struct {
	ID      string    `json:"id"` // the question's name
	Task    TaskID    `json:"task"`
	Process ProcessID `json:"process"`
	SWS     string    `json:"sws"`
	Step    string    `json:"step"`
	About   string    `json:"about"`
	Why     string    `json:"why"`
	Tree    TreeID    `json:"tree"`
	Paths   []string  `json:"paths,omitempty"`
	By      []string  `json:"by,omitempty"`
	Until   int64     `json:"until,omitempty"`   // seconds since 1970
	Claimed *Claimed  `json:"claimed,omitempty"` // what was decided elsewhere, and does not count here
}

func waiting(id string, q Question, sws string) Waiting {
	return Waiting{ID: id, Task: q.Task, Process: q.Process, SWS: sws, Step: q.Step, About: q.About, Why: q.Text, Tree: q.Tree,
		Paths: q.Paths, By: q.By, Until: q.Until}
}

// Inbox lists what waits for a person in open processes, by their ids: questions without an answer, and jobs that were
// interrupted and may have acted on the world, which the next run will ask about. It is computed from the graph alone.
func (k *Kernel) Inbox(ctx context.Context, open []ProcessView) ([]Waiting, error) {
	list := []Waiting{}
	at, err := k.System(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range open {
		ws, err := k.workspace(ctx, p)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
			continue // killed before it was forked, so the next run makes it; or broken, which stops no other
		}
		if err != nil {
			return nil, err
		}
		questions, err := k.questions(ctx, at, p, ws)
		if err != nil {
			return nil, err
		}
		for _, q := range questions {
			w := waiting(q.name(), q, p.Process.SWS)
			if w.Claimed, err = k.ClaimedAnswer(ctx, at, w.ID); err != nil {
				return nil, err
			}
			list = append(list, w)
		}
	}
	return list, nil
}

// questions lists the questions of one open process that wait.
func (k *Kernel) questions(ctx context.Context, at Snapshot, p ProcessView, ws Snapshot) ([]Question, error) {
	var list []Question
	known := map[string]bool{}
	for q, err := range Targets[Question](ctx, at, p.ID.Node(), LabelQuestion) {
		if err != nil {
			return nil, err
		}
		known[q.ID.Name] = true
		why, err := k.over(ctx, at, q.ID.Name, q.Record, ws.Tree())
		if err != nil {
			return nil, err
		}
		if why == "" {
			list = append(list, q.Record)
		}
	}
	if p.Process.Hand || p.Process.Owner != k.Local.Clone() {
		return list, nil
	}
	jobs, err := jobsOf(ctx, ws, p.ID)
	if err != nil {
		return nil, err
	}
	for j := range newAgenda(jobs).choice(nil) {
		q := asks(p, j, ws.Tree(), false)
		if q == nil || q.About != AskOutcome || known[q.name()] {
			continue
		}
		if alive, err := k.alive(p.ID); alive || err != nil {
			return list, err
		}
		list = append(list, *q)
	}
	return list, nil
}

// over says why a question waits no more, "" where it does. tree is what its workspace has.
func (k *Kernel) over(ctx context.Context, at Snapshot, id string, q Question, tree TreeID) (string, error) {
	a, err := Get[Answer](ctx, at, NodeID{KindAnswer, id})
	if err == nil {
		if claim, err := k.claimed(ctx, at, id, q, a); claim == nil || err != nil {
			return "it was " + a.words(), err
		}
	}
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return "", err
	case q.expired(k.now()):
		return "it has expired", nil
	case q.About != AskText && q.About != AskOutcome && q.Tree != tree:
		return "the files have changed since they were shown", nil
	}
	return "", nil
}

// Answer records what a person decided about a question, by its name. An interrupted job may be decided about before a run
// has asked. The error Is ErrNotFound where nobody asks, ErrStale where the question waits no more, ErrDenied where the
// policy wants somebody else, ErrInvalid where the decision does not fit the question.
func (k *Kernel) Answer(ctx context.Context, id string, d Decision, text string) (Question, error) {
	at, err := k.ruled(ctx)
	if err != nil {
		return Question{}, err
	}
	q, err := k.waitingQuestion(ctx, at, id)
	if err != nil {
		return q, err
	}
	v, err := viewOf(ctx, at, q.Process)
	if err != nil {
		return q, err
	}
	if !v.Open() {
		return q, fmt.Errorf("question %s: %w: its attempt %s has ended", id, ErrStale, q.Process)
	}
	if err := fits(id, q, d, text); err != nil {
		return q, err
	}
	if !MayAnswer(q.By, k.Actor) {
		return q, &Denial{What: "question " + id, Why: "the policy lets " + strings.Join(q.By, ", ") + " decide, and you are " + k.Actor}
	}
	ws, err := k.workspace(ctx, v)
	if err != nil {
		return q, err
	}
	a := Answer{Question: id, Decision: d, Text: text, Tree: q.Tree, Actor: k.Actor}
	k.see(HashOf(a)) // first: an answer that is on record and was not seen would be a claim
	_, err = k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		why, err := k.over(ctx, at, id, q, ws.Tree())
		if err != nil {
			return nil, err
		}
		if why != "" {
			return nil, fmt.Errorf("question %s: %w: %s", id, ErrStale, why)
		}
		var rewrites []Rewrite
		if asked, err := Has(ctx, at, NodeID{KindQuestion, id}); err != nil {
			return nil, err
		} else if !asked {
			if rewrites, err = k.asking(id, v, q, nil); err != nil {
				return nil, err
			}
		}
		rw := k.rule(RuleAnswer, q.Task, q.Process, orElse(q.Step, v.Process.SWS)+" is "+string(d))
		rw.Why, rw.Sign = text, true
		node := NodeID{KindAnswer, id}
		rw.Edges = []Edge{{From: NodeID{KindQuestion, id}, Label: LabelAnswer, To: node}}
		one, err := rw.with(node, a)
		return append(rewrites, one...), err
	})
	return q, err
}

// fits checks a decision against what is asked.
func fits(id string, q Question, d Decision, text string) error {
	switch {
	case d == Approved && q.About == AskText:
		return Hint(fmt.Errorf("question %s: %w: it wants an answer in words: %s", id, ErrInvalid, firstLine(q.Text)), "jitos answer %s TEXT", id)
	case d == Answered && q.About != AskText && q.About != AskOutcome:
		return Hint(fmt.Errorf("question %s: %w: it is approved or rejected", id, ErrInvalid), "`jitos approve %s`, or `jitos reject %s -m WHY`", id, id)
	case d != Approved && strings.TrimSpace(text) == "":
		return fmt.Errorf("question %s: %w: say it in words", id, ErrInvalid)
	}
	return nil
}

// waitingQuestion reads a question, or finds it among the jobs that were interrupted.
func (k *Kernel) waitingQuestion(ctx context.Context, at Snapshot, id string) (Question, error) {
	q, err := Get[Question](ctx, at, NodeID{KindQuestion, id})
	if !errors.Is(err, ErrNotFound) {
		return q, err
	}
	open, err := OpenProcesses(ctx, at)
	if err != nil {
		return q, err
	}
	for _, p := range open {
		ws, err := k.workspace(ctx, p)
		if errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt) {
			continue
		}
		if err != nil {
			return q, err
		}
		list, err := k.questions(ctx, at, p, ws)
		if err != nil {
			return q, err
		}
		if i := slices.IndexFunc(list, func(q Question) bool { return q.name() == id }); i >= 0 {
			return list[i], nil
		}
	}
	return q, Hint(fmt.Errorf("question %q: %w", id, ErrNotFound), "`jitos inbox` lists what waits")
}

func viewOf(ctx context.Context, at Graph, id ProcessID) (ProcessView, error) {
	p, err := Get[Process](ctx, at, id.Node())
	if err != nil {
		return ProcessView{}, err
	}
	return viewProcess(ctx, at, Found[Process]{id.Node(), p})
}
