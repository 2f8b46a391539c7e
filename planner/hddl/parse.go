package hddl

// name makes a name of a word.
func name(s sexp) Name { return Name{s.word, lower(s.word), s.pos} }

// word reads a name that is neither a variable nor a keyword.
func (f file) word(s sexp, what string) (Name, error) {
	if s.isList() {
		return Name{}, f.errorf(s.pos, "want %s, not a list", what)
	}
	if s.word[0] == '?' || s.word[0] == ':' {
		return Name{}, f.errorf(s.pos, "want %s, not %q", what, s.word)
	}
	return name(s), nil
}

// typed reads `a b - T c - (either U V) d`. Names are variables where vars says so, else words.
func (f file) typed(list []sexp, vars bool) ([]Typed, error) {
	out := make([]Typed, 0, len(list))
	since := 0 // the first name whose type is still to come
	for i := 0; i < len(list); i++ {
		s := list[i]
		if s.isList() {
			return nil, f.errorf(s.pos, "want a name, not a list")
		}
		if s.word[0] != '-' {
			if (s.word[0] == '?') != vars {
				if vars {
					return nil, f.errorf(s.pos, "want a variable, as ?x, not %q", s.word)
				}
				return nil, f.errorf(s.pos, "want a name, not %q", s.word)
			}
			out = append(out, Typed{Name: name(s)})
			continue
		}
		t := sexp{pos: s.pos, word: s.word[1:]} // `-T`, written as one
		if t.word == "" {
			if i++; i == len(list) {
				return nil, f.errorf(s.pos, "- is not followed by a type")
			}
			t = list[i]
		}
		if since == len(out) {
			return nil, f.errorf(s.pos, "a type without a name before it")
		}
		types, err := f.either(t)
		if err != nil {
			return nil, err
		}
		for ; since < len(out); since++ {
			out[since].Types = types
		}
	}
	return out, nil
}

// either reads a type, or (either T U).
func (f file) either(s sexp) ([]Name, error) {
	if !s.isList() {
		t, err := f.word(s, "a type")
		return []Name{t}, err
	}
	if s.head() != "either" || len(s.list) < 2 {
		return nil, f.errorf(s.pos, "want a type or (either …)")
	}
	var out []Name
	for _, e := range s.list[1:] {
		t, err := f.word(e, "a type")
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// atom reads (name arg …).
func (f file) atom(s sexp, what string) (Atom, error) {
	if !s.isList() || len(s.list) == 0 {
		return Atom{}, f.errorf(s.pos, "want %s in parentheses", what)
	}
	n, err := f.word(s.list[0], what)
	if err != nil {
		return Atom{}, err
	}
	a := Atom{Name: n, Args: make([]Name, len(s.list)-1)}
	for i, arg := range s.list[1:] {
		if arg.isList() {
			return Atom{}, f.errorf(arg.pos, "functions as arguments are not supported")
		}
		a.Args[i] = name(arg)
	}
	return a, nil
}

// signature reads name, then the typed list of parameters.
func (f file) signature(s sexp, what string) (Signature, error) {
	if !s.isList() || len(s.list) == 0 {
		return Signature{}, f.errorf(s.pos, "want %s in parentheses", what)
	}
	n, err := f.word(s.list[0], what)
	if err != nil {
		return Signature{}, err
	}
	params, err := f.typed(s.list[1:], true)
	return Signature{n, params}, err
}

// fields reads `:key value` pairs after the first skip elements; each key is given at most once. A key may go by several
// names: same maps each to the one that it is stored under.
func (f file) fields(s sexp, skip int, same map[string]string) (map[string]sexp, error) {
	out := map[string]sexp{}
	for i := skip; i < len(s.list); i += 2 {
		k := s.list[i]
		if k.isList() {
			return nil, f.errorf(k.pos, "want a keyword, as :parameters, not a list")
		}
		key, known := same[lower(k.word)]
		if !known {
			return nil, f.errorf(k.pos, "%s is not supported here", k.word)
		}
		if i+1 == len(s.list) {
			return nil, f.errorf(k.pos, "%s has no value", k.word)
		}
		if _, twice := out[key]; twice {
			return nil, f.errorf(k.pos, "%s is given twice", k.word)
		}
		out[key] = s.list[i+1]
	}
	return out, nil
}

// params reads the value of :parameters; none is the empty list.
func (f file) params(s sexp, given bool) ([]Typed, error) {
	if !given {
		return nil, nil
	}
	if !s.isList() {
		return nil, f.errorf(s.pos, "want a list of parameters")
	}
	out, err := f.typed(s.list, true)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, p := range out {
		if seen[p.Key] {
			return nil, f.errorf(p.Pos, "parameter %s is declared twice", p.Text)
		}
		seen[p.Key] = true
	}
	return out, nil
}
