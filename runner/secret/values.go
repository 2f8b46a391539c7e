package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Values are secrets that are known, to be found and hidden wherever they are said: as they are, in base64 (both alphabets,
// at any place of what is encoded), in hex, as in a URL or in JSON, and of one of several lines each long line. nil knows none.
type Values struct {
	needles []needle // longest first
}

type needle struct {
	name string
	text []byte
}

// Least is the length in bytes from which on a value can be told from other text: a shorter one is no secret.
const Least = 6

// New makes Values of secrets by their names. Those that are shorter than Least are left out.
func New(secrets map[string]string) *Values {
	v := &Values{}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		value := secrets[name]
		if len(value) < Least {
			continue
		}
		for _, form := range forms(value) {
			n := needle{name, []byte(form)}
			if !slices.ContainsFunc(v.needles, func(o needle) bool { return bytes.Equal(o.text, n.text) }) {
				v.needles = append(v.needles, n)
			}
		}
	}
	slices.SortStableFunc(v.needles, func(a, b needle) int { return len(b.text) - len(a.text) })
	return v
}

// forms are the texts that give a value away.
func forms(value string) []string {
	raw := []byte(value)
	all := []string{value, hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)), url.QueryEscape(value), url.PathEscape(value)}
	if quoted, err := json.Marshal(value); err == nil {
		all = append(all, string(quoted[1:len(quoted)-1]))
	}
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 { // how many bytes of something else begin the group of three
			text := e.EncodeToString(append(make([]byte, before), raw...))
			if (before+len(raw))%3 != 0 {
				text = text[:len(text)-1] // the last character depends on what follows
			}
			if text = text[[]int{0, 2, 3}[before]:]; len(text) >= Least {
				all = append(all, text)
			}
		}
	}
	const longLine = 16
	if lines := strings.Split(value, "\n"); len(lines) > 1 {
		for _, line := range lines {
			if line = strings.TrimSpace(line); len(line) >= longLine && !strings.HasPrefix(line, "-----") {
				all = append(all, line)
			}
		}
	}
	return all
}

// span is where a value was found.
type span struct {
	name       string
	start, end int
}

// find returns the places of all values, in order; those that overlap are one.
func (v *Values) find(data []byte) []span {
	var spans []span
	for _, n := range v.needles {
		for at := 0; ; {
			i := bytes.Index(data[at:], n.text)
			if i < 0 {
				break
			}
			spans = append(spans, span{n.name, at + i, at + i + len(n.text)})
			at += i + 1
		}
	}
	slices.SortStableFunc(spans, func(a, b span) int { return a.start - b.start })
	kept := spans[:0]
	for _, s := range spans {
		if n := len(kept); n > 0 && s.start < kept[n-1].end {
			kept[n-1].end = max(kept[n-1].end, s.end)
			continue
		}
		kept = append(kept, s)
	}
	return kept
}

// Text hides the values in a text.
func (v *Values) Text(text string) string {
	if v == nil || len(v.needles) == 0 || text == "" {
		return text
	}
	return string(v.hide(nil, []byte(text)))
}

func (v *Values) hide(to, data []byte) []byte {
	at := 0
	for _, s := range v.find(data) {
		to = append(append(to, data[at:s.start]...), "[secret:"+s.name+"]"...)
		at = s.end
	}
	return append(to, data[at:]...)
}

// Reader hides the values in a stream, wherever its reads cut it. What cannot be the beginning of a value is passed on at once.
func (v *Values) Reader(from io.Reader) io.Reader {
	if v == nil || len(v.needles) == 0 {
		return from
	}
	return &hider{values: v, from: from, in: make([]byte, 32<<10)}
}

type hider struct {
	values *Values
	from   io.Reader
	in     []byte
	held   []byte // read, and not yet passed on
	out    []byte // to be passed on
	err    error
}

func (h *hider) Read(p []byte) (int, error) {
	for len(h.out) == 0 {
		if h.err != nil {
			return 0, h.err
		}
		var n int
		n, h.err = h.from.Read(h.in)
		h.held = append(h.held, h.in[:n]...)
		safe := len(h.held)
		if h.err == nil {
			safe = h.values.safe(h.held)
		}
		h.out = h.values.hide(h.out[:0], h.held[:safe])
		h.held = append(h.held[:0], h.held[safe:]...)
	}
	n := copy(p, h.out)
	h.out = h.out[n:]
	return n, nil
}

// safe is how much of the data can be passed on whatever follows.
func (v *Values) safe(data []byte) int {
	open := 0 // how much at the end may be the beginning of a value
	for _, n := range v.needles {
		for most := min(len(n.text)-1, len(data)); most > open; most-- {
			if bytes.HasSuffix(data, n.text[:most]) {
				open = most
			}
		}
	}
	cut := len(data) - open
	for _, s := range v.find(data) {
		if s.start < cut && cut < s.end { // one that was found may be a part of a longer one
			cut = s.start
		}
	}
	return cut
}
