package methods

import (
	"regexp"
	"strings"
	"sync"

	"github.com/jitos/jitos"
	"gopkg.in/yaml.v3"
)

var variableName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]*$`) })

// always are the variables that are bound in every method.
var always = []string{"task", "snapshot"}

// name checks the name of a definition.
func (r *reader) name(at Pos, what, name string) bool {
	if err := jitos.CheckName(name); err != nil {
		r.complain(at, "use lower case letters, digits, - and _", "%s: %q is no name", what, name)
		return false
	}
	return true
}

// words makes a title of a name.
func words(name string) string { return strings.NewReplacer("-", " ", "_", " ").Replace(name) }

// task reads a document that defines a task, or with extend the methods of one that is defined elsewhere.
func (r *reader) task(n *yaml.Node) *Task {
	o := r.object(n, "task", "task", "extend", "title", "says", "params", "goal", "gates", "methods", "examples")
	if o == nil {
		return nil
	}
	key := o.one("the document", "task", "extend")
	if key == "" {
		return nil
	}
	t := &Task{Name: o.text(key), Origin: r.origin, Pos: r.pos(n)}
	if !r.name(o.pos(key), key, t.Name) {
		return nil
	}
	if key == "extend" {
		for _, k := range []string{"title", "params", "goal", "gates"} {
			if o.has(k) {
				r.complain(o.pos(k), "extend adds says and methods; to change the rest define the task anew with task: "+t.Name,
					"extend %s: %s cannot be added", t.Name, k)
			}
		}
	}
	if t.Title = o.text("title"); t.Title == "" {
		t.Title = words(t.Name)
	}
	t.Params = r.params(o)
	t.Says = r.phrases(o)
	t.Examples = r.examples(o)
	if g := o.keys["goal"]; g != nil {
		if use, ok := r.gateUse(g, "goal"); ok {
			t.Goal = &use
		}
	}
	for _, g := range o.sequence("gates") {
		if use, ok := r.gateUse(g, "gates"); ok {
			t.Gates = append(t.Gates, use)
		}
	}
	for _, m := range o.sequence("methods") {
		if method := r.method(m, t.Name); method != nil {
			t.Methods = append(t.Methods, method)
		}
	}
	return t
}

// sequence returns the entries of a list.
func (o *object) sequence(key string) []*yaml.Node {
	n := o.keys[key]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		o.r.complain(o.r.pos(n), "start each entry with -", "%s: want a list, found %s", key, kindOf(n))
		return nil
	}
	return n.Content
}

func (r *reader) params(o *object) []Param {
	n := o.keys["params"]
	if n == nil {
		return nil
	}
	m := r.object(n, "params")
	if m == nil {
		return nil
	}
	var params []Param
	for _, name := range m.names() {
		v := m.keys[name]
		p := Param{Name: name, Pos: r.pos(v)}
		if v.Kind == yaml.ScalarNode {
			p.Type = m.text(name)
		} else if d := r.object(v, "parameter "+name, "type", "default"); d != nil {
			p.Type = d.text("type")
			if d.has("default") {
				if s, ok := r.scalar(d.keys["default"], "default"); ok {
					p.Default = &s
				}
			}
		}
		switch {
		case !variableName().MatchString(name):
			r.complain(r.pos(v), "use lower case letters, digits and _", "parameter %q is no name", name)
			continue
		case contains(always, name):
			r.complain(r.pos(v), "call it something else", "parameter %s hides $%s", name, name)
			continue
		case !contains(types, p.Type):
			r.complain(r.pos(v), "types are "+strings.Join(types, ", "), "parameter %s: unknown type %q", name, p.Type)
			p.Type = TypeString
		case p.Default != nil && *p.Default != "":
			value, err := p.Check(*p.Default)
			if err != nil {
				r.complain(r.pos(v), "", "default of %v", err)
			}
			p.Default = &value
		}
		params = append(params, p)
	}
	return params
}

// phrases reads the ways to say a task.
func (r *reader) phrases(o *object) []Phrase {
	at := map[string]Pos{}
	if n := o.keys["says"]; n != nil {
		at[n.Value] = r.pos(n)
		for _, e := range n.Content {
			at[e.Value] = r.pos(e)
		}
	}
	var list []Phrase
	for _, s := range o.list("says") {
		p, err := ParsePhrase(s)
		if err != nil {
			r.complain(at[s], "", "says %q: %v", s, err)
			continue
		}
		p.Pos = at[s]
		list = append(list, p)
	}
	return list
}

func (r *reader) gateUse(n *yaml.Node, what string) (GateUse, bool) {
	use, _, ok := r.gateUseWith(n, what)
	return use, ok
}

// gateUseWith is gateUse where further keys are legal, which are the caller's to read.
func (r *reader) gateUseWith(n *yaml.Node, what string, more ...string) (GateUse, *object, bool) {
	o := r.object(n, what, append([]string{"gate", "run", "args"}, more...)...)
	if o == nil {
		return GateUse{}, nil, false
	}
	use := GateUse{Pos: r.pos(n)}
	switch o.one(what, "gate", "run") {
	case "gate":
		use.Gate = o.text("gate")
		use.Args = o.values("args")
	case "run":
		use.Run = o.command("run")
		if o.has("args") {
			r.complain(o.pos("args"), "write the values into the command", "%s: a command has no args", what)
		}
	default:
		return use, nil, false
	}
	return use, o, true
}

func (r *reader) method(n *yaml.Node, task string) *Method {
	o := r.object(n, "method", "name", "title", "cost", "vars", "when", "needs", "steps")
	if o == nil {
		return nil
	}
	m := &Method{Task: task, Name: o.text("name"), Title: o.value("title"), Cost: o.number("cost", 0, 1000), Origin: r.origin, Pos: r.pos(n)}
	if !r.name(o.pos("name"), "name of the method", m.Name) {
		return nil
	}
	if m.Title.Zero() {
		m.Title = ParseText(words(m.Name))
	}
	for _, n := range o.entries("needs") {
		r.capability(n, "needs")
	}
	m.Needs = o.list("needs")
	if v := o.keys["vars"]; v != nil {
		if vars := r.object(v, "vars"); vars != nil {
			m.Vars = map[string]string{}
			for _, name := range vars.names() {
				m.Vars[name] = strings.ToLower(vars.text(name))
				if !variableName().MatchString(name) || contains(always, name) {
					r.complain(vars.pos(name), "use lower case letters, digits and _", "variable %q is no name that may be declared", name)
				}
			}
		}
	}
	m.When = r.conditions(o, "when")
	m.Steps = r.steps(o)
	return m
}

func (r *reader) steps(o *object) []*Step {
	n := o.keys["steps"]
	if n == nil {
		return nil
	}
	m := r.object(n, "steps")
	if m == nil {
		return nil
	}
	var steps []*Step
	for _, name := range m.names() {
		if step := r.step(m.keys[name], name); step != nil {
			steps = append(steps, step)
		}
	}
	return steps
}

var stepKeys = []string{"task", "job", "gate", "run", "title", "args", "inputs", "after", "each",
	"expect", "produces", "needs", "reads", "keeps", "report", "chain", "resource", "fresh", "retries", "retry", "timeout", "unless", "secrets"}

func (r *reader) step(n *yaml.Node, name string) *Step {
	o := r.object(n, "step "+name, stepKeys...)
	if o == nil || !r.name(r.pos(n), "name of the step", name) {
		return nil
	}
	if strings.Contains(name, ".") {
		r.complain(r.pos(n), "use - instead", "step %s: a dot stands between a step and the steps of its task", name)
		return nil
	}
	s := &Step{Name: name, Title: o.text("title"), Args: o.values("args"), After: o.list("after"), Pos: r.pos(n)}
	switch o.one("step "+name, "task", "job", "gate", "run") {
	case "task":
		s.Task = o.text("task")
		for _, k := range stepKeys[9:] {
			if o.has(k) && k != "needs" {
				r.complain(o.pos(k), "say it in the steps of the task", "step %s: a task has no %s", name, k)
			}
		}
	case "job":
		s.Job = o.text("job")
	case "gate":
		s.Gate = o.text("gate")
	case "run":
		s.Run = o.command("run")
	default:
		return nil
	}
	s.Use = r.use(o)
	for arg, from := range o.values("inputs") {
		step, artifact, ok := strings.Cut(from.String(), ".")
		if !ok || step == "" || artifact == "" {
			r.complain(o.pos("inputs"), "write STEP.ARTIFACT", "step %s: input %s: %q names no artifact of a step", name, arg, from)
			continue
		}
		if s.Inputs == nil {
			s.Inputs = map[string]Input{}
		}
		s.Inputs[arg] = Input{step, artifact}
	}
	if e := o.keys["each"]; e != nil {
		s.Each = r.condition(e)
	}
	return s
}
