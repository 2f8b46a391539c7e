package repair

import (
	"cmp"
	"math"
	"slices"
)

// Ochiai is the suspicion of a span that failed failing tests and passed passing ones ran, of failing tests in all. It is 1
// where every failing test ran it and no passing one, 0 where no failing test did.
func Ochiai(failed, passed, failing int) float64 {
	if failed == 0 || failing == 0 {
		return 0
	}
	return float64(failed) / math.Sqrt(float64(failing)*float64(failed+passed))
}

// Span is a part of a file and how many tests ran it. Lines and columns (bytes) count from 1, and the end is exclusive.
type Span struct {
	Path                             string
	Line, Column, EndLine, EndColumn int
	Failed, Passed                   int
}

func (s Span) holds(line, column int) bool {
	after := line > s.Line || line == s.Line && column >= s.Column
	return after && (line < s.EndLine || line == s.EndLine && column < s.EndColumn)
}

// within tells whether s lies in o.
func (s Span) within(o Span) bool {
	return o.holds(s.Line, s.Column) && (s.EndLine < o.EndLine || s.EndLine == o.EndLine && s.EndColumn <= o.EndColumn)
}

// Spectrum is what tests ran, each alone. Spans must not change once At was called.
type Spectrum struct {
	Failing int // tests that fail
	Passing int
	Spans   []Span
	Leads   []Lead

	byPath map[string][]Span
}

// Lead makes lines of a file more suspicious than the tests tell: a panic went through them, or somebody has just changed them.
type Lead struct {
	Path     string
	From, To int     // lines, from 1, both in it
	Weight   float64 // times the suspicion, above 1
}

// At is the suspicion of a position: that of the smallest span that holds it. False where no span does.
func (s *Spectrum) At(path string, line, column int) (float64, bool) {
	if s.byPath == nil {
		s.byPath = map[string][]Span{}
		for _, span := range s.Spans {
			s.byPath[span.Path] = append(s.byPath[span.Path], span)
		}
	}
	var best *Span
	for i, span := range s.byPath[path] {
		if span.holds(line, column) && (best == nil || span.within(*best)) {
			best = &s.byPath[path][i]
		}
	}
	if best == nil {
		return 0, false
	}
	return s.Suspicion(*best), true
}

// Suspicion of a span of the spectrum, with the strongest lead to its first line: above 1 where that is more than the tests tell.
func (s *Spectrum) Suspicion(span Span) float64 {
	weight := 1.0
	for _, l := range s.Leads {
		if l.Path == span.Path && l.From <= span.Line && span.Line <= l.To {
			weight = max(weight, l.Weight)
		}
	}
	return weight * Ochiai(span.Failed, span.Passed, s.Failing)
}

// Ranked are the spans that failing tests ran, most suspicious first, in order of the source where they are equal.
func (s *Spectrum) Ranked() []Span {
	list := slices.DeleteFunc(slices.Clone(s.Spans), func(x Span) bool { return x.Failed == 0 })
	slices.SortFunc(list, func(a, b Span) int {
		return cmp.Or(cmp.Compare(s.Suspicion(b), s.Suspicion(a)), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}
