package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner/backtrack"
)

// item is one thing to be done: the root task, a step of a method, or one of the steps that an `each` became.
type item struct {
	name   string // of the step in the plan: "find.bisect"
	step   *methods.Step
	values map[string]string // of the method that the step stands in
	sum    uint64            // of all this: equal items of different branches of the search have equal sums
	scope  map[string]*item  // the steps of that method by name
	parent *item
	after  []*item
	open   int // children that are not done
	done   bool

	// A task has these while it is decomposed.
	task     *methods.Task
	args     map[string]string
	method   *methods.Method
	bind     binding
	children []*item
	state    uint64 // hash of the state in which it was decomposed
}

// binding is one way in which all conditions of a list hold.
type binding struct {
	values  map[string]string
	because []string
	reads   []jitos.Read
	rests   []asked
}

// event is a decision on the way to a candidate: a task was decomposed, or a step was placed.
type event struct {
	item    *item
	step    *jitos.Step // nil: a decomposition
	looked  []jitos.Read
	asked   []asked
	changes []change
}

func (it *item) isTask() bool  { return it.step == nil || it.step.Task != "" }
func (it *item) isGroup() bool { return it.step != nil && it.step.Each != nil }

// within tells whether the item is another, or came from it.
func (it *item) within(other *item) bool {
	for a := it; a != nil; a = a.parent {
		if a == other {
			return true
		}
	}
	return false
}

func (it *item) ready() bool {
	for _, b := range it.after {
		if !b.done {
			return false
		}
	}
	return true
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// expand makes the items of a method's steps, in an order in which each comes after those that it waits for; where that
// leaves a choice, as written.
func (it *item) expand(m *methods.Method, values map[string]string) []*item {
	scope := make(map[string]*item, len(m.Steps))
	sum := sumOf(values) + textSum(m.Task)*3 + textSum(m.Name)*5
	for _, s := range m.Steps {
		name := join(it.name, s.Name)
		scope[s.Name] = &item{name: name, step: s, values: values, sum: backtrack.Mix(sum + textSum(name)), scope: scope, parent: it}
	}
	var list []*item
	placed := map[string]bool{}
	for len(list) < len(m.Steps) {
		before := len(list)
		for _, s := range m.Steps {
			waits := slices.ContainsFunc(s.Before(), func(b string) bool { return !placed[b] })
			if placed[s.Name] || waits {
				continue
			}
			child := scope[s.Name]
			for _, b := range s.Before() {
				child.after = append(child.after, scope[b])
			}
			placed[s.Name] = true
			list = append(list, child)
			break
		}
		if len(list) == before { // the loader lets no cycle pass
			break
		}
	}
	return list
}

// copies makes the items of a step with `each`: one for each answer, named by what it binds.
func (it *item) copies(answers []answer, variable string) []*item {
	single := *it.step
	single.Each = nil
	var list []*item
	taken := map[string]bool{}
	for _, a := range answers {
		name := nameOf(a.values[variable])
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", nameOf(a.values[variable]), n)
		}
		taken[name] = true
		sum := backtrack.Mix(it.sum + sumOf(a.values)*3 + textSum(name))
		list = append(list, &item{name: join(it.name, name), step: &single, values: a.values, sum: sum, scope: it.scope, parent: it})
	}
	return list
}

// nameOf makes a part of a step's name of any value.
func nameOf(value string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, value)
	if name = strings.Trim(name, "-_"); name == "" {
		return "x"
	}
	return name[:min(len(name), 40)]
}

// textSum is a hash of a text (FNV-1a).
func textSum(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// sumOf is a hash of values by name.
func sumOf(values map[string]string) (sum uint64) {
	for name, value := range values {
		sum += backtrack.Mix(textSum(name)*3 + textSum(value))
	}
	return sum
}
