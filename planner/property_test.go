package planner

import (
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
	// Two facts are nodes of one kind. Where both are meant and the form allows it, the kind alone is written.
	facts := func(set int, form string, kinds bool) []string {
		var list []string
		for k := range nFacts / 2 {
			switch both := set >> (2 * k) & 3; {
			case both == 3 && kinds:
				list = append(list, fmt.Sprintf(form, fmt.Sprintf("kind: k%d", k)))
			default:
				for f := range 2 {
					if both&(1<<f) != 0 {
						list = append(list, fmt.Sprintf(form, fmt.Sprintf("kind: k%d, is: x%d", k, f)))
					}
				}
			}
		}
		return list
	}
	when := func(needs, lacks int) string {
		all := append(facts(needs, "{node: {%s}}", false), facts(lacks, "{not: {node: {%s}}}", true)...)
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
			strings.Join(facts(j.deletes, "{%s}", true), ", "), strings.Join(facts(j.adds, "{%s}", false), ", "))
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
				w.add(t, fmt.Sprintf("k%d", f/2), fmt.Sprintf("x%d", f%2), map[string]any{})
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
		search.agenda = []*item{{task: root}}
		if err := search.run(); err != nil {
			rt.Fatalf("plan: %v", err)
		}
		if search.truncated {
			rt.Skip("too many orders to try them all")
		}
		want := d.solutions()
		got := map[string]int{}
		for _, c := range search.kept.List() {
			got[strings.Join(slices.Sorted(slices.Values(c.how)), " ")] = c.slap.Cost
			d.carryOut(rt, c)
			d.checkEdges(rt, c)
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
		if !slices.IsSortedFunc(search.kept.List(), better) {
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

// how lists the ways that were chosen, by the name of the task.
func (d domain) how(c *candidate) map[string]way {
	how := map[string]way{}
	for _, choice := range c.how {
		name, method, _ := strings.Cut(choice, "=")
		how[name] = d.tasks[method[1]-'0'][method[2]-'0']
	}
	return how
}

func jobOf(t *rapid.T, step jitos.Step) int {
	var n int
	if _, err := fmt.Sscanf(step.Run, "j%d", &n); err != nil {
		t.Fatalf("step %s runs %q", step.Name, step.Run)
	}
	return n
}

// carryOut runs the steps of a plan in every order that it allows, or the first of very many: every job finds what it needs, the
// orders that were written are kept, and for every task there is a moment before its first step at which its conditions hold.
func (d domain) carryOut(t *rapid.T, c *candidate) {
	s, how, left := c.slap, d.how(c), 300
	wrong := func(format string, args ...any) {
		t.Fatalf("%s\n%s\n%s", fmt.Sprintf(format, args...), lines(s), d.text())
	}
	states := []int{d.start}
	var order []jitos.Step
	var run func()
	run = func() {
		if left <= 0 {
			return
		}
		if len(order) == len(s.Steps) {
			left--
			d.checkMoments(how, order, states, wrong)
			return
		}
		before := len(order)
		for _, step := range s.Steps {
			done := func(name string) bool {
				return slices.ContainsFunc(order, func(o jitos.Step) bool { return o.Name == name })
			}
			if done(step.Name) || slices.ContainsFunc(step.After, func(a string) bool { return !done(a) }) {
				continue
			}
			for _, other := range s.Steps {
				if d.waits(how, step.Name, other.Name) && !done(other.Name) {
					wrong("step %s may come before %s", step.Name, other.Name)
				}
			}
			j, now := d.jobs[jobOf(t, step)], states[len(states)-1]
			if now&j.needs != j.needs || now&j.lacks != 0 {
				wrong("step %s finds another state than it was planned in", step.Name)
			}
			states, order = append(states, now&^j.deletes|j.adds), append(order, step)
			run()
			states, order = states[:len(states)-1], order[:before]
		}
		if before == len(order) && left == 300 && before < len(s.Steps) {
			wrong("the steps wait for each other")
		}
	}
	run()
}

// checkMoments looks for a moment for the conditions of each task: after what it has to wait for, before its first step.
func (d domain) checkMoments(how map[string]way, order []jitos.Step, states []int, wrong func(string, ...any)) {
	for name, w := range how {
		from, to := 0, len(order)
		for i, step := range order {
			if name == "" || strings.HasPrefix(step.Name, name+".") {
				to = min(to, i)
			} else if d.waits(how, name, step.Name) {
				from = i + 1
			}
		}
		holds := false
		for _, state := range states[from : to+1] {
			holds = holds || state&w.needs == w.needs && state&w.lacks == 0
		}
		if !holds {
			wrong("at no moment do the conditions of task %q hold", name)
		}
	}
}

// checkEdges looks for the reason of each edge: an order that was written, or facts that one side gives or takes and the other
// rests on; of the side that comes later also the conditions of the tasks above it, which may rest on others in turn.
func (d domain) checkEdges(t *rapid.T, c *candidate) {
	how := d.how(c)
	type node struct {
		name          string
		reads, writes int
		task          bool
	}
	nodes := map[string]node{}
	for name, w := range how {
		nodes["task "+name] = node{name, w.needs | w.lacks, 0, true}
	}
	for _, s := range c.slap.Steps {
		j := d.jobs[jobOf(t, s)]
		nodes["step "+s.Name] = node{s.Name, j.needs | j.lacks | j.deletes, j.deletes | j.adds, false}
	}
	linked := func(a, b node) bool {
		above := a.task && (a.name == "" || strings.HasPrefix(b.name, a.name+"."))
		return above || d.waits(how, b.name, a.name) || a.writes&(b.reads|b.writes) != 0 || b.writes&(a.reads|a.writes) != 0
	}
	for _, s := range c.slap.Steps {
		for _, from := range s.After {
			reached, list := map[string]bool{}, []node{nodes["step "+from]}
			for len(list) > 0 {
				a := list[0]
				list = list[1:]
				for key, b := range nodes {
					if !reached[key] && (b.task || b.name == s.Name) && linked(a, b) {
						if reached[key] = true; b.task {
							list = append(list, b)
						}
					}
				}
			}
			if !reached["step "+s.Name] {
				t.Fatalf("nothing says that step %s comes after %s\n%s\n%s", s.Name, from, lines(c.slap), d.text())
			}
		}
	}
}
