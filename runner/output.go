package runner

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Bounds of the output that is kept, in bytes: what was said first names the tools, what was said last tells the outcome.
const (
	keptHead = 16 << 10
	keptTail = 48 << 10
)

// output keeps the head and the tail of a text and counts what it drops between them.
type output struct {
	head, tail strings.Builder
	older      string // the tail before the present one; together they hold at least keptTail
	cut        int    // bytes that fell out between head and tail
}

// add appends lines to the text.
func (o *output) add(text string) {
	text += "\n"
	if o.tail.Len() == 0 && o.older == "" && o.head.Len()+len(text) <= keptHead {
		o.head.WriteString(text)
		return
	}
	if o.tail.Len()+len(text) > keptTail {
		o.cut += len(o.older)
		o.older = o.tail.String()
		o.tail.Reset()
		if len(text) > keptTail {
			o.cut += len(text) - keptTail
			text = text[len(text)-keptTail:]
		}
	}
	o.tail.WriteString(text)
}

// text is what is kept, valid UTF-8, with a line that says how much was cut.
func (o *output) text() string {
	tail := o.older + o.tail.String()
	cut := o.cut
	if over := len(tail) - keptTail; over > 0 {
		if line := strings.IndexByte(tail[over:], '\n'); line >= 0 && over+line+1 < len(tail) {
			over += line + 1
		}
		cut += over
		tail = tail[over:]
	}
	middle := ""
	if cut > 0 {
		middle = fmt.Sprintf("… %d bytes cut …\n", cut)
	}
	return strings.ToValidUTF8(o.head.String()+middle+tail, "\uFFFD")
}

// plainLine is a line as it is kept: paths below the job's directory are relative, and its other directories have the names
// that it knows them by, so that equal runs say equal things; colours, cursor movements and other control characters are gone, so that showing it cannot harm a terminal.
func plainLine(line string, p place) string {
	if strings.Contains(line, string(p)) {
		line = strings.NewReplacer(p.tree()+string(filepath.Separator), "", p.tree(), ".", p.home(), "~", p.tmp(), "$TMPDIR",
			p.out(), "$JITOS_OUT").Replace(line)
	}
	if i := strings.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:] // what a terminal would show
	}
	if strings.IndexFunc(line, isControl) < 0 {
		return line
	}
	var b strings.Builder
	for i := 0; i < len(line); {
		if line[i] == 0x1b {
			i += escapeLen(line[i:])
			continue
		}
		if c := line[i]; c >= ' ' && c != 0x7f || c == '\t' {
			b.WriteByte(c)
		}
		i++
	}
	return b.String()
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// escapeLen is the length of the terminal escape sequence at the start of s.
func escapeLen(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[': // parameters, then a final byte
		for i := 2; i < len(s); i++ {
			if s[i] >= '@' && s[i] <= '~' {
				return i + 1
			}
		}
		return len(s)
	case ']': // a title or link, up to BEL or ESC \
		for i := 2; i < len(s); i++ {
			if s[i] == 7 {
				return i + 1
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return i + 2
			}
		}
		return len(s)
	}
	i := 1
	for i < len(s) && s[i] >= ' ' && s[i] <= '/' { // intermediate bytes, then a final one
		i++
	}
	return min(i+1, len(s))
}
