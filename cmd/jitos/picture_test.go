package main

import (
	"strings"
	"testing"
)

func sketch() *picture {
	p := newPicture()
	p.add(spot{id: "task/a", shape: "task", title: "a", note: `says "<hi>"`})
	p.under("task/a", "plan", spot{id: "slap/p", shape: "plan", title: "p", more: []string{"because x"}})
	p.under("slap/p", "", spot{id: "job/1", shape: "job", title: "one", tone: "good"})
	p.under("slap/p", "", spot{id: "job/2", shape: "job", title: "two", tone: "bad"})
	p.lines = append(p.lines, arrow{from: "job/1", to: "job/2", label: "then", aside: true})
	p.under("job/1", "", spot{id: "e", shape: "evidence", title: "e"})
	p.under("job/2", "", spot{id: "e", shape: "evidence", title: "e"})
	return p
}

func plainTone(_, s string) string { return s }

func TestTree(t *testing.T) {
	var b strings.Builder
	if err := sketch().tree(&b, boxStrokes, plainTone); err != nil {
		t.Fatal(err)
	}
	want := `a  says "<hi>"
└─ plan p
   │  because x
   ├─ one
   │  └─ e
   └─ two  after one
      └─ e  (above)
`
	if b.String() != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", b.String(), want)
	}
}

// A ring has no spot that nothing leads to, and must be drawn all the same.
func TestTreeOfRing(t *testing.T) {
	p := newPicture()
	p.add(spot{id: "a", title: "a"})
	p.under("a", "", spot{id: "b", title: "b"})
	p.under("b", "", spot{id: "a", title: "a"})
	var b strings.Builder
	if err := p.tree(&b, asciiStrokes, plainTone); err != nil {
		t.Fatal(err)
	}
	if want := "a\n`- b\n   `- a  (above)\n"; b.String() != want {
		t.Errorf("drawn:\n%s", b.String())
	}
}

func TestStrokesFollowLocale(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want strokes
	}{
		{map[string]string{"LANG": "de_DE.UTF-8"}, boxStrokes},
		{map[string]string{"LANG": "de_DE.utf8"}, boxStrokes},
		{map[string]string{"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, asciiStrokes},
		{map[string]string{}, asciiStrokes},
	} {
		if got := strokesOf(func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}

func TestDot(t *testing.T) {
	var b strings.Builder
	if err := sketch().dot(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"task/a" [label="a\nsays \"<hi>\"" shape=box]`, `"job/1" -> "job/2" [label="then" style=dashed]`,
		`"slap/p" -> "job/1"`, `style=filled`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}

func TestMermaid(t *testing.T) {
	var b strings.Builder
	if err := sketch().mermaid(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`n0["a<br/>says #quot;#lt;hi#gt;#quot;"]`, `n0 -- "plan" --> n1`, `n2 -. then .-> n3`, `class n3 bad`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}
