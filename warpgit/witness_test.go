package warpgit

import (
	"os"
	"strings"
	"testing"
)

// What this clone came to itself it knows, also by another process, and after a line that was cut off; nothing else.
func TestWitness(t *testing.T) {
	dir := newDir(t)
	a, b := openDir(t, dir), openDir(t, dir)
	if a.Saw("one") {
		t.Error("nothing was seen yet")
	}
	for _, hash := range []string{"one", "one", "two"} {
		if err := a.See(hash); err != nil {
			t.Fatal(err)
		}
	}
	if !a.Saw("one") || !b.Saw("two") || b.Saw("thr") || b.Saw("") {
		t.Errorf("seen %v %v %v %v", a.Saw("one"), b.Saw("two"), b.Saw("thr"), b.Saw(""))
	}
	if strings.Count(read(t, dir, ".git/jitos/seen"), "one") != 1 {
		t.Error("it was written twice")
	}
	f, err := os.OpenFile(a.local("seen"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("thr")
	f.Close()
	if b.Saw("thr") {
		t.Error("a line that was cut off counts")
	}
	if err := b.See("four"); err != nil || !a.Saw("four") {
		t.Errorf("after a line that was cut off: %v", err)
	}
	if err := b.See("five", "one", "six"); err != nil || !a.Saw("five") || !a.Saw("six") {
		t.Errorf("several at once: %v", err)
	}
	if text, err := os.ReadFile(a.local("seen")); err != nil || strings.Count(string(text), "one\n") != 1 {
		t.Errorf("what was seen already is written again: %q, %v", text, err)
	}
	if err := a.See("seven", "a\nb"); err == nil || a.Saw("seven") {
		t.Error("of a list that is refused something was kept")
	}
	if err := a.See("a\nb"); err == nil {
		t.Error("two lines for one")
	}
	if err := os.Truncate(a.local("seen"), 0); err != nil {
		t.Fatal(err)
	}
	if c := openDir(t, dir); c.Saw("one") {
		t.Error("a file that is lost is remembered")
	}
}

func TestAllowContent(t *testing.T) {
	r := openDir(t, newDir(t))
	for hash, text := range map[string]string{"0a": "first", "0b": "second"} {
		if err := r.AllowContent(hash, "methods/x.yaml", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	before, text, err := r.AllowedBefore("0c", "methods/x.yaml")
	if err != nil || before == "" || len(text) == 0 {
		t.Errorf("before %q %q %v", before, text, err)
	}
	if before, _, err := r.AllowedBefore("0c", "methods/y.yaml"); err != nil || before != "" {
		t.Errorf("before of another file %q %v", before, err)
	}
	if was, err := r.Disallow("0a"); err != nil || !was || r.Allowed("0a") || !r.Allowed("0b") {
		t.Errorf("disallow %v %v", was, err)
	}
	if was, err := r.Disallow("0a"); err != nil || was {
		t.Errorf("a second time %v %v", was, err)
	}
	for _, bad := range []string{"", "../x", "a b", "A"} {
		if r.AllowContent(bad, "x", nil) == nil {
			t.Errorf("%q is no hash", bad)
		}
	}
}
