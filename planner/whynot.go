package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

type methodKey struct{ task, method string }

func keyOf(m *methods.Method) methodKey { return methodKey{m.Task, m.Name} }

// reason is why a method led to no candidate. Of several the one that came farthest is told.
type reason struct {
	rank, progress int
	jitos.WhyNot
}

// Ranks of reasons, by how far the method came.
const (
	rankCondition = iota + 1 // progress: conditions that held
	rankOther                // its conditions held, but something beside it could not be planned
	rankStep                 // a step below it could not be planned; progress: decisions before
	rankBetter               // it gave a candidate, or would have, and others were better
)

func (s *search) note(m *methods.Method, rank, progress int, w jitos.WhyNot) {
	old, ok := s.reasons[keyOf(m)]
	if ok && (old.rank > rank || old.rank == rank && old.progress >= progress) {
		return
	}
	w.Task, w.Method = m.Task, m.Name
	s.reasons[keyOf(m)] = reason{rank, progress, w}
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
	s.note(m, rankCondition, at, jitos.WhyNot{Condition: m.When[at].Text, Reason: v.reason, Binding: binding, Nearest: v.nearest})
}

// blame notes, for every method chosen so far, that this item could not be planned.
func (s *search) blame(it *item, why string) {
	where := "step " + it.name
	if it.name == "" {
		where = "the task itself"
	}
	for _, e := range s.log {
		if e.step != nil || e.item.method == nil {
			continue
		}
		if it.within(e.item) {
			s.note(e.item.method, rankStep, len(s.log), jitos.WhyNot{Reason: where + ": " + why})
		} else {
			s.note(e.item.method, rankOther, len(s.log), jitos.WhyNot{Reason: "beside it, " + where + ": " + why})
		}
	}
}

func (s *search) outranked(m *methods.Method, cost int) {
	s.note(m, rankBetter, 0, jitos.WhyNot{Reason: fmt.Sprintf("it would cost %d, and there are %d candidates that cost less or come first", cost, s.k)})
}

// whyNot explains each method that could have played a part in the task and is in no candidate.
func (s *search) whyNot(root *methods.Task) []jitos.WhyNot {
	used := map[methodKey]bool{}
	for _, c := range s.kept {
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
			if r, ok := s.reasons[keyOf(m)]; ok {
				list = append(list, r.WhyNot)
				continue
			}
			w := jitos.WhyNot{Task: t.Name, Method: m.Name, Reason: "no method that was tried led to task " + t.Name}
			if s.truncated {
				w.Reason = fmt.Sprintf("the search ended after %d decisions, before it was tried", s.budget)
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
