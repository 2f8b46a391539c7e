package jitos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
)

// jobState is a job with its claims, as an SWS's graph tells them.
type jobState struct {
	id     JobID
	step   Step
	claims []claimState
}

type claimState struct {
	name    string
	claim   Claim
	settled *Settlement
}

// last is the newest claim that was not found stale, nil where there is none.
func (j jobState) last() *claimState {
	for i := len(j.claims) - 1; i >= 0; i-- {
		if c := &j.claims[i]; c.settled == nil || !c.settled.Stale {
			return c
		}
		if i == len(j.claims)-1 {
			return nil // the newest was stale: what came before it is out of date as well
		}
	}
	return nil
}

func (j jobState) passed() bool {
	c := j.last()
	return c != nil && c.settled != nil && c.settled.Verdict == Pass
}

// failure is the settlement by which the job has failed for good, nil where it has not.
func (j jobState) failure() *Settlement {
	c := j.last()
	if c == nil || c.settled == nil || c.settled.Verdict == Pass {
		return nil
	}
	tries := 0
	for _, c := range j.claims {
		if c.settled != nil && !c.settled.Stale {
			tries++
		}
	}
	if c.settled.Verdict == Fail && tries <= j.step.Retries {
		return nil
	}
	return c.settled
}

// interrupted is a claim that nobody settled.
func (j jobState) interrupted() *claimState {
	if c := j.last(); c != nil && c.settled == nil {
		return c
	}
	return nil
}

// jobsOf reads the jobs of a process from its workspace, in the order of their names.
func jobsOf(ctx context.Context, ws Graph, id ProcessID) ([]jobState, error) {
	var jobs []jobState
	for j, err := range Targets[Job](ctx, ws, id.Node(), LabelJob) {
		if err != nil {
			return nil, err
		}
		state := jobState{id: JobID(j.ID.Name), step: j.Record.Step}
		if state.claims, err = claimsOf(ctx, ws, state.id); err != nil {
			return nil, err
		}
		jobs = append(jobs, state)
	}
	return jobs, nil
}

// claimsOf reads the claims of a job, in order of their numbers.
func claimsOf(ctx context.Context, ws Graph, id JobID) ([]claimState, error) {
	var claims []claimState
	for c, err := range Targets[Claim](ctx, ws, id.Node(), LabelClaim) {
		if err != nil {
			return nil, err
		}
		cs := claimState{name: c.ID.Name, claim: c.Record}
		if s, err := Get[Settlement](ctx, ws, NodeID{KindSettlement, c.ID.Name}); err == nil {
			cs.settled = &s
		} else if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		claims = append(claims, cs)
	}
	sort.Slice(claims, func(a, b int) bool { return claims[a].claim.Number < claims[b].claim.Number })
	return claims, nil
}

// chosen picks the jobs to claim now: dependencies passed, not running, resource free, at most room many.
func chosen(jobs []jobState, running map[JobID]bool, room int) []jobState {
	passed, held := map[string]bool{}, map[string]bool{}
	for _, j := range jobs {
		passed[j.step.Name] = j.passed() && !running[j.id]
		if running[j.id] && j.step.Resource != "" {
			held[j.step.Resource] = true
		}
	}
	var pick []jobState
next:
	for _, j := range jobs {
		if len(pick) >= room || running[j.id] || j.passed() || j.failure() != nil || held[j.step.Resource] && j.step.Resource != "" {
			continue
		}
		for _, dep := range j.step.After {
			if !passed[dep] {
				continue next
			}
		}
		if j.step.Resource != "" {
			held[j.step.Resource] = true
		}
		pick = append(pick, j)
	}
	return pick
}

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
	again  bool          // it is to be claimed anew
	action SettledAction // its key is "" where the result is not to be reused
	err    error
}

// advance runs the jobs of an open process until all have passed: tick after tick, it chooses, claims, dispatches and
// settles. A *jobFailed says that the plan did not work; ErrWaiting that a person must act first. After ctx ended it
// settles what had finished and returns the context's error; what ran is claimed anew on resume.
func (k *Kernel) advance(ctx context.Context, p ProcessView) error {
	running := map[JobID]bool{}
	results := make(chan outcome)
	keep := context.WithoutCancel(ctx)
	spent := map[JobID]bool{}  // claims made by this call
	waits := map[JobID]error{} // gates that only a person can let through
	reader := &jobReader{store: k.Store, process: p.ID}
	for {
		ws, err := k.workspace(keep, p)
		if err != nil {
			return err
		}
		jobs, err := reader.read(keep, ws)
		if err != nil {
			return err
		}
		stop := stopped(ctx, jobs)
		if stop == nil {
			stop = spentQuota(p.Process.Quota, jobs, running)
		}
		if stop == nil {
			batch := runnable(chosen(jobs, running, len(jobs)), spent, waits)
			batch = batch[:min(len(batch), room(p.Process.Quota, jobs, k.sideBySide()-len(running)))]
			idle := len(running) == 0 && len(batch) == 0
			if went, err := k.consult(keep, p, ws, jobs, running, spent, idle); went || err != nil {
				if err != nil {
					return errors.Join(err, drain(results, running))
				}
				continue
			}
			if idle {
				for _, err := range waits {
					return err
				}
			}
			if len(batch) > 0 {
				if ws, err = k.claim(keep, p, ws, batch); err != nil {
					return err
				}
			}
			for _, j := range batch {
				running[j.id], spent[j.id] = true, true
				go func() { results <- k.dispatch(ctx, p, ws, jobs, j) }()
			}
		}
		if len(running) == 0 {
			return finished(stop, jobs)
		}
		done := []outcome{<-results}
		for more := true; more; { // those ready together share a pack and a ref move
			select {
			case o := <-results:
				done = append(done, o)
			default:
				more = false
			}
		}
		done = slices.DeleteFunc(done, func(o outcome) bool {
			if errors.Is(o.err, ErrWaiting) {
				waits[o.job.id] = o.err
				delete(running, o.job.id)
			}
			return errors.Is(o.err, ErrWaiting)
		})
		if err := k.settle(keep, ctx, p, done, running); err != nil {
			return errors.Join(err, drain(results, running))
		}
	}
}

// drain waits for jobs that nobody will settle, so that no goroutine and no directory outlives the call.
func drain(results chan outcome, running map[JobID]bool) error {
	for range running {
		<-results
	}
	return nil
}

func stopped(ctx context.Context, jobs []jobState) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, j := range jobs {
		if s := j.failure(); s != nil {
			return &jobFailed{j.id, j.step.Name, failureKind(j.step, *s), s.Reason}
		}
	}
	return nil
}

// room is how many jobs may be claimed now: what runs side by side, within the quota.
func room(q Quota, jobs []jobState, side int) int {
	if q.Jobs == 0 {
		return side
	}
	for _, j := range jobs {
		q.Jobs -= len(j.claims)
	}
	return max(0, min(side, q.Jobs))
}

// spentQuota is the failure of a process that has jobs left to start and no quota.
func spentQuota(q Quota, jobs []jobState, running map[JobID]bool) error {
	claims, millis := 0, int64(0)
	var left *jobState
	for i, j := range jobs {
		claims += len(j.claims)
		for _, c := range j.claims {
			if c.settled != nil {
				millis += c.settled.Millis
			}
		}
		if !j.passed() && !running[j.id] {
			left = &jobs[i]
		}
	}
	switch {
	case left == nil:
	case q.Jobs > 0 && claims >= q.Jobs:
		return &jobFailed{left.id, left.step.Name, "quota", fmt.Sprintf("the quota of %s is used up", plural(q.Jobs, "job"))}
	case q.Seconds > 0 && millis >= int64(q.Seconds)*1000:
		return &jobFailed{left.id, left.step.Name, "quota", fmt.Sprintf("the quota of %s of running jobs is used up", plural(q.Seconds, "second"))}
	}
	return nil
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
	case s.Verdict == CouldNot:
		return "could-not-run"
	case s.Exit == exitDenied:
		return "denied"
	case step.Gate != nil:
		return "gate"
	}
	return "job"
}

// exitDenied marks the settlement of a job that was not admitted.
const exitDenied = -8

func finished(stop error, jobs []jobState) error {
	if stop != nil {
		return stop
	}
	for _, j := range jobs {
		if !j.passed() {
			return fmt.Errorf("step %s cannot start: the steps that it comes after have not passed", j.step.Name)
		}
	}
	return nil
}

// runnable leaves out what only a person can take further.
func runnable(jobs []jobState, spent map[JobID]bool, waits map[JobID]error) []jobState {
	var out []jobState
	for _, j := range jobs {
		if waits[j.id] != nil || j.step.Worker == humanWorker || j.interrupted() != nil && !spent[j.id] && unsafeToRepeat(j.step) {
			continue
		}
		out = append(out, j)
	}
	return out
}

// claim writes that jobs are about to run, and returns the workspace that they are dispatched from.
func (k *Kernel) claim(ctx context.Context, p ProcessView, ws Snapshot, batch []jobState) (Snapshot, error) {
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
			return nil, err
		}
		rw.Set = append(rw.Set, n)
		rw.Edges = append(rw.Edges, Edge{From: j.id.Node(), Label: LabelClaim, To: n.ID})
		batch[i].claims = append(j.claims[:len(j.claims):len(j.claims)], claimState{name: name, claim: Claim{j.id, number, ws.Tree()}})
	}
	return k.extend(ctx, p, ws, rw)
}
