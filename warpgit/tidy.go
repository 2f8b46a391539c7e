package warpgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// manyPacks is how many packs of ours may lie about. With more than gc.autoPackLimit (50) packs in all, every plain git
// command of the user's would start a gc.
const manyPacks = 20

// Tidy joins the small packs of many Appends into one, where there are more than 20. It is called when nothing else is under
// way in this process, before it ends; a second process that tidies, or a git gc at work, makes it do nothing. No reader is
// harmed: the joined pack is in place before the others go, and every reader, git's and ours, looks again.
func (r *Repo) Tidy(ctx context.Context) error {
	marks, err := os.ReadDir(r.packs.markDir())
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(marks) <= manyPacks || r.precious || exists(filepath.Join(r.Common, "gc.pid")) {
		return nil
	}
	if err == nil {
		err = r.tidy(ctx, marks)
	}
	if err != nil {
		return fmt.Errorf("tidy: %w", err)
	}
	return nil
}

func (r *Repo) tidy(ctx context.Context, marks []fs.DirEntry) error {
	lock, err := openLock(r.packs.perm, r.local("tidy.lock"))
	if errors.Is(err, jitos.ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	small, err := r.smallPacks(marks)
	if err != nil || len(small) < 2 {
		return err
	}
	objects, err := r.readPacks(ctx, small)
	if err != nil {
		return err
	}
	joined, err := r.packs.write(objects)
	if err != nil {
		return err
	}
	for _, path := range small {
		if path != joined {
			if err := r.packs.discard(path); err != nil {
				return errors.Join(err, r.packs.release(joined))
			}
		}
	}
	return r.packs.release(joined)
}

// smallPacks chooses what to join: the smallest, and then each that is not larger than all chosen so far. So an object is
// written again only when its pack has doubled. Packs that somebody holds, or that git has indexed, stay.
func (r *Repo) smallPacks(marks []fs.DirEntry) ([]string, error) {
	type sized struct {
		path string
		size int64
	}
	var packs []sized
	indexed, err := os.ReadFile(filepath.Join(r.packs.packDir(), "multi-pack-index"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, m := range marks {
		path := filepath.Join(r.packs.packDir(), "pack-"+m.Name())
		info, err := os.Stat(path + ".pack")
		if errors.Is(err, fs.ErrNotExist) {
			os.Remove(filepath.Join(r.packs.markDir(), m.Name())) // git packed it away
			continue
		}
		if err != nil {
			return nil, err
		}
		if !exists(path+".keep") && exists(path+".idx") && !bytes.Contains(indexed, []byte(filepath.Base(path)+".idx")) {
			packs = append(packs, sized{path, info.Size()})
		}
	}
	if len(packs) <= manyPacks {
		return nil, nil
	}
	sort.Slice(packs, func(i, j int) bool { return packs[i].size < packs[j].size })
	var chosen []string
	var sum int64
	for i, p := range packs {
		if i > manyPacks/2 && p.size > sum {
			break
		}
		chosen = append(chosen, p.path)
		sum += p.size
	}
	return chosen, nil
}

// readPacks reads all objects of packs. What a git gc takes away meanwhile it has packed elsewhere; then there is no hurry.
func (r *Repo) readPacks(ctx context.Context, paths []string) (map[plumbing.Hash]rawObject, error) {
	all := map[plumbing.Hash]rawObject{}
	for _, path := range paths {
		p, err := openPack(path)
		if err != nil {
			return nil, err
		}
		ids := p.ids()
		if err := p.close(); err != nil {
			return nil, err
		}
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			raw, err := r.Store.Objects.get(id)
			if err != nil {
				return nil, err
			}
			all[id] = raw
		}
	}
	return all, nil
}

// discard removes a pack whose objects are elsewhere: its index first, so that nobody finds what is no longer there.
func (p *packWriter) discard(path string) error {
	for _, ext := range []string{".idx", ".rev", ".bitmap", ".mtimes", ".pack"} {
		if err := os.Remove(path + ext); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	mark := filepath.Join(p.markDir(), filepath.Base(path)[len("pack-"):])
	if err := os.Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
