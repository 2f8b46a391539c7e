package secret

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jitos/jitos"
)

// sizes reads so many bytes at a time, in turn.
type sizes struct {
	from io.Reader
	n    int
}

func (s *sizes) Read(p []byte) (int, error) { return s.from.Read(p[:min(len(p), s.n)]) }

// A value is hidden however it is said and wherever the stream is cut.
func TestValues(t *testing.T) {
	value := `tr0ub4dor/&3"+` + "\tx"
	key := pem("EC "+"PRIVATE KEY", "\n")
	v := New(map[string]string{"PASS": value, "KEY": key, "LONG": "abcdefghij", "SHORT": "defgh1", "TINY": "abc"})
	b64 := base64.StdEncoding
	for name, said := range map[string]string{
		"plain":            value,
		"hex":              hex.EncodeToString([]byte(value)),
		"HEX":              strings.ToUpper(hex.EncodeToString([]byte(value))),
		"base64":           b64.EncodeToString([]byte(value)),
		"base64, 1 before": b64.EncodeToString([]byte("u:" + value + "@")),
		"base64, 2 before": b64.EncodeToString([]byte("u" + value)),
		"base64, 3 before": b64.EncodeToString([]byte("me:" + value + "!")),
		"base64url":        base64.RawURLEncoding.EncodeToString([]byte("ab" + value)),
		"url":              "tr0ub4dor%2F%263%22%2B%09x",
		"json":             `tr0ub4dor/\u00263\"+\tx`,
		"key":              key,
		"a line of a key":  strings.Split(key, "\n")[2],
		"overlapping":      "abcdefghij",
	} {
		for n := 1; n < len(said)+8; n += 1 + n/8 {
			in := io.Reader(&sizes{strings.NewReader("before " + said + " after"), n})
			if n%2 == 0 {
				in = iotest.DataErrReader(in)
			}
			raw, err := io.ReadAll(v.Reader(in))
			got := string(raw)
			if err != nil || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") || !strings.Contains(got, "[secret:") {
				t.Fatalf("%s, %d at a time: %q, %v", name, n, got, err)
			}
			inner := strings.TrimSuffix(strings.TrimPrefix(got, "before "), " after")
			for left := inner; strings.Contains(left, "[secret:"); inner = left {
				from, to := strings.Index(left, "[secret:"), strings.Index(left, "]")
				left = left[:from] + left[to+1:]
			}
			if len(inner) > 8 && name != "key" || name == "plain" && inner != "" { // of an encoding, what it shares with its surroundings
				t.Errorf("%s, %d at a time: left %q", name, n, inner)
			}
			if whole := v.Text("before " + said + " after"); whole != got {
				t.Errorf("%s: the stream has %q, the text %q", name, got, whole)
			}
		}
	}
	if got := v.Text("abc and abcdef"); got != "abc and abcdef" {
		t.Errorf("what is no value: %q", got)
	}
	var none *Values
	if none.Text("abc") != "abc" || none.Reader(strings.NewReader("x")) == nil {
		t.Error("no values")
	}
}

// Lines that hold nothing of a value are passed on before the stream ends.
func TestValues_atOnce(t *testing.T) {
	in, out := io.Pipe()
	r := New(map[string]string{"A": "hidden-value"}).Reader(in)
	go func() { _, _ = out.Write([]byte("progress\n")) }()
	b := make([]byte, 100)
	n, err := r.Read(b)
	if string(b[:n]) != "progress\n" || err != nil {
		t.Errorf("%q, %v", b[:n], err)
	}
	go func() { _, _ = fmt.Fprint(out, "x hidd"); _ = out.CloseWithError(errors.New("broken")) }()
	raw, err := io.ReadAll(r)
	if string(raw) != "x hidd" || err == nil {
		t.Errorf("%q, %v", raw, err)
	}
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "secrets")
	s := Store{dir}
	if list, err := s.List(); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := s.Get("DEPLOY"); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	for _, bad := range []string{"", "a b", "../x", "1A", "PATH", "path", "LD_PRELOAD", "JITOS_OUT", "a-b", strings.Repeat("a", 65)} {
		if err := s.Set(bad, "long enough"); !errors.Is(err, jitos.ErrInvalid) {
			t.Errorf("set %q: %v", bad, err)
		}
		if _, err := s.Get(bad); err == nil {
			t.Errorf("get %q", bad)
		}
	}
	for _, bad := range []string{"", "12345", "with\x00zero"} {
		if err := s.Set("DEPLOY", bad); !errors.Is(err, jitos.ErrInvalid) {
			t.Errorf("set to %q: %v", bad, err)
		}
	}
	for _, value := range []string{"first value", "second\nvalue\n"} {
		if err := s.Set("DEPLOY", value); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get("DEPLOY"); got != value || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	info, _ := os.Stat(filepath.Join(dir, "DEPLOY"))
	up, _ := os.Stat(dir)
	if info.Mode().Perm() != 0o600 || up.Mode().Perm() != 0o700 {
		t.Errorf("modes %v, %v", info.Mode(), up.Mode())
	}
	if list, err := s.List(); err != nil || len(list) != 1 || list[0].Name != "DEPLOY" {
		t.Errorf("%v, %v", list, err)
	}
	if err := os.Chmod(filepath.Join(dir, "DEPLOY"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("DEPLOY"); !errors.Is(err, jitos.ErrDenied) {
		t.Errorf("a file that others may read: %v", err)
	}
	t.Setenv(Variable+"DEPLOY", "from the environment")
	if got, err := s.Get("DEPLOY"); got != "from the environment" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := s.Drop("DEPLOY"); err != nil {
		t.Error(err)
	}
	if err := s.Drop("DEPLOY"); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("drop again: %v", err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("left: %v", list)
	}
}
