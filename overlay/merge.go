package overlay

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// Merge merges the WARP theirs into ours; the package comment has the rules. The rewrite sets and drops what ours lacks,
// relative to ours, and always names the merged file tree; its rule, actor, words and parents are the caller's. A conflict
// names its commits on both sides (see Conflict.By).
//
// With conflicts nothing was written, and the rewrite is what a rebase can use, after which what is stale can run again: where
// only reads moved (ReadMoved) the merge itself is clean and the rewrite whole; where else only files conflict, it is whole but
// for its tree, which is ""; where an item conflicts, it is empty.
//
// The error Is jitos.ErrInvalid where theirs does not come from base, is of another fabric, or has a commit that changed
// .jitos/ and is no rewrite: the commit is named.
func (m *Merger) Merge(ctx context.Context, base, ours, theirs jitos.Snapshot) (jitos.Rewrite, []jitos.Conflict, error) {
	rw, conflicts, err := m.merge(ctx, three[jitos.Snapshot]{base, ours, theirs})
	if err != nil {
		return jitos.Rewrite{}, nil, fmt.Errorf("merge %s into %s: %w", short(theirs.Commit().ID), short(ours.Commit().ID), err)
	}
	return rw, conflicts, nil
}

func short(id jitos.CommitID) string { return string(id[:min(10, len(id))]) }

func (m *Merger) merge(ctx context.Context, at three[jitos.Snapshot]) (jitos.Rewrite, []jitos.Conflict, error) {
	var none jitos.Rewrite
	way, err := m.line(ctx, at.base.Commit(), at.theirs.Commit().ID)
	if err != nil {
		return none, nil, err
	}
	if err := m.checkRecords(ctx, way); err != nil {
		return none, nil, err
	}
	files, inFiles, err := m.mergeFiles(ctx, each(at, jitos.Snapshot.Tree))
	if err != nil {
		return none, nil, err
	}
	g := graphMerge{objects: m.objects, at: at, dropped: map[jitos.ItemID]bool{}, deleted: map[jitos.NodeID]bool{}}
	if err := g.merge(ctx); err != nil {
		return none, nil, err
	}
	stale, err := m.staleReads(ctx, at, way)
	if err != nil {
		return none, nil, err
	}
	moved, err := readClashes(ctx, at, stale)
	if err != nil {
		return none, nil, err
	}
	var all []clash
	for _, c := range inFiles {
		all = append(all, clash{Conflict: c})
	}
	all = append(all, g.clashes...)
	conflicts, err := m.blame(ctx, at, way, append(all, moved...))
	if err != nil || g.clashes != nil {
		return none, conflicts, err
	}
	if inFiles == nil {
		g.rw.Tree, err = m.writeFiles(files)
	}
	return g.rw, conflicts, err
}

// graphMerge is one merge of .jitos/ under way: what stands there is the difference of theirs and base, each item of which is
// looked up in ours; so the merge costs what theirs changed, however far ours has gone on.
type graphMerge struct {
	objects Reader
	at      three[jitos.Snapshot]
	fabric  three[plumbing.Hash]
	rw      jitos.Rewrite
	dropped map[jitos.ItemID]bool // by rw
	deleted map[jitos.NodeID]bool // by theirs, also where that is a conflict
	clashes []clash
}

func (g *graphMerge) merge(ctx context.Context) error {
	var err error
	g.fabric, err = tryEach(g.at, func(s jitos.Snapshot) (plumbing.Hash, error) { return fabricOf(ctx, g.objects, s.Commit().ID) })
	if err != nil {
		return err
	}
	diff, err := differItems(ctx, g.objects, g.fabric.base, g.fabric.theirs)
	if err != nil {
		return err
	}
	for _, d := range diff {
		blob, err := g.at.ours.Blob(ctx, d.item)
		if err != nil {
			return fmt.Errorf("%s: %w", d.item, err)
		}
		ours, err := hashOf(blob)
		if err != nil {
			return err
		}
		if err := g.item(ctx, d.item, three[plumbing.Hash]{d.a, ours, d.b}); err != nil {
			return fmt.Errorf("%s: %w", d.item, err)
		}
	}
	return g.ends(ctx)
}

func (g *graphMerge) conflict(item jitos.ItemID, v three[plumbing.Hash], why string) {
	t := each(v, textOf)
	g.clashes = append(g.clashes, clash{Conflict: jitos.Conflict{Item: item, Why: why, Base: t.base, Ours: t.ours, Theirs: t.theirs}})
}

// item merges one item that theirs changed.
func (g *graphMerge) item(ctx context.Context, item jitos.ItemID, v three[plumbing.Hash]) error {
	parts, err := item.Parse()
	if err != nil {
		return err
	}
	if parts.File == fabricFile {
		return fmt.Errorf("%w: it is of another fabric", jitos.ErrInvalid)
	}
	if v.theirs.IsZero() && parts.File == "" && parts.Label == "" {
		g.deleted[parts.Node] = true
	}
	picked, ok := pick(v)
	switch {
	case ok && picked == v.ours:
		return nil
	case parts.Node.Kind == jitos.KindEvidence && parts.Label == "" && !v.ours.IsZero() && !v.theirs.IsZero():
		return nil // both measured the same gate on the same tree: one measurement is enough
	case !ok && v.ours.IsZero():
		g.conflict(item, v, "deleted by ours, changed by theirs")
		return nil
	case !ok && v.theirs.IsZero():
		g.conflict(item, v, "changed by ours, deleted by theirs")
		return nil
	}
	texts, err := readThree(ctx, g.objects, v)
	switch {
	case err != nil:
		return err
	case parts.File != "":
		g.file(item, parts.File, v, texts, ok)
		return nil
	case ok && picked.IsZero():
		g.rw.Drop = append(g.rw.Drop, item)
		g.dropped[item] = true
		return nil
	}
	fields, err := tryEach(texts, decodeFields)
	if err != nil {
		return err
	}
	if ok {
		return g.put(item, parts, fields.theirs)
	}
	return g.mergeItem(item, parts, v, fields)
}

// file merges one of the fabric's own files.
func (g *graphMerge) file(item jitos.ItemID, name string, v three[plumbing.Hash], texts three[[]byte], ok bool) {
	merged := texts.theirs
	if !ok {
		var why string
		if merged, why = byLines(texts); why != "" {
			g.conflict(item, v, why)
			return
		}
	}
	if g.rw.Fabric == nil {
		g.rw.Fabric = map[string][]byte{}
	}
	if v.theirs.IsZero() {
		merged = nil // drops it
	} else if merged == nil {
		merged = []byte{}
	}
	g.rw.Fabric[name] = merged
}

// mergeItem merges a node, or an edge's attributes, that both sides changed.
func (g *graphMerge) mergeItem(item jitos.ItemID, parts jitos.ItemParts, v three[plumbing.Hash], fields three[map[string]any]) error {
	values := fields
	if parts.Label != "" {
		values = each(fields, func(f map[string]any) map[string]any {
			attrs, _ := f[edgeAttrs].(map[string]any)
			return attrs
		})
	}
	merged, clashes, changed, err := mergeFields(values)
	switch {
	case err != nil:
		return err
	case clashes != nil:
		g.conflict(item, v, "both sides changed "+strings.Join(clashes, ", "))
		return nil
	case !changed:
		return nil
	case parts.Label != "":
		fields.theirs[edgeAttrs] = merged // what else an edge has is its id
		merged = fields.theirs
	}
	return g.put(item, parts, merged)
}

// put sets a node or an edge.
func (g *graphMerge) put(item jitos.ItemID, parts jitos.ItemParts, fields map[string]any) error {
	if parts.Label == "" {
		g.rw.Set = append(g.rw.Set, jitos.Node{ID: parts.Node, Fields: fields})
		return nil
	}
	e, err := edgeOf(item, fields)
	if err == nil {
		g.rw.Edges = append(g.rw.Edges, e)
	}
	return err
}

func decodeFields(data []byte) (map[string]any, error) {
	if data == nil {
		return nil, nil
	}
	return jitos.DecodeFields(data)
}
