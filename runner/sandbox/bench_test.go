package sandbox

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"
)

// BenchmarkStart starts /bin/true, and waits for its end: as a child, and in a sandbox. The median is what a job pays on a
// quiet machine; the processor time of the processes tells more on a busy one.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	for _, name := range []string{"plain", "sandboxed"} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			var before syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &before)
			for b.Loop() {
				at := time.Now()
				cmd := exec.Command("/bin/true")
				cmd.Dir = dir
				if name == "plain" {
					if err := cmd.Run(); err != nil {
						b.Fatal(err)
					}
				} else {
					r, err := Start(Spec{System: System(), Write: []string{dir}, Userns: os.Geteuid() != 0}, cmd)
					if err != nil {
						b.Fatal(err)
					}
					if end, err := r.Wait(); err != nil || end.Exit != 0 {
						b.Fatal(end, err)
					}
				}
				took = append(took, time.Since(at))
			}
			var after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &after)
			cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(cpu)/1e6/float64(b.N), "ms-cpu/op")
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
		})
	}
}
