package families

import (
	"testing"

	"github.com/jitos/jitos/planner/hddl"
)

// TestAll: every problem can be read, and is the same each time that it is made.
func TestAll(t *testing.T) {
	again := All()
	for k, i := range All() {
		d, err := hddl.ParseDomain(i.Family, []byte(i.Domain))
		if err == nil {
			_, err = hddl.ParseProblem(i.Family, []byte(i.Problem), d)
		}
		if err != nil {
			t.Errorf("%s %d: %v", i.Family, i.Number, err)
		}
		if i != again[k] {
			t.Errorf("%s %d is not the same a second time", i.Family, i.Number)
		}
	}
}
