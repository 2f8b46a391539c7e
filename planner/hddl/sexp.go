package hddl

import (
	"fmt"
	"strings"
)

// MaxDepth bounds how deep lists nest: far beyond any domain, far below what the stack of a program takes.
const MaxDepth = 256

// sexp is a word or a list. A list has a non-nil, perhaps empty, list.
type sexp struct {
	pos  Pos
	word string
	list []sexp
}

func (s sexp) isList() bool { return s.list != nil }

// head is the first word of a list in lower case, "" for all else.
func (s sexp) head() string {
	if len(s.list) == 0 {
		return ""
	}
	return lower(s.list[0].word)
}

// is tells whether this is the word w.
func (s sexp) is(w string) bool { return !s.isList() && lower(s.word) == w }

// lower is strings.ToLower for ASCII, without a copy where there is nothing to do.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

// file is a file being read, for its errors.
type file struct{ name string }

func (f file) errorf(at Pos, format string, args ...any) error {
	return &Error{f.name, at, fmt.Sprintf(format, args...)}
}

// read returns the one list that a file holds.
func (f file) read(src []byte) (sexp, error) {
	text := string(src)
	line, start := 1, 0 // of the line: its number and first byte
	var open []sexp
	var top *sexp
	for i := 0; i < len(text); {
		at := Pos{line, i - start + 1}
		switch c := text[i]; {
		case c == '\n':
			line, start = line+1, i+1
			i++
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			i++
		case c == ';':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case top != nil:
			return sexp{}, f.errorf(at, "unexpected text after the end of (define …)")
		case c == '(':
			if len(open) == MaxDepth {
				return sexp{}, f.errorf(at, "lists nest deeper than %d", MaxDepth)
			}
			open = append(open, sexp{pos: at, list: []sexp{}})
			i++
		case c == ')':
			if len(open) == 0 {
				return sexp{}, f.errorf(at, "unexpected )")
			}
			done := open[len(open)-1]
			if open = open[:len(open)-1]; len(open) == 0 {
				top = &done
			} else {
				in := &open[len(open)-1]
				in.list = append(in.list, done)
			}
			i++
		case c < ' ' || c == 0x7f:
			return sexp{}, f.errorf(at, "unexpected control character %q", c)
		default:
			end := i + strings.IndexAny(text[i:], "() \t\r\n\f\v;")
			if end < i {
				end = len(text)
			}
			if len(open) == 0 {
				return sexp{}, f.errorf(at, "want (define …), not %q", text[i:end])
			}
			in := &open[len(open)-1]
			in.list = append(in.list, sexp{pos: at, word: text[i:end]})
			i = end
		}
	}
	if len(open) > 0 {
		return sexp{}, f.errorf(open[len(open)-1].pos, "this ( is never closed")
	}
	if top == nil {
		return sexp{}, f.errorf(Pos{1, 1}, "empty: want (define …)")
	}
	return *top, nil
}
