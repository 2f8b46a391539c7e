package secret

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"go/build"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// random returns text that a generator of tokens could have made. No token of these tests stands in their source.
func random(seed uint64, n int, from *set) string {
	var letters []byte
	for c := range 256 {
		if from[c] {
			letters = append(letters, byte(c))
		}
	}
	r := rand.New(rand.NewPCG(seed, 1))
	for {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		if b[0] != '-' && b[n-1] != '-' && b[n-1] != '.' && !looksMade(b) && !identifier(b) && bytes.ContainsAny(b, "0123456789") {
			return string(b)
		}
	}
}

func rules(found []Finding) (names []string) {
	for _, f := range found {
		names = append(names, fmt.Sprintf("%d: %s", f.Line, f.Rule))
	}
	return names
}

// Every shape is found in the places where people leave tokens, and told by its own rule; one character less or more where the
// length is fixed is something else.
func TestScan_shapes(t *testing.T) {
	var s Scanner
	for i, shape := range shapes {
		n := shape.min
		if n < 24 && shape.max == 0 {
			n = 32
		}
		token := shape.prefix + random(uint64(i), n, shape.set)
		for _, place := range []string{"%s", "token: '%s'", "x := \"%s\"\n", "KEY=%s\n", "curl -H 'Authorization: Bearer %s' x\n", "{\"a\":\"%s\"}", "<a>%s</a>"} {
			found := s.Scan([]byte("first line\n" + fmt.Sprintf(place, token) + "\nlast"))
			if want := "2: " + shape.rule; len(found) != 1 || rules(found)[0] != want {
				t.Errorf("%s in %q: %q, want %q", shape.prefix, place, rules(found), want)
			}
		}
		if shape.max > 0 && shape.prefix != "T3BlbkFJ" {
			for _, other := range []string{shape.prefix + random(1, shape.min-1, shape.set), shape.prefix + random(2, shape.max+1, shape.set)} {
				if found := s.Scan([]byte(other)); len(found) > 0 {
					t.Errorf("%s: %q", other, rules(found))
				}
			}
		}
	}
}

// pem is a text that looks like a key.
func pem(kind, newline string) string {
	body := base64.StdEncoding.EncodeToString([]byte(random(7, 300, alnum)))
	lines := []string{"-----BEGIN " + kind + "-----"}
	for chunk := range slices.Chunk([]byte(body), 64) {
		lines = append(lines, string(chunk))
	}
	return strings.Join(append(lines, "-----END "+kind+"-----"), newline)
}

func token(header string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(`{"sub":"1029384756","name":"Ada"}`)) + "." + random(5, 43, alnum)
}

func TestScan(t *testing.T) {
	pass := random(3, 14, alnum)
	long := random(4, 32, alnum)
	for _, c := range []struct{ text, want string }{
		{pem("RSA "+"PRIVATE KEY", "\n"), "1: a private key"},
		{pem("PRIVATE"+" KEY", "\\n"), "1: a private key"},
		{"# my\n" + pem("OPENSSH "+"PRIVATE KEY", "\r\n"), "2: a private key"},
		{pem("CERTIFICATE", "\n"), ""},
		{`if strings.Contains(s, "-----BEGIN RSA PRIVATE KEY-----") { return errors.New("that is a key, and no certificate at all, I fear") }`, ""},
		{"x = '" + token(`{"alg":"HS256","typ":"JWT"}`) + "'", "1: a signed token (JWT)"},
		{"x = '" + token(`{"alg":"none","typ":"JWT"}`) + "'", ""},
		{"x = '" + token(`{"typ":"JWT"}`) + "'", ""},
		{"postgres://app:" + pass + "@db.internal.corp.net/x", "1: a password in a URL"},
		{"postgres://app:" + pass + "@localhost:5432/x", ""},
		{"postgres://app:" + pass + "@db.example.com/x", ""},
		{"postgres://app:$PASSWORD1@db.corp.net/x", ""},
		{"https://corp.net:8080/users/a@b.corp.net", ""},
		{`password = "` + pass + `"`, "1: a password or token"},
		{`"clientSecret": "` + pass + `",`, "1: a password or token"},
		{"DB_PASSWORD_PROD=" + pass + "\n", "1: a password or token"},
		{"\n\napi-key: " + pass, "3: a password or token"},
		{"aws_secret_access_key = \"" + long + "\"", "1: a password or token"},
		{"config['token'] = '" + pass + "'", "1: a password or token"},
		{`password := "` + pass + `" // ` + Marker, ""},
		{"// " + Marker + "\npassword := \"" + pass + "\"", "2: a password or token"},
		{`passwordHash = "` + long + `"`, ""},
		{`tokenURL: "` + long + `"`, ""},
		{`token := parser2.nextToken()`, ""},
		{`token = refreshToken2`, ""},
		{`password: ${DB_PASSWORD_2}`, ""},
		{`token: parser2ContextBuilder-v4/Handle`, ""},
		{"token = " + long, ""}, // code
		{"token=" + long, "1: a password or token"},
		{"-----BEGIN " + "PRIVATE KEY-----\nMIIabc0123\n-----END PRIVATE KEY-----", ""},
		{"xgh" + "p_" + random(4, 36, alnum), ""},
		{`password: "{{ .Values.password1 }}"`, ""},
		{`password: "<your-password-1>"`, ""},
		{`password = "correct horse battery 9"`, ""},
		{`password = "aaaaaaaaaaaa1"`, ""},
		{`apiKey = "x1234567890"`, ""},
		{"AK" + "IAIOSFODNN7EXAMPLE", ""},
		{`token: "sha256-v2/manifest.json"`, ""},
		{`secret = "https://vault.corp.net/v1/a2b4c6d8"`, ""},
		{"", ""}, {"p", ""}, {"password=", ""}, {`password="`, ""}, {"password=\"\n\"", ""}, {"://", ""}, {"eyJ", ""}, {"-----BEGIN ", ""},
	} {
		var s Scanner
		if got := strings.Join(rules(s.Scan([]byte(c.text))), ", "); got != c.want {
			t.Errorf("%s\n%q, want %q", c.text, got, c.want)
		}
	}
}

func TestScanner_allowed(t *testing.T) {
	text := []byte(`password = "` + random(3, 14, alnum) + "\"\nsecond: gh" + "p_" + random(4, 36, alnum) + "\n")
	var s Scanner
	found := s.Scan(text)
	if len(found) != 2 || found[0].Hash() == found[1].Hash() || len(found[0].Hash()) != 32 {
		t.Fatalf("%+v", found)
	}
	s.Allowed = func(hash string) bool { return hash == found[0].Hash() }
	if left := s.Scan(text); len(left) != 1 || left[0] != found[1] {
		t.Errorf("%+v", left)
	}
	s = Scanner{Values: New(map[string]string{"DEPLOY": "p1a1n-words"}), Allowed: func(string) bool { return true }}
	if left := s.Scan([]byte("a\nit is p1a1n-words, " + Marker)); len(left) != 1 || rules(left)[0] != "2: the secret DEPLOY" {
		t.Errorf("a known value: %q", rules(left))
	}
}

// A stream tells what a scan of the whole tells, wherever a secret lies across its windows.
func TestScanReader(t *testing.T) {
	s := Scanner{Values: New(map[string]string{"K": "k3y-of-the-house"})}
	secrets := []string{"gh" + "p_" + random(1, 36, alnum), `password = "` + random(2, 20, alnum) + `"`, "k3y-of-the-house", pem("EC "+"PRIVATE KEY", "\n")}
	var b bytes.Buffer
	r := rand.New(rand.NewPCG(9, 9))
	for i := range 400 {
		for range r.IntN(160) {
			b.WriteString("words, and words 12\n")
		}
		if i%3 == 0 { // a line that is longer than a window
			b.WriteString(strings.Repeat("- ", r.IntN(400)))
		}
		b.WriteString(" " + secrets[i%len(secrets)] + " ")
	}
	for _, at := range []int{windowSize - overlap/2, windowSize - overlap, windowSize} { // exactly where windows meet
		for _, secret := range secrets {
			for shift := -len(secret) - 2; shift < 3; shift++ {
				text := bytes.Repeat([]byte(".\n"), (windowSize+overlap)/2)
				copy(text[at+shift:], " "+secret+" ")
				whole := rules(s.Scan(text))
				streamed, err := s.ScanReader(bytes.NewReader(text))
				if err != nil || len(whole) != 1 || !slices.Equal(rules(streamed), whole) {
					t.Fatalf("%q at %d%+d: %q, %v; want %q", secret[:10], at, shift, rules(streamed), err, whole)
				}
				if shift += 2; len(secret) > 100 {
					shift += 24
				}
			}
		}
	}
	whole := rules(s.Scan(b.Bytes()))
	streamed, err := s.ScanReader(iotest.HalfReader(bytes.NewReader(b.Bytes())))
	if err != nil || len(whole) != 400 || !slices.Equal(rules(streamed), whole) {
		t.Errorf("%d findings streamed, %d of the whole, %v", len(streamed), len(whole), err)
	}
	if _, err := s.ScanReader(iotest.ErrReader(fs.ErrClosed)); err == nil {
		t.Error("a reader that fails is no clean one")
	}
}

// Whatever the bytes: no panic, and nothing that the stream tells differently.
func FuzzScan(f *testing.F) {
	f.Add([]byte("password = \"a1b2c3d4e5\"\n-----BEGIN PRIVATE KEY-----\neyJhbGciOiJIUzI1NiJ9.x.y\na://b:c@d"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := Scanner{Values: New(map[string]string{"V": "abcdef"})}
		whole := s.Scan(data)
		streamed, err := s.ScanReader(bytes.NewReader(data))
		if err != nil || !slices.Equal(rules(whole), rules(streamed)) {
			t.Errorf("%q, %v; want %q", rules(streamed), err, rules(whole))
		}
	})
}

func BenchmarkScan(b *testing.B) {
	data := corpus(b, 8<<20)
	b.SetBytes(int64(len(data)))
	var s Scanner
	for b.Loop() {
		s.Scan(data)
	}
}

func BenchmarkScan_values(b *testing.B) {
	data := corpus(b, 8<<20)
	b.SetBytes(int64(len(data)))
	s := Scanner{Values: New(map[string]string{"A": random(1, 40, alnum), "B": random(2, 40, alnum)})}
	for b.Loop() {
		s.Scan(data)
	}
}

// corpus is so much source of Go's own library.
func corpus(t testing.TB, size int) []byte {
	var all []byte
	_ = filepath.WalkDir(filepath.Join(build.Default.GOROOT, "src"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".go") {
			raw, _ := os.ReadFile(p)
			all = append(all, raw...)
		}
		if len(all) >= size {
			return fs.SkipAll
		}
		return nil
	})
	if len(all) < size {
		t.Skip("no source of Go's library here")
	}
	return all[:size]
}

// False alarms: what the rules say of the sources of Go and of everything in the module cache, JITOS_HEAVY=1. It fails where they
// grow beyond one finding in four megabytes outside of tests. Modules that look for
// secrets themselves are full of them, and left out.
func TestHeavyScan_modules(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("JITOS_HEAVY=1 runs it")
	}
	var s Scanner
	var bytesRead, tests, found int
	cache := filepath.Join(build.Default.GOPATH, "pkg", "mod")
	for _, dir := range []string{filepath.Join(build.Default.GOROOT, "src"), cache} {
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && (p == filepath.Join(cache, "cache") || strings.Contains(p, "gitleaks") || strings.Contains(p, "secret-detector")) {
				return fs.SkipDir
			}
			if err != nil || !d.Type().IsRegular() {
				return nil
			}
			raw, err := os.ReadFile(p)
			if err != nil {
				return nil
			}
			bytesRead += len(raw)
			for _, f := range s.Scan(raw) {
				text := string(raw[f.start:min(f.end, f.start+90)])
				if strings.Contains(p, "test") || strings.Contains(p, "example") {
					tests++
					t.Logf("test %s:%d: %s: %q", p, f.Line, f.Rule, text)
					continue
				}
				found++
				t.Logf("%s:%d: %s: %q", p, f.Line, f.Rule, text)
			}
			return nil
		})
	}
	t.Logf("%d MB: %d findings, and %d in tests and examples", bytesRead>>20, found, tests)
	if found > bytesRead>>22 {
		t.Error("too many")
	}
}
