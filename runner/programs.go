package runner

import (
	"bytes"
	"context"
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/runner/sandbox"
)

// This file finds what a job may start. exec:NAME is a program of PATH, or a toolchain (by its name, or by a command of its): then
// its commands, what they keep for themselves, what any of them needs to build, and what they have made in the job's directory.
// With a program comes what the kernel starts for it: the interpreter that a script names, the loader of a dynamic one.

// hold writes down what the processes of a job may start, where that is not everything.
func (e *Executor) hold(ctx context.Context, s *sandbox.Spec, p place, action jitos.Action) error {
	levels := slices.Clone(action.Starts.Granted)
	// A toolchain's job runs what the repository says: its tests start what they like, within what is granted by name.
	if asked := action.Starts.Asked; len(asked) > 0 && !slices.ContainsFunc(asked, e.isToolchain) {
		levels = append(levels, asked)
	}
	if len(levels) == 0 {
		return nil
	}
	s.Held = true
	for i, names := range levels {
		var of []string
		for _, name := range names {
			found, err := e.programsOf(ctx, p, name)
			if err != nil {
				return err
			}
			of = append(of, found...)
		}
		if i == 0 {
			s.Programs = of
		} else {
			s.Programs = inBoth(s.Programs, of)
		}
	}
	s.Programs = append(s.Programs, withInterpreters("/bin/sh")...) // what commands are given to
	s.ProgramDirs = filepath.SplitList(os.Getenv("PATH"))
	return nil
}

func (e *Executor) isToolchain(name string) bool {
	_, ok := e.toolchainOf(name)
	return ok
}

// toolchainOf finds a toolchain by its name or a command of its.
func (e *Executor) toolchainOf(name string) (methods.Toolchain, bool) {
	t, ok := e.toolchain(name)
	return t, ok && e.allowed(t)
}

// programsOf are the files, and the directories with files, that a name stands for.
func (e *Executor) programsOf(ctx context.Context, p place, name string) ([]string, error) {
	if strings.Contains(name, "/") { // a file of the repository, as "./build.sh"
		if at := filepath.Join(p.tree(), filepath.FromSlash(name)); inside(at, p.tree()) {
			return inTree(at, p.real(name)), nil
		}
		return nil, nil
	}
	t, ok := e.toolchainOf(name)
	if !ok {
		return named(name), nil
	}
	list := []string{string(p)}
	for _, words := range [][]string{t.Words, builders, utilities} {
		for _, word := range words {
			list = append(list, named(word)...)
		}
	}
	tools, err := e.tools(ctx, t.Name)
	list = append(append(list, tools.write...), tools.shared...)
	for _, word := range t.Words {
		if at := which(word); at != "" && !slices.Contains(sandbox.SystemDirs, filepath.Dir(at)) {
			list = append(list, e.prefix(filepath.Dir(at))...)
		}
	}
	return list, err
}

// builders are what toolchains start to build: compilers of C, and git, by which some tell versions.
var builders = []string{"cc", "gcc", "g++", "c++", "clang", "as", "ld", "ar", "ranlib", "pkg-config", "make", "git"}

// utilities are the programs that a shell script takes for granted.
var utilities = []string{"sh", "bash", "awk", "basename", "bzip2", "cat", "chmod", "cksum", "cmp", "comm", "cp", "cut", "date", "dd", "diff", "dirname", "du",
	"echo", "env", "expr", "false", "file", "find", "fold", "getconf", "grep", "egrep", "fgrep", "gzip", "gunzip", "head", "hostname", "id", "join", "kill", "ln",
	"ls", "md5sum", "mkdir", "mkfifo", "mktemp", "mv", "nice", "nl", "nohup", "nproc", "od", "paste", "printf", "pwd", "readlink", "realpath", "rm", "rmdir", "sed",
	"seq", "sha1sum", "sha256sum", "sleep", "sort", "split", "stat", "tail", "tar", "tee", "test", "timeout", "touch", "tr", "true", "tsort", "tty", "uname",
	"uniq", "unzip", "wc", "which", "xargs", "xz", "yes", "zip"}

// helpers are directories with programs that one starts for itself.
var helpers = map[string][]string{
	"git": {"/usr/lib/git-core", "/usr/libexec/git-core"},
	"gcc": {"/usr/lib/gcc", "/usr/libexec/gcc"}, "cc": {"/usr/lib/gcc", "/usr/libexec/gcc"}, "g++": {"/usr/lib/gcc", "/usr/libexec/gcc"},
	"clang": {"/usr/lib/llvm"},
}

// named are the programs of a name on PATH, a pattern of path.Match for several, with what comes with them. That of the first
// directory counts for a shell; the others are programs of this name as well.
func named(name string) []string {
	var list []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue
		}
		found := []string{filepath.Join(dir, name)}
		if strings.ContainsAny(name, "*?[") {
			found, _ = filepath.Glob(found[0])
		}
		for _, at := range found {
			if hasFile(at) {
				list = append(list, withInterpreters(at)...)
			}
		}
	}
	for _, dir := range helpers[name] {
		if hasFile(dir) {
			list = append(list, dir)
		}
	}
	return list
}

// inTree is a program that the job sees at a path, and what the kernel starts with it. Where an overlay shows the tree, the file
// is nowhere else by that name: what it says is read below.
func inTree(at, below string) []string {
	list := withInterpreters(below)
	if len(list) == 0 || at == below {
		return list
	}
	return append([]string{at}, list[1:]...)
}

// withInterpreters is a program, as it really is, and what the kernel starts with it.
func withInterpreters(at string) []string {
	var list []string
	for range 8 { // the kernel follows five
		real, err := filepath.EvalSymlinks(at)
		if err != nil || slices.Contains(list, real) {
			break
		}
		list = append(list, real)
		next, through := interpreterOf(real)
		if next == "" {
			break
		}
		if through != "" { // #!/usr/bin/env NAME
			list = append(list, withInterpreters(next)...)
			next = which(through)
		}
		at = next
	}
	return list
}

// interpreterOf reads what a file says that it is started by; "" for none. name is what an interpreter env is to look for.
func interpreterOf(file string) (interpreter, name string) {
	f, err := os.Open(file)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	if bytes.HasPrefix(head, []byte("#!")) {
		line, _, _ := strings.Cut(string(head[2:]), "\n")
		words := strings.Fields(line)
		if len(words) == 0 {
			return "", ""
		}
		if filepath.Base(words[0]) == "env" {
			for _, w := range words[1:] {
				if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
					return words[0], w
				}
			}
		}
		return words[0], ""
	}
	program, err := elf.NewFile(f)
	if err != nil {
		return "", ""
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP && part.Filesz < 4096 {
			raw := make([]byte, part.Filesz)
			if _, err := part.ReadAt(raw, 0); err == nil {
				return strings.TrimRight(string(raw), "\x00"), ""
			}
		}
	}
	return "", ""
}

// inBoth is what two lists of files and directories have in common.
func inBoth(a, b []string) []string {
	var both []string
	for _, lists := range [][2][]string{{a, b}, {b, a}} {
		for _, p := range lists[0] {
			if slices.ContainsFunc(lists[1], func(dir string) bool { return inside(p, dir) }) && !slices.Contains(both, p) {
				both = append(both, p)
			}
		}
	}
	return both
}

// notStarted makes a failure knowledge where a line of the output says that a program which the job may not start was refused.
func notStarted(action jitos.Action, r jitos.Result, p place) jitos.Result {
	s, err := p.spec()
	if r.Verdict == jitos.Pass || err != nil || s == nil || !s.Held {
		return r
	}
	for line := range strings.Lines(r.Output + "\n" + r.Reason) {
		if low := strings.ToLower(line); !strings.Contains(low, "permission denied") && !strings.Contains(low, "not permitted") {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t:'\"`()[],;=", c) }) {
			need := refusedProgram(s, p, word)
			if need == "" {
				continue
			}
			r.Verdict, r.Reason = jitos.Fail, "denied: it failed to start "+quoted(word)+", and has no "+need
			r.Findings = append(r.Findings, jitos.Finding{Process: action.Process, Job: action.Job, About: jitos.AboutDenied, Text: r.Reason,
				Data: map[string]string{"program": word, "capability": need}})
			return r
		}
	}
	return r
}

// refusedProgram is the capability that would let a job start what a word names, "" where the word names no program that it may not
// start.
func refusedProgram(s *sandbox.Spec, p place, word string) string {
	at, need := which(word), execVerb+":"+word
	if strings.Contains(word, "/") {
		if at = word; !filepath.IsAbs(at) {
			at = filepath.Join(p.tree(), at)
		}
		if need = execVerb + ":" + filepath.Base(word); inside(at, p.tree()) {
			rel, err := filepath.Rel(p.tree(), at)
			if err != nil {
				return ""
			}
			at, need = p.real(rel), execVerb+":./"+filepath.ToSlash(rel)
		}
	}
	real, err := filepath.EvalSymlinks(at)
	if at == "" || err != nil {
		return ""
	}
	info, err := os.Stat(real)
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return ""
	}
	if slices.ContainsFunc(s.Programs, func(dir string) bool { return inside(real, dir) }) {
		return ""
	}
	return need
}

const execVerb = "exec"
