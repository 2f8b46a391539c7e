package methods

import (
	"maps"
	"strings"
)

func (c *checker) step(s *Step, steps map[string]*Step, outer scope) {
	what := "step " + s.Name
	in := maps.Clone(outer)
	if s.Each != nil {
		v := s.Each.Binds(outer)
		if v == "" || s.Each.Not != nil || s.Each.Equal != nil {
			c.complain(s.Pos, CodeUnbound, "use node: or file: with one variable that is not bound yet", "%s: each binds no variable of its own", what)
		} else {
			kind := TypePath
			if s.Each.Node != nil {
				kind = s.Each.Node.Kind
			}
			free := map[string]string{v: kind}
			if s.Each.Node != nil && s.Each.Node.Is.Variable() != v {
				free[v] = TypeString
			}
			c.condition(what, *s.Each, in, free, false)
		}
	}
	for _, name := range s.After {
		if steps[name] == nil {
			c.complain(s.Pos, CodeUnknownStep, suggest(name, sortedKeys(steps)), "%s: after: there is no step %q", what, name)
		}
	}
	c.bound(s.Pos, what, s.Run, in)
	c.bound(s.Pos, what, s.Use.Chain, in)
	c.bound(s.Pos, what, s.Use.Resource, in)
	c.bound(s.Pos, what, s.Use.Unless, in)
	c.chain(s.Pos, what, s.Use.Chain)
	switch {
	case s.Task != "":
		if t, ok := c.lib.tasks[s.Task]; !ok {
			c.complain(s.Pos, CodeUnknownTask, suggest(s.Task, sortedKeys(c.lib.tasks)), "%s: there is no task %q", what, s.Task)
		} else {
			c.args(s.Pos, what, "task "+t.Name, t.Params, s.Args, nil, in)
		}
	case s.Job != "":
		if j, ok := c.lib.jobs[s.Job]; !ok {
			c.complain(s.Pos, CodeUnknownJob, suggest(s.Job, sortedKeys(c.lib.jobs)), "%s: there is no job %q", what, s.Job)
		} else {
			c.args(s.Pos, what, "job "+j.Name, j.Params, s.Args, s.Inputs, in)
		}
	case s.Gate != "":
		c.gateUse(what, GateUse{Gate: s.Gate, Args: s.Args, Pos: s.Pos}, in)
		if u := s.Use; len(u.Needs)+len(u.Reads)+len(u.Keeps)+len(u.Produces)+u.Retries+u.Timeout > 0 || u.Fresh || len(s.Inputs) > 0 ||
			u.Report != "" || u.Secrets != "" || !u.Unless.Zero() || !u.Chain.Zero() || !u.Resource.Zero() {
			c.complain(s.Pos, CodeUse, "say it in the definition of the gate", "%s: a gate takes only args, after, each, expect and title", what)
		}
	case len(s.Args) > 0:
		c.complain(s.Pos, CodeUse, "write the values into the command", "%s: a command has no args", what)
	}
	if s.Task != "" && len(s.Inputs) > 0 {
		c.complain(s.Pos, CodeUse, "give inputs to a job", "%s: a task is planned before there are artifacts", what)
	}
	for _, arg := range sortedKeys(s.Inputs) {
		c.input(s, arg, steps)
	}
}

// input looks for the one step that produces the artifact, whatever methods are chosen.
func (c *checker) input(s *Step, arg string, steps map[string]*Step) {
	input := s.Inputs[arg]
	from := steps[input.Step]
	switch {
	case from == nil:
		c.complain(s.Pos, CodeUnknownStep, suggest(input.Step, sortedKeys(steps)), "step %s: input %s: there is no step %q", s.Name, arg, input.Step)
	case from.Each != nil:
		c.complain(s.Pos, CodeUse, "take it from a step without each", "step %s: input %s: step %s may be there any number of times", s.Name, arg, from.Name)
	default:
		if why := c.produces(from, input.Artifact, map[string]bool{}); why != "" {
			c.complain(s.Pos, CodeUse, "add produces: ["+input.Artifact+"] to the step that makes it", "step %s: input %s: %s", s.Name, arg, why)
		}
	}
}

// produces says why a step does not produce the artifact exactly once; "" where it does.
func (c *checker) produces(s *Step, artifact string, seen map[string]bool) string {
	if contains(s.Use.Produces, artifact) {
		return ""
	}
	if j, ok := c.lib.jobs[s.Job]; ok && contains(j.Use.Produces, artifact) {
		return ""
	}
	t, ok := c.lib.tasks[s.Task]
	if !ok {
		return "step " + s.Name + " does not produce " + artifact
	}
	if seen[t.Name] { // a recursion produces what its other methods produce
		return ""
	}
	seen[t.Name] = true
	for _, m := range t.Methods {
		found := 0
		for _, sub := range m.Steps {
			if sub.Each == nil && c.produces(sub, artifact, maps.Clone(seen)) == "" {
				found++
			}
		}
		if found != 1 {
			return "method " + m.Name + " of task " + t.Name + " does not produce " + artifact + " in exactly one step"
		}
	}
	return ""
}

// cycles complains about steps that wait for each other.
func (c *checker) cycles(m *Method, steps map[string]*Step) {
	const open, closed = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(name string) bool
	visit = func(name string) bool {
		s := steps[name]
		if s == nil || state[name] == closed {
			return true
		}
		path = append(path, name)
		defer func() { path = path[:len(path)-1] }()
		if state[name] == open {
			c.complain(m.Pos, CodeCycle, "remove one of these after", "method %s: steps wait for each other: %s", m.Name, strings.Join(path, " after "))
			return false
		}
		state[name] = open
		for _, before := range s.Before() {
			if !visit(before) {
				return false
			}
		}
		state[name] = closed
		return true
	}
	for _, s := range m.Steps {
		if !visit(s.Name) {
			return
		}
	}
}

// Before lists the steps that must be settled before this one: those of after, and those whose artifacts it takes.
func (s *Step) Before() []string {
	before := append([]string(nil), s.After...)
	for _, arg := range sortedKeys(s.Inputs) {
		if from := s.Inputs[arg].Step; !contains(before, from) {
			before = append(before, from)
		}
	}
	return before
}

func (c *checker) chain(pos Pos, what string, t Text) {
	if !t.Zero() && len(t.Variables()) == 0 && c.lib.chains[t.String()] == nil {
		c.complain(pos, CodeUnknownToolchain, suggest(t.String(), sortedKeys(c.lib.chains)), "%s: there is no toolchain %q", what, t)
	}
}

func (c *checker) job(j *Job) {
	what := "job " + j.Name
	in := scopeOf(j.Params)
	for _, cond := range j.When {
		c.condition(what, cond, in, nil, false)
	}
	c.bound(j.Pos, what, j.Run, in)
	c.bound(j.Pos, what, j.Use.Chain, in)
	c.chain(j.Pos, what, j.Use.Chain)
	c.bound(j.Pos, what, j.Use.Resource, in)
	c.bound(j.Pos, what, j.Use.Unless, in)
	for _, name := range sortedKeys(j.Args) {
		c.bound(j.Pos, what, j.Args[name], in)
	}
	for _, facts := range [][]Fact{j.Deletes, j.Adds} {
		for _, f := range facts {
			c.bound(j.Pos, what, f.Is, in)
			for _, field := range sortedKeys(f.Has) {
				c.bound(j.Pos, what, f.Has[field], in)
			}
		}
	}
	c.ability(j.Pos, what, j.Can, in)
}

// ability checks that some toolchain can, and that all of its commands find their variables.
func (c *checker) ability(pos Pos, what, name string, in scope) {
	if name == "" {
		return
	}
	found := false
	var all []string
	for _, t := range c.lib.Toolchains() {
		for _, a := range t.Can {
			all = append(all, a.Name)
			if a.Name != name {
				continue
			}
			found = true
			for _, v := range a.Variants {
				c.bound(v.Pos, fmtAbility(t, name, what), v.Run, in)
			}
		}
	}
	if !found {
		c.complain(pos, CodeUnknownAbility, suggest(name, all), "%s: no toolchain can %q", what, name)
	}
}

func fmtAbility(t *Toolchain, name, what string) string {
	return "toolchain " + t.Name + ": can " + name + " (as used by " + what + ")"
}

func (c *checker) gate(g *Gate) {
	what := "gate " + g.Name
	in := scopeOf(g.Params)
	c.bound(g.Pos, what, g.Run, in)
	c.bound(g.Pos, what, g.Use.Chain, in)
	c.chain(g.Pos, what, g.Use.Chain)
	c.ability(g.Pos, what, g.Can, in)
	for _, name := range g.All {
		sub, ok := c.lib.gates[name]
		switch {
		case !ok:
			c.complain(g.Pos, CodeUnknownGate, suggest(name, sortedKeys(c.lib.gates)), "%s: there is no gate %q", what, name)
		case len(sub.All) > 0:
			c.complain(g.Pos, CodeUse, "name the gates that it is made of", "%s: %s is made of other gates itself", what, name)
		default:
			for _, p := range sub.Params {
				if _, given := in[p.Name]; p.Default == nil && !given {
					c.complain(g.Pos, CodeMissingArgument, "add it to params", "%s: gate %s needs the parameter %s", what, name, p.Name)
				}
			}
		}
	}
}

func (c *checker) toolchain(t *Toolchain) {
	for _, name := range t.Unless {
		if c.lib.chains[name] == nil {
			c.complain(t.Pos, CodeUnknownToolchain, suggest(name, sortedKeys(c.lib.chains)), "toolchain %s: unless: there is no toolchain %q", t.Name, name)
		}
		if name == t.Name {
			c.complain(t.Pos, CodeUse, "remove it", "toolchain %s: unless itself", t.Name)
		}
	}
	for _, a := range t.Can {
		used := false
		for _, j := range c.lib.jobs {
			used = used || j.Can == a.Name
		}
		for _, g := range c.lib.gates {
			used = used || g.Can == a.Name
		}
		for _, v := range a.Variants {
			if vars := v.Run.Variables(); !used && len(vars) > 0 {
				c.complain(v.Pos, CodeUnbound, "define a job or a gate with can: "+a.Name, "toolchain %s: can %s: nothing that asks for it binds the variable %s", t.Name, a.Name, vars[0])
			}
		}
	}
}
