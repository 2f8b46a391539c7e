package warpgit

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// refs are the references of a repository.
type refs interface {
	// read returns what a ref names, through symbolic refs; the error Is jitos.ErrNotFound where there is none.
	read(name string) (plumbing.Hash, error)
	// move sets a ref from old to new, durably: the zero hash means absent. The error Is jitos.ErrStale where the ref is
	// not at old; then nothing was changed.
	move(ctx context.Context, name string, old, new plumbing.Hash) error
	// list returns the refs below a prefix, in order of their names.
	list(prefix string) ([]namedRef, error)
}

type namedRef struct {
	name string
	id   plumbing.Hash
}

// memRefs are the references of a store in memory.
type memRefs struct {
	mu  sync.Mutex
	all map[string]plumbing.Hash
}

func (m *memRefs) read(name string) (plumbing.Hash, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok := m.all[name]
	if !ok {
		return id, fmt.Errorf("ref %s: %w", name, jitos.ErrNotFound)
	}
	return id, nil
}

func (m *memRefs) move(ctx context.Context, name string, old, new plumbing.Hash) error {
	if err := errors.Join(ctx.Err(), checkRef(name)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if at := m.all[name]; at != old {
		return staleRef(name, old, at)
	}
	if new.IsZero() {
		delete(m.all, name)
	} else {
		m.all[name] = new
	}
	return nil
}

func (m *memRefs) list(prefix string) ([]namedRef, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []namedRef
	for name, id := range m.all {
		if strings.HasPrefix(name, prefix) {
			out = append(out, namedRef{name, id})
		}
	}
	sortRefs(out)
	return out, nil
}

func sortRefs(list []namedRef) {
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
}

func staleRef(name string, want, at plumbing.Hash) error {
	say := func(id plumbing.Hash) string {
		if id.IsZero() {
			return "absent"
		}
		return "at " + id.String()[:12]
	}
	return fmt.Errorf("ref %s is %s, not %s: %w", name, say(at), say(want), jitos.ErrStale)
}

// checkRef refuses what git would not take for the name of a branch.
func checkRef(name string) error {
	bad := !strings.HasPrefix(name, "refs/") || strings.Contains(name, "..") || strings.Contains(name, "@{") ||
		strings.HasSuffix(name, "/") || strings.ContainsAny(name, " ~^:?*[\\\x7f")
	for _, part := range strings.Split(name, "/") {
		bad = bad || part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".")
	}
	for _, c := range []byte(name) {
		bad = bad || c < 32
	}
	if bad {
		return fmt.Errorf("ref %q: %w: not a name of a ref", name, jitos.ErrInvalid)
	}
	return nil
}
