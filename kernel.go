package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kernel decides; everything else is mechanism that it is lent. Its methods are safe for concurrent use, and several
// kernels may work on one fabric: every move of a ref is a compare-and-swap.
type Kernel struct {
	Store      Store
	Merger     Merger
	Planner    Planner
	Executor   Executor
	Repository Repository
	Local      Local
	// ParsePolicy reads .jitos/policy.yaml.
	ParsePolicy func(raw []byte) (Policy, error)
	Actor       string // "name <address>": whoever gives the commands
	Jobs        int    // run side by side; 0 means 2
	NoCache     bool   // neither results nor evidence from before are reused
	Notify      func(Event)
	Now         func() time.Time // by which questions expire; nil means time.Now

	mu         sync.Mutex
	policy     Policy          // of the system head that was opened last
	heeded     bool            // there is one
	unread     error           // why it cannot be read
	policyBlob BlobID          // what it was read from, "" for the default
	pending    []*pendingWrite // see record
	turn       sync.Mutex      // held by who writes the system line
	seats      chan struct{}   // see sit
	proven     []Evidence      // by this kernel, where it reuses none from before
}

// Request is an intent as given.
type Request struct {
	Intent string
	Args   map[string]string
	Gates  []string // shell commands: each must pass on the result; the first is the goal of an intent that nothing matches
	Mode   AbsorbMode
	Land   bool
	Race   int // attempts side by side; see RunOptions
}

// Do is the whole life of an intent: absorb, declare, plan, try, prove, collapse, and land where asked. The error says how
// it ended where it did not end well; the outcome is filled in either way.
func (k *Kernel) Do(ctx context.Context, r Request) (Outcome, error) {
	err := k.Heal(ctx)
	if err == nil {
		_, err = k.ruled(ctx)
	}
	if err != nil {
		return Outcome{Outcome: "failed", Reason: err.Error()}, err
	}
	if _, err := k.Absorb(ctx, "", r.Mode); err != nil {
		return FailedOutcome(err), err
	}
	id, match, err := k.SubmitIntent(ctx, r)
	if err != nil {
		return FailedOutcome(err), err
	}
	out, err := k.Run(ctx, id, RunOptions{Race: r.Race})
	if out.Outcome == "no-plan" {
		out.Nearest = match.Nearest
	}
	if err == nil && r.Land && out.Outcome == "collapsed" {
		landed, lerr := k.Land(ctx, LandOptions{})
		out.Landed, err = landed.Commit, lerr
	}
	return out, err
}

// ---- 1. Declare ----

// SubmitIntent matches the words to a task of the library and writes the TASK. Words that match nothing are kept as a task
// all the same, without a name; the match then carries the nearest phrases.
func (k *Kernel) SubmitIntent(ctx context.Context, r Request) (TaskID, Match, error) {
	at, err := k.System(ctx)
	if err != nil {
		return "", Match{}, err
	}
	match, err := k.Planner.Match(ctx, at, r.Intent, r.Args)
	if err != nil {
		return "", match, err
	}
	task := match.Task
	task.Intent, task.Actor = strings.TrimSpace(r.Intent), k.Actor
	for i, run := range r.Gates {
		gate := GateRef{Run: run, Origin: HashOf(run)}
		if err := k.Local.Allow(gate.Origin, "gate given on the command line: "+run); err != nil {
			return "", match, err
		}
		if i == 0 && task.Goal == nil && task.Name == "" {
			task.Goal = &gate
		} else {
			task.Gates = append(task.Gates, gate)
		}
	}
	id := TaskID(NewName(task.Intent))
	_, err = k.record(ctx, func(Snapshot) ([]Rewrite, error) {
		rw := k.rule(RuleTask, id, "", task.Intent)
		return rw.with(id.Node(), task)
	})
	k.notify(Event{Kind: "task", Task: id, Text: task.Intent})
	return id, match, err
}

// Withdraw takes a task back. Its open attempts must be discarded first.
func (k *Kernel) Withdraw(ctx context.Context, id TaskID, why string) error {
	if strings.TrimSpace(why) == "" {
		why = "no longer wanted"
	}
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		v, err := ViewTask(ctx, at, id, k.Local.Clone())
		if err != nil {
			return nil, err
		}
		for _, p := range v.Processes {
			if p.Open() {
				return nil, Hint(fmt.Errorf("task %s: %w: attempt %s is open", id, ErrBusy, p.ID), "jitos sws discard %s -m WHY", p.Process.SWS)
			}
		}
		if v.Status == Withdrawn {
			return nil, nil
		}
		rw := k.rule(RuleWithdraw, id, "", string(id))
		rw.Why = why
		return rw.with(NodeID{KindWithdrawal, string(id)}, Withdrawal{Task: id, Why: why})
	})
	return err
}

// ---- 2. Plan ----

// Plan asks the planner for candidates and records them, with why the other methods were not used. The same answer as
// before writes nothing. No candidate is no error: the planning says why.
func (k *Kernel) Plan(ctx context.Context, id TaskID) (Found[Planning], []Found[Slap], error) {
	var found Found[Planning]
	var slaps []Found[Slap]
	if err := k.observe(ctx); err != nil {
		return found, nil, err
	}
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		task, err := Get[Task](ctx, at, id.Node())
		if err != nil {
			return nil, fmt.Errorf("task %s: %w", id, err)
		}
		candidates, planning, err := k.Planner.Plan(ctx, at, id, task)
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", id, err)
		}
		var rw Rewrite
		if rw, found, slaps, err = k.planned(id, candidates, planning); err != nil {
			return nil, err
		}
		if ok, err := Has(ctx, at, found.ID); ok || err != nil {
			return nil, err
		}
		return []Rewrite{rw}, nil
	})
	return found, slaps, err
}

// planned makes the rewrite of one planning. Ids come from the content, so that it can be run again and compared.
func (k *Kernel) planned(id TaskID, candidates []Slap, planning Planning) (Rewrite, Found[Planning], []Found[Slap], error) {
	rw := k.rule(RulePlan, id, "", plural(len(candidates), "candidate")+" for "+string(id))
	var slaps []Found[Slap]
	for _, s := range candidates {
		s.Task = id
		slap := SlapID(DerivedName(s.Title, string(id), HashOf(s)))
		slaps = append(slaps, Found[Slap]{slap.Node(), s})
		planning.Slaps = append(planning.Slaps, slap)
		if err := rw.put(slap.Node(), s); err != nil {
			return rw, Found[Planning]{}, nil, err
		}
		rw.Edges = append(rw.Edges, Edge{From: id.Node(), Label: LabelPlan, To: slap.Node()})
	}
	planning.Task = id
	found := Found[Planning]{NodeID{KindPlanning, DerivedName("planning", string(id), HashOf(planning))}, planning}
	rw.Edges = append(rw.Edges, Edge{From: id.Node(), Label: LabelPlanning, To: found.ID})
	err := rw.put(found.ID, planning)
	return rw, found, slaps, err
}

// SubmitPlan records a plan that a person or an agent wrote. It is allowed in this clone, since it was given here.
func (k *Kernel) SubmitPlan(ctx context.Context, id TaskID, s Slap) (SlapID, error) {
	s.Task, s.By = id, k.Actor
	slap := SlapID(DerivedName(s.Title, string(id), HashOf(s)))
	for _, step := range s.Steps {
		origins := []string{step.Origin}
		if step.Gate != nil {
			origins = append(origins, step.Gate.Origin)
		}
		for _, o := range strings.Fields(strings.Join(origins, " ")) {
			if err := k.Local.Allow(o, "plan "+string(slap)); err != nil {
				return "", err
			}
		}
	}
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		if ok, err := Has(ctx, at, slap.Node()); ok || err != nil {
			return nil, err
		}
		rw := k.rule(RulePlan, id, "", "a plan by "+actorName(k.Actor)+" for "+string(id))
		rw.Edges = append(rw.Edges, Edge{From: id.Node(), Label: LabelPlan, To: slap.Node()})
		if s.Parent != "" {
			rw.Edges = append(rw.Edges, Edge{From: s.Parent.Node(), Label: LabelRevision, To: slap.Node()})
		}
		return rw.with(slap.Node(), s)
	})
	return slap, err
}

// ---- 3. Open ----

// Open starts an attempt: it checks what the plan relied on against the system WARP as it is, writes the process there,
// and forks the workspace from exactly that commit, with the DAG of jobs as its first rewrite. A plan whose facts have
// moved is refused with ErrStale: plan again.
func (k *Kernel) Open(ctx context.Context, id SlapID, name string) (ProcessView, error) {
	v := ProcessView{ID: ProcessID(NewName(slugOf(id)))}
	if name == "" {
		name = string(v.ID)
	}
	at, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		slap, err := Get[Slap](ctx, at, id.Node())
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", id, err)
		}
		for _, r := range slap.Reads {
			if now, err := Look(ctx, at, r); err != nil {
				return nil, err
			} else if now != r.Is {
				return nil, fmt.Errorf("plan %s: %w: %s has changed since it was made", id, ErrStale, r.words())
			}
		}
		if err := errors.Join(k.PolicyError(), k.mayOpen(ctx, at)); err != nil {
			return nil, err
		}
		task, err := ViewTask(ctx, at, slap.Task, k.Local.Clone())
		if err != nil {
			return nil, err
		}
		v.Process = Process{Task: slap.Task, Slap: id, Number: len(task.Processes) + 1, SWS: name, Tree: at.Tree(), Owner: k.Local.Clone(), Actor: k.Actor,
			Grants: k.bounds().Grants, Quota: k.bounds().Quota, Hand: isHand(slap)}
		rw := k.rule(RuleProcess, slap.Task, v.ID, slap.Title)
		rw.Edges = append(rw.Edges, Edge{From: slap.Task.Node(), Label: LabelAttempt, To: v.ID.Node()},
			Edge{From: id.Node(), Label: LabelProcess, To: v.ID.Node()})
		return rw.with(v.ID.Node(), v.Process)
	})
	if err != nil {
		return v, err
	}
	k.notify(Event{Kind: "open", Task: v.Process.Task, Process: v.ID, Commit: at.Commit().ID, Text: name})
	return v, k.fork(ctx, v, at)
}

// ---- 4. Run ----

// RunOptions choose among the candidates of a task.
type RunOptions struct {
	Slap SlapID // try only this one
	Race int    // try so many side by side: the first that is green collapses; 0 and 1: one after the other
}

// Run tries candidates until one collapses. An attempt that was interrupted is resumed first. When all candidates of a
// planning have failed, the planner is asked again, now knowing what failed.
func (k *Kernel) Run(ctx context.Context, id TaskID, o RunOptions) (Outcome, error) {
	out := Outcome{Task: id, Attempts: []AttemptEnd{}, Evidence: []EvidenceLine{}, Files: []string{}}
	err := k.run(ctx, id, o, &out)
	if err != nil {
		out.Outcome, out.Reason = outcomeOf(err), err.Error()
	}
	return out, err
}

func (k *Kernel) run(ctx context.Context, id TaskID, o RunOptions, out *Outcome) error {
	if err := k.Heal(ctx); err != nil {
		return err
	}
	at, err := k.ruled(ctx)
	if err != nil {
		return err
	}
	v, err := ViewTask(ctx, at, id, k.Local.Clone())
	if err != nil {
		return err
	}
	switch v.Status {
	case Done:
		if err := k.outrun(ctx, id, out); err != nil { // killed before it could
			return err
		}
		out.Attempts = []AttemptEnd{}
		return k.alreadyDone(ctx, at, v, out)
	case Withdrawn:
		return fmt.Errorf("task %s: %w: it was withdrawn", id, ErrInvalid)
	case Elsewhere:
		return Hint(fmt.Errorf("task %s: %w: an attempt is open in another clone", id, ErrBusy),
			"`jitos sync` brings what became of it; `jitos run --take-over %s` goes on with it here", id)
	case ByHand:
		return fmt.Errorf("task %s: %w: workspace %s is worked on by hand", id, ErrWaiting, v.Processes[len(v.Processes)-1].Process.SWS)
	case Open:
		var lanes []lane
		for _, p := range v.Processes {
			if p.Open() {
				lanes = append(lanes, func(ctx context.Context, out *Outcome) (bool, bool, error) { return k.resume(ctx, p, o, out) })
			}
		}
		if done, _, err := k.tryAll(ctx, id, o, lanes, out); done || err != nil {
			return err
		}
	}
	if done, err := k.alreadyTrue(ctx, at, v, out); done || err != nil {
		return err
	}
	return k.tryCandidates(ctx, id, o, out)
}

// resume goes on with an attempt that was interrupted, and with what repairs of its plan come to.
func (k *Kernel) resume(ctx context.Context, p ProcessView, o RunOptions, out *Outcome) (done, again bool, err error) {
	if done, err := k.attempt(ctx, p, out); done || err != nil || out.parked() {
		return done, false, err
	}
	s, err := k.repair(ctx, p)
	if s == "" || err != nil {
		return false, false, err
	}
	done, _, err = k.tryPlan(ctx, s, o, out)
	return done, false, err // others are open, too
}

// tryAll tries one after the other until one collapses or it is time to plan again, or lets them race.
func (k *Kernel) tryAll(ctx context.Context, id TaskID, o RunOptions, lanes []lane, out *Outcome) (done, again bool, err error) {
	if o.Race > 1 {
		return k.race(ctx, id, o.Race, lanes, out)
	}
	for _, try := range lanes {
		if done, again, err = try(ctx, out); done || again || err != nil {
			return done, again, err
		}
	}
	return false, false, nil
}

// maxRounds bounds how often one run asks the planner anew.
const maxRounds = 8

func (k *Kernel) tryCandidates(ctx context.Context, id TaskID, o RunOptions, out *Outcome) error {
	for range maxRounds {
		slaps, err := k.candidates(ctx, id, o, out)
		if err != nil {
			return err
		}
		if len(slaps) == 0 {
			break
		}
		lanes := make([]lane, len(slaps))
		for i, s := range slaps {
			lanes[i] = func(ctx context.Context, out *Outcome) (bool, bool, error) { return k.tryPlan(ctx, s, o, out) }
		}
		if done, _, err := k.tryAll(ctx, id, o, lanes, out); done || err != nil {
			return err
		}
	}
	return k.noMore(ctx, id, out)
}

// tryPlan tries a plan, and as long as the planner can repair it what comes of it. It tells whether an attempt collapsed, and
// whether it is time to plan again: what a plan relied on has moved, or a conflict that repairs did not resolve says that the
// system line has.
func (k *Kernel) tryPlan(ctx context.Context, s SlapID, o RunOptions, out *Outcome) (done, again bool, err error) {
	for range maxRounds {
		if known, err := k.wasTried(ctx, s, out); known || err != nil {
			return false, again, err
		}
		p, err := k.Open(ctx, s, "")
		if errors.Is(err, ErrStale) {
			return false, true, nil
		}
		if err != nil {
			return false, false, err
		}
		if done, err := k.attempt(ctx, p, out); done || err != nil {
			return done, false, err
		}
		if out.parked() {
			return false, false, nil
		}
		again = out.Attempts[len(out.Attempts)-1].Outcome == "conflict"
		if o.Slap != "" {
			return false, again, nil // this one only
		}
		if s, err = k.repair(ctx, p); s == "" || err != nil {
			return false, again, err
		}
	}
	return false, true, nil
}

// candidates plans and returns the plans that were not tried on the present files: the library's, then those that were
// handed in.
func (k *Kernel) candidates(ctx context.Context, id TaskID, o RunOptions, out *Outcome) ([]SlapID, error) {
	planning, _, err := k.Plan(ctx, id)
	if err != nil {
		return nil, err
	}
	at, err := k.System(ctx)
	if err != nil {
		return nil, err
	}
	v, err := ViewTask(ctx, at, id, k.Local.Clone())
	if err != nil {
		return nil, err
	}
	order := slices.Clone(planning.Record.Slaps)
	for _, s := range v.Slaps {
		if s.Record.By != "planner" {
			order = append([]SlapID{SlapID(s.ID.Name)}, order...)
		}
	}
	if o.Slap != "" {
		order = []SlapID{o.Slap}
	}
	return slices.DeleteFunc(order, func(s SlapID) bool {
		for _, p := range v.Processes {
			if p.Process.Slap == s && p.Attempt != nil && p.Attempt.At == at.Tree() && !mayDiffer(p, out) {
				return true
			}
		}
		return false
	}), nil
}

// mayDiffer tells whether an earlier attempt says nothing about the next: it ended by what this clone lacked, a permission or
// a program, and not in this run.
func mayDiffer(p ProcessView, out *Outcome) bool {
	now := slices.ContainsFunc(out.Attempts, func(a AttemptEnd) bool { return a.Process == p.ID })
	return !now && (p.Attempt.Kind == "denied" || p.Attempt.Kind == "could-not-run")
}

// attempt runs one process to its end: collapsed (true), or discarded (false) so that the next candidate may be tried. One
// whose gates hold but for tests that a person must look at stays open (false) while others are tried. An error leaves it
// open, to be resumed.
func (k *Kernel) attempt(ctx context.Context, p ProcessView, out *Outcome) (bool, error) {
	release, err := k.Local.Hold(p.ID)
	if err != nil {
		return false, fmt.Errorf("process %s: %w", p.ID, err)
	}
	defer release()
	if dir, err := k.Repository.CheckedOut(ctx, p.ref()); err != nil {
		return false, err
	} else if dir != "" {
		return false, Hint(fmt.Errorf("workspace %s: %w: it is checked out in %s, so it runs no jobs", p.Process.SWS, ErrBusy, dir),
			"remove that worktree, or check out something else in it")
	}
	if err := k.restore(ctx, p); err != nil {
		return false, err
	}
	end := AttemptEnd{Process: p.ID, Slap: p.Process.Slap, Outcome: "collapsed"}
	commit, err := k.finish(ctx, p, out)
	var cerr error
	if end.Jobs, cerr = k.countedJobs(context.WithoutCancel(ctx), p.ID); cerr != nil {
		return false, errors.Join(err, cerr)
	}
	var failed *jobFailed
	var conflict *ConflictError
	var waits *parked
	switch {
	case err == nil:
		out.Outcome, out.Process, out.Commit, out.Slap = "collapsed", p.ID, commit, p.Process.Slap
		out.Attempts, out.Waiting = append(out.Attempts, end), nil
		if out.racer != nil {
			return true, nil // when the others have stopped
		}
		return true, k.outrun(ctx, p.Process.Task, out)
	case errors.As(err, &waits):
		end.Outcome, end.Reason = "waiting", waits.q.Text
		out.Attempts, out.Waiting = append(out.Attempts, end), append(out.Waiting, waiting(waits.id, waits.q, p.Process.SWS))
		if waits.q.About == AskTests {
			return false, nil
		}
		return false, err
	case errors.As(err, &failed):
		end.Outcome, end.Reason = failed.kind, failed.Error()
	case errors.As(err, &conflict):
		end.Outcome, end.Reason = "conflict", conflict.Error()
	default:
		return false, err
	}
	out.Attempts = append(out.Attempts, end)
	return false, k.Discard(context.WithoutCancel(ctx), p, end.Outcome, end.Reason)
}

// parked tells whether the last attempt waits for a person.
func (o *Outcome) parked() bool {
	n := len(o.Attempts)
	return n > 0 && o.Attempts[n-1].Outcome == "waiting"
}

// finish runs the jobs and collapses; where the collapse finds that something a job read has moved, the workspace is
// rebased and only such jobs run again, at most three times.
func (k *Kernel) finish(ctx context.Context, p ProcessView, out *Outcome) (CommitID, error) {
	for try := 0; ; try++ {
		if err := k.advance(ctx, p); err != nil {
			return "", err
		}
		leave, err := out.racer.atFinish(ctx)
		if err != nil {
			return "", err
		}
		done, err := k.Collapse(ctx, p, CollapseOptions{})
		leave(err == nil)
		out.Files, out.Evidence = done.Files, evidenceLines(done.Evidence)
		var conflict *ConflictError
		if err == nil || !errors.As(err, &conflict) || !conflict.onlyReads() || try == 3 {
			return done.Commit, err
		}
		if err := k.Rebase(ctx, p); err != nil {
			return "", err
		}
	}
}
