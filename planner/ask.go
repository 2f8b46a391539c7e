package planner

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner/backtrack"
)

// answer is one way in which a condition holds.
type answer struct {
	values  map[string]string // what was bound before, and what this binds
	because string            // the fact
	rests   []asked           // what of it another step may change
}

// verdict is what a condition gives: its answers; what was read to find them (not yet what was seen there: only the reads
// of candidates are worth that look); and, where there are none, why.
type verdict struct {
	answers []answer
	reads   []jitos.Read
	reason  string
	nearest []string
	hits    int // how much of what was asked for the nearest fact has
}

// asker asks conditions in a state.
type asker struct {
	facts *facts
	state *state
}

func (a asker) ask(c *methods.Condition, values map[string]string) (verdict, error) {
	switch {
	case c.Node != nil:
		return a.askNode(c.Node, values)
	case c.File != nil:
		return a.askFile(c.File, values)
	case c.Equal != nil:
		return a.askEqual(c.Equal, values), nil
	}
	inner, err := a.ask(c.Not, values)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{reads: inner.reads}
	if len(inner.answers) == 0 {
		v.answers = []answer{{values, inner.reason, whole(c.Not, values)}}
		return v, nil
	}
	for _, f := range inner.answers[:min(3, len(inner.answers))] {
		v.nearest = append(v.nearest, f.because)
	}
	v.reason = backtrack.MustNotBe(inner.answers[0].because)
	return v, nil
}

func (a asker) askEqual(c *methods.EqualCondition, values map[string]string) verdict {
	x, y := c.A.Expand(values), c.B.Expand(values)
	said := backtrack.Compared(x, y)
	if (x == y) == c.Want {
		return verdict{answers: []answer{{values, said, nil}}}
	}
	return verdict{reason: said}
}

func (a asker) askNode(c *methods.NodeCondition, values map[string]string) (verdict, error) {
	is, free := resolve(c.Is, values)
	named := !c.Is.Zero() && free == ""
	nodes, err := a.state.candidates(c.Kind, is, named)
	if err != nil {
		return verdict{}, err
	}
	fixed := map[string]string{}
	var open []methods.Field
	for _, f := range c.Has {
		if value, variable := resolve(f.Value, values); variable == "" {
			fixed[f.Name] = value
		} else {
			open = append(open, f)
		}
	}
	v := verdict{reads: []jitos.Read{nodeRead(c.Kind, is, fixed, named)}}
	for _, n := range nodes {
		if !(jitos.Pattern{Kind: c.Kind, Has: fixed}).Matches(n) {
			continue
		}
		bound := []map[string]string{values}
		if free != "" {
			bound = []map[string]string{with(values, free, n.ID.Name)}
		}
		for _, f := range open {
			bound = bindField(bound, n, f)
		}
		for _, b := range bound {
			v.answers = append(v.answers, answer{b, describe(n, c.Has, b), []asked{witness(n, c.Has, b)}})
			if len(b) == len(values) { // nothing was bound: another fact would be the same answer
				return v, nil
			}
		}
	}
	if len(v.answers) == 0 {
		if named {
			if nodes, err = a.state.near(c.Kind, nodes); err != nil {
				return v, err
			}
		}
		v.reason, v.nearest, v.hits = missing(c, nodes, is, fixed)
	}
	return v, nil
}

// nodeRead is the read that covers a question about nodes: of one node, or of all that the fixed fields single out.
func nodeRead(kind, is string, fixed map[string]string, named bool) jitos.Read {
	id := jitos.NodeID{Kind: kind, Name: is}
	if named && id.Check() == nil {
		return jitos.Read{Item: id.Item()}
	}
	p := &jitos.Pattern{Kind: kind}
	if len(fixed) > 0 {
		p.Has = fixed
	}
	return jitos.Read{Pattern: p}
}

// resolve returns the value of a text, or the variable that it is and that has no value yet.
func resolve(t methods.Text, values map[string]string) (value, free string) {
	if name := t.Variable(); name != "" {
		if _, ok := values[name]; !ok {
			return "", name
		}
	}
	return t.Expand(values), ""
}

func with(values map[string]string, name, value string) map[string]string {
	m := maps.Clone(values)
	if m == nil {
		m = map[string]string{}
	}
	m[name] = value
	return m
}

// bindField binds a variable to the values of a field: to each of a list. A variable that an earlier field has bound must
// have the same value.
func bindField(bound []map[string]string, n jitos.Node, f methods.Field) []map[string]string {
	var out []map[string]string
	for _, b := range bound {
		want, free := resolve(f.Value, b)
		for _, value := range fieldValues(n, f.Name) {
			switch {
			case free != "":
				out = append(out, with(b, free, value))
			case value == want:
				out = append(out, b)
			}
		}
	}
	return out
}

// fieldValues lists the values of a field as text, each once, in order.
func fieldValues(n jitos.Node, field string) []string {
	v, ok := n.Fields[field]
	if !ok && field == "name" {
		return []string{n.ID.Name}
	}
	list, many := v.([]any)
	if !many {
		list = []any{v}
	}
	var values []string
	have := map[string]bool{}
	for _, e := range list {
		if s := jitos.FieldText(e); s != "" && !have[s] {
			have[s] = true
			values = append(values, s)
		}
	}
	sort.Strings(values)
	return values
}

// describe names a node and those of its fields that are asked for: the values asked for where they are known, else all.
func describe(n jitos.Node, fields []methods.Field, values map[string]string) string {
	var parts []string
	for _, f := range fields {
		have := fieldValues(n, f.Name)
		if want, free := resolve(f.Value, values); values != nil && free == "" && slices.Contains(have, want) {
			have = []string{want}
		}
		if len(have) > 0 {
			parts = append(parts, f.Name+" "+strings.Join(have, ", "))
		}
	}
	if len(parts) == 0 {
		return n.ID.String()
	}
	return n.ID.String() + " (" + strings.Join(parts, "; ") + ")"
}

// missing says why no node answers, and which come nearest: those with the most of the fields asked for.
func missing(c *methods.NodeCondition, nodes []jitos.Node, is string, fixed map[string]string) (reason string, nearest []string, hits int) {
	what := c.Kind
	if is != "" {
		what += "/" + is
	}
	var asked []string
	for _, f := range c.Has {
		if value, ok := fixed[f.Name]; ok {
			asked = append(asked, f.Name+" "+value)
		} else {
			asked = append(asked, "any "+f.Name)
		}
	}
	if reason = backtrack.ThereIsNo(what); len(asked) > 0 {
		reason += " with " + strings.Join(asked, ", ")
	}
	type near struct {
		hits int
		text string
	}
	var list []near
	for _, n := range nodes {
		hits := 0
		if n.ID.Name == is {
			hits = len(fixed) + 1
		}
		for field, want := range fixed {
			if (jitos.Pattern{Kind: c.Kind, Has: map[string]string{field: want}}).Matches(n) {
				hits++
			}
		}
		list = append(list, near{hits, describe(n, c.Has, nil)})
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].hits > list[j].hits })
	for _, n := range list[:min(3, len(list))] {
		nearest = append(nearest, n.text)
		hits = max(hits, n.hits)
	}
	return reason, nearest, hits
}
