package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos/cmd/jitos/internal/powercut"
	"github.com/jitos/jitos/cmd/jitos/internal/ptrace"
)

// The power is cut at any moment of a day's work, and what was not synced by then is lost, in part or whole: nothing is
// corrupt, nothing that was acknowledged is lost, and the work goes on without a repair by hand.
func TestPowerCut(t *testing.T) { powerCuts(t, 6) }

func TestHeavyPowerCut(t *testing.T) {
	if !heavy() {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	powerCuts(t, 200)
}

// On a disk that forgets its syncs the same cuts do harm: the test would see it.
func TestPowerCut_withoutSync(t *testing.T) {
	d := workday(t)
	d.record.LoseSyncs = true
	for range 40 {
		if problems := d.cut(d.rand.IntN(d.record.Len() + 1)); len(problems) > 0 {
			t.Logf("as it should be: %v", problems)
			return
		}
	}
	t.Error("40 power cuts on a disk that syncs nothing, and no harm was seen")
}

func powerCuts(t *testing.T, cuts int) {
	d := workday(t)
	for _, n := range d.spread(d.record.Len(), cuts) {
		if problems := d.cut(n); len(problems) > 0 {
			t.Errorf("power cut before step %d of %d:\n%s", n, d.record.Len(), strings.Join(problems, "\n"))
			return
		}
	}
	t.Logf("%d steps recorded, the power cut at %d of them: 0 lost, 0 corrupt", d.record.Len(), cuts)
}

// day is a series of commands, with what each of them promised and the length of the record when it had.
type day struct {
	*stage
	record *powercut.Disk
	acked  []promise
}

type promise struct {
	step int
	args []string
	kept func(*stage) string
}

func workday(t *testing.T) *day {
	t.Helper()
	needTracer(t)
	d := &day{stage: newStage(t, scenario{prepare: func(s *stage) { s.must("", "uninit", "--yes") }})}
	recorder, err := powercut.Record(d.home)
	if err != nil {
		t.Fatal(err)
	}
	d.record = recorder.Disk
	tr := &ptrace.Tracer{Root: d.home, Before: func(*ptrace.Call) ptrace.Verdict { return ptrace.Verdict{} }, After: recorder.After}
	do := func(stdin string, kept func(*stage) string, args ...string) {
		t.Helper()
		got := d.traced(tr, stdin, args...)
		if missing := kept(d.stage); got.code != exitDone || missing != "" {
			t.Fatalf("%v: %s", got, missing)
		}
		d.acked = append(d.acked, promise{d.record.Len(), args, kept})
	}
	do("", scenarioNamed("init").done, "init")
	do(mark("one"), hasNode("mark", "one"), "rewrite", "-")
	do("", hasFate("try", "", "collapsed"), "sws", "new", "try")
	do(mark("inside"), hasFate("try", "", "collapsed"), "rewrite", "-", "--sws", "try")
	do("", hasNode("mark", "inside"), "sws", "collapse", "try", "--no-gate", "-m", "a test")
	do("", hasFate("other", "", "discarded"), "sws", "new", "other")
	do("", hasFate("other", "discarded"), "sws", "discard", "other", "-m", "a try")
	do("", inSystem("made.txt"), "do", `run "echo made >made.txt"`)
	do("", func(s *stage) string {
		if s.revParse(s.dir, "main:made.txt") == "" {
			return "main has no file made.txt"
		}
		return ""
	}, "land")
	do(mark("two"), hasNode("mark", "two"), "rewrite", "-")
	do("", hasNode("mark", "one"), "gc")
	if err := recorder.Err(); err != nil {
		t.Fatal(err)
	}
	return d
}

func scenarioNamed(name string) scenario {
	for _, s := range scenarios {
		if s.name == name {
			return s
		}
	}
	panic("no scenario " + name)
}

func inSystem(file string) func(*stage) string {
	return func(s *stage) string {
		if s.revParse(s.dir, "jitos/system:"+file) == "" {
			return "the system line has no file " + file
		}
		return ""
	}
}

// cut lays out what a power cut may leave, and returns what is wrong with it.
func (d *day) cut(n int) (problems []string) {
	d.t.Helper()
	d.clear()
	if err := d.record.Cut(n, d.rand, d.home); err != nil {
		d.t.Fatal(err)
	}
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	fabric := d.revParse(d.dir, "jitos/system") != ""
	for _, args := range [][]string{{"git", "fsck", "--strict", "--no-dangling", "--no-progress"}, {"git", "for-each-ref"}, {"jitos", "verify"}} {
		if args[0] == "jitos" && !fabric {
			continue
		}
		if got := d.run(d.dir, 0, "", args); got.code != 0 || args[0] == "git" && strings.Contains(got.err, "broken") {
			bad("%v", got)
		}
	}
	for _, p := range d.acked {
		if p.step <= n {
			if missing := p.kept(d.stage); missing != "" {
				bad("acknowledged and lost: %v: %s", p.args, missing)
			}
		}
	}
	// The work goes on.
	for _, c := range []struct {
		stdin string
		args  []string
	}{{"", []string{"init"}}, {mark("after"), []string{"rewrite", "-"}}, {"", []string{"verify"}}} {
		if got := d.jitos(c.stdin, c.args...); got.code != exitDone {
			bad("afterwards: %v", got)
		}
	}
	if left := d.left(); len(left) > 0 {
		bad("left behind: %v", left)
	}
	return problems
}

// clear removes everything below the home.
func (s *stage) clear() {
	s.t.Helper()
	entries, err := os.ReadDir(s.home)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(s.home, e.Name())); err != nil {
			s.t.Fatal(err)
		}
	}
}
