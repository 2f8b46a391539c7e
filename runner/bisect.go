package runner

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/jitos/jitos"
)

// DefaultProbes bounds the runs of one bisection.
const DefaultProbes = 100

// Bisect finds the commit of the user's history that made tests fail. The arguments "run", "report" and "chain" are those of
// the step that runs the tests.
//
// Only the tests count that fail on the snapshot (Host.Failing) and at the newest commit. A commit is bad where one of
// them fails, good where all of them ran and passed, and else cannot be judged: it does not build, the tests are not
// there yet. Such commits are gone around.
//
// A culprit fails at its commit and passes at its first parent, in two more runs of each. Then the verdict is Pass, the
// artifact "culprit" is its id, and a Finding about "culprit" has the data commit, subject, tests and probes. Otherwise the verdict
// is Fail, with a Finding about
//
//	flaky        runs on the same files disagreed
//	no-culprit   the tests never passed: they came with the commit, fail back to the first one, or do not fail at the newest
type Bisect struct {
	// Probes bounds the runs; 0 means DefaultProbes.
	Probes int
}

var _ jitos.Worker = (*Bisect)(nil)

// Fileless says that it works with trees alone.
func (*Bisect) Fileless() {}

// Work runs the bisection, within the step's timeout.
func (b *Bisect) Work(ctx context.Context, _ string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	if action.Args["run"] == "" {
		return couldNot("no test command was given to bisect with"), nil
	}
	bounded, cancel := context.WithTimeout(ctx, timeout(action.Step))
	defer cancel()
	next, stop := iter.Pull2(host.History(bounded))
	defer stop()
	s := &search{ctx: bounded, host: host, step: probeStep(action), most: b.Probes, next: next, seen: map[int]judgement{}}
	if s.most <= 0 {
		s.most = DefaultProbes
	}
	r, err := s.run(action)
	var end *inconclusive
	switch {
	case ctx.Err() != nil:
		return jitos.Result{}, ctx.Err()
	case bounded.Err() != nil:
		r = failed("it took longer than %s: %d runs", timeout(action.Step), s.probes)
	case errors.As(err, &end):
		r = end.result(s)
	case err != nil:
		return r, err
	}
	r.Output = strings.Join(s.log, "\n") + "\n"
	return r, nil
}

// probeStep is the step that runs the tests on a commit's files. It may do what the bisection may, except write.
func probeStep(action jitos.Action) jitos.Step {
	step := jitos.Step{Name: action.Step.Name + ".probe", Title: "run the tests", Worker: "shell", Run: action.Args["run"],
		Report: action.Args["report"], Chain: action.Args["chain"], Origin: action.Step.Origin}
	for _, need := range action.Step.Needs {
		if verb, _, _ := strings.Cut(need, ":"); verb != writeVerb && verb != "history" {
			step.Needs = append(step.Needs, need)
		}
	}
	if seconds, err := strconv.Atoi(action.Args["timeout"]); err == nil && seconds > 0 {
		step.Timeout = seconds
	}
	return step
}

// judgement of one commit.
type judgement struct {
	kind byte // bad, good, skip
	why  string
}

const (
	bad  = 'b'
	good = 'g'
	skip = 's'
)

// inconclusive ends a search without a culprit.
type inconclusive struct{ about, text string }

func (i *inconclusive) Error() string { return i.text }

func (i *inconclusive) result(s *search) jitos.Result {
	r := failed("%s", i.text)
	r.Findings = []jitos.Finding{{About: i.about, Text: i.text,
		Data: map[string]string{"tests": strings.Join(s.tests, "\n"), "probes": strconv.Itoa(s.probes)}}}
	return r
}

// search walks the history, newest commit first: index 0 is the newest.
type search struct {
	ctx     context.Context
	host    jitos.Host
	step    jitos.Step
	most    int
	next    func() (jitos.Commit, error, bool)
	commits []jitos.Commit
	ended   bool // all commits are read
	tests   []string
	seen    map[int]judgement
	probes  int
	log     []string
}

func (s *search) run(action jitos.Action) (jitos.Result, error) {
	if ok, err := s.has(0); err != nil || !ok {
		return failed("there is no commit of the user's to search"), err
	}
	if err := s.chooseTests(action); err != nil {
		return jitos.Result{}, err
	}
	low, high, err := s.bracket()
	if err == nil {
		low, high, err = s.narrow(low, high)
	}
	if err == nil {
		err = s.confirm(low, high)
	}
	if err != nil {
		return jitos.Result{}, err
	}
	c := s.commits[low]
	text := fmt.Sprintf("%s made %s fail: twice it failed there and twice it passed at the parent", label(c), few(s.tests))
	s.say(text)
	return jitos.Result{Verdict: jitos.Pass, Artifacts: map[string]string{"culprit": string(c.ID)},
		Findings: []jitos.Finding{{About: "culprit", Text: text, Data: map[string]string{"commit": string(c.ID), "subject": c.Subject,
			"tests": strings.Join(s.tests, "\n"), "probes": strconv.Itoa(s.probes)}}}}, nil
}

// has tells whether there is a commit with this index, reading the history as far as that.
func (s *search) has(i int) (bool, error) {
	for !s.ended && len(s.commits) <= i {
		c, err, ok := s.next()
		if err != nil {
			return false, fmt.Errorf("read the history: %w", err)
		}
		if s.ended = !ok; ok {
			s.commits = append(s.commits, c)
		}
	}
	return i < len(s.commits), nil
}

// chooseTests runs the newest commit and keeps the tests that fail there and on the snapshot.
func (s *search) chooseTests(action jitos.Action) error {
	r, err := s.try(0)
	if err != nil {
		return err
	}
	c := s.commits[0]
	if r.Verdict == jitos.CouldNot {
		return &inconclusive{"no-culprit", "the tests cannot run at the newest commit: " + r.Reason}
	}
	snapshot := s.host.Failing()
	if r.Report != nil {
		s.tests = slices.Clone(r.Report.Failed)
	}
	if snapshot != nil && len(snapshot.Failed) > 0 {
		s.tests = slices.DeleteFunc(s.tests, func(t string) bool { return !slices.Contains(snapshot.Failed, t) })
	}
	if len(s.tests) > 0 || r.Report == nil && r.Verdict == jitos.Fail {
		s.seen[0] = judgement{bad, ""}
		s.say(fmt.Sprintf("run 1: %s fails: %s", label(c), few(s.tests)))
		return nil
	}
	if c.Tree == action.Tree && snapshot != nil && len(snapshot.Failed) > 0 {
		return &inconclusive{"flaky", fmt.Sprintf("%s failed before and did not fail now, on the same files", few(snapshot.Failed))}
	}
	if r.Verdict == jitos.Fail && len(r.Report.Failed) == 0 {
		return &inconclusive{"no-culprit", "no test is named as failing at the newest commit " + label(c) + ", though the run failed: " + r.Reason}
	}
	return &inconclusive{"no-culprit", "the tests do not fail at the newest commit " + label(c) +
		": what broke them is no commit of the user's"}
}

// bracket finds a bad commit and an older good one, at distances that double.
func (s *search) bracket() (low, high int, err error) {
	edge := -1 // the first commit behind low that cannot be judged
	for distance := 1; ; distance *= 2 {
		i := distance
		more, err := s.has(i)
		if err != nil {
			return 0, 0, err
		}
		if !more {
			i = len(s.commits) - 1
		}
		j, err := s.judge(i)
		if err != nil {
			return 0, 0, err
		}
		switch j.kind {
		case bad:
			low, edge = i, -1
		case good:
			return low, i, nil
		case skip:
			if edge < 0 {
				edge = i
			}
		}
		if !more {
			break
		}
	}
	if edge < 0 {
		return 0, 0, &inconclusive{"no-culprit", fmt.Sprintf("%s fails at every commit back to the oldest, %s", few(s.tests), label(s.commits[low]))}
	}
	return s.beforeEdge(low, edge)
}

// beforeEdge looks for a good commit between a bad one and an older one that cannot be judged: a test that passed for a
// while after it was written has one there.
func (s *search) beforeEdge(low, edge int) (int, int, error) {
	for edge-low > 1 {
		mid := (low + edge) / 2
		j, err := s.judge(mid)
		if err != nil {
			return 0, 0, err
		}
		switch j.kind {
		case bad:
			low = mid
		case good:
			return low, mid, nil
		case skip:
			edge = mid
		}
	}
	return 0, 0, &inconclusive{"no-culprit", fmt.Sprintf("%s never passed: it fails at %s, and before that, at %s, %s",
		few(s.tests), label(s.commits[low]), label(s.commits[edge]), s.seen[edge].why)}
}

// narrow halves the distance between a bad commit and an older good one until they are neighbours.
func (s *search) narrow(low, high int) (int, int, error) {
	for high-low > 1 {
		i, j, err := s.judgeNear((low+high)/2, low, high)
		if err != nil {
			return 0, 0, err
		}
		switch j.kind {
		case bad:
			low = i
		case good:
			high = i
		case skip:
			return 0, 0, &inconclusive{"no-culprit", fmt.Sprintf("one of the %d commits after %s up to %s made %s fail; none between them can be judged: %s",
				high-low, label(s.commits[high]), label(s.commits[low]), few(s.tests), j.why)}
		}
	}
	return low, high, nil
}

// judgeNear judges the commit in the middle, or, where it cannot be judged, the nearest between the two that can.
func (s *search) judgeNear(mid, low, high int) (int, judgement, error) {
	last := judgement{kind: skip}
	for away := 0; mid-away > low || mid+away < high; away++ {
		for _, i := range []int{mid + away, mid - away} {
			if i <= low || i >= high {
				continue
			}
			j, err := s.judge(i)
			if err != nil || j.kind != skip {
				return i, j, err
			}
			last = j
		}
	}
	return mid, last, nil
}

// confirm runs the culprit and its parent twice more.
func (s *search) confirm(low, high int) error {
	for range 2 {
		for _, want := range []struct {
			at   int
			kind byte
		}{{low, bad}, {high, good}} {
			r, err := s.try(want.at)
			if err != nil {
				return err
			}
			j := s.judgeResult(r)
			s.tell(want.at, j)
			if j.kind != want.kind {
				return &inconclusive{"flaky", fmt.Sprintf("runs disagree at %s: %s it %s, now it %s", label(s.commits[want.at]), few(s.tests),
					judgement{kind: want.kind}.words(), j.words())}
			}
		}
	}
	return nil
}

// judge runs the tests at a commit, once.
func (s *search) judge(i int) (judgement, error) {
	if j, ok := s.seen[i]; ok {
		return j, nil
	}
	r, err := s.try(i)
	if err != nil {
		return judgement{}, err
	}
	j := s.judgeResult(r)
	s.seen[i] = j
	s.tell(i, j)
	return j, nil
}

func (s *search) try(i int) (jitos.Result, error) {
	if s.probes >= s.most {
		return jitos.Result{}, &inconclusive{"no-culprit", fmt.Sprintf("no culprit was found in %d runs", s.probes)}
	}
	s.probes++
	r, err := s.host.Try(s.ctx, s.commits[i].Tree, s.step)
	if err != nil {
		return r, fmt.Errorf("run the tests at %s: %w", label(s.commits[i]), err)
	}
	return r, nil
}

func (s *search) judgeResult(r jitos.Result) judgement {
	switch {
	case r.Verdict == jitos.CouldNot:
		return judgement{skip, "the tests cannot run: " + r.Reason}
	case r.Report == nil && r.Verdict == jitos.Pass:
		return judgement{good, ""}
	case r.Report == nil:
		return judgement{bad, ""}
	}
	var absent []string
	for _, t := range s.tests {
		if slices.Contains(r.Report.Failed, t) {
			return judgement{bad, ""}
		}
		if !slices.Contains(r.Report.Passed, t) {
			absent = append(absent, t)
		}
	}
	if len(absent) == 0 {
		return judgement{good, ""}
	}
	if len(r.Report.Failed) > 0 {
		return judgement{skip, few(absent) + " did not run, and this failed: " + few(r.Report.Failed)}
	}
	return judgement{skip, "there is no " + few(absent)}
}

func (j judgement) words() string {
	switch j.kind {
	case bad:
		return "failed"
	case good:
		return "passed"
	}
	return "could not be judged"
}

func (s *search) tell(i int, j judgement) {
	line := fmt.Sprintf("run %d: %s %s", s.probes, label(s.commits[i]), j.words())
	if j.why != "" {
		line += ": " + j.why
	}
	s.say(line)
}

func (s *search) say(line string) {
	s.log = append(s.log, line)
	s.host.Say(line)
}
