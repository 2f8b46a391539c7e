package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// jobFailed ends a process: a job failed for good. One that a gate failed Is ErrExhausted: by hand there is one candidate.
type jobFailed struct {
	job    JobID
	step   string
	kind   string // of the attempt: "job", "gate", "could-not-run", "denied", "quota"
	reason string
}

func (e *jobFailed) Error() string { return e.step + ": " + e.reason }

func (e *jobFailed) Is(target error) bool { return target == ErrExhausted && e.kind == "gate" }

// outcome is a result on its way to its settlement.
type outcome struct {
	job    jobState
	claim  string
	base   Snapshot // the workspace as it was when the job was claimed
	result Result
	proof  *Evidence
	from   string
	signer string        // of from, where that was made in another clone
	again  bool          // it is to be claimed anew
	action SettledAction // its key is "" where the result is not to be reused
	err    error
}

// advance runs the jobs of an open process until all have passed: tick after tick, it settles what has come back, chooses what is
// next, claims it in the same move of the ref, and dispatches it. A *jobFailed says that the plan did not work; ErrWaiting that a
// person must act first. After ctx ended it settles what had finished and returns the context's error; what ran is claimed anew
// on resume.
func (k *Kernel) advance(ctx context.Context, p ProcessView) error {
	t := &ticker{k: k, p: p, reader: &jobReader{store: k.Store, process: p.ID}, running: map[JobID]bool{}, own: map[JobID]bool{},
		waits: map[JobID]error{}, results: make(chan outcome), began: map[JobID]time.Time{}}
	var within context.Context
	within, t.spend = context.WithCancelCause(ctx)
	defer t.spend(nil)
	var done []outcome
	for {
		stop, err := t.tick(ctx, within, done)
		t.watch()
		if err != nil {
			t.drain()
			return err
		}
		if len(t.running) == 0 {
			return stop
		}
		done = t.collect()
	}
}

// ticker is one call of advance.
type ticker struct {
	k       *Kernel
	p       ProcessView
	reader  *jobReader
	running map[JobID]bool  // claimed and dispatched
	own     map[JobID]bool  // claimed by this call
	waits   map[JobID]error // gates that only a person can let through
	results chan outcome
	queued  int           // of what runs, what was claimed ahead
	took    time.Duration // by a job, lately
	wrote   time.Duration // by the last tick that wrote

	began map[JobID]time.Time // of those that run
	clock *time.Timer         // ends them when the attempt's time is used up; nil where nothing does
	spend context.CancelCauseFunc
}

// tick settles results and claims what is next: a commit each, all in one pack and one move of the ref, before any command of
// theirs runs (within). Where another writer moved the workspace meanwhile it looks again. stop says why nothing more starts; where
// nothing runs, how it ended.
func (t *ticker) tick(ctx, within context.Context, done []outcome) (stop, err error) {
	began := time.Now()
	keep := context.WithoutCancel(ctx)
	finished, failed := t.finished(ctx, done)
	for {
		ws, err := t.k.workspace(keep, t.p)
		if err != nil {
			return nil, err
		}
		chain, at, err := t.k.settlements(keep, t.p, ws, finished)
		if err != nil {
			return nil, err
		}
		jobs, err := t.reader.read(keep, at)
		if err != nil {
			return nil, err
		}
		var batch []jobState
		if stop = stopped(ctx, t.p.Process.Quota, jobs, t.running); stop == nil && failed == nil {
			batch = t.next(jobs)
		}
		asks := stop == nil && failed == nil && t.asks(jobs)
		if asks && len(finished) == 0 {
			idle := len(t.running) == 0 && len(batch) == 0
			if went, err := t.k.consult(keep, t.p, ws, jobs, t.running, t.own, idle); err != nil {
				return nil, err
			} else if went {
				continue
			}
		}
		if asks && len(finished) > 0 {
			batch = nil // an answer is settled on what is durable
		}
		now, err := t.publish(keep, ws, at, chain, finished, batch)
		if errors.Is(err, ErrStale) {
			continue
		}
		if err != nil || failed != nil {
			return nil, errors.Join(err, failed)
		}
		if len(finished)+len(batch) > 0 {
			t.wrote = time.Since(began)
		}
		if finished = nil; len(chain) > 0 && asks {
			continue // now with the answers
		}
		for _, j := range batch {
			t.start(within, now, jobs, j)
		}
		t.queued = max(0, len(t.running)-t.k.sideBySide())
		if len(t.running) == 0 {
			stop = t.ended(stop, jobs)
		}
		return stop, nil
	}
}

// finished takes what came back from the jobs that run, and leaves out what is not to be settled. The error is that of jobs that
// the fabric failed.
func (t *ticker) finished(ctx context.Context, done []outcome) (list []outcome, failed error) {
	for _, o := range done {
		delete(t.running, o.job.id)
		delete(t.began, o.job.id)
		switch {
		case errors.Is(o.err, ErrWaiting):
			t.waits[o.job.id] = o.err
		case o.err == nil:
			list = append(list, o)
			t.took = (3*t.took + o.result.Took) / 4
		case ctx.Err() == nil:
			failed = errors.Join(failed, fmt.Errorf("step %s: %w", o.job.step.Name, o.err))
		}
	}
	return list, failed
}

// publish makes what was settled durable, with the claims of a batch, and returns the workspace that its jobs start from.
func (t *ticker) publish(ctx context.Context, ws, at Snapshot, chain []Rewrite, finished []outcome, batch []jobState) (Snapshot, error) {
	if len(chain)+len(batch) == 0 {
		return ws, nil
	}
	var claim []Rewrite
	if len(batch) > 0 {
		rw, err := t.k.claiming(t.p, at, batch)
		if err == nil {
			err = applyAll(ctx, at, []Rewrite{rw}, false)
		}
		if err != nil {
			return nil, err
		}
		claim = append(claim, rw)
	}
	ids, err := t.k.Store.Append(ctx, t.p.ref(), ws.Commit().ID, at.Commit().ID, claim...)
	if err != nil {
		return nil, err
	}
	if err := t.k.tellSettled(ctx, t.p, finished, chain, at); err != nil || len(claim) == 0 {
		return at, err
	}
	return t.k.Store.Open(ctx, ids[0])
}

// start dispatches a job that was claimed.
func (t *ticker) start(ctx context.Context, ws Snapshot, jobs *agenda, j jobState) {
	t.running[j.id], t.own[j.id], t.began[j.id] = true, true, time.Now()
	args, err := arguments(j.step, jobs)
	go func() { t.results <- t.k.dispatch(ctx, t.p, ws, j, args, err) }()
}

// watch has what runs ended at the moment when all jobs together have used up the time of the attempt.
func (t *ticker) watch() {
	if t.clock != nil {
		t.clock.Stop()
	}
	most := time.Duration(t.p.Process.Quota.Seconds) * time.Second
	if most == 0 || len(t.began) == 0 || t.reader.jobs == nil {
		return
	}
	left := most - time.Duration(t.reader.jobs.millis)*time.Millisecond
	for _, at := range t.began {
		left -= time.Since(at)
	}
	t.clock = time.AfterFunc(max(0, left)/time.Duration(len(t.began)), func() { t.spend(errSpent) })
}

// errSpent is why a job was ended that had not used up its own time.
var errSpent = errors.New("the time of the attempt is used up")

// next chooses the jobs to claim now: as many as run side by side, in order, and some that wait for their turn already claimed, so
// that no lane waits for the disk between two short jobs.
func (t *ticker) next(jobs *agenda) []jobState {
	side := t.k.sideBySide()
	room := side - len(t.running)
	most := room + t.ahead(side)
	if q := t.p.Process.Quota; q.Jobs > 0 {
		most = min(most, q.Jobs-jobs.claims)
	}
	var batch []jobState
	for j := range jobs.choice(t.running) {
		if t.waits[j.id] != nil || j.step.Worker == humanWorker || j.interrupted() != nil && !t.own[j.id] && unsafeToRepeat(j.step) {
			continue // only a person can take it further
		}
		if len(batch) >= most || len(batch) >= room && !j.mayQueue() {
			break // nobody overtakes it
		}
		batch = append(batch, j)
	}
	return batch
}

// patient is how many times as long as a tick writes it may wait for results that share it: what does not depend on their number
// is then a small part of what each costs.
const patient = 8

// ahead is how many jobs are claimed beyond those that run side by side: as many as end while a patient tick waits, so that the
// results of several share one; none where they take much longer than that. One after the other, each starts from what the last one
// left, so none is claimed ahead.
func (t *ticker) ahead(side int) int {
	const most = 32 // of each lane
	if side < 2 || t.took == 0 || t.took > 10*t.wrote {
		return 0
	}
	return side * min(int((patient*t.wrote+t.took-1)/t.took), most)
}

// mayQueue tells whether a job may be claimed before it is its turn: should it be interrupted then, nobody has to be asked
// whether it ran.
func (j jobState) mayQueue() bool {
	return j.step.Gate == nil && j.step.Resource == "" && len(j.claims) == 0 && !unsafeToRepeat(j.step)
}

// asks tells whether there are jobs that only a person can take further.
func (t *ticker) asks(jobs *agenda) bool {
	return slices.ContainsFunc(jobs.people, func(i int) bool {
		j := jobs.jobs[i]
		return !t.running[j.id] && (j.step.Worker == humanWorker || !t.own[j.id])
	})
}

// collect waits for a result, and takes those that are ready with it. As long as half of what was claimed ahead is still to run it
// waits for more: what is settled together shares a pack and its fsyncs.
func (t *ticker) collect() []outcome {
	done := []outcome{<-t.results}
	side := t.k.sideBySide()
	late := time.NewTimer(patient * t.wrote)
	defer late.Stop()
	for len(t.running)-len(done) > side+t.queued/2 {
		select {
		case o := <-t.results:
			done = append(done, o)
			continue
		case <-late.C:
		}
		break
	}
	for {
		select {
		case o := <-t.results:
			done = append(done, o)
		default:
			return done
		}
	}
}

// drain waits for jobs that nobody will settle, so that no goroutine and no directory outlives the call.
func (t *ticker) drain() {
	for range t.running {
		<-t.results
	}
}

// ended says how it ended where nothing runs and nothing may start.
func (t *ticker) ended(stop error, jobs *agenda) error {
	if stop != nil || jobs.done() {
		return stop
	}
	for _, err := range t.waits {
		return err
	}
	return fmt.Errorf("step %s cannot start: the steps that it comes after have not passed", jobs.open(nil).step.Name)
}

// stopped says why no job may start any more, nil where one may.
func stopped(ctx context.Context, q Quota, jobs *agenda, running map[JobID]bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(jobs.failed) > 0 {
		j := jobs.jobs[jobs.failed[0]]
		s := j.failure()
		return &jobFailed{j.id, j.step.Name, failureKind(j.step, *s), s.Reason}
	}
	return spentQuota(q, jobs, running)
}

// spentQuota is the failure of a process that has jobs left to start and no quota.
func spentQuota(q Quota, jobs *agenda, running map[JobID]bool) error {
	used := ""
	switch {
	case q.Jobs > 0 && jobs.claims >= q.Jobs:
		used = plural(q.Jobs, "job")
	case q.Seconds > 0 && jobs.millis >= int64(q.Seconds)*1000:
		used = plural(q.Seconds, "second") + " of running jobs"
	default:
		return nil
	}
	left := jobs.open(running)
	if left == nil {
		return nil
	}
	return &jobFailed{left.id, left.step.Name, "quota", fmt.Sprintf("the quota of %s is used up", used)}
}

// reads are the paths that a step depends on. An approval is of all files.
func (s Step) reads() []string {
	if s.approves() {
		return []string{"**"}
	}
	return s.Reads
}

func failureKind(step Step, s Settlement) string {
	switch {
	case s.Exit == exitRejected:
		return "person"
	case s.Exit == exitSpent:
		return "quota"
	case s.Verdict == CouldNot:
		return "could-not-run"
	case s.Exit == exitDenied:
		return "denied"
	case step.Gate != nil:
		return "gate"
	}
	return "job"
}

// exitDenied marks the settlement of a job that was not admitted, exitSpent that of one that was ended with its attempt's time.
const (
	exitDenied = -8
	exitSpent  = -6
)

// claim writes that jobs are about to run, and returns the workspace that they are dispatched from.
func (k *Kernel) claim(ctx context.Context, p ProcessView, ws Snapshot, batch []jobState) (Snapshot, error) {
	rw, err := k.claiming(p, ws, batch)
	if err != nil {
		return nil, err
	}
	return k.extend(ctx, p, ws, rw)
}

// claiming makes the rewrite that says that jobs are about to run, and gives each of the batch its claim.
func (k *Kernel) claiming(p ProcessView, ws Snapshot, batch []jobState) (Rewrite, error) {
	what := batch[0].step.Name
	if len(batch) > 1 {
		what += " and " + strconv.Itoa(len(batch)-1) + " more"
	}
	rw := k.rewrite(RuleClaim, p, what)
	for i, j := range batch {
		number := 1
		if n := len(j.claims); n > 0 {
			number = j.claims[n-1].claim.Number + 1
		}
		name := string(j.id) + "." + strconv.Itoa(number)
		n, err := MakeNode(NodeID{KindClaim, name}, Claim{Job: j.id, Number: number, Base: ws.Tree()})
		if err != nil {
			return rw, err
		}
		rw.Set = append(rw.Set, n)
		rw.Edges = append(rw.Edges, Edge{From: j.id.Node(), Label: LabelClaim, To: n.ID})
		batch[i].claims = append(j.claims[:len(j.claims):len(j.claims)], claimState{name: name, claim: Claim{j.id, number, ws.Tree()}})
	}
	return rw, nil
}
