package jitos_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner"
)

// BenchmarkExecutor_2000 runs a plan of 2,000 jobs that do nothing, in layers of 100 of which each job comes after one of the
// layer before, two at once, with all commits: without and with sandboxes, beside make and ninja on the same graph and commands.
// What it tells is processor time, that of all processes included; own-µs/job is without what the same shells cost by
// themselves. Other things that the machine does spoil jobs/s.
func BenchmarkExecutor_2000(b *testing.B) { benchmarkExecutor(b, 2000) }

// BenchmarkExecutor_300 tells whether a job costs more in a longer plan.
func BenchmarkExecutor_300(b *testing.B) { benchmarkExecutor(b, 300) }

func benchmarkExecutor(b *testing.B, jobs int) {
	const layer = 100
	name := func(i int) string { return fmt.Sprintf("n%04d", i) }
	before := func(i int) []string {
		if i < layer {
			return nil
		}
		return []string{name(i - layer)}
	}
	bare := func() time.Duration {
		start := processorTime(b)
		for range jobs / 10 {
			if err := exec.Command("/bin/sh", "-e", "-c", "true").Run(); err != nil {
				b.Fatal(err)
			}
		}
		return (processorTime(b) - start) * 10
	}
	report := func(b *testing.B, cpu, shells, wall time.Duration) {
		b.ReportMetric(float64(cpu.Microseconds())/float64(b.N*jobs), "µs/job")
		b.ReportMetric(float64((cpu-shells).Microseconds())/float64(b.N*jobs), "own-µs/job")
		b.ReportMetric(float64(b.N*jobs)/wall.Seconds(), "jobs/s")
		b.ReportMetric(0, "ns/op")
	}
	for _, sandboxed := range []bool{false, true} {
		b.Run(map[bool]string{false: "open", true: "sandboxed"}[sandboxed], func(b *testing.B) {
			var cpu, shells, wall time.Duration
			for b.Loop() {
				f := newFabric(b, map[string]string{"a": "0\n"})
				e := &runner.Executor{Unsandboxed: func() bool { return true }, NoSandbox: !sandboxed, Objects: f.repo.Store.Objects,
					Cache: filepath.Join(b.TempDir(), "cache")}
				f.kernel.Executor, f.kernel.Jobs = e, 2
				if how, why, err := e.Sandboxed(b.Context()); sandboxed && how == "" {
					b.Skipf("no sandbox here: %s%v", why, err)
				}
				policy := []byte(fmt.Sprintf("quota: {jobs: %d}\n", 2*jobs))
				if _, err := f.kernel.SubmitMethod(b.Context(), "policy.yaml", policy); err != nil {
					b.Fatal(err)
				}
				var steps []jitos.Step
				for i := range jobs { // of another command each, or one would have the result of all
					steps = append(steps, jitos.Step{Name: name(i), Worker: "shell", Run: "true " + name(i), After: before(i)})
				}
				task, _, err := f.kernel.SubmitIntent(b.Context(), jitos.Request{Intent: "do nothing, often"})
				if err == nil {
					_, err = f.kernel.SubmitPlan(b.Context(), task, jitos.Slap{Title: "nothing", Steps: steps})
				}
				if err != nil {
					b.Fatal(err)
				}
				start, at := processorTime(b), time.Now()
				out, err := f.kernel.Run(context.Background(), task, jitos.RunOptions{})
				if err != nil || out.Outcome != "collapsed" {
					b.Fatalf("%+v, %v", out, err)
				}
				cpu += processorTime(b) - start
				wall += time.Since(at)
				shells += bare()
				if err := e.Close(); err != nil {
					b.Fatal(err)
				}
			}
			report(b, cpu, shells, wall)
		})
	}
	peer := func(tool, file string, args []string, rule func(w *strings.Builder, name string, before []string), head, tail string) {
		b.Run(tool, func(b *testing.B) {
			if _, err := exec.LookPath(tool); err != nil {
				b.Skipf("no %s here", tool)
			}
			var cpu, shells, wall time.Duration
			for b.Loop() {
				dir := b.TempDir()
				var text, all strings.Builder
				text.WriteString(head)
				for i := range jobs {
					rule(&text, name(i), before(i))
					all.WriteString(" " + name(i))
				}
				fmt.Fprintf(&text, tail, all.String())
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text.String()), 0o600); err != nil {
					b.Fatal(err)
				}
				start, at := processorTime(b), time.Now()
				cmd := exec.Command(tool, args...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				cpu += processorTime(b) - start
				wall += time.Since(at)
				shells += bare()
			}
			report(b, cpu, shells, wall)
		})
	}
	peer("make", "Makefile", []string{"-j2", "-s", "all"}, func(w *strings.Builder, name string, before []string) {
		fmt.Fprintf(w, "%s: %s\n\t@/bin/sh -e -c 'true %[1]s'\n", name, strings.Join(before, " "))
	}, ".SILENT:\n", "all:%s\n")
	peer("ninja", "build.ninja", []string{"-j2", "all"}, func(w *strings.Builder, name string, before []string) {
		fmt.Fprintf(w, "build %s: nothing %s\n", name, strings.Join(before, " "))
	}, "rule nothing\n  command = true $out\n", "build all: phony%s\n")
}
