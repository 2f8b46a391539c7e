package htn

import (
	"fmt"
	"slices"

	"github.com/jitos/jitos/planner/hddl"
)

// maxLiterals bounds what the foralls of one problem may grow to.
const maxLiterals = 1 << 21

// compiler turns what was read into a model.
type compiler struct {
	model
	domain  *hddl.Domain
	objIDs  map[string]int32
	types   map[string]*typeset // by the key of the list of types
	given   [][]hddl.Name       // types of each object
	predIDs map[string]int32
	taskIDs map[string]int32
	count   int // literals so far
	file    string
}

func compile(d *hddl.Domain, p *hddl.Problem) (*model, error) {
	c := &compiler{domain: d, objIDs: map[string]int32{}, types: map[string]*typeset{}, predIDs: map[string]int32{}, taskIDs: map[string]int32{}, file: d.File}
	for _, list := range [][]hddl.Typed{d.Constants, p.Objects} {
		for _, o := range list {
			id, known := c.objIDs[o.Key]
			if !known {
				id = int32(len(c.objects))
				c.objIDs[o.Key] = id
				c.objects, c.given = append(c.objects, o.Text), append(c.given, nil)
			}
			c.given[id] = append(c.given[id], o.Types...)
		}
	}
	for i, sig := range d.Predicates {
		c.predIDs[sig.Name.Key] = int32(i)
		c.preds, c.arity, c.rigid = append(c.preds, sig.Name.Text), append(c.arity, len(sig.Params)), append(c.rigid, true)
	}
	c.actions = len(d.Actions)
	for i, a := range d.Actions {
		c.taskIDs[a.Name.Key] = int32(i)
		c.tasks = append(c.tasks, task{name: a.Name.Text, cost: a.Cost})
		c.costs = c.costs || a.Cost != 1
	}
	for i, t := range d.Tasks {
		c.taskIDs[t.Name.Key] = int32(len(d.Actions) + i)
		params, _ := c.scope(t.Params)
		c.tasks = append(c.tasks, task{name: t.Name.Text, params: params})
	}
	for i := range d.Actions {
		if err := c.action(&c.tasks[i], d.Actions[i]); err != nil {
			return nil, err
		}
	}
	c.linear = true
	for _, m := range d.Methods {
		if err := c.method(m); err != nil {
			return nil, err
		}
	}
	// The problem is one more compound task, whose only method is the initial network.
	c.file = p.File
	c.top = int32(len(c.tasks))
	c.tasks = append(c.tasks, task{name: "the initial network"})
	if err := c.network(method{name: "the initial network", task: c.top}, p.Params, hddl.Formula{}, p.Network); err != nil {
		return nil, err
	}
	for _, a := range p.Init {
		e := effect{pred: c.predIDs[a.Name.Key]}
		for _, arg := range a.Args {
			e.args = append(e.args, constant(c.objIDs[arg.Key]))
		}
		c.init = append(c.init, e)
	}
	if err := c.condition(p.Goal, nil, &c.goal); err != nil {
		return nil, err
	}
	c.hierarchy()
	lift(&c.model)
	return &c.model, nil
}

// linearised is the model with every network in the linear order of its subtasks.
func (m *model) linearised() *model {
	out := *m
	out.methods, out.linear = slices.Clone(m.methods), true
	for i := range out.methods {
		out.methods[i].before, out.methods[i].total = nil, true
	}
	lift(&out)
	return &out
}

// typeset returns the set of objects of a list of types.
func (c *compiler) typeset(types []hddl.Name) *typeset {
	key := ""
	for _, t := range types {
		key += t.Key + " "
	}
	if s := c.types[key]; s != nil {
		return s
	}
	s := &typeset{id: int32(len(c.types)), bits: make([]uint64, (len(c.objects)+63)/64+1)}
	for o, given := range c.given {
		if c.domain.Types.Fits(given, types) {
			s.objects = append(s.objects, int32(o))
			s.bits[o>>6] |= 1 << (o & 63)
		}
	}
	c.types[key] = s
	return s
}

// scope numbers parameters.
func (c *compiler) scope(params []hddl.Typed) ([]*typeset, map[string]term) {
	sets := make([]*typeset, len(params))
	names := map[string]term{}
	for i, p := range params {
		sets[i] = c.typeset(p.Types)
		names[p.Key] = term(i)
	}
	return sets, names
}

func (c *compiler) terms(args []hddl.Name, names map[string]term) []term {
	out := make([]term, len(args))
	for i, a := range args {
		if a.IsVariable() {
			out[i] = names[a.Key]
		} else {
			out[i] = constant(c.objIDs[a.Key])
		}
	}
	return out
}

func (c *compiler) action(t *task, a hddl.Action) error {
	var names map[string]term
	t.params, names = c.scope(a.Params)
	if err := c.condition(a.Precondition, names, &t.pre); err != nil {
		return err
	}
	var effects conjunction
	if err := c.condition(a.Effect, names, &effects); err != nil {
		return err
	}
	for _, l := range effects.lits {
		c.rigid[l.pred] = false
		if l.neg {
			t.del = append(t.del, effect{l.pred, l.args})
		} else {
			t.add = append(t.add, effect{l.pred, l.args})
		}
	}
	return nil
}

func (c *compiler) method(m hddl.Method) error {
	out := method{name: m.Name.Text, task: c.taskIDs[m.Task.Name.Key]}
	_, names := c.scope(m.Params)
	out.head = c.terms(m.Task.Args, names)
	return c.network(out, m.Params, m.Precondition, m.Network)
}

// network completes a method and adds it to its task.
func (c *compiler) network(out method, params []hddl.Typed, pre hddl.Formula, n hddl.Network) error {
	var names map[string]term
	out.vars, names = c.scope(params)
	for _, p := range params {
		out.params = append(out.params, p.Text)
	}
	if err := c.condition(n.Constraints, names, &out.pre); err != nil {
		return err
	}
	if err := c.condition(pre, names, &out.pre); err != nil {
		return err
	}
	for _, t := range n.Tasks {
		out.subs = append(out.subs, call{c.taskIDs[t.Name.Key], c.terms(t.Args, names)})
	}
	c.fitting(&out)
	out.before, out.line, out.total = ordered(len(n.Tasks), n.Order)
	c.linear = c.linear && out.total
	t := &c.tasks[out.task]
	t.methods = append(t.methods, int32(len(c.methods)))
	c.methods = append(c.methods, out)
	return nil
}

// fitting makes sure that the arguments of the subtasks are of the types that their tasks take.
func (c *compiler) fitting(m *method) {
	for _, sub := range m.subs {
		for i, set := range c.tasks[sub.task].params {
			a := sub.args[i]
			if a.isVar() {
				inside := true
				for _, o := range m.vars[a].objects {
					inside = inside && set.has(o)
				}
				if inside {
					continue
				}
			} else if set.has(a.object()) {
				continue
			}
			m.pre.sorts = append(m.pre.sorts, sortTest{t: a, set: set})
		}
	}
}

// condition adds the parts of a condition to a conjunction; a forall becomes all its instances.
func (c *compiler) condition(f hddl.Formula, names map[string]term, out *conjunction) error {
	neg := false
	if f.Op == hddl.Not {
		f, neg = f.Sub[0], true
	}
	switch f.Op {
	case hddl.And:
		for _, sub := range f.Sub {
			if err := c.condition(sub, names, out); err != nil {
				return err
			}
		}
	case hddl.Forall:
		inner := map[string]term{}
		for k, v := range names {
			inner[k] = v
		}
		return c.forall(f, f.Vars, inner, out)
	case hddl.SortOf:
		out.sorts = append(out.sorts, sortTest{c.terms(f.Atom.Args, names)[0], c.typeset(f.Vars[0].Types), neg})
	default:
		pred := int32(equal)
		if f.Op == hddl.Holds {
			pred = c.predIDs[f.Atom.Name.Key]
		}
		if c.count++; c.count > maxLiterals {
			return &hddl.Error{File: c.file, Pos: f.Pos, Msg: fmt.Sprintf("the foralls stand for more than %d conditions", maxLiterals)}
		}
		out.lits = append(out.lits, literal{pred: pred, neg: neg, args: c.terms(f.Atom.Args, names), at: f.Pos})
	}
	return nil
}

func (c *compiler) forall(f hddl.Formula, vars []hddl.Typed, names map[string]term, out *conjunction) error {
	if len(vars) == 0 {
		return c.condition(f.Sub[0], names, out)
	}
	for _, o := range c.typeset(vars[0].Types).objects {
		names[vars[0].Key] = constant(o)
		if err := c.forall(f, vars[1:], names, out); err != nil {
			return err
		}
	}
	return nil
}

// ordered closes an order of n things, and finds a linear order that keeps it: the listed one, where that does.
func ordered(n int, pairs [][2]int) (before []bitset, line []int, total bool) {
	waits := make([]int, n)
	after := make([][]int, n)
	for _, p := range pairs {
		waits[p[1]]++
		after[p[0]] = append(after[p[0]], p[1])
	}
	var ready intHeap
	for i, w := range waits {
		if w == 0 {
			ready.push(int64(i))
		}
	}
	for len(ready) > 0 {
		i := int(ready.pop())
		line = append(line, i)
		for _, j := range after[i] {
			if waits[j]--; waits[j] == 0 {
				ready.push(int64(j))
			}
		}
	}
	total = true
	direct := map[[2]int]bool{}
	for _, p := range pairs {
		direct[p] = true
	}
	for k := 1; k < n; k++ {
		total = total && direct[[2]int{line[k-1], line[k]}]
	}
	if total {
		return nil, line, true
	}
	before = make([]bitset, n)
	for _, i := range slices.Backward(line) {
		before[i] = newBitset(n)
		for _, j := range after[i] {
			before[i].set(j)
			before[i].union(before[j])
		}
	}
	return before, line, total
}
