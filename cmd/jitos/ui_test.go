package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jitos/jitos"
)

// A character may come in two writes; it must not be taken for two broken ones, nor an escape slip through.
func TestCleaner(t *testing.T) {
	var out bytes.Buffer
	u := &ui{outTTY: true}
	w := u.cleanWriter(&out)
	for _, b := range []byte("grüße\x1b[1m\nüber") {
		if _, err := w.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	w.Write([]byte("\n"))
	if got, want := out.String(), "grüße\\x1b[1m\nüber\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExitCode(t *testing.T) {
	wrap := func(err error) error { return jitos.Hint(fmt.Errorf("do: %w", err), "hint") }
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {errors.New("x"), 1}, {jitos.ErrCorrupt, 1}, {usage("x"), 2}, {jitos.ErrInvalid, 2}, {jitos.ErrNotFound, 3},
		{jitos.ErrNoPlan, 3}, {context.Canceled, 4}, {jitos.ErrConflict, 5}, {jitos.ErrStale, 5}, {&jitos.ConflictError{}, 5},
		{jitos.ErrExhausted, 6}, {jitos.ErrWaiting, 7}, {jitos.ErrDenied, 8}, {&jitos.Denial{}, 8}, {jitos.ErrBusy, 9},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
		if c.err != nil {
			if got := exitCode(wrap(c.err)); got != c.want {
				t.Errorf("%v, wrapped: %d, want %d", c.err, got, c.want)
			}
		}
	}
}

// An error is one line that begins as all do, and a hint another.
func TestFail(t *testing.T) {
	var out, err bytes.Buffer
	u := newUI(nil, &out, &err)
	code := u.fail(jitos.Hint(fmt.Errorf("land: %w: \x1b[31m", jitos.ErrBusy), "wait"))
	if want := "jitos: error: land: busy: \\x1b[31m\njitos: hint: wait\n"; code != 9 || err.String() != want || out.Len() > 0 {
		t.Errorf("%d, %q, %q", code, err.String(), out.String())
	}
}

// Whatever a command prints, and forgot to clean: to a terminal go only text and the colours of paint.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{"plain", "\x1b]0;title\a", "\x1b[2J", "a\x1b[31;1mred\x1b[0m", "\x9b2J", "\x1b[31", "\u202egnp.exe", "\x7f\x08", "\xff\xfe", "tab\tand\nline", "\x1b\x1b[0m", "\x1b[8m"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var out, errs bytes.Buffer
		u := &ui{out: &out, err: &errs, outTTY: true, errTTY: true}
		u.printf("%s", s)
		u.notef("%s", s)
		for _, text := range []string{out.String(), errs.String()} {
			for _, sgr := range []string{"0", "1", "2", "31", "31;1", "32", "33", "34", "35", "36"} {
				text = strings.ReplaceAll(text, "\x1b["+sgr+"m", "")
			}
			if strings.ContainsFunc(text, unsafe) || !utf8.ValidString(text) {
				t.Errorf("%q went to the terminal as %q", s, text)
			}
		}
		out.Reset()
		if err := u.json(map[string]string{"text": s}); err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["text"] != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("%q came back as %q, %v", s, back["text"], err)
		}
		if strings.ContainsFunc(out.String(), unsafe) {
			t.Errorf("%q went to the terminal as %q", s, out.String())
		}
	})
}
