package jitos_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner"
	"github.com/jitos/jitos/warpgit/object"
)

// prober is a worker that tries a command on many file trees at once: in each, the file a holds another number.
type prober struct {
	objects runner.Objects
	count   int
	run     string
	atOnce  atomic.Int32  // probes that run now
	most    atomic.Int32  // most of them ever
	ended   time.Duration // of processor time, when the last probe had ended
}

func (*prober) Fileless() {}

func (p *prober) tree(i int) (jitos.TreeID, error) {
	blob, err := p.objects.PutBlob(fmt.Append(nil, i, "\n"))
	if err != nil {
		return "", err
	}
	id, err := p.objects.PutTree([]object.TreeEntry{{Name: "a", Mode: filemode.Regular, Hash: blob}})
	return jitos.TreeID(id.String()), err
}

func (p *prober) Work(ctx context.Context, _ string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	passed, errs := make([]bool, p.count), make([]error, p.count)
	var all sync.WaitGroup
	for i := range p.count {
		all.Go(func() {
			tree, err := p.tree(i)
			if err != nil {
				errs[i] = err
				return
			}
			r, err := host.Try(ctx, tree, jitos.Step{Name: "look", Title: fmt.Sprint("a is ", i), Worker: "counted", Run: p.run})
			passed[i], errs[i] = r.Verdict == jitos.Pass, err
		})
	}
	all.Wait()
	var err error
	if p.ended, err = spent(); err != nil {
		return jitos.Result{}, err
	}
	for _, err := range errs {
		if err != nil {
			return jitos.Result{}, err
		}
	}
	first := slices.Index(passed, true)
	if first < 0 {
		return jitos.Result{Verdict: jitos.Fail, Reason: "none passed"}, nil
	}
	tree, err := p.tree(first)
	return jitos.Result{Verdict: jitos.Pass, Tree: tree}, err
}

// counted is the shell, and tells how many of it run at once.
type counted struct {
	runner.Shell
	p *prober
}

func (c *counted) Work(ctx context.Context, dir string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	n := c.p.atOnce.Add(1)
	defer c.p.atOnce.Add(-1)
	for m := c.p.most.Load(); n > m && !c.p.most.CompareAndSwap(m, n); m = c.p.most.Load() {
	}
	return c.Shell.Work(ctx, dir, action, host)
}

// probing runs a task whose one job probes.
func probing(t testing.TB, f *fabric, p *prober) jitos.Outcome {
	t.Helper()
	ctx := context.Background()
	p.objects = f.repo.Store.Objects
	e := &runner.Executor{Unsandboxed: func() bool { return true }, Objects: f.repo.Store.Objects, Cache: filepath.Join(t.TempDir(), "cache"),
		Workers: map[string]jitos.Worker{"prober": p, "counted": &counted{p: p}}}
	defer e.Close()
	f.kernel.Executor = e
	task, _, err := f.kernel.SubmitIntent(ctx, jitos.Request{Intent: "find a number"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.kernel.SubmitPlan(ctx, task, jitos.Slap{Title: "probe", Steps: []jitos.Step{
		{Name: "probe", Title: "try numbers", Worker: "prober", Needs: []string{"fs.write:a"}},
		{Name: "after", Worker: "counted", Run: "true", After: []string{"probe"}}}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := f.kernel.Run(ctx, task, jitos.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Many probes are one entry of the archive and one rewrite of the system line; each is a commit with its own files, which
// says what was tried and what came of it. As many run at once as jobs may, the prober's own place included, with one as with
// two.
func TestProbesAreOneBatch(t *testing.T) {
	for _, jobs := range []int{1, 3} {
		f := newFabric(t, map[string]string{"a": "0\n"})
		f.kernel.Jobs = jobs
		p := &prober{count: 12, run: "sleep 0.02; test $(cat a) -ge 5"}
		before := count(t, f, "--first-parent", "jitos/system")
		out := probing(t, f, p)
		if got := int(p.most.Load()); got != jobs {
			t.Errorf("%d ran at once, want %d", got, jobs)
		}
		if got := git(t, f.dir, "show", "jitos/system:a"); got != "5" {
			t.Errorf("a is %s", got)
		}
		if made := count(t, f, "--first-parent", "jitos/system") - before; made != 6 { // task, two plans, process, batch, collapse
			t.Errorf("%d commits on the system line:\n%s", made, git(t, f.dir, "log", "--first-parent", "--format=%s", "jitos/system"))
		}
		var batches []jitos.Batch
		for b, err := range jitos.Targets[jitos.Batch](t.Context(), f.system(t), out.Process.Node(), jitos.LabelBatch) {
			if err != nil {
				t.Fatal(err)
			}
			batches = append(batches, b.Record)
		}
		if len(batches) != 1 || batches[0].Passed != 7 || batches[0].Failed != 5 || batches[0].CouldNot != 0 {
			t.Fatalf("batches %+v", batches)
		}
		archive := git(t, f.dir, "for-each-ref", "--format=%(refname)", "refs/heads/jitos/archive/")
		if tip := git(t, f.dir, "rev-parse", archive+"^2"); tip != string(batches[0].Tip) {
			t.Errorf("the archive holds %s, the record names %s", tip, batches[0].Tip)
		}
		probes := strings.Fields(git(t, f.dir, "rev-list", "--parents", "--max-count=1", string(batches[0].Tip)))[2:]
		seen := map[string]bool{}
		for _, id := range probes {
			seen[git(t, f.dir, "log", "-1", "--format=%s", id)+", "+git(t, f.dir, "show", id+":a")] = true
		}
		for i := range 12 {
			verdict := "failed"
			if i >= 5 {
				verdict = "passed"
			}
			if want := fmt.Sprintf("probe: a is %d %s, %d", i, verdict, i); !seen[want] {
				t.Errorf("no %q among %v", want, seen)
			}
		}
		verifyAll(t, f, batches[0].Tip, probes)
	}
}

// verifyAll wants commits of unnamed workspaces to replay.
func verifyAll(t *testing.T, f *fabric, tip jitos.CommitID, probes []string) {
	t.Helper()
	for _, id := range append(probes, string(tip)) {
		for _, err := range f.repo.Store.Verify(t.Context(), jitos.CommitID(id)) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func count(t testing.TB, f *fabric, args ...string) int {
	t.Helper()
	return len(strings.Fields(git(t, f.dir, append([]string{"rev-list"}, args...)...)))
}

// BenchmarkProbes_500 tries a command that does nothing in 500 unnamed workspaces, and tells what each costs of processor time,
// that of its processes included: all of it, of that what comes after the last probe (commits, archive, record and collapse),
// and, as a measure, the same command started by itself.
func BenchmarkProbes_500(b *testing.B) {
	const probes = 500
	var whole, after, bare time.Duration
	for b.Loop() {
		f := newFabric(b, map[string]string{"a": "0\n"})
		p := &prober{count: probes, run: "true"}
		before := count(b, f, "--first-parent", "jitos/system")
		start := processorTime(b)
		probing(b, f, p)
		end := processorTime(b)
		whole += end - start
		after += end - p.ended
		if made := count(b, f, "--first-parent", "jitos/system") - before; made > 6 {
			b.Fatalf("%d commits on the system line", made)
		}
		start = processorTime(b)
		for range probes {
			if err := exec.Command("sh", "-e", "-c", "true").Run(); err != nil {
				b.Fatal(err)
			}
		}
		bare += processorTime(b) - start
	}
	for unit, d := range map[string]time.Duration{"µs/probe": whole, "µs/record": after, "µs/bare-command": bare} {
		b.ReportMetric(float64(d.Microseconds())/float64(b.N*probes), unit)
	}
	b.ReportMetric(0, "ns/op")
}

// spent is the processor time of this process and of those that it has waited for.
func spent() (time.Duration, error) {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			return 0, err
		}
		sum += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return sum, nil
}

func processorTime(t testing.TB) time.Duration {
	t.Helper()
	d, err := spent()
	if err != nil {
		t.Fatal(err)
	}
	return d
}
