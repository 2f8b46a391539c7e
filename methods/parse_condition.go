package methods

import (
	"bytes"
	"reflect"
	"regexp"
	"sort"
	"strings"

	"github.com/jitos/jitos"
	"gopkg.in/yaml.v3"
)

func (r *reader) conditions(o *object, key string) []Condition {
	var list []Condition
	for _, n := range o.sequence(key) {
		if c := r.condition(n); c != nil {
			list = append(list, *c)
		}
	}
	return list
}

// condition reads one condition; nil where it is none.
func (r *reader) condition(n *yaml.Node) *Condition {
	keys := []string{"node", "file", "same", "different", "not"}
	o := r.object(n, "condition", keys...)
	if o == nil {
		return nil
	}
	c := &Condition{Text: oneLine(n), Pos: r.pos(n)}
	kind := o.one("condition", keys...)
	switch kind {
	case "node":
		c.Node = r.nodeCondition(o.keys["node"])
	case "file":
		c.File = r.fileCondition(o.keys["file"])
	case "same", "different":
		pair := o.keys[kind]
		if pair.Kind != yaml.SequenceNode || len(pair.Content) != 2 {
			r.complain(r.pos(pair), "write [A, B]", "%s: want two values", kind)
			return nil
		}
		a, okA := r.scalar(pair.Content[0], kind)
		b, okB := r.scalar(pair.Content[1], kind)
		if !okA || !okB {
			return nil
		}
		c.Equal = &EqualCondition{A: ParseText(a), B: ParseText(b), Want: kind == "same"}
	case "not":
		if c.Not = r.condition(o.keys["not"]); c.Not != nil && c.Not.Not != nil {
			r.complain(r.pos(n), "write the condition itself", "condition: not of not")
		}
	}
	if c.Node == nil && c.File == nil && c.Equal == nil && c.Not == nil {
		return nil
	}
	return c
}

// oneLine is a YAML node as one line of text.
func oneLine(n *yaml.Node) string {
	flow := *n
	flow.Style |= yaml.FlowStyle
	flow.HeadComment, flow.LineComment, flow.FootComment = "", "", ""
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	if e.Encode(&flow) != nil || e.Close() != nil {
		return ""
	}
	s := strings.Join(strings.Fields(b.String()), " ")
	return strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
}

func (r *reader) nodeCondition(n *yaml.Node) *NodeCondition {
	o := r.object(n, "node")
	if o == nil {
		return nil
	}
	c := &NodeCondition{Kind: o.text("kind"), Is: o.value("is")}
	if !r.name(o.pos("kind"), "node: kind", c.Kind) {
		return nil
	}
	fields := map[string]Text{}
	for _, name := range o.names() {
		switch name {
		case "kind", "is":
		case "has":
			for f, v := range o.values("has") {
				fields[f] = v
			}
		default:
			fields[name] = o.value(name)
		}
	}
	for _, f := range sortedKeys(fields) {
		if known := fieldsOf(c.Kind); known != nil && !contains(known, f) && f != "name" {
			r.complain(r.pos(n), suggest(f, append([]string{"kind", "is", "has"}, known...)), "node: a node of kind %s has no field %q", c.Kind, f)
			continue
		}
		c.Has = append(c.Has, Field{f, fields[f]})
	}
	return c
}

// records are the kinds whose fields are known. Other kinds may have any.
var records = map[string]any{
	jitos.KindTask: jitos.Task{}, jitos.KindWithdrawal: jitos.Withdrawal{}, jitos.KindPlanning: jitos.Planning{},
	jitos.KindSlap: jitos.Slap{}, jitos.KindProcess: jitos.Process{}, jitos.KindEvidence: jitos.Evidence{},
	jitos.KindFinding: jitos.Finding{}, jitos.KindConflict: jitos.Conflict{}, jitos.KindAttempt: jitos.Attempt{},
	jitos.KindCollapse: jitos.Collapse{}, jitos.KindSync: jitos.Sync{}, jitos.KindToolchain: jitos.Toolchain{},
	jitos.KindQuestion: jitos.Question{}, jitos.KindAnswer: jitos.Answer{},
}

// fieldsOf lists the fields that a node of the kind may have; nil for a kind that is not the kernel's.
func fieldsOf(kind string) []string {
	record, ok := records[kind]
	if !ok {
		return nil
	}
	var names []string
	t := reflect.TypeOf(record)
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (r *reader) fileCondition(n *yaml.Node) *FileCondition {
	o := r.object(n, "file", "path", "as", "contains")
	if o == nil {
		return nil
	}
	c := &FileCondition{}
	for _, p := range o.list("path") {
		if strings.HasPrefix(p, "/") || strings.HasPrefix(p, "../") {
			r.complain(o.pos("path"), "write it relative to the root of the file tree", "file: path %q leads out of the tree", p)
			continue
		}
		c.Paths = append(c.Paths, ParseText(strings.TrimPrefix(p, "./")))
	}
	if len(c.Paths) == 0 {
		r.complain(r.pos(n), "give path:", "file: no path")
		return nil
	}
	if o.has("as") {
		if c.As = o.value("as").Variable(); c.As == "" {
			r.complain(o.pos("as"), "write $name", "file: as: want a variable")
		}
	}
	if o.has("contains") {
		c.Contains = ParseText(o.text("contains"))
		if _, err := c.Pattern(nil); err != nil {
			r.complain(o.pos("contains"), "see the syntax of Go's regular expressions", "file: contains: %v", err)
			return nil
		}
	}
	return c
}

// Pattern is the regular expression of the content with the values put in; nil where any content will do.
func (c *FileCondition) Pattern(values map[string]string) (*regexp.Regexp, error) {
	if c.Contains.Zero() {
		return nil, nil
	}
	return regexp.Compile("(?m)" + c.Contains.expand(values, regexp.QuoteMeta))
}
