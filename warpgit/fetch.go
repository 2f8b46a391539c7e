package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// Fetch brings refs of the fabric of a remote, by their full names there or by patterns ("refs/heads/jitos/sws/*"), but
// for those that are named after a "^", and remembers where they stand; Remembered tells it later. No local ref of the fabric moves. What comes is looked at in
// quarantine first: each new object (see inspection), and each new commit of a line must replay (see Verify) and belong to the
// fabric that is here, if one is. Otherwise nothing was taken, and the error Is jitos.ErrCorrupt, jitos.ErrDenied for more than
// the limits let in, jitos.ErrConflict for another fabric, or a *RewoundError where the remote was moved back. The list holds
// what the remote has, and what it no longer has, in order of the names.
func (r *Repo) Fetch(ctx context.Context, remote string, sources ...string) ([]RemoteRef, error) {
	list, err := r.fetch(ctx, remote, sources)
	if err != nil {
		return nil, fmt.Errorf("fetch from %s: %w", remote, err)
	}
	return list, nil
}

func (r *Repo) fetch(ctx context.Context, remote string, sources []string) ([]RemoteRef, error) {
	for _, s := range sources {
		if !strings.HasPrefix(strings.TrimPrefix(s, "^"), fabricPrefixes[0]) {
			return nil, fmt.Errorf("%s: %w: not a ref of a fabric", s, jitos.ErrInvalid)
		}
	}
	q, err := r.newQuarantine()
	if err != nil {
		return nil, err
	}
	defer q.remove()
	remembered, err := r.Remembered(remote)
	if err != nil {
		return nil, err
	}
	there, bounds, err := r.fetchInto(ctx, q, remote, sources)
	var rewound []Rewound
	if err == nil {
		rewound, err = r.inspect(ctx, q, bounds, there, remembered)
	} else if i := slices.IndexFunc(remembered, func(r RemoteRef) bool { return r.Ref == jitos.SystemRef }); i >= 0 && said(err, "couldn't find remote ref refs/heads/jitos/system") {
		rewound, err = []Rewound{{Ref: jitos.SystemRef, Old: remembered[i].New}}, nil
	}
	if err != nil {
		return nil, err
	}
	if len(rewound) > 0 {
		for i := range rewound {
			rewound[i].Remote = remote
		}
		return nil, errors.Join(&RewoundError{rewound}, r.raise(ctx, rewound))
	}
	held, err := r.packs.adopt(q.path("objects/pack"))
	if err != nil {
		return nil, err
	}
	list, err := r.remember(ctx, remote, sources, there)
	for _, path := range held {
		err = errors.Join(err, r.packs.letGo(path))
	}
	return list, err
}

// asRepository makes the quarantine a repository of its own, and returns the environment that lends it the user's settings
// for transports, see transport. What git writes beside objects, refs and their locks, is in the quarantine then.
func (q *quarantine) asRepository(ctx context.Context, r *Repo) ([]string, limits, error) {
	for name, text := range map[string]string{"HEAD": "ref: refs/heads/none\n", "config": "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"} {
		if err := os.WriteFile(q.path(name), []byte(text), 0o666); err != nil {
			return nil, limits{}, err
		}
	}
	if err := os.MkdirAll(q.path("refs"), 0o777); err != nil {
		return nil, limits{}, err
	}
	shallow, err := os.ReadFile(filepath.Join(r.Common, "shallow"))
	if err == nil {
		err = os.WriteFile(q.path("shallow"), shallow, 0o666)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, limits{}, err
	}
	settings, bounds, err := r.transport(ctx)
	return append(settings, "GIT_DIR="+q.dir), bounds, err
}

// fetchInto fetches into the quarantine. Objects that are here already are not fetched again: the alternates tell git of
// them.
func (r *Repo) fetchInto(ctx context.Context, q *quarantine, remote string, sources []string) ([]namedRef, limits, error) {
	if err := CheckRemote(remote); err != nil {
		return nil, limits{}, err
	}
	env, bounds, err := q.asRepository(ctx, r)
	if err != nil {
		return nil, bounds, err
	}
	args := []string{"-c", "fetch.unpackLimit=1", "-c", "transfer.unpackLimit=1", "fetch", "-q", "--no-tags", "--no-write-fetch-head",
		"--recurse-submodules=no", "--refmap=", "--", remote}
	for _, s := range sources {
		if strings.HasPrefix(s, "^") {
			args = append(args, s)
			continue
		}
		args = append(args, "+"+s+":"+s)
	}
	watched, end := q.watch(ctx, bounds)
	_, err = gitCommand{dir: r.anyDir(), env: env, args: args}.run(watched)
	err = causeOf(watched, err)
	end()
	if err != nil {
		return nil, bounds, remoteError(err)
	}
	there, err := (&diskRefs{common: q.dir}).list(fabricPrefixes[0])
	if err != nil {
		return nil, bounds, err
	}
	return there, bounds, bounds.check(q, len(there))
}

// fabricID is the id of the fabric that is here, "" for none.
func (r *Repo) fabricID(ctx context.Context) (string, error) {
	tip, err := r.refs.read(string(jitos.SystemRef))
	if isNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return r.Store.fabricID(ctx, tip)
}

func (s *Store) fabricID(ctx context.Context, commit plumbing.Hash) (string, error) {
	v, err := s.view(ctx, commit)
	if err != nil {
		return "", err
	}
	id, err := s.Objects.child(ctx, v.fabric, fabricFile)
	if err != nil {
		return "", err
	}
	data, err := s.Objects.Blob(ctx, id)
	if err != nil {
		return "", fmt.Errorf("%s: %w", fabricFile, err)
	}
	info, err := parseFabricFile(data)
	return info.ID, err
}

// knownLines are the commits that hold for sure: those of the lines that are here. That a commit's objects are here says
// nothing, for a plain git fetch brings them unseen. The lines are followed back only as far as is asked.
type knownLines struct {
	ctx   context.Context
	store *Store
	ends  []*view // of each line, the next commit to add
	set   map[plumbing.Hash]bool
}

func (r *Repo) knownLines(ctx context.Context) (*knownLines, error) {
	k := &knownLines{ctx: ctx, store: r.Store, set: map[plumbing.Hash]bool{}}
	for _, prefix := range fabricPrefixes {
		list, err := r.refs.list(prefix)
		if err != nil {
			return nil, err
		}
		for _, ref := range list {
			if v, err := r.Store.view(ctx, ref.id); err == nil {
				k.ends = append(k.ends, v)
			}
		}
	}
	return k, nil
}

// holds tells whether a commit is on one of the lines. Numbers grow along a line, so it need not be followed below them.
func (k *knownLines) holds(id plumbing.Hash) bool {
	v, err := k.store.view(k.ctx, id)
	if err != nil {
		return false // not here at all
	}
	down := k.number(v)
	for i, end := range k.ends {
		for end != nil && k.number(end) >= down && !k.set[end.id] {
			k.set[end.id] = true
			if end, err = k.store.first(k.ctx, end); err != nil {
				end = nil
			}
		}
		k.ends[i] = end
	}
	return k.set[id]
}

func (k *knownLines) number(v *view) int64 {
	record, err := k.store.record(k.ctx, v)
	if err != nil || record == nil {
		return 0
	}
	return record.Seq
}
