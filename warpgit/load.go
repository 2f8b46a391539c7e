package warpgit

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// autoPackLimit is git's gc.autoPackLimit where nobody set it: with more packs than that, every plain git command of the
// user's starts a gc. Packs with a .keep do not count.
const autoPackLimit = 50

// packLoad is which packs lie in the repository's own pack directory.
type packLoad struct {
	limit   int       // gc.autoPackLimit
	foreign int       // packs without a .keep that are not ours to join
	ours    []ourPack // packs that jitos wrote
}

// ourPack is a pack that jitos wrote, of which its mark in <common>/jitos/packs tells.
type ourPack struct {
	path    string // without extension
	held    bool   // it has a .keep
	indexed bool   // git's multi-pack index names it
	size    int64  // of the pack file; see weigh
	made    time.Time
}

// load looks at names alone.
func (r *Repo) load() (packLoad, error) {
	l := packLoad{limit: r.packLimit}
	marks, err := os.ReadDir(r.packs.markDir()) // first: a mark comes after its pack
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l, err
	}
	names, err := os.ReadDir(r.packs.packDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return l, err
	}
	indexed, unknown, err := midxPacks(r.packs.packDir())
	if err != nil {
		return l, err
	}
	there := map[string]bool{}
	for _, n := range names {
		there[n.Name()] = true
	}
	mine := map[string]bool{}
	for _, m := range marks {
		name := "pack-" + m.Name()
		switch {
		case there[name+".pack"] && there[name+".idx"]:
			p := ourPack{path: filepath.Join(r.packs.packDir(), name), held: there[name+".keep"], indexed: unknown || indexed[name+".idx"]}
			l.ours = append(l.ours, p)
			mine[name] = !p.indexed
		case !there[name+".keep"]:
			os.Remove(filepath.Join(r.packs.markDir(), m.Name())) // git packed it away
		}
	}
	for name := range there {
		base, isIndex := strings.CutSuffix(name, ".idx")
		if isIndex && !mine[base] && there[base+".pack"] && !there[base+".keep"] {
			l.foreign++
		}
	}
	return l, nil
}

// Packs tells how many packs lie in the repository that git counts: those that jitos wrote, and those of others; and above how
// many of both git starts a gc of its own.
func (r *Repo) Packs() (ours, others, limit int, err error) {
	l, err := r.load()
	return l.free(), l.foreign, l.limit, err
}

// free is how many packs of ours git counts and a join may take.
func (l packLoad) free() int {
	n := 0
	for _, p := range l.ours {
		if !p.held && !p.indexed {
			n++
		}
	}
	return n
}

// due is how many packs of ours may lie about before they are joined in the background. Where there are twice as many a writer
// itself joins before it adds one: so their number stays ten below git's limit whatever others have there, as long as those leave
// room.
func (l packLoad) due() int { return min(max((l.limit-10-l.foreign)/2, 5), 20) }

func (l packLoad) isDue() bool  { return l.free() > l.due() }
func (l packLoad) isFull() bool { return l.free() >= 2*l.due() }

// weigh fills in the sizes and times, and says which packs must stay, with the reason; claimed are those that others are joining.
func (r *Repo) weigh(l packLoad, claimed map[string]bool) (free []ourPack, left []LeftPack, err error) {
	for _, p := range l.ours {
		info, err := os.Stat(p.path + ".pack")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		p.size, p.made = info.Size(), info.ModTime()
		why := ""
		switch name := filepath.Base(p.path); {
		case r.precious:
			why = "extensions.preciousObjects lets no pack go"
		case p.held:
			why = "somebody holds it with a .keep"
		case p.indexed:
			why = "git's multi-pack index names it"
		case claimed[name]:
			why = "another process is joining it"
		}
		if why != "" {
			left = append(left, LeftPack{filepath.Base(p.path), why})
			continue
		}
		free = append(free, p)
	}
	slices.SortStableFunc(free, func(a, b ourPack) int { return cmp.Compare(a.size, b.size) })
	return free, left, nil
}

// midxPacks lists the indexes that a multi-pack index of git's names in a pack directory; unknown says that one is there which is
// not understood, of a later version or in layers, so that it may name any.
func midxPacks(dir string) (names map[string]bool, unknown bool, err error) {
	m, err := openMidx(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exists(filepath.Join(dir, "multi-pack-index.d")), nil
	}
	if err != nil {
		return nil, true, nil
	}
	names = map[string]bool{}
	for _, name := range m.names {
		names[name+".idx"] = true
	}
	return names, false, m.close()
}
