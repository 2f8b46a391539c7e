package verifier

import "github.com/jitos/jitos/planner/hddl"

// frame is a task whose decomposition is being checked. Plans can be as deep as they are long, so frames are kept in a list, and
// not on the stack of the program.
type frame struct {
	n       *Node
	methods []*hddl.Method // not tried yet
	from    int            // its condition may hold at this moment, at the earliest
	r       *reading       // by the method being tried
	err     error
}

// decomposition checks one task and what is below it.
func (c *checker) decomposition(n *Node, methods []*hddl.Method) error {
	stack := []*frame{{n: n, methods: methods}}
	for {
		f := stack[len(stack)-1]
		sub := (*Node)(nil)
		ok := f.advance(c)
		if ok {
			if sub = f.r.sub; sub != nil {
				stack = append(stack, &frame{n: sub, methods: c.methods[key(sub.Method)], from: f.r.begins[f.r.at]})
				continue
			}
		}
		stack = stack[:len(stack)-1]
		if len(stack) == 0 {
			return f.err
		}
		above := stack[len(stack)-1].r
		if ok {
			above.ended(f.r.end)
		} else {
			above.failed(f.err)
		}
	}
}

// advance goes on to the next compound subtask, f.r.sub, or to the end of the decomposition, where that is nil. It is false
// where no reading by any method holds; f.err is then why not.
func (f *frame) advance(c *checker) bool {
	for {
		if f.r == nil {
			if len(f.methods) == 0 {
				return false
			}
			m := f.methods[0]
			f.methods = f.methods[1:]
			b := binding{}
			if why := c.head(f.n, m, b); why != nil {
				f.err = first(f.err, why)
				continue
			}
			if len(f.n.Subs) != len(m.Network.Tasks) {
				f.err = first(f.err, c.plan.refuse(f.n.Line, "%s: method %s has %d subtasks, the plan %d", c.label(f.n), m.Name.Text, len(m.Network.Tasks), len(f.n.Subs)))
				continue
			}
			f.r = &reading{c: c, n: f.n, m: m, order: c.order(m), b: b, from: f.from, of: make([]*Node, len(f.n.Subs))}
		}
		switch {
		case f.r.below:
			if f.r.advance() {
				f.err = nil
				return true
			}
		case f.r.next():
			f.r.conditions()
		default:
			f.err, f.r = first(f.err, f.r.err), nil
		}
	}
}

func first(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (c *checker) label(n *Node) string {
	if n.Line == 0 {
		return "the initial network"
	}
	return n.String()
}

// head binds the variables of the method's task.
func (c *checker) head(n *Node, m *hddl.Method, b binding) error {
	if n.Line == 0 {
		return nil
	}
	if m.Task.Name.Key != key(n.Name) {
		return c.plan.refuse(n.Line, "%v: method %s is for %s", n, m.Name.Text, m.Task.Name.Text)
	}
	if _, ok := c.unify(m.Task, n, m.Params, b); !ok {
		return c.plan.refuse(n.Line, "%v: method %s does not take these arguments", n, m.Name.Text)
	}
	return nil
}

// unify binds the variables of an atom to the arguments of a task, if their types allow it, and says which it bound.
func (c *checker) unify(a hddl.Atom, n *Node, params []hddl.Typed, b binding) (news []string, ok bool) {
	if len(a.Args) != len(n.Args) {
		return nil, false
	}
	for i, t := range a.Args {
		arg := key(n.Args[i])
		switch v := value(t, b); {
		case v == arg:
		case v != "" || !c.w.fits(arg, typesOf(params, t.Key)):
			return news, false
		default:
			b[t.Key] = arg
			news = append(news, t.Key)
		}
	}
	return news, true
}

func typesOf(params []hddl.Typed, variable string) []hddl.Name {
	for _, p := range params {
		if p.Key == variable {
			return p.Types
		}
	}
	return nil
}
