package hddl

// scope is what names stand for while a file is checked.
type scope struct {
	file
	domain   *Domain
	preds    map[string]int // by name: how many arguments
	tasks    map[string]int // compound and primitive
	compound map[string]bool
	objects  map[string]bool
	vars     map[string]bool
}

func newScope(f file, d *Domain) *scope {
	s := &scope{file: f, domain: d, preds: map[string]int{}, tasks: map[string]int{}, compound: map[string]bool{}, objects: map[string]bool{}, vars: map[string]bool{}}
	for _, p := range d.Predicates {
		s.preds[p.Name.Key] = len(p.Params)
	}
	for _, t := range d.Tasks {
		s.tasks[t.Name.Key] = len(t.Params)
		s.compound[t.Name.Key] = true
	}
	for _, a := range d.Actions {
		s.tasks[a.Name.Key] = len(a.Params)
	}
	for _, c := range d.Constants {
		s.objects[c.Key] = true
	}
	return s
}

func (f file) checkDomain(d *Domain) error {
	s := newScope(f, d)
	if err := s.declared(d); err != nil {
		return err
	}
	for _, a := range d.Actions {
		if err := s.enter(a.Params); err != nil {
			return err
		}
		if err := s.formula(a.Precondition); err != nil {
			return err
		}
		if err := s.formula(a.Effect); err != nil {
			return err
		}
	}
	for _, m := range d.Methods {
		if err := s.method(m); err != nil {
			return err
		}
	}
	return nil
}

// declared checks that nothing is declared twice, and the types of what is declared.
func (s *scope) declared(d *Domain) error {
	once := map[string]bool{}
	for _, p := range d.Predicates {
		if err := s.first(once, "predicate", p); err != nil {
			return err
		}
	}
	once = map[string]bool{}
	for _, t := range d.Tasks {
		if err := s.first(once, "task", t); err != nil {
			return err
		}
	}
	for _, a := range d.Actions {
		if err := s.first(once, "task", Signature{a.Name, a.Params}); err != nil {
			return err
		}
	}
	return s.types(d.Constants)
}

func (s *scope) first(once map[string]bool, what string, sig Signature) error {
	if once[sig.Name.Key] {
		return s.errorf(sig.Name.Pos, "%s %s is declared twice", what, sig.Name.Text)
	}
	once[sig.Name.Key] = true
	return s.types(sig.Params)
}

func (s *scope) types(list []Typed) error {
	for _, e := range list {
		for _, t := range e.Types {
			if !s.domain.Types.Known(t.Key) {
				return s.errorf(t.Pos, "type %s is not declared", t.Text)
			}
		}
	}
	return nil
}

func (s *scope) method(m Method) error {
	if err := s.enter(m.Params); err != nil {
		return err
	}
	if !s.compound[m.Task.Name.Key] {
		return s.errorf(m.Task.Name.Pos, "%s is not a compound task", m.Task.Name.Text)
	}
	if err := s.atom(m.Task, s.tasks, "task"); err != nil {
		return err
	}
	if err := s.formula(m.Precondition); err != nil {
		return err
	}
	return s.network(m.Network)
}

func (s *scope) network(n Network) error {
	for _, t := range n.Tasks {
		if err := s.atom(t.Atom, s.tasks, "task"); err != nil {
			return err
		}
	}
	return s.formula(n.Constraints)
}

func (f file) checkProblem(p *Problem, d *Domain) error {
	s := newScope(f, d)
	if err := s.types(p.Objects); err != nil {
		return err
	}
	for _, o := range p.Objects {
		s.objects[o.Key] = true
	}
	for _, a := range p.Init {
		if err := s.atom(a, s.preds, "predicate"); err != nil {
			return err
		}
	}
	if err := s.formula(p.Goal); err != nil {
		return err
	}
	if err := s.enter(p.Params); err != nil {
		return err
	}
	return s.network(p.Network)
}

// enter makes the parameters the variables of what follows.
func (s *scope) enter(params []Typed) error {
	clear(s.vars)
	for _, p := range params {
		s.vars[p.Key] = true
	}
	return s.types(params)
}

func (s *scope) atom(a Atom, arity map[string]int, what string) error {
	n, known := arity[a.Name.Key]
	if !known {
		return s.errorf(a.Name.Pos, "%s %s is not declared", what, a.Name.Text)
	}
	if n != len(a.Args) {
		return s.errorf(a.Name.Pos, "%s %s takes %d arguments, not %d", what, a.Name.Text, n, len(a.Args))
	}
	return s.terms(a.Args)
}

func (s *scope) terms(args []Name) error {
	for _, t := range args {
		switch {
		case t.IsVariable() && !s.vars[t.Key]:
			return s.errorf(t.Pos, "variable %s is not declared", t.Text)
		case !t.IsVariable() && !s.objects[t.Key]:
			return s.errorf(t.Pos, "object %s is not declared", t.Text)
		}
	}
	return nil
}

func (s *scope) formula(c Formula) error {
	switch c.Op {
	case Holds:
		return s.atom(c.Atom, s.preds, "predicate")
	case Equal:
		return s.terms(c.Atom.Args)
	case SortOf:
		if err := s.types(c.Vars); err != nil {
			return err
		}
		return s.terms(c.Atom.Args)
	case Forall:
		if err := s.types(c.Vars); err != nil {
			return err
		}
		for _, v := range c.Vars {
			if s.vars[v.Key] {
				return s.errorf(v.Pos, "variable %s is declared already", v.Text)
			}
			s.vars[v.Key] = true
		}
		err := s.formula(c.Sub[0])
		for _, v := range c.Vars {
			delete(s.vars, v.Key)
		}
		return err
	}
	for _, sub := range c.Sub {
		if err := s.formula(sub); err != nil {
			return err
		}
	}
	return nil
}
