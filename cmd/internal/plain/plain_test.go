package plain

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever text comes in, what is printed can neither move the cursor nor reverse the text around it, and no two texts look
// the same but for what cannot be told apart anyway.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n":    "plain\ttext\n",
		"\x1b[31mred":      `\x1b[31mred`,
		"bell\a":           `bell\a`,
		"back\rover":       `back\rover`,
		"\u202egnp.exe":    `\u202egnp.exe`,
		"c1 \u009b31m":     `c1 \u009b31m`,
		"broken \xff byte": `broken \xff byte`,
		"grüße 世界":         "grüße 世界",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		got := Clean(string(rapid.SliceOf(rapid.Byte()).Draw(t, "text")))
		if strings.ContainsFunc(got, unsafe) || Clean(got) != got {
			t.Fatalf("%q is not clean", got)
		}
	})
}
