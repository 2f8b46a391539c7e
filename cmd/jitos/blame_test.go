package main

import "testing"

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
