package overlay

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// splitLines cuts a text after each newline. The last line may lack one, and is then unlike the same line that has it.
func splitLines(text []byte) []string {
	lines := make([]string, 0, bytes.Count(text, []byte{'\n'})+1)
	for len(text) > 0 {
		end := bytes.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		lines = append(lines, string(text[:end]))
		text = text[end:]
	}
	return lines
}

// lexicon numbers lines, so that equal lines have equal numbers and comparing two is cheap.
type lexicon map[string]int

func (l lexicon) number(lines []string) []int {
	numbers := make([]int, len(lines))
	for i, line := range lines {
		n, ok := l[line]
		if !ok {
			n = len(l)
			l[line] = n
		}
		numbers[i] = n
	}
	return numbers
}

// marks are a diff of two texts: the lines of a that are gone and those of b that are new. Equally many lines remain
// unmarked in both, and the first of them in a is the first in b, and so on.
type marks struct{ gone, added []bool }

// diffLines compares two numbered texts by a shortest edit script, each change slid to the one place that slide picks.
// It has no time limit, so it is deterministic.
func diffLines(a, b []int) marks {
	m := shortest(a, b)
	slide(a, m.gone, m.added)
	slide(b, m.added, m.gone)
	return m
}

// shortest finds a shortest edit script. Lines that the other text lacks cannot be matched, so they are marked without a
// search: two texts with little in common cost next to nothing. Texts that were reordered at large, the worst case of the
// search, are first cut at anchors; then the script may be a little longer than the shortest.
func shortest(a, b []int) marks {
	inA, inB := set(a), set(b)
	m := marks{gone: make([]bool, len(a)), added: make([]bool, len(b))}
	restA, restB := shared(a, inB, m.gone), shared(b, inA, m.added)
	i, j := 0, 0
	for _, at := range anchors(restA.lines, restB.lines) {
		m.search(restA.cut(i, at.a), restB.cut(j, at.b))
		i, j = at.a+1, at.b+1
	}
	m.search(restA.cut(i, len(restA.lines)), restB.cut(j, len(restB.lines)))
	return m
}

// search marks what a shortest script changes in parts of two texts.
func (m marks) search(a, b excerpt) {
	d := diffmatchpatch.New()
	d.DiffTimeout = 0 // a limit would make the answer depend on the machine's load
	i, j := 0, 0
	for _, part := range d.DiffMainRunes(a.lines, b.lines, false) {
		n := utf8.RuneCountInString(part.Text)
		switch part.Type {
		case diffmatchpatch.DiffDelete:
			for range n {
				m.gone[a.places[i]] = true
				i++
			}
		case diffmatchpatch.DiffInsert:
			for range n {
				m.added[b.places[j]] = true
				j++
			}
		default:
			i, j = i+n, j+n
		}
	}
}

func set(numbers []int) map[int]bool {
	s := make(map[int]bool, len(numbers))
	for _, n := range numbers {
		s[n] = true
	}
	return s
}

// excerpt are lines of a text as runes, and where in the text they stand.
type excerpt struct {
	lines  []rune
	places []int
}

func (e excerpt) cut(i, j int) excerpt { return excerpt{e.lines[i:j], e.places[i:j]} }

// shared returns the lines of a text that the other one has; the rest is marked.
func shared(text []int, other map[int]bool, marked []bool) (e excerpt) {
	for i, n := range text {
		if !other[n] {
			marked[i] = true
			continue
		}
		e.lines, e.places = append(e.lines, letter(n)), append(e.places, i)
	}
	return e
}

const (
	firstSurrogate = 0xD800
	surrogates     = 0x800
	// maxLines is how many different lines letter can write. Longer texts are merged as if they were binary.
	maxLines = utf8.MaxRune - surrogates
)

// letter writes a line's number as a rune that survives a round trip through a string, as go-diff makes it.
func letter(n int) rune {
	if n >= firstSurrogate {
		n += surrogates
	}
	return rune(n)
}

// slide moves each run of marked lines to the one place that is picked among equally good ones. A run may move down by one
// where its first line equals the line after it, and up likewise: adding a function to a list of functions can be seen as
// "} func {" or as "func { }". It goes down as far as it can, and joins the runs that it meets; but where on its way it
// stood beside a change of the other text it goes back there, because the two are then one change. Git picks the same place,
// and so do both sides of a merge, which is what matters: the same edit is the same change.
func slide(text []int, marked, other []bool) {
	beside := gaps(other)
	gap := 0 // unmarked lines before start: the place in the other text
	for start := 0; start < len(text); start++ {
		if !marked[start] {
			gap++
			continue
		}
		end := runEnd(marked, start)
		var meets int
		for size := -1; size != end-start; {
			size = end - start
			for start > 0 && text[start-1] == text[end-1] {
				start, end, gap = start-1, end-1, gap-1
				marked[start], marked[end] = true, false
				for start > 0 && marked[start-1] {
					start--
				}
			}
			meets = -1
			if beside[gap] {
				meets = end
			}
			for end < len(text) && text[start] == text[end] {
				marked[start], marked[end] = false, true
				start, end, gap = start+1, runEnd(marked, end), gap+1
				if beside[gap] {
					meets = end
				}
			}
		}
		for meets >= 0 && !beside[gap] {
			start, end, gap = start-1, end-1, gap-1
			marked[start], marked[end] = true, false
		}
		start = end - 1
	}
}

func runEnd(marked []bool, i int) int {
	for i < len(marked) && marked[i] {
		i++
	}
	return i
}

// gaps tells for each number of unmarked lines whether marked ones follow them.
func gaps(marked []bool) []bool {
	beside := []bool{false}
	for _, m := range marked {
		if m {
			beside[len(beside)-1] = true
		} else {
			beside = append(beside, false)
		}
	}
	return beside
}

// matches lists for each line of a the line of b that it stayed, -1 for none.
func (m marks) matches() []int {
	match := make([]int, len(m.gone))
	j := 0
	for i, gone := range m.gone {
		if gone {
			match[i] = -1
			continue
		}
		for m.added[j] {
			j++
		}
		match[i] = j
		j++
	}
	return match
}

// certain lists matches like matches, but only those on which four searches agree: forwards and backwards, from a to b and
// from b to a. Where lines repeat there are several shortest scripts, and a merge that rests on one of them rests on luck.
func certain(a, b []int) []int {
	match := diffLines(a, b).matches()
	keep := func(i, j int) {
		if match[i] != j {
			match[i] = -1
		}
	}
	swapped := diffTurned(b, a, false)
	for i, j := range (marks{swapped.added, swapped.gone}).matches() {
		keep(i, j)
	}
	for i, j := range diffTurned(a, b, true).matches() {
		keep(i, j)
	}
	swapped = diffTurned(b, a, true)
	for i, j := range (marks{swapped.added, swapped.gone}).matches() {
		keep(i, j)
	}
	return match
}

// diffTurned is diffLines, its search done on the reversed texts if so asked.
func diffTurned(a, b []int, reverse bool) marks {
	if !reverse {
		return diffLines(a, b)
	}
	m := shortest(reversed(a), reversed(b))
	slices.Reverse(m.gone)
	slices.Reverse(m.added)
	slide(a, m.gone, m.added)
	slide(b, m.added, m.gone)
	return m
}

func reversed(s []int) []int {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}
