package overlay

import (
	"encoding/json"
	"strings"
)

var jsonKeys = grammar{
	parse: parseJSON,
	alone: func(e entry) string { return "{" + e.text + "}" },
	join: func(list []entry) string {
		var b strings.Builder
		for i, e := range list {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(e.gap + e.text)
		}
		return b.String()
	},
}

// parseJSON takes a text apart that is one JSON object in which no key stands twice.
func parseJSON(text string) *mapping {
	if !json.Valid([]byte(text)) {
		return nil
	}
	s := &jsonScanner{text: text, sound: true}
	open := s.space()
	v := s.value()
	if v.keys == nil || !s.sound {
		return nil
	}
	v.keys.open = open + v.keys.open
	v.keys.close += s.text[s.at:]
	return v.keys
}

// jsonScanner goes over a valid JSON text.
type jsonScanner struct {
	text  string
	at    int
	sound bool // no key stood twice
}

func (s *jsonScanner) space() string {
	rest := s.text[s.at:]
	n := len(rest) - len(strings.TrimLeft(rest, " \t\r\n"))
	s.at += n
	return rest[:n]
}

// value goes over one, which begins here.
func (s *jsonScanner) value() value {
	switch s.text[s.at] {
	case '{':
		return s.object()
	case '[':
		s.at++
		var parts []string
		for s.space(); s.text[s.at] != ']'; s.space() {
			parts = append(parts, s.value().sum)
			if s.space(); s.text[s.at] == ',' {
				s.at++
			}
		}
		s.at++
		return value{sum: sumOf("list", parts...)}
	case '"':
		return value{sum: sumOf("text", s.str())}
	}
	n := strings.IndexAny(s.text[s.at:], ",]} \t\r\n")
	if n < 0 {
		n = len(s.text) - s.at
	}
	s.at += n
	return value{sum: sumOf("word", s.text[s.at-n:s.at])} // numbers as written: 1.0 is another one than 1
}

// str goes over a string and returns what it says.
func (s *jsonScanner) str() string {
	from := s.at
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	var says string
	_ = json.Unmarshal([]byte(s.text[from:s.at]), &says) // the whole text is valid
	return says
}

func (s *jsonScanner) object() value {
	s.at++
	m := &mapping{open: "{"}
	for {
		gap := s.space()
		if s.text[s.at] == '}' {
			m.close = gap + "}"
			break
		}
		from := s.at
		e := entry{key: s.str(), gap: gap, indent: gap[strings.LastIndexByte(gap, '\n')+1:]}
		e.name = e.key
		s.space()
		s.at++ // the colon
		s.space()
		e.head = s.text[from:s.at]
		e.value = s.value()
		e.text = s.text[from:s.at]
		m.entries = append(m.entries, e)
		before := s.space()
		if s.text[s.at] == '}' {
			m.close = before + "}"
			break
		}
		s.at++ // the comma
	}
	s.at++
	s.sound = m.index() && s.sound
	return value{m.sum(), m}
}
