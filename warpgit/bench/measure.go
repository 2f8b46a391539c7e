package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// cost is what one run of one side took.
type cost struct {
	CPU   time.Duration `json:"cpu_ns"`
	Wall  time.Duration `json:"wall_ns"`
	Bytes int64         `json:"bytes,omitempty"`
	Peak  int64         `json:"peak_bytes,omitempty"` // of memory
}

// per is the cost of one of n equal parts; the peak is that of all.
func (c cost) per(n int) cost {
	return cost{c.CPU / time.Duration(n), c.Wall / time.Duration(n), c.Bytes / int64(n), c.Peak}
}

// process runs a program and returns what it took, and what it printed.
type process struct {
	dir   string
	stdin string // a file, "" for none
	env   []string
	args  []string
}

func (p process) run() (cost, []byte, error) {
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), p.env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if p.stdin != "" {
		f, err := os.Open(p.stdin)
		if err != nil {
			return cost{}, nil, err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	c, err := timed(cmd)
	if err != nil {
		return c, nil, fmt.Errorf("%s: %w: %s", strings.Join(p.args, " "), err, strings.TrimSpace(said.String()))
	}
	return c, out.Bytes(), nil
}

// silent runs a program whose output nobody reads: it goes to the null device, not through a pipe.
func (p process) silent() (cost, error) {
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), p.env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if p.stdin != "" {
		f, err := os.Open(p.stdin)
		if err != nil {
			return cost{}, err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	c, err := timed(cmd)
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", strings.Join(p.args, " "), err, strings.TrimSpace(said.String()))
	}
	return c, err
}

func timed(cmd *exec.Cmd) (cost, error) {
	start := time.Now()
	err := cmd.Run()
	c := cost{Wall: time.Since(start)}
	if cmd.ProcessState != nil {
		c.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		c.Peak = peakOf(cmd.ProcessState)
	}
	return c, err
}

// grew runs something and adds by how many bytes a directory grew meanwhile.
func grew(dir string, fn func() (cost, error)) (cost, error) {
	before, err := sizeOf(dir)
	if err != nil {
		return cost{}, err
	}
	c, err := fn()
	if err != nil {
		return c, err
	}
	after, err := sizeOf(dir)
	c.Bytes = after - before
	return c, err
}

func sizeOf(dir string) (int64, error) {
	var n int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}

// inTurn runs the sides in turn, so that what else the machine does hits all of them alike: one round to warm up, and then
// as many as are asked for. It returns the costs of each side.
func inTurn(rounds int, sides ...func() (cost, error)) ([][]cost, error) {
	all := make([][]cost, len(sides))
	for round := range rounds + 1 {
		for i, side := range sides {
			c, err := side()
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[i] = append(all[i], c)
			}
		}
	}
	return all, nil
}

// result is a row as it is printed. Costs are medians, and so is each ratio: that of the rounds' ratios, not one of medians.
type result struct {
	Row     string  `json:"row"`
	Nodes   int     `json:"nodes,omitempty"`
	Peer    string  `json:"peer"`
	Ours    cost    `json:"ours"`
	Theirs  cost    `json:"theirs"`
	CPU     float64 `json:"cpu_ratio"`
	Wall    float64 `json:"wall_ratio"`
	Bytes   float64 `json:"bytes_ratio,omitempty"`
	Of      string  `json:"reach_of,omitempty"` // the ratio that Reach is about
	Reach   float64 `json:"reach,omitempty"`
	MaxPeak int64   `json:"reach_peak_bytes,omitempty"`
	Reached *bool   `json:"reached,omitempty"` // null where the row has no aim of its own
}

// The ratios that a reach can be about.
const (
	ofCPU   = "cpu"
	ofWall  = "wall"
	ofBytes = "bytes"
)

// compare makes a result of the costs of ours and the peer's.
func compare(row string, nodes int, peer string, ours, theirs []cost) result {
	r := result{Row: row, Nodes: nodes, Peer: peer, Ours: medianCost(ours), Theirs: medianCost(theirs)}
	ratio := func(of func(cost) float64) float64 {
		var all []float64
		for i := range ours {
			if d := of(theirs[i]); d > 0 {
				all = append(all, of(ours[i])/d)
			}
		}
		return median(all)
	}
	r.CPU = ratio(func(c cost) float64 { return float64(c.CPU) })
	r.Wall = ratio(func(c cost) float64 { return float64(c.Wall) })
	r.Bytes = ratio(func(c cost) float64 { return float64(c.Bytes) })
	return r
}

// reach says what a result is to reach.
func (r result) reach(of string, most float64) result {
	r.Of, r.Reach = of, most
	is := map[string]float64{ofCPU: r.CPU, ofWall: r.Wall, ofBytes: r.Bytes}[of]
	reached := is <= most && (r.MaxPeak == 0 || r.Ours.Peak <= r.MaxPeak)
	r.Reached = &reached
	return r
}

func medianCost(all []cost) cost {
	of := func(f func(cost) float64) float64 {
		var list []float64
		for _, c := range all {
			list = append(list, f(c))
		}
		return median(list)
	}
	return cost{
		CPU:   time.Duration(of(func(c cost) float64 { return float64(c.CPU) })),
		Wall:  time.Duration(of(func(c cost) float64 { return float64(c.Wall) })),
		Bytes: int64(of(func(c cost) float64 { return float64(c.Bytes) })),
		Peak:  int64(of(func(c cost) float64 { return float64(c.Peak) })),
	}
}

// median of an even number is the lower of the two in the middle; of none it is 0.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[(len(list)-1)/2]
}

// table prints results for people, a header before the first.
func table(out io.Writer) func(result) error {
	first := true
	const form = "%-20s %9s  %-34s %9s %9s  %6s %6s %6s %7s  %-11s %s\n"
	return func(r result) error {
		if first {
			first = false
			if _, err := fmt.Fprintf(out, form, "row", "nodes", "against", "ours", "theirs", "x cpu", "x wall", "x size", "peak", "reach", ""); err != nil {
				return err
			}
		}
		cell := func(f float64) string {
			if f == 0 {
				return "-"
			}
			return fmt.Sprintf("%.3f", f)
		}
		peak, reach, reached, nodes := "-", "-", "", "-"
		if r.Ours.Peak > 0 {
			peak = fmt.Sprintf("%d MB", r.Ours.Peak>>20)
		}
		if r.Nodes > 0 {
			nodes = fmt.Sprint(r.Nodes)
		}
		if r.Reached != nil {
			reach, reached = fmt.Sprintf("%s %.3g", r.Of, r.Reach), "not reached"
			if r.MaxPeak > 0 {
				reach += fmt.Sprintf(" %dM", r.MaxPeak>>20)
			}
			if *r.Reached {
				reached = "reached"
			}
		}
		ours, theirs := r.Ours.CPU.Round(100*time.Nanosecond).String(), r.Theirs.CPU.Round(100*time.Nanosecond).String()
		switch r.Of {
		case ofWall:
			ours, theirs = r.Ours.Wall.Round(time.Microsecond).String(), r.Theirs.Wall.Round(time.Microsecond).String()
		case ofBytes:
			ours, theirs = fmt.Sprint(r.Ours.Bytes, " B"), fmt.Sprint(r.Theirs.Bytes, " B")
		}
		_, err := fmt.Fprintf(out, form, r.Row, nodes, r.Peer, ours, theirs, cell(r.CPU), cell(r.Wall), cell(r.Bytes), peak, reach, reached)
		return err
	}
}
