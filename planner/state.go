package planner

import (
	"slices"
	"sort"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner/backtrack"
)

// state is the facts of the snapshot under the predictions of the steps placed so far. A fact of it is that a node is as it
// was predicted, and not as in the snapshot.
type state struct {
	backtrack.State
	facts    *facts
	versions map[string]map[string][]version // by kind and name: what was ever predicted
	made     int32
}

// version is what a node was predicted to be.
type version struct {
	fact int32
	node *jitos.Node // nil where it is deleted
	text string      // of its fields, to know it again
}

func newState(f *facts) *state { return &state{facts: f, versions: map[string]map[string][]version{}} }

// predicted is the prediction that stands for a node; nil where it is as in the snapshot.
func (s *state) predicted(versions []version) *version {
	for i := range versions {
		if s.Has(versions[i].fact) {
			return &versions[i]
		}
	}
	return nil
}

// set predicts a node, nil for none. What is there anyway is no prediction.
func (s *state) set(kind, name string, node *jitos.Node) error {
	there, err := s.facts.node(jitos.NodeID{Kind: kind, Name: name})
	if err != nil {
		return err
	}
	if s.versions[kind] == nil {
		s.versions[kind] = map[string][]version{}
	}
	list := s.versions[kind][name]
	if v := s.predicted(list); v != nil {
		s.Set(v.fact, false)
	}
	text := fieldsText(node)
	if text == fieldsText(there) {
		return nil
	}
	at := slices.IndexFunc(list, func(v version) bool { return v.text == text })
	if at < 0 {
		at, list = len(list), append(list, version{s.made, node, text})
		s.versions[kind][name] = list
		s.made++
	}
	s.Set(list[at].fact, true)
	return nil
}

func fieldsText(n *jitos.Node) string {
	if n == nil {
		return ""
	}
	return jitos.HashOf(n.Fields)
}

// nodes lists the nodes of a kind by name.
func (s *state) nodes(kind string) ([]jitos.Node, error) {
	base, err := s.facts.nodes(kind)
	return s.over(kind, base), err
}

// over puts what is predicted over some nodes of a kind, which are listed by name; so is what it returns.
func (s *state) over(kind string, base []jitos.Node) []jitos.Node {
	var made []jitos.Node
	gone := map[string]bool{}
	for name, versions := range s.versions[kind] {
		if v := s.predicted(versions); v != nil {
			if gone[name] = true; v.node != nil {
				made = append(made, *v.node)
			}
		}
	}
	if len(gone) == 0 {
		return base
	}
	for _, n := range base {
		if !gone[n.ID.Name] {
			made = append(made, n)
		}
	}
	sort.Slice(made, func(i, j int) bool { return made[i].ID.Name < made[j].ID.Name })
	return made
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

// near lists some nodes of a kind, by name, and those that were found: what a question came nearest to is looked for among them.
func (s *state) near(kind string, found []jitos.Node) ([]jitos.Node, error) {
	base, err := s.facts.some(kind)
	if err != nil {
		return nil, err
	}
	list := s.over(kind, base)
	for _, n := range found {
		if !slices.ContainsFunc(list, func(o jitos.Node) bool { return o.ID == n.ID }) {
			list = append(slices.Clip(list), n)
		}
	}
	list = slices.Clone(list)
	sort.Slice(list, func(i, j int) bool { return list[i].ID.Name < list[j].ID.Name })
	return list, nil
}

// node returns one node, nil where there is none.
func (s *state) node(id jitos.NodeID) (*jitos.Node, error) {
	if v := s.predicted(s.versions[id.Kind][id.Name]); v != nil {
		return v.node, nil
	}
	return s.facts.node(id)
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
