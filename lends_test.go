package jitos

import (
	"context"
	"errors"
	"testing"
)

// Each list of a rule must name the borrower, rules of one secret add up, and a secret without a rule is anybody's who holds it.
func TestMayBorrow(t *testing.T) {
	p := Policy{Secrets: []SecretRule{
		{Name: "KEY", Tasks: []string{"deploy"}, Workers: []string{"shell"}},
		{Name: "KEY", Methods: []string{"by-*"}, Workers: []string{"agent/*"}},
	}}
	for _, tt := range []struct {
		need string
		b    Borrower
		may  bool
	}{
		{"secret:KEY", Borrower{Tasks: []string{"all", "deploy"}, Worker: "shell"}, true},
		{"secret:KEY", Borrower{Tasks: []string{"deploy"}, Worker: "llm"}, false},
		{"secret:KEY", Borrower{Tasks: []string{"test"}, Worker: "shell"}, false},
		{"secret:KEY", Borrower{Methods: []string{"by-agent"}, Worker: "agent/claude"}, true},
		{"secret:KEY", Borrower{Methods: []string{"by-agent"}, Worker: "shell"}, false},
		{"secret:KEY", Borrower{Methods: []string{"other"}, Worker: "agent/claude"}, false},
		{"secret:KEY", Borrower{Worker: "shell"}, false},
		{"secret:OTHER", Borrower{Worker: "shell"}, true},
		{"net", Borrower{}, true},
	} {
		err := p.MayBorrow([]string{"fs.write:**", tt.need}, tt.b)
		if (err == nil) != tt.may || err != nil && !errors.Is(err, ErrDenied) {
			t.Errorf("%s to %+v: %v", tt.need, tt.b, err)
		}
	}
}

// branches is a graph of one plan.
type branches struct {
	nothing
	slap Slap
}

func (g branches) Node(ctx context.Context, id NodeID) (Node, error) {
	if id.Kind == KindSlap {
		return MakeNode(id, g.slap)
	}
	return MakeNode(id, Task{Intent: "x", Name: "release"})
}

// A step belongs to the task and method that it stands in, and to those around them, and to no others; that of a plan which somebody
// wrote says of itself what it will, and is believed nothing.
func TestBorrowerOf(t *testing.T) {
	g := branches{slap: Slap{By: "planner", Root: &Branch{Task: "release", Method: "all", Steps: []string{"a.x", "b.y"}, Tasks: []*Branch{
		{Task: "test", Method: "quick", Steps: []string{"a.x"}},
		{Task: "deploy", Method: "ship", Steps: []string{"b.y"}},
	}}}}
	of := func() string {
		b, err := BorrowerOf(t.Context(), g, Process{Task: "t", Slap: "s"}, Step{Name: "b.y", Worker: "shell"})
		if err != nil {
			t.Fatal(err)
		}
		return HashOf(b)
	}
	if got := of(); got != HashOf(Borrower{"b.y", "shell", []string{"release", "release", "deploy"}, []string{"all", "ship"}}) {
		t.Error("of the planner's: another borrower")
	}
	g.slap.By = "Ada <ada@example.org>"
	if got := of(); got != HashOf(Borrower{"b.y", "shell", []string{"release"}, nil}) {
		t.Error("of somebody's: another borrower")
	}
}
