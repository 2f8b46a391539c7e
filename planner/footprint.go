package planner

import (
	"maps"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// asked is a question whose answer a decision rests on: one node, or all nodes of a kind with given fields. Files are not
// among them: no step is predicted to change any.
type asked struct {
	kind, is string
	named    bool
	has      map[string]string
	open     bool // other fields of the nodes count as well: they were bound
}

func (q asked) matches(n *jitos.Node) bool {
	return n != nil && n.ID.Kind == q.kind && (!q.named || n.ID.Name == q.is) && (jitos.Pattern{Kind: q.kind, Has: q.has}).Matches(*n)
}

// change is what a step is predicted to do to one node; nil where it is absent.
type change struct {
	id            jitos.NodeID
	before, after *jitos.Node
}

// moves tells whether a change makes a difference to the answer.
func (q asked) moves(c change) bool {
	before, after := q.matches(c.before), q.matches(c.after)
	return before != after || before && q.open
}

// meddles tells whether two decisions must stay in the order in which they were taken: one changes a node that the other
// changes (of two that set the same, a third may need the one before the other), or gives or takes a fact that the other
// rests on. The first case of the latter is a causal link, the second a threat.
func (e *event) meddles(o *event) bool {
	for _, c := range e.changes {
		for _, d := range o.changes {
			if c.id == d.id {
				return true
			}
		}
	}
	return moved(e.asked, o.changes) || moved(o.asked, e.changes)
}

func moved(questions []asked, changes []change) bool {
	for _, q := range questions {
		for _, c := range changes {
			if q.moves(c) {
				return true
			}
		}
	}
	return false
}

// witness is the question that holds as long as one answer does: that this node has these fields.
func witness(n jitos.Node, fields []methods.Field, values map[string]string) asked {
	q := asked{kind: n.ID.Kind, is: n.ID.Name, named: true, has: map[string]string{}}
	for _, f := range fields {
		q.has[f.Name], _ = resolve(f.Value, values)
	}
	return q
}

// whole is the question for all answers of a condition: that nothing else answers it, and nothing less.
func whole(c *methods.Condition, values map[string]string) []asked {
	if c.Node == nil {
		return nil
	}
	is, free := resolve(c.Node.Is, values)
	q := asked{kind: c.Node.Kind, is: is, named: !c.Node.Is.Zero() && free == "", has: map[string]string{}, open: false}
	for _, f := range c.Node.Has {
		if value, variable := resolve(f.Value, values); variable == "" {
			q.has[f.Name] = value
		} else {
			q.open = true
		}
	}
	return []asked{q}
}

// apply predicts the effects of a job, what it deletes before what it adds, and tells what it rests on and changes.
func (s *state) apply(j *methods.Job, values map[string]string) (questions []asked, changes []change, err error) {
	for _, f := range j.Deletes {
		q := asked{kind: f.Kind, is: f.Is.Expand(values), named: !f.Is.Zero(), has: expand(f.Has, values)}
		questions = append(questions, q)
		nodes, err := s.nodes(f.Kind)
		if err != nil {
			return nil, nil, err
		}
		for _, n := range nodes {
			if q.matches(&n) {
				changes = append(changes, change{n.ID, &n, nil})
				if err := s.set(f.Kind, n.ID.Name, nil); err != nil {
					return nil, nil, err
				}
			}
		}
	}
	for _, f := range j.Adds {
		n := &jitos.Node{ID: jitos.NodeID{Kind: f.Kind, Name: f.Is.Expand(values)}, Fields: map[string]any{}}
		for field, value := range maps.All(expand(f.Has, values)) {
			n.Fields[field] = value
		}
		before, err := s.node(n.ID)
		if err != nil {
			return nil, nil, err
		}
		changes = append(changes, change{n.ID, before, n})
		if err := s.set(f.Kind, n.ID.Name, n); err != nil {
			return nil, nil, err
		}
	}
	return questions, changes, nil
}
