package htn

import (
	"context"
	"os"
	"path/filepath"
	"testing"

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
	for _, pair := range shared(t, "partial-order/PCP") {
		if filepath.Base(pair[1]) != "p-pcp07.hddl" {
			continue
		}
		d, p, err := hddl.Load(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		if res := solve(t, d, p, Options{Budget: 2_000_000}); !res.Proved {
			t.Errorf("%s: no proof in %d nodes", pair[1], res.Nodes)
		}
	}
}

// TestHeavyCompetition plans all of them, or proves that there is no plan, within a fixed number of nodes.
func TestHeavyCompetition(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	proved := 0
	for _, pair := range shared(t, "") {
		d, p, err := hddl.Load(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		res, err := Solve(context.Background(), d, p, Options{Budget: 20_000_000})
		if err != nil {
			t.Fatal(err)
		}
		checkPlans(t, d, p, res)
		if res.Proved {
			proved++
		} else if len(res.Plans) == 0 {
			t.Errorf("%s: neither plan nor proof in %d nodes", pair[1], res.Nodes)
		}
	}
	t.Logf("%d without a plan", proved)
}
