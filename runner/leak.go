package runner

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/secret"
)

// Leak is a secret in what would have been committed.
type Leak struct {
	where string // path and line: "config/db.go:12", "output:3"
	secret.Finding
}

func (l Leak) String() string { return l.where + ": " + l.Rule }

// Leaks looks at what a person would commit as at what a job would: the files that differ, as far as they say something new, and the
// words. known are secrets of this clone.
func (e *Executor) Leaks(ctx context.Context, known *secret.Values, from, to jitos.TreeID, words string) ([]Leak, error) {
	scanner := &secret.Scanner{Allowed: e.Allowed, Values: known}
	leaks, err := e.leaksInFiles(ctx, scanner, from, to)
	if err != nil {
		return nil, fmt.Errorf("look for secrets: %w", err)
	}
	for _, f := range scanner.Scan([]byte(words)) {
		leaks = append(leaks, Leak{"the message", f})
	}
	return leaks, nil
}

// withoutSecrets looks at all that a result would put into a commit: what changed of the files, what the job said, its
// artifacts and findings. Where there is a secret nothing of it is kept, and the step has failed (a gate could not run) with
// the place and the kind of each, never the value. What stood in the file before is no news.
func (e *Executor) withoutSecrets(ctx context.Context, action jitos.Action, r jitos.Result, host jitos.Host) (jitos.Result, error) {
	scanner := &secret.Scanner{Allowed: e.Allowed, Values: lentTo(ctx).values}
	to := r.Tree
	if r.Verdict != jitos.Pass || to == "" {
		to = action.Tree
	}
	leaks, err := e.leaksInFiles(ctx, scanner, action.Tree, to)
	if err != nil {
		return r, fmt.Errorf("look for secrets: %w", err)
	}
	leaks = append(leaks, cleanWords(scanner, &r)...)
	if len(leaks) == 0 {
		return r, nil
	}
	list := make([]string, len(leaks))
	for i, l := range leaks {
		list[i] = l.String()
	}
	r.Reason = "denied: it would commit a secret: " + few(list)
	r.Verdict, r.Report = jitos.Fail, nil
	if action.Step.Gate != nil {
		r.Verdict = jitos.CouldNot // what it says of the files is not known
	}
	r.Findings = append(r.Findings, jitos.Finding{Process: action.Process, Job: action.Job, About: jitos.AboutDenied, Text: r.Reason,
		Data: map[string]string{"secrets": strings.Join(list[:min(len(list), 20)], "\n")}})
	if host != nil {
		for _, l := range leaks[:min(len(leaks), 3)] {
			if l.Known {
				continue
			}
			host.Say(fmt.Sprintf("%s: if it is none, write %s in that line, or `jitos allow %s`", l, secret.Marker, l.Hash()))
		}
	}
	return r, nil
}

// leaksInFiles scans the files in which two file trees differ.
func (e *Executor) leaksInFiles(ctx context.Context, scanner *secret.Scanner, from, to jitos.TreeID) ([]Leak, error) {
	if to == from {
		return nil, nil
	}
	was, err := treeHash(from)
	if err != nil {
		return nil, err
	}
	now, err := treeHash(to)
	if err != nil {
		return nil, err
	}
	before := map[plumbing.Hash]bool{} // a file that was moved is the same
	type change struct {
		path     string
		was, now plumbing.Hash
	}
	var changes []change
	err = eachChange(ctx, e.Objects, was, now, func(p string, a, b entry) {
		before[a.hash] = true
		if !a.mode.IsFile() {
			a.hash = plumbing.ZeroHash
		}
		if b.mode.IsFile() {
			changes = append(changes, change{p, a.hash, b.hash})
		}
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.path, b.path) })
	var leaks []Leak
	for _, c := range changes {
		for _, f := range scanner.Scan([]byte(c.path)) {
			leaks = append(leaks, Leak{"the name of a file", f})
		}
		if before[c.now] {
			continue
		}
		data, err := e.Objects.Blob(ctx, c.now)
		if err != nil {
			return nil, err
		}
		found := scanner.Scan(data)
		if len(found) == 0 {
			continue
		}
		known, err := e.hashesIn(ctx, scanner, c.was)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if !known[f.Hash()] {
				leaks = append(leaks, Leak{fmt.Sprintf("%s:%d", c.path, f.Line), f})
			}
		}
	}
	return leaks, nil
}

// hashesIn names the secrets that a file has, none where it is zero.
func (e *Executor) hashesIn(ctx context.Context, scanner *secret.Scanner, file plumbing.Hash) (map[string]bool, error) {
	hashes := map[string]bool{}
	if file.IsZero() {
		return hashes, nil
	}
	data, err := e.Objects.Blob(ctx, file)
	for _, f := range scanner.Scan(data) {
		hashes[f.Hash()] = true
	}
	return hashes, err
}

// cleanWords scans the words of a result, and takes what it finds out of them.
func cleanWords(scanner *secret.Scanner, r *jitos.Result) []Leak {
	var leaks []Leak
	clean := func(what, text string) string {
		cleaned, found := scanner.Clean(text)
		for _, f := range found {
			leaks = append(leaks, Leak{fmt.Sprintf("%s:%d", what, f.Line), f})
		}
		return cleaned
	}
	r.Output, r.Reason = clean("output", r.Output), clean("reason", r.Reason)
	for _, name := range slices.Sorted(maps.Keys(r.Artifacts)) {
		text := r.Artifacts[name]
		if cleaned := clean("artifact "+name, text); cleaned != text {
			r.Artifacts = maps.Clone(r.Artifacts)
			r.Artifacts[name] = cleaned
		}
	}
	for i, f := range r.Findings {
		text := clean("finding", f.Text)
		data := maps.Clone(f.Data)
		for k, v := range data {
			data[k] = clean("finding", v)
		}
		r.Findings[i].Text, r.Findings[i].Data = text, data
	}
	if r.Report != nil {
		var names bytes.Buffer
		for _, list := range [][]string{r.Report.Passed, r.Report.Failed, r.Report.Skipped} {
			for _, name := range list {
				names.WriteString(name)
				names.WriteByte('\n')
			}
		}
		for _, f := range scanner.Scan(names.Bytes()) {
			leaks = append(leaks, Leak{"name of a test", f})
		}
	}
	return leaks
}
