package jitos

import (
	"iter"
	"slices"
)

// agenda is the jobs of an attempt as the scheduler needs them. What may start is not found by looking at all jobs: each change
// of one is passed on to those that come after it, so that a tick costs what has changed, not what there is.
type agenda struct {
	jobs  []jobState       // in the order of their names, which is the order of choice
	place map[JobID]int    // in jobs
	steps map[string]int   // the same, by the names of steps
	then  map[string][]int // the jobs that come after a step, once for each time that they name it
	waits []int            // of each job: how many of the steps that it comes after have not passed

	ready  []int // neither passed nor failed, and waiting for no step; in order, running ones included
	people []int // of those, the ones that only a person may take further: a human's, or one that was interrupted and may have acted
	failed []int // for good, in order
	passed int
	claims int   // of all jobs
	millis int64 // that they ran
}

func newAgenda(jobs []jobState) *agenda {
	a := &agenda{jobs: jobs, place: make(map[JobID]int, len(jobs)), steps: make(map[string]int, len(jobs)), then: map[string][]int{},
		waits: make([]int, len(jobs))}
	for i, j := range jobs {
		a.place[j.id], a.steps[j.step.Name] = i, i
		a.waits[i] = len(j.step.After)
		for _, dep := range j.step.After {
			a.then[dep] = append(a.then[dep], i)
		}
	}
	claims := make([][]claimState, len(jobs))
	for i := range jobs {
		claims[i], jobs[i].claims = jobs[i].claims, nil
		a.sort(i)
	}
	for i := range jobs {
		a.set(i, claims[i])
	}
	return a
}

// set replaces the claims of a job.
func (a *agenda) set(i int, claims []claimState) {
	j := &a.jobs[i]
	was := j.passed()
	a.count(j.claims, -1)
	j.claims = claims
	a.count(j.claims, 1)
	a.sort(i)
	now := j.passed()
	if was == now {
		return
	}
	by := -1
	if was {
		by = 1
	}
	a.passed -= by
	for _, next := range a.then[j.step.Name] {
		a.waits[next] += by
		a.sort(next)
	}
}

func (a *agenda) count(claims []claimState, sign int) {
	a.claims += sign * len(claims)
	for _, c := range claims {
		if c.settled != nil {
			a.millis += int64(sign) * c.settled.Millis
		}
	}
}

// sort puts a job where it belongs.
func (a *agenda) sort(i int) {
	j := &a.jobs[i]
	failed := j.failure() != nil
	ready := !failed && a.waits[i] == 0 && !j.passed()
	a.failed = member(a.failed, i, failed)
	a.ready = member(a.ready, i, ready)
	a.people = member(a.people, i, ready && (j.step.Worker == humanWorker || unsafeToRepeat(j.step) && j.interrupted() != nil))
}

// member has a number in a sorted list, or not.
func member(list []int, i int, in bool) []int {
	at, is := slices.BinarySearch(list, i)
	switch {
	case in && !is:
		return slices.Insert(list, at, i)
	case is && !in:
		return slices.Delete(list, at, at+1)
	}
	return list
}

// done tells whether every job has passed.
func (a *agenda) done() bool { return a.passed == len(a.jobs) }

// open is the first job that has not passed and does not run, nil for none.
func (a *agenda) open(running map[JobID]bool) *jobState {
	for i := range a.jobs {
		if j := &a.jobs[i]; !j.passed() && !running[j.id] {
			return j
		}
	}
	return nil
}

// choice yields the jobs that may start, in order: they do not run, and nobody before them and nobody who runs holds their
// resource.
func (a *agenda) choice(running map[JobID]bool) iter.Seq[jobState] {
	return func(yield func(jobState) bool) {
		held := map[string]bool{}
		for id := range running {
			if i, ok := a.place[id]; ok && a.jobs[i].step.Resource != "" {
				held[a.jobs[i].step.Resource] = true
			}
		}
		for _, i := range a.ready {
			j := a.jobs[i]
			if running[j.id] || held[j.step.Resource] {
				continue
			}
			if j.step.Resource != "" {
				held[j.step.Resource] = true
			}
			if !yield(j) {
				return
			}
		}
	}
}
