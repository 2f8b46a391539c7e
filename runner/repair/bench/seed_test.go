package main

import (
	"math/rand"
	"strings"
	"testing"
)

const sample = `package x

import "strings"

func f(list []string, n int) (int, error) {
	for i := 0; i < len(list); i++ {
		if n > 2 && list[i] != "jam" {
			n += 2
		} else {
			n--
		}
		if strings.HasPrefix(list[i], "tea") || strings.HasSuffix(list[i], "s") {
			continue
		}
		n = int(float64(n) * 2)
	}
	return n, nil
}
`

// Slips are of many kinds, none is lost in formatting, and the same seed makes the same ones.
func TestSlipGo(t *testing.T) {
	kinds := map[string]bool{}
	for seed := range int64(400) {
		slip, ok := slipGo(sample, nil, rand.New(rand.NewSource(seed)))
		if !ok {
			continue
		}
		again, _ := slipGo(sample, nil, rand.New(rand.NewSource(seed)))
		if again != slip {
			t.Fatalf("%d: %+v, then %+v", seed, slip, again)
		}
		if slip.text != sample {
			kinds[slip.kind] = true
		}
	}
	for _, kind := range []string{"relation", "connective", "constant", "text", "loop bound", "else lost", "call lost", "conversion lost", "wrong name",
		"wrong member", "return lost", "jump", "arguments swapped", "condition negated", "statement lost"} {
		if !kinds[kind] {
			t.Errorf("no slip of the kind %q; there are %v", kind, kinds)
		}
	}
}

// Two files are the same where only format and needless parentheses differ.
func TestTidyGo(t *testing.T) {
	same := strings.Replace(strings.Replace(sample, "n > 2 && list", "(n > 2)   && list", 1), "n += 2", "n += (2)", 1)
	if same == sample || tidyGo(same) != tidyGo(sample) {
		t.Error("parentheses make a difference")
	}
	for _, c := range [][2]string{{"n > 2", "n < 2"}, {"n += 2", "n -= 2"}, {"n--", "n++"}, {"continue", "break"}, {`"jam"`, `"ham"`}, {"i := 0; i <", "; i <"},
		{"n > 2 && list[i] != \"jam\"", "!(n > 2 && list[i] != \"jam\")"}, {"n, nil", "n, err"}} {
		other := strings.Replace(sample, c[0], c[1], 1)
		if other == sample || tidyGo(other) == tidyGo(sample) {
			t.Errorf("%q and %q make no difference", c[0], c[1])
		}
	}
}

// Hidden tests are still there and compile, and no runner knows them.
func TestHide(t *testing.T) {
	m := module{language: golang, files: files{"x_test.go": "package x\n\nfunc TestA(t *testing.T) {}\n\nfunc TestB(t *testing.T) {}\n\nfunc TestC(t *testing.T) {}\n"}}
	if got := m.hide(3)["x_test.go"]; !strings.Contains(got, "func hiddenTestC(t") || !strings.Contains(got, "func TestB(") || !strings.Contains(got, "func TestA(") {
		t.Error(got)
	}
	if m.hide(0)["x_test.go"] != m.files["x_test.go"] {
		t.Error("0 hides a test")
	}
}
