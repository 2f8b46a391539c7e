package runner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/repair"
)

// trace runs the tests one by one in a program that says which statements it runs.
func (g *goSubject) trace(s *repairing, failing, passing []goCase) (*repair.Spectrum, error) {
	files := map[string][]byte{}
	var spans []repair.Span
	for _, name := range keysOf(g.packages) {
		sources, err := g.sources(s, g.packages[name])
		if err != nil {
			return nil, err
		}
		traced, more, err := repair.TraceGo(sources, len(spans))
		if err != nil {
			return nil, &inconclusive{"no-repair", err.Error()}
		}
		for p, text := range traced {
			files[p] = text
		}
		spans = append(spans, more...)
	}
	var list strings.Builder
	for kind, tests := range [][]goCase{failing, passing} {
		for i, t := range tests {
			fmt.Fprintf(&list, "%c%d %s %s\n", "FP"[kind], i, t.pkg, t.pattern)
		}
	}
	files[below("tests")], files[below("known")] = []byte(list.String()), []byte(strings.Join(known(s), "\n")+"\n")
	tree, err := s.tree(files)
	if err != nil {
		return nil, err
	}
	var others strings.Builder // tests that a panic of another kept from running
	for _, t := range failing {
		fmt.Fprintf(&others, "enter %[1]s; \"$binary\" -test.list '^(Test|Example)' </dev/null | sed -n 's|^[TE][A-Za-z0-9_]*$|%[2]s &|p'\n", shellQuote(t.pkg), t.pkg)
	}
	r, err := s.try(s.ctx, tree, "trace the tests", g.build(s, failing)+"others() {\n"+others.String()+"}\n"+traceScript)
	if err != nil {
		return nil, err
	}
	if r.Verdict != jitos.Pass {
		return nil, &inconclusive{"no-repair", "the tests cannot be traced: " + r.Reason}
	}
	return g.spectrum(r, spans, failing)
}

// build is the beginning of a script that compiles the tests of the failing packages, each to $TMPDIR/<number>.test, and has a
// function that says where those of a package run.
func (g *goSubject) build(s *repairing, tests []goCase) string {
	var b, where strings.Builder
	b.WriteString("root=$PWD\n")
	seen := map[string]bool{}
	for _, t := range tests {
		if seen[t.pkg] {
			continue
		}
		fmt.Fprintf(&b, "go test -c -vet=off -o \"$TMPDIR/%d.test\" %s\n", len(seen), shellQuote(t.pkg))
		fmt.Fprintf(&where, "%s) cd \"$root\"/%s; binary=$TMPDIR/%d.test;;\n", shellQuote(t.pkg), shellQuote(g.packages[t.pkg].dir), len(seen))
		seen[t.pkg] = true
	}
	return b.String() + "enter() {\ncase $1 in\n" + where.String() + "esac\n}\nset +e\nulimit -v 6000000 2>/dev/null\n"
}

// known lists the tests of the snapshot, as package and function.
func known(s *repairing) []string {
	set := map[string]bool{}
	for _, name := range slices.Concat(s.failing, s.passing) {
		if t, ok := splitTest(name); ok {
			top, _, _ := strings.Cut(t.pattern, "/")
			set[t.pkg+" "+strings.Trim(top, "^$")] = true
		}
	}
	return names(set)
}

// traceScript leaves the runs that went as expected ("F0"; "F-" and "P-" are ones of which nothing was expected), the processor time of all so
// far after each ("F0 0m1.2s 0m0.1s", by the shell's times), the first before any, how many of them ran each statement ("F 17 2"), and
// the lines that panics went through, innermost first ("/x/y.go:12").
const traceScript = `end=$(($(date +%s) + 60))
others | sort -u | grep -vxF -f "$root/_jitos_repair/known" | head -n 100 | sed 's/^\([^ ]*\) \(.*\)/U0 \1 ^\2$/' >"$TMPDIR/others"
times >"$TMPDIR/times"
sed -n '2s/^/- /p' "$TMPDIR/times" >"$JITOS_OUT/times"
cat "$root/_jitos_repair/tests" "$TMPDIR/others" >"$TMPDIR/tests"
while read -r id pkg pattern; do
  if [ "$(date +%s)" -ge $end ]; then break; fi
  enter "$pkg"
  rm -f "$TMPDIR/trace"
  if (ulimit -t 20; JITOS_REPAIR_TRACE="$TMPDIR/trace" exec "$binary" -test.run "$pattern" -test.timeout 20s) </dev/null >"$TMPDIR/said" 2>&1; then got=P; else got=F; fi
  times >"$TMPDIR/times"
  want=${id%%[0-9]*}
  if [ $want = U ]; then want=$got; id=$got-; fi
  sed -n "2s/^/$id /p" "$TMPDIR/times" >>"$JITOS_OUT/times"
  if [ $got = F ]; then
    sed -n '/^\(panic\|fatal error\):/,$s/^	\(.*\.go:[0-9]*\) +0x.*/\1/p' "$TMPDIR/said" | head -n 40 >>"$JITOS_OUT/panics"
  fi
  if [ $got = $want ] && [ -f "$TMPDIR/trace" ]; then
    echo "$id" >>"$TMPDIR/runs"
    sort -u "$TMPDIR/trace" | sed "s/^/$got /" >>"$TMPDIR/all"
  fi
done <"$TMPDIR/tests"
if [ -f "$TMPDIR/runs" ]; then
  cp "$TMPDIR/runs" "$JITOS_OUT/runs"
  awk '{n[$0]++; if ($1 == "F") hot[$2] = 1} END {for (k in n) {split(k, f, " "); if (f[2] in hot) print k, n[k]}}' "$TMPDIR/all" >"$JITOS_OUT/counts"
fi
exit 0
`

func (g *goSubject) spectrum(r jitos.Result, spans []repair.Span, failing []goCase) (*repair.Spectrum, error) {
	found := &repair.Spectrum{Spans: spans}
	var files []string
	for _, p := range g.packages {
		files = append(files, p.files...)
	}
	found.Leads = panicLeads(r.Artifacts["panics"], files)
	for line := range strings.Lines(r.Artifacts["runs"] + "\n") {
		id := strings.TrimSpace(line)
		switch {
		case id == "":
		case id[0] == 'P':
			found.Passing++
		default:
			found.Failing++
			if i, err := strconv.Atoi(id[1:]); err == nil && i < len(failing) && len(g.tests) < maxFailing {
				g.tests = append(g.tests, failing[i])
			}
		}
	}
	failed, passed, all := processorTimes(r.Artifacts["times"])
	one := func(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }
	g.one = 100*time.Millisecond + one(2*min(failed, max(.1, 3*passed))) // one that fails may be in a loop without end
	g.whole = time.Second + 2*g.one + one(4*all)
	for line := range strings.Lines(r.Artifacts["counts"] + "\n") {
		var kind rune
		var span, n int
		if _, err := fmt.Sscanf(line, "%c %d %d", &kind, &span, &n); err != nil || span >= len(spans) {
			continue
		}
		if kind == 'F' {
			spans[span].Failed = n
		} else {
			spans[span].Passed = n
		}
	}
	if len(g.tests) == 0 {
		return nil, &inconclusive{"flaky", "the failing tests do not fail when each runs alone"}
	}
	return found, nil
}

// processorTimes reads what tests took of the processors, in seconds, from the times of a user and of the system after each,
// added up: "F0 0m1.230s 0m0.450s". It returns the slowest that fails and that passes, and all that pass together.
func processorTimes(lines string) (failed, passed, all float64) {
	before := 0.0
	for line := range strings.Lines(lines) {
		kind, rest, _ := strings.Cut(line, " ")
		total := 0.0
		for _, part := range strings.Fields(rest) {
			minutes, seconds, _ := strings.Cut(strings.TrimSuffix(part, "s"), "m")
			m, _ := strconv.ParseFloat(minutes, 64)
			s, _ := strconv.ParseFloat(seconds, 64)
			total += 60*m + s
		}
		switch kind[0] {
		case 'F':
			failed = max(failed, total-before)
		case 'P':
			passed = max(passed, total-before)
			all += total - before
		}
		before = total
	}
	return failed, passed, all
}
