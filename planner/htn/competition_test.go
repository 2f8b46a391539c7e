package htn

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jitos/jitos/planner/hddl"
)

// TestCompetition plans a few problems of each of the competition's domains, within a fixed number of nodes.
func TestCompetition(t *testing.T) {
	perDomain := map[string]int{}
	for _, pair := range shared(t, "") {
		folder := filepath.Dir(pair[1])
		if perDomain[folder]++; perDomain[folder]%8 != 1 || perDomain[folder] > 10 {
			continue
		}
		d, p, err := hddl.Load(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if res := solve(t, d, p, Options{Budget: 2_000_000}); len(res.Plans) == 0 {
			t.Errorf("%s: no plan in %d nodes", pair[1], res.Nodes)
		}
	}
}

// TestHeavyCompetition plans all of them, ten seconds each, and says which it could not. At most these many may be left.
func TestHeavyCompetition(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	left := 0
	for _, pair := range shared(t, "") {
		d, p, err := hddl.Load(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		res, err := Solve(ctx, d, p, Options{})
		stop()
		if err != nil {
			t.Fatal(err)
		}
		checkPlans(t, d, p, res)
		if len(res.Plans) == 0 {
			left++
			t.Logf("%s: no plan, %d nodes, proved %v", pair[1], res.Nodes, res.Proved)
		}
	}
	t.Logf("%d left", left)
}
