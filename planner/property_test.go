package planner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"pgregory.net/rapid"
)

// domain is a small library over facts that are there or not, and the plain model of its meaning.
type domain struct {
	jobs  []operator // j0, j1, …
	tasks [][]way    // t0, t1, …; steps lead only to tasks further on
	start int        // the facts that are there, as bits
}

// operator needs some facts and the absence of others; it deletes, then adds.
type operator struct{ needs, lacks, deletes, adds int }

// way is a method: steps, each a job (its number) or a task (-1 - its number), and what each comes after.
type way struct {
	needs, lacks int
	cost         int
	steps        []int
	after        [][]int // earlier steps
}

const nFacts = 4

func drawDomain(t *rapid.T) domain {
	bits := rapid.IntRange(0, 1<<nFacts-1)
	sparse := rapid.Custom(func(t *rapid.T) int { return bits.Draw(t, "a") & bits.Draw(t, "b") & bits.Draw(t, "c") })
	d := domain{start: bits.Draw(t, "start")}
	for range 4 {
		d.jobs = append(d.jobs, operator{sparse.Draw(t, "needs"), sparse.Draw(t, "lacks"), sparse.Draw(t, "deletes"), sparse.Draw(t, "adds")})
	}
	const nTasks = 3
	for i := range nTasks {
		var ways []way
		for range rapid.IntRange(1, 2).Draw(t, "ways") {
			w := way{needs: sparse.Draw(t, "needs"), lacks: sparse.Draw(t, "lacks"), cost: rapid.IntRange(0, 3).Draw(t, "cost")}
			for s := range rapid.IntRange(0, nTasks-i).Draw(t, "steps") {
				step := rapid.IntRange(0, 3).Draw(t, "job")
				if i+1 < nTasks && rapid.Bool().Draw(t, "task") {
					step = -1 - rapid.IntRange(i+1, nTasks-1).Draw(t, "which")
				}
				var after []int
				for b := range s {
					if rapid.IntRange(0, 2).Draw(t, "after") == 0 {
						after = append(after, b)
					}
				}
				w.steps, w.after = append(w.steps, step), append(w.after, after)
			}
			ways = append(ways, w)
		}
		d.tasks = append(d.tasks, ways)
	}
	return d
}

// text writes the domain as a library.
func (d domain) text() string {
	var b strings.Builder
	facts := func(set int, form string) []string {
		var list []string
		for f := range nFacts {
			if set&(1<<f) != 0 {
				list = append(list, fmt.Sprintf(form, f))
			}
		}
		return list
	}
	when := func(needs, lacks int) string {
		all := append(facts(needs, "{node: {kind: f%d}}"), facts(lacks, "{not: {node: {kind: f%d}}}")...)
		return "[" + strings.Join(all, ", ") + "]"
	}
	for i, ways := range d.tasks {
		fmt.Fprintf(&b, "task: t%d\nmethods:\n", i)
		for m, w := range ways {
			fmt.Fprintf(&b, "- name: m%d%d\n  cost: %d\n  when: %s\n  steps:\n", i, m, w.cost, when(w.needs, w.lacks))
			for s, what := range w.steps {
				var after []string
				for _, a := range w.after[s] {
					after = append(after, fmt.Sprintf("s%d", a))
				}
				kind, of := "job", fmt.Sprintf("j%d", what)
				if what < 0 {
					kind, of = "task", fmt.Sprintf("t%d", -1-what)
				}
				fmt.Fprintf(&b, "    s%d: {%s: %s, after: [%s]}\n", s, kind, of, strings.Join(after, ", "))
			}
			if len(w.steps) == 0 {
				b.WriteString("    {}\n")
			}
		}
		b.WriteString("---\n")
	}
	b.WriteString("jobs:\n")
	for i, j := range d.jobs {
		fmt.Fprintf(&b, "  j%d: {run: j%d, when: %s, effects: {delete: [%s], add: [%s]}}\n", i, i, when(j.needs, j.lacks),
			strings.Join(facts(j.deletes, "{kind: f%d}"), ", "), strings.Join(facts(j.adds, "{kind: f%d, is: x}"), ", "))
	}
	return b.String()
}

// todo is a step that waits in the model.
type todo struct {
	name  string
	what  int
	after []string
}

// solutions lists, by trying every order of everything, the decompositions that can be carried out: for each task its method by name.
func (d domain) solutions() map[string]int {
	found := map[string]int{}
	seen := map[string]bool{} // what was come to in another order
	var run func(state, cost int, agenda []todo, chosen []string)
	run = func(state, cost int, agenda []todo, chosen []string) {
		key := strings.Join(slices.Sorted(slices.Values(chosen)), " ")
		if len(agenda) == 0 {
			found[key] = cost
			return
		}
		var names []string
		for _, t := range agenda {
			names = append(names, t.name)
		}
		slices.Sort(names)
		at := fmt.Sprint(state, names, key)
		if seen[at] {
			return
		}
		seen[at] = true
		for i, t := range agenda {
			waits := slices.ContainsFunc(agenda, func(o todo) bool {
				return slices.ContainsFunc(t.after, func(a string) bool { return o.name == a || strings.HasPrefix(o.name, a+".") })
			})
			if waits {
				continue
			}
			rest := slices.Delete(slices.Clone(agenda), i, i+1)
			if t.what >= 0 {
				j := d.jobs[t.what]
				if state&j.needs == j.needs && state&j.lacks == 0 {
					run(state&^j.deletes|j.adds, cost, rest, chosen)
				}
				continue
			}
			for m, w := range d.tasks[-1-t.what] {
				if state&w.needs != w.needs || state&w.lacks != 0 {
					continue
				}
				next := slices.Clone(rest)
				for s, what := range w.steps {
					child := todo{name: join(t.name, fmt.Sprintf("s%d", s)), what: what}
					for _, a := range w.after[s] {
						child.after = append(child.after, join(t.name, fmt.Sprintf("s%d", a)))
					}
					next = append(next, child)
				}
				run(state, cost+w.cost, next, append(slices.Clone(chosen), fmt.Sprintf("%s=m%d%d", t.name, -1-t.what, m)))
			}
		}
	}
	run(d.start, 0, []todo{{name: "", what: -1}}, nil)
	return found
}

// The planner finds exactly the decompositions that the model finds by trying everything, with the same costs, and each plan can be carried
// out in any order that it allows.
func TestPlan_model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDomain(rt)
		w := newWorld(t, nil, d.text())
		for f := range nFacts {
			if d.start&(1<<f) != 0 {
				w.add(t, fmt.Sprintf("f%d", f), "x", map[string]any{})
			}
		}
		p := New()
		p.K, p.Budget = 10000, 20000
		lib, err := p.library(t.Context(), w)
		if err != nil {
			rt.Fatal(err)
		}
		root, _ := lib.Task("t0")
		search := p.search(newFacts(t.Context(), w), lib, "t")
		if err := search.run([]*item{{task: root}}); errors.Is(err, errSpent) {
			rt.Skip("too many orders to try them all")
		} else if err != nil || search.truncated {
			rt.Fatalf("plan: %v, truncated %v", err, search.truncated)
		}
		want := d.solutions()
		got := map[string]int{}
		for _, c := range search.kept {
			got[strings.Join(slices.Sorted(slices.Values(c.how)), " ")] = c.slap.Cost
			d.carryOut(rt, c)
		}
		for key, cost := range want {
			if c, ok := got[key]; !ok || c != cost {
				rt.Fatalf("not found: %s (cost %d, %v)\n%s", key, cost, ok, d.text())
			}
		}
		for key := range got {
			if _, ok := want[key]; !ok {
				rt.Fatalf("found, and cannot be: %s\n%s", key, d.text())
			}
		}
		if !slices.IsSortedFunc(search.kept, better) {
			rt.Fatal("the candidates are not in order")
		}
	})
}

// waits tells whether, as the methods are written, a step has to wait for another.
func (d domain) waits(how map[string]way, step, other string) bool {
	a, b := strings.Split(step, "."), strings.Split(other, ".")
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	if n == len(a) || n == len(b) {
		return false
	}
	w := how[strings.Join(a[:n], ".")]
	var after func(s string, of string) bool
	after = func(s, of string) bool {
		var i int
		fmt.Sscanf(s, "s%d", &i)
		return slices.ContainsFunc(w.after[i], func(b int) bool { name := fmt.Sprintf("s%d", b); return name == of || after(name, of) })
	}
	return after(a[n], b[n])
}

// carryOut runs the steps of a plan in some order that it allows.
func (d domain) carryOut(t *rapid.T, c candidate) {
	s, how := c.slap, map[string]way{}
	for _, choice := range c.how {
		name, method, _ := strings.Cut(choice, "=")
		how[name] = d.tasks[method[1]-'0'][method[2]-'0']
	}
	state := d.start
	done := map[string]bool{}
	for range s.Steps {
		var ready []jitos.Step
		for _, step := range s.Steps {
			waits := slices.ContainsFunc(step.After, func(a string) bool { return !done[a] })
			if !done[step.Name] && !waits {
				ready = append(ready, step)
			}
		}
		if len(ready) == 0 {
			t.Fatalf("the steps wait for each other:\n%s", lines(s))
		}
		step := rapid.SampledFrom(ready).Draw(t, "next")
		var n int
		if _, err := fmt.Sscanf(step.Run, "j%d", &n); err != nil {
			t.Fatalf("step %s runs %q", step.Name, step.Run)
		}
		for _, other := range s.Steps {
			if d.waits(how, step.Name, other.Name) && !done[other.Name] {
				t.Fatalf("step %s may come before %s:\n%s\n%s", step.Name, other.Name, lines(s), d.text())
			}
		}
		j := d.jobs[n]
		if state&j.needs != j.needs || state&j.lacks != 0 {
			t.Fatalf("step %s finds another state than it was planned in:\n%s\n%s", step.Name, lines(s), d.text())
		}
		state = state&^j.deletes | j.adds
		done[step.Name] = true
	}
}
