package jitos

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestCheckName(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "task-1": true, "a.b_c-d": true, "9x": true, strings.Repeat("a", 120): true,
		"": false, "-a": false, ".a": false, "A": false, "a/b": false, "a..b": false, "a.": false, "a.lock": false,
		"a b": false, "ä": false, strings.Repeat("a", 121): false,
	} {
		if err := CheckName(name); (err == nil) != want {
			t.Errorf("CheckName(%q) = %v, want legal %v", name, err, want)
		} else if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("CheckName(%q): %v is not ErrInvalid", name, err)
		}
	}
}

func TestNamesAreLegal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.String().Draw(t, "words")
		for _, name := range []string{NewName(words), DerivedName(words, "x")} {
			if err := CheckName(name); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDerivedNameFollowsContent(t *testing.T) {
	if DerivedName("a", "x", "y") != DerivedName("a", "x", "y") {
		t.Error("equal content gave different names")
	}
	if DerivedName("a", "x", "y") == DerivedName("a", "xy") {
		t.Error("the parts of the content run together")
	}
}

func TestMatchPath(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"**", "a/b", true},
		{"src/**", "src/a/b.go", true},
		{"src/**", "srcs/a", false},
		{"**/*_test.go", "x_test.go", true},
		{"**/*_test.go", "a/b/x_test.go", true},
		{"**/*_test.go", "a/b/x.go", false},
		{"docs", "docs/a.md", true},
		{"docs", "docs2", false},
		{"*.go", "a.go", true},
		{"*.go", "a/b.go", false},
		{"a/**/z", "a/z", true},
		{"a/**/z", "a/b/c/z", true},
		{".", "anything/below", true},
		{"[", "[", false},
	}
	for _, tt := range tests {
		if got := MatchPath(tt.pattern, tt.path); got != tt.want {
			t.Errorf("MatchPath(%q, %q) = %v", tt.pattern, tt.path, got)
		}
	}
}

// Equal values must have equal bytes whatever way they were built, or equal graphs would have different trees.
func TestCanonical(t *testing.T) {
	got, err := Canonical(map[string]any{"b": 1.0, "a": []string{"<x>"}, "c": json.Number("1e2"), "d": 0.5})
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n \"a\": [\n  \"<x>\"\n ],\n \"b\": 1,\n \"c\": 100,\n \"d\": 0.5\n}\n"
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCanonicalIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.MapOf(rapid.String(), rapid.OneOf(
			rapid.Map(rapid.Float64Range(-1e300, 1e300), func(f float64) any { return f }),
			rapid.Map(rapid.Int64(), func(i int64) any { return i }),
			rapid.Map(rapid.String(), func(s string) any { return s }),
		)).Draw(t, "v")
		once, err := Canonical(v)
		if err != nil {
			t.Fatal(err)
		}
		fields, err := DecodeFields(once)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := Canonical(fields)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(once, twice) {
			t.Fatalf("decoding and encoding again changed %s to %s", once, twice)
		}
	})
}

func TestItemsParse(t *testing.T) {
	edge := Edge{From: NodeID{"task", "x"}, Label: "plan", To: NodeID{"slap", "y"}, Key: "k"}
	p, err := edge.Item().Parse()
	if err != nil || p.Node != edge.From || p.Label != "plan" || p.Edge != edge.EdgeID() {
		t.Errorf("edge: %+v, %v", p, err)
	}
	for _, bad := range []ItemID{"", "task", "task/", "Task/x", "task/x#plan", "task/x#plan/zz", "./etc/passwd", "./methods/../x.yaml", "./methods/a/b.yaml"} {
		if p, err := bad.Parse(); err == nil {
			t.Errorf("%q parsed as %+v", bad, p)
		}
	}
}
