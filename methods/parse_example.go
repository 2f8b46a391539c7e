package methods

import (
	"github.com/jitos/jitos"
	"gopkg.in/yaml.v3"
)

// Example is a test of a task's methods, written beside them: a small world, what is asked of it, and what must come.
type Example struct {
	Name    string
	Say     string            // an intent that must be understood as the task, "" for none
	Args    map[string]string // beside Say what it must be understood with; alone what is given
	Files   map[string]string // by path
	Nodes   []ExampleNode
	Plans   []ExamplePlan     // the candidates, best first, and no others
	Exact   bool              // Plans was given, if empty
	Not     map[string]string // by method, of this task or of one below: what the reason of its not being used must hold
	Workers []string          // that are configured, beside those that jitos brings
	Refused string            // what the error must hold that Say or Args are refused with
	Pos     Pos
}

// ExampleNode is a node of the world; values may name $task and $snapshot.
type ExampleNode struct {
	Kind, Is string
	Has      map[string][]Text // a field, and what it holds
}

// ExamplePlan is what an example says of a candidate: whatever is zero is not looked at.
type ExamplePlan struct {
	Methods []string
	Cost    *int
	Steps   map[string][]string // each step, and what it comes after; of a list of names only the names count
	Names   bool                // Steps was a list of names
	Run     map[string]string   // of a step the command
}

func (r *reader) examples(o *object) []*Example {
	var list []*Example
	for _, n := range o.sequence("examples") {
		if e := r.example(n); e != nil {
			list = append(list, e)
		}
	}
	return list
}

func (r *reader) example(n *yaml.Node) *Example {
	o := r.object(n, "example", "name", "say", "args", "files", "nodes", "plans", "not", "refused", "workers")
	if o == nil {
		return nil
	}
	e := &Example{Name: o.text("name"), Say: o.text("say"), Args: r.plain(o, "args"), Not: r.plain(o, "not"), Refused: o.text("refused"), Workers: o.list("workers"),
		Files: map[string]string{}, Exact: o.has("plans"), Pos: r.pos(n)}
	if e.Name == "" {
		r.complain(e.Pos, "give name:", "example: it has no name")
	}
	if !e.Exact && len(e.Not) == 0 && e.Refused == "" {
		r.complain(e.Pos, "give plans:, not: or refused:", "example %s: it expects nothing", e.Name)
	}
	if f := o.keys["files"]; f != nil && f.Kind == yaml.MappingNode {
		e.Files = r.plain(o, "files")
	} else {
		for _, path := range o.list("files") {
			e.Files[path] = ""
		}
	}
	for _, node := range o.sequence("nodes") {
		r.exampleNode(node, e)
	}
	for _, plan := range o.sequence("plans") {
		if p := r.examplePlan(plan); p != nil {
			e.Plans = append(e.Plans, *p)
		}
	}
	return e
}

// plain reads a mapping of names to text without variables.
func (r *reader) plain(o *object, key string) map[string]string {
	n := o.keys[key]
	if n == nil {
		return nil
	}
	m := r.object(n, key)
	if m == nil {
		return nil
	}
	values := map[string]string{}
	for _, name := range m.names() {
		if s, ok := r.scalar(m.keys[name], name); ok {
			values[name] = s
		}
	}
	return values
}

func (r *reader) exampleNode(n *yaml.Node, e *Example) {
	o := r.object(n, "node", "kind", "is", "has")
	if o == nil {
		return
	}
	node := ExampleNode{Kind: o.text("kind"), Is: o.text("is"), Has: map[string][]Text{}}
	if err := (jitos.NodeID{Kind: node.Kind, Name: node.Is}).Check(); err != nil {
		r.complain(r.pos(n), "give kind: and is:, each a name", "node: %v", err)
		return
	}
	if h := o.keys["has"]; h != nil {
		if has := r.object(h, "has"); has != nil {
			for _, name := range has.names() {
				for _, s := range has.list(name) {
					node.Has[name] = append(node.Has[name], ParseText(s))
				}
			}
		}
	}
	e.Nodes = append(e.Nodes, node)
}

func (r *reader) examplePlan(n *yaml.Node) *ExamplePlan {
	o := r.object(n, "plan", "methods", "cost", "steps", "run")
	if o == nil {
		return nil
	}
	p := &ExamplePlan{Methods: o.list("methods"), Run: r.plain(o, "run")}
	if o.has("cost") {
		cost := o.number("cost", 0, 1<<30)
		p.Cost = &cost
	}
	s := o.keys["steps"]
	switch {
	case s == nil:
	case s.Kind == yaml.MappingNode:
		p.Steps = map[string][]string{}
		if steps := r.object(s, "steps"); steps != nil {
			for _, name := range steps.names() {
				p.Steps[name] = steps.list(name)
			}
		}
	default:
		p.Steps, p.Names = map[string][]string{}, true
		for _, name := range o.list("steps") {
			p.Steps[name] = nil
		}
	}
	return p
}
