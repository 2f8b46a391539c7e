package htn

import (
	"context"
	"testing"
	"time"

	"github.com/jitos/jitos/planner/bench/families"
	"github.com/jitos/jitos/planner/hddl"
	"github.com/jitos/jitos/planner/verifier"
)

// FuzzSolve: whatever is read, planning neither panics nor goes on past its budget, and what it finds is a plan.
func FuzzSolve(f *testing.F) {
	f.Add(tower, towerProblem)
	for _, i := range families.All() {
		if i.Number == 1 && i.Family != "mason" {
			f.Add(i.Domain, i.Problem)
		}
	}
	f.Fuzz(func(t *testing.T, domain, problem string) {
		d, err := hddl.ParseDomain("domain", []byte(domain))
		if err != nil {
			return
		}
		p, err := hddl.ParseProblem("problem", []byte(problem), d)
		if err != nil {
			return
		}
		ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		res, err := Solve(ctx, d, p, Options{Budget: 3000, K: 2})
		if err != nil {
			return
		}
		for _, plan := range res.Plans {
			read, err := verifier.ParsePlan("plan", []byte(plan.String()))
			if err == nil {
				err = verifier.Verify(d, p, read)
			}
			if err != nil {
				t.Errorf("%v\n%s", err, plan)
			}
		}
	})
}
