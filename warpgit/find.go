package warpgit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jitos/jitos"
)

// Find returns the node that a word means: "kind/name", a name, or the only beginning of a name or of the last part of one, of
// a kind where one is given. The error Is jitos.ErrNotFound where there is none, a *jitos.AmbiguousError where there are several.
func (s *Store) Find(ctx context.Context, at jitos.Snapshot, kind, word string) (jitos.NodeID, error) {
	name := word
	if k, n, ok := strings.Cut(word, "/"); ok {
		if kind != "" && k != kind {
			return jitos.NodeID{}, fmt.Errorf("%s: %w: want a %s", word, jitos.ErrInvalid, kind)
		}
		kind, name = k, n
	}
	id, ok, err := Exact(ctx, at, kind, name)
	if !ok && err == nil {
		id, ok, err = s.Begins(ctx, at, kind, name)
	}
	if !ok && err == nil {
		_, err = jitos.OnlyName(kind, word, nil, 0)
	}
	return id, err
}

// kindOrder orders the kinds that share names: a process names its end, a claim its settlement, a task its withdrawal. A bare
// name means the first.
var kindOrder = []string{jitos.KindTask, jitos.KindSlap, jitos.KindProcess, jitos.KindJob, jitos.KindClaim, jitos.KindSettlement,
	jitos.KindEvidence, jitos.KindPlanning, jitos.KindCollapse, jitos.KindAttempt, jitos.KindWithdrawal,
	jitos.KindQuestion, jitos.KindAnswer}

func firstKind(kinds []string) string {
	for _, k := range kindOrder {
		if slices.Contains(kinds, k) {
			return k
		}
	}
	return slices.Min(kinds)
}

// Exact finds a node by its whole name; with kind "" that of the kernel's kinds that comes first.
func Exact(ctx context.Context, g jitos.Graph, kind, name string) (id jitos.NodeID, ok bool, err error) {
	if jitos.CheckName(name) != nil {
		return id, false, nil
	}
	kinds := []string{kind}
	if kind == "" {
		kinds = kindOrder
	}
	for _, k := range kinds {
		id := jitos.NodeID{Kind: k, Name: name}
		if id.Check() != nil {
			continue
		}
		if ok, err := jitos.Has(ctx, g, id); ok || err != nil {
			return id, ok, err
		}
	}
	return id, false, nil
}

// Begins finds the only name that begins so, or whose last part does. Several are a *jitos.AmbiguousError.
func (s *Store) Begins(ctx context.Context, at jitos.Snapshot, kind, prefix string) (id jitos.NodeID, ok bool, err error) {
	ids, more, err := s.Named(ctx, at, kind, prefix, jitos.MostNames)
	if err != nil || len(ids) == 0 {
		return id, false, err
	}
	kinds, names := map[string][]string{}, []string{} // by name
	for _, id := range ids {
		if kinds[id.Name] == nil {
			names = append(names, id.Name)
		}
		kinds[id.Name] = append(kinds[id.Name], id.Kind)
	}
	found := slices.Clone(names)
	if kind == "" && len(names) > 1 {
		for i, n := range names {
			found[i] = firstKind(kinds[n]) + "/" + n
		}
	}
	if _, err := jitos.OnlyName(kind, prefix, found, more); err != nil {
		return id, false, err
	}
	return jitos.NodeID{Kind: firstKind(kinds[names[0]]), Name: names[0]}, true, nil
}

// Named finds the nodes of a kind ("": of any) whose names begin with prefix; where none does, those with a name whose part
// behind the last "-" begins so. They come in order of their names: all of the first names, at most as many as most says; more
// counts the other names.
func (s *Store) Named(ctx context.Context, at jitos.Snapshot, kind, prefix string, most int) (found []jitos.NodeID, more int, err error) {
	snap, err := s.open(ctx, at.Commit().ID)
	if err != nil {
		return nil, 0, err
	}
	nodes, err := s.Objects.child(ctx, snap.fabric, nodesDir)
	if err != nil {
		return nil, 0, err
	}
	for _, family := range []string{"n", "s"} {
		names, last := 0, ""
		err = s.index.scan(ctx, s.Objects, theNames, nodes, family+prefix, func(key, _ []byte) bool {
			parts := strings.Split(string(key[1:]), "\x00")
			id := jitos.NodeID{Name: parts[len(parts)-2], Kind: parts[len(parts)-1]}
			if kind != "" && id.Kind != kind {
				return true
			}
			if names == 0 || id.Name != last {
				names, last = names+1, id.Name
			}
			if names <= most {
				found = append(found, id)
			}
			return true
		})
		if err != nil || names > 0 {
			return found, max(0, names-most), err
		}
	}
	return nil, 0, nil
}

// FindCommit returns the only commit whose id begins so: 4 to 40 hexadecimal digits, else the error Is jitos.ErrInvalid. It Is
// jitos.ErrNotFound where there is no such commit or there are several. Of a whole id it is not asked whether it is there.
func (r *Repo) FindCommit(ctx context.Context, id string) (jitos.CommitID, error) {
	if len(id) < 4 || len(id) > 40 || strings.Trim(id, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q: %w: want 4 to 40 hexadecimal digits", id, jitos.ErrInvalid)
	}
	if len(id) == 40 {
		return jitos.CommitID(id), nil
	}
	full, err := r.gitLine(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", id+"^{commit}")
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("commit %s: %w", id, jitos.ErrNotFound)
	}
	return jitos.CommitID(full), nil
}
