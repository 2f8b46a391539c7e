package hddl

// define reads (define (kind name) section …) and returns the name and the sections.
func (f file) define(src []byte, kind string) (Name, []sexp, error) {
	top, err := f.read(src)
	if err != nil {
		return Name{}, nil, err
	}
	if top.head() != "define" || len(top.list) < 2 {
		return Name{}, nil, f.errorf(top.pos, "want (define (%s NAME) …)", kind)
	}
	title := top.list[1]
	if title.head() != kind || len(title.list) != 2 {
		return Name{}, nil, f.errorf(title.pos, "want (%s NAME)", kind)
	}
	n, err := f.word(title.list[1], "a name")
	if err != nil {
		return Name{}, nil, err
	}
	for _, s := range top.list[2:] {
		if !s.isList() || len(s.list) == 0 || s.list[0].isList() || s.list[0].word[0] != ':' {
			return Name{}, nil, f.errorf(s.pos, "want a section, as (:init …)")
		}
	}
	return n, top.list[2:], nil
}

// ParseDomain reads a domain. The error is an *Error.
func ParseDomain(fileName string, src []byte) (*Domain, error) {
	f := file{fileName}
	n, sections, err := f.define(src, "domain")
	if err != nil {
		return nil, err
	}
	d := &Domain{File: fileName, Name: n, Types: newTypes()}
	costs := false
	for _, s := range sections {
		switch s.head() {
		case ":requirements":
		case ":types":
			err = f.types(s, d.Types)
		case ":constants":
			var more []Typed
			more, err = f.typed(s.list[1:], false)
			d.Constants = append(d.Constants, more...)
		case ":predicates":
			err = f.predicates(s, d)
		case ":functions":
			costs, err = true, f.functions(s)
		case ":task":
			err = f.task(s, d)
		case ":method":
			err = f.method(s, d)
		case ":action":
			err = f.action(s, d)
		default:
			err = f.errorf(s.pos, "section %s is not supported", s.list[0].word)
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range d.Actions {
		if !costs {
			d.Actions[i].Cost = 1
		}
	}
	d.Types.close()
	return d, f.checkDomain(d)
}

func (f file) types(s sexp, types *Types) error {
	list, err := f.typed(s.list[1:], false)
	if err != nil {
		return err
	}
	for _, t := range list {
		types.declare(t)
	}
	return nil
}

func (f file) predicates(s sexp, d *Domain) error {
	for _, e := range s.list[1:] {
		if e.head() == "=" {
			continue
		}
		p, err := f.signature(e, "a predicate")
		if err != nil {
			return err
		}
		d.Predicates = append(d.Predicates, p)
	}
	return nil
}

// functions takes (total-cost) and nothing else.
func (f file) functions(s sexp) error {
	for i := 1; i < len(s.list); i++ {
		e := s.list[i]
		if e.is("-") && i+1 < len(s.list) && s.list[i+1].is("number") {
			i++
			continue
		}
		if e.head() != "total-cost" || len(e.list) != 1 {
			return f.errorf(e.pos, "numbers are not supported: the only function is (total-cost)")
		}
	}
	return nil
}

func (f file) task(s sexp, d *Domain) error {
	if len(s.list) < 2 {
		return f.errorf(s.pos, "a task without a name")
	}
	n, err := f.word(s.list[1], "the name of a task")
	if err != nil {
		return err
	}
	fields, err := f.fields(s, 2, map[string]string{":parameters": ":parameters", ":precondition": ":precondition", ":effect": ":effect"})
	if err != nil {
		return err
	}
	for _, key := range []string{":precondition", ":effect"} {
		if e, ok := fields[key]; ok && len(e.list) > 0 {
			return f.errorf(e.pos, "a compound task with %s is not supported: give it to its methods", key)
		}
	}
	p, given := fields[":parameters"]
	params, err := f.params(p, given)
	d.Tasks = append(d.Tasks, Signature{n, params})
	return err
}

func (f file) method(s sexp, d *Domain) error {
	var m Method
	var err error
	if len(s.list) < 2 {
		return f.errorf(s.pos, "a method without a name")
	}
	if m.Name, err = f.word(s.list[1], "the name of a method"); err != nil {
		return err
	}
	fields, err := f.fields(s, 2, networkFields(map[string]string{":task": ":task", ":precondition": ":precondition"}))
	if err != nil {
		return err
	}
	p, given := fields[":parameters"]
	if m.Params, err = f.params(p, given); err != nil {
		return err
	}
	task, ok := fields[":task"]
	if !ok {
		return f.errorf(s.pos, "method %s does not say for which :task it is", m.Name.Text)
	}
	if m.Task, err = f.atom(task, "a task"); err != nil {
		return err
	}
	if pre, ok := fields[":precondition"]; ok {
		if m.Precondition, err = f.formula(pre); err != nil {
			return err
		}
	}
	if m.Network, err = f.network(fields); err != nil {
		return err
	}
	d.Methods = append(d.Methods, m)
	return nil
}

func (f file) action(s sexp, d *Domain) error {
	var a Action
	var err error
	if len(s.list) < 2 {
		return f.errorf(s.pos, "an action without a name")
	}
	if a.Name, err = f.word(s.list[1], "the name of an action"); err != nil {
		return err
	}
	fields, err := f.fields(s, 2, map[string]string{":parameters": ":parameters", ":precondition": ":precondition", ":effect": ":effect"})
	if err != nil {
		return err
	}
	p, given := fields[":parameters"]
	if a.Params, err = f.params(p, given); err != nil {
		return err
	}
	if pre, ok := fields[":precondition"]; ok {
		if a.Precondition, err = f.formula(pre); err != nil {
			return err
		}
	}
	if e, ok := fields[":effect"]; ok {
		if a.Effect, a.Cost, err = f.effect(e); err != nil {
			return err
		}
	}
	d.Actions = append(d.Actions, a)
	return nil
}
