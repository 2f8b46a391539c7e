package overlay

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// A merge by key looks at JSON and YAML as mappings of keys to values, and at lines only within a value. What it writes is the
// text of ours, with entries of theirs put in, taken out or in place of others as they stand in theirs, but for their
// indentation: nothing is formatted anew. What it wrote is read again, and must say what the merge means.

// mapping is one that can be merged by key, and its text: open, the entries, close.
type mapping struct {
	open, close string
	entries     []entry
	at          map[string]int // of an entry, by its key
}

// entry is a key with its value.
type entry struct {
	key    string // equal keys, equal strings
	name   string // for people
	gap    string // before it, where the grammar has something there
	head   string // where the value is a mapping: from the key to where that opens
	text   string // all of it, after the gap
	indent string // of its first line
	value  value
}

// value is what a key has. Equal values have equal sums, however they are written.
type value struct {
	sum  string
	keys *mapping // nil for what is merged by lines: scalars, lists, and mappings written in a way that is not taken apart
}

// grammar is a language that texts can be taken apart in.
type grammar struct {
	// parse takes a text apart; nil where it is not in the language, or not in the part of it that is understood.
	parse func(text string) *mapping
	// alone makes a document of one entry.
	alone func(e entry) string
	// join puts entries together.
	join func(list []entry) string
	// lines tells whether an entry begins with the indentation of its line; else that is the end of its gap.
	lines bool
}

// byKey returns a merge by key. Where one of the texts cannot be taken apart it merges by lines.
func byKey(g grammar) mergeContent {
	return func(v three[[]byte]) (merged []byte, why string) {
		docs := each(v, func(text []byte) *mapping { return g.parse(string(text)) })
		if len(v.base) == 0 {
			docs.base = &mapping{} // both sides added it
		}
		if docs.base == nil || docs.ours == nil || docs.theirs == nil {
			return byLines(v)
		}
		m := keyMerge{grammar: g}
		text, sum := m.mapping("", docs)
		if len(m.clashes) > 0 {
			return nil, m.say()
		}
		if after := g.parse(text); after == nil || after.sum() != sum {
			return nil, "both sides changed it in ways that do not fit together by key"
		}
		return []byte(text), ""
	}
}

// keyMerge is one merge by key under way.
type keyMerge struct {
	grammar
	clashes []string // paths of keys
}

func (m *keyMerge) say() string {
	list := m.clashes
	more := ""
	if len(list) > 3 {
		list, more = list[:3], fmt.Sprintf(" and %d more", len(list)-3)
	}
	return "both sides changed the key " + strings.Join(list, ", ") + more
}

// mapping merges the entries of three versions of a mapping. It returns its text and its sum. The base may be nil.
func (m *keyMerge) mapping(path string, v three[*mapping]) (text, sum string) {
	var result []entry
	there := map[string]bool{}
	for _, o := range v.ours.entries {
		if e, keep := m.entry(path, v.base.find(o.key), &o, v.theirs.find(o.key), o); keep {
			result, there[o.key] = append(result, e), true
		}
	}
	last := "" // the key before, in theirs, that the result has
	for _, t := range v.theirs.entries {
		if v.ours.find(t.key) == nil {
			style := t
			if n := len(v.ours.entries); n > 0 {
				style = v.ours.entries[n-1]
			}
			e, keep := m.entry(path, v.base.find(t.key), nil, &t, style)
			if !keep {
				continue
			}
			at := slices.IndexFunc(result, func(e entry) bool { return e.key == last }) + 1
			for at < len(result) && v.theirs.find(result[at].key) == nil {
				at++ // what ours has put there comes first
			}
			result, there[t.key] = slices.Insert(result, at, e), true
		}
		if there[t.key] {
			last = t.key
		}
	}
	like := v.ours
	if len(like.entries) == 0 {
		like = v.theirs
	}
	if !m.lines {
		like.space(result)
	}
	return like.open + m.join(result) + like.close, (&mapping{entries: result}).sum()
}

// space gives the first entry of a list the gap that a first one has in a mapping, and the others that of others.
func (m *mapping) space(list []entry) {
	if len(m.entries) == 0 {
		return
	}
	first := m.entries[0]
	other := first.gap
	if len(m.entries) > 1 {
		other = m.entries[1].gap
	} else if first.gap == "" {
		other = " "
	}
	for i, e := range list {
		if i == 0 {
			list[i].gap = first.gap
		} else if e.gap == first.gap {
			list[i].gap = other
		}
	}
}

// entry merges three versions of an entry, of which those that are nil are not there. Style is an entry of ours like which one of
// theirs is indented. It returns false where there is none in the result.
func (m *keyMerge) entry(path string, base, ours, theirs *entry, style entry) (entry, bool) {
	v := three[string]{base.sum(), ours.sum(), theirs.sum()}
	picked, ok := pick(v)
	switch {
	case ok && picked == "":
		return entry{}, false
	case ok && picked == v.ours:
		return *ours, true
	case ok:
		return m.like(*theirs, style), true
	}
	who := ours
	if who == nil {
		who = theirs
	}
	path = strings.TrimPrefix(path+"."+who.name, ".")
	switch {
	case ours == nil || theirs == nil: // deleted by one, changed by the other
	case ours.value.keys != nil && theirs.value.keys != nil && (base == nil || base.value.keys != nil):
		e := *ours
		t := m.like(*theirs, style)
		inner := three[*mapping]{nil, ours.value.keys, t.value.keys}
		if base != nil {
			inner.base = base.value.keys
		}
		var text string
		text, e.value.sum = m.mapping(path, inner)
		e.text = e.head + text
		return e, true
	case base != nil:
		b, t := m.like(*base, style), m.like(*theirs, style)
		if text, conflicts := mergeText([]byte(b.text), []byte(ours.text), []byte(t.text)); conflicts == nil {
			e := *ours
			e.text = string(text)
			if doc := m.parse(m.alone(e)); doc != nil && len(doc.entries) == 1 && doc.entries[0].key == e.key {
				e.value = doc.entries[0].value
				return e, true
			}
		}
	}
	m.clashes = append(m.clashes, path)
	return entry{}, false
}

// like is an entry with the gap and the indentation of another.
func (g grammar) like(e, style entry) entry { return g.shift(e, style.gap, e.indent, style.indent) }

func (g grammar) shift(e entry, gap, from, to string) entry {
	e.gap, e.indent = gap, to+strings.TrimPrefix(e.indent, from)
	e.head, e.text = reindent(e.head, from, to, g.lines), reindent(e.text, from, to, g.lines)
	if keys := e.value.keys; keys != nil {
		moved := &mapping{open: reindent(keys.open, from, to, false), close: reindent(keys.close, from, to, false), at: keys.at}
		for _, inner := range keys.entries {
			moved.entries = append(moved.entries, g.shift(inner, reindent(inner.gap, from, to, false), from, to))
		}
		e.value.keys = moved
	}
	return e
}

// reindent gives the lines of a text that begin with one indentation another. The first is one only where that is said.
func reindent(text, from, to string, first bool) string {
	if from == to {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		rest, ok := strings.CutPrefix(line, from)
		if ok && (i > 0 || first) && strings.Trim(line, "\r\n") != "" {
			lines[i] = to + rest
		}
	}
	return strings.Join(lines, "")
}

func (m *mapping) find(key string) *entry {
	if m != nil {
		if i, ok := m.at[key]; ok {
			return &m.entries[i]
		}
	}
	return nil
}

// index makes a mapping ready for find, and tells whether no key stands there twice.
func (m *mapping) index() bool {
	m.at = make(map[string]int, len(m.entries))
	for i, e := range m.entries {
		m.at[e.key] = i
	}
	return len(m.at) == len(m.entries)
}

func (e *entry) sum() string {
	if e == nil {
		return ""
	}
	return e.value.sum
}

// sum is that of a mapping: the order of keys says nothing.
func (m *mapping) sum() string {
	list := make([]string, len(m.entries))
	for i, e := range m.entries {
		list[i] = fmt.Sprintf("%q %s", e.key, e.value.sum)
	}
	slices.Sort(list)
	return sumOf("mapping", list...)
}

func sumOf(kind string, parts ...string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d\n", kind, len(parts))
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s\n", len(p), p)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
