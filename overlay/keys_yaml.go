package overlay

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

var yamlKeys = grammar{
	parse: parseYAML,
	alone: func(e entry) string { return reindent(e.text, e.indent, "", true) },
	join: func(list []entry) string {
		var b strings.Builder
		for i, e := range list {
			b.WriteString(e.text)
			if i+1 < len(list) && !strings.HasSuffix(e.text, "\n") {
				b.WriteByte('\n')
			}
		}
		return b.String()
	},
	lines: true,
}

// maxYAML bounds, in bytes, what is taken apart.
const maxYAML = 4 << 20

// parseYAML takes a text apart that is one document, a mapping in block style, without aliases, in which no key stands twice.
// An entry is its lines, with the comments right above that are indented like it.
func parseYAML(text string) *mapping {
	// Some other characters end a line for the library, and its numbers of lines would not be ours.
	if len(text) > maxYAML || strings.ContainsAny(text, "\u0085\u2028\u2029") || strings.Count(text, "\r") != strings.Count(text, "\r\n") {
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	var doc, more yaml.Node
	if d.Decode(&doc) != nil || !errors.Is(d.Decode(&more), io.EOF) || len(doc.Content) != 1 {
		return nil
	}
	s := &yamlScanner{lines: strings.SplitAfter(text, "\n"), sound: true}
	v := s.value(doc.Content[0], len(s.lines))
	if v.keys == nil || !s.sound {
		return nil
	}
	first := s.first(v.keys, doc.Content[0])
	v.keys.open = s.text(0, first)
	return v.keys
}

type yamlScanner struct {
	lines []string
	sound bool // neither aliases, nor a key that stands twice
}

func (s *yamlScanner) text(from, to int) string { return strings.Join(s.lines[from:to], "") }

// value reads a node that ends before a line, counted from 0.
func (s *yamlScanner) value(n *yaml.Node, end int) value {
	if n.Kind == yaml.AliasNode {
		s.sound = false
		return value{}
	}
	if n.Kind == yaml.MappingNode {
		if m := s.block(n, end); m != nil {
			s.sound = m.index() && s.sound
			return value{m.sum(), m}
		}
	}
	if n.Kind == yaml.ScalarNode {
		return value{sum: sumOf("scalar", n.ShortTag(), n.Value)}
	}
	var parts []string
	for _, c := range n.Content {
		parts = append(parts, s.value(c, end).sum)
	}
	if n.Kind == yaml.MappingNode { // as block would sum it up
		m := &mapping{}
		for i := 0; i+1 < len(parts); i += 2 {
			m.entries = append(m.entries, entry{key: parts[i], value: value{sum: parts[i+1]}})
		}
		s.sound = m.index() && s.sound
		return value{sum: m.sum()}
	}
	return value{sum: sumOf("list", parts...)}
}

// block reads a mapping each of whose keys begins a line, in one column; nil where it is none.
func (s *yamlScanner) block(n *yaml.Node, end int) *mapping {
	if n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 {
		return nil
	}
	var starts []int
	column := n.Content[0].Column - 1
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		at := key.Line - 1
		if key.Kind != yaml.ScalarNode || key.Column-1 != column || at >= len(s.lines) || column > len(s.lines[at]) ||
			strings.Trim(s.lines[at][:column], " ") != "" || strings.HasPrefix(s.lines[at][column:], "?") {
			return nil
		}
		starts = append(starts, s.comments(at, column))
	}
	if !slices.IsSorted(starts) || len(slices.Compact(slices.Clone(starts))) != len(starts) {
		return nil
	}
	m := &mapping{}
	for i, from := range starts {
		to := end
		if i+1 < len(starts) {
			to = starts[i+1]
		}
		key, v := n.Content[2*i], n.Content[2*i+1]
		e := entry{key: s.value(key, to).sum, name: key.Value, indent: strings.Repeat(" ", column), text: s.text(from, to)}
		e.value = s.value(v, to)
		if e.value.keys != nil {
			e.head = s.text(from, s.first(e.value.keys, v))
		}
		m.entries = append(m.entries, e)
	}
	return m
}

// first is the line at which the first entry of a block begins.
func (s *yamlScanner) first(m *mapping, n *yaml.Node) int {
	return s.comments(n.Content[0].Line-1, len(m.entries[0].indent))
}

// comments is the first of the lines right above a line that are comments with its indentation, or the line itself.
func (s *yamlScanner) comments(at, column int) int {
	for ; at > 0; at-- {
		above := s.lines[at-1]
		if len(above) <= column || above[column] != '#' || strings.Trim(above[:column], " ") != "" {
			break
		}
	}
	return at
}
