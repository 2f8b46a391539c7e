package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// line is a row on one line.
func (r row) line() string {
	return fmt.Sprintf("%s #%d %s %s (%s) %.0fs: %s, rank %d of %d, %d wrong; tried %d of %d; %s %s", r.Module, r.Number, r.Path, r.Kind, short(r.What), r.Seconds,
		r.Outcome, r.rank(), len(r.Patches), r.wrong(), r.Tried, r.Edits, r.Why, r.Error)
}

// table prints the rows and what they add up to.
func table(w io.Writer, rows []row) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "module\tfile\tkind\tslip\ts\tfixed\trank\tpatches\twrong\ttried\tnodes\tcommits\trefs\tKB")
	var sum struct{ fixed, first, ten, patches, wrong, chosen, tried, nodes int }
	var seconds []float64
	var bytes int64
	for _, r := range rows {
		fixed, rank := "no", "-"
		if r.Outcome == "collapsed" {
			fixed = "yes"
			sum.fixed++
			seconds = append(seconds, r.Seconds)
			if r.Patches[0].Verdict == "wrong" {
				sum.chosen++
			}
		}
		if n := r.rank(); n > 0 {
			rank = fmt.Sprint(n)
			sum.ten++
			if n == 1 {
				sum.first++
			}
		}
		nodes := 0
		for _, n := range r.Left.Nodes {
			nodes += n
		}
		sum.patches, sum.wrong, sum.tried, sum.nodes = sum.patches+len(r.Patches), sum.wrong+r.wrong(), sum.tried+r.Tried, sum.nodes+nodes
		bytes += r.Left.Bytes
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.0f\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", r.Module, r.Path, r.Kind, short(r.What), r.Seconds, fixed, rank,
			len(r.Patches), r.wrong(), r.Tried, nodes, r.Left.Commits, r.Left.Refs, r.Left.Bytes/1000)
	}
	t.Flush()
	slices.Sort(seconds)
	median := 0.0
	if len(seconds) > 0 {
		median = seconds[len(seconds)/2]
	}
	n := max(1, len(rows))
	fmt.Fprintf(w, "\n%d bugs: %d fixed within the time (median %.0f s); the true fix first in %d, among the patches in %d\n", len(rows), sum.fixed, median, sum.first, sum.ten)
	fmt.Fprintf(w, "%d patches passed the tests that jitos saw; %d of them fail hidden ones; of %d chosen, %d do\n", sum.patches, sum.wrong, sum.fixed, sum.chosen)
	fmt.Fprintf(w, "%d edits tried; a repair left %d nodes and %d KB in the middle\n", sum.tried, sum.nodes/n, bytes/int64(n)/1000)
}

func short(text string) string {
	if r := []rune(strings.Join(strings.Fields(text), " ")); len(r) > 48 {
		return string(r[:47]) + "…"
	}
	return text
}
