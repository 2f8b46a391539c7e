package jitos

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Reason leads from one thing in the fabric back to the intent behind it. What the way does not pass through is nil: a
// finding has no settlement, a task nothing but itself.
type Reason struct {
	Commit     *Commit            // the rewrite that was asked about
	Settlement *Found[Settlement] // of the job that made it
	Job        *Found[Job]
	Process    *ProcessView
	Slap       *Found[Slap]
	Path       []*Branch // of the plan: the methods that led to the job, outermost first
	Task       *TaskView
	Collapse   *Commit           // that made it part of the system WARP
	Evidence   []Found[Evidence] // on which it was made part of it
	Findings   []Found[Finding]  // what the attempt found out
}

// Reverse tells which edges lead to a node. A store may lend it; without one the way back from evidence is not found.
type Reverse func(ctx context.Context, at Snapshot, to NodeID) iter.Seq2[Edge, error]

// Why explains the rewrite of a commit: of the system line, or of a workspace that is open, collapsed or given up. The
// error Is ErrInvalid for a plain commit of the user's, which rests on nothing here.
func (k *Kernel) Why(ctx context.Context, c Commit) (Reason, error) {
	r := Reason{Commit: &c}
	if c.Record == nil {
		return r, fmt.Errorf("commit %s: %w: it is no rewrite of the fabric", short(c.ID), ErrInvalid)
	}
	at, err := k.System(ctx)
	if err != nil {
		return r, err
	}
	from := NodeID{}
	if c.Record.Task != "" {
		from = c.Record.Task.Node()
	}
	if c.Record.Process != "" {
		from = c.Record.Process.Node()
	}
	for item := range c.Record.Set {
		if p, err := item.Parse(); err == nil && p.Label == "" && p.Node.Kind == KindSettlement && c.Record.Rule == RuleSettle {
			from = p.Node
		}
	}
	if from == (NodeID{}) {
		return r, nil
	}
	own, err := k.Store.Open(ctx, c.ID)
	if err != nil {
		return r, err
	}
	return r, k.lead(ctx, &r, from, nil, at, own)
}

// WhyNode explains a node of the system WARP, or of the work of a process that is open or was given up (see WorkOf): at is
// where the node is.
func (k *Kernel) WhyNode(ctx context.Context, at Snapshot, id NodeID, reverse Reverse) (Reason, error) {
	var r Reason
	if _, err := at.Node(ctx, id); err != nil {
		return r, err
	}
	system, err := k.System(ctx)
	if err != nil {
		return r, err
	}
	return r, k.lead(ctx, &r, id, reverse, system, at)
}

// lead fills a reason from a node upwards. Each graph is asked in turn: what was collapsed is in the first, what was not
// is in the one that the node came from.
func (k *Kernel) lead(ctx context.Context, r *Reason, from NodeID, reverse Reverse, graphs ...Snapshot) error {
	for id := from; id != (NodeID{}); {
		next, err := k.above(ctx, r, id, reverse, graphs)
		if err != nil {
			return fmt.Errorf("why %s: %w", from, err)
		}
		id = next
	}
	return k.settleReason(ctx, r, graphs)
}

// above reads one node into the reason, and returns the one that it rests on.
func (k *Kernel) above(ctx context.Context, r *Reason, id NodeID, reverse Reverse, graphs []Snapshot) (NodeID, error) {
	n, at, err := firstNode(ctx, graphs, id)
	if err != nil {
		return NodeID{}, err
	}
	switch id.Kind {
	case KindTask:
		v, err := ViewTask(ctx, at, TaskID(id.Name), k.Local.Clone())
		r.Task = &v
		return NodeID{}, err
	case KindSlap:
		r.Slap = &Found[Slap]{ID: id}
		err := n.Decode(&r.Slap.Record)
		return r.Slap.Record.Task.Node(), err
	case KindProcess:
		var p Process
		if err := n.Decode(&p); err != nil {
			return NodeID{}, err
		}
		v, err := viewProcess(ctx, graphs[0], Found[Process]{id, p})
		r.Process = &v
		return p.Slap.Node(), err
	case KindJob:
		r.Job = &Found[Job]{ID: id}
		err := n.Decode(&r.Job.Record)
		return r.Job.Record.Process.Node(), err
	case KindSettlement:
		r.Settlement = &Found[Settlement]{ID: id}
		err := n.Decode(&r.Settlement.Record)
		return r.Settlement.Record.Job.Node(), err
	case KindClaim:
		var c Claim
		err := n.Decode(&c)
		return c.Job.Node(), err
	case KindEvidence:
		return aboveEvidence(ctx, id, reverse, graphs)
	}
	return restsOn(n)
}

// restsOn is the node that a record without a place of its own in a Reason belongs to, none for a node of a user's.
func restsOn(n Node) (NodeID, error) {
	var rest struct {
		Process ProcessID `json:"process"`
		Task    TaskID    `json:"task"`
	}
	if !IsKernelKind(n.ID.Kind) {
		return NodeID{}, nil
	}
	if err := n.Decode(&rest); err != nil {
		return NodeID{}, err
	}
	switch {
	case rest.Process != "":
		return rest.Process.Node(), nil
	case rest.Task != "":
		return rest.Task.Node(), nil
	}
	return NodeID{}, nil
}

// aboveEvidence takes the edge that leads furthest: the settlement of the gate's job before the collapse, the attempt or
// the task that asked for it.
func aboveEvidence(ctx context.Context, id NodeID, reverse Reverse, graphs []Snapshot) (NodeID, error) {
	if reverse == nil {
		return NodeID{}, nil
	}
	order := []string{KindSettlement, KindCollapse, KindProcess, KindTask}
	best := NodeID{}
	for _, at := range graphs {
		for e, err := range reverse(ctx, at, id) {
			if err != nil {
				return NodeID{}, err
			}
			if rank := slices.Index(order, e.From.Kind); rank >= 0 && (best == (NodeID{}) || rank < slices.Index(order, best.Kind)) {
				best = e.From
			}
		}
	}
	return best, nil
}

func firstNode(ctx context.Context, graphs []Snapshot, id NodeID) (Node, Snapshot, error) {
	for _, at := range graphs {
		n, err := at.Node(ctx, id)
		if err == nil || !errors.Is(err, ErrNotFound) {
			return n, at, err
		}
	}
	return Node{}, nil, fmt.Errorf("node %s: %w", id, ErrNotFound)
}

// settleReason adds what hangs on the way: the methods, the collapse with its evidence, the findings.
func (k *Kernel) settleReason(ctx context.Context, r *Reason, graphs []Snapshot) error {
	if r.Slap != nil && r.Job != nil {
		r.Path = branchPath(r.Slap.Record.Root, r.Job.Record.Step.Name)
	}
	if r.Process == nil {
		return nil
	}
	for _, at := range graphs {
		for f, err := range Targets[Finding](ctx, at, r.Process.ID.Node(), LabelFinding) {
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(r.Findings, func(o Found[Finding]) bool { return o.ID == f.ID }) {
				r.Findings = append(r.Findings, f)
			}
		}
	}
	if r.Process.Collapse == nil {
		return nil
	}
	for _, name := range r.Process.Collapse.Evidence {
		id := NodeID{KindEvidence, name}
		e, err := Get[Evidence](ctx, graphs[0], id)
		if err != nil {
			return err
		}
		r.Evidence = append(r.Evidence, Found[Evidence]{id, e})
	}
	c, err := k.collapseOf(ctx, graphs[0], r.Process.ID)
	r.Collapse = c
	return err
}

// collapseOf finds the commit of the system line in which a process ended, nil for none.
func (k *Kernel) collapseOf(ctx context.Context, at Snapshot, id ProcessID) (*Commit, error) {
	for c, err := range k.Store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return nil, err
		}
		if c.Record != nil && c.Record.Rule == RuleCollapse && c.Record.Process == id {
			return &c, nil
		}
	}
	return nil, nil
}

// branchPath is the way from the root of a decomposition to the branch that became the step.
func branchPath(b *Branch, step string) []*Branch {
	if b == nil {
		return nil
	}
	for _, sub := range b.Tasks {
		if path := branchPath(sub, step); path != nil {
			return append([]*Branch{b}, path...)
		}
	}
	if slices.ContainsFunc(b.Steps, func(s string) bool { return s == step || strings.HasSuffix(step, "."+s) }) {
		return []*Branch{b}
	}
	return nil
}
