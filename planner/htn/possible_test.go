package htn

import (
	"context"
	"testing"

	"github.com/jitos/jitos/planner/bench/families"
)

// TestPossible: depth first ends soon where it leaves out what the ground problem has left out, and does not without.
func TestPossible(t *testing.T) {
	for _, i := range families.All() {
		if i.Family != "courier" && i.Family != "wires" || i.Number != 6 {
			continue
		}
		with, end := alone(t, i.Domain, i.Problem, dfsSettings{cheap: true}.start, 300_000)
		if end != found {
			t.Errorf("%s: %v", i.Family, end)
			continue
		}
		d, p := parse(t, i.Domain, i.Problem)
		m, err := compile(d, p)
		if err != nil {
			t.Fatal(err)
		}
		without := newDFS(newEngine(m), dfsSettings{cheap: true})
		if end, err := without.run(context.Background(), 3*with.expanded()); end == found || err != nil {
			t.Errorf("%s: it is found without in %d nodes, with in %d", i.Family, without.expanded(), with.expanded())
		}
		t.Log(i.Family, with.expanded())
	}
}
