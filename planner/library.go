package planner

import (
	"maps"

	"github.com/jitos/jitos/methods"
)

// library is a loaded library and what was worked out about it.
type library struct {
	*methods.Library
	touched map[string]touch // by task
	least   map[string]int   // by task: a plan for it costs no less
	fluent  map[string]bool  // kinds of nodes that some job may add or delete; all else is rigid
}

// rigid tells whether no step can change the answers to a condition. Of files no step is predicted to change any.
func (l *library) rigid(c *methods.Condition) bool {
	for ; c != nil; c = c.Not {
		if c.Node != nil && l.fluent[c.Node.Kind] {
			return false
		}
	}
	return true
}

// choices says which items of the agenda to try first: those that wait for nothing; and only the first of them where its
// place among the others cannot matter.
func (l *library) choices(agenda []*item) []int {
	var ready []int
	for i, it := range agenda {
		if it.ready() {
			if ready = append(ready, i); len(l.fluent) == 0 {
				return ready
			}
		}
	}
	first := l.touch(agenda[ready[0]])
	for i, it := range agenda {
		if i != ready[0] && first.conflicts(l.touch(it)) {
			return ready
		}
	}
	return ready[:1]
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
	lib := &library{Library: l, touched: map[string]touch{}, least: leastCosts(l), fluent: map[string]bool{}}
	for _, j := range l.Jobs() {
		maps.Copy(lib.fluent, writes(j))
	}
	for _, t := range l.Tasks() {
		lib.touched[t.Name] = touch{map[string]bool{}, map[string]bool{}}
	}
	for changed := len(lib.fluent) > 0; changed; {
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
		maps.Copy(t.writes, writes(j))
	}
	return t
}

// writes is the kinds of nodes that a job may add or delete.
func writes(j *methods.Job) map[string]bool {
	kinds := map[string]bool{}
	for _, facts := range [][]methods.Fact{j.Deletes, j.Adds} {
		for _, f := range facts {
			kinds[f.Kind] = true
		}
	}
	return kinds
}
