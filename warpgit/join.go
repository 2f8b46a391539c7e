package warpgit

import (
	"bytes"
	"cmp"
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

// A join makes one pack of several small ones of ours. git's pack-objects packs, in a quarantine, exactly the objects that
// the small packs hold, reachable or not: nothing depends on what is reachable at this moment. At every step each object is
// in a pack that is whole, and every step may be the last:
//
//	claim the packs, so that two joins do not do the same work
//	git pack-objects into the quarantine; all objects must be there
//	place the joined pack, durable, held by a .keep
//	of each small pack: link its .keep, which fails while a writer needs the pack; remove index, pack, mark, .keep
//	let go of the joined pack
//
// A git gc beside it sees a pack that is kept, or one that is not: either way it finds each object, or leaves it where it is.
// A reader that has a removed pack open goes on reading it, any other finds the joined one when it looks again.

// Joined is what a join did, or would do.
type Joined struct {
	Packs   int   `json:"packs"`   // that become one
	Objects int   `json:"objects"` // in it
	Before  int64 `json:"before"`  // bytes of the packs with their indexes
	After   int64 `json:"after"`   // bytes of the one
}

// joining says what to join.
type joining struct {
	choose  func(packLoad, []ourPack) []ourPack // of those that are free, smallest first; fewer than two are no work
	claimed bool                                // those that another process is joining are free as well: one of the two works in vain
	dry     bool                                // pack, to know the size, and throw the pack away
}

// join makes one pack of several.
func (r *Repo) join(ctx context.Context, j joining) (Joined, error) {
	if err := r.packs.start(); err != nil {
		return Joined{}, err
	}
	chosen, release, err := r.claim(ctx, j)
	if err != nil || len(chosen) < 2 {
		return Joined{}, err
	}
	defer release()
	q, err := r.newQuarantine()
	if err != nil {
		return Joined{}, err
	}
	defer q.remove()
	done := Joined{Packs: len(chosen)}
	if done.Objects, err = r.packTogether(ctx, q, chosen); err != nil {
		return Joined{}, err
	}
	for _, p := range chosen {
		done.Before += packBytes(p.path)
	}
	made, err := listed(q.path("objects/pack"), "pack-", ".pack")
	if err != nil || len(made) != 1 {
		return Joined{}, errors.Join(err, fmt.Errorf("git pack-objects made %d packs", len(made)))
	}
	done.After = packBytes(strings.TrimSuffix(made[0], ".pack"))
	if j.dry {
		return done, nil
	}
	held, err := r.packs.adopt(q.path("objects/pack"))
	if err != nil {
		return Joined{}, err
	}
	err = r.packs.retire(chosen, held[0])
	return done, errors.Join(err, r.packs.release(held[0]))
}

// packBytes are those of a pack and of what belongs to it.
func packBytes(path string) int64 {
	var n int64
	for _, ext := range []string{".pack", ".idx", ".rev"} {
		if info, err := os.Stat(path + ext); err == nil {
			n += info.Size()
		}
	}
	return n
}

// packTogether lets git pack all objects of packs, and tells how many there are. They are named youngest pack first, in the
// order in which they lie, for git lays out the new pack by that.
func (r *Repo) packTogether(ctx context.Context, q *quarantine, from []ourPack) (int, error) {
	from = slices.Clone(from)
	slices.SortStableFunc(from, func(a, b ourPack) int { return b.made.Compare(a.made) })
	seen := map[plumbing.Hash]bool{}
	var list bytes.Buffer
	for _, p := range from {
		ids, err := packOrder(p.path)
		if err != nil {
			return 0, err
		}
		for _, id := range ids {
			if !seen[id] {
				seen[id] = true
				fmt.Fprintln(&list, id)
			}
		}
	}
	// One thread, so that the same packs always make the same pack: a dry run tells the size to the byte.
	_, err := r.git(ctx, gitCommand{env: q.env(), plain: true, input: list.Bytes(), args: []string{"-c", "pack.packSizeLimit=0", "-c", "pack.indexVersion=2",
		"pack-objects", "-q", "--threads=1", "--delta-base-offset", q.path("objects/pack/pack")}})
	if err != nil {
		return 0, err
	}
	names, err := listed(q.path("objects/pack"), "pack-", ".idx")
	if err != nil || len(names) != 1 {
		return 0, errors.Join(err, fmt.Errorf("git pack-objects made %d packs", len(names)))
	}
	packed, err := packOrder(strings.TrimSuffix(names[0], ".idx"))
	if err != nil {
		return 0, err
	}
	for _, id := range packed {
		delete(seen, id)
	}
	if len(seen) > 0 {
		return 0, fmt.Errorf("git pack-objects left out %d objects", len(seen))
	}
	return len(packed), nil
}

// packOrder lists the objects of a pack as they lie in it.
func packOrder(path string) ([]plumbing.Hash, error) {
	p, err := openPack(path)
	if err != nil {
		return nil, err
	}
	defer p.close()
	ids := p.ids()
	type placed struct {
		id plumbing.Hash
		at int64
	}
	order := make([]placed, len(ids))
	for i, id := range ids {
		if order[i].id = id; err == nil {
			order[i].at, err = p.offset(i)
		}
	}
	slices.SortFunc(order, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	for i, o := range order {
		ids[i] = o.id
	}
	return ids, err
}

// claim chooses, and tells other processes what was chosen in a file in tmp that counts for as long as this one lives.
func (r *Repo) claim(ctx context.Context, j joining) ([]ourPack, func(), error) {
	lock, err := waitLock(ctx, r.packs.perm, r.local("claims.lock"), patience)
	if err != nil {
		return nil, nil, err
	}
	defer lock.Close()
	l, err := r.load()
	if err != nil {
		return nil, nil, err
	}
	claimed, err := r.claimed()
	if err != nil {
		return nil, nil, err
	}
	if j.claimed {
		claimed = nil
	}
	free, _, err := r.weigh(l, claimed)
	if err != nil {
		return nil, nil, err
	}
	chosen := j.choose(l, free)
	if len(chosen) < 2 {
		return nil, nil, nil
	}
	var text strings.Builder
	for _, p := range chosen {
		text.WriteString(filepath.Base(p.path) + "\n")
	}
	file := filepath.Join(r.packs.tmpDir(), fmt.Sprintf("%s.%d.join", r.packs.alive.name, r.packs.locks.Add(1)))
	if err := r.packs.perm.write(file, []byte(text.String()), 0o666); err != nil {
		return nil, nil, err
	}
	return chosen, func() { os.Remove(file) }, nil
}

// claimed are the packs that living processes are joining.
func (r *Repo) claimed() (map[string]bool, error) {
	files, err := listed(r.packs.tmpDir(), alivePrefix, ".join")
	if err != nil {
		return nil, err
	}
	claimed := map[string]bool{}
	for _, file := range files {
		owner, _, _ := strings.Cut(filepath.Base(file), ".")
		if r.packs.alive == nil || owner != r.packs.alive.name {
			lock, err := lockFile(filepath.Join(r.packs.tmpDir(), owner+".alive"))
			if err == nil {
				lock.Close()
			}
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				continue // its process is no more
			}
			if !errors.Is(err, jitos.ErrBusy) {
				return nil, err
			}
		}
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, name := range strings.Fields(string(text)) {
			claimed[name] = true
		}
	}
	return claimed, nil
}

// retire removes packs whose objects are in another that is held. A pack that a writer holds at this moment stays.
func (p *packWriter) retire(packs []ourPack, joined string) error {
	var held []string
	for _, old := range packs {
		if old.path == joined {
			continue
		}
		err := p.hold(old.path + ".keep")
		if errors.Is(err, errTwin) {
			continue
		}
		if err != nil {
			return err
		}
		held = append(held, old.path)
		if err := p.discard(old.path); err != nil {
			return err
		}
	}
	err := syncDir(p.packDir())
	for _, path := range held {
		err = errors.Join(err, p.release(path))
	}
	return err
}

// discard removes a pack whose objects are elsewhere: its index early, so that nobody finds what is no longer there, and the
// pack after it, for sweep removes a held pack without an index.
func (p *packWriter) discard(path string) error {
	for _, ext := range []string{".rev", ".bitmap", ".mtimes", ".idx", ".pack"} {
		if err := os.Remove(path + ext); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	err := os.Remove(p.markOf(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// mark notes that a pack is ours. To lose a mark costs nothing, so it is not synced.
func (p *packWriter) mark(path string) error {
	if err := p.perm.mkdirAll(p.markDir()); err != nil {
		return err
	}
	return p.perm.write(p.markOf(path), nil, 0o666)
}

func (p *packWriter) markOf(path string) string {
	return filepath.Join(p.markDir(), strings.TrimPrefix(filepath.Base(path), "pack-"))
}
