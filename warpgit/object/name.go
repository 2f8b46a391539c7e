package object

import (
	"strings"
	"unicode/utf8"
)

// IsGitDir tells whether a name of a file may be git's own directory to some file system, as git's verify_path has it: in any
// case; with what NTFS drops at the end of a name (dots, blanks, a stream), or by its short name there; with code points that
// HFS+ ignores. A backslash separates names on Windows.
func IsGitDir(name string) bool {
	for part := range strings.SplitSeq(name, `\`) {
		if isNTFS(part, ".git") || isNTFS(part, "git~1") || strings.EqualFold(withoutIgnored(part), ".git") {
			return true
		}
	}
	return false
}

// IsGitModules tells the same of .gitmodules, after git's is_ntfs_dotgitmodules and is_hfs_dotgitmodules.
func IsGitModules(name string) bool {
	const long, hashed = ".gitmodules", "gi7eba" // what the short name begins with where four others are taken
	if isNTFS(name, long) || strings.EqualFold(withoutIgnored(name), long) {
		return true
	}
	for _, short := range []string{"gitmod~1", "gitmod~2", "gitmod~3", "gitmod~4"} {
		if isNTFS(name, short) {
			return true
		}
	}
	base, number, ok := strings.Cut(name, "~")
	if !ok || base == "" || len(base) > len(hashed) || !strings.EqualFold(base, hashed[:len(base)]) {
		return false
	}
	digits := len(number) - len(strings.TrimLeft(number, "0123456789"))
	return digits > 0 && number[0] != '0' && len(base)+1+digits == 8 && isNTFS(number, number[:digits])
}

// isNTFS tells whether NTFS takes a name for another, whose case does not matter.
func isNTFS(name, want string) bool {
	if len(name) < len(want) || !strings.EqualFold(name[:len(want)], want) {
		return false
	}
	rest, _, _ := strings.Cut(name[len(want):], ":")
	return strings.Trim(rest, ". ") == ""
}

// withoutIgnored drops what HFS+ ignores in names.
func withoutIgnored(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		case r == utf8.RuneError:
			return '?'
		}
		return r
	}, name)
}
