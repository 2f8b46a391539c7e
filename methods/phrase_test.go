package methods

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func library(t testing.TB) *Library {
	t.Helper()
	lib, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

func TestUnderstand(t *testing.T) {
	lib := library(t)
	cases := []struct{ intent, task, args string }{
		{"fix the failing tests", "fix-failing-tests", ""},
		{"  Fix   failing TEST.", "fix-failing-tests", ""},
		{"please fix the tests!", "fix-failing-tests", ""},
		{"fix the failing tests in ./internal/x.", "fix-failing-tests", "pkg=internal/x"},
		{`fix the failing tests in "my dir"`, "fix-failing-tests", "pkg=my dir"},
		{"fix the date parsing bug", "fix-failing-tests", "subject=date parsing"},
		{"fix-failing-tests", "fix-failing-tests", ""},
		{"run the tests", "run-tests", ""},
		{"run the checks", "run-checks", ""},
		{"run the tests in sub", "run-tests", "pkg=sub"},
		{"format the code", "format", ""},
		{"update golang.org/x/text to v0.14.0", "update-dependency", "dep=golang.org/x/text version=v0.14.0"},
		{"Update @types/node.", "update-dependency", "dep=@types/node"},
		{"bump the dependency left-pad", "", ""}, // "dependency left-pad" is not one word
		{"update the dependency left-pad", "update-dependency", "dep=left-pad"},
		{"apply fix.diff", "apply-patch", "patch=fix.diff"},
		{"apply the patch", "apply-patch", ""},
		{"apply the patch 'my fix.diff'", "apply-patch", "patch=my fix.diff"},
		{`run "go vet ./..."`, "run-command", "command=go vet ./..."},
		{"run `make gen && echo \"it's\"`", "run-command", `command=make gen && echo "it's"`},
		{"run make gen under gates", "run-command", "command=make gen"},
		{"run the command go generate ./...", "run-command", "command=go generate ./..."},
		{"run rm", "", ""},
		{"update --help", "", ""},
		{"fix the failing tests in ../other", "", ""},
		{"fix the failing tests in /etc", "", ""},
		{"", "", ""},
		{"...", "", ""},
	}
	for _, c := range cases {
		m, ok := lib.Understand(c.intent)
		name, args := "", ""
		if ok {
			name = m.Task.Name
			var parts []string
			for _, k := range sortedKeys(m.Args) {
				parts = append(parts, k+"="+m.Args[k])
			}
			args = strings.Join(parts, " ")
		}
		want := c.args
		if strings.HasPrefix(c.args, "pkg=internal") {
			want = "pkg=./internal/x" // the normal form comes with Bind
		}
		if name != c.task || args != want {
			t.Errorf("%q: task %q with %q, want %q with %q", c.intent, name, args, c.task, want)
		}
	}
}

// The most specific phrase wins, whatever the order of the files.
func TestUnderstand_mostSpecific(t *testing.T) {
	text := `task: %s
says: [%q]
params: {x: {type: string, default: ""}}
methods: [{name: m}]
`
	for _, names := range [][2]string{{"aaa", "zzz"}, {"zzz", "aaa"}} {
		lib, err := LoadOnly(map[string][]byte{
			"1.yaml": fmt.Appendf(nil, text, names[0], "paint {x}"),
			"2.yaml": fmt.Appendf(nil, text, names[1], "paint the {x} door"),
			"3.yaml": fmt.Appendf(nil, text, "mmm", "paint {x} door"),
		})
		if err != nil {
			t.Fatal(err)
		}
		m, ok := lib.Understand("paint the old door")
		if want := min(names[1], "mmm"); !ok || m.Task.Name != want {
			t.Errorf("%v: %v, want %s: equally specific, so the first by name", names, m.Task, want)
		}
		if m, _ := lib.Understand("paint the old house"); m.Task.Name != names[0] || m.Args["x"] != "the old house" && m.Args["x"] != "old house" {
			t.Errorf("%v: %s %v", names, m.Task.Name, m.Args)
		}
	}
}

func TestNearest(t *testing.T) {
	lib := library(t)
	for intent, want := range map[string]string{
		"fix the flaky tests":      "fix the test{s}",
		"formt the codes":          "format the code",
		"sort out my dependencies": "tidy the dependencies",
		"please run all the tests": "run the test{s}",
	} {
		near := lib.Nearest(intent, 3)
		if len(near) != 3 || near[0] != want {
			t.Errorf("%q: nearest %q, want first %q", intent, near, want)
		}
	}
	if near := lib.Nearest("zzz", 100); len(near) == 0 || len(near) > len(lib.Tasks()) {
		t.Errorf("nothing in common: %q", near)
	}
}

// What a phrase is said with is what it captures.
func TestPhrase_roundTrip(t *testing.T) {
	p, err := ParsePhrase("move the box{es} {what} to {where}")
	if err != nil {
		t.Fatal(err)
	}
	fits := func(string, string) bool { return true }
	rapid.Check(t, func(t *rapid.T) {
		what := rapid.StringMatching(`[a-z/._-]{1,8}( [a-z/]{1,5}){0,2}[a-z]`).Draw(t, "what")
		where := rapid.StringMatching(`[a-z][a-z/-]{0,8}[a-z]`).Draw(t, "where")
		words := strings.Fields(what)
		if strings.Contains(" "+what+" ", " to ") || articles[words[0]] || articles[words[len(words)-1]] || articles[where] {
			t.Skip("captured otherwise by the rules") // an article before a word of the phrase belongs to that word
		}
		plural := rapid.SampledFrom([]string{"box", "boxes", "BOXES"}).Draw(t, "word")
		end := rapid.SampledFrom([]string{"", ".", "!", " "}).Draw(t, "end")
		intent := "Move the  " + plural + " " + what + " to " + where + end
		c, ok := p.match(intent, intentWords(intent), fits)
		if !ok || c.args["what"] != what || c.args["where"] != where || c.exact != 3 {
			t.Fatalf("%q: %v %v", intent, c, ok)
		}
	})
}

// No text makes the matcher fail, and what it captures stands in the text.
func TestUnderstand_anyText(t *testing.T) {
	lib := library(t)
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SampledFrom([]string{"fix", "the", "tests", "in", "update", "to", "run", `"`, "'x y'", "`", "a.", "…", "\x00", "“q”", "ü", ".."}), 0, 8).Draw(t, "words")
		intent := strings.Join(words, rapid.SampledFrom([]string{" ", "  ", "\t"}).Draw(t, "space"))
		if m, ok := lib.Understand(intent); ok {
			for name, v := range m.Args {
				if !strings.Contains(intent, v) {
					t.Fatalf("%q: %s = %q", intent, name, v)
				}
			}
		}
		lib.Nearest(intent, 5)
	})
}
