package jitos

import (
	"errors"
	"testing"
	"time"
)

// Of a limit the lowest that any level names holds; what nobody names is not bounded. What may be read is what all levels that
// say so leave.
func TestLimit(t *testing.T) {
	for text, want := range map[string]int64{"time:90s": 90, "time:2m": 120, "memory:2g": 2 << 30, "output:64k": 64 << 10, "disk:3": 3, "processes:7": 7} {
		if _, n, err := ParseLimit(text); n != want || err != nil {
			t.Errorf("%s is %d, %v; want %d", text, n, err, want)
		}
	}
	for _, text := range []string{"time:5", "time:1ms", "memory", "memory:", "memory:-1", "memory:2t", "processes:2k", "disk:9223372036854775807g", "output:0"} {
		if _, _, err := ParseLimit(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", text, err)
		}
	}
	if verb, _, err := ParseLimit("fs.read:a"); verb != "" || err != nil {
		t.Errorf("fs.read is a limit %q, %v", verb, err)
	}
	step := Step{Needs: []string{"memory:8g", "output:1k", "fs.write:**"}}
	got := LimitsOf(step, []string{"memory:4g", "fs.write:**"}, Policy{Grants: []string{"memory:2g", "time:1m", "output:1m", "fs.write:**"}})
	if want := (Limits{Memory: 2 << 30, Output: 1 << 10, Time: time.Minute}); got != want {
		t.Errorf("limits %+v, want %+v", got, want)
	}
	if err := Admit(step, []string{"fs.write:**"}, Policy{Grants: []string{"fs.write:**"}}, nil); err != nil {
		t.Errorf("a limit that nobody lends: %v", err)
	}
	reach := ReachOf(Step{Needs: []string{"fs.read:src/**"}}, []string{"fs.read:**"}, Policy{Grants: []string{"fs.read:**/*.go", "fs.read:go.mod"}})
	for path, want := range map[string]bool{"src/a.go": true, "src/a.txt": false, "b.go": false, "go.mod": false} {
		if reach.Has(path) != want {
			t.Errorf("%s is in reach of %v: %v", path, reach, !want)
		}
	}
	if r := ReachOf(Step{}, nil, DefaultPolicy()); len(r) > 0 || !r.Has("any/thing") {
		t.Errorf("by default the reach is %v", r)
	}
}
