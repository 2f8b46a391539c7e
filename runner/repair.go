package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/repair"
)

// Bounds of one repair, where the step's arguments "seconds" and "edits" do not say others.
const (
	repairTime  = 5 * time.Minute
	repairEdits = 3000
	// maxPatches is how many patches that pass all tests are looked for: nobody wants to read more.
	maxPatches = 10
	// How long the search goes on after the first patch: as long as that took, within these.
	leastMore, mostMore = 20 * time.Second, 2 * time.Minute
)

// Repair looks for a small edit that makes failing tests pass, by trying many: generate and validate. The arguments "run",
// "report" and "chain" are those of the step that runs the tests; "seconds" and "edits" bound the search.
//
// It works with the tests that fail on the snapshot (Host.Failing), one by one: which statements they run, and passing
// tests do not, tells where to edit. The edits are put together into one program that chooses among them when it runs, so
// that the failing tests can be run with each in little more time than they take, and the other tests of their packages where they
// pass. An edit that is left gets a file tree of its own, on which all tests run; it passes where every test of the snapshot
// runs and passes. Test files are never edited.
//
// The verdict is Pass, and the tree the files with the best edit, where there is one: the most suspicious place first, and there the
// likeliest kind of edit. With the argument "ask", where several pass that do not do the same, the tree stays, and a person is asked:
// see repair_choose.go. Findings are about
//
//	repair       the edit that was chosen, its rank among all edits, and how many were tried
//	alternative  another edit that passes all tests, at most nine
//	no-repair    no edit passed; counts of what was tried, by kind and by place
//	flaky        the failing tests pass when they run alone
type Repair struct {
	Objects Objects
}

var _ jitos.Worker = (*Repair)(nil)

// Fileless says that it works with trees alone.
func (*Repair) Fileless() {}

// subject is a program under repair in some language. A *inconclusive error ends the repair.
type subject interface {
	// measure runs each failing test, and passing ones, alone.
	measure(s *repairing) (*repair.Spectrum, error)
	// edits are the edits at suspicious places.
	edits(s *repairing, spectrum *repair.Spectrum) ([]repair.Edit, error)
	// sieve tries the edits that are given by their indexes in s.edits.
	sieve(ctx context.Context, s *repairing, ids []int) (sieved, error)
	// format returns a file with an edit as people want it.
	format(src []byte, e repair.Edit) []byte
}

// loner is a subject some of whose edits cannot be tried in one program with others. They are tried last, for they cost most.
type loner interface {
	// apart tries each edit by itself.
	apart(ctx context.Context, s *repairing, ids []int) (sieved, error)
}

// sieved is what running tests with edits came to.
type sieved struct {
	tried   []int // it came to before the time was over
	through []int // with which the failing tests pass
	passed  []int // and those around them, as far as the subject can tell: worth a run of all tests
	apart   []int // that are to be tried apart
}

// Work runs the repair, or takes the patch that a person chose.
func (w *Repair) Work(ctx context.Context, _ string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	if _, chosen := action.Args["answer"]; chosen && action.Args[artifactPatches] == "" {
		return jitos.Result{Verdict: jitos.Pass, Tree: action.Tree, Reason: "there was no choice: the repair took its patch itself"}, nil
	} else if chosen {
		return w.take(ctx, action, host)
	}
	s := &repairing{objects: w.Objects, host: host, action: action, start: time.Now(), most: repairEdits}
	limit := repairTime
	if n, err := strconv.Atoi(action.Args["seconds"]); err == nil && n > 0 {
		limit = time.Duration(n) * time.Second
	}
	if n, err := strconv.Atoi(action.Args["edits"]); err == nil && n > 0 {
		s.most = n
	}
	s.deadline = s.start.Add(limit)
	s.until = s.deadline
	var subject subject
	switch action.Args["report"] {
	case "go":
		subject = &goSubject{}
	case "pytest", "unittest":
		subject = &pythonSubject{}
	default:
		return couldNot("it can edit Go and Python; tests that report as " + quoted(action.Args["report"]) + " are neither's"), nil
	}
	bounded, cancel := context.WithDeadline(ctx, s.deadline)
	defer cancel()
	s.ctx = bounded
	r, err := s.run(subject)
	var end *inconclusive
	switch {
	case ctx.Err() != nil:
		return jitos.Result{}, ctx.Err()
	case errors.As(err, &end):
		r = failed("%s", end.text)
		r.Findings = []jitos.Finding{{About: end.about, Text: end.text, Data: s.counts()}}
	case bounded.Err() != nil:
		if r, err = s.conclude(); err != nil {
			return r, err
		}
	case err != nil:
		return r, err
	}
	r.Output = strings.Join(s.log, "\n") + "\n"
	return r, nil
}

// repairing is one repair.
type repairing struct {
	ctx      context.Context
	objects  Objects
	host     jitos.Host
	action   jitos.Action
	start    time.Time
	deadline time.Time
	until    time.Time // the search ends, the deadline at the latest
	most     int
	files    *manifest
	failing  []string // tests, without those that only hold failing ones
	passing  []string
	edits    []repair.Edit

	mu      sync.Mutex
	tried   []int
	through []int   // edits with which the failing tests pass, in order
	patches []patch // that pass all tests
	log     []string
}

// patch is an edit that passed all tests, on its tree.
type patch struct {
	edit  int // its index
	tree  jitos.TreeID
	words string
}

func (s *repairing) run(subject subject) (jitos.Result, error) {
	tree, err := treeHash(s.action.Tree)
	if err != nil {
		return jitos.Result{}, err
	}
	if s.files, err = readManifest(s.ctx, s.objects, tree); err != nil {
		return jitos.Result{}, err
	}
	if err := s.chooseTests(); err != nil {
		return jitos.Result{}, err
	}
	spectrum, err := subject.measure(s)
	if err != nil {
		return jitos.Result{}, err
	}
	recent, err := s.recentLeads()
	if err != nil {
		return jitos.Result{}, err
	}
	spectrum.Leads = append(spectrum.Leads, recent...)
	ranked := spectrum.Ranked()
	if len(ranked) == 0 {
		return jitos.Result{}, &inconclusive{"no-repair", "the failing tests run no code that could be edited"}
	}
	s.say("%d failing and %d passing tests: %d statements are suspicious, the first %s:%d (%.2f)", spectrum.Failing, spectrum.Passing,
		len(ranked), ranked[0].Path, ranked[0].Line, spectrum.Suspicion(ranked[0]))
	edits, err := subject.edits(s, spectrum)
	if err != nil {
		return jitos.Result{}, err
	}
	s.edits = repair.Order(edits, s.most)
	s.say("%d edits to try", len(s.edits))
	if err := s.search(subject); err != nil {
		return jitos.Result{}, err
	}
	if err := s.distinct(subject); err != nil {
		return jitos.Result{}, err
	}
	return s.conclude()
}

// chooseTests takes the failing tests of the snapshot, running it where they are not known.
func (s *repairing) chooseTests() error {
	report := s.host.Failing()
	if report == nil {
		r, err := s.host.Try(s.ctx, s.action.Tree, probeStep(s.action))
		if err != nil {
			return err
		}
		if report = r.Report; report == nil {
			return &inconclusive{"no-repair", "the tests cannot run: " + r.Reason}
		}
	}
	s.failing = leaves(report.Failed, report.Failed)
	s.passing = leaves(report.Passed, append(slices.Clone(report.Passed), report.Failed...))
	if len(s.failing) == 0 {
		return &inconclusive{"no-repair", "no test fails"}
	}
	return nil
}

// leaves are the names that no other is a part of: "p.Test/sub", and not "p.Test" or the package "p".
func leaves(list, all []string) []string {
	holders := map[string]bool{}
	for _, name := range all {
		for i := range len(name) {
			if c := name[i]; c == '/' || c == '.' || c == ':' {
				holders[name[:i]] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(name string) bool { return holders[name] })
}

// search tries the edits in order, in batches that grow, and all tests with those that pass the failing ones; then the
// edits that cannot be tried together. Once a patch was found it goes on for as long again, within bounds, and at most until there
// are maxPatches.
func (s *repairing) search(subject subject) error {
	var late []int
	for from, size := 0, 100; from < len(s.edits); size *= 2 {
		to := min(from+size, len(s.edits))
		var ids []int
		for id := from; id < to; id++ {
			ids = append(ids, id)
		}
		apart, err := s.batch(subject, ids, subject.sieve)
		if late = append(late, apart...); err != nil || s.enough() {
			return err
		}
		from = to
	}
	alone, ok := subject.(loner)
	for ok && len(late) > 0 && !s.enough() {
		n := min(10, len(late))
		if _, err := s.batch(subject, late[:n], alone.apart); err != nil {
			return err
		}
		late = late[n:]
	}
	return nil
}

// enough tells whether the search has found what it wants, or has no time left.
func (s *repairing) enough() bool {
	return len(s.patches) >= maxPatches || !time.Now().Before(s.until)
}

// batch tries some edits in a way, and proves those that pass. It returns the edits that are to be tried apart.
func (s *repairing) batch(subject subject, ids []int, way func(context.Context, *repairing, []int) (sieved, error)) ([]int, error) {
	ctx, cancel := context.WithDeadline(s.ctx, s.until)
	found, err := way(ctx, s, ids)
	cancel()
	if err != nil {
		return nil, err
	}
	s.tried = append(s.tried, found.tried...)
	s.through = append(s.through, found.through...)
	s.say("%s: tried %d of %d edits: the failing tests pass with %d", time.Since(s.start).Round(time.Second), len(s.tried), len(s.edits), len(s.through))
	before := len(s.patches)
	slices.Sort(found.passed)
	if err := s.prove(subject, found.passed); err != nil {
		return nil, err
	}
	if before == 0 && len(s.patches) > 0 {
		more := min(max(leastMore, time.Since(s.start)), mostMore)
		if until := time.Now().Add(more); until.Before(s.until) {
			s.until = until
		}
	}
	return found.apart, nil
}

// prove runs all tests with each of the edits, each on its own file tree.
func (s *repairing) prove(subject subject, ids []int) error {
	err := sideBySide(s.ctx, ids, func(id int) error {
		s.mu.Lock()
		enough := len(s.patches) >= maxPatches
		s.mu.Unlock()
		if enough {
			return nil
		}
		return s.proveOne(subject, id)
	})
	slices.SortFunc(s.patches, func(a, b patch) int { return a.edit - b.edit })
	return err
}

// sideBySide does something with each number, two at a time, until one fails or the time is over.
func sideBySide(ctx context.Context, ids []int, do func(id int) error) error {
	const side = 2
	var wait sync.WaitGroup
	next, errs := make(chan int), make([]error, side)
	for i := range side {
		wait.Go(func() {
			for id := range next {
				if errs[i] == nil && ctx.Err() == nil {
					errs[i] = do(id)
				}
			}
		})
	}
	for _, id := range ids {
		next <- id
	}
	close(next)
	wait.Wait()
	return errors.Join(errs...)
}

func (s *repairing) proveOne(subject subject, id int) error {
	e := s.edits[id]
	src, err := s.source(e.Path)
	if err != nil {
		return err
	}
	tree, err := s.tree(map[string][]byte{e.Path: subject.format(src, e)})
	if err != nil {
		return err
	}
	r, err := s.host.Try(s.ctx, tree, probeStep(s.action))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Verdict != jitos.Pass || r.Report == nil || len(s.patches) >= maxPatches {
		return nil
	}
	if gone := missing(slices.Concat(s.failing, s.passing), r.Report.Passed); len(gone) > 0 {
		return nil
	}
	words := e.Words(src)
	s.say("%s: all %d tests pass", words, len(r.Report.Passed))
	s.patches = append(s.patches, patch{id, tree, words})
	return nil
}

// missing are the names of a list that are not in another.
func missing(list, in []string) []string {
	have := map[string]bool{}
	for _, name := range in {
		have[name] = true
	}
	return slices.DeleteFunc(list, func(name string) bool { return have[name] })
}

// conclude makes the result of what was found so far.
func (s *repairing) conclude() (jitos.Result, error) {
	data := s.counts()
	if len(s.patches) == 0 {
		text := fmt.Sprintf("none of %d edits makes all tests pass", len(s.tried))
		if len(s.through) > 0 {
			text += fmt.Sprintf("; %d make the failing ones pass and break others", len(s.through))
		}
		if len(s.tried) < len(s.edits) {
			text += fmt.Sprintf("; %d were not tried within %s", len(s.edits)-len(s.tried), s.deadline.Sub(s.start).Round(time.Second))
		}
		r := failed("%s", text)
		r.Findings = []jitos.Finding{{About: "no-repair", Text: text, Data: data}}
		return r, nil
	}
	best := s.patches[0]
	text := best.words
	switch n := len(s.patches) - 1; {
	case n == 1:
		text += "; another edit passes the tests as well"
	case n > 1:
		text += fmt.Sprintf("; %d other edits pass the tests as well", n)
	}
	maps.Copy(data, s.describe(best.edit))
	r := jitos.Result{Verdict: jitos.Pass, Tree: best.tree, Findings: []jitos.Finding{{About: "repair", Text: text, Data: data}}}
	for _, p := range s.patches[1:] {
		r.Findings = append(r.Findings, jitos.Finding{About: "alternative", Text: p.words, Data: s.describe(p.edit)})
	}
	r.Artifacts = map[string]string{artifactQuestion: "", artifactPatches: ""}
	s.say("%s", text)
	if s.action.Args["ask"] != "" && len(s.patches) > 1 {
		return r, s.offer(&r)
	}
	return r, nil
}

func (s *repairing) describe(id int) map[string]string {
	e := s.edits[id]
	return map[string]string{"path": e.Path, "line": strconv.Itoa(e.Line), "start": strconv.Itoa(e.Start), "kind": e.Kind, "was": e.Was, "now": e.Text,
		"rank": strconv.Itoa(id + 1), "score": strconv.FormatFloat(e.Score, 'f', 3, 64)}
}

// counts is what the tried edits taught, by kind and by place; of places the twenty with the most edits.
func (s *repairing) counts() map[string]string {
	kinds, places := map[string]int{}, map[string]int{}
	for _, id := range s.tried {
		e := s.edits[id]
		kinds[e.Kind]++
		places[strings.TrimSuffix(e.Path+" "+e.Place, " ")]++
	}
	return map[string]string{"tests": few(s.failing), "edits": strconv.Itoa(len(s.edits)), "tried": strconv.Itoa(len(s.tried)),
		"passed_failing": strconv.Itoa(len(s.through)), "passed_all": strconv.Itoa(len(s.patches)),
		"seconds": strconv.Itoa(int(time.Since(s.start).Seconds())), "kinds": tally(kinds), "places": tally(places)}
}

// tally lists counts, the largest first.
func tally(counts map[string]int) string {
	const most = 20
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for i, k := range keys {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d more", len(keys)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %d", k, counts[k]))
	}
	return strings.Join(parts, ", ")
}

// source reads a file of the snapshot.
func (s *repairing) source(name string) ([]byte, error) {
	e, ok := s.files.files[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, jitos.ErrNotFound)
	}
	return s.objects.Blob(s.ctx, e.hash)
}

// tree stages the snapshot's files with some of them changed or added.
func (s *repairing) tree(files map[string][]byte) (jitos.TreeID, error) {
	all := maps.Clone(s.files.files)
	var changed []string
	for name, text := range files {
		hash, err := s.objects.PutBlob(text)
		if err != nil {
			return "", fmt.Errorf("stage %s: %w", name, err)
		}
		e := entry{filemode.Regular, hash}
		if was, ok := all[name]; ok {
			e.mode = was.mode
		}
		all[name] = e
		changed = append(changed, name)
	}
	hash, err := s.files.write(s.objects, all, changed)
	return jitos.TreeID(hash.String()), err
}

// try runs a command of the repair's own on a file tree.
func (s *repairing) try(ctx context.Context, tree jitos.TreeID, what, script string) (jitos.Result, error) {
	step := probeStep(s.action)
	step.Title, step.Run, step.Report = what, script, ""
	if left, ok := ctx.Deadline(); ok {
		step.Timeout = max(1, int(time.Until(left).Seconds()))
	}
	r, err := s.host.Try(ctx, tree, step)
	if err != nil {
		return r, fmt.Errorf("%s: %w", what, err)
	}
	return r, nil
}

func (s *repairing) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.log = append(s.log, line)
	s.host.Say(line)
}

// below gives a path in the directory of the repair's own files, which no toolchain takes for the program's.
func below(name string) string { return path.Join("_jitos_repair", name) }
