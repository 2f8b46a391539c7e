package overlay

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// WritePatch writes diffs as text that people read and `git apply` takes. Binary content is only named, by full object ids:
// git apply takes that where the objects are in the repository.
func WritePatch(w io.Writer, diffs []FileDiff) error {
	b := bufio.NewWriter(w)
	for _, d := range diffs {
		d.header(b)
		for _, h := range d.Hunks {
			fmt.Fprintf(b, "@@ -%s +%s @@\n", hunkRange(h.OldStart, h.OldLines), hunkRange(h.NewStart, h.NewLines))
			for _, line := range h.Lines {
				b.WriteString(line)
				if !strings.HasSuffix(line, "\n") {
					b.WriteString("\n\\ No newline at end of file\n")
				}
			}
		}
	}
	return b.Flush()
}

func (d FileDiff) header(b *bufio.Writer) {
	old, now := quotePath("a/"+d.Path), quotePath("b/"+d.Path)
	fmt.Fprintf(b, "diff --git %s %s\n", old, now)
	mode := ""
	switch {
	case d.OldMode == "":
		fmt.Fprintf(b, "new file mode %s\n", d.NewMode)
		old = "/dev/null"
	case d.NewMode == "":
		fmt.Fprintf(b, "deleted file mode %s\n", d.OldMode)
		now = "/dev/null"
	case d.OldMode != d.NewMode:
		fmt.Fprintf(b, "old mode %s\nnew mode %s\n", d.OldMode, d.NewMode)
	default:
		mode = " " + d.OldMode
	}
	if d.Old == d.New {
		return
	}
	digits := 10
	if d.Binary {
		digits = 40
	}
	fmt.Fprintf(b, "index %s..%s%s\n", shortID(string(d.Old), digits), shortID(string(d.New), digits), mode)
	switch {
	case d.Binary:
		fmt.Fprintf(b, "Binary files %s and %s differ\n", old, now)
	case d.Hunks != nil:
		fmt.Fprintf(b, "--- %s\n+++ %s\n", endName(old), endName(now))
	}
}

func shortID(id string, digits int) string {
	if id == "" {
		return strings.Repeat("0", digits)
	}
	return id[:digits]
}

func hunkRange(start, lines int) string {
	if lines == 1 {
		return fmt.Sprint(start)
	}
	return fmt.Sprintf("%d,%d", start, lines)
}

// endName shows where a name with spaces ends.
func endName(name string) string {
	if strings.Contains(name, " ") && name[0] != '"' {
		return name + "\t"
	}
	return name
}

// quotePath writes a path as git does where it holds what could be taken for something else, or could steer a terminal.
func quotePath(p string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(p); {
		r, size := utf8.DecodeRuneInString(p[i:])
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(p[i])
			quoted = true
		case r == utf8.RuneError && size == 1 || unicode.IsControl(r):
			for _, c := range []byte(p[i : i+size]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
			quoted = true
		default:
			b.WriteString(p[i : i+size])
		}
		i += size
	}
	if quoted {
		return `"` + b.String() + `"`
	}
	return p
}

// WriteStat writes a line for each path with the number of its lines that changed, and a line that sums them up. No diffs
// write nothing.
func WriteStat(w io.Writer, diffs []FileDiff) error {
	b := bufio.NewWriter(w)
	width, most, added, removed := 0, 0, 0, 0
	for _, d := range diffs {
		width = max(width, utf8.RuneCountInString(quotePath(d.Path)))
		most = max(most, d.Added+d.Removed)
		added, removed = added+d.Added, removed+d.Removed
	}
	for _, d := range diffs {
		fmt.Fprintf(b, " %-*s | %s\n", width, quotePath(d.Path), d.stat(most))
	}
	if len(diffs) > 0 {
		fmt.Fprintf(b, " %s changed", plural(len(diffs), "file", "files"))
		if added > 0 || removed == 0 {
			fmt.Fprintf(b, ", %s", plural(added, "insertion(+)", "insertions(+)"))
		}
		if removed > 0 || added == 0 {
			fmt.Fprintf(b, ", %s", plural(removed, "deletion(-)", "deletions(-)"))
		}
		b.WriteByte('\n')
	}
	return b.Flush()
}

// stat draws one path's changes, scaled so that the most changed path fits.
func (d FileDiff) stat(most int) string {
	const room = 40
	scale := func(n int) int {
		if most <= room || n == 0 {
			return n
		}
		return max(1, n*room/most)
	}
	switch {
	case d.Binary:
		return "binary"
	case d.Old == d.New:
		return fmt.Sprintf("mode %s, was %s", d.NewMode, d.OldMode)
	}
	line := fmt.Sprintf("%d %s%s", d.Added+d.Removed, strings.Repeat("+", scale(d.Added)), strings.Repeat("-", scale(d.Removed)))
	return strings.TrimRight(line, " ")
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
