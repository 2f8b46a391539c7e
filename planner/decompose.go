package planner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner/backtrack"
)

// question is a condition with the values that its variables have.
type question struct {
	condition *methods.Condition
	values    uint64
}

// askOnce asks a condition. What no step can change is asked once for the same values.
func (s *search) askOnce(c *methods.Condition, values map[string]string) (verdict, error) {
	if !s.lib.rigid(c) {
		return s.ask(c, values)
	}
	q := question{c, sumOf(values)}
	if v, ok := s.known[q]; ok {
		return v, nil
	}
	v, err := s.ask(c, values)
	if err == nil {
		s.known[q] = v
	}
	return v, err
}

// spread turns a step with `each` into one step for each answer, in the state of this moment. No answer: no step.
func (s *search) spread(at int, it *item) error {
	v, err := s.askOnce(it.step.Each, it.values)
	if err != nil {
		return err
	}
	s.log = append(s.log, event{item: it, asked: whole(it.step.Each, it.values), looked: v.reads})
	s.adopt(at, it, it.copies(v.answers, it.step.Each.Binds(it.values)))
	return nil
}

// begin makes a task of an item. A task that comes up again with nothing changed is cut off.
func (s *search) begin(it *item) bool {
	if it.step != nil {
		task, ok := s.lib.Task(it.step.Task)
		if !ok {
			s.blame(it, backtrack.ThereIsNo("task "+it.step.Task))
			return false
		}
		args, err := methods.Bind(task.Params, expand(it.step.Args, it.values))
		if err != nil {
			s.blame(it, err.Error())
			return false
		}
		it.task, it.args = task, args
	}
	it.state = s.state.Hash
	depth := 0
	for a := it.parent; a != nil; a = a.parent {
		if depth++; a.task == it.task && a.state == it.state && maps.Equal(a.args, it.args) {
			s.Cut()
			s.blame(it, backtrack.Again(it.task.Name))
			return false
		}
	}
	if depth > maxDepth {
		s.Cut()
		s.truncated = true
		s.blame(it, fmt.Sprintf("tasks would be nested more than %d deep", maxDepth))
		return false
	}
	return true
}

// ways lists how a method can decompose a task: each way in which its conditions hold. Where there is none it says why; "" for
// a method that fits and is not worth it, or whose steps do not fit.
func (s *search) ways(it *item, m *methods.Method) (list []binding, unfit string, err error) {
	if least := s.cost + m.Cost + s.rest - s.lib.leastOf(it.step) + s.lib.leastBelow(m); s.beaten(least) {
		s.Cut()
		s.outranked(keyOf(m), least)
		return nil, "", nil
	}
	values := maps.Clone(s.always)
	maps.Copy(values, it.args)
	if list, unfit, err = s.satisfy(m, values); err != nil {
		return nil, "", err
	}
	if s.repair != nil {
		list, unfit = s.repair.allow(it, m, values, list, unfit)
	}
	return list, unfit, nil
}

// decompose puts the steps of a method into the place of a task.
func (s *search) decompose(at int, it *item, m *methods.Method, b binding) {
	it.method, it.bind = m, b
	s.log = append(s.log, event{item: it, asked: b.rests, looked: b.reads})
	s.cost += m.Cost
	s.rest -= s.lib.leastOf(it.step)
	s.adopt(at, it, it.expand(m, b.values))
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
			if !s.expand() {
				return nil, "", errSpent
			}
			v, err := s.askOnce(c, b.values)
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

// place puts a job, a gate or a command into the plan, and predicts its effects; not where it cannot be done in this state.
func (s *search) place(at int, it *item) (bool, error) {
	e, why, err := s.primitive(it)
	if err != nil {
		return false, err
	}
	if why != "" {
		s.blame(it, why)
		return false, nil
	}
	if job, ok := s.lib.Job(it.step.Job); ok {
		asked, changes, err := s.state.apply(job, s.jobValues(it, job))
		if err != nil {
			return false, err
		}
		e.asked, e.changes = append(e.asked, asked...), changes
	}
	s.log = append(s.log, e)
	s.finish(it)
	s.replace(at, nil)
	return true, nil
}
