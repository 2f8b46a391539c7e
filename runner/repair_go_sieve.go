package runner

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/repair"
)

// compose makes the one program that all edits are tried in.
func (g *goSubject) compose(s *repairing) error {
	files := map[string][]byte{}
	g.sites, g.parts = map[int]int{}, nil
	paths := map[string]bool{}
	for _, e := range s.edits {
		paths[e.Path] = true
	}
	for _, name := range keysOf(g.packages) {
		if !slices.ContainsFunc(g.packages[name].files, func(f string) bool { return paths[f] }) {
			continue
		}
		p, err := g.load(s, name)
		if err != nil {
			return err
		}
		schema, err := p.Schema(s.edits, g.without)
		if err != nil {
			return err
		}
		g.parts = append(g.parts, schema)
		for f, text := range schema.Files {
			files[f] = text
		}
		for id, site := range schema.Site {
			g.sites[id] = site
		}
	}
	var err error
	g.schema, err = s.tree(files)
	return err
}

// sieve runs the tests with edits in the program of all edits. Those that no such program can hold are left apart.
func (g *goSubject) sieve(ctx context.Context, s *repairing, ids []int) (sieved, error) {
	var found sieved
	if g.schema == "" {
		if err := g.compose(s); err != nil {
			return found, err
		}
	}
	var lists [2]strings.Builder
	together := 0
	for _, id := range ids {
		if site, ok := g.sites[id]; ok {
			fmt.Fprintf(&lists[together%2], "%d:%d\n", site, id)
			together++
		} else {
			found.apart = append(found.apart, id)
		}
	}
	if together == 0 {
		return found, nil
	}
	var failing, whole strings.Builder
	for _, t := range g.tests {
		failing.WriteString(runTests(t.pkg, g.one, "-test.run "+shellQuote(t.pattern)) + " >/dev/null 2>&1 || return 1\n")
	}
	for _, pkg := range g.failingPackages() {
		whole.WriteString(runTests(pkg, g.whole, `-test.failfast -test.skip "$odd"`) + " >/dev/null 2>&1 || return 1\n")
	}
	end, _ := ctx.Deadline()
	script := g.build(s, g.tests) + g.oddScript(s) + "failing() {\n" + failing.String() + "}\nwhole() {\n" + whole.String() + "}\n" +
		fmt.Sprintf(sieveScript, int(time.Until(end).Seconds())-2, repair.SchemaSite, repair.SchemaEdit, lists[0].String(), lists[1].String())
	r, err := s.try(s.ctx, g.schema, "run the tests with each edit", script)
	if err != nil {
		return found, err
	}
	if r.Verdict != jitos.Pass && r.Artifacts["tried"] == "" && ctx.Err() == nil {
		if !g.refused(r.Output) {
			s.say("the edits cannot be tried together: %s", r.Reason)
			return sieved{apart: ids}, nil
		}
		g.schema = ""
		return g.sieve(ctx, s, ids)
	} // one that ran out of time has told what it came to
	if g.odd == nil {
		odd := strings.TrimSpace(r.Artifacts["odd"])
		g.odd = &odd
	}
	found.tried, found.through, found.passed = numbers(r.Artifacts["tried"]), numbers(r.Artifacts["through"]), numbers(r.Artifacts["passed"])
	return found, nil
}

// compilerSays matches the place of an error.
var compilerSays = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^(?:\./)?([^\s:]+\.go):(\d+):(\d+): `) })

// refused takes the edits on which the compiler's errors lie out of the program of all edits; false where there are none. The
// type checker has seen it before, so this is for what it does not know.
func (g *goSubject) refused(output string) bool {
	before := len(g.without)
	for _, m := range compilerSays().FindAllStringSubmatch(output, -1) {
		line, _ := strconv.Atoi(m[2])
		column, _ := strconv.Atoi(m[3])
		for _, schema := range g.parts {
			for _, i := range schema.Blame(path.Clean(m[1]), line, column) {
				if g.without == nil {
					g.without = map[int]bool{}
				}
				g.without[i] = true
			}
		}
	}
	return len(g.without) > before
}

// failingPackages are those of the tests that are run with each edit.
func (g *goSubject) failingPackages() []string {
	var list []string
	for _, t := range g.tests {
		if !slices.Contains(list, t.pkg) {
			list = append(list, t.pkg)
		}
	}
	return list
}

// oddScript sets $odd to a pattern of the tests that pass in the program as it is and fail in the one of all edits, though none is
// chosen: those that read its source or look at its stack, say. They judge no edit there. It is found out once, and left.
func (g *goSubject) oddScript(s *repairing) string {
	if g.odd != nil {
		return "odd=" + shellQuote(*g.odd) + "\n"
	}
	var skip []string
	for _, name := range s.failing {
		if t, ok := splitTest(name); ok {
			top, _, _ := strings.Cut(t.pattern, "/")
			skip = append(skip, top)
		}
	}
	var b strings.Builder
	for _, pkg := range g.failingPackages() {
		b.WriteString(runTests(pkg, g.whole, "-test.v -test.skip "+shellQuote(strings.Join(skip, "|"))))
		b.WriteString(` 2>&1 | sed -n 's/^--- FAIL: \([^ ]*\) .*/^\1$/p' >>"$TMPDIR/odd"` + "\n")
	}
	return b.String() + "odd=$(paste -s -d '|' \"$TMPDIR/odd\")\nodd=${odd:-^$}\necho \"$odd\" >\"$JITOS_OUT/odd\"\n"
}

// runTests is the command that runs the compiled tests of a package within some processor time. What waits and does not compute
// is ended by the clock.
func runTests(pkg string, most time.Duration, flags string) string {
	return fmt.Sprintf(`enter %s; (ulimit -t %d; %s=%d exec "$binary" %s -test.timeout %s) </dev/null`,
		shellQuote(pkg), 2+int(most.Seconds()), repair.SchemaCPU, most.Milliseconds(), flags, (5*time.Second + 5*most).Round(time.Second))
}

// sieveScript runs the failing tests with each edit, two side by side, and where they pass all tests of their packages. It leaves
// the edits that it came to, and with which they passed.
const sieveScript = `end=$(($(date +%%s) + %d))
part() {
  while IFS=: read -r site edit; do
    if [ "$(date +%%s)" -ge $end ]; then break; fi
    export %s=$site %s=$edit
    if failing; then
      echo "$edit" >>"$JITOS_OUT/through"
      if whole; then echo "$edit" >>"$JITOS_OUT/passed"; fi
    fi
    echo "$edit" >>"$JITOS_OUT/tried"
  done
  : >"$TMPDIR/done$1"
}
part 1 <<'END' &
%sEND
part 2 <<'END' &
%sEND
while [ ! -f "$TMPDIR/done1" ] || [ ! -f "$TMPDIR/done2" ]; do
  if [ "$(date +%%s)" -gt $end ]; then break; fi
  sleep 0.1
done
exit 0
`

// apart tries edits each on a file tree of its own, two side by side.
func (g *goSubject) apart(ctx context.Context, s *repairing, ids []int) (sieved, error) {
	var run strings.Builder
	for _, t := range g.tests {
		fmt.Fprintf(&run, "go test -count=1 -vet=off -run %s -timeout %s %s\n", shellQuote(t.pattern), (5*time.Second + 5*g.one).Round(time.Second), shellQuote(t.pkg))
	}
	var found sieved
	var mu sync.Mutex
	err := sideBySide(ctx, ids, func(id int) error {
		e := s.edits[id]
		src, err := s.source(e.Path)
		if err != nil {
			return err
		}
		tree, err := s.tree(map[string][]byte{e.Path: e.Apply(src)})
		if err != nil {
			return err
		}
		r, err := s.try(s.ctx, tree, "run the failing tests with an edit", run.String())
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		found.tried = append(found.tried, id)
		if r.Verdict == jitos.Pass {
			found.through = append(found.through, id)
		}
		return nil
	})
	found.passed = found.through
	return found, err
}
