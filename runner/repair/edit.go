package repair

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Edit replaces the bytes Start to End of a file by Text.
type Edit struct {
	Path       string
	Start, End int
	Text       string
	Kind       string // "relation", "condition", "off by one", …
	Line       int    // from 1
	Place      string // the function it is in, "" for none
	Score      float64
	Was        string // the bytes that are replaced
	site       site
}

// site is where an edit can be chosen at run time.
type site struct {
	form       form
	start, end int
	result     string // the type of an expression, as written in this file
}

type form byte

const (
	alone      form = iota // it can only be compiled by itself
	expression             // func() T { …; return e }()
	statement              // if … { edit } else { s }
	insertion              // if … { edit }, at start
	ending                 // no edit: the end of a function
)

// Apply returns the file with the edit. A line that it leaves blank is removed.
func (e Edit) Apply(src []byte) []byte {
	start, end := e.Span(src)
	return slices.Concat(src[:start], []byte(e.Text), src[end:])
}

// Span is what of a file is replaced.
func (e Edit) Span(src []byte) (start, end int) {
	if e.Text == "" {
		return wholeLines(src, e.Start, e.End)
	}
	return e.Start, e.End
}

// wholeLines widens a span to whole lines where nothing else stands on them.
func wholeLines(src []byte, start, end int) (int, int) {
	from, to := start, end
	for from > 0 && (src[from-1] == ' ' || src[from-1] == '\t') {
		from--
	}
	for to < len(src) && (src[to] == ' ' || src[to] == '\t' || src[to] == '\r') {
		to++
	}
	if (from == 0 || src[from-1] == '\n') && to < len(src) && src[to] == '\n' {
		return from, to + 1
	}
	return start, end
}

// Words tells the edit on one line, by the lines of the file that it changes.
func (e Edit) Words(src []byte) string {
	start, end := e.Start, e.End
	for start > 0 && src[start-1] != '\n' {
		start--
	}
	for end < len(src) && src[end] != '\n' {
		end++
	}
	was := brief(string(src[start:end]))
	now := brief(string(src[start:e.Start]) + e.Text + string(src[e.End:end]))
	at := fmt.Sprintf("%s:%d: ", e.Path, e.Line)
	switch {
	case now == "":
		return at + "drop `" + was + "`"
	case e.Start == e.End && strings.Contains(e.Text, "\n"):
		return at + "add `" + brief(e.Text) + "`"
	}
	return at + "`" + was + "` becomes `" + now + "`"
}

// brief puts text on one line of bounded length.
func brief(text string) string {
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return string(r)
}

// Order sorts edits by score, then by place, drops those whose result is the same as that of one before, and keeps at most
// most of them.
func Order(edits []Edit, most int) []Edit {
	slices.SortStableFunc(edits, func(a, b Edit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End),
			cmp.Compare(a.Text, b.Text))
	})
	type key struct {
		path, text string
		start, end int
	}
	seen := map[key]bool{}
	kept := edits[:0]
	for _, e := range edits {
		k := trimmed(e)
		if id := (key{k.Path, k.Text, k.Start, k.End}); len(kept) < most && !seen[id] {
			seen[id] = true
			kept = append(kept, e)
		}
	}
	return kept
}

// trimmed is the edit without the bytes at both ends that stay as they are.
func trimmed(e Edit) Edit {
	was := e.Was
	for was != "" && e.Text != "" && was[0] == e.Text[0] {
		was, e.Text, e.Start = was[1:], e.Text[1:], e.Start+1
	}
	for was != "" && e.Text != "" && was[len(was)-1] == e.Text[len(e.Text)-1] {
		was, e.Text, e.End = was[:len(was)-1], e.Text[:len(e.Text)-1], e.End-1
	}
	e.Was = was
	return e
}
