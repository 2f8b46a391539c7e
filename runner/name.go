package runner

import (
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/jitos/jitos/warpgit/object"
)

// fabricDir is the fabric's directory at the root of its commits. Jobs neither see nor write it.
const fabricDir = ".jitos"

// refusal says that a path cannot be part of a job's directory, or of what a job leaves. It is the job's outcome, not an
// error of the fabric.
type refusal struct {
	path string
	why  string
}

func (r *refusal) Error() string { return quoted(r.path) + ": " + r.why }

// quoted shows a path on one line whatever it holds.
func quoted(p string) string {
	if strings.IndexFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) < 0 {
		return p
	}
	var b strings.Builder
	for _, r := range p {
		if r < ' ' || r == 0x7f {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// badName says why one part of a path is refused, "" where it is fine. ".git" is refused in any spelling that a file system
// might take for it, see object.IsGitDir.
func badName(name string) string {
	switch {
	case name == "" || name == "." || name == "..":
		return "not a file name"
	case strings.ContainsAny(name, "/\x00"):
		return "a name with a slash in it"
	case strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) >= 0:
		return "a control character in the name"
	case object.IsGitDir(name):
		return "git's own directory is no file"
	}
	return ""
}

// fold makes names equal that a file system may take for one: by case, or by how Unicode composes a letter. Files of which
// some machines can hold only one are no files to prove anything on.
func fold(name string) string {
	if strings.IndexFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return strings.ToLower(name)
	}
	return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFD.String(name))))
}

// badLink says why the target of a link at p is refused, "" where it is fine: it must stay inside the files. A target that
// does not exist is fine.
func badLink(p, target string) string {
	switch {
	case target == "" || strings.ContainsRune(target, 0):
		return "a link without a target"
	case path.IsAbs(target):
		return "a link to the absolute path " + quoted(target)
	}
	// ".." may only stand in front: behind a name it would start from wherever that name, itself a link, leads. So every
	// link stays inside however links are combined.
	depth, named := strings.Count(p, "/"), false
	for _, part := range strings.Split(target, "/") {
		switch {
		case part == "" || part == ".":
		case part != "..":
			named = true
		case named || depth == 0:
			return "a link that may lead out of the files, to " + quoted(target)
		default:
			depth--
		}
		if object.IsGitDir(part) {
			return "a link into git's own directory"
		}
	}
	return ""
}
