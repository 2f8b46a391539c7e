package secret

import (
	"bytes"
	"math"
)

// entropy is that of the bytes by Shannon's measure, in bits a byte.
func entropy(b []byte) float64 {
	if len(b) == 0 {
		return 0
	}
	var count [256]int
	for _, c := range b {
		count[c]++
	}
	sum, n := 0.0, float64(len(b))
	for _, k := range count {
		if k > 0 {
			p := float64(k) / n
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

// enough is the entropy that a random text of a length has nearly always: short ones cannot have much.
func enough(length int) float64 { return min(3.5, math.Log2(float64(length))-0.5) }

// fillers are what people write where a secret would stand, in lower case.
var fillers = [][]byte{[]byte("example"), []byte("placeholder"), []byte("changeme"), []byte("change_me"), []byte("change-me"), []byte("your"),
	[]byte("dummy"), []byte("fake"), []byte("sample"), []byte("xxxx"), []byte("****"), []byte("...."), []byte("redacted"), []byte("notreal"),
	[]byte("insert"), []byte("replace"), []byte("123456789"), []byte("abcdefgh"), []byte("deadbeef"), []byte("foobar"), []byte("test"), []byte("secret"),
	[]byte("password"), []byte("hunter2")}

// looksMade tells whether a text is a placeholder: it holds a filler, or the same character five times in a row. Of what is
// longer than 40 bytes a short filler may come by chance: only the long ones count.
func looksMade(b []byte) bool {
	low := bytes.ToLower(b)
	for _, f := range fillers {
		if (len(b) <= 40 || len(f) >= 7) && bytes.Contains(low, f) {
			return true
		}
	}
	run := 0
	for i := range b {
		if i > 0 && b[i] == b[i-1] {
			if run++; run >= 4 {
				return true
			}
			continue
		}
		run = 0
	}
	return false
}
