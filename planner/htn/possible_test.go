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
		d, p := parse(t, i.Domain, i.Problem)
		m, err := compile(d, p)
		if err != nil {
			t.Fatal(err)
		}
		g, _, err := ground(context.Background(), newEngine(m), 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		with := dfsSettings{cheap: true}.start(g, nil)
		if end, err := with.run(context.Background(), 300_000); end != found || err != nil {
			t.Errorf("%s: %v, %v", i.Family, end, err)
			continue
		}
		checkPlans(t, d, p, &Result{Plans: []*Plan{with.plan()}})
		without := newDFS(newEngine(m), dfsSettings{cheap: true})
		if end, err := without.run(context.Background(), 3*with.expanded()); end == found || err != nil {
			t.Errorf("%s: it is found without in %d nodes, with in %d", i.Family, without.expanded(), with.expanded())
		}
		t.Log(i.Family, with.expanded())
	}
}
