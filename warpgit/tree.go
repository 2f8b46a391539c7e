package warpgit

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/jitos/jitos"
)

// decodeTree reads the bytes of a tree object. Modes are kept as written, also such as git no longer writes (100664).
func decodeTree(data []byte) ([]object.TreeEntry, error) {
	entries := make([]object.TreeEntry, 0, len(data)/36+1)
	for len(data) > 0 {
		space := bytes.IndexByte(data, ' ')
		end := bytes.IndexByte(data, 0)
		if space <= 0 || end < space || len(data) < end+21 {
			return nil, fmt.Errorf("%w: broken entry after %d entries", jitos.ErrCorrupt, len(entries))
		}
		mode, err := strconv.ParseUint(string(data[:space]), 8, 32)
		if err != nil {
			return nil, fmt.Errorf("%w: mode %q", jitos.ErrCorrupt, data[:space])
		}
		e := object.TreeEntry{Name: string(data[space+1 : end]), Mode: filemode.FileMode(mode)}
		copy(e.Hash[:], data[end+1:])
		entries = append(entries, e)
		data = data[end+21:]
	}
	return entries, nil
}

// encodeTree writes the bytes of a tree object; the entries are in git's order.
func encodeTree(entries []object.TreeEntry) []byte {
	b := make([]byte, 0, len(entries)*40)
	for _, e := range entries {
		b = strconv.AppendUint(b, uint64(e.Mode), 8)
		b = append(b, ' ')
		b = append(b, e.Name...)
		b = append(b, 0)
		b = append(b, e.Hash[:]...)
	}
	return b
}

// compareEntries orders entries as git does: a directory compares as if its name ended in a slash.
func compareEntries(a, b object.TreeEntry) int {
	n := min(len(a.Name), len(b.Name))
	if c := strings.Compare(a.Name[:n], b.Name[:n]); c != 0 {
		return c
	}
	return int(byteAt(a, n)) - int(byteAt(b, n))
}

func byteAt(e object.TreeEntry, i int) byte {
	switch {
	case i < len(e.Name):
		return e.Name[i]
	case e.Mode == filemode.Dir:
		return '/'
	}
	return 0
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

// find returns the entry of a name.
func find(entries []object.TreeEntry, name string) (object.TreeEntry, bool) {
	for _, as := range []filemode.FileMode{filemode.Regular, filemode.Dir} { // a name sorts in two places
		i, _ := slices.BinarySearchFunc(entries, object.TreeEntry{Name: name, Mode: as}, compareEntries)
		if i < len(entries) && entries[i].Name == name {
			return entries[i], true
		}
	}
	return object.TreeEntry{}, false
}

// with returns a copy of the entries in which name has the mode and hash given; the zero hash takes it out.
func with(entries []object.TreeEntry, name string, mode filemode.FileMode, id plumbing.Hash) []object.TreeEntry {
	out := make([]object.TreeEntry, 0, len(entries)+1)
	for _, e := range entries {
		if e.Name != name {
			out = append(out, e)
		}
	}
	if !id.IsZero() {
		out = append(out, object.TreeEntry{Name: name, Mode: mode, Hash: id})
	}
	return sortedTree(out)
}
