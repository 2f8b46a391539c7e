package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jitos/jitos/runner/repair"
)

// pythonSubject is a Python project with tests of unittest or pytest. Programs of ours (repair.PythonFiles) do the work in
// its directory, with its interpreter.
type pythonSubject struct {
	failing []string // that fail alone, at most maxFailing
	modules []string // that the tests import and the project does not have
	timeout float64  // seconds of processor time that a test may take with an edit
}

// pythonStart is where the command that runs the tests starts the test runner.
var pythonStart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`-m (unittest|pytest)\b[^\n]*`) })

// pythonJob is what run.py is asked.
type pythonJob struct {
	Report  string                        `json:"report"`
	Failing []string                      `json:"failing,omitempty"`
	Passing []string                      `json:"passing"`
	Preload []string                      `json:"preload,omitempty"`
	Seconds int                           `json:"seconds,omitempty"` // for the tests that pass
	Timeout float64                       `json:"timeout,omitempty"` // of a test, in seconds of processor time
	Until   int64                         `json:"until,omitempty"`
	Lines   map[string]map[string]float64 `json:"lines,omitempty"`
	Edits   [][5]any                      `json:"edits,omitempty"` // number, path, start, end, text
}

// ask runs run.py on the files of the snapshot.
func (p *pythonSubject) ask(ctx context.Context, s *repairing, what string, job pythonJob, answer any) error {
	job.Report, job.Preload = s.action.Args["report"], p.modules
	text, err := json.Marshal(job)
	if err != nil {
		return err
	}
	files := map[string][]byte{below("job.json"): text}
	for name, src := range repair.PythonFiles() {
		files[below(name)] = src
	}
	tree, err := s.tree(files)
	if err != nil {
		return err
	}
	run := s.action.Args["run"]
	if !pythonStart().MatchString(run) {
		return &inconclusive{"no-repair", "the command that runs the tests does not start unittest or pytest: " + oneLine(run)}
	}
	r, err := s.try(ctx, tree, what+" the tests", pythonStart().ReplaceAllString(run, below("run.py")+" "+what))
	if err != nil {
		return err
	}
	if r.Artifacts["answer"] == "" { // a search that ran out of time has told what it came to
		return &inconclusive{"no-repair", "the tests cannot be run one by one: " + r.Reason}
	}
	if err := json.Unmarshal([]byte(r.Artifacts["answer"]), answer); err != nil {
		return fmt.Errorf("%s the tests: %w", what, err)
	}
	return nil
}

func (p *pythonSubject) format(src []byte, e repair.Edit) []byte { return e.Apply(src) }

func (p *pythonSubject) measure(s *repairing) (*repair.Spectrum, error) {
	isTest := func(name string) bool {
		return strings.Contains(name, "::") || strings.Contains(name, ".") && !strings.ContainsAny(name, "/ ")
	}
	failing := slices.DeleteFunc(slices.Clone(s.failing), func(name string) bool { return !isTest(name) })
	passing := slices.DeleteFunc(slices.Clone(s.passing), func(name string) bool { return !isTest(name) })
	if len(failing) == 0 {
		return nil, &inconclusive{"no-repair", "no test fails by its name: " + few(s.failing) + " cannot be loaded"}
	}
	var found struct {
		Failing []string
		Passing int
		Lines   map[string]map[string][2]int
		Slowest float64
		Modules []string
	}
	err := p.ask(s.ctx, s, "trace", pythonJob{Failing: spread(failing, 4*maxFailing), Passing: spread(passing, maxPassing), Seconds: 60}, &found)
	if err != nil {
		return nil, err
	}
	if len(found.Failing) == 0 {
		return nil, &inconclusive{"flaky", "the failing tests do not fail when each runs alone"}
	}
	p.failing, p.modules, p.timeout = spread(found.Failing, maxFailing), found.Modules, .3+3*found.Slowest
	spectrum := &repair.Spectrum{Failing: len(found.Failing), Passing: found.Passing}
	for _, name := range keysOf(found.Lines) {
		for number, counts := range found.Lines[name] {
			line, err := strconv.Atoi(number)
			if _, tracked := s.files.files[name]; err != nil || !tracked {
				continue
			}
			spectrum.Spans = append(spectrum.Spans, repair.Span{Path: name, Line: line, Column: 1, EndLine: line + 1, EndColumn: 1, Failed: counts[0], Passed: counts[1]})
		}
	}
	sort.Slice(spectrum.Spans, func(i, j int) bool {
		a, b := spectrum.Spans[i], spectrum.Spans[j]
		return a.Path < b.Path || a.Path == b.Path && a.Line < b.Line
	})
	return spectrum, nil
}

func (p *pythonSubject) edits(s *repairing, spectrum *repair.Spectrum) ([]repair.Edit, error) {
	job := pythonJob{Lines: map[string]map[string]float64{}}
	for _, span := range spectrum.Ranked() {
		if job.Lines[span.Path] == nil {
			job.Lines[span.Path] = map[string]float64{}
		}
		job.Lines[span.Path][strconv.Itoa(span.Line)] = spectrum.Suspicion(span)
	}
	var answer json.RawMessage
	if err := p.ask(s.ctx, s, "edits", job, &answer); err != nil {
		return nil, err
	}
	return repair.ReadPythonEdits(answer, s.source)
}

func (p *pythonSubject) sieve(ctx context.Context, s *repairing, ids []int) (sieved, error) {
	const side = 2 // each in a directory of its own, where it writes the edits
	type outcome struct {
		Passed []int
		Tried  int
	}
	var found [side]outcome
	var errs [side]error
	var wait sync.WaitGroup
	end, _ := ctx.Deadline()
	for i := range side {
		job := pythonJob{Failing: p.failing, Timeout: p.timeout, Until: end.Add(-time.Second).Unix()}
		for n, id := range ids {
			if n%side == i {
				e := s.edits[id]
				src, err := s.source(e.Path)
				if err != nil {
					return sieved{}, err
				}
				start, stop := e.Span(src)
				job.Edits = append(job.Edits, [5]any{id, path.Clean(e.Path), start, stop, e.Text})
			}
		}
		if len(job.Edits) > 0 {
			wait.Go(func() { errs[i] = p.ask(s.ctx, s, "sieve", job, &found[i]) })
		}
	}
	wait.Wait()
	all := append(found[0].Passed, found[1].Passed...)
	for _, err := range errs {
		if err != nil {
			return sieved{}, err
		}
	}
	var tried []int
	for n, id := range ids {
		if n/side < found[n%side].Tried {
			tried = append(tried, id)
		}
	}
	return sieved{tried: tried, through: all, passed: all}, nil
}
