package runner

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// maxHidden bounds what is hidden of one job's files: each is a mount.
const maxHidden = 4096

// mayRead tells whether a job may read a path of its files. What it is granted to write by a pattern of its own it may read.
func mayRead(action jitos.Action, p string) bool {
	if action.Reach.Has(p) {
		return true
	}
	for _, need := range action.Step.Needs {
		verb, scope, _ := strings.Cut(need, ":")
		if verb == writeVerb && scope != "" && scope != "*" && scope != "**" && jitos.MatchPath(scope, p) {
			return true
		}
	}
	return false
}

// hidden are the files of a tree that a job may not read, directories where that is so of all below them. Links are left: what
// they lead to is hidden itself. A *refusal says that there are too many.
func hidden(ctx context.Context, objects Objects, tree plumbing.Hash, action jitos.Action) ([]string, error) {
	if len(action.Reach) == 0 {
		return nil, nil
	}
	files, err := readManifest(ctx, objects, tree)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{} // directories with something in them that may be read
	var shut []string
	for p, e := range files.files {
		if e.mode == filemode.Symlink || e.mode == filemode.Submodule || mayRead(action, p) {
			for dir := parentDir(p); !seen[dir]; dir = parentDir(dir) {
				seen[dir] = true
			}
			continue
		}
		shut = append(shut, p)
	}
	top := map[string]bool{}
	for _, p := range shut {
		for dir := parentDir(p); dir != "" && !seen[dir]; dir = parentDir(dir) {
			p = dir
		}
		top[p] = true
	}
	if len(top) > maxHidden {
		return nil, &refusal{".", fmt.Sprintf("what it may not read are %d files and directories, more than %d: name directories in fs.read", len(top), maxHidden)}
	}
	list := make([]string, 0, len(top))
	for p := range top {
		list = append(list, p)
	}
	slices.Sort(list)
	return list, nil
}

// under are paths of a tree in a directory.
func under(dir string, list []string) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = filepath.Join(dir, filepath.FromSlash(p))
	}
	return out
}

// missed makes a failure knowledge where a line of its output says that a file which the job may not read cannot be had.
func missed(action jitos.Action, r jitos.Result, shut []string) jitos.Result {
	if r.Verdict == jitos.Pass || len(shut) == 0 {
		return r
	}
	for line := range strings.Lines(r.Output + "\n" + r.Reason) {
		low := strings.ToLower(line)
		if !slices.ContainsFunc(refusals, func(words string) bool { return strings.Contains(low, words) }) {
			continue
		}
		for _, p := range shut {
			if !mentions(line, p) {
				continue
			}
			need := readVerb + ":" + p
			r.Verdict, r.Reason = jitos.Fail, "denied: it failed at "+quoted(p)+", and has no "+need
			r.Findings = append(r.Findings, jitos.Finding{Process: action.Process, Job: action.Job, About: jitos.AboutDenied, Text: r.Reason,
				Data: map[string]string{"paths": p, "capability": need}})
			return r
		}
	}
	return r
}

// refusals are what programs say of files that they cannot have.
var refusals = []string{"permission denied", "no such file", "not found", "read-only", "not permitted", "busy"}

// mentions tells whether a line names a path or something below it.
func mentions(line, p string) bool {
	for at := 0; ; {
		i := strings.Index(line[at:], p)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(p)
		if (from == 0 || !inName(line[from-1])) && (to == len(line) || !inName(line[to]) || line[to] == '/') {
			return true
		}
		at = to
	}
}

func inName(c byte) bool {
	return c == '/' || c == '.' || c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

const readVerb = "fs.read"
