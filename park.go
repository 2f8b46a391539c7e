package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// An attempt that only a person can take further parks: its question is a node of the system line, nothing runs, nothing is
// held, and the next run finds the answer there or parks again. That a question waits is never stored; see Inbox.

// parked ends a run for now: an attempt waits for a person. It Is ErrWaiting.
type parked struct {
	id    string
	q     Question
	claim *Claimed // what was decided elsewhere, and does not count here
}

func (e *parked) Error() string {
	where := "attempt " + string(e.q.Process)
	if e.q.Step != "" {
		where = "step " + e.q.Step
	}
	return fmt.Sprintf("%s: %s: %s", where, ErrWaiting, firstLine(e.q.Text))
}

func (e *parked) Is(target error) bool { return target == ErrWaiting }

// hint adds what would help.
func (e *parked) hint(p ProcessView) error {
	verbs := "`jitos approve %[1]s`, or `jitos reject %[1]s -m WHY`"
	switch e.q.About {
	case AskText:
		verbs = "`jitos answer %[1]s TEXT`"
	case AskOutcome:
		verbs = "`jitos approve %[1]s` to run it again, `jitos answer %[1]s TEXT` where it was done, or `jitos reject %[1]s -m WHY`"
	}
	next := "run " + string(e.q.Task)
	if p.Process.Hand {
		next = "sws collapse " + p.Process.SWS
	}
	if c := e.claim; c != nil {
		return Hint(e, "elsewhere it was %[3]s, but %[4]s: `jitos allow %[5]s` believes it, "+verbs+" decides here; then `jitos %[2]s`",
			e.id, next, firstLine(c.Words), c.Why, c.Hash)
	}
	return Hint(e, "`jitos inbox` shows it; "+verbs+"; then `jitos %[2]s`", e.id, next)
}

// name derives the question's name: the same question is asked once. An approval is another one for other files.
func (q Question) name() string {
	tree := q.Tree
	if q.About == AskText || q.About == AskOutcome {
		tree = ""
	}
	words := q.About
	if q.Step != "" {
		words += " " + q.Step
	}
	return DerivedName(words, string(q.Process), string(q.Job), q.Claim, q.About, q.Text, string(tree), strings.Join(q.By, "\n"))
}

// expired tells whether nobody may answer any more.
func (q Question) expired(now time.Time) bool { return q.Until != 0 && now.Unix() >= q.Until }

// question starts one about a process.
func question(p ProcessView, about, text string, tree TreeID) Question {
	return Question{Task: p.Process.Task, Process: p.ID, About: about, Text: text, Tree: tree}
}

// of fills in the job that asks.
func (q Question) of(j jobState) Question {
	q.Job, q.Step = j.id, j.step.Name
	return q
}

// asks returns the question of a job that only a person can take further, nil for any other: a human's, and one that was
// interrupted and may have acted on the network. own tells that its claim was made by this call.
func asks(p ProcessView, j jobState, tree TreeID, own bool) *Question {
	var q Question
	c := j.interrupted()
	switch {
	case j.step.Worker == humanWorker && !j.step.approves():
		q = question(p, AskText, j.step.Args["question"], tree).of(j)
	case j.step.Worker == humanWorker:
		q = question(p, AskApproval, orElse(j.step.Args["approve"], orElse(j.step.Title, j.step.Name)), tree).of(j)
	case c != nil && !own && unsafeToRepeat(j.step):
		q = question(p, AskOutcome, "it was interrupted, and may have acted on the network", tree).of(j)
		q.Claim = c.name
	default:
		return nil
	}
	return &q
}

// humanWorker is the Worker of a step that a person does.
const humanWorker = "human"

// approves tells whether a step is an approval: what it read is the whole file tree.
func (s Step) approves() bool {
	return s.Worker == humanWorker && s.Args["question"] == "" && s.Inputs["question"] == ""
}

// posed is a job with the question that an earlier step left for it as an artifact. An empty one is none: nobody is asked.
func posed(j jobState, jobs *agenda) (_ jobState, none bool, err error) {
	if j.step.Worker != humanWorker || j.step.Inputs["question"] == "" {
		return j, false, nil
	}
	j.step.Args, err = arguments(j.step, jobs)
	return j, j.step.Args["question"] == "", err
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// now is the time that questions expire by.
func (k *Kernel) now() time.Time {
	if k.Now != nil {
		return k.Now()
	}
	return time.Now()
}

// answerTo looks for the answer to a question that counts here, nil where there is none yet. One that nobody answered in time is
// rejected.
func (k *Kernel) answerTo(ctx context.Context, at Snapshot, q Question) (*Answer, error) {
	id := q.name()
	a, err := Get[Answer](ctx, at, NodeID{KindAnswer, id})
	if err == nil {
		if claim, err := k.claimed(ctx, at, id, q, a); claim == nil || err != nil {
			return &a, err
		}
	} else if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	asked, err := Get[Question](ctx, at, NodeID{KindQuestion, id})
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err == nil && asked.expired(k.now()) {
		return &Answer{Question: id, Decision: Rejected, Text: "nobody answered in time", Tree: asked.Tree}, nil
	}
	return nil, err
}

// ask puts a question on the system line, once, with the evidence that goes with it, and returns a *parked with its hint.
func (k *Kernel) ask(ctx context.Context, p ProcessView, q Question, evidence []Evidence) error {
	id, asked := q.name(), false
	after, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		asked = false
		if ok, err := Has(ctx, at, NodeID{KindQuestion, id}); ok || err != nil {
			return nil, err
		}
		asked = true
		return k.asking(id, p, q, evidence)
	})
	if err != nil {
		return err
	}
	if asked {
		k.notify(Event{Kind: "ask", Task: q.Task, Process: p.ID, Job: q.Job, Text: q.Text})
	}
	claim, err := k.ClaimedAnswer(ctx, after, id)
	if err != nil {
		return err
	}
	return (&parked{id, q, claim}).hint(p)
}

func (k *Kernel) asking(id string, p ProcessView, q Question, evidence []Evidence) ([]Rewrite, error) {
	life := p.Process.Quota.TTL
	if most := k.bounds().Retention.Questions; most > 0 {
		life = most
	}
	if life > 0 && q.Until == 0 {
		q.Until = k.now().Add(time.Duration(life) * time.Hour).Unix()
	}
	rw := k.rule(RuleAsk, q.Task, p.ID, orElse(q.Step, p.Process.SWS)+": "+firstLine(q.Text))
	node := NodeID{KindQuestion, id}
	rw.Edges = append(rw.Edges, Edge{From: p.ID.Node(), Label: LabelQuestion, To: node})
	for _, e := range evidence {
		if e.Verdict == CouldNot {
			continue
		}
		if err := rw.put(NodeID{KindEvidence, e.Name()}, e); err != nil {
			return nil, err
		}
		rw.Edges = append(rw.Edges, Edge{From: node, Label: LabelEvidence, To: NodeID{KindEvidence, e.Name()}})
	}
	return rw.with(node, q)
}

// consult takes further what people have decided about the jobs of a process: each such job is settled by its answer. It
// tells whether any was. What nobody has decided is asked where that is wanted, and then the error Is ErrWaiting.
func (k *Kernel) consult(ctx context.Context, p ProcessView, ws Snapshot, jobs *agenda, running, own map[JobID]bool, ask bool) (bool, error) {
	var waits error
	for j := range jobs.choice(running) {
		j, none, err := posed(j, jobs)
		if err != nil {
			return false, err
		}
		if none {
			return true, k.settleByAnswer(ctx, p, ws, j, Question{}, Answer{Decision: Answered})
		}
		q := asks(p, j, ws.Tree(), own[j.id])
		if q == nil {
			continue
		}
		if j.step.Worker == humanWorker && j.step.Timeout > 0 {
			q.Until = k.now().Add(timeLimit(j.step)).Unix()
		}
		at, err := k.System(ctx)
		if err != nil {
			return false, err
		}
		a, err := k.answerTo(ctx, at, *q)
		if err != nil {
			return false, err
		}
		switch {
		case a != nil:
			return true, k.settleByAnswer(ctx, p, ws, j, *q, *a) // the workspace has moved: look again
		case ask:
			err := k.ask(ctx, p, *q, nil)
			if !errors.Is(err, ErrWaiting) {
				return false, err
			}
			if waits == nil {
				waits = err
			}
		}
	}
	return false, waits
}

func timeLimit(s Step) time.Duration { return time.Duration(s.Timeout) * time.Second }

// settleByAnswer claims a human's job, where it is not, and settles it by the answer.
func (k *Kernel) settleByAnswer(ctx context.Context, p ProcessView, ws Snapshot, j jobState, q Question, a Answer) error {
	o := outcome{job: j, claim: q.Claim, base: ws, from: KindAnswer + "/" + q.name(),
		result: Result{Tree: ws.Tree(), Verdict: Pass, Artifacts: map[string]string{"answer": a.Text}}}
	if a.Question == "" {
		o.from, o.result.Reason = "", "nobody had to be asked"
	}
	if a.Decision == Rejected {
		o.result.Verdict, o.result.Exit, o.result.Reason = Fail, exitRejected, a.words()
	}
	if q.Claim != "" {
		o.result.Reason = a.words()
		o.again = a.Decision == Approved
	} else {
		batch := []jobState{j}
		after, err := k.claim(ctx, p, ws, batch)
		if err != nil {
			return err
		}
		o.base, o.job = after, batch[0]
		o.claim = o.job.claims[len(o.job.claims)-1].name
	}
	return k.settle(ctx, p, o)
}

// exitRejected marks the settlement of a job that a person rejected.
const exitRejected = -7

// words tell who decided what.
func (a Answer) words() string {
	text := string(a.Decision) + " by " + actorName(a.Actor)
	if a.Actor == "" {
		text = string(a.Decision)
	}
	if a.Text != "" {
		text += ": " + a.Text
	}
	return text
}

// approvals are the questions that the policy has about a collapse: one for each rule that covers a file that it changes.
func (k *Kernel) approvals(p ProcessView, tree TreeID, files []string) []Question {
	var list []Question
	for _, w := range k.bounds().ApprovalsFor(files) {
		text := "the policy wants an approval of " + few(w.Changed)
		if w.Why != "" {
			text += ": " + w.Why
		}
		q := question(p, AskPaths, text, tree)
		q.Paths, q.By = w.Changed, w.By
		list = append(list, q)
	}
	return list
}

// approved checks that people have approved what a collapse needs them to: what its gates have left open, and what the
// policy wants. It returns the answers' names; the error of ask, a *parked, where somebody must decide, a *jobFailed where somebody said no, and
// a *ConflictError that wants a rebase where the merge is not what the workspace shows.
func (k *Kernel) approved(ctx context.Context, at Snapshot, p ProcessView, ws Snapshot, done Collapsed, open []Question, ask func(Question, []Evidence) error) ([]string, error) {
	questions := append(slices.Clone(open), k.approvals(p, done.Rewrite.Tree, done.Files)...)
	var names []string
	var waits error
	for _, q := range questions {
		if ws.Tree() != q.Tree {
			if p.Process.Hand {
				return nil, Hint(fmt.Errorf("workspace %s: %w: what is to be approved is not what it shows, since the system line has moved", p.Process.SWS, ErrStale),
					"jitos sws rebase %s", p.Process.SWS)
			}
			return nil, &ConflictError{[]Conflict{{Process: p.ID, Path: "**", Why: ReadMovedWhy + ": the files that are to be approved"}}}
		}
		a, err := k.answerTo(ctx, at, q)
		switch {
		case err != nil:
			return nil, err
		case a == nil:
			if err := ask(q, done.Evidence); !errors.Is(err, ErrWaiting) {
				return nil, err
			} else if waits == nil {
				waits = err
			}
		case a.Decision != Approved:
			return nil, &jobFailed{step: "collapse", kind: "person", reason: a.words()}
		default:
			names = append(names, q.name())
		}
	}
	return names, waits
}
