package methods

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Text is a value with variables in it, see the package comment. The zero Text is absent.
type Text struct {
	source string
	parts  []part
}

// part is literal text, or a variable when name is given.
type part struct{ literal, name string }

var (
	wholeVariable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\$([a-z][a-z0-9_]*)$`) })
	inText        = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{\{[a-z][a-z0-9_]*\}\}|\{[a-z][a-z0-9_]*\}`) })
)

// ParseText reads a value.
func ParseText(s string) Text {
	if m := wholeVariable().FindStringSubmatch(s); m != nil {
		return Text{source: s, parts: []part{{name: m[1]}}}
	}
	body := s
	if strings.HasPrefix(s, "$$") {
		body = s[1:]
	}
	return Text{source: s, parts: split(body, false)}
}

// parseCommand reads shell text. A variable inside quotes would be quoted twice, which is no quoting at all.
func parseCommand(s string) (Text, error) {
	t := Text{source: s, parts: split(s, true)}
	var before strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			before.WriteString(p.literal)
			continue
		}
		if q := openQuote(before.String()); q != 0 {
			return t, fmt.Errorf("{%s} stands inside %c quotes: write it outside of them, it is quoted for you", p.name, q)
		}
		before.WriteString("x")
	}
	return t, nil
}

// split takes text apart. In a command ${name} is the shell's.
func split(s string, command bool) []part {
	var parts []part
	literal := func(text string) {
		if n := len(parts); n > 0 && parts[n-1].name == "" {
			parts[n-1].literal += text
		} else if text != "" {
			parts = append(parts, part{literal: text})
		}
	}
	for s != "" {
		m := inText().FindStringIndex(s)
		if m == nil {
			break
		}
		found := s[m[0]:m[1]]
		literal(s[:m[0]])
		switch {
		case strings.HasPrefix(found, "{{"):
			literal(found[1 : len(found)-1])
		case command && m[0] > 0 && s[m[0]-1] == '$':
			literal(found)
		default:
			parts = append(parts, part{name: found[1 : len(found)-1]})
		}
		s = s[m[1]:]
	}
	literal(s)
	return parts
}

// openQuote tells which quote of the shell is open at the end of the text: ', ", or 0.
func openQuote(s string) byte {
	var open byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && open != '\'':
			i++
		case open == 0 && (c == '\'' || c == '"'):
			open = c
		case c == open:
			open = 0
		}
	}
	return open
}

// Zero tells whether the text is absent.
func (t Text) Zero() bool { return t.source == "" }

// String is the text as written.
func (t Text) String() string { return t.source }

// Variables lists the variables of the text, in order, each once.
func (t Text) Variables() []string {
	var names []string
	seen := map[string]bool{}
	for _, p := range t.parts {
		if p.name != "" && !seen[p.name] {
			seen[p.name] = true
			names = append(names, p.name)
		}
	}
	return names
}

// Variable is the variable that the text consists of, "" where it is anything else.
func (t Text) Variable() string {
	if len(t.parts) == 1 {
		return t.parts[0].name
	}
	return ""
}

// Expand puts in the values. A variable without one stays as it is written; the loader sees to it that there is none.
func (t Text) Expand(values map[string]string) string {
	return t.expand(values, func(s string) string { return s })
}

// Shell puts in the values, quoted for the shell.
func (t Text) Shell(values map[string]string) string { return t.expand(values, Quote) }

// Path puts in the values, escaped so that a pattern of jitos.MatchPath takes them literally.
func (t Text) Path(values map[string]string) string { return t.expand(values, escapePattern) }

func (t Text) expand(values map[string]string, quote func(string) string) string {
	var b strings.Builder
	for _, p := range t.parts {
		v, ok := values[p.name]
		switch {
		case p.name == "":
			b.WriteString(p.literal)
		case ok:
			b.WriteString(quote(v))
		default:
			b.WriteString("{" + p.name + "}")
		}
	}
	return b.String()
}

var plainWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`) })

// Quote makes one word of the shell of any text.
func Quote(s string) string {
	if plainWord().MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func escapePattern(s string) string {
	if !strings.ContainsAny(s, `*?[\`) {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}
