package warpgit

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// A tree is the bytes of a tree object, whose form was looked at once (parseTree): entries of "mode name NUL hash", in git's
// order. The store works on these bytes: a change of one entry copies them and patches twenty, and what differs from the tree
// before, which a pack stores, stands where the patch is.
type tree []byte

// entry is one entry of a tree. Its name is a part of the tree's bytes.
type entry struct {
	mode filemode.FileMode
	name []byte
	id   plumbing.Hash
}

func (e entry) isDir() bool { return e.mode == filemode.Dir }

// parseTree looks at the form of a tree's bytes: of each entry, that it is whole and its mode a number. What names mean is the
// caller's business; modes stay as written, also such as git no longer writes (100664).
func parseTree(data []byte) (tree, error) {
	for count, rest := 0, data; len(rest) > 0; count++ {
		end := bytes.IndexByte(rest, 0)
		if end < 0 || len(rest) < end+21 {
			return nil, fmt.Errorf("%w: broken entry after %d entries", jitos.ErrCorrupt, count)
		}
		space := 0
		for space < end && rest[space] >= '0' && rest[space] <= '7' && space < 8 {
			space++
		}
		if space == 0 || space+1 >= end || rest[space] != ' ' {
			return nil, fmt.Errorf("%w: mode %.20q after %d entries", jitos.ErrCorrupt, rest[:end], count)
		}
		rest = rest[end+21:]
	}
	return data, nil
}

// next takes the first entry off a tree that is not empty.
func (t tree) next() (entry, tree) {
	var e entry
	i := 0
	for ; t[i] != ' '; i++ {
		e.mode = e.mode<<3 | filemode.FileMode(t[i]-'0')
	}
	end := i + 1 + bytes.IndexByte(t[i+1:], 0)
	e.name = t[i+1 : end]
	copy(e.id[:], t[end+1:])
	return e, t[end+21:]
}

// find returns the entry of a name.
func (t tree) find(name string) (entry, bool) {
	for rest := t; len(rest) > 0; {
		e, after := rest.next()
		if string(e.name) == name {
			return e, true
		}
		rest = after
	}
	return entry{}, false
}

// count is the number of entries, up to a limit.
func (t tree) count(limit int) int {
	n := 0
	for rest := t; len(rest) > 0 && n < limit; n++ {
		_, rest = rest.next()
	}
	return n
}

// appendEntry writes an entry as git does.
func appendEntry(b []byte, mode filemode.FileMode, name string, id plumbing.Hash) []byte {
	switch mode {
	case filemode.Dir:
		b = append(b, "40000 "...)
	case filemode.Regular:
		b = append(b, "100644 "...)
	default:
		b = append(strconv.AppendUint(b, uint64(mode), 8), ' ')
	}
	b = append(b, name...)
	b = append(b, 0)
	return append(b, id[:]...)
}

// with returns a copy in which the names of changes, sorted as git sorts and each there once, have the modes and hashes given;
// the zero hash takes a name out.
func (t tree) with(b []byte, changes ...object.TreeEntry) tree {
	rest := t
	for _, c := range changes {
		same := 0 // bytes of entries that stay
		at := rest
		for len(at) > 0 {
			e, after := at.next()
			order := compareNames(e.name, e.isDir(), c.Name, c.Mode == filemode.Dir)
			if order > 0 {
				break
			}
			if order == 0 {
				b = append(b, rest[:same]...)
				rest, same = after, 0
				break
			}
			same += len(at) - len(after)
			at = after
		}
		b = append(b, rest[:same]...)
		rest = rest[same:]
		if !c.Hash.IsZero() {
			b = appendEntry(b, c.Mode, c.Name, c.Hash)
		}
	}
	return append(b, rest...)
}

// compareNames orders entries as git does: a directory compares as if its name ended in a slash.
func compareNames[A, B string | []byte](a A, aDir bool, b B, bDir bool) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return int(a[i]) - int(b[i])
		}
	}
	return int(nameByte(a, len(b), aDir)) - int(nameByte(b, len(a), bDir))
}

// nameByte is what a name has at a place at which the other one, equal up to there, may have ended.
func nameByte[T string | []byte](name T, i int, dir bool) byte {
	switch {
	case i < len(name):
		return name[i]
	case dir:
		return '/'
	}
	return 0
}

func compareEntries(a, b object.TreeEntry) int {
	return compareNames(a.Name, a.Mode == filemode.Dir, b.Name, b.Mode == filemode.Dir)
}

// each calls fn for the entries, with their names as parts of one string, until it gives an error.
func (t tree) each(fn func(name string, e entry) error) error {
	names := string(t)
	for rest := t; len(rest) > 0; {
		e, after := rest.next()
		end := len(names) - len(after) - len(e.id) - 1
		if err := fn(names[end-len(e.name):end], e); err != nil {
			return err
		}
		rest = after
	}
	return nil
}

// entries returns the entries for callers that keep them.
func (t tree) entries() []object.TreeEntry {
	out := make([]object.TreeEntry, 0, t.count(len(t)))
	_ = t.each(func(name string, e entry) error {
		out = append(out, object.TreeEntry{Name: name, Mode: e.mode, Hash: e.id})
		return nil
	})
	return out
}

// encodeTree writes the bytes of a tree object; the entries are in git's order.
func encodeTree(entries []object.TreeEntry) tree {
	b := make([]byte, 0, len(entries)*40)
	for _, e := range entries {
		b = appendEntry(b, e.Mode, e.Name, e.Hash)
	}
	return b
}

// sortedTree returns the entries in git's order, the argument itself where they are so already.
func sortedTree(entries []object.TreeEntry) []object.TreeEntry {
	if slices.IsSortedFunc(entries, compareEntries) {
		return entries
	}
	entries = slices.Clone(entries)
	slices.SortFunc(entries, compareEntries)
	return entries
}

// checkTree refuses what no tree may hold, whoever asks for it.
func checkTree(entries []object.TreeEntry) error {
	seen := make(map[string]bool, len(entries))
	for _, e := range entries {
		name := e.Name
		switch {
		case name == "" || name == "." || name == ".." || strings.EqualFold(name, ".git") || strings.ContainsAny(name, "/\x00"):
			return fmt.Errorf("tree entry %q: %w: not a file name", name, jitos.ErrInvalid)
		case seen[name]:
			return fmt.Errorf("tree entry %q: %w: twice in one tree", name, jitos.ErrInvalid)
		case e.Hash.IsZero():
			return fmt.Errorf("tree entry %q: %w: no object", name, jitos.ErrInvalid)
		}
		seen[name] = true
	}
	return nil
}
