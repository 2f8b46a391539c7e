package jitos

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"
)

// probes collects what the probes of one job came to, until the job has ended.
type probes struct {
	mu   sync.Mutex
	list []probed
}

type probed struct {
	tree   TreeID
	what   string
	result Result
}

func (l *probes) add(tree TreeID, step Step, r Result) {
	if l == nil { // a gate's: it has no claim
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, probed{tree, cmp.Or(step.Title, step.Name), Result{Verdict: r.Verdict, Reason: r.Reason, Took: r.Took}})
}

// keepProbes records the probes of a claim: a commit for each on the workspace that the job was claimed in, one commit that
// holds on to them in the archive, and one on the system line. It writes two packs, however many there are.
func (k *Kernel) keepProbes(ctx context.Context, p ProcessView, ws Snapshot, job jobState, claim string, l *probes) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == 0 {
		return nil
	}
	batch := Batch{Process: p.ID, Job: job.id, Claim: claim}
	count := map[Verdict]*int{Pass: &batch.Passed, Fail: &batch.Failed, CouldNot: &batch.CouldNot}
	hold := k.rewrite(RuleProbe, p, plural(len(l.list), "probe")+" of "+job.step.Name)
	for i, t := range l.list {
		*count[t.result.Verdict]++
		rw := k.rewrite(RuleProbe, p, firstLine(t.what)+" "+probeWords(t.result.Verdict))
		rw.Tree, rw.Why = t.tree, t.result.Reason
		chain, err := rw.with(NodeID{KindProbe, fmt.Sprintf("%s.%d", claim, i+1)}, Probe{Claim: claim, Number: i + 1, What: t.what,
			Verdict: t.result.Verdict, Reason: t.result.Reason, Millis: t.result.Took.Milliseconds()})
		if err == nil {
			err = applyAll(ctx, ws, chain, false)
		}
		if err != nil {
			return err
		}
		at, err := k.Store.Stage(ctx, ws.Commit().ID, chain...)
		if err != nil {
			return err
		}
		hold.Parents = append(hold.Parents, at.Commit().ID)
	}
	hold.Why = batch.words()
	at, err := k.Store.Stage(ctx, ws.Commit().ID, hold)
	if err != nil {
		return err
	}
	batch.Tip = at.Commit().ID
	if err := k.Store.Archive(ctx, batch.Tip, claim+": "+hold.What); err != nil {
		return err
	}
	id := NodeID{KindBatch, claim}
	_, err = k.record(ctx, func(Snapshot) ([]Rewrite, error) {
		rw := k.rule(RuleBatch, p.Process.Task, p.ID, hold.What)
		rw.Why = hold.Why
		rw.Edges = append(rw.Edges, Edge{From: p.ID.Node(), Label: LabelBatch, To: id})
		return rw.with(id, batch)
	})
	return err
}

func (b Batch) words() string {
	words := fmt.Sprintf("%d passed, %d failed", b.Passed, b.Failed)
	if b.CouldNot > 0 {
		words += fmt.Sprintf(", %d could not run", b.CouldNot)
	}
	return words
}

func probeWords(v Verdict) string {
	switch v {
	case Pass:
		return "passed"
	case Fail:
		return "failed"
	}
	return "could not run"
}

// ---- Seats: how many commands run side by side ----

// seat is the right to run one command. Who holds one may lend it to what it waits for: a job to its probes.
type seat struct{ free chan struct{} }

func newSeat() *seat {
	s := &seat{make(chan struct{}, 1)}
	s.free <- struct{}{}
	return s
}

type seatKey struct{}

// lend lends the seat to what is done with the context.
func (s *seat) lend(ctx context.Context) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, seatKey{}, s)
}

// sit waits for a seat: the one that the context lends, or one of the kernel's. The kernel has Jobs of them for all its
// processes, jobs, gates and probes together.
func (k *Kernel) sit(ctx context.Context) (leave func(), err error) {
	n := k.sideBySide()
	k.mu.Lock()
	if cap(k.seats) != n { // at first, and when the policy has changed: those who sit go on
		k.seats = make(chan struct{}, n)
	}
	seats := k.seats
	k.mu.Unlock()
	var lent chan struct{}
	if s, ok := ctx.Value(seatKey{}).(*seat); ok {
		lent = s.free
	}
	select {
	case <-lent:
		return func() { lent <- struct{}{} }, nil
	case seats <- struct{}{}:
		return func() { <-seats }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// execute runs an action when there is a seat for it.
func (k *Kernel) execute(ctx context.Context, action Action, h *host) (Result, error) {
	if err := k.PolicyError(); err != nil {
		return Result{}, err
	}
	leave, err := k.sit(ctx)
	if err != nil {
		return Result{}, err
	}
	defer leave()
	start := time.Now()
	h.seat = newSeat()
	action.Limits = LimitsOf(action.Step, k.grants(h.p), k.bounds())
	action.Reach = ReachOf(action.Step, k.grants(h.p), k.bounds())
	action.Starts = ProgramsOf(action.Step, k.grants(h.p), k.bounds())
	action.Tools = ToolsOf(action.Step, k.grants(h.p), k.bounds())
	r, err := k.Executor.Execute(h.seat.lend(ctx), action, h)
	if r.Took == 0 {
		r.Took = time.Since(start)
	}
	return r, err
}
