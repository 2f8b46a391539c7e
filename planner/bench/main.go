// Command bench plans every problem below a folder of HDDL domains and prints a table: for each domain how many plans were
// found within 1, 10 and 60 seconds, the median time, nodes and memory. Every plan is checked by the verifier.
//
//	go run ./planner/bench [-time 60s] [-nodes N] [-jobs 2] [-csv FILE] [-match TEXT] DIR
//	go run ./planner/bench -families DIR
//
// The second form writes problems of our own below a folder: see package families.
//
// Each problem is planned in a process of its own, so that its time is what a user waits and its memory is its own.
package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jitos/jitos/planner/bench/families"
	"github.com/jitos/jitos/planner/hddl"
	"github.com/jitos/jitos/planner/htn"
	"github.com/jitos/jitos/planner/verifier"
)

// run is the result of one problem.
type run struct {
	Domain, Problem string
	Outcome         string // plan, no-plan, cut, refused or failed
	Seconds         float64
	CPU             float64 // seconds
	Nodes           int
	Steps           int
	MB              int
	By              string // the search that ended it
	Why             string
}

// byCPU makes the table count seconds of the processor.
var byCPU bool

func main() {
	limit := flag.Duration("time", 60*time.Second, "the time for each problem")
	nodes := flag.Int("nodes", 0, "the nodes for each problem; 0 is no bound but the time. For results that do not depend on the machine")
	jobs := flag.Int("jobs", 2, "problems at a time")
	out := flag.String("csv", "", "write one line a problem to this `file`")
	match := flag.String("match", "", "only problems whose path contains this `text`")
	one := flag.Bool("one", false, "plan one DOMAIN PROBLEM and print JSON (what bench starts for each)")
	flag.BoolVar(&byCPU, "cpu", false, "count seconds of the processor and not of the wall: for a machine that others use too")
	own := flag.Bool("families", false, "write problems of our own below DIR, and plan nothing")
	flag.Parse()
	var err error
	if *own {
		err = families.Write(flag.Arg(0))
	} else if *one {
		err = planOne(flag.Arg(0), flag.Arg(1), *limit, *nodes)
	} else {
		err = bench(flag.Arg(0), *match, *limit, *nodes, *jobs, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// planOne plans one problem and checks the plan. The time is that of planning, process start included.
func planOne(domain, problem string, limit time.Duration, nodes int) error {
	start := time.Now()
	debug.SetMemoryLimit(htn.MemoryLimit)
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	r := run{}
	d, p, err := hddl.Load(domain, problem)
	if err != nil {
		return err
	}
	res, err := htn.Solve(ctx, d, p, htn.Options{Budget: nodes})
	if err != nil {
		return err
	}
	r.Seconds, r.Nodes, r.By = time.Since(start).Seconds(), res.Nodes, res.By
	switch {
	case len(res.Plans) > 0:
		r.Outcome, r.Steps = "plan", res.Plans[0].Steps()
		plan, err := verifier.ParsePlan("plan", []byte(res.Plans[0].String()))
		if err == nil {
			err = verifier.Verify(d, p, plan)
		}
		if err != nil {
			r.Outcome, r.Why = "refused", err.Error()
		}
	case res.Proved:
		r.Outcome = "no-plan"
	default:
		r.Outcome = "cut"
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func bench(dir, match string, limit time.Duration, nodes, jobs int, out string) error {
	pairs, err := hddl.Pairs(dir)
	if err != nil {
		return err
	}
	pairs = slices.DeleteFunc(pairs, func(p [2]string) bool { return !strings.Contains(p[1], match) })
	if len(pairs) == 0 {
		return fmt.Errorf("no problems below %s", dir)
	}
	runs := make([]run, len(pairs))
	next := make(chan int)
	var wait sync.WaitGroup
	for range jobs {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range next {
				runs[i] = start(pairs[i], limit, nodes)
				fmt.Fprintf(os.Stderr, "%s/%s %s %.2fs (cpu %.2f) %d nodes %d MB %s %s\n", runs[i].Domain, runs[i].Problem, runs[i].Outcome, runs[i].Seconds, runs[i].CPU, runs[i].Nodes, runs[i].MB, runs[i].By, runs[i].Why)
			}
		}()
	}
	for i := range pairs {
		next <- i
	}
	close(next)
	wait.Wait()
	if out != "" {
		if err := writeCSV(out, runs); err != nil {
			return err
		}
	}
	table(os.Stdout, runs)
	return nil
}

// start plans one problem in a process of its own.
func start(pair [2]string, limit time.Duration, nodes int) run {
	r := run{Domain: filepath.Base(filepath.Dir(pair[1])), Problem: filepath.Base(pair[1]), Outcome: "failed"}
	self, err := os.Executable()
	if err != nil {
		r.Why = err.Error()
		return r
	}
	ctx, stop := context.WithTimeout(context.Background(), limit+30*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, self, "-one", "-time", limit.String(), "-nodes", strconv.Itoa(nodes), pair[0], pair[1])
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.MB = int(usage.Maxrss >> 10)
		r.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	}
	if err == nil {
		mine := r
		if err = json.Unmarshal(stdout.Bytes(), &r); err == nil {
			r.Domain, r.Problem, r.MB, r.CPU = mine.Domain, mine.Problem, mine.MB, mine.CPU
		}
	}
	if err != nil {
		r.Outcome, r.Why = "failed", strings.TrimSpace(err.Error()+" "+firstLine(stderr.String()))
	}
	return r
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func writeCSV(name string, runs []run) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	w.Write([]string{"domain", "problem", "outcome", "seconds", "cpu", "nodes", "steps", "mb", "by", "why"})
	for _, r := range runs {
		w.Write([]string{r.Domain, r.Problem, r.Outcome, fmt.Sprintf("%.3f", r.Seconds), fmt.Sprintf("%.3f", r.CPU), strconv.Itoa(r.Nodes), strconv.Itoa(r.Steps), strconv.Itoa(r.MB), r.By, r.Why})
	}
	w.Flush()
	return w.Error()
}

func table(w io.Writer, runs []run) {
	fmt.Fprintf(w, "%-24s %8s %6s %6s %6s %8s %9s %10s %6s\n", "domain", "problems", "1 s", "10 s", "60 s", "no plan", "median s", "nodes", "MB")
	var domains []string
	for _, r := range runs {
		if !slices.Contains(domains, r.Domain) {
			domains = append(domains, r.Domain)
		}
	}
	for _, d := range append(domains, "") {
		n, within, none, mb, bad := 0, [3]int{}, 0, 0, 0
		var seconds []float64
		var nodes []int
		for _, r := range runs {
			if d != "" && r.Domain != d {
				continue
			}
			n++
			if byCPU {
				r.Seconds = r.CPU
			}
			mb = max(mb, r.MB)
			switch r.Outcome {
			case "plan":
				for i, limit := range []float64{1, 10, 60} {
					if r.Seconds <= limit {
						within[i]++
					}
				}
				seconds, nodes = append(seconds, r.Seconds), append(nodes, r.Nodes)
			case "no-plan":
				none++
			case "refused", "failed":
				bad++
			}
		}
		name := d
		if d == "" {
			name = "all"
		}
		slices.Sort(seconds)
		slices.Sort(nodes)
		median, medianNodes := 0.0, 0
		if k := len(seconds); k > 0 {
			median, medianNodes = seconds[k/2], nodes[k/2]
		}
		fmt.Fprintf(w, "%-24s %8d %6d %6d %6d %8d %9.3f %10d %6d", name, n, within[0], within[1], within[2], none, median, medianNodes, mb)
		if bad > 0 {
			fmt.Fprintf(w, "  %d REFUSED OR FAILED", bad)
		}
		fmt.Fprintln(w)
	}
}
