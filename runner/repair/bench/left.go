package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// left is what is in a fabric and beside it.
type left struct {
	Nodes   map[string]int // by kind
	Commits int            // of the system line and the archive
	Refs    int
	Bytes   int64 // of the git directory
	Places  int   // directories of jobs outside
}

// measure counts what there is. cache is where jitos keeps directories of jobs.
func measure(dir, cache string) (left, error) {
	l := left{Nodes: map[string]int{}}
	out, err := git(dir, "ls-tree", "-r", "--name-only", "jitos/system", ".jitos/nodes/")
	if err != nil {
		return l, err
	}
	for _, name := range strings.Fields(out) {
		kind, _, _ := strings.Cut(strings.TrimPrefix(name, ".jitos/nodes/"), "/")
		l.Nodes[kind]++
	}
	if out, err = git(dir, "for-each-ref", "--format=%(refname)"); err != nil {
		return l, err
	}
	l.Refs = len(strings.Fields(out))
	if out, err = git(dir, "rev-list", "--count", "--all"); err != nil {
		return l, err
	}
	l.Commits, _ = strconv.Atoi(strings.TrimSpace(out))
	err = filepath.WalkDir(filepath.Join(dir, ".git"), func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			l.Bytes += info.Size()
		}
		return err
	})
	places, _ := filepath.Glob(filepath.Join(cache, "jitos", "jobs", "*"))
	l.Places = len(places)
	return l, err
}

// since is what came after.
func (l left) since(before left) left {
	d := left{Nodes: map[string]int{}, Commits: l.Commits - before.Commits, Refs: l.Refs - before.Refs, Bytes: l.Bytes - before.Bytes, Places: l.Places - before.Places}
	for kind, n := range l.Nodes {
		if n -= before.Nodes[kind]; n != 0 {
			d.Nodes[kind] = n
		}
	}
	return d
}

// finding is what a job of the fabric found out.
type finding struct {
	About, Text string
	Data        map[string]string
}

// findings lists those on record, the chosen patch first, then by their place in the search.
func findings(dir string) ([]finding, error) {
	out, err := git(dir, "ls-tree", "-r", "--name-only", "jitos/system", ".jitos/nodes/finding/")
	if err != nil {
		return nil, err
	}
	var list []finding
	for _, name := range strings.Fields(out) {
		text, err := git(dir, "show", "jitos/system:"+name)
		if err != nil {
			return nil, err
		}
		var f finding
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b finding) int { return place(a) - place(b) })
	return list, nil
}

func place(f finding) int {
	n, err := strconv.Atoi(f.Data["rank"])
	if err != nil || f.About == "repair" {
		return 0
	}
	return n
}

func git(dir string, words ...string) (string, error) {
	cmd := exec.Command("git", words...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	return string(out), err
}
