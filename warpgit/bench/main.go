// Command bench compares the store with git on the same work: each row runs ours and the peer in turn, every side as a
// process of its own, and prints the median ratios of CPU and wall time, bytes and peak memory beside what the row is to reach.
//
//	go run ./warpgit/bench                                   every row at 1k and 100k nodes
//	go run ./warpgit/bench -rows rewrite,list -nodes 1000000 the rows that begin with these words, at a size
//	go run ./warpgit/bench -json                             one object a row
//
// # Words
//
//   - row: one kind of work, ours against a peer, at one size. "x" is ours divided by the peer's.
//   - fabric: a repository that `jitos init` made, with so many nodes, kept for all rows of its size. What a row changes is
//     changed in a copy.
//   - task: a part of a row that runs in a process of this same binary, so that its CPU time and its peak memory are its own:
//     tasks.go has the list. (Linux counts the memory of a parent that starts a process as that process's, so the parent
//     stays small.)
//
// Only ratios of one run mean something, and of wall times only those of a quiet machine. Everything is made in a temporary
// directory and removed, unless -keep names one to keep; a fabric that is found there is used again.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// options are what the user asked for.
type options struct {
	sizes     []int
	rows      []string
	rounds    int
	groups    int
	groupSize int
	rewrites  int
	edges     int
	files     int
	keep      string
	jitos     string
	json      bool
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == taskArg {
		exit(runTask(os.Args[2:]))
		return
	}
	o, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2)
	}
	exit(run(o, os.Stdout))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var sizes, rows string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&sizes, "nodes", "1000,100000", "`sizes` of the fabrics, in nodes")
	f.StringVar(&rows, "rows", "", "`rows` to run, by how their names begin: "+strings.Join(rowNames(), ", "))
	f.IntVar(&o.rounds, "rounds", 5, "how often each side runs")
	f.IntVar(&o.groups, "groups", 5, "groups of rewrites in a round")
	f.IntVar(&o.groupSize, "group-size", 1000, "rewrites that share a pack and a move of the ref")
	f.IntVar(&o.rewrites, "rewrites", 1000, "rewrites of one node in a fabric's history, beside those that made it")
	f.IntVar(&o.edges, "edges", 100_000, "edges of the node to which one is added")
	f.IntVar(&o.files, "files", 20_000, "files in the directory of a job")
	f.StringVar(&o.keep, "keep", "", "work in this `directory` and keep it")
	f.StringVar(&o.jitos, "jitos", "", "the jitos to run; built from here where none is given")
	f.BoolVar(&o.json, "json", false, "print one JSON object a row")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for _, s := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			fmt.Fprintf(stderr, "bench: -nodes %s: want numbers\n", sizes)
			return o, fmt.Errorf("nodes")
		}
		o.sizes = append(o.sizes, n)
	}
	if rows != "" {
		o.rows = strings.Split(rows, ",")
	}
	if o.rounds < 1 || o.groups < 1 || o.groupSize < 1 || o.edges < 10 || o.files < 1 || o.rewrites < 1 || f.NArg() > 0 {
		f.Usage()
		return o, fmt.Errorf("usage")
	}
	return o, nil
}

// run runs the rows that were asked for, at each size.
func run(o options, out io.Writer) error {
	for _, name := range o.rows {
		if !anyBegins(rowNames(), name) {
			return fmt.Errorf("there is no row %q: there are %s", name, strings.Join(rowNames(), ", "))
		}
	}
	b := &bench{options: o, dir: o.keep, fabrics: map[int]*fabric{}}
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "jitos-bench-")
		if err != nil {
			return err
		}
		defer removeAll(dir)
		stopped := make(chan os.Signal, 1)
		signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
		go func() {
			<-stopped
			removeAll(dir)
			os.Exit(4)
		}()
		b.dir = dir
	}
	if err := b.prepare(); err != nil {
		return err
	}
	show := table(out)
	if o.json {
		enc := json.NewEncoder(out)
		show = func(r result) error { return enc.Encode(r) }
	}
	for _, nodes := range o.sizes {
		for _, r := range rows {
			if !b.wants(r.name) || r.once && nodes != o.sizes[0] {
				continue
			}
			results, err := r.run(b, nodes)
			if err != nil {
				return fmt.Errorf("%s at %d nodes: %w", r.name, nodes, err)
			}
			for _, res := range results {
				if err := show(res); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// bench is one run of the command.
type bench struct {
	options
	dir     string
	self    string // this program
	fabrics map[int]*fabric
	copies  int
}

// wants tells whether a row was asked for.
func (b *bench) wants(name string) bool {
	if len(b.rows) == 0 {
		return true
	}
	for _, prefix := range b.rows {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func anyBegins(names []string, prefix string) bool {
	for _, n := range names {
		if strings.HasPrefix(n, prefix) {
			return true
		}
	}
	return false
}

// prepare pins what git and jitos take from their surroundings, and builds jitos.
func (b *bench) prepare() error {
	var err error
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.jitos == "" {
		b.jitos = filepath.Join(b.dir, "jitos")
		build := exec.Command("go", "build", "-o", b.jitos, "github.com/jitos/jitos/cmd/jitos")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build jitos (-jitos names one that is built): %w", err)
		}
	} else if b.jitos, err = filepath.Abs(b.jitos); err != nil {
		return err
	}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "GIT_") || strings.HasPrefix(name, "JITOS_") {
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": b.dir, "XDG_CACHE_HOME": filepath.Join(b.dir, "cache"),
		"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
		"GIT_CEILING_DIRECTORIES": filepath.Dir(b.dir),
	} {
		os.Setenv(name, value)
	}
	return nil
}

// removeAll removes a directory in which some are read-only.
func removeAll(dir string) {
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(p, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}
