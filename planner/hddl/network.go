package hddl

// networkFields are the keys of a network, each with its synonyms.
func networkFields(more map[string]string) map[string]string {
	out := map[string]string{
		":parameters": ":parameters",
		":subtasks":   ":tasks", ":tasks": ":tasks",
		":ordered-subtasks": ":ordered-tasks", ":ordered-tasks": ":ordered-tasks",
		":ordering": ":ordering", ":order": ":ordering",
		":constraints": ":constraints",
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// network reads the keys of a network.
func (f file) network(fields map[string]sexp) (Network, error) {
	var n Network
	tasks, plain := fields[":tasks"]
	ordered, total := fields[":ordered-tasks"]
	if plain && total {
		return n, f.errorf(ordered.pos, "tasks are given twice, once ordered and once not")
	}
	if total {
		tasks = ordered
	}
	var err error
	if plain || total {
		if n.Tasks, err = f.subtasks(tasks); err != nil {
			return n, err
		}
	}
	if total {
		for i := 1; i < len(n.Tasks); i++ {
			n.Order = append(n.Order, [2]int{i - 1, i})
		}
	}
	if s, ok := fields[":ordering"]; ok {
		if total {
			return n, f.errorf(s.pos, "an ordering of tasks that are ordered already")
		}
		if n.Order, err = f.ordering(s, n.Tasks); err != nil {
			return n, err
		}
		if cyclic(len(n.Tasks), n.Order) {
			return n, f.errorf(s.pos, "the ordering is a cycle")
		}
	}
	if s, ok := fields[":constraints"]; ok {
		if n.Constraints, err = f.formula(s); err != nil {
			return n, err
		}
		if err := f.onlyConstraints(n.Constraints); err != nil {
			return n, err
		}
	}
	return n, nil
}

// subtasks reads (and t …) or one task alone; each may have a label: (label (name arg …)).
func (f file) subtasks(s sexp) ([]Subtask, error) {
	if !s.isList() {
		return nil, f.errorf(s.pos, "want tasks in parentheses, not %q", s.word)
	}
	list := []sexp{s}
	if len(s.list) == 0 {
		list = nil
	} else if s.head() == "and" || s.list[0].isList() {
		if list = s.list; s.head() == "and" {
			list = list[1:]
		}
	}
	out := make([]Subtask, 0, len(list))
	seen := map[string]bool{}
	for _, e := range list {
		var t Subtask
		var err error
		if e.isList() && len(e.list) == 0 {
			continue // (and ()) is no task
		}
		if e.isList() && len(e.list) == 2 && e.list[1].isList() {
			if t.Label, err = f.word(e.list[0], "a label"); err != nil {
				return nil, err
			}
			if seen[t.Label.Key] {
				return nil, f.errorf(e.pos, "label %s is given twice", t.Label.Text)
			}
			seen[t.Label.Key] = true
			e = e.list[1]
		}
		if t.Atom, err = f.atom(e, "a task"); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// ordering reads (and (< a b) …), or one pair alone. (a < b) is taken too.
func (f file) ordering(s sexp, tasks []Subtask) ([][2]int, error) {
	if !s.isList() {
		return nil, f.errorf(s.pos, "want an ordering in parentheses, not %q", s.word)
	}
	list := []sexp{s}
	if len(s.list) == 0 {
		return nil, nil
	} else if s.head() == "and" || s.list[0].isList() {
		if list = s.list; s.head() == "and" {
			list = list[1:]
		}
	}
	byLabel := map[string]int{}
	for i, t := range tasks {
		if t.Label.Key != "" {
			byLabel[t.Label.Key] = i
		}
	}
	var out [][2]int
	for _, e := range list {
		if e.isList() && len(e.list) == 0 {
			continue
		}
		if len(e.list) != 3 || !e.list[0].is("<") && !e.list[1].is("<") {
			return nil, f.errorf(e.pos, "want (< label label)")
		}
		ends := e.list[1:]
		if !e.list[0].is("<") {
			ends = []sexp{e.list[0], e.list[2]}
		}
		var pair [2]int
		for i, end := range ends {
			at, ok := byLabel[lower(end.word)]
			if !ok {
				return nil, f.errorf(end.pos, "no task here has the label %q", end.word)
			}
			pair[i] = at
		}
		out = append(out, pair)
	}
	return out, nil
}

func (f file) onlyConstraints(c Formula) error {
	switch c.Op {
	case Holds, Forall:
		return f.errorf(c.Pos, "a constraint is about =, sortof and their negations; what must hold belongs in :precondition")
	case And:
		for _, sub := range c.Sub {
			if err := f.onlyConstraints(sub); err != nil {
				return err
			}
		}
	case Not:
		return f.onlyConstraints(c.Sub[0])
	}
	return nil
}

// cyclic tells whether an order of n things cannot be.
func cyclic(n int, order [][2]int) bool {
	before := make([]int, n)
	after := make([][]int, n)
	for _, o := range order {
		before[o[1]]++
		after[o[0]] = append(after[o[0]], o[1])
	}
	var ready []int
	for i, b := range before {
		if b == 0 {
			ready = append(ready, i)
		}
	}
	done := 0
	for ; done < len(ready); done++ {
		for _, j := range after[ready[done]] {
			if before[j]--; before[j] == 0 {
				ready = append(ready, j)
			}
		}
	}
	return done < n
}
