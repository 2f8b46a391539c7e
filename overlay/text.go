package overlay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// span is a range of lines of the base: those after the first `after` lines, up to `end`. An empty one is a place between
// two lines.
type span struct{ after, end int }

// mergeText merges three texts by lines. Where both sides changed the same lines, or lines that touch, and not to the same
// text, it returns the spans of the base that are in conflict and no text.
//
// The lines of the base that both sides kept cut all three texts into chunks. In a chunk that one side left as it was the
// other side's lines count; where both sides have the same lines, those; all else is a conflict. Bytes are never
// changed: line ends stay CRLF or LF, a missing newline at the end stays missing.
func mergeText(base, ours, theirs []byte) ([]byte, []span) {
	return mergeLines(base, ours, theirs, func(_, _ []string) []string { return nil })
}

// mergeLines is mergeText with a say in chunks that both sides changed: settle gets what they made of one and returns what is to
// stand there; nothing makes it a conflict.
func mergeLines(base, ours, theirs []byte, settle func(ours, theirs []string) []string) ([]byte, []span) {
	b, o, t := splitLines(base), splitLines(ours), splitLines(theirs)
	words := lexicon{}
	nb, no, nt := words.number(b), words.number(o), words.number(t)
	if len(words) > maxLines {
		return nil, []span{{0, len(b)}}
	}
	inOurs, inTheirs := certain(nb, no), certain(nb, nt)

	var merged bytes.Buffer
	var conflicts []span
	var at struct{ b, o, t int }
	chunk := func(endB, endO, endT int) {
		mine, yours, was := no[at.o:endO], nt[at.t:endT], nb[at.b:endB]
		switch {
		case slices.Equal(mine, yours), slices.Equal(yours, was):
			writeLines(&merged, o[at.o:endO])
		case slices.Equal(mine, was):
			writeLines(&merged, t[at.t:endT])
		default:
			if both := settle(o[at.o:endO], t[at.t:endT]); both != nil {
				writeLines(&merged, both)
				return
			}
			conflicts = append(conflicts, span{at.b, endB})
		}
	}
	for i := range b {
		if inOurs[i] < 0 || inTheirs[i] < 0 {
			continue
		}
		chunk(i, inOurs[i], inTheirs[i])
		merged.WriteString(b[i])
		at.b, at.o, at.t = i+1, inOurs[i]+1, inTheirs[i]+1
	}
	chunk(len(b), len(o), len(t))
	if conflicts != nil {
		return nil, conflicts
	}
	return merged.Bytes(), nil
}

// union are the lines of both, ours first, but once where both begin or end alike.
func union(ours, theirs []string) []string {
	n := 0
	for n < min(len(ours), len(theirs)) && ours[n] == theirs[n] {
		n++
	}
	both := slices.Clone(ours)
	theirs = theirs[n:]
	for n = len(ours) - n; n > 0 && len(theirs) > 0; n-- {
		if theirs[len(theirs)-1] != ours[len(ours)-1] {
			break
		}
		theirs, ours = theirs[:len(theirs)-1], ours[:len(ours)-1]
	}
	tail := slices.Clone(both[len(ours):])
	both = append(both[:len(ours)], theirs...)
	both = append(both, tail...)
	for i, line := range both { // a side whose last line has no end
		if i+1 < len(both) && !strings.HasSuffix(line, "\n") {
			both[i] = line + "\n"
		}
	}
	return both
}

func writeLines(w *bytes.Buffer, lines []string) {
	for _, line := range lines {
		w.WriteString(line)
	}
}

// sayLines tells people which lines of the base are in conflict.
func sayLines(conflicts []span) string {
	var lines, places []string
	for _, c := range conflicts {
		switch c.end - c.after {
		case 0:
			places = append(places, fmt.Sprint(c.after))
		case 1:
			lines = append(lines, fmt.Sprint(c.end))
		default:
			lines = append(lines, fmt.Sprintf("%d-%d", c.after+1, c.end))
		}
	}
	var say []string
	if lines != nil {
		say = append(say, "changed lines "+strings.Join(lines, ", "))
	}
	if places != nil {
		say = append(say, "added lines after line "+strings.Join(places, ", "))
	}
	return "both sides " + strings.Join(say, " and ")
}

// isBinary tells whether content is taken for something else than text: as git does, by a NUL near its beginning.
func isBinary(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0
}
