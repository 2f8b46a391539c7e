package jitos

import (
	"context"
	"fmt"
	"sort"
)

// TaskStatus is what a task's graph adds up to. It is computed at a snapshot and never stored.
type TaskStatus string

const (
	Declared  TaskStatus = "declared"  // nobody has planned it yet
	NoPlan    TaskStatus = "no-plan"   // the last planning found no candidate
	Planned   TaskStatus = "planned"   // there are candidates that were not tried
	Open      TaskStatus = "open"      // an attempt of this clone is under way or was interrupted
	Elsewhere TaskStatus = "elsewhere" // an attempt is open in another clone
	ByHand    TaskStatus = "by-hand"   // a person's workspace is open
	Exhausted TaskStatus = "exhausted" // every candidate of the last planning was tried and discarded
	True      TaskStatus = "true"      // its goal was proven without any work
	Done      TaskStatus = "done"      // an attempt collapsed
	Withdrawn TaskStatus = "withdrawn"
)

// TaskView is a task with everything that Status folds over.
type TaskView struct {
	ID        TaskID
	Task      Task
	Status    TaskStatus
	Slaps     []Found[Slap]
	Planning  *Found[Planning] // the last that named an untried candidate, or any
	Processes []ProcessView    // in the order in which they were started
	Evidence  []Found[Evidence]
}

// ProcessView is a process and how it ended; both ends are nil while it is open.
type ProcessView struct {
	ID       ProcessID
	Process  Process
	Collapse *Collapse
	Attempt  *Attempt
}

// Open tells whether the process has not ended.
func (p ProcessView) Open() bool { return p.Collapse == nil && p.Attempt == nil }

// ViewTask folds the graph of the system WARP into one task. clone is the id of the clone that asks.
func ViewTask(ctx context.Context, at Graph, id TaskID, clone string) (TaskView, error) {
	v := TaskView{ID: id}
	var err error
	if v.Task, err = Get[Task](ctx, at, id.Node()); err != nil {
		return v, fmt.Errorf("task %s: %w", id, err)
	}
	for s, err := range Targets[Slap](ctx, at, id.Node(), LabelPlan) {
		if err != nil {
			return v, err
		}
		v.Slaps = append(v.Slaps, s)
	}
	sort.SliceStable(v.Slaps, func(i, j int) bool { return v.Slaps[i].Record.Cost < v.Slaps[j].Record.Cost })
	for e, err := range Targets[Evidence](ctx, at, id.Node(), LabelEvidence) {
		if err != nil {
			return v, err
		}
		v.Evidence = append(v.Evidence, e)
	}
	for p, err := range Targets[Process](ctx, at, id.Node(), LabelAttempt) {
		if err != nil {
			return v, err
		}
		pv, err := viewProcess(ctx, at, p)
		if err != nil {
			return v, err
		}
		v.Processes = append(v.Processes, pv)
	}
	sort.SliceStable(v.Processes, func(i, j int) bool { return v.Processes[i].Process.Number < v.Processes[j].Process.Number })
	withdrawn, err := Has(ctx, at, NodeID{KindWithdrawal, string(id)})
	if err != nil {
		return v, err
	}
	planned := false
	for p, err := range Targets[Planning](ctx, at, id.Node(), LabelPlanning) {
		if err != nil {
			return v, err
		}
		planned = true
		if v.Planning == nil || len(v.untried(p.Record)) > 0 || len(v.Planning.Record.Slaps) == 0 {
			v.Planning = &p
		}
	}
	v.Status = v.fold(clone, withdrawn, planned)
	return v, nil
}

// ViewProcess folds the graph of the system WARP into one process. The error Is ErrNotFound where there is none.
func ViewProcess(ctx context.Context, at Graph, id ProcessID) (ProcessView, error) {
	record, err := Get[Process](ctx, at, id.Node())
	if err != nil {
		return ProcessView{}, fmt.Errorf("process %s: %w", id, err)
	}
	return viewProcess(ctx, at, Found[Process]{id.Node(), record})
}

func viewProcess(ctx context.Context, at Graph, p Found[Process]) (ProcessView, error) {
	v := ProcessView{ID: ProcessID(p.ID.Name), Process: p.Record}
	if c, err := Get[Collapse](ctx, at, NodeID{KindCollapse, p.ID.Name}); err == nil {
		v.Collapse = &c
	} else if ok, err := Has(ctx, at, NodeID{KindAttempt, p.ID.Name}); err != nil {
		return v, err
	} else if ok {
		a, err := Get[Attempt](ctx, at, NodeID{KindAttempt, p.ID.Name})
		if err != nil {
			return v, err
		}
		v.Attempt = &a
	}
	return v, nil
}

// fold is the whole of a task's status.
func (v TaskView) fold(clone string, withdrawn, planned bool) TaskStatus {
	for _, p := range v.Processes {
		if p.Collapse != nil {
			return Done
		}
	}
	if withdrawn {
		return Withdrawn
	}
	for _, p := range v.Processes {
		switch {
		case !p.Open():
		case p.Process.Owner != clone:
			return Elsewhere
		case p.Process.Hand:
			return ByHand
		default:
			return Open
		}
	}
	for _, e := range v.Evidence {
		if e.Record.Verdict == Pass {
			return True
		}
	}
	for _, s := range v.Slaps {
		if !v.tried(SlapID(s.ID.Name)) {
			return Planned
		}
	}
	switch {
	case len(v.Slaps) > 0:
		return Exhausted
	case planned:
		return NoPlan
	}
	return Declared
}

func (v TaskView) tried(id SlapID) bool {
	for _, p := range v.Processes {
		if p.Process.Slap == id && p.Attempt != nil {
			return true
		}
	}
	return false
}

func (v TaskView) untried(p Planning) []SlapID {
	var fresh []SlapID
	for _, s := range p.Slaps {
		if !v.tried(s) {
			fresh = append(fresh, s)
		}
	}
	return fresh
}

// OpenProcesses yields the processes of the system WARP that have not ended, in order of their names.
func OpenProcesses(ctx context.Context, at Graph) ([]ProcessView, error) {
	var open []ProcessView
	for n, err := range at.Nodes(ctx, KindProcess) {
		if err != nil {
			return nil, err
		}
		var p Process
		if err := n.Decode(&p); err != nil {
			return nil, err
		}
		v, err := viewProcess(ctx, at, Found[Process]{n.ID, p})
		if err != nil {
			return nil, err
		}
		if v.Open() {
			open = append(open, v)
		}
	}
	sort.Slice(open, func(i, j int) bool { return open[i].ID < open[j].ID })
	return open, nil
}
