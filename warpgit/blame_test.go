package warpgit

import "testing"

func TestParseBlame(t *testing.T) {
	const a, b = "1111111111111111111111111111111111111111", "0000000000000000000000000000000000000000"
	list, err := parseBlame(a + " 7 1 2\nauthor x\nsummary filename of a thing\nfilename old name.go\n\tone\n" +
		a + " 8 2\n\t\ttwo\n" + b + " 3 3 1\nauthor Not Committed Yet\nfilename new.go\n\tfilename three\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Blamed{{a, "old name.go", 7, "one"}, {a, "old name.go", 8, "\ttwo"}, {"", "new.go", 3, "filename three"}}
	if len(list) != len(want) {
		t.Fatalf("%d lines: %v", len(list), list)
	}
	for i := range want {
		if list[i] != want[i] {
			t.Errorf("line %d: %v, want %v", i+1, list[i], want[i])
		}
	}
}
