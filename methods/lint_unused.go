package methods

// unused finds variables that are bound and that nothing depends on.
//
// A parameter of a task that only a phrase names is filler ("fix the {subject} bug") and is no mistake where it has a
// default. A variable that a field binds (has: {port: $port}) asks that there be such a field, and is no mistake either.
func (l *linter) unused() {
	for _, t := range l.lib.Tasks() {
		for _, m := range t.Methods {
			l.unusedVars(m)
		}
		for _, p := range t.Params {
			if !l.taskUses(t, p) {
				l.complain(p.Pos, CodeUnused, "remove it, or pass it on in args", "task %s: nothing uses the parameter %s", t.Name, p.Name)
			}
		}
	}
	for _, j := range l.lib.Jobs() {
		used := map[string]bool{}
		use(used, j.Run, j.Use.Chain, j.Use.Resource, j.Use.Unless)
		use(used, textsOf(j.Args)...)
		for _, c := range j.When {
			mark(used, variablesOf(c))
		}
		for _, f := range append(append([]Fact(nil), j.Deletes...), j.Adds...) {
			use(used, append(textsOf(f.Has), f.Is)...)
		}
		l.abilityUses(used, j.Can)
		for _, p := range j.Params {
			if j.Worker == "shell" && !used[p.Name] { // any other worker finds them among its arguments
				l.complain(p.Pos, CodeUnused, "use it in the command, or remove it", "job %s: nothing uses the parameter %s", j.Name, p.Name)
			}
		}
	}
	for _, g := range l.lib.Gates() {
		used := map[string]bool{"chain": g.Can != ""}
		use(used, g.Run, g.Use.Chain)
		l.abilityUses(used, g.Can)
		for _, name := range g.All {
			if part, ok := l.lib.Gate(name); ok {
				for _, p := range part.Params {
					used[p.Name] = true
				}
			}
		}
		for _, p := range g.Params {
			if !used[p.Name] {
				l.complain(p.Pos, CodeUnused, "use it in the command, or remove it", "gate %s: nothing uses the parameter %s", g.Name, p.Name)
			}
		}
	}
}

func (l *linter) unusedVars(m *Method) {
	used := map[string]bool{}
	usedBySteps(used, m)
	met := map[string]int{}
	field := map[string]bool{}
	for _, c := range m.When {
		for _, v := range variablesOf(c) {
			met[v]++
		}
		if c.Node != nil {
			for _, f := range c.Node.Has {
				field[f.Value.Variable()] = true
			}
		}
	}
	for _, name := range sortedKeys(m.Vars) {
		if !used[name] && met[name] < 2 && !field[name] {
			l.complain(m.Pos, CodeUnused, "remove it: each value that it takes makes a candidate of its own",
				"method %s: nothing uses the variable %s", m.Name, name)
		}
	}
}

// usedBySteps marks what the title and the steps of a method use.
func usedBySteps(used map[string]bool, m *Method) {
	use(used, m.Title)
	for _, s := range m.Steps {
		use(used, s.Run, s.Use.Chain, s.Use.Resource, s.Use.Unless)
		use(used, textsOf(s.Args)...)
		if s.Each != nil {
			mark(used, variablesOf(*s.Each))
		}
	}
}

func (l *linter) taskUses(t *Task, p Param) bool {
	used := map[string]bool{}
	uses := t.Gates
	if t.Goal != nil {
		uses = append([]GateUse{*t.Goal}, uses...)
	}
	for _, g := range uses {
		use(used, append(textsOf(g.Args), g.Run)...)
	}
	for _, m := range t.Methods {
		usedBySteps(used, m)
		for _, c := range m.When {
			mark(used, variablesOf(c))
		}
	}
	said := false
	for _, phrase := range t.Says {
		said = said || contains(phrase.Params(), p.Name)
	}
	return used[p.Name] || said && p.Default != nil
}

// abilityUses marks what the commands of an ability use.
func (l *linter) abilityUses(used map[string]bool, ability string) {
	for _, t := range l.lib.Toolchains() {
		for _, a := range t.Can {
			for _, v := range a.Variants {
				if a.Name == ability {
					use(used, v.Run)
				}
			}
		}
	}
}

func use(used map[string]bool, texts ...Text) {
	for _, t := range texts {
		mark(used, t.Variables())
	}
}

func mark(used map[string]bool, names []string) {
	for _, n := range names {
		used[n] = true
	}
}
