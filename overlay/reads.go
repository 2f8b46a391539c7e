package overlay

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// ReadMoved opens Why of a conflict about something that was only read: nothing clashes, but what read it must run again.
const ReadMoved = jitos.ReadMovedWhy

// StaleReads returns what the rewrites of theirs since base relied on and finds changed in ours, each once. A plain commit is
// taken to have read the paths that it changed. Merge has the same answer among its conflicts.
func (m *Merger) StaleReads(ctx context.Context, base, ours, theirs jitos.Snapshot) ([]jitos.Read, error) {
	way, err := m.line(ctx, base.Commit(), theirs.Commit().ID)
	if err != nil {
		return nil, fmt.Errorf("stale reads of %s: %w", short(theirs.Commit().ID), err)
	}
	stale, err := m.staleReads(ctx, three[jitos.Snapshot]{base, ours, theirs}, way)
	if err != nil {
		return nil, fmt.Errorf("stale reads of %s: %w", short(theirs.Commit().ID), err)
	}
	var reads []jitos.Read
	for _, s := range stale {
		reads = append(reads, s.Read)
	}
	return reads, nil
}

// staleRead is a read that moved. For an edge of which only an end has changed, also is that node.
type staleRead struct {
	jitos.Read
	also jitos.ItemID
}

func (m *Merger) staleReads(ctx context.Context, at three[jitos.Snapshot], way line) ([]staleRead, error) {
	if at.base.Commit().ID == at.ours.Commit().ID {
		return nil, nil
	}
	reads, err := m.readsOf(ctx, way)
	if err != nil || len(reads) == 0 {
		return nil, err
	}
	changed, err := m.Changed(ctx, at.base.Tree(), at.ours.Tree())
	if err != nil {
		return nil, err
	}
	v := validator{then: at.base, now: at.ours, objects: m.objects, paths: changed}
	if v.before, err = fabricOf(ctx, m.objects, at.base.Commit().ID); err != nil {
		return nil, err
	}
	if v.after, err = fabricOf(ctx, m.objects, at.ours.Commit().ID); err != nil {
		return nil, err
	}
	var stale []staleRead
	for _, r := range reads {
		moved, also, err := v.moved(ctx, r)
		if err != nil {
			return nil, err
		}
		if moved {
			stale = append(stale, staleRead{r, also})
		}
	}
	return stale, nil
}

// readsOf collects the reads of a line, oldest first, each once. What the system's commits on the way of a workspace relied on, it does not.
func (m *Merger) readsOf(ctx context.Context, way line) ([]jitos.Read, error) {
	var reads []jitos.Read
	seen := map[string]bool{}
	for i, c := range slices.Backward(way.commits) {
		if isSystem(c) && !way.ofSystem() {
			continue
		}
		list, err := m.commitReads(ctx, c, way.parent(i))
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", short(c.ID), err)
		}
		for _, r := range list {
			what := r
			what.Is = ""
			if key := jitos.HashOf(what); !seen[key] {
				seen[key] = true
				reads = append(reads, r)
			}
		}
	}
	return reads, nil
}

func (m *Merger) commitReads(ctx context.Context, c, parent jitos.Commit) ([]jitos.Read, error) {
	if c.Record != nil {
		return c.Record.Reads, nil
	}
	paths, err := m.Changed(ctx, parent.Tree, c.Tree)
	if err != nil {
		return nil, err
	}
	reads := make([]jitos.Read, len(paths))
	for i, p := range paths {
		reads[i].Path = p
	}
	return reads, nil
}

// validator tells what has moved between two snapshots. It answers as jitos.Moved does, but looks at what differs first, so
// that a pattern over all files costs what changed and not the whole tree; and an edge has moved with either of its ends.
type validator struct {
	then, now     jitos.Snapshot
	objects       Reader
	before, after plumbing.Hash // their trees .jitos/
	paths         []string      // in which their files differ
}

func (v *validator) moved(ctx context.Context, r jitos.Read) (moved bool, also jitos.ItemID, err error) {
	reads := []jitos.Read{r}
	switch {
	case r.Pattern != nil:
		same, err := v.sameNodes(ctx, r.Pattern.Kind)
		if err != nil || same {
			return false, "", err
		}
	case r.Item != "":
		ends, err := v.ends(ctx, r.Item)
		if err != nil {
			return false, "", err
		}
		reads = append(reads, ends...)
	case isPattern(r.Path):
		return slices.ContainsFunc(v.paths, func(p string) bool { return jitos.MatchPath(r.Path, p) }), "", nil
	}
	list, err := jitos.Moved(ctx, v.then, v.now, reads)
	if len(list) > 0 && list[0].Item != r.Item {
		also = list[0].Item
	}
	return len(list) > 0, also, err
}

func isPattern(path string) bool { return strings.ContainsAny(path, "*?[") }

// sameNodes tells whether the nodes of a kind ("" for all) are the same ones in both snapshots.
func (v *validator) sameNodes(ctx context.Context, kind string) (bool, error) {
	var trees [2]plumbing.Hash
	for i, id := range []plumbing.Hash{v.before, v.after} {
		for _, name := range []string{nodesDir, kind} {
			if name == "" {
				break
			}
			entries, err := v.objects.Tree(ctx, id)
			if err != nil {
				return false, err
			}
			id = entryOf(entries, name)
		}
		trees[i] = id
	}
	return trees[0] == trees[1], nil
}

// ends are the reads of both ends of an edge, none for other items. Where the edge is absent its target is not known.
func (v *validator) ends(ctx context.Context, item jitos.ItemID) ([]jitos.Read, error) {
	p, err := item.Parse()
	if err != nil || p.Label == "" {
		return nil, err
	}
	reads := []jitos.Read{{Item: p.Node.Item()}}
	blob, err := v.then.Blob(ctx, item)
	if err != nil || blob == "" {
		return reads, err
	}
	g := graphMerge{objects: v.objects}
	e, err := g.edge(ctx, item, plumbing.NewHash(string(blob)))
	return append(reads, jitos.Read{Item: e.To.Item()}), err
}

// readClashes makes a conflict of each read that moved.
func readClashes(ctx context.Context, at three[jitos.Snapshot], stale []staleRead) ([]clash, error) {
	var all []clash
	for _, s := range stale {
		r := s.Read
		text, err := jitos.Canonical(r)
		if err != nil {
			return nil, err
		}
		c := jitos.Conflict{Item: r.Item, Path: r.Path, Why: ReadMoved + ": " + sayRead(r), Theirs: string(text)}
		if r.Pattern == nil && !isPattern(r.Path) {
			if c.Base, err = jitos.Look(ctx, at.base, r); err != nil {
				return nil, err
			}
			if c.Ours, err = jitos.Look(ctx, at.ours, r); err != nil {
				return nil, err
			}
		}
		all = append(all, clash{Conflict: c, also: s.also, read: &r})
	}
	return all, nil
}

// sayRead names what was read.
func sayRead(r jitos.Read) string {
	switch {
	case r.Item != "":
		return string(r.Item)
	case r.Pattern == nil:
		return r.Path
	}
	var has []string
	for field, value := range r.Pattern.Has {
		has = append(has, field+" "+value)
	}
	slices.Sort(has)
	say := "the nodes"
	if r.Pattern.Kind != "" {
		say += " of kind " + r.Pattern.Kind
	}
	if has != nil {
		say += " with " + strings.Join(has, ", ")
	}
	return say
}
