package secret

import (
	"bytes"
	"encoding/base64"
)

// maxToken bounds what is looked at of one finding, in bytes.
const maxToken = 4 << 10

// Prefixes of what takes more than a shape to recognise.
const (
	pemPrefix = "-----BEGIN "
	jwtPrefix = "eyJ"
	urlPrefix = "://"
)

// privateKey matches a private key in PEM: a header that says so, and then a body, on lines of its own or with the newlines
// escaped as in JSON. A header alone, as in code that reads keys, is none.
func privateKey(data []byte, i int) (end int, ok bool) {
	b := data[i:min(len(data), i+maxToken)]
	rest := b[len(pemPrefix):]
	label, body, found := bytes.Cut(rest[:min(len(rest), 200)], []byte("-----"))
	if !found || !bytes.Contains(label, []byte("PRIVATE KEY")) || bytes.ContainsAny(label, "\n\"'`%") {
		return 0, false
	}
	body = b[len(pemPrefix)+len(label)+len("-----"):]
	var key []byte
	at := 0
	for at < len(body) && len(key) < 200 && !bytes.HasPrefix(body[at:], []byte("-----")) {
		switch c := body[at]; {
		case c == '\\' && at+1 < len(body) && (body[at+1] == 'n' || body[at+1] == 'r'):
			at++
		case base64s[c]:
			key = append(key, c)
		case c == '\n' || c == '\r' || c == ' ' || c == '\t' || c == '"' || c == '+' || c == ':' || c == ',' || c == '\'':
		default:
			return 0, false
		}
		at++
	}
	if len(key) < 64 || entropy(key) < 4 || looksMade(key) {
		return 0, false
	}
	if e := bytes.Index(b, []byte("-----END ")); e > 0 {
		return i + e, true
	}
	return i + len(pemPrefix) + len(label) + len("-----") + at, true
}

// jwt matches a signed token: three parts in base64url, of which the first is a header with an algorithm.
func jwt(data []byte, i int) (end int, ok bool) {
	if i > 0 && (base64s[data[i-1]] || data[i-1] == '.') {
		return 0, false
	}
	var dots []int
	end = i
	for end < len(data) && end-i < maxToken && (dashed[data[end]] || data[end] == '.') {
		if data[end] == '.' {
			dots = append(dots, end)
		}
		end++
	}
	if len(dots) != 2 || dots[1]-dots[0] < 20 || end-dots[1] < 20 {
		return 0, false
	}
	header := make([]byte, base64.RawURLEncoding.DecodedLen(dots[0]-i))
	n, err := base64.RawURLEncoding.Decode(header, data[i:dots[0]])
	if err != nil || !bytes.Contains(header[:n], []byte(`"alg"`)) || bytes.Contains(header[:n], []byte(`"none"`)) {
		return 0, false
	}
	return end, !looksMade(data[dots[1]+1 : end])
}

// urlPassword matches the password of a URL: scheme://user:password@host. i is where "://" begins.
func urlPassword(data []byte, i int) (start, end int, ok bool) {
	if i == 0 || !alnum[data[i-1]] {
		return 0, 0, false
	}
	for at := i + len(urlPrefix); at < len(data) && at-i < 300; at++ {
		switch c := data[at]; {
		case c == ':' && start == 0:
			start = at + 1
		case c == '@':
			password := data[max(start, 0):at]
			return start, at, start > 0 && len(password) >= 8 && plausible(password) && !localHost(data[at+1:])
		case c <= ' ' || c == '/' && start == 0 || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == '\\' || c >= 0x7f:
			return 0, 0, false
		}
	}
	return 0, 0, false
}

// localHost tells whether a URL goes on with a host that nobody reaches from elsewhere, or that is an example.
func localHost(rest []byte) bool {
	n := 0
	for n < len(rest) && n < 200 && dotted[rest[n]] {
		n++
	}
	host := rest[:n]
	return bytes.HasPrefix(host, []byte("localhost")) || bytes.HasPrefix(host, []byte("127.")) || bytes.HasPrefix(host, []byte("host")) ||
		bytes.Contains(host, []byte("example")) || !bytes.ContainsRune(host, '.')
}
