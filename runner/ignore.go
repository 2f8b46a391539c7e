package runner

import (
	"bytes"
	"strings"
)

// ignoreRule is one line of a .gitignore file.
type ignoreRule struct {
	parts   []string // of the pattern, relative to the file's directory; a leading "**" where the pattern has no slash
	negated bool     // "!": what matched before is not ignored after all
	dirOnly bool     // "/" at the end
}

// ignoreFile is a .gitignore file: its directory ("" for the root) and its rules in order.
type ignoreFile struct {
	dir   string
	rules []ignoreRule
}

// ignores are the .gitignore files from the root down to one directory.
type ignores []ignoreFile

// with returns the files and one more below them. The receiver is not changed: siblings share it.
func (i ignores) with(dir string, content []byte) ignores {
	f := ignoreFile{dir: dir}
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	for _, line := range strings.Split(string(content), "\n") {
		if rule, ok := parseIgnore(line); ok {
			f.rules = append(f.rules, rule)
		}
	}
	if len(f.rules) == 0 {
		return i
	}
	return append(i[:len(i):len(i)], f)
}

// match tells whether a path whose parents are not ignored is ignored: the last rule that matches decides, those of
// deeper directories after those of the directories above.
func (i ignores) match(p string, isDir bool) bool {
	for n := len(i) - 1; n >= 0; n-- {
		f := i[n]
		rel := p
		if f.dir != "" {
			rel = strings.TrimPrefix(p, f.dir+"/")
		}
		parts := strings.Split(rel, "/")
		for r := len(f.rules) - 1; r >= 0; r-- {
			rule := f.rules[r]
			if (!rule.dirOnly || isDir) && matchIgnore(rule.parts, parts) {
				return !rule.negated
			}
		}
	}
	return false
}

// parseIgnore reads a line; false for comments, blank lines and patterns that match nothing.
func parseIgnore(line string) (ignoreRule, bool) {
	var r ignoreRule
	line = strings.TrimSuffix(line, "\r")
	if strings.HasPrefix(line, "#") {
		return r, false
	}
	for strings.HasSuffix(line, " ") && !escapedAt(line, len(line)-1) {
		line = line[:len(line)-1]
	}
	if strings.HasPrefix(line, "!") {
		r.negated, line = true, line[1:]
	}
	if strings.HasSuffix(line, "/") {
		r.dirOnly, line = true, line[:len(line)-1]
	}
	anchored := strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return r, false
	}
	r.parts = strings.Split(line, "/")
	if !anchored {
		r.parts = []string{"**", line}
	}
	return r, true
}

// escapedAt tells whether an odd number of backslashes stands before position i.
func escapedAt(s string, i int) bool {
	n := 0
	for i--; i >= 0 && s[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// matchIgnore matches the whole path. "**" as a part stands for any number of directories; at the end for at least one
// name, so that "a/**" matches what is in a and not a itself.
func matchIgnore(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			if len(pattern) == 1 {
				return len(name) > 0
			}
			for i := range len(name) + 1 {
				if matchIgnore(pattern[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 || !matchName(pattern[0], name[0]) {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}

// matchName matches one part of a path as git's wildmatch does: * ? [a-z] [!a] [^a] [[:digit:]] and \ before any of them.
// Bytes are compared, not runes, as git compares them. Time is linear in the product of the lengths.
func matchName(pattern, name string) bool {
	p, n := 0, 0
	star, mark := -1, 0 // the last "*" and how much of the name it has taken
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, mark = p, n
			p++
			continue
		}
		if width, ok := matchByte(pattern[p:], name[n]); ok {
			p += width
			n++
			continue
		}
		if star < 0 {
			return false
		}
		mark++
		p, n = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchByte matches one byte against the head of a pattern and returns how long that head is.
func matchByte(pattern string, c byte) (int, bool) {
	if pattern == "" {
		return 0, false
	}
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return matchClass(pattern, c)
	case '\\':
		if len(pattern) == 1 {
			return 0, false
		}
		return 2, pattern[1] == c
	}
	return 1, pattern[0] == c
}

// matchClass matches a byte against a bracket expression. One that is not closed matches nothing.
func matchClass(pattern string, c byte) (int, bool) {
	i, negated, found := 1, false, false
	if i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^') {
		negated = true
		i++
	}
	for first := true; ; first = false {
		if i >= len(pattern) {
			return 0, false
		}
		if pattern[i] == ']' && !first {
			return i + 1, found != negated
		}
		if strings.HasPrefix(pattern[i:], "[:") {
			if end := strings.Index(pattern[i+2:], ":]"); end >= 0 {
				known, in := inClass(pattern[i+2:i+2+end], c)
				if !known {
					return 0, false
				}
				found = found || in
				i += end + 4
				continue
			}
		}
		low, width := classByte(pattern[i:])
		i += width
		high := low
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high, width = classByte(pattern[i+1:])
			i += 1 + width
		}
		found = found || low <= c && c <= high
	}
}

// classByte reads one byte of a bracket expression, which a backslash may stand before.
func classByte(s string) (byte, int) {
	if s[0] == '\\' && len(s) > 1 {
		return s[1], 2
	}
	return s[0], 1
}

func inClass(name string, c byte) (known, in bool) {
	lower, upper, digit := c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9'
	switch name {
	case "alpha":
		return true, lower || upper
	case "digit":
		return true, digit
	case "alnum":
		return true, lower || upper || digit
	case "lower":
		return true, lower
	case "upper":
		return true, upper
	case "space":
		return true, c == ' ' || c >= '\t' && c <= '\r'
	case "blank":
		return true, c == ' ' || c == '\t'
	case "punct":
		return true, c > ' ' && c < 0x7f && !lower && !upper && !digit
	case "xdigit":
		return true, digit || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	case "print":
		return true, c >= ' ' && c < 0x7f
	case "graph":
		return true, c > ' ' && c < 0x7f
	case "cntrl":
		return true, c < ' ' || c == 0x7f
	}
	return false, false
}
