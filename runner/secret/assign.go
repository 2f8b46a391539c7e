package secret

import (
	"bytes"
	"strings"
)

// names are what a secret is called where it is assigned: the ends of such names, in lower case and without separators.
var names = []string{"password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "secretkey", "privatekey", "authkey", "signingkey",
	"encryptionkey", "credential", "credentials"}

const assignedRule = "a password or token"

// triggers are the parts of names by which the scan finds them.
var triggers = []string{"pass", "secret", "token", "key", "credential"}

// assigned matches a value that is assigned to a name that ends like one of names: `db_password = "…"`, `api-key: …`,
// `"clientSecret": "…"`, `TOKEN=…`. i is where a trigger begins.
func assigned(data []byte, i int) (start, end int, ok bool) {
	nameStart, nameEnd := i, i
	for nameStart > 0 && i-nameStart < 40 && (word[data[nameStart-1]] || data[nameStart-1] == '-') {
		nameStart--
	}
	for nameEnd < len(data) && nameEnd-i < 40 && (word[data[nameEnd]] || data[nameEnd] == '-') {
		nameEnd++
	}
	if !telling(data[nameStart:nameEnd]) {
		return 0, 0, false
	}
	at := nameEnd
	for at < len(data) && at-nameEnd < 2 && (data[at] == '"' || data[at] == '\'' || data[at] == ']') {
		at++
	}
	spaced := skipSpace(data, &at)
	op := at
	for at < len(data) && at-op < 3 && (data[at] == '=' || data[at] == ':' || data[at] == '>') {
		at++
	}
	if at == op || data[op] == '>' {
		return 0, 0, false
	}
	spaced = skipSpace(data, &at) || spaced
	if at >= len(data) {
		return 0, 0, false
	}
	if q := data[at]; q == '"' || q == '\'' || q == '`' {
		start = at + 1
		n := bytes.IndexAny(data[start:min(len(data), start+maxValue)], "\n"+string(q))
		if n < 0 || data[start+n] != q {
			return 0, 0, false
		}
		end = start + n
		return start, end, end-start >= 8 && plausible(data[start:end]) && !identifier(data[start:end])
	}
	start, end = at, at
	for end < len(data) && end-start < maxValue && data[end] > ' ' && data[end] < 0x7f && bytes.IndexByte([]byte(`"'`+"`,;"), data[end]) < 0 {
		end++
	}
	value := data[start:end]
	code := bytes.ContainsAny(value, "()[]{}<>$\\|&*") || spaced && data[op] == '='
	return start, end, len(value) >= 12 && !code && plausible(value) && !identifier(value)
}

// maxValue bounds an assigned value, in bytes.
const maxValue = 300

// skipSpace moves past blanks, and tells whether there were some.
func skipSpace(data []byte, at *int) bool {
	from := *at
	for *at < len(data) && *at-from < 40 && (data[*at] == ' ' || data[*at] == '\t') {
		*at++
	}
	return *at > from
}

// telling tells whether a name ends like a secret's, with what a deployment adds: TOKEN_PROD, password2.
func telling(name []byte) bool {
	flat := make([]byte, 0, len(name))
	for _, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
			flat = append(flat, c+'a'-'A')
		case c >= 'a' && c <= 'z':
			flat = append(flat, c)
		}
	}
	for _, stage := range []string{"prod", "production", "dev", "staging", "live", "value"} {
		if cut, ok := bytes.CutSuffix(flat, []byte(stage)); ok {
			flat = cut
			break
		}
	}
	for _, n := range names {
		if bytes.HasSuffix(flat, []byte(n)) {
			return true
		}
	}
	return false
}

// plausible tells whether an assigned value may be a secret: letters and digits without order, no placeholder, address or path.
func plausible(v []byte) bool {
	letters, digits := 0, 0
	for _, c := range v {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		case c <= ' ' || c >= 0x7f:
			return false
		}
	}
	if letters == 0 || digits == 0 || looksMade(v) || bytes.ContainsAny(v, "<>{}()$%\\") {
		return false
	}
	if bytes.Contains(v, []byte("://")) || v[0] == '/' || bytes.HasPrefix(v, []byte("./")) || bytes.HasPrefix(v, []byte("../")) {
		return false
	}
	return entropy(v) >= enough(len(v))
}

// identifier tells whether a value is made of words, like a name in code, with or without dots, dashes and slashes between
// them: its runs of small letters (with a capital before) and of digits are three long or more on an average, which those of
// a random text are not.
func identifier(v []byte) bool {
	for _, part := range bytes.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(".-_/:#@", r) }) {
		runs, was := 0, byte(0)
		for _, c := range part {
			if !alnum[c] {
				return false
			}
			is := kind(c)
			if is != was && !(was == 'A' && is == 'a') {
				runs++
			}
			was = is
		}
		if len(part) < 3*runs && len(part) > 3 || len(part) > 24 {
			return false
		}
	}
	return true
}

// kind is 'a', 'A' or '0'.
func kind(c byte) byte {
	switch {
	case c >= 'a':
		return 'a'
	case c >= 'A':
		return 'A'
	}
	return '0'
}
