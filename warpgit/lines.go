package warpgit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// lines replays what is new of each line, and of the workspaces that ended in it, and looks for refs that were moved back.
func (n *inspection) lines(remembered []RemoteRef) (err error) {
	if n.fabric, err = n.repo.fabricID(n.ctx); err != nil {
		return err
	}
	if n.known, err = n.repo.knownLines(n.ctx); err != nil {
		return err
	}
	refs := slices.Clone(n.refs) // the system line first: the others rest on it
	slices.SortStableFunc(refs, func(a, b namedRef) int {
		return strings.Compare(fmt.Sprint(a.name != string(jitos.SystemRef)), fmt.Sprint(b.name != string(jitos.SystemRef)))
	})
	for _, ref := range refs {
		if strings.HasPrefix(ref.name, jitos.ArchivePrefix) {
			err = n.month(ref.id)
		} else {
			err = n.line(ref.id, ref.name == string(jitos.SystemRef))
		}
		if err == nil {
			err = n.forward(ref, remembered)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", ref.name, err)
		}
	}
	return nil
}

func (n *inspection) holds(id plumbing.Hash) bool { return n.held[id] || n.known.holds(id) }

// line replays a line back to what is known to hold, and the lines that its commits lead to. A line leaves the system line once.
func (n *inspection) line(tip plumbing.Hash, system bool) error {
	edges, err := n.store.edges()
	if err != nil {
		return err
	}
	left, born := false, n.fabric != "" && len(edges) == 0 // the birth that is known may lie behind an edge
	for v, err := range n.store.verify(n.ctx, tip, n.holds) {
		if err != nil {
			return err
		}
		id := plumbing.NewHash(string(v.Commit.ID))
		if born && v.Commit.Record != nil && v.Commit.Record.Rule == jitos.RuleBirth {
			if err := n.sameFabric(id); err != nil {
				return err
			}
			return fmt.Errorf("commit %s: %w: the fabric of this id was born otherwise", id, jitos.ErrConflict)
		}
		left = left || v.Plain || v.Commit.Record != nil && !jitos.IsSystemRule(v.Commit.Record.Rule)
		if err := n.verified(v, !left); err != nil {
			return fmt.Errorf("commit %s: %w", id, err)
		}
		if left && system {
			return fmt.Errorf("commit %s: %w: it is no rewrite of the kernel's, and stands on the system line", id, jitos.ErrCorrupt)
		}
		n.held[id] = true
	}
	return n.sameFabric(tip)
}

// verified looks at what replay does not: that the rule may write what the record says, and what the further parents are.
func (n *inspection) verified(v Verified, system bool) error {
	r, parents := v.Commit.Record, v.Commit.Parents
	if r == nil {
		return nil
	}
	if err := jitos.CheckRecord(*r, system); err != nil {
		return fmt.Errorf("%w: %w", jitos.ErrCorrupt, err)
	}
	if len(parents) == 0 {
		return nil
	}
	switch r.Rule {
	case jitos.RuleAbsorb, jitos.RuleLand:
		if len(parents) > 2 {
			return fmt.Errorf("%w: it has %d parents", jitos.ErrCorrupt, len(parents))
		}
		return nil // the user's: there is nothing to replay
	case jitos.RuleCollapse, jitos.RuleRebase, jitos.RuleProbe, jitos.RuleConflict:
		for _, p := range parents[1:] {
			if err := n.line(plumbing.NewHash(string(p)), false); err != nil {
				return err
			}
		}
		return nil
	}
	if len(parents) > 1 {
		return fmt.Errorf("%w: a commit of rule %s has one parent, and it has %d", jitos.ErrCorrupt, r.Rule, len(parents))
	}
	return nil
}

// sameFabric refuses the line of another fabric than the one here or, where there is none, than that of the line before.
func (n *inspection) sameFabric(tip plumbing.Hash) error {
	v, err := n.store.view(n.ctx, tip)
	if err != nil {
		return err
	}
	id, err := n.store.Objects.child(n.ctx, v.fabric, fabricFile)
	if err != nil {
		return err
	}
	data, err := n.store.Objects.Blob(n.ctx, id)
	if err != nil {
		return fmt.Errorf("%s: %w", fabricFile, err)
	}
	info, err := parseFabricFile(data)
	if err != nil {
		return err
	}
	again, err := FabricFile(info.ID)
	if err != nil || !bytes.Equal(again, data) {
		return fmt.Errorf("%s: %w: it is not canonical", fabricFile, jitos.ErrCorrupt)
	}
	if n.fabric == "" {
		n.fabric = info.ID
	}
	if info.ID != n.fabric {
		return fmt.Errorf("%w: it belongs to another fabric, %s, and here is %s", jitos.ErrConflict, info.ID, n.fabric)
	}
	return nil
}

// month looks at what is new of a month of the archive: each commit is empty and holds on to a workspace that was given up.
func (n *inspection) month(tip plumbing.Hash) error {
	known, err := n.archived()
	if err != nil {
		return err
	}
	for id := tip; !known[id]; {
		c, err := n.store.Objects.Commit(n.ctx, id)
		if err != nil {
			return err
		}
		switch parents := c.ParentHashes; {
		case c.TreeHash != EmptyTree:
			return fmt.Errorf("commit %s: %w: a month of the archive with files", id, jitos.ErrCorrupt)
		case len(parents) == 0:
			return nil
		case len(parents) != 2:
			return fmt.Errorf("commit %s: %w: an entry of the archive has two parents, and it has %d", id, jitos.ErrCorrupt, len(parents))
		default:
			if err := n.line(parents[1], false); err != nil {
				return err
			}
			id = parents[0]
		}
	}
	return nil
}

// archived are the commits of the archive that is here.
func (n *inspection) archived() (map[plumbing.Hash]bool, error) {
	known := map[plumbing.Hash]bool{}
	months, err := n.repo.refs.list(jitos.ArchivePrefix)
	if err != nil {
		return nil, err
	}
	for _, month := range months {
		for id := month.id; !known[id]; {
			known[id] = true
			c, err := n.repo.Store.Objects.Commit(n.ctx, id)
			if err != nil {
				return nil, err
			}
			if len(c.ParentHashes) == 0 {
				break
			}
			id = c.ParentHashes[0]
		}
	}
	return known, nil
}

// Rewound is a ref of a remote that does not go on from where it was when it was fetched last: somebody there has taken commits
// back, or put others in their place.
type Rewound struct {
	Remote string
	Ref    jitos.Ref
	Old    jitos.CommitID
	New    jitos.CommitID // "" where the ref is gone
}

// RewoundError refuses a fetch from a remote that was moved back. It Is jitos.ErrConflict.
type RewoundError struct{ Refs []Rewound }

func (e *RewoundError) Error() string {
	r := e.Refs[0]
	name, now := strings.TrimPrefix(string(r.Ref), "refs/heads/"), "is gone there"
	if r.New != "" {
		now = "is now at " + string(r.New[:10]) + ", which does not go on from it"
	}
	more := ""
	if n := len(e.Refs) - 1; n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return fmt.Sprintf("ALARM: the remote was moved back: %s was at %s when it was fetched last, and %s%s", name, r.Old[:10], now, more)
}

func (e *RewoundError) Is(target error) bool { return target == jitos.ErrConflict }

// forward notes a system line, or a month of the archive, that does not go on from what the remote had. Workspaces end, and
// their names may come again. At the edge of a shallow clone nothing can be told.
func (n *inspection) forward(ref namedRef, remembered []RemoteRef) error {
	i := slices.IndexFunc(remembered, func(r RemoteRef) bool { return string(r.Ref) == ref.name })
	if i < 0 || strings.HasPrefix(ref.name, jitos.SWSPrefix) {
		return nil
	}
	old, err := parseID(remembered[i].New)
	if err != nil {
		return err
	}
	down := int64(0)
	if ref.name == string(jitos.SystemRef) {
		v, err := n.store.view(n.ctx, old)
		if err != nil {
			return err
		}
		if down, err = n.store.seq(n.ctx, v); err != nil {
			return err
		}
	}
	for id := ref.id; id != old; {
		v, err := n.store.view(n.ctx, id)
		if err != nil {
			return err
		}
		seq := int64(0)
		if down > 0 {
			if seq, err = n.store.seq(n.ctx, v); err != nil {
				return err
			}
		}
		if len(v.parents) == 0 && len(v.commit.ParentHashes) > 0 {
			return nil // the edge
		}
		if len(v.parents) == 0 || down > 0 && seq <= down {
			n.rewound = append(n.rewound, Rewound{Ref: jitos.Ref(ref.name), Old: remembered[i].New, New: commitID(ref.id)})
			return nil
		}
		id = v.parents[0]
	}
	return nil
}
