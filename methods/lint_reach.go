package methods

import "github.com/jitos/jitos"

// reach finds tasks that nothing leads to, and methods that can never be carried out: those whose conditions cannot hold
// together, and those that lead to a task of which no method can be carried out. The latter is the test for symbols of a
// grammar that generate nothing: what is not found to end by the least fixed point never ends.
func (l *linter) reach() {
	l.unreachableTasks()
	ends := map[string]bool{} // tasks that some method carries out
	for changed := true; changed; {
		changed = false
		for _, t := range l.lib.Tasks() {
			for _, m := range t.Methods {
				if !ends[t.Name] && l.never(m) == "" && endless(m, ends) == nil {
					ends[t.Name], changed = true, true
				}
			}
		}
	}
	for _, t := range l.lib.Tasks() {
		for _, m := range t.Methods {
			if why := l.never(m); why != "" {
				l.complain(m.Pos, CodeUnreachableMethod, "correct the condition, or remove the method", "method %s: its conditions never hold: %s", m.Name, why)
			} else if s := endless(m, ends); s != nil {
				l.complain(m.Pos, CodeUnreachableMethod, "give task "+s.Task+" a method that ends", "method %s: step %s never ends: no method of task %s can be carried out",
					m.Name, s.Name, s.Task)
			}
		}
	}
}

func (l *linter) unreachableTasks() {
	reached := map[string]bool{}
	var visit func(t *Task)
	visit = func(t *Task) {
		if reached[t.Name] {
			return
		}
		reached[t.Name] = true
		for _, m := range t.Methods {
			for _, s := range m.Steps {
				if below, ok := l.lib.Task(s.Task); ok {
					visit(below)
				}
			}
		}
	}
	for _, t := range l.lib.Tasks() {
		if len(t.Says) > 0 {
			visit(t)
		}
	}
	for _, t := range l.lib.Tasks() {
		if !reached[t.Name] {
			l.complain(t.Pos, CodeUnreachableTask, "add says:, or a step with task: "+t.Name, "task %s: no phrase says it, and no step of a task that is said leads to it", t.Name)
		}
	}
}

// endless is the first step of a method that leads to a task which is not known to end; nil for none. A step with `each`
// may be there no time at all.
func endless(m *Method, ends map[string]bool) *Step {
	for _, s := range m.Steps {
		if s.Task != "" && s.Each == nil && !ends[s.Task] {
			return s
		}
	}
	return nil
}

// never says why the conditions of a method cannot hold together, whatever the facts are; "" where they may.
func (l *linter) never(m *Method) string {
	said := map[string]bool{}
	for _, c := range m.When {
		said[c.Text] = true
	}
	for _, c := range m.When {
		switch {
		case c.Equal != nil && len(variablesOf(c)) == 0 && (c.Equal.A.Expand(nil) == c.Equal.B.Expand(nil)) != c.Equal.Want,
			c.Equal != nil && !c.Equal.Want && c.Equal.A.String() == c.Equal.B.String():
			return c.Text
		case c.Not != nil && said[c.Not.Text]:
			return c.Text + ", and the same without not"
		case c.Node != nil && c.Node.Kind == jitos.KindToolchain:
			if why := l.noToolchain(c.Node); why != "" {
				return why
			}
		}
	}
	return ""
}

// noToolchain says why no toolchain of the library answers a condition.
func (l *linter) noToolchain(c *NodeCondition) string {
	name := ""
	if !c.Is.Zero() && len(c.Is.Variables()) == 0 {
		if name = c.Is.Expand(nil); l.lib.chains[name] == nil {
			return "there is no toolchain " + name + ": " + suggest(name, sortedKeys(l.lib.chains))
		}
	}
	for _, f := range c.Has {
		if f.Name != "can" || len(f.Value.Variables()) > 0 {
			continue
		}
		ability, found := f.Value.Expand(nil), false
		for _, t := range l.lib.Toolchains() {
			for _, a := range t.Can {
				found = found || a.Name == ability && (name == "" || name == t.Name)
			}
		}
		switch {
		case found:
		case name != "":
			return "toolchain " + name + " cannot " + ability
		default:
			return "no toolchain can " + ability
		}
	}
	return ""
}
