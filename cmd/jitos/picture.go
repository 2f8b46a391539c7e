package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// picture is a graph on its way to be drawn: on a terminal as a tree, or as text for dot or mermaid.
type picture struct {
	nodes []spot
	index map[string]int // by id
	lines []arrow
}

// spot is a node of a picture.
type spot struct {
	id    string
	shape string // "task", "plan", "attempt", "job", "evidence", "end", "finding", "conflict", "node"
	title string // what it is called
	note  string // what else there is to say
	tone  string // "good", "bad", "warn", "" – said in words as well
	more  []string
}

// arrow is an edge of a picture. An aside is drawn by dot and mermaid; on a terminal it is a word beside its target.
type arrow struct {
	from, to, label string
	aside           bool
}

func newPicture() *picture { return &picture{index: map[string]int{}} }

// add puts a spot into the picture once.
func (p *picture) add(s spot) {
	if _, ok := p.index[s.id]; !ok {
		p.index[s.id] = len(p.nodes)
		p.nodes = append(p.nodes, s)
	}
}

// under adds a spot and the arrow that leads to it.
func (p *picture) under(from, label string, s spot) {
	p.add(s)
	p.lines = append(p.lines, arrow{from: from, to: s.id, label: label})
}

// strokes are the parts of a tree's lines.
type strokes struct{ tee, corner, bar, gap string }

var (
	boxStrokes   = strokes{"├─ ", "└─ ", "│  ", "   "}
	asciiStrokes = strokes{"|- ", "`- ", "|  ", "   "}
)

// strokesOf takes box characters where the locale says UTF-8.
func strokesOf(getenv func(string) string) strokes {
	if isUTF8(getenv) {
		return boxStrokes
	}
	return asciiStrokes
}

// isUTF8 reads the locale as the C library does: the first of the three that is set counts.
func isUTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// tree draws the picture: what no arrow leads to stands at the left, everything else below what leads to it. A spot that
// several lead to is drawn once and named again.
func (p *picture) tree(w io.Writer, st strokes, paint func(tone, s string) string) error {
	below := map[string][]arrow{}
	led := map[string]bool{}
	asides := map[string][]string{}
	for _, l := range p.lines {
		if l.aside {
			asides[l.to] = append(asides[l.to], p.title(l.from))
			continue
		}
		below[l.from] = append(below[l.from], l)
		led[l.to] = true
	}
	t := &treeWriter{p: p, w: w, st: st, paint: paint, below: below, asides: asides, drawn: map[string]bool{}}
	for _, n := range p.nodes {
		if !led[n.id] {
			t.spot(n.id, "", "", "", "")
		}
	}
	for _, n := range p.nodes { // only a ring is left
		if !t.drawn[n.id] {
			t.spot(n.id, "", "", "", "")
		}
	}
	return t.err
}

func (p *picture) title(id string) string {
	if i, ok := p.index[id]; ok {
		return p.nodes[i].title
	}
	return id
}

type treeWriter struct {
	p      *picture
	w      io.Writer
	st     strokes
	paint  func(tone, s string) string
	below  map[string][]arrow
	asides map[string][]string
	drawn  map[string]bool
	err    error
}

// spot writes one spot and all below it. head stands before its own line, tail before those below.
func (t *treeWriter) spot(id, label, head, branch, tail string) {
	i, ok := t.p.index[id]
	if !ok {
		t.line(head, branch, id)
		return
	}
	s := t.p.nodes[i]
	text := ""
	if label != "" {
		text = t.paint("dim", label+" ")
	}
	text += t.paint(s.tone, s.title)
	if t.drawn[id] {
		t.line(head, branch, text+t.paint("dim", "  (above)"))
		return
	}
	t.drawn[id] = true
	if s.note != "" {
		text += "  " + s.note
	}
	if after := t.asides[id]; len(after) > 0 {
		text += t.paint("dim", "  after "+strings.Join(after, ", "))
	}
	t.line(head, branch, text)
	kids := t.below[id]
	for _, m := range s.more {
		bar := t.st.gap
		if len(kids) > 0 {
			bar = t.st.bar
		}
		t.line(tail, t.paint("dim", bar), t.paint("dim", m))
	}
	for n, k := range kids {
		branch, next := t.st.tee, t.st.bar
		if n == len(kids)-1 {
			branch, next = t.st.corner, t.st.gap
		}
		t.spot(k.to, k.label, tail, t.paint("dim", branch), tail+t.paint("dim", next))
	}
}

func (t *treeWriter) line(head, branch, text string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, strings.TrimRight(head+branch+text, " "))
	}
}

// shapes and colours of the drawings for other programs.
var dotShape = map[string]string{"task": "box", "plan": "note", "attempt": "component", "job": "ellipse", "evidence": "cds",
	"end": "doublecircle", "finding": "note", "conflict": "octagon", "node": "box"}

var toneFill = map[string]string{"good": "#d9f2d9", "bad": "#f6d5d5", "warn": "#fbeecb"}

// dot writes the picture for Graphviz.
func (p *picture) dot(w io.Writer) error {
	var b strings.Builder
	b.WriteString("digraph jitos {\n  rankdir=LR\n  node [fontname=\"Helvetica\" fontsize=11]\n  edge [fontname=\"Helvetica\" fontsize=9]\n")
	for _, n := range p.nodes {
		fmt.Fprintf(&b, "  %s [label=%s shape=%s", dotQuote(n.id), dotQuote(strings.Join(n.text(), "\n")), dotShape[n.shape])
		if fill := toneFill[n.tone]; fill != "" {
			fmt.Fprintf(&b, " style=filled fillcolor=%q", fill)
		}
		b.WriteString("]\n")
	}
	for _, l := range p.lines {
		fmt.Fprintf(&b, "  %s -> %s", dotQuote(l.from), dotQuote(l.to))
		if l.aside {
			b.WriteString(" [label=\"then\" style=dashed]")
		} else if l.label != "" {
			fmt.Fprintf(&b, " [label=%s]", dotQuote(l.label))
		}
		b.WriteString("\n")
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// text is what stands inside the spot, line by line.
func (s spot) text() []string {
	lines := []string{s.title}
	if s.note != "" {
		lines = append(lines, s.note)
	}
	return append(lines, s.more...)
}

func dotQuote(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`)
	return `"` + strings.ReplaceAll(s, "\n", `\n`) + `"`
}

// mermaid writes the picture as a mermaid flowchart. Ids are numbers, since mermaid takes hardly any name as one.
func (p *picture) mermaid(w io.Writer) error {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for i, n := range p.nodes {
		open, shut := mermaidShape(n.shape)
		fmt.Fprintf(&b, "  n%d%s\"%s\"%s\n", i, open, mermaidText(strings.Join(n.text(), "\n")), shut)
		if n.tone != "" {
			fmt.Fprintf(&b, "  class n%d %s\n", i, n.tone)
		}
	}
	for _, l := range p.lines {
		from, ok := p.index[l.from]
		to, okTo := p.index[l.to]
		switch {
		case !ok || !okTo:
		case l.aside:
			fmt.Fprintf(&b, "  n%d -. then .-> n%d\n", from, to)
		case l.label != "":
			fmt.Fprintf(&b, "  n%d -- \"%s\" --> n%d\n", from, mermaidText(l.label), to)
		default:
			fmt.Fprintf(&b, "  n%d --> n%d\n", from, to)
		}
	}
	for _, tone := range []string{"good", "bad", "warn"} {
		fmt.Fprintf(&b, "  classDef %s fill:%s\n", tone, toneFill[tone])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func mermaidShape(shape string) (open, shut string) {
	switch shape {
	case "task", "node":
		return "[", "]"
	case "plan", "finding":
		return "[/", "/]"
	case "attempt":
		return "[[", "]]"
	case "end":
		return "(((", ")))"
	case "conflict":
		return "{{", "}}"
	}
	return "([", "])"
}

var mermaidEscapes = strings.NewReplacer(`"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", "<br/>", "#", "#35;", "&", "#amp;")

func mermaidText(s string) string { return mermaidEscapes.Replace(s) }

// paintTone colours a tone on stdout.
func (u *ui) paintTone(tone, s string) string {
	code := map[string]string{"good": "32", "bad": "31", "warn": "33", "dim": "2"}[tone]
	if code == "" {
		return s
	}
	return paint(u.outColour, code, s)
}

// treeOn draws a picture as the terminal of the caller can show it.
func (u *ui) treeOn(w io.Writer, p *picture) error {
	return p.tree(w, strokesOf(os.Getenv), u.paintTone)
}
