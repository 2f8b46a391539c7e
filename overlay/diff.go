package overlay

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// FileDiff is the difference of one path in two file trees. A path that changed its kind (a file that became a symbolic
// link) has two: the old one goes, the new one comes.
type FileDiff struct {
	Path    string       `json:"path"`
	OldMode string       `json:"old_mode,omitempty"` // octal: "100644", "100755", "120000" (link), "160000" (submodule); "" for none
	NewMode string       `json:"new_mode,omitempty"`
	Old     jitos.BlobID `json:"old,omitempty"` // of a submodule: its commit
	New     jitos.BlobID `json:"new,omitempty"`
	Binary  bool         `json:"binary,omitempty"` // one side is: there are no hunks
	Added   int          `json:"added"`            // lines
	Removed int          `json:"removed"`
	Hunks   []Hunk       `json:"hunks,omitempty"` // none where only the mode changed, or a file is empty
}

// Hunk is a run of changes with up to three lines of context around. Starts count from 1; where a side has no line in the
// hunk, its start is the line before.
type Hunk struct {
	OldStart int `json:"old_start"`
	OldLines int `json:"old_lines"`
	NewStart int `json:"new_start"`
	NewLines int `json:"new_lines"`
	// Lines begin with ' ', '-' or '+' and end as in the file: the last line of a file may lack its newline.
	Lines []string `json:"lines"`
}

// DiffFiles compares two file trees by lines, in byte order of the paths. It reads only what differs. The tree "" is the
// empty one.
func (m *Merger) DiffFiles(ctx context.Context, a, b jitos.TreeID) ([]FileDiff, error) {
	type pair struct {
		path string
		a, b leaf
	}
	var changed []pair
	if err := m.differ(ctx, a, b, func(name string, a, b leaf) { changed = append(changed, pair{name, a, b}) }); err != nil {
		return nil, fmt.Errorf("diff files: %w", err)
	}
	slices.SortFunc(changed, func(x, y pair) int { return cmp.Compare(x.path, y.path) })
	var diffs []FileDiff
	for _, c := range changed {
		parts := []pair{c}
		if !c.a.absent() && !c.b.absent() && (c.a.isFile() != c.b.isFile() || !c.a.isFile() && c.a.mode != c.b.mode) {
			parts = []pair{{c.path, c.a, leaf{}}, {c.path, leaf{}, c.b}}
		}
		for _, p := range parts {
			d, err := m.diffLeaf(ctx, p.path, p.a, p.b)
			if err != nil {
				return nil, fmt.Errorf("diff files: %s: %w", p.path, err)
			}
			diffs = append(diffs, d)
		}
	}
	return diffs, nil
}

func (m *Merger) diffLeaf(ctx context.Context, name string, a, b leaf) (FileDiff, error) {
	d := FileDiff{Path: name, OldMode: octal(a.mode), NewMode: octal(b.mode), Old: jitos.BlobID(a.String()), New: jitos.BlobID(b.String())}
	if a.id == b.id {
		return d, nil
	}
	old, err := m.leafText(ctx, a)
	if err != nil {
		return d, err
	}
	now, err := m.leafText(ctx, b)
	if err != nil {
		return d, err
	}
	var ok bool
	if d.Hunks, ok = Hunks(old, now); !ok {
		d.Binary = true
		return d, nil
	}
	for _, h := range d.Hunks {
		for _, line := range h.Lines {
			switch line[0] {
			case '-':
				d.Removed++
			case '+':
				d.Added++
			}
		}
	}
	return d, nil
}

// Hunks compares two texts by lines. False where one of them is no text, or they are too long.
func Hunks(old, now []byte) ([]Hunk, bool) {
	oldLines, newLines := splitLines(old), splitLines(now)
	words := lexicon{}
	was, is := words.number(oldLines), words.number(newLines)
	if isBinary(old) || isBinary(now) || len(words) > maxLines {
		return nil, false
	}
	return hunks(oldLines, newLines, diffLines(was, is)), true
}

// leafText is what a diff shows of a leaf: for a submodule, as git does, a line that names its commit.
func (m *Merger) leafText(ctx context.Context, l leaf) ([]byte, error) {
	switch {
	case l.absent():
		return nil, nil
	case l.mode == filemode.Submodule:
		return fmt.Appendf(nil, "Subproject commit %s\n", l.id), nil
	}
	return m.objects.Blob(ctx, l.id)
}

func octal(mode filemode.FileMode) string {
	if mode == 0 {
		return ""
	}
	return fmt.Sprintf("%06o", uint32(mode))
}

// contextLines is how many unchanged lines a hunk shows on either side of a change.
const contextLines = 3

// hunks cuts a diff into hunks. Changes with at most twice the context between them share one.
func hunks(old, now []string, m marks) []Hunk {
	var all []Hunk
	var h *Hunk
	quiet := 0 // unchanged lines at the end of h
	i, j := 0, 0
	for i < len(old) || j < len(now) {
		gone, added := i < len(old) && m.gone[i], j < len(now) && m.added[j]
		if !gone && !added {
			if h != nil {
				h.Lines = append(h.Lines, " "+old[i])
				quiet++
			}
			i, j = i+1, j+1
			continue
		}
		if h == nil || quiet > 2*contextLines {
			h.trim(quiet)
			start := max(i-contextLines, 0)
			all = append(all, Hunk{OldStart: start, NewStart: j - (i - start)})
			h = &all[len(all)-1]
			for _, line := range old[start:i] {
				h.Lines = append(h.Lines, " "+line)
			}
		}
		quiet = 0
		if gone {
			h.Lines = append(h.Lines, "-"+old[i])
			i++
		} else {
			h.Lines = append(h.Lines, "+"+now[j])
			j++
		}
	}
	h.trim(quiet)
	for i := range all {
		all[i].count()
	}
	return all
}

// trim takes the context after a hunk's last change down to what is shown.
func (h *Hunk) trim(quiet int) {
	if h != nil && quiet > contextLines {
		h.Lines = h.Lines[:len(h.Lines)-(quiet-contextLines)]
	}
}

// count fills in how many lines of either side the hunk has, and makes its starts, so far lines before it, what a header says.
func (h *Hunk) count() {
	for _, line := range h.Lines {
		if line[0] != '+' {
			h.OldLines++
		}
		if line[0] != '-' {
			h.NewLines++
		}
	}
	if h.OldLines > 0 {
		h.OldStart++
	}
	if h.NewLines > 0 {
		h.NewStart++
	}
}
