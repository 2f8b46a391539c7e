package methods

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/jitos/jitos"
	"gopkg.in/yaml.v3"
)

// Problem is one thing that is wrong with a file of methods.
type Problem struct {
	Pos
	Code string // what kind of problem, see the package comment
	What string
	Do   string // what to do about it, "" where that is plain
}

func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.What)
	if p.Do != "" {
		s += ": " + p.Do
	}
	return s
}

// LoadError is everything that was found wrong, in order of files and lines. It Is jitos.ErrInvalid.
type LoadError struct{ Problems []Problem }

func (e *LoadError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Is makes the error one of invalid input.
func (e *LoadError) Is(target error) bool { return target == jitos.ErrInvalid }

// reader reads YAML nodes strictly and collects what is wrong.
type reader struct {
	file     string
	origin   string
	problems []Problem
}

func (r *reader) complain(at Pos, do, format string, args ...any) {
	r.problems = append(r.problems, Problem{at, CodeSyntax, fmt.Sprintf(format, args...), do})
}

func (r *reader) pos(n *yaml.Node) Pos { return Pos{r.file, n.Line, n.Column} }

const maxFile = 1 << 20

// documents reads a file. The lines of all nodes count from its beginning.
func (r *reader) documents(raw []byte) []*yaml.Node {
	if len(raw) > maxFile {
		r.complain(Pos{r.file, 1, 1}, "split it", "the file has %d bytes, more than %d", len(raw), maxFile)
		return nil
	}
	var docs []*yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(raw))
	for {
		var n yaml.Node
		err := d.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			line, what := yamlError(err)
			r.complain(Pos{r.file, line, 1}, "correct the YAML", "%s", what)
			return nil
		}
		if len(n.Content) == 1 && n.Content[0].Tag != "!!null" {
			docs = append(docs, n.Content[0])
		}
	}
}

// yamlError takes the line out of the message "yaml: line 3: …".
func yamlError(err error) (int, string) {
	what := strings.TrimPrefix(err.Error(), "yaml: ")
	rest, ok := strings.CutPrefix(what, "line ")
	number, rest, ok2 := strings.Cut(rest, ": ")
	if line, err := strconv.Atoi(number); ok && ok2 && err == nil {
		return line, rest
	}
	return 1, what
}

// object is a mapping whose keys are all known and different.
type object struct {
	r    *reader
	node *yaml.Node
	keys map[string]*yaml.Node
}

// object reads a mapping; nil where it is none. With no keys given every key is legal.
func (r *reader) object(n *yaml.Node, what string, keys ...string) *object {
	if n.Kind != yaml.MappingNode {
		r.complain(r.pos(n), "write key: value lines", "%s: want a mapping, found %s", what, kindOf(n))
		return nil
	}
	o := &object{r, n, map[string]*yaml.Node{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch _, double := o.keys[k.Value]; {
		case k.Kind != yaml.ScalarNode:
			r.complain(r.pos(k), "", "%s: a key must be a word", what)
		case double:
			r.complain(r.pos(k), "keep one of them", "%s: duplicate key %q", what, k.Value)
		case len(keys) > 0 && !contains(keys, k.Value):
			r.complain(r.pos(k), suggest(k.Value, keys), "%s: unknown key %q", what, k.Value)
		default:
			if v.Kind == yaml.AliasNode {
				v = v.Alias
				if v.Kind != yaml.ScalarNode { // nested aliases can grow without bounds
					r.complain(r.pos(k), "write it out", "%s: %s: only text may be an alias", what, k.Value)
					continue
				}
			}
			o.keys[k.Value] = v
		}
	}
	return o
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// suggest names the key that was meant, or all of them.
func suggest(got string, known []string) string {
	best, at := "", 3
	for _, k := range known {
		if d := levenshtein.ComputeDistance(got, k); d < at {
			best, at = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "known are " + strings.Join(known, ", ")
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	return fmt.Sprintf("%q", n.Value)
}

func (o *object) has(key string) bool { return o.keys[key] != nil }

func (o *object) pos(key string) Pos {
	if n := o.keys[key]; n != nil {
		return o.r.pos(n)
	}
	return o.r.pos(o.node)
}

// names lists the keys in the order of the file.
func (o *object) names() []string {
	var names []string
	for i := 0; i+1 < len(o.node.Content); i += 2 {
		if k := o.node.Content[i].Value; o.keys[k] != nil && !contains(names, k) {
			names = append(names, k)
		}
	}
	return names
}

// scalar reads any single value as text.
func (r *reader) scalar(n *yaml.Node, what string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.complain(r.pos(n), "", "%s: want text, found %s", what, kindOf(n))
		return "", false
	}
	return n.Value, true
}

// text reads words: a number or a truth value would be another type of YAML's, and is refused.
func (o *object) text(key string) string {
	n := o.keys[key]
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		o.r.complain(o.r.pos(n), "put quotes around it if it is text", "%s: want text, found %s", key, kindOf(n))
		return ""
	}
	return n.Value
}

// value reads text with variables.
func (o *object) value(key string) Text {
	n := o.keys[key]
	if n == nil {
		return Text{}
	}
	s, _ := o.r.scalar(n, key)
	return ParseText(s)
}

// command reads shell text.
func (o *object) command(key string) Text {
	s := o.text(key)
	if o.has(key) && strings.TrimSpace(s) == "" {
		o.r.complain(o.pos(key), "write a command", "%s: is empty", key)
	}
	t, err := parseCommand(s)
	if err != nil {
		o.r.complain(o.pos(key), "", "%s: %v", key, err)
	}
	return t
}

// list reads texts; one text alone is a list of it.
func (o *object) list(key string) []string {
	n := o.keys[key]
	if n == nil {
		return nil
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	var list []string
	for _, e := range items {
		s, ok := o.r.scalar(e, key)
		switch {
		case !ok:
		case s == "":
			o.r.complain(o.r.pos(e), "remove it", "%s: empty entry", key)
		case contains(list, s):
			o.r.complain(o.r.pos(e), "keep one of them", "%s: %q stands there twice", key, s)
		default:
			list = append(list, s)
		}
	}
	return list
}

// number reads a whole number in a range.
func (o *object) number(key string, low, high int) int {
	n := o.keys[key]
	if n == nil {
		return 0
	}
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < low || v > high {
		o.r.complain(o.r.pos(n), "", "%s: want a whole number from %d to %d, found %s", key, low, high, kindOf(n))
		return 0
	}
	return v
}

// flag reads true or false; false where it is not given.
func (o *object) flag(key string) bool {
	n := o.keys[key]
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		o.r.complain(o.r.pos(n), "", "%s: want true or false, found %s", key, kindOf(n))
	}
	return n.Value == "true"
}

// values reads a mapping of names to values.
func (o *object) values(key string) map[string]Text {
	n := o.keys[key]
	if n == nil {
		return nil
	}
	m := o.r.object(n, key)
	if m == nil {
		return nil
	}
	texts := map[string]Text{}
	for _, name := range m.names() {
		texts[name] = m.value(name)
	}
	return texts
}

// one says which of the keys is there, and complains unless it is exactly one.
func (o *object) one(what string, keys ...string) string {
	var found []string
	for _, k := range keys {
		if o.has(k) {
			found = append(found, k)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	o.r.complain(o.r.pos(o.node), "give exactly one of "+strings.Join(keys, ", "), "%s has %s", what, orNone(found))
	return ""
}
