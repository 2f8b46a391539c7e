package hddl

// ParseProblem reads a problem of a domain. The error is an *Error.
func ParseProblem(fileName string, src []byte, d *Domain) (*Problem, error) {
	f := file{fileName}
	n, sections, err := f.define(src, "problem")
	if err != nil {
		return nil, err
	}
	p := &Problem{File: fileName, Name: n}
	network := false
	for _, s := range sections {
		switch s.head() {
		case ":requirements", ":metric", ":domain": // the names of domains often disagree, in the competition's files too
		case ":objects":
			var more []Typed
			more, err = f.typed(s.list[1:], false)
			p.Objects = append(p.Objects, more...)
		case ":htn":
			if network {
				err = f.errorf(s.pos, "a second :htn")
				break
			}
			network, err = true, f.htn(s, p)
		case ":init":
			err = f.init(s, p)
		case ":goal":
			if len(s.list) != 2 {
				err = f.errorf(s.pos, "goal takes one condition")
				break
			}
			p.Goal, err = f.formula(s.list[1])
		default:
			err = f.errorf(s.pos, "section %s is not supported", s.list[0].word)
		}
		if err != nil {
			return nil, err
		}
	}
	if !network {
		return nil, f.errorf(n.Pos, "problem %s has no :htn: without tasks there is nothing to decompose", n.Text)
	}
	return p, f.checkProblem(p, d)
}

func (f file) htn(s sexp, p *Problem) error {
	fields, err := f.fields(s, 1, networkFields(nil))
	if err != nil {
		return err
	}
	params, given := fields[":parameters"]
	if p.Params, err = f.params(params, given); err != nil {
		return err
	}
	p.Network, err = f.network(fields)
	return err
}

// init reads the facts of the initial state. What is not there is false, so (not …) says nothing.
func (f file) init(s sexp, p *Problem) error {
	p.Init = make([]Atom, 0, len(s.list))
	for _, e := range s.list[1:] {
		switch e.head() {
		case "not":
			continue
		case "=":
			if len(e.list) == 3 && e.list[1].head() == "total-cost" {
				continue
			}
			return f.errorf(e.pos, "numbers are not supported")
		}
		a, err := f.atom(e, "a fact")
		if err != nil {
			return err
		}
		p.Init = append(p.Init, a)
	}
	return nil
}
