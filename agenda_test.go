package jitos

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// chosenByAll finds what may start by looking at every job: what agenda is to say without that.
func chosenByAll(jobs []jobState, running map[JobID]bool) []JobID {
	passed, held := map[string]bool{}, map[string]bool{}
	for _, j := range jobs {
		passed[j.step.Name] = j.passed()
		if running[j.id] {
			held[j.step.Resource] = true
		}
	}
	var pick []JobID
	for _, j := range jobs {
		resource := j.step.Resource
		if running[j.id] || j.passed() || j.failure() != nil || resource != "" && held[resource] ||
			slices.ContainsFunc(j.step.After, func(dep string) bool { return !passed[dep] }) {
			continue
		}
		held[resource] = true
		pick = append(pick, j.id)
	}
	return pick
}

// Whatever becomes of jobs, in whatever order, what is kept up to date job by job is what a look at all of them tells.
func TestAgenda(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		jobs := make([]jobState, 1+r.IntN(12))
		for i := range jobs {
			s := Step{Name: fmt.Sprint(i), Worker: "shell", Retries: r.IntN(2)}
			for dep := range i {
				if r.IntN(4) == 0 {
					s.After = append(s.After, fmt.Sprint(dep))
				}
			}
			if r.IntN(20) == 0 {
				s.After = append(s.After, "nowhere")
			}
			if r.IntN(3) == 0 {
				s.Resource = "r"
			}
			if r.IntN(4) == 0 {
				s.Needs = []string{"net"}
			}
			jobs[i] = jobState{id: JobID("j" + s.Name), step: s}
		}
		a, running := newAgenda(slices.Clone(jobs)), map[JobID]bool{}
		for range 40 {
			i := r.IntN(len(jobs))
			claims := slices.Clone(jobs[i].claims)
			switch n := len(claims); {
			case n == 0 || claims[n-1].settled != nil:
				claims = append(claims, claimState{name: fmt.Sprint(n)})
			case r.IntN(8) == 0:
				claims = claims[:n-1]
			default:
				claims[n-1].settled = &Settlement{Verdict: []Verdict{Pass, Pass, Fail, CouldNot}[r.IntN(4)], Stale: r.IntN(4) == 0, Millis: int64(r.IntN(9))}
			}
			if delete(running, jobs[i].id); r.IntN(5) == 0 {
				running[jobs[i].id] = true
			}
			jobs[i].claims = claims
			a.set(i, claims)
			anew := newAgenda(slices.Clone(jobs))
			if !reflect.DeepEqual(norm(a), norm(anew)) {
				t.Fatalf("seed %d: step by step %+v, anew %+v", seed, a, anew)
			}
			var got []JobID
			for j := range a.choice(running) {
				got = append(got, j.id)
			}
			if want := chosenByAll(jobs, running); !slices.Equal(got, want) {
				t.Fatalf("seed %d: %v may start, want %v", seed, got, want)
			}
			if open := a.open(nil); a.done() != (open == nil) {
				t.Fatalf("seed %d: done %t, and %v is open", seed, a.done(), open)
			}
		}
	}
}

// norm takes an empty list for none.
func norm(a *agenda) [7]any {
	list := func(l []int) string { return fmt.Sprint(l) }
	return [7]any{list(a.waits), list(a.ready), list(a.people), list(a.failed), a.passed, a.claims, a.millis}
}

// Short jobs are claimed before it is their turn, and none overtakes one that is not: a gate, one that may act on the network, one
// that was tried before. Long ones are not, and nothing is where one job runs at a time.
func TestAhead(t *testing.T) {
	steps := []Step{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e", Gate: &GateRef{Gate: "g"}}, {Name: "f"}}
	jobs := make([]jobState, len(steps))
	for i, s := range steps {
		jobs[i] = jobState{id: JobID(s.Name), step: s}
	}
	for _, tt := range []struct {
		what        string
		side        int
		took, wrote time.Duration
		change      func(*jobState)
		want        int
	}{
		{"before anything is known", 2, 0, 0, nil, 2},
		{"short jobs, up to the gate", 2, time.Millisecond, 5 * time.Millisecond, nil, 4},
		{"one at a time", 1, time.Millisecond, 5 * time.Millisecond, nil, 1},
		{"long jobs", 2, time.Second, 5 * time.Millisecond, nil, 2},
		{"one on the network", 2, time.Millisecond, 5 * time.Millisecond, func(j *jobState) { j.step.Needs = []string{"net:example.org:443"} }, 2},
		{"one with a resource", 2, time.Millisecond, 5 * time.Millisecond, func(j *jobState) { j.step.Resource = "r" }, 2},
		{"one that was interrupted", 2, time.Millisecond, 5 * time.Millisecond, func(j *jobState) { j.claims = []claimState{{}} }, 2},
	} {
		now := slices.Clone(jobs)
		if tt.change != nil {
			tt.change(&now[2])
		}
		k := &Kernel{Jobs: tt.side}
		tick := &ticker{k: k, took: tt.took, wrote: tt.wrote, running: map[JobID]bool{}}
		if got := tick.next(newAgenda(now)); len(got) != tt.want {
			t.Errorf("%s: %d are claimed, want %d", tt.what, len(got), tt.want)
		}
	}
	k := &Kernel{Jobs: 2}
	tick := &ticker{k: k, took: time.Millisecond, wrote: 5 * time.Millisecond, running: map[JobID]bool{}}
	tick.p.Process.Quota.Jobs = 3
	if got := tick.next(newAgenda(slices.Clone(jobs))); len(got) != 3 {
		t.Errorf("within a quota of 3: %d are claimed", len(got))
	}
}
