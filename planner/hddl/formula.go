package hddl

import "strconv"

// unsupported names what HDDL has and this planner does not.
var unsupported = map[string]string{
	"or": "disjunction (or) is", "imply": "implication (imply) is", "exists": "exists is", "when": "conditional effects (when) are",
	"oneof": "oneof is", "probabilistic": "probabilistic effects are",
	"<": "numbers are", ">": "numbers are", "<=": "numbers are", ">=": "numbers are", "assign": "numbers are",
	"scale-up": "numbers are", "scale-down": "numbers are", "decrease": "numbers are", "increase": "numbers are",
}

// formula reads a condition.
func (f file) formula(s sexp) (Formula, error) {
	if !s.isList() {
		return Formula{}, f.errorf(s.pos, "want a condition in parentheses, not %q", s.word)
	}
	out := Formula{Pos: s.pos}
	if len(s.list) == 0 {
		return out, nil
	}
	var err error
	switch head := s.head(); head {
	case "and":
		for _, e := range s.list[1:] {
			sub, err := f.formula(e)
			if err != nil {
				return out, err
			}
			out.Sub = append(out.Sub, sub)
		}
	case "not":
		if len(s.list) != 2 {
			return out, f.errorf(s.pos, "not takes one condition")
		}
		sub, err := f.formula(s.list[1])
		if err != nil {
			return out, err
		}
		if sub.Op != Holds && sub.Op != Equal && sub.Op != SortOf {
			return out, f.errorf(s.pos, "not is supported before a single predicate only")
		}
		out.Op, out.Sub = Not, []Formula{sub}
	case "=":
		out.Op = Equal
		if len(s.list) == 3 && (s.list[1].isList() || s.list[2].isList()) {
			return out, f.errorf(s.pos, "numbers are not supported")
		}
		if len(s.list) != 3 {
			return out, f.errorf(s.pos, "= takes two arguments, not %d", len(s.list)-1)
		}
		out.Atom = Atom{name(s.list[0]), []Name{name(s.list[1]), name(s.list[2])}}
	case "forall":
		out.Op = Forall
		if len(s.list) != 3 {
			return out, f.errorf(s.pos, "forall takes variables and a condition")
		}
		if out.Vars, err = f.params(s.list[1], true); err != nil {
			return out, err
		}
		sub, err := f.formula(s.list[2])
		if err != nil {
			return out, err
		}
		out.Sub = []Formula{sub}
	case "sortof":
		out.Op = SortOf
		if out.Vars, err = f.typed(s.list[1:], true); err != nil {
			return out, err
		}
		if len(out.Vars) != 1 || out.Vars[0].Types == nil {
			return out, f.errorf(s.pos, "sortof takes a variable and a type, as (sortof ?x - T)")
		}
		out.Atom = Atom{name(s.list[0]), []Name{out.Vars[0].Name}}
	default:
		if what := unsupported[head]; what != "" {
			return out, f.errorf(s.pos, "%s not supported", what)
		}
		out.Op = Holds
		out.Atom, err = f.atom(s, "a predicate")
	}
	return out, err
}

// effect reads an effect, and what it adds to total-cost.
func (f file) effect(s sexp) (Formula, int, error) {
	if s.isList() && s.head() == "and" {
		out, cost := Formula{Pos: s.pos}, 0
		for _, e := range s.list[1:] {
			sub, c, err := f.effect(e)
			if err != nil {
				return out, 0, err
			}
			if cost += c; sub.Op != And || len(sub.Sub) > 0 {
				out.Sub = append(out.Sub, sub)
			}
		}
		return out, cost, nil
	}
	if s.isList() && s.head() == "increase" && len(s.list) == 3 && s.list[1].head() == "total-cost" && !s.list[2].isList() {
		cost, err := strconv.Atoi(s.list[2].word)
		if err != nil || cost < 0 || cost > 1e6 {
			return Formula{}, 0, f.errorf(s.list[2].pos, "want a cost of 0 to 1000000, not %q", s.list[2].word)
		}
		return Formula{Pos: s.pos}, cost, nil
	}
	out, err := f.formula(s)
	if err != nil {
		return out, 0, err
	}
	return out, 0, f.onlyEffects(out)
}

func (f file) onlyEffects(e Formula) error {
	switch e.Op {
	case Equal, SortOf:
		return f.errorf(e.Pos, "an effect makes predicates true or false, no more")
	case Not:
		if e.Sub[0].Op != Holds {
			return f.errorf(e.Pos, "an effect makes predicates true or false, no more")
		}
		return nil
	}
	for _, sub := range e.Sub {
		if err := f.onlyEffects(sub); err != nil {
			return err
		}
	}
	return nil
}
