package warpgit

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Trailers of every commit of a fabric.
const (
	trailerRule    = "Jitos-Rule"
	trailerActor   = "Jitos-Actor"
	trailerProcess = "Jitos-Process"
	trailerTask    = "Jitos-Task"
)

// subjectLength is how long the first line of a message may be, in letters.
const subjectLength = 72

// message tells a rewrite in words: "<rule>: <what>", why, trailers.
func message(rw jitos.Rewrite) (string, error) {
	full := rw.Rule + ": " + oneLine(rw.What)
	subject, cut := shorten(full, subjectLength)
	var b strings.Builder
	b.Grow(256)
	b.WriteString(subject + "\n\n")
	if cut {
		b.WriteString(full + "\n\n")
	}
	if why := strings.TrimSpace(cleanText(rw.Why)); why != "" {
		b.WriteString(why + "\n\n")
	}
	trailers := []jitos.Trailer{{Key: trailerRule, Value: rw.Rule}, {Key: trailerActor, Value: rw.Actor},
		{Key: trailerProcess, Value: string(rw.Process)}, {Key: trailerTask, Value: string(rw.Task)}}
	for i, t := range append(trailers, rw.Also...) {
		if !trailerKey(t.Key) {
			return "", fmt.Errorf("trailer %q: %w: want letters, digits and '-'", t.Key, jitos.ErrInvalid)
		}
		if value := oneLine(t.Value); value != "" || i >= len(trailers) {
			b.WriteString(t.Key)
			b.WriteByte(':')
			if value != "" {
				b.WriteByte(' ')
				b.WriteString(value)
			}
			b.WriteByte('\n')
		}
	}
	return b.String(), nil
}

func trailerKey(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	}) < 0
}

// shorten cuts a line at a word's end.
func shorten(s string, limit int) (string, bool) {
	if len(s) <= limit || utf8.RuneCountInString(s) <= limit {
		return s, false
	}
	s = string([]rune(s)[:limit-1])
	if i := strings.LastIndexByte(s, ' '); i > limit/2 {
		s = s[:i]
	}
	return strings.TrimRight(s, " ,.;:") + "…", true
}

// oneLine puts text on one line, without what a terminal would obey.
func oneLine(s string) string {
	if isPlain(s) {
		return s
	}
	return strings.Join(strings.Fields(cleanText(s)), " ")
}

// isPlain tells whether text is printable ASCII with single spaces between words, as most is.
func isPlain(s string) bool {
	space := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ' ' && space {
			return false
		}
		space = s[i] == ' '
	}
	return s == "" || !space
}

func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
}

// parseMessage takes a message apart into its first line, its body and the trailers of its last paragraph. A paragraph with
// a line that is no trailer is body.
func parseMessage(text string) (subject, body string, trailers map[string]string) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	subject, body, _ = strings.Cut(text, "\n")
	body = strings.TrimSpace(body)
	last := body
	if i := strings.LastIndex(body, "\n\n"); i >= 0 {
		last = body[i+2:]
	}
	found := map[string]string{}
	for line := range strings.Lines(last) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !ok || !trailerKey(key) {
			return subject, body, nil
		}
		found[key] = strings.TrimSpace(value)
	}
	if len(found) == 0 {
		return subject, body, nil
	}
	return subject, strings.TrimSpace(strings.TrimSuffix(body, last)), found
}

// person reads "name <address>", or an address alone; a worker's bare name gets an address that nobody has.
func person(actor string) (name, address string) {
	if i := strings.LastIndexByte(actor, '<'); i >= 0 && strings.HasSuffix(strings.TrimSpace(actor), ">") {
		name, address = actor[:i], strings.TrimSuffix(strings.TrimSpace(actor[i+1:]), ">")
	} else if at := strings.IndexByte(actor, '@'); at > 0 && at < len(actor)-1 && !strings.ContainsFunc(actor, unicode.IsSpace) {
		address = actor
	} else {
		name = actor
	}
	crud := func(r rune) rune { // what git takes out of names as well
		if strings.ContainsRune("<>\n\x00", r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}
	name = strings.Trim(strings.Map(crud, name), " .,:;\"'\\")
	address = strings.TrimSpace(strings.Map(crud, address))
	if name == "" {
		name, _, _ = strings.Cut(address, "@")
	}
	if name == "" {
		name = "jitos"
	}
	if address == "" {
		address = strings.ReplaceAll(strings.ToLower(name), " ", "-") + "@jitos.invalid"
	}
	return name, address
}

func signatureText(s object.Signature) string { return s.Name + " <" + s.Email + ">" }
