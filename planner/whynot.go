package planner

import (
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner/backtrack"
)

type methodKey struct{ task, method string }

func keyOf(m *methods.Method) methodKey { return methodKey{m.Task, m.Name} }

func (s *search) note(m methodKey, rank backtrack.Rank, progress int, w jitos.WhyNot) {
	w.Task, w.Method = m.task, m.method
	s.reasons.Note(m, rank, progress, w)
}

// failed notes the condition that stopped a method.
func (s *search) failed(m *methods.Method, at int, values map[string]string, v verdict) {
	binding := map[string]string{}
	for name, value := range values {
		if _, ok := s.always[name]; !ok {
			binding[name] = value
		}
	}
	if len(binding) == 0 {
		binding = nil
	}
	s.note(keyOf(m), backtrack.AtCondition, at, jitos.WhyNot{Condition: m.When[at].Text, Reason: v.reason, Binding: binding, Nearest: v.nearest})
}

// trouble is an item that could not be planned.
type trouble struct {
	under     *item // the item, or one above it
	at        int   // of a dead end: where on the agenda the one above it stands
	step, why string
	depth     int // decisions before; of a dead end: from there on
}

// deepen keeps the one of two that came after more decisions.
func (t *trouble) deepen(o trouble) {
	if o.under != nil && (t.under == nil || t.depth < o.depth) {
		*t = o
	}
}

// within is the trouble as seen from a node of the search.
func (t trouble) within(agenda []*item, log int) trouble {
	t.at = slices.IndexFunc(agenda, func(it *item) bool { return t.under != nil && t.under.within(it) })
	t.depth -= log
	return t
}

// blame notes, for every method chosen so far, that this item could not be planned.
func (s *search) blame(it *item, why string) { s.trouble(trouble{it, 0, it.name, why, len(s.log)}) }

func (s *search) trouble(t trouble) {
	if n := len(s.choices); n > 0 {
		s.choices[n-1].worst.deepen(t)
	}
	for _, e := range s.log {
		if e.step != nil || e.item.method == nil {
			continue
		}
		m, rank, words := keyOf(e.item.method), backtrack.AtOther, backtrack.OtherFails
		if t.under.within(e.item) {
			rank, words = backtrack.AtStep, backtrack.StepFails
		}
		if s.reasons.Farther(m, rank, t.depth) {
			s.note(m, rank, t.depth, jitos.WhyNot{Reason: words(t.step, t.why)})
		}
	}
}

func (s *search) outranked(m methodKey, cost int) {
	if !s.reasons.Farther(m, backtrack.AtEnd, 0) {
		return
	}
	s.note(m, backtrack.AtEnd, 0, jitos.WhyNot{Reason: backtrack.Outranked(cost, s.k)})
}

// whyNot explains each method that could have played a part in the task and is in no candidate.
func (s *search) whyNot(root *methods.Task) []jitos.WhyNot {
	used := map[methodKey]bool{}
	for _, c := range s.kept.List() {
		for _, k := range c.used {
			used[k] = true
		}
	}
	var list []jitos.WhyNot
	for _, t := range s.lib.below(root) {
		for _, m := range t.Methods {
			if used[keyOf(m)] {
				continue
			}
			if why, ok := s.reasons.Of(keyOf(m)); ok {
				list = append(list, why)
				continue
			}
			w := jitos.WhyNot{Task: t.Name, Method: m.Name, Reason: backtrack.NothingLed(t.Name)}
			if s.truncated {
				w.Reason = backtrack.Spent(s.budget)
			}
			list = append(list, w)
		}
	}
	return list
}

// below lists a task and those that its methods may lead to, nearest first.
func (l *library) below(root *methods.Task) []*methods.Task {
	list := []*methods.Task{root}
	for i := 0; i < len(list); i++ {
		for _, m := range list[i].Methods {
			for _, step := range m.Steps {
				if t, ok := l.Task(step.Task); ok && !slices.Contains(list, t) {
					list = append(list, t)
				}
			}
		}
	}
	return list
}

// noTask explains why a task that names none of the library's has no candidate.
func noTask(task jitos.Task) jitos.WhyNot {
	switch {
	case task.Name != "":
		return jitos.WhyNot{Task: task.Name, Reason: "the method library has no task of this name any more"}
	case task.Goal != nil && task.Goal.Run != "":
		return jitos.WhyNot{Reason: "no method of the library says how to make `" + strings.TrimSpace(task.Goal.Run) +
			"` succeed; hand in a plan of your own with `jitos plan TASK --from FILE`"}
	}
	return jitos.WhyNot{Reason: "no task of the library was recognised in the words; hand in a plan of your own with `jitos plan TASK --from FILE`"}
}
