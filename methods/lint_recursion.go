package methods

// recursion finds tasks that lead back to themselves without coming nearer to an end. On every way round, some step that
// takes part in it must have a measure that decreases; accepted as one, for a step of a method, are:
//
//   - a fact is used up: a condition of the method asks for a node of a kind, a job before the step deletes nodes of that
//     kind, and no job below the task adds any;
//   - a mark is set: a condition of the method asks that there be no such node (not), a job before the step adds nodes of
//     that kind, and no job below the task deletes any;
//   - an argument moves on: it is a variable that a condition on nodes or files binds in which a parameter of the task
//     stands, as a child is found by its parent. A revisit is cut off by the planner.
//
// Without one the planner still ends, at the depth of its limit, having spent its budget on the way.
func (l *linter) recursion() {
	type edge struct {
		m    *Method
		step *Step
	}
	flat := map[string][]edge{} // by task: steps to other tasks that come nearer to nothing
	for _, t := range l.lib.Tasks() {
		for _, m := range t.Methods {
			for _, s := range m.Steps {
				if s.Task != "" && !l.decreases(t, m, s) {
					flat[t.Name] = append(flat[t.Name], edge{m, s})
				}
			}
		}
	}
	leads := func(from, to string) bool {
		seen := map[string]bool{}
		var visit func(name string) bool
		visit = func(name string) bool {
			if name == to {
				return true
			}
			if seen[name] {
				return false
			}
			seen[name] = true
			for _, e := range flat[name] {
				if visit(e.step.Task) {
					return true
				}
			}
			return false
		}
		return visit(from)
	}
	for _, name := range sortedKeys(flat) {
		for _, e := range flat[name] {
			if leads(e.step.Task, name) {
				l.complain(e.step.Pos, CodeLeftRecursion, "let a job before it use up or mark what a condition asks for, or pass on a value that a condition finds by a parameter",
					"method %s: step %s leads back to task %s, and nothing says that it comes nearer to an end", e.m.Name, e.step.Name, name)
			}
		}
	}
}

// decreases tells whether a step of a method has a measure.
func (l *linter) decreases(t *Task, m *Method, s *Step) bool {
	below := l.effectsBelow(t.Name)
	adds, deletes := map[string]bool{}, map[string]bool{}
	for _, other := range m.Steps {
		if job, ok := l.lib.Job(other.Job); ok && other != s && comesBefore(m, other, s) {
			kindsOf(adds, job.Adds)
			kindsOf(deletes, job.Deletes)
		}
	}
	found := map[string]bool{} // variables that are looked up by a parameter
	params := scopeOf(t.Params)
	for _, c := range m.When {
		switch {
		case c.Node != nil && deletes[c.Node.Kind] && !below.adds[c.Node.Kind],
			c.Not != nil && c.Not.Node != nil && adds[c.Not.Node.Kind] && !below.deletes[c.Not.Node.Kind]:
			return true
		case c.Node != nil || c.File != nil:
			vars := variablesOf(c)
			moves := false
			for _, v := range vars {
				_, isParam := params[v]
				moves = moves || found[v] || isParam && !contains(always, v)
			}
			for _, v := range vars {
				if _, isParam := params[v]; moves && !isParam {
					found[v] = true
				}
			}
		}
	}
	for _, arg := range s.Args {
		if found[arg.Variable()] {
			return true
		}
	}
	return false
}

// effects are the kinds of nodes that jobs add and delete.
type effects struct{ adds, deletes map[string]bool }

// effectsBelow joins the effects of all jobs that a task may lead to.
func (l *linter) effectsBelow(task string) effects {
	e := effects{map[string]bool{}, map[string]bool{}}
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		t, ok := l.lib.Task(name)
		if !ok || seen[name] {
			return
		}
		seen[name] = true
		for _, m := range t.Methods {
			for _, s := range m.Steps {
				if job, ok := l.lib.Job(s.Job); ok {
					kindsOf(e.adds, job.Adds)
					kindsOf(e.deletes, job.Deletes)
				}
				visit(s.Task)
			}
		}
	}
	visit(task)
	return e
}

func kindsOf(into map[string]bool, facts []Fact) {
	for _, f := range facts {
		into[f.Kind] = true
	}
}

// comesBefore tells whether a step of a method is settled before another starts.
func comesBefore(m *Method, a, b *Step) bool {
	steps := map[string]*Step{}
	for _, s := range m.Steps {
		steps[s.Name] = s
	}
	seen := map[string]bool{}
	var visit func(s *Step) bool
	visit = func(s *Step) bool {
		for _, name := range s.Before() {
			if before := steps[name]; before != nil && !seen[name] {
				seen[name] = true
				if before == a || visit(before) {
					return true
				}
			}
		}
		return false
	}
	return visit(b)
}
