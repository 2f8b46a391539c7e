package jitos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Retire drops the months of the archive that the policy keeps no longer, and those that were dropped elsewhere: what was given up
// in them stays known, its commits are left to git gc. The system line says so first, so that nobody fetches or pushes them
// again; a kill between that and the deletion is made up for by the next call. It returns the months; dry changes nothing.
func (k *Kernel) Retire(ctx context.Context, dry bool) ([]Retired, error) {
	at, err := k.System(ctx)
	if err != nil {
		return nil, err
	}
	known, err := RetiredMonths(ctx, at)
	if err != nil {
		return nil, err
	}
	first := k.bounds().Retention.first(k.now())
	list := []Retired{}
	var fresh []Retired
	for ref, err := range k.Store.Refs(ctx, ArchivePrefix) {
		if err != nil {
			return nil, err
		}
		m := Retired{Month: strings.TrimPrefix(string(ref.Ref), ArchivePrefix), Tip: ref.ID}
		if !known[m.Month] && !before(m.Month, first) {
			continue
		}
		if m.Entries, err = k.entries(ctx, ref.ID); err != nil {
			return nil, err
		}
		list = append(list, m)
		if !known[m.Month] {
			fresh = append(fresh, m)
		}
	}
	if dry || len(list) == 0 {
		return list, nil
	}
	if err := k.recordRetired(ctx, fresh); err != nil {
		return nil, err
	}
	for _, m := range list {
		err := k.Store.Delete(ctx, Ref(ArchivePrefix+m.Month), m.Tip)
		if err != nil && !errors.Is(err, ErrStale) { // one that has moved is dropped the next time
			return nil, err
		}
	}
	return list, nil
}

func (k *Kernel) recordRetired(ctx context.Context, list []Retired) error {
	if len(list) == 0 {
		return nil
	}
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		rw := k.rule(RuleRetire, "", "", "")
		var months []string
		for _, m := range list {
			id := NodeID{KindRetired, m.Month}
			if ok, err := Has(ctx, at, id); err != nil {
				return nil, err
			} else if ok {
				continue
			}
			if err := rw.put(id, m); err != nil {
				return nil, err
			}
			months = append(months, m.Month)
		}
		if len(months) == 0 {
			return nil, nil
		}
		rw.What = "the archive of " + few(months) + " is dropped"
		rw.Why = fmt.Sprintf("The policy keeps %s.", plural(k.bounds().Retention.Archive, "month"))
		return []Rewrite{rw}, nil
	})
	return err
}

// RetiredMonths are the months of the archive that the fabric has dropped, as "2024-05".
func RetiredMonths(ctx context.Context, at Graph) (map[string]bool, error) {
	months := map[string]bool{}
	for n, err := range at.Nodes(ctx, KindRetired) {
		if err != nil {
			return nil, err
		}
		months[n.ID.Name] = true
	}
	return months, nil
}

// entries counts what a month of the archive holds on to.
func (k *Kernel) entries(ctx context.Context, tip CommitID) (int, error) {
	n := 0
	for c, err := range k.Store.Log(ctx, tip) {
		if err != nil {
			return 0, err
		}
		n += max(0, len(c.Parents)-1)
	}
	return n, nil
}

// first is the first month that is kept at a time, "" where all are. The present month is not among those that count.
func (r Retention) first(now time.Time) string {
	if r.Archive == 0 {
		return ""
	}
	now = now.UTC()
	return time.Date(now.Year(), now.Month()-time.Month(r.Archive), 1, 0, 0, 0, 0, time.UTC).Format(monthLayout)
}

const monthLayout = "2006-01"

// before tells whether a name is that of a month before another one.
func before(month, first string) bool {
	_, err := time.Parse(monthLayout, month)
	return err == nil && month < first
}

// rerunRetire checks that the policy, as it was before, kept none of the months that a commit drops.
func (k *Kernel) rerunRetire(ctx context.Context, was, after Snapshot) (bool, error) {
	policy, err := k.policyAt(ctx, was)
	if unread := (*unreadPolicy)(nil); errors.As(err, &unread) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c := after.Commit()
	for item := range c.Record.Set {
		p, err := item.Parse()
		if err != nil {
			return true, err
		}
		if !before(p.Node.Name, policy.Retention.first(c.When)) {
			return true, fmt.Errorf("%w: the policy keeps the archive of %s", ErrCorrupt, p.Node.Name)
		}
	}
	return true, nil
}
