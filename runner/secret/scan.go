package secret

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
)

// Finding is something that looks like a secret.
type Finding struct {
	Line  int    // from 1
	Rule  string // what it looks like, in words: "a GitHub token"
	Known bool   // it is one of the Values, and cannot be allowed

	start, end int
	hash       string
}

// Hash names the secret without telling it: the same wherever it stands. A person allows a finding by it. It must not be
// shared: a weak password can be guessed by it.
func (f Finding) Hash() string { return f.hash }

func hashOf(value []byte) string {
	sum := sha256.Sum256(append([]byte("jitos secret\x00"), value...))
	return hex.EncodeToString(sum[:16])
}

// Marker lets what stands in its line pass.
const Marker = "jitos:allow-secret"

// Scanner finds secrets. The zero value knows the rules of this package alone. It may be used concurrently.
type Scanner struct {
	Values  *Values                // found wherever they stand, marked or not; nil means none
	Allowed func(hash string) bool // lets a finding pass; nil means none does. It is not asked about Values
}

// Scan returns what it finds, in order.
func (s *Scanner) Scan(data []byte) []Finding {
	return s.window(data, 0, len(data))
}

// Clean puts what a finding is in the place of each, and returns the findings.
func (s *Scanner) Clean(text string) (string, []Finding) {
	found := s.Scan([]byte(text))
	if len(found) == 0 {
		return text, nil
	}
	var b strings.Builder
	at := 0
	for _, f := range found {
		b.WriteString(text[at:f.start] + "[" + f.Rule + "]")
		at = f.end
	}
	return b.String() + text[at:], found
}

// The window of ScanReader, and how much of it the next one sees again: half of that lies on each side of where they meet.
const (
	windowSize = 256 << 10
	overlap    = 4 * maxToken
)

// ScanReader scans a stream in memory that does not grow with it. The spans of findings are of no use to the caller.
func (s *Scanner) ScanReader(r io.Reader) ([]Finding, error) {
	buf := make([]byte, windowSize)
	var all []Finding
	kept, lines := 0, 0
	for {
		n, err := io.ReadFull(r, buf[kept:])
		done := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !done {
			return all, err
		}
		data := buf[:kept+n]
		from, to := 0, len(data)
		if kept > 0 {
			from = overlap / 2
		}
		if !done {
			to -= overlap / 2
		}
		for _, f := range s.window(data, from, to) {
			f.Line += lines
			all = append(all, f)
		}
		if done {
			return all, nil
		}
		next := len(data) - overlap
		lines += bytes.Count(data[:next], []byte{'\n'})
		kept = copy(buf, data[next:])
	}
}

// window returns the findings that begin in data[from:to].
func (s *Scanner) window(data []byte, from, to int) []Finding {
	var found []Finding
	add := func(rule string, start, end, value int) {
		if start < from || start >= to {
			return
		}
		hash := hashOf(data[value:end])
		if markedLine(data, start) || s.Allowed != nil && s.Allowed(hash) {
			return
		}
		found = append(found, Finding{Rule: rule, start: start, end: end, hash: hash})
	}
	table().each(data, max(0, from-maxToken), to, add)
	if s.Values != nil {
		for _, v := range s.Values.find(data) {
			if v.start >= from && v.start < to {
				found = append(found, Finding{Rule: "the secret " + v.name, Known: true, start: v.start, end: v.end, hash: hashOf(data[v.start:v.end])})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return a.start - b.start })
	found = once(found)
	line, at := 1, 0
	for i := range found {
		line += bytes.Count(data[at:found[i].start], []byte{'\n'})
		at = found[i].start
		found[i].Line = line
	}
	return found
}

// once joins findings that overlap: one thing is told once.
func once(found []Finding) []Finding {
	kept := found[:0]
	for _, f := range found {
		if n := len(kept); n > 0 && f.start < kept[n-1].end {
			if kept[n-1].Rule == assignedRule || f.Known { // what it is tells more than what it is called
				kept[n-1].Rule, kept[n-1].Known = f.Rule, f.Known
			}
			kept[n-1].end = max(kept[n-1].end, f.end)
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

// markedLine tells whether the line in which i lies holds the marker.
func markedLine(data []byte, i int) bool {
	low := max(0, i-maxToken)
	start := low + bytes.LastIndexByte(data[low:i], '\n') + 1
	rest := data[i:min(len(data), i+maxToken)]
	if n := bytes.IndexByte(rest, '\n'); n >= 0 {
		rest = rest[:n]
	}
	return bytes.Contains(data[start:i+len(rest)], []byte(Marker))
}

// index finds where the rules may match: by the first two bytes of their prefixes, most places are passed over in one step.
type index struct {
	first [1 << 16]uint8 // by a pair of bytes: the list of rules that begin with it, 0 for none
	lists [][]rule
}

// rule is a prefix, and what to do where it stands. With fold it stands in any mixture of cases.
type rule struct {
	prefix string
	fold   bool
	try    func(data []byte, i int, add adder)
}

// adder takes a finding: the span that is told, and where in it the value begins.
type adder func(rule string, start, end, value int)

// table is made when it is needed first: a command that scans nothing does not pay for it.
var table = sync.OnceValue(func() *index {
	x := &index{lists: make([][]rule, 1)}
	for i := range shapes {
		s := &shapes[i]
		x.add(rule{s.prefix, false, func(data []byte, i int, add adder) {
			if end, ok := s.match(data, i); ok {
				add(s.rule, i, end, i)
			}
		}})
	}
	x.add(rule{pemPrefix, false, func(data []byte, i int, add adder) {
		if end, ok := privateKey(data, i); ok {
			add("a private key", i, end, i)
		}
	}})
	x.add(rule{jwtPrefix, false, func(data []byte, i int, add adder) {
		if end, ok := jwt(data, i); ok {
			add("a signed token (JWT)", i, end, i)
		}
	}})
	x.add(rule{urlPrefix, false, func(data []byte, i int, add adder) {
		if start, end, ok := urlPassword(data, i); ok {
			add("a password in a URL", start, end, start)
		}
	}})
	for _, t := range triggers {
		x.add(rule{t, true, func(data []byte, i int, add adder) {
			if start, end, ok := assigned(data, i); ok {
				add(assignedRule, start, end, start)
			}
		}})
	}
	return x
})

func (x *index) add(r rule) {
	a, b := int(r.prefix[0]), int(r.prefix[1])
	pairs := []int{a<<8 | b}
	if r.fold { // its letters are small ones
		pairs = append(pairs, (a-32)<<8|b, a<<8|(b-32), (a-32)<<8|(b-32))
	}
	for _, p := range pairs {
		if x.first[p] == 0 {
			x.lists = append(x.lists, nil)
			x.first[p] = uint8(len(x.lists) - 1)
		}
		x.lists[x.first[p]] = append(x.lists[x.first[p]], r)
	}
}

// each tries every rule at every place from here to there where its prefix stands.
func (x *index) each(data []byte, from, to int, add adder) {
	for i := from; i+1 < len(data) && i < to; i++ {
		list := x.first[uint16(data[i])<<8|uint16(data[i+1])]
		if list == 0 {
			continue
		}
		for _, r := range x.lists[list] {
			if len(data)-i >= len(r.prefix) && same(data[i:i+len(r.prefix)], r.prefix, r.fold) {
				r.try(data, i, add)
			}
		}
	}
}

func same(b []byte, prefix string, fold bool) bool {
	if fold {
		return bytes.EqualFold(b, []byte(prefix))
	}
	return string(b) == prefix
}
