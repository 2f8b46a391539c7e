package jitos

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// rule says what a kind of rewrite may write.
type rule struct {
	version int
	system  bool     // it writes the system line, and is the kernel's alone
	kinds   []string // of the nodes that it sets; nil: none, "*": any that is not the kernel's, "**": any
	fabric  bool     // it may write files below .jitos/
}

// rules is the whole table: a rule that is not here does not exist.
var rules = map[string]rule{
	RuleBirth:    {1, true, nil, true},
	RuleAbsorb:   {1, true, []string{KindSync, KindToolchain}, false},
	RuleLand:     {1, true, []string{KindSync}, false},
	RuleObserve:  {1, true, []string{KindToolchain}, false},
	RuleTask:     {1, true, []string{KindTask}, false},
	RuleWithdraw: {1, true, []string{KindWithdrawal}, false},
	RulePlan:     {2, true, []string{KindPlanning, KindSlap}, false},
	RuleProcess:  {1, true, []string{KindProcess}, false},
	RuleTakeOver: {1, true, []string{KindProcess}, false},
	RuleProve:    {1, true, []string{KindEvidence}, false},
	RuleCollapse: {1, true, []string{"**"}, true},
	RuleDiscard:  {1, true, []string{KindAttempt, KindFinding, KindConflict, KindEvidence, KindAction}, false},
	RuleConflict: {1, true, []string{KindConflict}, false},
	RuleMethod:   {2, true, nil, true},
	RuleBatch:    {1, true, []string{KindBatch}, false},
	RuleAsk:      {1, true, []string{KindQuestion, KindEvidence}, false},
	RuleAnswer:   {1, true, []string{KindQuestion, KindAnswer}, false},
	RuleRetire:   {1, true, []string{KindRetired}, false},
	RuleCompile:  {1, false, []string{KindJob}, false},
	RuleClaim:    {1, false, []string{KindClaim}, false},
	RuleSettle:   {1, false, []string{KindSettlement, KindFinding, KindEvidence, KindAction, "*"}, false},
	RuleProbe:    {1, false, []string{KindProbe}, false},
	RuleRebase:   {1, false, []string{"**"}, true},
	RuleSave:     {1, false, nil, false},
	RuleGraph:    {1, false, []string{"*"}, false},
}

// RuleVersion is the version that this binary writes of a rule, 0 for an unknown one.
func RuleVersion(name string) int { return rules[name].version }

// IsSystemRule tells whether commits of the rule stand on the system line.
func IsSystemRule(name string) bool { return rules[name].system }

var kernelKinds = []string{KindTask, KindWithdrawal, KindPlanning, KindSlap, KindProcess, KindJob, KindClaim, KindSettlement,
	KindEvidence, KindFinding, KindConflict, KindAttempt, KindCollapse, KindAction, KindProbe, KindBatch, KindSync, KindToolchain,
	KindQuestion, KindAnswer, KindRetired}

// IsKernelKind tells whether only the kernel writes nodes of a kind.
func IsKernelKind(kind string) bool { return slices.Contains(kernelKinds, kind) }

// Apply checks a rewrite against the graph that it would change: that its rule may write what it writes, and that what
// each record rests on is there. A plan needs a task, a process a plan, a job its process, a claim its job, a settlement
// its claim. It changes nothing; the error Is ErrInvalid, or ErrNotFound where something is missing.
func Apply(ctx context.Context, at Graph, rw Rewrite) error {
	r, ok := rules[rw.Rule]
	if !ok {
		return fmt.Errorf("rewrite: %w: unknown rule %q", ErrInvalid, rw.Rule)
	}
	if rw.Actor == "" || rw.What == "" || strings.ContainsAny(rw.What, "\n\r") {
		return fmt.Errorf("rewrite %s: %w: want an actor and one line that says what happened", rw.Rule, ErrInvalid)
	}
	if len(rw.Fabric) > 0 && !r.fabric {
		return fmt.Errorf("rewrite %s: %w: it may not change the fabric's own files", rw.Rule, ErrInvalid)
	}
	after := staged{at, map[NodeID]Node{}}
	for _, n := range rw.Set {
		if err := n.ID.Check(); err != nil {
			return err
		}
		if !r.mayWrite(n.ID.Kind) {
			return fmt.Errorf("rewrite %s: %w: it may not write a %s", rw.Rule, ErrInvalid, n.ID.Kind)
		}
		after.set[n.ID] = n
	}
	for _, item := range rw.Drop {
		p, err := item.Parse()
		if err != nil {
			return err
		}
		if p.File == "" && !r.mayWrite(p.Node.Kind) && (p.Label == "" || rw.Rule == RuleGraph) {
			return fmt.Errorf("rewrite %s: %w: it may not drop %s", rw.Rule, ErrInvalid, item)
		}
	}
	for _, e := range rw.Edges {
		if rw.Rule == RuleGraph && IsKernelKind(e.From.Kind) {
			return fmt.Errorf("rewrite %s: %w: edges from a %s are the kernel's", rw.Rule, ErrInvalid, e.From.Kind)
		}
	}
	for _, n := range rw.Set {
		if err := rests(ctx, after, n); err != nil {
			return fmt.Errorf("rewrite %s: %s: %w", rw.Rule, n.ID, err)
		}
	}
	return nil
}

// CheckRecord checks what a record from elsewhere says that it wrote, on the system line or in a workspace, by the same table: as
// far as that can be told without the nodes themselves. The error Is ErrInvalid.
func CheckRecord(r Record, system bool) error {
	rule, ok := rules[r.Rule]
	switch {
	case !ok:
		return fmt.Errorf("%w: unknown rule %q", ErrInvalid, r.Rule)
	case rule.system != system:
		return fmt.Errorf("%w: rule %s does not belong on this line", ErrInvalid, r.Rule)
	}
	check := func(item ItemID) error {
		p, err := item.Parse()
		if err != nil {
			return err
		}
		if p.File != "" && !rule.fabric || p.File == "" && !rule.mayWrite(p.Node.Kind) && (p.Label == "" || r.Rule == RuleGraph) {
			return fmt.Errorf("%w: rule %s may not write %s", ErrInvalid, r.Rule, item)
		}
		return nil
	}
	for item := range r.Set {
		if err := check(item); err != nil {
			return err
		}
	}
	for _, item := range r.Drop {
		if err := check(item); err != nil {
			return err
		}
	}
	return nil
}

// applyAll checks a chain of rewrites, each on the graph that the ones before it make.
func applyAll(ctx context.Context, at Graph, chain []Rewrite, system bool) error {
	after := staged{at, map[NodeID]Node{}}
	for _, rw := range chain {
		if IsSystemRule(rw.Rule) != system {
			return fmt.Errorf("rewrite %s: %w: it does not belong on this line", rw.Rule, ErrInvalid)
		}
		if err := Apply(ctx, after, rw); err != nil {
			return err
		}
		for _, n := range rw.Set {
			after.set[n.ID] = n
		}
	}
	return nil
}

func (r rule) mayWrite(kind string) bool {
	for _, k := range r.kinds {
		if k == kind || k == "**" || k == "*" && !IsKernelKind(kind) {
			return true
		}
	}
	return false
}

// rests checks that what a record rests on is there.
func rests(ctx context.Context, at Graph, n Node) error {
	var on []NodeID
	switch n.ID.Kind {
	case KindTask:
		var t Task
		if err := n.Decode(&t); err != nil {
			return err
		}
		if strings.TrimSpace(t.Intent) == "" {
			return fmt.Errorf("%w: a task needs an intent", ErrInvalid)
		}
	case KindWithdrawal:
		on = append(on, TaskID(n.ID.Name).Node())
	case KindPlanning:
		var p Planning
		if err := n.Decode(&p); err != nil {
			return err
		}
		on = append(on, p.Task.Node())
		for _, s := range p.Slaps {
			on = append(on, s.Node())
		}
	case KindSlap:
		var s Slap
		if err := n.Decode(&s); err != nil {
			return err
		}
		on = append(on, s.Task.Node())
		if s.Parent != "" {
			on = append(on, s.Parent.Node())
		}
	case KindProcess:
		var p Process
		if err := n.Decode(&p); err != nil {
			return err
		}
		on = append(on, p.Task.Node(), p.Slap.Node())
	case KindJob:
		var j Job
		if err := n.Decode(&j); err != nil {
			return err
		}
		on = append(on, j.Process.Node())
	case KindClaim:
		var c Claim
		if err := n.Decode(&c); err != nil {
			return err
		}
		on = append(on, c.Job.Node())
	case KindSettlement:
		var s Settlement
		if err := n.Decode(&s); err != nil {
			return err
		}
		on = append(on, NodeID{KindClaim, s.Claim}, s.Job.Node())
	case KindProbe:
		var p Probe
		if err := n.Decode(&p); err != nil {
			return err
		}
		on = append(on, NodeID{KindClaim, p.Claim})
	case KindBatch:
		var b Batch
		if err := n.Decode(&b); err != nil {
			return err
		}
		on = append(on, b.Process.Node())
	case KindAttempt:
		var a Attempt
		if err := n.Decode(&a); err != nil {
			return err
		}
		if strings.TrimSpace(a.Reason) == "" {
			return fmt.Errorf("%w: a discard needs a reason", ErrInvalid)
		}
		on = append(on, a.Process.Node(), a.Of.Node())
	case KindCollapse:
		var c Collapse
		if err := n.Decode(&c); err != nil {
			return err
		}
		on = append(on, c.Process.Node(), c.Task.Node())
	case KindQuestion:
		var q Question
		if err := n.Decode(&q); err != nil {
			return err
		}
		on = append(on, q.Process.Node(), q.Task.Node())
	case KindAnswer:
		on = append(on, NodeID{KindQuestion, n.ID.Name})
	}
	for _, id := range on {
		ok, err := Has(ctx, at, id)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: it rests on %s, which is not there", ErrInvalid, id)
		}
	}
	return nil
}

// staged is a graph with nodes set over it.
type staged struct {
	Graph
	set map[NodeID]Node
}

func (s staged) Node(ctx context.Context, id NodeID) (Node, error) {
	if n, ok := s.set[id]; ok {
		return n, nil
	}
	return s.Graph.Node(ctx, id)
}

// Targets returns the nodes of one kind that a node's edges of a label lead to, decoded, in order of their names.
func Targets[T any](ctx context.Context, at Graph, from NodeID, label string) iter.Seq2[Found[T], error] {
	return func(yield func(Found[T], error) bool) {
		var to []NodeID
		for e, err := range at.Edges(ctx, from, label) {
			if err != nil {
				yield(Found[T]{}, err)
				return
			}
			to = append(to, e.To)
		}
		slices.SortFunc(to, func(a, b NodeID) int { return strings.Compare(a.String(), b.String()) })
		for _, id := range to {
			record, err := Get[T](ctx, at, id)
			if !yield(Found[T]{id, record}, err) || err != nil {
				return
			}
		}
	}
}

// Found is a stored record with its node.
type Found[T any] struct {
	ID     NodeID
	Record T
}

// nothing is the empty graph.
type nothing struct{}

func (nothing) Node(_ context.Context, id NodeID) (Node, error) {
	return Node{}, fmt.Errorf("node %s: %w", id, ErrNotFound)
}
func (nothing) Nodes(context.Context, string) iter.Seq2[Node, error] {
	return func(func(Node, error) bool) {}
}
func (nothing) Edges(context.Context, NodeID, string) iter.Seq2[Edge, error] {
	return func(func(Edge, error) bool) {}
}
func (nothing) Blob(context.Context, ItemID) (BlobID, error) { return "", nil }
