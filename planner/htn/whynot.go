package htn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/planner/backtrack"
)

// explainNodes bounds the search that is made again to see why a task has no plan.
const explainNodes = 200_000

// explain says why methods were not used, in the words of package backtrack. With plans: each method that no task of them uses,
// where its task was decomposed in the first and what failed there. Without: what failed in a search, for each method that which
// came farthest.
func explain(ctx context.Context, m *model, res *Result) error {
	w := &explainer{used: make([]bool, len(m.methods)), k: len(res.Plans)}
	if w.k > 0 {
		for _, p := range res.Plans {
			for _, n := range p.inOrder() {
				if n.method >= 0 {
					w.used[n.method] = true
				}
			}
		}
		w.plan(m, res.Plans[0])
	} else {
		d := newDFS(plainEngine(m), dfsSettings{})
		d.why = w
		if end, err := d.run(ctx, explainNodes); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		} else if end == paused || err != nil {
			w.spent = d.Nodes
		}
	}
	res.WhyNot = w.list(m)
	return nil
}

// plainEngine asks for what a method and its steps need. What came up through compound tasks is true as well, and says less to a
// person than the place where it is needed.
func plainEngine(m *model) *engine {
	return newEngineOf(m, func(me *method) *conjunction {
		out := &conjunction{sorts: me.lifted.sorts}
		for _, l := range me.lifted.lits {
			if !l.deep {
				out.lits = append(out.lits, l)
			}
		}
		return out
	})
}

// explainer collects why methods were not used.
type explainer struct {
	backtrack.Reasons[int32]
	used  []bool
	k     int    // plans
	goal  string // the part of the goal that failed at the end of a whole decomposition
	spent int    // nodes after which the search was cut off, 0 where it ended

	step int // the farthest of the join that is being watched, and what was bound there
	bind []int32
}

// watch is what a join is to call.
func (w *explainer) watch(b []int32) func(int) {
	w.step = -1
	return func(step int) {
		if step > w.step {
			w.step, w.bind = step, append(w.bind[:0], b...)
		}
	}
}

// failed notes where the join that was watched ended.
func (w *explainer) failed(e *engine, method, task int32) {
	if w.Farther(method, backtrack.AtCondition, w.step) {
		w.Note(method, backtrack.AtCondition, w.step, w.unfit(e, method, task))
	}
}

// unfit says why the join that was watched found nothing.
func (w *explainer) unfit(e *engine, method, task int32) jitos.WhyNot {
	why := jitos.WhyNot{Task: e.taskText(task)}
	j, m := e.joins[method], &e.m.methods[method]
	if w.step < 0 || w.step >= len(j.steps) {
		return why
	}
	s := &j.steps[w.step]
	if s.lit >= 0 {
		why.Condition = e.m.litText(m, e.conds[method].lits[s.lit])
	}
	for v, bound := range j.bound(m, w.step) {
		if !bound {
			w.bind[v] = -1
		}
	}
	why.Binding = e.m.bindingOf(m, w.bind)
	if why.Reason, why.Nearest = e.whyFails(m, s, w.bind); s.by != "" {
		why.Reason = backtrack.StepFails(s.by, backtrack.Needs("action "+s.by, why.Condition, why.Reason))
	}
	return why
}

// bindingOf names the values of a method's variables that have one; nil for none.
func (m *model) bindingOf(me *method, b []int32) map[string]string {
	var out map[string]string
	for v, o := range b {
		if o < 0 || v >= len(me.params) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[me.params[v]] = m.objects[o]
	}
	return out
}

// bound marks the variables that have a value when a step is reached.
func (j *join) bound(m *method, step int) []bool {
	out := m.headVars()
	for _, s := range j.steps[:step] {
		if s.kind < stepScan {
			continue
		}
		for _, a := range s.args {
			if a.isVar() {
				out[a] = true
			}
		}
	}
	return out
}

// whyFails says in words why a step of a join found nothing, and which facts come nearest.
func (e *engine) whyFails(m *method, s *joinStep, b []int32) (reason string, nearest []string) {
	switch s.kind {
	case stepEnum:
		return fmt.Sprintf("no value is left for %s", m.params[s.args[0]]), nil
	case stepSort:
		return fmt.Sprintf("%s is not of the type that is needed", e.termText(m, s.args[0], b)), nil
	case stepEqual:
		return backtrack.Compared(e.termText(m, s.args[0], b), e.termText(m, s.args[1], b)), nil
	}
	text := e.atomText(m, s.pred, s.args, b)
	if s.neg {
		return backtrack.MustNotBe(text), nil
	}
	return backtrack.ThereIsNo(text), e.nearest(s.pred, s.args, b)
}

// nearest lists up to three facts of a predicate: those that agree in the most arguments that have a value.
func (e *engine) nearest(pred int32, args []term, b []int32) []string {
	type near struct{ agree, id int32 }
	var list []near
	for _, id := range e.f.rels[pred].all.ids {
		if !e.f.true(id) {
			continue
		}
		n := near{id: id}
		for i, o := range e.f.tuple(id) {
			if args[i].in(b) == o {
				n.agree++
			}
		}
		list = append(list, n)
	}
	slices.SortStableFunc(list, func(x, y near) int { return int(y.agree - x.agree) })
	var out []string
	for _, n := range list[:min(len(list), 3)] {
		if n.agree < list[0].agree {
			break
		}
		words := []string{e.m.preds[pred]}
		for _, o := range e.f.tuple(n.id) {
			words = append(words, e.m.objects[o])
		}
		out = append(out, "("+strings.Join(words, " ")+")")
	}
	return out
}

func (e *engine) termText(m *method, t term, b []int32) string {
	if o := t.in(b); o >= 0 {
		return e.m.objects[o]
	}
	return m.params[t]
}

func (e *engine) atomText(m *method, pred int32, args []term, b []int32) string {
	words := []string{"="}
	if pred != equal {
		words[0] = e.m.preds[pred]
	}
	for _, a := range args {
		words = append(words, e.termText(m, a, b))
	}
	return "(" + strings.Join(words, " ") + ")"
}

// blameDepth bounds how many of the choices on a path are blamed for what fails at its end.
const blameDepth = 64

// blame notes, for the methods on the path, that something below or beside them cannot be done.
func (w *explainer) blame(d *dfs, c *cell, progress int, why func() string) {
	above := map[int32]bool{}
	for by := c.by; by >= 0 && len(above) < blameDepth; by = d.cells[d.frames[by].cell].by {
		above[by] = true
	}
	step := "(" + d.taskText(c.task) + ")"
	for i := int32(len(d.frames) - 1); i >= max(0, int32(len(d.frames)-blameDepth)); i-- {
		f, rank, words := &d.frames[i], backtrack.AtOther, backtrack.OtherFails
		if above[i] {
			rank, words = backtrack.AtStep, backtrack.StepFails
		}
		if f.method < 0 || !w.Farther(f.method, rank, progress) {
			continue
		}
		m := &d.m.methods[f.method]
		w.Note(f.method, rank, progress, jitos.WhyNot{Task: d.taskText(d.cells[f.cell].task), Reason: words(step, why()),
			Binding: d.m.bindingOf(m, d.binds[f.bind:int(f.bind)+len(m.vars)])})
	}
}

// stuck notes that a step cannot be executed.
func (w *explainer) stuck(d *dfs, c *cell) {
	w.blame(d, c, len(d.frames), func() string { return d.whyStuck(c.task) })
}

// whyStuck names the first condition of a ground action that does not hold.
func (e *engine) whyStuck(id int32) string {
	t, b := &e.m.tasks[e.tasks.heads[id]], e.tasks.tuple(id)
	for _, l := range t.pre.lits {
		text, why := e.atomText(nil, l.pred, l.args, b), ""
		switch {
		case l.pred == equal:
			if x, y := l.args[0].in(b), l.args[1].in(b); (x == y) == l.neg {
				why = backtrack.Compared(e.m.objects[x], e.m.objects[y])
			}
		case e.f.holds(l.pred, l.args, b) != l.neg:
		case l.neg:
			why = backtrack.MustNotBe(text)
		default:
			why = backtrack.ThereIsNo(text)
		}
		if l.neg {
			text = "(not " + text + ")"
		}
		if why != "" {
			return backtrack.Needs("action "+t.name, text, why)
		}
	}
	return "its arguments are not of its types"
}

// loop notes that a task is below itself.
func (w *explainer) loop(d *dfs, c *cell) {
	w.blame(d, c, 0, func() string { return backtrack.Again(d.m.tasks[d.tasks.heads[c.task]].name) })
}

// noneFits notes that no method of the task of the last choice fits.
func (w *explainer) noneFits(d *dfs) {
	f := d.frames[len(d.frames)-1]
	c := d.cells[f.cell]
	w.blame(d, &c, len(d.frames)-1, func() string {
		name := d.m.tasks[d.tasks.heads[c.task]].name
		for _, mi := range d.order[d.tasks.heads[c.task]] {
			m, j := &d.m.methods[mi], d.joins[mi]
			b := make([]int32, len(m.vars))
			if !m.bindHead(d.tasks.tuple(c.task), b) {
				continue
			}
			j.next(d.f, b, make([]cursor, j.gens), true, w.watch(b))
			return backtrack.NoneFits(name, w.unfit(d.engine, mi, c.task).Reason)
		}
		return backtrack.NoneFits(name, notForThese)
	})
}

// notForThese says that the arguments of a task are none that a method takes.
const notForThese = "it is not for these arguments"

// Known notes that what was chosen leads to where the search was before.
func (d *dfs) Known(_ uint64, open bool) {
	c := &d.cells[d.net]
	switch {
	case d.why == nil:
	case open:
		d.why.loop(d, c)
	default:
		d.why.blame(d, c, 0, func() string { return backtrack.DeadEnd(d.m.tasks[d.tasks.heads[c.task]].name) })
	}
}

// missed notes the part of the goal that does not hold after everything was done.
func (w *explainer) missed(e *engine) {
	if w.goal != "" {
		return
	}
	for _, l := range e.m.goal.lits {
		text := e.atomText(nil, l.pred, l.args, nil)
		switch {
		case l.pred == equal || e.f.holds(l.pred, l.args, nil) != l.neg:
			continue
		case l.neg:
			w.goal = backtrack.Needs("the goal", "(not "+text+")", backtrack.MustNotBe(text))
		default:
			w.goal = backtrack.Needs("the goal", text, backtrack.ThereIsNo(text))
		}
		return
	}
}

// plan asks, for each compound task of a plan and each other method of it, why that was not used there.
func (w *explainer) plan(m *model, p *Plan) {
	e := plainEngine(m)
	for _, n := range p.inOrder() {
		if n.method < 0 {
			e.apply(e.action(e.tasks.intern(p.e.tasks.heads[n.task], p.e.tasks.tuple(n.task))))
			continue
		}
		if n.task < 0 {
			continue
		}
		args := p.e.tasks.tuple(n.task)
		id := e.tasks.intern(p.e.tasks.heads[n.task], args)
		for _, mi := range m.tasks[p.e.tasks.heads[n.task]].methods {
			me := &m.methods[mi]
			if mi == n.method {
				continue
			}
			b := make([]int32, len(me.vars))
			if !me.bindHead(args, b) {
				w.Note(mi, backtrack.AtArguments, 0, jitos.WhyNot{Task: e.taskText(id), Reason: notForThese})
				continue
			}
			if !e.joins[mi].next(e.f, b, make([]cursor, e.joins[mi].gens), true, w.watch(b)) {
				w.failed(e, mi, id)
				continue
			}
			w.Note(mi, backtrack.AtEnd, 0, jitos.WhyNot{Task: e.taskText(id), Reason: backtrack.Outranked(-1, w.k), Binding: m.bindingOf(me, b)})
		}
	}
}

// inOrder lists the tasks of a plan in time: a compound one before the first step below it.
func (p *Plan) inOrder() []*Node {
	at := map[*Node]int{} // before which step
	var list []*Node
	var walk func(n *Node, from int) int
	walk = func(n *Node, from int) int {
		if n.method < 0 {
			at[n] = n.step
			list = append(list, n)
			return n.step + 1
		}
		at[n] = from
		list = append(list, n)
		end, first := from, len(p.steps)
		for _, i := range p.e.m.methods[n.method].line {
			s := n.subs[i]
			end = max(end, walk(s, end))
			if s.method < 0 {
				first = min(first, s.step)
			} else {
				first = min(first, at[s])
			}
		}
		if len(n.subs) > 0 {
			at[n] = min(at[n], first)
		}
		return end
	}
	walk(p.root, 0)
	// Of one moment, what is compound comes before the step.
	slices.SortStableFunc(list, func(a, b *Node) int {
		if d := at[a] - at[b]; d != 0 || (a.method < 0) == (b.method < 0) {
			return d
		} else if a.method < 0 {
			return 1
		}
		return -1
	})
	return list
}

// list tells what was collected, in the order of the domain.
func (w *explainer) list(m *model) (out []jitos.WhyNot) {
	if w.goal != "" {
		out = append(out, jitos.WhyNot{Reason: w.goal})
	}
	for i := range m.methods {
		me := &m.methods[i]
		why, known := w.Of(int32(i))
		if w.used[i] || me.task == m.top && !known {
			continue
		}
		task := m.tasks[me.task].name
		switch {
		case me.dead:
			why = jitos.WhyNot{Reason: m.whyDead(me)}
		case known:
		case w.spent > 0:
			why.Reason = backtrack.Spent(w.spent)
		default:
			why.Reason = backtrack.NothingLed(task)
		}
		if why.Method = me.name; why.Task == "" {
			why.Task = task
		}
		out = append(out, why)
	}
	return out
}

// whyDead names the subtask that can never be carried out.
func (m *model) whyDead(me *method) string {
	for _, s := range me.subs {
		t := &m.tasks[s.task]
		if int(s.task) >= m.actions && !slices.ContainsFunc(t.methods, func(i int32) bool { return !m.methods[i].dead }) {
			return backtrack.StepFails(m.text(me, t.name, s.args), backtrack.NeverEnds(t.name))
		}
	}
	return backtrack.NeverEnds(m.tasks[me.task].name)
}

// litText is a literal as the domain writes it.
func (m *model) litText(me *method, l literal) string {
	name := "="
	if l.pred != equal {
		name = m.preds[l.pred]
	}
	text := m.text(me, name, l.args)
	if l.neg {
		text = "(not " + text + ")"
	}
	return text
}

// text is an atom or a task as the domain writes it.
func (m *model) text(me *method, name string, args []term) string {
	words := []string{name}
	for _, a := range args {
		if a.isVar() {
			words = append(words, me.params[a])
		} else {
			words = append(words, m.objects[a.object()])
		}
	}
	return "(" + strings.Join(words, " ") + ")"
}
