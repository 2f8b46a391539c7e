package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jitos/jitos"
)

// Lanes are the system line and the workspaces beside it, as a commit graph: what a person looks at. All of it is read from
// commits: a lane begins with a process rewrite on the system line and ends with a collapse or a discard there.
type Lanes struct {
	Rows  []Row  // newest first
	Lanes []Lane // in the order in which they were opened
	More  bool   // the system line goes on behind the last row
}

// Row is one commit, and the lane that it is on: the process's name, null for the system line.
type Row struct {
	Commit *Commit
	Lane   *string
}

// Lane is a workspace, from the rewrite that opened it to the one that ended it. End is null while it is open, at the moment that
// the lanes are those of.
type Lane struct {
	*Process
	From string
	End  *string
	Cut  bool // it has older rewrites, which are not shown
}

// State is that at the moment of the lanes, and not today's.
func (l *Lane) State() ProcessState {
	if l.End == nil {
		return "open"
	}
	return l.Process.State()
}

const (
	mostRows  = 400 // of the system line
	laneLimit = 200 // rewrites of one workspace
)

// Lanes goes back from the warp's commit over so many rewrites of the system line, or as far as a commit that a client has
// already, so that what it has stays where it is.
func (w *Warp) Lanes(ctx context.Context, first int, until *string) (*Lanes, error) {
	if first < 1 || first > mostRows {
		return nil, fmt.Errorf("first: %w: want 1 to %d", jitos.ErrInvalid, mostRows)
	}
	out := &Lanes{Rows: []Row{}, Lanes: []Lane{}}
	var line []jitos.Commit // oldest first, in the end
	last := until == nil
	for c, err := range w.s.Store.Log(ctx, w.at.Commit().ID) {
		if err != nil {
			return nil, err
		}
		if c.Record == nil || !jitos.IsSystemRule(c.Record.Rule) {
			continue // the warp is one of a workspace: its lanes are those of its snapshot
		}
		if len(line) >= first && last || len(line) == mostRows {
			out.More = true
			break
		}
		line = append(line, c)
		last = last || string(c.ID) == *until
	}
	slices.Reverse(line)
	lanes, err := w.beside(ctx, line)
	if err != nil {
		return nil, err
	}
	out.Rows = braid(w.s, line, lanes)
	for _, l := range lanes {
		out.Lanes = append(out.Lanes, l.Lane)
	}
	return out, nil
}

// strand is a lane with its own commits, oldest first.
type strand struct {
	Lane
	commits []jitos.Commit
	open    bool // the commit that it begins with is among the rows
}

// beside finds the lanes that a stretch of the system line has beside it: those that begin or end there, and those that are open
// today and began before it.
func (w *Warp) beside(ctx context.Context, line []jitos.Commit) ([]*strand, error) {
	now, err := w.s.now(ctx)
	if err != nil {
		return nil, err
	}
	var found []jitos.ProcessID
	ends := map[jitos.ProcessID]string{}
	begun := map[jitos.ProcessID]int{}
	for i, c := range line {
		if c.Record == nil || c.Record.Process == "" {
			continue
		}
		id := c.Record.Process
		switch c.Record.Rule {
		case jitos.RuleProcess:
			begun[id] = i + 1
		case jitos.RuleCollapse, jitos.RuleDiscard:
			ends[id] = string(c.ID)
		default:
			continue
		}
		if !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	open, err := w.s.Kernel.Workspaces(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range open {
		there, err := jitos.Has(ctx, w.at, o.Process.ID.Node())
		if err != nil {
			return nil, err
		}
		if id := o.Process.ID; there && !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	var list []*strand
	for _, id := range found {
		s, err := now.strand(ctx, id)
		if errors.Is(err, jitos.ErrNotFound) || errors.Is(err, jitos.ErrCorrupt) {
			continue // it never came to a workspace, or that is not in this clone, or is broken
		}
		if err != nil {
			return nil, err
		}
		s.End, s.open = text(ends[id]), begun[id] > 0
		s.cutBefore(line[0])
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(a, b *strand) int {
		return cmp.Compare(begun[a.view.ID], begun[b.view.ID])
	})
	return list, nil
}

// strand reads the rewrites of a process's workspace, up to its tip of today.
func (m moment) strand(ctx context.Context, id jitos.ProcessID) (*strand, error) {
	p, err := m.process(ctx, id)
	if err != nil {
		return nil, err
	}
	var tip jitos.CommitID
	switch {
	case p.view.Collapse != nil:
		tip = p.view.Collapse.Tip
	case p.view.Attempt != nil:
		tip = p.view.Attempt.Tip
	default:
		if tip, err = m.s.Store.Head(ctx, jitos.Ref(jitos.SWSPrefix+p.view.Process.SWS)); err != nil {
			return nil, err
		}
	}
	s := &strand{Lane: Lane{Process: p}}
	for c, err := range m.s.Store.Log(ctx, tip) {
		if err != nil {
			return nil, err
		}
		if c.Record != nil && jitos.IsSystemRule(c.Record.Rule) {
			s.From = string(c.ID)
			break
		}
		if s.Cut = len(s.commits) == laneLimit; !s.Cut {
			s.commits = append(s.commits, c)
		}
	}
	slices.Reverse(s.commits)
	return s, nil
}

// cutBefore leaves out what a lane that began earlier did before the first row.
func (s *strand) cutBefore(first jitos.Commit) {
	if s.open {
		return
	}
	n := 0
	for n < len(s.commits) && s.commits[n].When.Before(first.When) {
		n++
	}
	s.commits, s.Cut = s.commits[n:], true
}

// braid puts the commits of all lines into one order, newest first: parents before children, then by time. It ends with the
// last of the system line, but for lanes that are still open there and whose commits are not younger than it, or that are open
// today where nothing comes after it.
func braid(s *Server, line []jitos.Commit, lanes []*strand) []Row {
	rows := []Row{}
	at := make([]int, len(lanes)) // the next commit of each
	begun := map[string]bool{}
	put := func(c jitos.Commit, lane *string) { rows = append(rows, Row{&Commit{s, c}, lane}) }
	drain := func(i int, upTo func(jitos.Commit) bool) {
		name := string(lanes[i].view.ID)
		for ; at[i] < len(lanes[i].commits) && upTo(lanes[i].commits[at[i]]); at[i]++ {
			put(lanes[i].commits[at[i]], &name)
		}
	}
	for _, c := range line {
		// Those that came before it by time, the oldest first.
		for {
			next := -1
			for i, l := range lanes {
				if l.open && !begun[l.From] || at[i] == len(l.commits) || !l.commits[at[i]].When.Before(c.When) {
					continue
				}
				if next < 0 || l.commits[at[i]].When.Before(lanes[next].commits[at[next]].When) {
					next = i
				}
			}
			if next < 0 {
				break
			}
			when := lanes[next].commits[at[next]].When
			drain(next, func(c jitos.Commit) bool { return c.When.Equal(when) })
		}
		for i, l := range lanes {
			if l.End != nil && *l.End == string(c.ID) {
				drain(i, func(jitos.Commit) bool { return true })
			}
		}
		put(c, nil)
		begun[string(c.ID)] = true
	}
	for i, l := range lanes {
		if l.End == nil && l.Process.State() == "open" {
			drain(i, func(jitos.Commit) bool { return true })
		}
	}
	slices.Reverse(rows)
	return rows
}

// Tip is where a line of the fabric stands.
type Tip struct {
	Workspace *string
	Commit    string
}

func (s *Server) tips(ctx context.Context) ([]Tip, error) {
	head, err := s.Store.Head(ctx, jitos.SystemRef)
	list := []Tip{{nil, string(head)}}
	for tip, more := range s.Store.Refs(ctx, jitos.SWSPrefix) {
		if more != nil {
			return list, more
		}
		list = append(list, Tip{text(string(tip.Ref[len(jitos.SWSPrefix):])), string(tip.ID)})
	}
	return list, err
}
