package planner

import (
	"context"
	"errors"
	"iter"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/jitos/jitos"
)

// facts is what a snapshot says, each thing looked at once.
type facts struct {
	ctx     context.Context // of the one call that the facts are read for
	at      jitos.Snapshot
	kinds   map[string][]jitos.Node // kinds that were read as a whole
	samples map[string][]jitos.Node
	single  map[jitos.NodeID]*jitos.Node
	paths   map[string][]string
	match   map[string]bool
	looks   map[string]string
}

func newFacts(ctx context.Context, at jitos.Snapshot) *facts {
	return &facts{ctx, at, map[string][]jitos.Node{}, map[string][]jitos.Node{}, map[jitos.NodeID]*jitos.Node{},
		map[string][]string{}, map[string]bool{}, map[string]string{}}
}

// nodes lists the nodes of a kind by name.
func (f *facts) nodes(kind string) ([]jitos.Node, error) {
	if list, ok := f.kinds[kind]; ok {
		return list, nil
	}
	list, err := jitos.Pattern{Kind: kind}.Find(f.ctx, f.at)
	if err != nil {
		return nil, err
	}
	f.kinds[kind] = list
	return list, nil
}

// some lists nodes of a kind by name: all of a few, of many the first in the order of the store, so that why a method was not
// used costs no more in a large fabric.
func (f *facts) some(kind string) ([]jitos.Node, error) {
	if list, ok := f.kinds[kind]; ok {
		return list, nil
	}
	if list, ok := f.samples[kind]; ok {
		return list, nil
	}
	var list []jitos.Node
	for n, err := range f.at.Nodes(f.ctx, kind) {
		if err != nil {
			return nil, err
		}
		if list = append(list, n); len(list) == sample {
			break
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID.Name < list[j].ID.Name })
	f.samples[kind] = list
	return list, nil
}

// node returns one node, nil where there is none, without reading others of its kind.
func (f *facts) node(id jitos.NodeID) (*jitos.Node, error) {
	if n, ok := f.single[id]; ok {
		return n, nil
	}
	if list, ok := f.kinds[id.Kind]; ok {
		at, found := slices.BinarySearchFunc(list, id.Name, func(n jitos.Node, name string) int { return strings.Compare(n.ID.Name, name) })
		if !found {
			return nil, nil
		}
		return &list[at], nil
	}
	var found *jitos.Node
	if id.Check() == nil {
		n, err := f.at.Node(f.ctx, id)
		if err != nil && !errors.Is(err, jitos.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			found = &n
		}
	}
	f.single[id] = found
	return found, nil
}

func isPattern(path string) bool { return strings.ContainsAny(path, "*?[") }

// files lists the files that a pattern matches. With first set one is enough.
func (f *facts) files(pattern string, first bool) ([]string, error) {
	all, ok := f.paths[pattern]
	if ok {
		return all, nil
	}
	key := pattern
	if first {
		key += "\x00first"
		if one, ok := f.paths[key]; ok {
			return one, nil
		}
	}
	var list []string
	exact := false
	if !isPattern(pattern) {
		id, err := f.at.PathID(f.ctx, pattern)
		if err != nil {
			return nil, err
		}
		if exact = !strings.HasPrefix(strings.TrimPrefix(id, "0"), "40000"); exact && id != "" {
			list = []string{pattern}
		}
	}
	if !exact { // a pattern, or a directory, which stands for the files below it
		for p, err := range f.at.Glob(f.ctx, pattern) {
			if err != nil {
				return nil, err
			}
			if list = append(list, p); first {
				break
			}
		}
	}
	f.paths[key] = list
	return list, nil
}

// contains tells whether a line of a regular file matches. A file that is not one contains nothing.
func (f *facts) contains(path string, re *regexp.Regexp) (bool, error) {
	key := path + "\x00" + re.String()
	if v, ok := f.match[key]; ok {
		return v, nil
	}
	raw, err := f.at.ReadFile(f.ctx, path)
	if err != nil && !errors.Is(err, jitos.ErrNotFound) {
		return false, err
	}
	v := err == nil && re.Match(raw)
	f.match[key] = v
	return v, nil
}

// holding lists the files that a pattern matches and, where re is given, that have a line like that.
func (f *facts) holding(pattern string, re *regexp.Regexp, first bool) ([]string, error) {
	list, err := f.files(pattern, first && re == nil)
	if err != nil || re == nil {
		return list, err
	}
	var holding []string
	for _, p := range list {
		ok, err := f.contains(p, re)
		if err != nil {
			return nil, err
		}
		if ok {
			holding = append(holding, p)
			if first {
				break
			}
		}
	}
	return holding, nil
}

// seen fills in what a read sees.
func (f *facts) seen(r jitos.Read) (jitos.Read, error) {
	key := readKey(r)
	is, ok := f.looks[key]
	if !ok {
		var err error
		if is, err = jitos.Look(f.ctx, looked{f.at, f}, r); err != nil {
			return r, err
		}
		f.looks[key] = is
	}
	r.Is = is
	return r, nil
}

// looked is the snapshot, of which what was read already is not read again.
type looked struct {
	jitos.Snapshot
	facts *facts
}

func (l looked) Nodes(ctx context.Context, kind string) iter.Seq2[jitos.Node, error] {
	list, ok := l.facts.kinds[kind]
	if !ok {
		return l.Snapshot.Nodes(ctx, kind)
	}
	return func(yield func(jitos.Node, error) bool) {
		for _, n := range list {
			if !yield(n, nil) {
				return
			}
		}
	}
}

func readKey(r jitos.Read) string {
	r.Is = ""
	return jitos.HashOf(r)
}

// distinct sorts reads, each once.
func distinct(reads []jitos.Read) []jitos.Read {
	type keyed struct {
		key  string
		read jitos.Read
	}
	var list []keyed
	have := map[string]bool{}
	for _, r := range reads {
		key := string(r.Item) + "\x00" + r.Path
		if r.Pattern != nil {
			key = r.Pattern.Kind + "\x00" + readKey(r)
		}
		if !have[key] {
			have[key] = true
			list = append(list, keyed{key, r})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].key < list[j].key })
	var out []jitos.Read
	for _, k := range list {
		out = append(out, k.read)
	}
	return out
}
