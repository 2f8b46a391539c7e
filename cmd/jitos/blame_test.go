package main

import "testing"

func TestParseBlame(t *testing.T) {
	const a, b = "1111111111111111111111111111111111111111", "0000000000000000000000000000000000000000"
	list, err := parseBlame(a + " 7 1 2\nauthor x\nsummary filename of a thing\nfilename old name.go\n\tone\n" +
		a + " 8 2\n\t\ttwo\n" + b + " 3 3 1\nauthor Not Committed Yet\nfilename new.go\n\tfilename three\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []blamed{{a, "old name.go", 7, "one"}, {a, "old name.go", 8, "\ttwo"}, {"", "new.go", 3, "filename three"}}
	if len(list) != len(want) {
		t.Fatalf("%d lines: %v", len(list), list)
	}
	for i := range want {
		if list[i] != want[i] {
			t.Errorf("line %d: %v, want %v", i+1, list[i], want[i])
		}
	}
}

// A closing brace stands in a file many times: the lines around it say which one is meant.
func TestSameLineByContext(t *testing.T) {
	from := []byte("a\n}\nb\n}\nc\n")
	to := []byte("new\nnew\na\n}\nx\nb\n}\nc\n")
	for number, want := range map[int]int{2: 4, 4: 7, 5: 8, 9: 0} {
		if got := sameLine(from, to, number); got != want {
			t.Errorf("line %d: %d, want %d", number, got, want)
		}
	}
	if got := sameLine([]byte("gone\n"), to, 1); got != 0 {
		t.Errorf("a line that is not there: %d", got)
	}
}
