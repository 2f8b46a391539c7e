package htn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jitos/jitos"
)

// explainNodes bounds the search that is made again to see why a task has no plan.
const explainNodes = 200_000

// explain says why methods were not used. With a plan: each method that no task of it uses, where its task was decomposed and
// what failed there. Without: what failed in a search, for each method the condition that it came furthest with.
func explain(ctx context.Context, m *model, res *Result) error {
	w := &explainer{best: make([]*failure, len(m.methods)), used: make([]bool, len(m.methods))}
	if len(res.Plans) > 0 {
		w.plan(m, res.Plans[0])
	} else {
		d := newDFS(plainEngine(m), dfsSettings{})
		d.why = w
		if end, err := d.run(ctx, explainNodes); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			return err
		} else if end == paused || err != nil {
			w.cut = true
		}
	}
	res.WhyNot = w.reasons(m, len(res.Plans) > 0)
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

// explainer collects failures, for each method the one that came furthest.
type explainer struct {
	best []*failure
	used []bool
	goal string // the part of the goal that failed at the end of a whole decomposition
	cut  bool

	now *failure // the join that is being watched
}

// failure is why a method was not used at one place.
type failure struct {
	rank      int // 0: never tried, then further
	task      string
	ground    int32  // the task
	condition string // as the domain writes it
	bind      []int32
	method    int32
	step      int
	reason    string
	nearest   []string
}

// ranks of failures: a condition counts by how many steps of the join held before it.
const (
	rankHead = 1
	rankJoin = 2
	rankStep = 1 << 20
	rankLoop = rankStep - 1
	rankHeld = 1 << 21
)

// watch is what a join is to call; failed says that it found nothing.
func (w *explainer) watch(method, task int32, b []int32) func(int) {
	w.now = &failure{method: method, step: -1}
	f := w.now
	f.ground = task
	return func(step int) {
		if step > f.step {
			f.step, f.bind = step, append(f.bind[:0], b...)
		}
	}
}

func (w *explainer) failed(e *engine) {
	f := w.now
	f.rank = rankJoin + max(f.step, 0)
	if old := w.best[f.method]; old != nil && old.rank >= f.rank {
		return
	}
	f.task = e.taskText(f.ground)
	j := e.joins[f.method]
	if f.step >= 0 && f.step < len(j.steps) {
		s := &j.steps[f.step]
		m := &e.m.methods[f.method]
		if s.lit >= 0 {
			f.condition = e.m.litText(m, e.conds[f.method].lits[s.lit])
		}
		bound := j.bound(m, f.step)
		for v := range f.bind {
			if v < len(bound) && !bound[v] {
				f.bind[v] = -1
			}
		}
		f.reason, f.nearest = e.whyFails(m, s, f.bind)
	}
	w.best[f.method] = f
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
		l, r := e.termText(m, s.args[0], b), e.termText(m, s.args[1], b)
		if s.neg {
			return fmt.Sprintf("%s and %s must differ", l, r), nil
		}
		return fmt.Sprintf("%s and %s must be the same", l, r), nil
	}
	text := e.atomText(m, s.pred, s.args, b)
	if s.neg {
		reason = text + " holds"
	} else if strings.Contains(text, "?") {
		reason = text + " holds for no value"
	} else {
		reason = text + " does not hold"
	}
	if s.by != "" {
		reason += ", and its step " + s.by + " needs it"
	}
	if !s.neg {
		nearest = e.nearest(s.pred, s.args, b)
		if nearest == nil {
			reason += "; there is no fact " + e.m.preds[s.pred] + " at all"
		}
	}
	return reason, nearest
}

// nearest lists up to three facts of a predicate: those that agree in the most arguments that have a value.
func (e *engine) nearest(pred int32, args []term, b []int32) []string {
	type near struct{ agree, id int32 }
	var list []near
	for _, id := range e.f.rels[pred].ids {
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

// note keeps a failure of the method that made a cell.
func (w *explainer) note(d *dfs, c *cell, rank int, reason string) {
	if c.by < 0 {
		return
	}
	f := &d.frames[c.by]
	if old := w.best[f.method]; old != nil && old.rank >= rank {
		return
	}
	m := &d.m.methods[f.method]
	w.best[f.method] = &failure{rank: rank, task: d.taskText(d.cells[f.cell].task), method: f.method, reason: reason,
		bind: append([]int32(nil), d.binds[f.bind:int(f.bind)+len(m.vars)]...)}
}

// stuck notes that a step cannot be executed.
func (w *explainer) stuck(d *dfs, c *cell) {
	w.note(d, c, rankStep, fmt.Sprintf("its step (%s) cannot be executed: %s", d.taskText(c.task), d.whyStuck(c.task)))
}

// whyStuck names the first condition of a ground action that does not hold.
func (e *engine) whyStuck(id int32) string {
	t, b := &e.m.tasks[e.tasks.heads[id]], e.tasks.tuple(id)
	for _, l := range t.pre.lits {
		holds := false
		if l.pred == equal {
			holds = l.args[0].in(b) == l.args[1].in(b)
		} else {
			holds = e.f.holds(l.pred, l.args, b)
		}
		if holds == l.neg {
			text := e.atomText(nil, l.pred, l.args, b)
			if l.neg {
				return text + " holds"
			}
			return text + " does not hold"
		}
	}
	return "its arguments are not of its types"
}

func (w *explainer) loop(d *dfs, c *cell) {
	w.note(d, c, rankLoop, fmt.Sprintf("it is a loop: (%s) again, with nothing changed", d.taskText(c.task)))
}

// missed notes the part of the goal that does not hold after everything was done.
func (w *explainer) missed(e *engine) {
	if w.goal != "" {
		return
	}
	for _, l := range e.m.goal.lits {
		if l.pred != equal && e.f.holds(l.pred, l.args, nil) == l.neg {
			if w.goal = e.atomText(nil, l.pred, l.args, nil) + " does not hold"; l.neg {
				w.goal = e.atomText(nil, l.pred, l.args, nil) + " holds"
			}
			return
		}
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
		w.used[n.method] = true
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
				if w.best[mi] == nil {
					w.best[mi] = &failure{rank: rankHead, task: e.taskText(id), method: mi, reason: "it is not for these arguments"}
				}
				continue
			}
			watch := w.watch(mi, id, b)
			if !e.joins[mi].next(e.f, b, make([]cursor, e.joins[mi].gens), true, watch) {
				w.failed(e)
			} else if old := w.best[mi]; old == nil || old.rank < rankHeld {
				w.best[mi] = &failure{rank: rankHeld, task: e.taskText(id), method: mi, bind: b,
					reason: "its conditions hold: " + m.methods[n.method].name + " was found to work first"}
			}
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

// reasons turns what was collected into words, in the order of the domain.
func (w *explainer) reasons(m *model, solved bool) (out []jitos.WhyNot) {
	if w.goal != "" {
		out = append(out, jitos.WhyNot{Reason: "all tasks can be done, but the goal is not reached: " + w.goal})
	}
	for i := range m.methods {
		me := &m.methods[i]
		if w.used[i] || me.task == m.top && w.best[i] == nil {
			continue
		}
		why := jitos.WhyNot{Task: m.tasks[me.task].name, Method: me.name}
		f := w.best[i]
		switch {
		case me.dead:
			why.Reason = "a task in it has no method that can be carried out to the end"
		case f != nil:
			why.Task, why.Reason, why.Nearest = f.task, f.reason, f.nearest
			why.Condition = f.condition
			for v, o := range f.bind {
				if o >= 0 && v < len(me.params) {
					if why.Binding == nil {
						why.Binding = map[string]string{}
					}
					why.Binding[me.params[v]] = m.objects[o]
				}
			}
		case solved:
			why.Reason = "its task is not part of the plan"
		case w.cut:
			why.Reason = "the search ended before it was tried"
		default:
			why.Reason = "its task never came up"
		}
		out = append(out, why)
	}
	return out
}

// litText is a literal as the domain writes it.
func (m *model) litText(me *method, l literal) string {
	words := []string{"="}
	if l.pred != equal {
		words[0] = m.preds[l.pred]
	}
	for _, a := range l.args {
		if a.isVar() {
			words = append(words, me.params[a])
		} else {
			words = append(words, m.objects[a.object()])
		}
	}
	text := "(" + strings.Join(words, " ") + ")"
	if l.neg {
		text = "(not " + text + ")"
	}
	return text
}
