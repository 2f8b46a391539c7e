package planner

import (
	"slices"
	"sort"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// state is the facts of the snapshot under the predictions of the steps placed so far. It is changed in place and taken
// back, never copied.
type state struct {
	facts *facts
	over  map[string]map[string]*jitos.Node // kind, name: the predicted node, nil where it is deleted
	trail []undo
}

type undo struct {
	kind, name string
	node       *jitos.Node
	was        bool
}

func newState(f *facts) *state { return &state{facts: f, over: map[string]map[string]*jitos.Node{}} }

// nodes lists the nodes of a kind by name.
func (s *state) nodes(kind string) ([]jitos.Node, error) {
	base, err := s.facts.nodes(kind)
	over := s.over[kind]
	if err != nil || len(over) == 0 {
		return base, err
	}
	var list []jitos.Node
	for _, n := range base {
		if _, changed := over[n.ID.Name]; !changed {
			list = append(list, n)
		}
	}
	for _, n := range over {
		if n != nil {
			list = append(list, *n)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID.Name < list[j].ID.Name })
	return list, nil
}

// candidates lists the nodes that may answer a question: one, or all of a kind.
func (s *state) candidates(kind, name string, named bool) ([]jitos.Node, error) {
	if !named {
		return s.nodes(kind)
	}
	n, err := s.node(jitos.NodeID{Kind: kind, Name: name})
	if n == nil || err != nil {
		return nil, err
	}
	return []jitos.Node{*n}, nil
}

// near lists some nodes of a kind, by name, beside those that were found: what a question came nearest to is looked for
// among them.
func (s *state) near(kind string, found []jitos.Node) ([]jitos.Node, error) {
	base, err := s.facts.some(kind)
	if err != nil {
		return nil, err
	}
	over := s.over[kind]
	list := slices.Clone(found)
	known := map[string]bool{}
	for _, n := range found {
		known[n.ID.Name] = true
	}
	for _, n := range base {
		if _, changed := over[n.ID.Name]; !changed && !known[n.ID.Name] {
			list = append(list, n)
		}
	}
	for _, n := range over {
		if n != nil && !known[n.ID.Name] {
			list = append(list, *n)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID.Name < list[j].ID.Name })
	return list, nil
}

// node returns one node, nil where there is none.
func (s *state) node(id jitos.NodeID) (*jitos.Node, error) {
	if n, changed := s.over[id.Kind][id.Name]; changed {
		return n, nil
	}
	return s.facts.node(id)
}

func (s *state) set(kind, name string, node *jitos.Node) {
	if s.over[kind] == nil {
		s.over[kind] = map[string]*jitos.Node{}
	}
	before, was := s.over[kind][name]
	s.trail = append(s.trail, undo{kind, name, before, was})
	s.over[kind][name] = node
}

// back takes changes back until n are left.
func (s *state) back(n int) {
	for len(s.trail) > n {
		u := s.trail[len(s.trail)-1]
		s.trail = s.trail[:len(s.trail)-1]
		if u.was {
			s.over[u.kind][u.name] = u.node
		} else {
			delete(s.over[u.kind], u.name)
		}
	}
}

// key names the state among those of one search: equal facts, equal key. A prediction of what is there anyway is none.
func (s *state) key() (string, error) {
	predicted := map[string]any{}
	for kind, names := range s.over {
		for name, n := range names {
			there, err := s.facts.node(jitos.NodeID{Kind: kind, Name: name})
			if err != nil {
				return "", err
			}
			is, was := "", ""
			if n != nil {
				is = jitos.HashOf(n.Fields)
			}
			if there != nil {
				was = jitos.HashOf(there.Fields)
			}
			if is != was {
				predicted[kind+"/"+name] = is
			}
		}
	}
	if len(predicted) == 0 {
		return "", nil
	}
	return jitos.HashOf(predicted), nil
}

func expand(texts map[string]methods.Text, values map[string]string) map[string]string {
	if len(texts) == 0 {
		return nil
	}
	m := make(map[string]string, len(texts))
	for name, t := range texts {
		m[name] = t.Expand(values)
	}
	return m
}
