package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/jitos/jitos"
)

// scenario is a command that is disturbed, and what must be true whatever happened.
type scenario struct {
	name    string
	prepare func(*stage) // makes what the command needs
	stdin   string
	args    []string
	// then is the next command, where it shall not be the same one again.
	then []string
	// ended are the exit codes by which the same command, given again, may say that the first one did it.
	ended  []int
	atOnce bool // its effect is one move of a ref
	// done tells whether the effect of the command is there, "" or what is missing.
	done func(*stage) string
}

func hasNode(kind, name string) func(*stage) string {
	return func(s *stage) string {
		s.t.Helper()
		ctx := context.Background()
		at, done, err := s.system(ctx)
		if err != nil {
			return err.Error()
		}
		defer done()
		if ok, err := jitos.Has(ctx, at, jitos.NodeID{Kind: kind, Name: name}); err != nil || !ok {
			return fmt.Sprintf("no node %s/%s: %v", kind, name, err)
		}
		return ""
	}
}

// hasFate wants a workspace to have come to one of these ends; "" is an open one.
func hasFate(name string, want ...string) func(*stage) string {
	return func(s *stage) string {
		ctx := context.Background()
		at, done, err := s.system(ctx)
		if err != nil {
			return err.Error()
		}
		defer done()
		fate, err := ends(ctx, at)
		if end, ok := fate[name]; err != nil || !ok || !slices.Contains(want, end) {
			return fmt.Sprintf("workspace %s is %q, there: %v, want one of %q: %v", name, end, ok, want, err)
		}
		return ""
	}
}

func (s *stage) revParse(dir, ref string) string {
	return s.run(dir, 0, "", []string{"git", "rev-parse", "-q", "--verify", ref}).word()
}

// workspace makes the workspace "try" with a node and a file in it.
func workspace(s *stage) {
	s.must("", "sws", "new", "try")
	s.must(mark("inside"), "rewrite", "-", "--sws", "try")
	dir := s.must("", "sws", "dir", "try")
	if err := os.WriteFile(filepath.Join(dir, "made.txt"), []byte("made\n"), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.must("", "sws", "save", "try", "-m", "make a file")
}

func withRemote(s *stage) {
	remote := filepath.Join(s.home, "remote.git")
	s.git("init", "-q", "--bare", remote)
	s.git("remote", "add", "origin", remote)
	s.git("push", "-q", "origin", "main")
}

// elsewhere is another clone, in which something was done and shared.
func elsewhere(s *stage) {
	other := filepath.Join(s.home, "other")
	s.git("clone", "-q", filepath.Join(s.home, "remote.git"), other)
	for _, c := range []struct {
		stdin string
		args  []string
	}{{"", []string{"init"}}, {mark("there"), []string{"rewrite", "-"}}, {"", []string{"push"}}} {
		if got := s.run(other, 0, c.stdin, append([]string{"jitos"}, c.args...)); got.code != 0 {
			s.t.Fatal(got)
		}
	}
}

// scenarios are the commands that write, each on a repository in which it has something to do.
var scenarios = []scenario{
	{
		name:    "init",
		prepare: func(s *stage) { s.must("", "uninit", "--yes") },
		args:    []string{"init"},
		done: func(s *stage) string {
			if s := hasNode("sync", "user")(s); s != "" {
				return s
			}
			return hasNode("toolchain", "make")(s)
		},
	},
	{
		name:  "rewrite",
		stdin: mark("one"), args: []string{"rewrite", "-"}, atOnce: true,
		done: hasNode("mark", "one"),
	},
	{
		name: "run",
		prepare: func(s *stage) {
			task := s.must("", "task", "new", "--gate", "test -f two", "make two")
			s.must("title: two steps\nsteps:\n  one: {run: \"echo one >one\", needs: [\"fs.write:**\"]}\n"+
				"  two: {run: \"echo two >two\", needs: [\"fs.write:**\"], after: [one]}\n", "plan", task, "--from", "-")
			s.write("task", task)
		},
		args: []string{"run", "make-two"},
		done: func(s *stage) string {
			if s.revParse(s.dir, "jitos/system:two") == "" {
				return "the system line has no file two"
			}
			return ""
		},
	},
	{
		name: "do",
		args: []string{"do", `run "echo made >made.txt"`},
		done: func(s *stage) string {
			if s.revParse(s.dir, "jitos/system:made.txt") == "" {
				return "the system line has no file made.txt"
			}
			return ""
		},
	},
	{
		name:    "collapse",
		prepare: workspace,
		args:    []string{"sws", "collapse", "try", "--no-gate", "-m", "a test"},
		ended:   []int{exitNotFound},
		done:    hasFate("try", "collapsed"),
	},
	{
		name:    "discard",
		prepare: workspace,
		args:    []string{"sws", "discard", "try", "-m", "it was a try"},
		ended:   []int{exitNotFound},
		done:    hasFate("try", "discarded"),
	},
	{
		name: "land",
		prepare: func(s *stage) {
			workspace(s)
			s.must("", "sws", "collapse", "try", "--no-gate", "-m", "a test")
		},
		args: []string{"land"},
		done: func(s *stage) string {
			if s.revParse(s.dir, "main:made.txt") == "" {
				return "main has no file made.txt"
			}
			if dirty := s.git("status", "--porcelain"); dirty != "" {
				return "the working tree is not main's:\n" + dirty
			}
			return ""
		},
	},
	{
		name: "land-then", // whatever the next command is, it leaves no half of a landing
		prepare: func(s *stage) {
			s.write("repo/old.txt", "old\n")
			s.git("add", ".")
			s.git("commit", "-q", "-m", "old")
			s.must("", "absorb")
			s.must("", "do", `run "rm old.txt; for i in 1 2 3; do echo $i >$i.txt; done"`)
		},
		args: []string{"land"},
		then: []string{"task", "new", "something else"},
		done: func(s *stage) string {
			if dirty := s.git("status", "--porcelain"); dirty != "" {
				return "the working tree is not main's:\n" + dirty
			}
			if landed := s.revParse(s.dir, "main:1.txt") != ""; landed != (s.revParse(s.dir, "main:old.txt") == "") {
				return "main is neither as it was nor as it shall be"
			}
			return ""
		},
	},
	{
		name: "sws-new",
		args: []string{"sws", "new", "try"},
		// A workspace of this name is there: the first call made it.
		ended: []int{exitBusy},
		done: func(s *stage) string {
			if s.revParse(s.dir, "jitos/sws/try") == "" {
				return "no branch jitos/sws/try"
			}
			return hasFate("try", "")(s)
		},
	},
	{
		name:    "push",
		prepare: withRemote,
		args:    []string{"push"},
		done: func(s *stage) string {
			if here, there := s.revParse(s.dir, "jitos/system"), s.revParse(filepath.Join(s.home, "remote.git"), "jitos/system"); here == "" || here != there {
				return fmt.Sprintf("jitos/system is at %q here and at %q there", here, there)
			}
			return ""
		},
	},
	{
		name: "fetch",
		prepare: func(s *stage) {
			withRemote(s)
			s.must("", "push")
			elsewhere(s)
		},
		args: []string{"fetch"},
		done: hasNode("mark", "there"),
	},
	{
		name: "sync", // both sides have gone on: one workspace collapses again, another one clashes, a month is joined
		prepare: func(s *stage) {
			withRemote(s)
			s.must("", "sync")
			elsewhere(s)
			s.must(mark("one"), "rewrite", "-")
			s.must(`{"set": [{"node": "mark/there", "fields": {"by": "here"}}]}`, "rewrite", "-")
			workspace(s)
			s.must("", "sws", "collapse", "try", "--no-gate", "-m", "a test")
			s.must("", "sws", "new", "given-up")
			s.must("", "sws", "discard", "given-up", "-m", "a try")
		},
		args: []string{"sync"},
		done: func(s *stage) string {
			for _, want := range []func(*stage) string{hasNode("mark", "one"), hasNode("mark", "there"), hasFate("try", "collapsed"), hasFate("given-up", "discarded")} {
				if missing := want(s); missing != "" {
					return missing
				}
			}
			if here, there := s.revParse(s.dir, "jitos/system"), s.revParse(filepath.Join(s.home, "remote.git"), "jitos/system"); here != there {
				return fmt.Sprintf("jitos/system is at %q here and at %q there", here, there)
			}
			if open := s.git("for-each-ref", "--format=%(refname)", "refs/heads/jitos/sws/ours-*"); open == "" {
				return "what clashed has no workspace"
			}
			return ""
		},
	},
	{
		name: "undo",
		prepare: func(s *stage) {
			workspace(s)
			s.must("", "sws", "collapse", "try", "--no-gate", "-m", "a test")
		},
		args: []string{"undo", "--no-gate", "-m", "a test"},
		then: []string{"task", "new", "something else"}, // to undo again would do it again
		done: func(s *stage) string { // all of it was taken back, or nothing
			node, file := hasNode("mark", "inside")(s) == "", s.revParse(s.dir, "jitos/system:made.txt") != ""
			if node != file {
				return fmt.Sprintf("half of it was undone: the node is there: %v, the file: %v", node, file)
			}
			return hasFate("try", "collapsed")(s)
		},
	},
	{
		name: "absorb",
		prepare: func(s *stage) {
			s.write("repo/more.txt", "more\n")
			s.git("add", ".")
			s.git("commit", "-q", "-m", "more")
		},
		args: []string{"absorb"},
		done: func(s *stage) string {
			if s.revParse(s.dir, "jitos/system:more.txt") == "" {
				return "the system line has no file more.txt"
			}
			return ""
		},
	},
	{
		name: "gc",
		prepare: func(s *stage) {
			for i := range 4 {
				s.must(mark(fmt.Sprint("m-", i)), "rewrite", "-")
			}
		},
		args: []string{"gc"}, atOnce: true,
		done: func(s *stage) string {
			for i := range 4 {
				if missing := hasNode("mark", fmt.Sprint("m-", i))(s); missing != "" {
					return missing
				}
			}
			if packs, err := filepath.Glob(filepath.Join(s.dir, ".git/objects/pack/*.pack")); err != nil || len(packs) > 2 { // a kill leaves one that is git's to join
				return fmt.Sprintf("packs: %v %v", packs, err)
			}
			return ""
		},
	},
	{
		name:    "uninit",
		prepare: workspace,
		args:    []string{"uninit", "--yes"},
		done: func(s *stage) string {
			if left := s.git("for-each-ref", "refs/heads/jitos", "refs/jitos"); left != "" {
				return "refs are there:\n" + left
			}
			if _, err := os.Stat(filepath.Join(s.dir, ".git", "jitos")); err == nil {
				return ".git/jitos is there"
			}
			return ""
		},
	},
}
