package overlay

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// line is the way of one side: its commits, newest first along first parents, and where they start.
type line struct {
	commits []jitos.Commit
	start   jitos.Commit // on the first-parent line of the base, not of the side's own; zero where the walk was cut off
}

// line walks back from tip to where it left the first-parent line of base. That is base itself, unless a rebase merged base
// in: then it is an older commit of the same line. It is one, too, where tip is the system's, and base was before a reconciliation
// put what came since on the line of another clone.
func (m *Merger) line(ctx context.Context, base jitos.Commit, tip jitos.CommitID) (line, error) {
	l, err := m.walk(ctx, base, tip, 0)
	if err == nil && l.start.ID != base.ID && !l.mergedIn(base.ID) && !l.ofSystem() {
		err = notFrom(base)
	}
	return l, err
}

func notFrom(base jitos.Commit) error {
	return fmt.Errorf("%w: it does not come from %s", jitos.ErrInvalid, short(base.ID))
}

// walk walks back from tip to the first-parent line of base, wherever it meets that: the lines of two clones part before it. The
// place is found because both lines count their rewrites (Record.Seq). A limit above zero cuts the walk off.
func (m *Merger) walk(ctx context.Context, base jitos.Commit, tip jitos.CommitID, limit int) (line, error) {
	next, stop := iter.Pull2(m.history.Log(ctx, base.ID))
	defer stop()
	on, err, more := next()
	var l line
	for c, errC := range m.history.Log(ctx, tip) {
		if errC != nil {
			return l, errC
		}
		for more && err == nil && on.ID != c.ID && c.Record != nil && (on.Record == nil || on.Record.Seq > c.Record.Seq) {
			on, err, more = next()
		}
		if err != nil {
			return l, err
		}
		if more && on.ID == c.ID {
			l.start = c
			return l, nil
		}
		l.commits = append(l.commits, c)
		if limit > 0 && len(l.commits) == limit {
			return l, nil
		}
	}
	return l, notFrom(base)
}

// ofSystem tells whether a line ends in a commit of the system's; one of a workspace may have some, too: further back, where it was
// forked from what a reconciliation has put elsewhere since.
func (l line) ofSystem() bool { return len(l.commits) > 0 && isSystem(l.commits[0]) }

func isSystem(c jitos.Commit) bool { return c.Record != nil && jitos.IsSystemRule(c.Record.Rule) }

// mergedIn tells whether a commit of the line has the one given as a further parent.
func (l line) mergedIn(id jitos.CommitID) bool {
	return slices.ContainsFunc(l.commits, func(c jitos.Commit) bool { return len(c.Parents) > 1 && slices.Contains(c.Parents[1:], id) })
}

// parent is the first parent of the i-th commit, zero where the walk was cut off before it.
func (l line) parent(i int) jitos.Commit {
	if i+1 < len(l.commits) {
		return l.commits[i+1]
	}
	return l.start
}

// checkRecords refuses a line on which .jitos/ was changed by anything but rewrites: each commit must have changed there what
// its record says and nothing else, a plain commit nothing at all. The error names the oldest that did otherwise.
func (m *Merger) checkRecords(ctx context.Context, l line) error {
	before, err := fabricOf(ctx, m.objects, l.start.ID)
	if err != nil {
		return err
	}
	for _, c := range slices.Backward(l.commits) {
		after, err := fabricOf(ctx, m.objects, c.ID)
		if err != nil {
			return err
		}
		if err := m.checkRecord(ctx, c, before, after); err != nil {
			return err
		}
		before = after
	}
	return nil
}

func (m *Merger) checkRecord(ctx context.Context, c jitos.Commit, before, after plumbing.Hash) error {
	foreign := func() error {
		return jitos.Hint(fmt.Errorf("commit %s (%s) changed %s/ by hand: %w", short(c.ID), c.Subject, fabricDir, jitos.ErrInvalid),
			"jitos writes that directory itself: take the commit's changes of it back and commit again, or submit them as a rewrite")
	}
	if before == after {
		return nil
	}
	if c.Record == nil {
		return foreign()
	}
	diff, err := differItems(ctx, m.objects, before, after)
	if err != nil {
		return fmt.Errorf("commit %s: %w", short(c.ID), err)
	}
	dropped := map[jitos.ItemID]bool{}
	for _, item := range c.Record.Drop {
		dropped[item] = true
	}
	for _, d := range diff {
		set, isSet := c.Record.Set[d.item]
		if d.b.IsZero() && !dropped[d.item] || !d.b.IsZero() && (!isSet || string(set) != d.b.String()) {
			return foreign()
		}
	}
	return nil
}
