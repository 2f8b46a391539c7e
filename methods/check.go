package methods

import (
	"fmt"
	"strings"

	"github.com/jitos/jitos"
)

// checker looks at what definitions say about each other.
type checker struct {
	lib      *Library
	problems []Problem
}

// check returns what is wrong with a library whose definitions are each well formed.
func check(lib *Library) []Problem {
	c := &checker{lib: lib}
	for _, t := range lib.Tasks() {
		c.task(t)
	}
	for _, j := range lib.Jobs() {
		c.job(j)
	}
	for _, g := range lib.Gates() {
		c.gate(g)
	}
	for _, t := range lib.Toolchains() {
		c.toolchain(t)
	}
	return c.problems
}

func (c *checker) complain(pos Pos, code, do, format string, args ...any) {
	c.problems = append(c.problems, Problem{pos, code, fmt.Sprintf(format, args...), do})
}

// scope is the set of variables that are bound at some place, and their types.
type scope map[string]string

func scopeOf(params []Param) scope {
	s := scope{}
	for _, p := range params {
		s[p.Name] = p.Type
	}
	for _, name := range always {
		s[name] = TypeName
	}
	return s
}

// bound complains about variables of a text that nothing binds.
func (c *checker) bound(pos Pos, what string, t Text, in scope) {
	for _, v := range t.Variables() {
		if _, ok := in[v]; !ok {
			c.complain(pos, CodeUnbound, "bound here are "+orNone(sortedKeys(in))+"; a literal brace is written {{"+v+"}}", "%s: unbound variable %s in %q", what, v, t)
		}
	}
}

func (c *checker) task(t *Task) {
	in := scopeOf(t.Params)
	for _, p := range t.Says {
		for _, v := range p.Params() {
			if _, ok := in[v]; !ok || contains(always, v) {
				c.complain(t.Pos, CodeUnknownParam, "add it to params", "says %q: {%s} is no parameter of task %s", p.Text, v, t.Name)
			}
		}
	}
	delete(in, "task") // when words are matched there is neither a task yet nor a snapshot that it is planned on
	delete(in, "snapshot")
	if t.Goal != nil {
		c.gateUse("goal of task "+t.Name, *t.Goal, in)
	}
	for _, g := range t.Gates {
		c.gateUse("gate of task "+t.Name, g, in)
	}
	if len(t.Methods) == 0 {
		c.complain(t.Pos, CodeNoMethod, "add methods:", "task %s: no method says how", t.Name)
	}
	seen := map[string]bool{}
	for _, m := range t.Methods {
		if seen[m.Name] {
			c.complain(m.Pos, CodeDuplicate, "rename one of them", "task %s: two methods are called %s", t.Name, m.Name)
		}
		seen[m.Name] = true
		c.method(t, m)
	}
}

func (c *checker) gateUse(what string, use GateUse, in scope) {
	if use.Gate == "" {
		c.bound(use.Pos, what, use.Run, in)
		return
	}
	g, ok := c.lib.gates[use.Gate]
	if !ok {
		c.complain(use.Pos, CodeUnknownGate, suggest(use.Gate, sortedKeys(c.lib.gates)), "%s: there is no gate %q", what, use.Gate)
		return
	}
	c.args(use.Pos, what, "gate "+g.Name, g.Params, use.Args, nil, in)
}

// args checks arguments against parameters.
func (c *checker) args(pos Pos, what, of string, params []Param, args map[string]Text, inputs map[string]Input, in scope) {
	known := map[string]Param{}
	for _, p := range params {
		known[p.Name] = p
		_, given := args[p.Name]
		_, later := inputs[p.Name]
		if later {
			c.complain(pos, CodeUse, "remove the parameter: the worker finds inputs among its arguments, the shell as $ARG_"+strings.ToUpper(p.Name),
				"%s: input %s is a parameter of %s, but is known at run time only", what, p.Name, of)
		} else if p.Default == nil && !given {
			c.complain(pos, CodeMissingArgument, "add it to args", "%s: %s needs the argument %s", what, of, p.Name)
		}
	}
	for _, name := range sortedKeys(args) {
		p, ok := known[name]
		if !ok {
			c.complain(pos, CodeUnknownParam, suggest(name, sortedKeys(known)), "%s: %s has no parameter %q", what, of, name)
			continue
		}
		c.bound(pos, what, args[name], in)
		if len(args[name].Variables()) == 0 && args[name].Expand(nil) != "" {
			if _, err := p.Check(args[name].Expand(nil)); err != nil {
				c.complain(pos, CodeUse, "", "%s: argument %v", what, err)
			}
		}
	}
}

func (c *checker) method(t *Task, m *Method) {
	what := "method " + m.Name
	in := scopeOf(t.Params)
	for _, name := range sortedKeys(m.Vars) {
		if _, ok := in[name]; ok {
			c.complain(m.Pos, CodeUse, "call it something else", "%s: variable %s hides a parameter", what, name)
		}
		if typ := m.Vars[name]; !contains(types, typ) && jitos.CheckName(typ) != nil {
			c.complain(m.Pos, CodeUse, "types are a kind of node, "+strings.Join(types, ", "), "%s: variable %s: unknown type %q", what, name, typ)
		}
	}
	for _, cond := range m.When {
		c.condition(what, cond, in, m.Vars, false)
	}
	for _, name := range sortedKeys(m.Vars) {
		if _, ok := in[name]; !ok {
			c.complain(m.Pos, CodeUnbound, "use it in a condition of when, or remove it", "%s: nothing binds the variable %s", what, name)
		}
	}
	c.bound(m.Pos, what+": title", m.Title, in)
	steps := map[string]*Step{}
	for _, s := range m.Steps {
		steps[s.Name] = s
	}
	for _, s := range m.Steps {
		c.step(s, steps, in)
	}
	c.cycles(m, steps)
}

// condition checks one condition and adds to the scope what it binds. Free says which variables may be bound, with types.
func (c *checker) condition(what string, cond Condition, in scope, free map[string]string, negated bool) {
	bind := func(name, typ, also string) {
		declared, ok := free[name]
		switch {
		case negated:
			c.complain(cond.Pos, CodeUnbound, "bind it in a condition before this one", "%s: unbound variable %s: not binds nothing", what, name)
		case !ok:
			c.complain(cond.Pos, CodeUnbound, "declare it under vars", "%s: unbound variable %s", what, name)
		case declared != typ && declared != also:
			c.complain(cond.Pos, CodeUse, fmt.Sprintf("declare it as %s", typ), "%s: variable %s is declared as %s, but this binds %s", what, name, declared, typ)
			in[name] = declared
		default:
			in[name] = declared
		}
	}
	value := func(t Text, typ, also string) {
		if v := t.Variable(); v != "" {
			if _, ok := in[v]; !ok {
				bind(v, typ, also)
			}
			return
		}
		c.bound(cond.Pos, what, t, in)
	}
	switch {
	case cond.Node != nil:
		value(cond.Node.Is, cond.Node.Kind, TypeName)
		for _, f := range cond.Node.Has {
			value(f.Value, TypeString, TypeName)
		}
	case cond.File != nil:
		for _, t := range append([]Text{cond.File.Contains}, cond.File.Paths...) {
			c.bound(cond.Pos, what, t, in)
		}
		if as := cond.File.As; as != "" {
			if _, ok := in[as]; !ok {
				bind(as, TypePath, TypePath)
			}
		}
	case cond.Equal != nil:
		c.bound(cond.Pos, what, cond.Equal.A, in)
		c.bound(cond.Pos, what, cond.Equal.B, in)
	case cond.Not != nil:
		c.condition(what, *cond.Not, in, free, true)
	}
}

// variablesOf lists the variables of a condition in the order in which they are met.
func variablesOf(cond Condition) []string {
	switch {
	case cond.Node != nil:
		names := cond.Node.Is.Variables()
		for _, f := range cond.Node.Has {
			names = append(names, f.Value.Variables()...)
		}
		return names
	case cond.File != nil:
		names := cond.File.Contains.Variables()
		for _, p := range cond.File.Paths {
			names = append(names, p.Variables()...)
		}
		if cond.File.As != "" {
			names = append(names, cond.File.As)
		}
		return names
	case cond.Equal != nil:
		return append(cond.Equal.A.Variables(), cond.Equal.B.Variables()...)
	}
	return variablesOf(*cond.Not)
}

// Binds is the variable that the condition binds when the others are bound: what `each` runs over. It is "" where there is
// none, or more than one.
func (cond Condition) Binds(others map[string]string) string {
	found := ""
	for _, v := range variablesOf(cond) {
		if _, ok := others[v]; ok || v == found {
			continue
		}
		if found != "" {
			return ""
		}
		found = v
	}
	return found
}
