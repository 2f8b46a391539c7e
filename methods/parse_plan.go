package methods

import "gopkg.in/yaml.v3"

// Plan is a plan that a person or an agent wrote: one set of steps, no alternatives.
//
//	title: rename the flag everywhere
//	steps:
//	  rename: {run: ./rename.sh, needs: ["fs.write:**"]}
//	  prove: {gate: tests-pass, after: [rename]}
//
// JSON is YAML, so that may be written, too. Steps are those of methods, without task: and each:. Variables are $task, $snapshot
// and the arguments of the task that the plan is for.
type Plan struct {
	Title  string
	Steps  []*Step // in the order of the file
	Origin string
	Pos    Pos
}

// ParsePlan reads a plan strictly against the library. Args are the names of the task's arguments. The error is a *LoadError.
func (l *Library) ParsePlan(file string, raw []byte, args []string) (*Plan, error) {
	r := &reader{file: file, origin: Origin(raw)}
	p := &Plan{Origin: r.origin, Pos: Pos{file, 1, 1}}
	docs := r.documents(raw)
	switch {
	case len(docs) == 0 && len(r.problems) == 0:
		r.complain(Pos{r.file, 1, 1}, "write title: and steps:", "the plan is empty")
	case len(docs) > 1:
		r.complain(r.pos(docs[1]), "join them", "a plan is one document")
	case len(docs) == 1:
		r.plan(docs[0], p)
	}
	if len(r.problems) > 0 {
		return nil, &LoadError{r.problems}
	}
	c := &checker{lib: l}
	in := scopeOf(nil)
	for _, a := range args {
		in[a] = TypeString
	}
	steps := map[string]*Step{}
	for _, s := range p.Steps {
		steps[s.Name] = s
	}
	for _, s := range p.Steps {
		if s.Task != "" || s.Each != nil {
			c.complain(s.Pos, CodeUse, "write the steps themselves", "step %s: a plan has neither task nor each", s.Name)
			continue
		}
		c.step(s, steps, in)
	}
	c.cycles(&Method{Name: "plan", Steps: p.Steps, Pos: p.Pos}, steps)
	if len(c.problems) > 0 {
		return nil, &LoadError{c.problems}
	}
	return p, nil
}

func (r *reader) plan(n *yaml.Node, p *Plan) {
	o := r.object(n, "plan", "title", "steps")
	if o == nil {
		return
	}
	p.Title, p.Pos = o.text("title"), r.pos(n)
	if p.Title == "" {
		r.complain(r.pos(n), "give title:", "the plan has no title")
	}
	if p.Steps = r.steps(o); len(p.Steps) == 0 && len(r.problems) == 0 {
		r.complain(o.pos("steps"), "give steps:", "the plan has no steps")
	}
}
