package runner

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/jitos/jitos/runner/repair"
)

// Weights of leads, by judgement: where a panic went through, its innermost frame of the project first, and what the last
// commits changed.
const (
	panicked  = 1.5
	calledIt  = 1.2
	lastEdit  = 1.4 // lines of the last commit
	lastFile  = 1.1 // the rest of a file that the last commits changed
	commits   = 3   // that are looked at
	maxRecent = 50  // files of a commit; one that changed more is no lead
)

// panicLeads reads the frames of panics, innermost first, as "/x/y.go:12" each; files are those of the project.
func panicLeads(frames string, files []string) []repair.Lead {
	var leads []repair.Lead
	weight := panicked
	for line := range strings.Lines(frames) {
		at, number, _ := strings.Cut(strings.TrimSpace(line), ".go:")
		n, err := strconv.Atoi(number)
		best := ""
		for _, f := range files {
			if len(f) > len(best) && strings.HasSuffix("/"+at+".go", "/"+f) {
				best = f
			}
		}
		if err != nil || best == "" {
			continue
		}
		leads = append(leads, repair.Lead{Path: best, From: n, To: n, Weight: weight})
		weight = calledIt
	}
	return leads
}

// recentLeads are the files that the last commits changed, and the lines that the last one did.
func (s *repairing) recentLeads() ([]repair.Lead, error) {
	var leads []repair.Lead
	now, first, left := s.files, true, commits
	next := 0
	for c, err := range s.host.History(s.ctx) {
		if err != nil {
			return nil, err
		}
		if next++; next == 1 {
			continue // the snapshot
		}
		tree, err := treeHash(c.Tree)
		if err != nil {
			return nil, err
		}
		before, err := readManifest(s.ctx, s.objects, tree)
		if err != nil {
			return nil, err
		}
		var changed []string
		for name, e := range now.files {
			if was, ok := before.files[name]; !ok || was.hash != e.hash {
				changed = append(changed, name)
			}
		}
		if len(changed) <= maxRecent {
			for _, name := range changed {
				leads = append(leads, repair.Lead{Path: name, From: 1, To: 1 << 30, Weight: lastFile})
				if was, ok := before.files[name]; ok && first {
					a, err := s.objects.Blob(s.ctx, was.hash)
					if err != nil {
						return nil, err
					}
					b, err := s.objects.Blob(s.ctx, now.files[name].hash)
					if err != nil {
						return nil, err
					}
					from, to := changedLines(a, b)
					leads = append(leads, repair.Lead{Path: name, From: from, To: to, Weight: lastEdit})
				}
			}
		}
		now, first = before, false
		if left--; left == 0 {
			break
		}
	}
	return leads, nil
}

// changedLines are the lines of now, from 1, between those at both ends that are as they were; where lines are only gone, those
// around them.
func changedLines(was, now []byte) (from, to int) {
	a, b := bytes.Split(was, []byte("\n")), bytes.Split(now, []byte("\n"))
	head := 0
	for head < min(len(a), len(b)) && bytes.Equal(a[head], b[head]) {
		head++
	}
	tail := 0
	for tail < min(len(a), len(b))-head && bytes.Equal(a[len(a)-1-tail], b[len(b)-1-tail]) {
		tail++
	}
	from, to = head+1, len(b)-tail
	if from > to {
		from, to = max(1, to), min(from, len(b))
	}
	return from, to
}
