package planner

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jitos/jitos/methods"
)

const (
	defaultK      = 5
	defaultBudget = 20000
	maxDepth      = 100 // tasks within tasks
)

// errSpent ends a search whose budget is spent.
var errSpent = errors.New("budget spent")

// search looks for candidates depth first. What a decision changes is taken back after it, so nothing is copied.
type search struct {
	asker
	lib       *library
	k, budget int
	always    map[string]string // $task and $snapshot

	log       []event
	finished  []*item // in the order in which they were done
	cost      int     // of the methods chosen
	rest      int     // what the tasks that wait cost at least
	expanded  int
	truncated bool
	kept      []candidate
	repair    *repair // what a repair demands, nil for a plan from scratch
	reasons   map[methodKey]reason
}

// run plans the items of the agenda, in all orders that matter. It returns an error only to end the whole search.
func (s *search) run(agenda []*item) error {
	if len(agenda) == 0 {
		return s.emit()
	}
	for _, i := range s.choices(agenda) {
		it := agenda[i]
		if s.expanded++; s.expanded > s.budget {
			s.truncated = true
			return errSpent
		}
		if err := s.facts.ctx.Err(); err != nil {
			return err
		}
		replace := func(with []*item) []*item {
			rest := make([]*item, 0, len(agenda)-1+len(with))
			return append(append(append(rest, agenda[:i]...), with...), agenda[i+1:]...)
		}
		mark := s.mark()
		var err error
		switch {
		case it.isGroup():
			err = s.spread(it, replace)
		case it.isTask():
			err = s.decompose(it, replace)
		default:
			err = s.place(it, replace)
		}
		s.back(mark)
		if err != nil {
			return err
		}
	}
	return nil
}

// choices says which items of the agenda to try first: those that wait for nothing; and only the first of them where its
// place among the others cannot matter.
func (s *search) choices(agenda []*item) []int {
	var ready []int
	for i, it := range agenda {
		if it.ready() {
			if ready = append(ready, i); s.lib.static {
				return ready
			}
		}
	}
	first := s.lib.touch(agenda[ready[0]])
	for i, it := range agenda {
		if i != ready[0] && first.conflicts(s.lib.touch(it)) {
			return ready
		}
	}
	return ready[:1]
}

// mark is a point to which the search can go back.
type mark struct{ log, finished, trail, cost, rest int }

func (s *search) mark() mark {
	return mark{len(s.log), len(s.finished), len(s.state.trail), s.cost, s.rest}
}

func (s *search) back(m mark) {
	for len(s.finished) > m.finished {
		it := s.finished[len(s.finished)-1]
		s.finished = s.finished[:len(s.finished)-1]
		if it.done = false; it.parent != nil {
			it.parent.open++
		}
	}
	s.log = s.log[:m.log]
	s.state.back(m.trail)
	s.cost, s.rest = m.cost, m.rest
}

// finish marks an item as done, and what it was the last part of.
func (s *search) finish(it *item) {
	it.done = true
	s.finished = append(s.finished, it)
	if p := it.parent; p != nil {
		if p.open--; p.open == 0 {
			s.finish(p)
		}
	}
}

// adopt makes the children of an item and goes on with them in its place.
func (s *search) adopt(it *item, children []*item, replace func([]*item) []*item) error {
	it.children, it.open = children, len(children)
	for _, c := range children {
		s.rest += s.lib.leastOf(c.step)
	}
	if len(children) == 0 {
		s.finish(it)
	}
	return s.run(replace(children))
}

// spread turns a step with `each` into one step for each answer, in the state of this moment. No answer: no step.
func (s *search) spread(it *item, replace func([]*item) []*item) error {
	v, err := s.ask(it.step.Each, it.values)
	if err != nil {
		return err
	}
	s.log = append(s.log, event{item: it, asked: whole(it.step.Each, it.values), looked: v.reads})
	return s.adopt(it, it.copies(v.answers, it.step.Each.Binds(it.values)), replace)
}

// decompose tries the methods of a task, cheapest first.
func (s *search) decompose(it *item, replace func([]*item) []*item) error {
	if it.step != nil {
		task, ok := s.lib.Task(it.step.Task)
		if !ok {
			s.blame(it, "there is no task "+it.step.Task)
			return nil
		}
		args, err := methods.Bind(task.Params, expand(it.step.Args, it.values))
		if err != nil {
			s.blame(it, err.Error())
			return nil
		}
		it.task, it.args = task, args
	}
	state, err := s.state.key()
	if err != nil {
		return err
	}
	it.state = state
	depth := 0
	for a := it.parent; a != nil; a = a.parent {
		if depth++; a.task == it.task && a.state == it.state && maps.Equal(a.args, it.args) {
			s.blame(it, "task "+it.task.Name+" would come up again with the same arguments in the same state")
			return nil
		}
	}
	if depth > maxDepth {
		s.truncated = true
		s.blame(it, fmt.Sprintf("tasks would be nested more than %d deep", maxDepth))
		return nil
	}
	values := maps.Clone(s.always)
	maps.Copy(values, it.args)
	fits, why := false, ""
	for _, m := range it.task.Methods {
		unfit, err := s.try(it, m, values, replace)
		if err != nil {
			return err
		}
		if fits = fits || unfit == ""; why == "" {
			why = unfit
		}
	}
	if !fits {
		s.blame(it, "task "+it.task.Name+": no method fits: "+why)
	}
	return nil
}

// try decomposes a task by one method, in each way in which its conditions hold. Where there is none it says why.
func (s *search) try(it *item, m *methods.Method, values map[string]string, replace func([]*item) []*item) (unfit string, err error) {
	if least := s.cost + m.Cost + s.rest - s.lib.leastOf(it.step) + s.lib.leastBelow(m); s.beaten(least) {
		s.outranked(m, least)
		return "", nil
	}
	bindings, unfit, err := s.satisfy(m, values)
	if err != nil {
		return "", err
	}
	if s.repair != nil {
		bindings, unfit = s.repair.allow(it, m, values, bindings, unfit)
	}
	for _, b := range bindings {
		mark := s.mark()
		it.method, it.bind = m, b
		s.log = append(s.log, event{item: it, asked: b.rests, looked: b.reads})
		s.cost += m.Cost
		s.rest -= s.lib.leastOf(it.step)
		err := s.adopt(it, it.expand(m, b.values), replace)
		s.back(mark)
		if err != nil {
			return "", err
		}
	}
	return unfit, nil
}

// satisfy binds the variables of a method in each way in which its conditions hold. Where there is none it says why, and
// notes how far it came.
func (s *search) satisfy(m *methods.Method, values map[string]string) (list []binding, unfit string, err error) {
	list = []binding{{values: values}}
	for i := range m.When {
		c := &m.When[i]
		var next []binding
		var best verdict // of the binding that came nearest
		var farthest binding
		for _, b := range list {
			if s.expanded++; s.expanded > s.budget {
				s.truncated = true
				return nil, "", errSpent
			}
			v, err := s.ask(c, b.values)
			if err != nil {
				return nil, "", fmt.Errorf("method %s: %w", m.Name, err)
			}
			for _, a := range v.answers {
				next = append(next, binding{a.values, append(slices.Clone(b.because), a.because), append(slices.Clone(b.reads), v.reads...),
					append(slices.Clone(b.rests), a.rests...)})
			}
			if best.reason == "" || v.hits > best.hits {
				best, farthest = v, b
			}
		}
		if len(next) == 0 {
			s.failed(m, i, farthest.values, best)
			return nil, best.reason, nil
		}
		list = next
	}
	return list, "", nil
}

// place puts a job, a gate or a command into the plan, and predicts its effects.
func (s *search) place(it *item, replace func([]*item) []*item) error {
	e, why, err := s.primitive(it)
	if err != nil {
		return err
	}
	if why != "" {
		s.blame(it, why)
		return nil
	}
	if job, ok := s.lib.Job(it.step.Job); ok {
		asked, changes, err := s.state.apply(job, s.jobValues(it, job))
		if err != nil {
			return err
		}
		e.asked, e.changes = append(e.asked, asked...), changes
	}
	s.log = append(s.log, e)
	s.finish(it)
	return s.run(replace(nil))
}

// touch is the kinds of nodes that something may read and write.
type touch struct{ reads, writes map[string]bool }

func (t touch) conflicts(o touch) bool { return meet(t.writes, o) || meet(o.writes, t) }

func meet(writes map[string]bool, o touch) bool {
	for kind := range writes {
		if o.reads[kind] || o.writes[kind] {
			return true
		}
	}
	return false
}

// kindsOf adds the kinds of nodes that a condition asks about.
func kindsOf(into map[string]bool, c *methods.Condition) {
	for ; c != nil; c = c.Not {
		if c.Node != nil {
			into[c.Node.Kind] = true
		}
	}
}

// newLibrary works out what each task of a library may touch, whatever methods are chosen.
func newLibrary(l *methods.Library) *library {
	lib := &library{Library: l, touched: map[string]touch{}, least: leastCosts(l), static: true}
	for _, j := range l.Jobs() {
		lib.static = lib.static && len(j.Adds)+len(j.Deletes) == 0
	}
	for _, t := range l.Tasks() {
		lib.touched[t.Name] = touch{map[string]bool{}, map[string]bool{}}
	}
	for changed := !lib.static; changed; {
		changed = false
		for _, t := range l.Tasks() {
			own := lib.touched[t.Name]
			before := len(own.reads) + len(own.writes)
			for _, m := range t.Methods {
				for i := range m.When {
					kindsOf(own.reads, &m.When[i])
				}
				for _, step := range m.Steps {
					of := lib.stepTouch(step)
					maps.Copy(own.reads, of.reads)
					maps.Copy(own.writes, of.writes)
				}
			}
			changed = changed || len(own.reads)+len(own.writes) > before
		}
	}
	return lib
}

func (l *library) touch(it *item) touch { return l.stepTouch(it.step) }

func (l *library) stepTouch(step *methods.Step) touch {
	t := touch{map[string]bool{}, map[string]bool{}}
	if step == nil {
		return t
	}
	kindsOf(t.reads, step.Each)
	if below, ok := l.touched[step.Task]; ok {
		maps.Copy(t.reads, below.reads)
		maps.Copy(t.writes, below.writes)
	}
	if j, ok := l.Job(step.Job); ok {
		for i := range j.When {
			kindsOf(t.reads, &j.When[i])
		}
		for _, facts := range [][]methods.Fact{j.Deletes, j.Adds} {
			for _, f := range facts {
				t.writes[f.Kind] = true
			}
		}
	}
	return t
}
