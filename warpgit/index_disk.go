package warpgit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// chains are the segments on the disk by where they end.
type chains map[plumbing.Hash][]string

// onDisk lists the segments.
func (x *graphIndex) onDisk() chains {
	if x.dir == "" {
		return nil
	}
	names, err := os.ReadDir(x.dir)
	if err != nil {
		return nil
	}
	all := chains{}
	for _, n := range names {
		if _, to, ok := parseSegmentName(n.Name()); ok {
			all[to] = append(all[to], n.Name())
		}
	}
	return all
}

// to returns the names of a chain from nothing to a commit, the oldest first: of several the one with the fewest segments.
func (c chains) to(at plumbing.Hash) []string {
	var best []string
	for _, name := range c[at] {
		from, _, _ := parseSegmentName(name)
		if from.IsZero() {
			return []string{name}
		}
		if from == at {
			continue
		}
		rest := chains(c).without(at).to(from)
		if rest != nil && (best == nil || len(rest)+1 < len(best)) {
			best = append(slices.Clone(rest), name)
		}
	}
	return best
}

// without hides the segments that end at a commit, so that no circle of files is followed.
func (c chains) without(at plumbing.Hash) chains {
	rest := make(chains, len(c))
	for to, names := range c {
		if to != at {
			rest[to] = names
		}
	}
	return rest
}

// load takes a chain for the index.
func (x *graphIndex) load(chain []string, at plumbing.Hash) error {
	var segments []*segment
	for _, name := range chain {
		s, err := openSegment(filepath.Join(x.dir, name), x.clone())
		if err != nil {
			for _, s := range segments {
				s.close()
			}
			if errors.Is(err, errSegment) {
				os.Remove(filepath.Join(x.dir, name))
			}
			return err
		}
		segments = append(segments, s)
	}
	x.forget()
	x.segments, x.head, x.recent = segments, at, newChanges(at)
	return nil
}

// flush makes a segment of what is in memory. Where nothing can be written memory is as good.
func (x *graphIndex) flush(ctx context.Context) {
	if x.dir == "" || x.recent == nil || x.recent.commits == 0 || x.settleTasks(ctx) != nil {
		return
	}
	rows := x.recent.sorted("")
	s, err := x.write(x.recent.from, x.head, x.recent.ended, func(w *segmentWriter) error {
		for _, r := range rows {
			if err := w.add(r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return
	}
	x.segments, x.recent = append(x.segments, s), newChanges(x.head)
	x.join()
}

// manySegments is how many segments a look-up has to look into at most, beside a large one.
const manySegments = 8

// join replaces the youngest segments by one.
func (x *graphIndex) join() {
	n := len(x.segments)
	if n <= manySegments {
		return
	}
	first, sum := n-1, x.segments[n-1].rows
	for first > 0 && x.segments[first-1].rows <= 2*sum+64 {
		first--
		sum += x.segments[first].rows
	}
	old := x.segments[first:]
	if len(old) < 2 {
		return
	}
	ended := int64(0)
	for _, s := range old {
		ended += s.ended
	}
	s, err := x.write(old[0].from, x.head, ended, func(w *segmentWriter) error {
		var sources []rowSource
		for _, o := range slices.Backward(old) {
			sources = append(sources, &cursor{segment: o})
		}
		return mergeRows(sources, "", func(r row) (bool, error) {
			if r.gone && first == 0 {
				return true, nil
			}
			return true, w.add(r)
		})
	})
	if err != nil {
		return
	}
	now := time.Now()
	for _, o := range old {
		o.close()
		os.Chtimes(o.path, now, now) // others may be about to open it, see sweep
	}
	x.segments = append(x.segments[:first:first], s)
	x.sweep(now)
}

// sweep removes files that are no part of the chain, and were not a minute ago.
func (x *graphIndex) sweep(now time.Time) {
	names, err := os.ReadDir(x.dir)
	if err != nil {
		return
	}
	for _, n := range names {
		path := filepath.Join(x.dir, n.Name())
		used := slices.ContainsFunc(x.segments, func(s *segment) bool { return s.path == path })
		if info, err := n.Info(); err == nil && !used && now.Sub(info.ModTime()) > time.Minute {
			os.RemoveAll(path)
		}
	}
}

// write makes a segment's file.
func (x *graphIndex) write(from, to plumbing.Hash, ended int64, fill func(*segmentWriter) error) (*segment, error) {
	if err := os.MkdirAll(x.dir, 0o777); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(x.dir, "new-*")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(x.dir, segmentName(from, to))
	w := &segmentWriter{file: f}
	if err = fill(w); err == nil {
		err = w.finish(from, to, ended, x.clone())
	}
	if err == nil {
		err = f.Chmod(x.perm.of(0o644).Perm())
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return nil, err
	}
	return openSegment(path, x.clone())
}
