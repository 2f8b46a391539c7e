package jitos

import (
	"fmt"
	"testing"
)

// Each level leaves of a need what both have, gives nothing, and takes away what a step has without asking.
func TestNarrow(t *testing.T) {
	for _, tt := range []struct {
		needs  []string
		levels [][]string
		want   []string
		denied string // a need of which nothing is left
	}{
		{[]string{"fs.write:**", "net"}, nil, []string{"fs.write:**", "net"}, ""},
		{[]string{"fs.write:**", "net"}, [][]string{{"fs.write:src/**"}}, []string{"fs.write:src/**", "net"}, ""},
		{[]string{"fs.write:**"}, [][]string{{"fs.write:src/**", "fs.write:docs/**"}, {"fs.write:docs/a"}}, []string{"fs.write:src/**", "fs.write:docs/a"}, "fs.write:src/**"},
		{[]string{"fs.write:src/a"}, [][]string{{"fs.write:**"}}, []string{"fs.write:src/a"}, ""},
		{[]string{"fs.write:src/a"}, [][]string{{"fs.write:docs/**", "exec:*"}}, []string{"fs.write:src/a", "exec:*"}, "fs.write:src/a"},
		{[]string{"net"}, [][]string{{"net:none"}}, []string{"net"}, "net"},
		{[]string{"net"}, [][]string{{"net:none"}, {"net"}}, []string{"net"}, "net"},
		{[]string{"fs.write:**"}, [][]string{{"fs.write:none"}, {"fs.write:src/**"}}, []string{"fs.write:**"}, "fs.write:**"},
		{[]string{"net:example.org:443"}, [][]string{{"net:none"}}, []string{"net:example.org:443"}, "net:example.org:443"},
		{nil, [][]string{{"net", "secret:KEY", "fs.write:**"}}, nil, ""},
		{nil, [][]string{{"fs.read:src/**", "exec:cat", "time:5s"}}, []string{"fs.read:src/**", "exec:cat", "time:5s"}, ""},
		{[]string{"time:1s"}, [][]string{{"time:5s"}}, []string{"time:1s", "time:5s"}, ""},
		{[]string{"tool:*"}, [][]string{{"tool:read"}}, []string{"tool:read"}, ""},
	} {
		s := Step{Name: "s", Needs: tt.needs}
		for i, level := range tt.levels {
			s.Narrow(fmt.Sprint("level ", i), level)
		}
		if fmt.Sprint(s.Needs) != fmt.Sprint(tt.want) {
			t.Errorf("%v within %v: %v, want %v", tt.needs, tt.levels, s.Needs, tt.want)
		}
		all := []string{"fs.write:**", "fs.read:**", "exec:*", "net:*", "net", "tool:*"}
		denied := ""
		for _, r := range Rights(s, all, Policy{Grants: all}) {
			if r.Denied != "" {
				denied = r.Need
			}
		}
		if denied != tt.denied {
			t.Errorf("%v within %v: %q is denied, want %q", tt.needs, tt.levels, denied, tt.denied)
		}
	}
}
