// Command bench seeds bugs of one edit in real modules, has jitos repair each, and prints a table.
//
//	go run ./runner/repair/bench [-bugs N] [-first N] [-seed N] [-hide N] [-kind EXPR] [-json FILE] DIR|python:NAME…
//	go run ./runner/repair/bench -rank lost|slips [-bugs N] [-seed N] DIR…
//
// A module is copied, and a slip is made at a random place of its code (see seed_go.go: it knows nothing of the edits that the
// repair makes, and some slips are none that it can take back). It counts as a bug where everything compiles and a test fails. The
// copy becomes a repository with a fabric, in which `jitos run` has one plan: the job repair, and the gate tests-pass. python:NAME
// is a module of Python's library with its tests.
//
// Every third test (-hide; 0: none) is hidden from jitos. A patch that passes all tests that jitos saw is judged after: it is the
// true fix where the file is what it was before the slip (but for formatting and needless parentheses), right where the hidden
// tests and the others pass, else wrong.
//
// With -rank nothing runs: in each module of Go statements and checks are taken out of functions (or other slips made), and the table
// says where the edit that gives them back stands among the edits of the function. So hundreds of bugs are looked at in a minute.
//
// What a repair leaves behind is counted in the fabric: nodes, references, bytes of the git directory, directories of jobs.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// options are what the flags say.
type options struct {
	bugs, first, hide int
	kind              *regexp.Regexp // of slips, nil for all
	jitos             string         // the program
	dir               string         // of everything that is written
}

func main() {
	var o options
	flag.IntVar(&o.bugs, "bugs", 8, "bugs in each module")
	seed := flag.Int64("seed", 1, "of the generator")
	flag.IntVar(&o.first, "first", 0, "`number` of the first bug; what a seed makes of a number does not depend on the others")
	flag.Func("kind", "only slips of kinds that match the `expression`: '^(check|statement|return) lost$'", func(text string) (err error) {
		o.kind, err = regexp.Compile(text)
		return err
	})
	flag.IntVar(&o.hide, "hide", 3, "hide one test in `N` from jitos; 0 hides none")
	out := flag.String("json", "", "write one line a bug to this `file`")
	flag.StringVar(&o.jitos, "jitos", "", "the `program`; it is built where none is given")
	rank := flag.String("rank", "", "run nothing: look up the true fix among the edits of its function, of statements and checks that are `lost`, or of other slips")
	flag.Parse()
	if *rank != "" {
		var all []ranked
		for _, name := range flag.Args() {
			list, err := ranks(name, o.bugs, *rank != "lost", rand.New(rand.NewSource(*seed)))
			if err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
				os.Exit(1)
			}
			for _, r := range list {
				fmt.Fprintf(os.Stderr, "%s: %s: %d of %d: %s\n", r.module, r.kind, r.rank, r.edits, r.what)
			}
			all = append(all, list...)
		}
		rankTable(os.Stdout, all)
		return
	}
	if err := bench(o, *seed, *out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(o options, seed int64, out string, modules []string) error {
	var err error
	if o.dir, err = os.MkdirTemp("", "repair-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)
	if o.jitos == "" {
		o.jitos = filepath.Join(o.dir, "jitos")
		build := exec.Command("go", "build", "-o", o.jitos, "github.com/jitos/jitos/cmd/jitos")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build jitos: %w", err)
		}
	}
	var file *os.File
	if out != "" {
		if file, err = os.Create(out); err != nil {
			return err
		}
		defer file.Close()
	}
	var list []module
	for _, name := range modules {
		m, err := readModule(name)
		if err == nil {
			err = m.sound(o)
		}
		if err != nil {
			return err
		}
		list = append(list, m)
	}
	var rows []row
	for i := range o.bugs { // by turns, so that a run that is cut short has looked at all
		for _, m := range list {
			r, err := m.bug(o, o.first+i, rand.New(rand.NewSource(104729*seed+7919*int64(o.first+i))))
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			rows = append(rows, r)
			fmt.Fprintln(os.Stderr, r.line())
			if file != nil {
				if err := json.NewEncoder(file).Encode(r); err != nil {
					return err
				}
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.Module, b.Module) })
	table(os.Stdout, rows)
	return nil
}
