package warpgit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// reverseIndex tells which edges point to a node; the fabric keeps edges under their sources only. It is derived: it may be
// deleted at any time, and a lost or broken one is built anew.
//
// In <common>/jitos/index there is at most one file, named by the edges/ tree that it was made of and its own size. Each line of it is an edge,
// sorted: "<to> <item>", for example
//
//	thing/b thing/a#uses/3f0c5dc44d0e2b9a3a1c1f6a7a0f9b52
//
// What changed between that tree and the one asked about is found by a tree diff and held in memory; a new file is written
// when the difference has grown to a quarter of the old. Without a directory all is held in memory.
type reverseIndex struct {
	objects *Objects // where trees are read now
	dir     string   // "": only in memory
	perm    perm

	mu      sync.Mutex
	loaded  bool
	file    string                       // "" for none
	lines   int                          // of the file
	edges   plumbing.Hash                // the edges/ tree that the index is of
	added   map[string]map[string]string // target → item → line, beside the file
	removed map[string]bool              // lines of the file that do not count
	changes int
}

// To yields the edges that point to a node, in order of their items. The index may be built or brought up to date by it.
func (s *Store) To(ctx context.Context, at jitos.Snapshot, to jitos.NodeID) iter.Seq2[jitos.Edge, error] {
	return func(yield func(jitos.Edge, error) bool) {
		if err := s.to(ctx, at, to, yield); err != nil {
			yield(jitos.Edge{}, fmt.Errorf("edges to %s: %w", to, err))
		}
	}
}

func (s *Store) to(ctx context.Context, at jitos.Snapshot, to jitos.NodeID, yield func(jitos.Edge, error) bool) error {
	if err := to.Check(); err != nil {
		return err
	}
	snap, err := s.open(ctx, at.Commit().ID)
	if err != nil {
		return err
	}
	edges, err := s.Objects.child(ctx, snap.fabric, edgesDir)
	if err != nil {
		return err
	}
	items, err := s.index.pointing(ctx, s.Objects, edges, to)
	if err != nil {
		return err
	}
	for _, item := range items {
		p, err := item.Parse()
		if err != nil {
			return err
		}
		blob, err := s.Objects.item(ctx, snap.fabric, p)
		if err != nil {
			return err
		}
		data, err := s.Objects.Blob(ctx, blob)
		if err != nil {
			return err
		}
		e, err := decodeEdge(p.Node, p.Label, p.Edge, data)
		if err != nil {
			return err
		}
		if !yield(e, nil) {
			return nil
		}
	}
	return nil
}

// checkDropped refuses to drop a node that something still points to.
func checkDropped(ctx context.Context, o *Objects, index *reverseIndex, fabric plumbing.Hash, c change) error {
	var edges plumbing.Hash
	for _, item := range c.drop {
		p, err := item.Parse()
		if err != nil {
			return err
		}
		if p.File != "" || p.Label != "" {
			continue
		}
		if edges.IsZero() {
			if edges, err = o.child(ctx, fabric, edgesDir); err != nil {
				return err
			}
		}
		items, err := index.pointing(ctx, o, edges, p.Node)
		if err != nil {
			return err
		}
		for _, edge := range items {
			if !slices.Contains(c.drop, edge) {
				return fmt.Errorf("drop %s: %w: the edge %s still points to it", item, jitos.ErrInvalid, edge)
			}
		}
	}
	return nil
}

// pointing returns the edges of an edges/ tree, to be read in o, that point to a node, sorted.
func (x *reverseIndex) pointing(ctx context.Context, o *Objects, edges plumbing.Hash, to jitos.NodeID) ([]jitos.ItemID, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.objects = o
	if err := x.moveTo(ctx, edges); err != nil {
		return nil, fmt.Errorf("reverse index: %w", err)
	}
	found, err := x.inFile(to.String())
	if err != nil {
		x.reset() // the file is broken or gone: build anew from nothing
		if err := x.moveTo(ctx, edges); err != nil {
			return nil, fmt.Errorf("reverse index: %w", err)
		}
		found = nil
	}
	var items []jitos.ItemID
	for _, line := range found {
		if !x.removed[line] {
			items = append(items, jitos.ItemID(line[len(to.String())+1:]))
		}
	}
	for item := range x.added[to.String()] {
		items = append(items, jitos.ItemID(item))
	}
	slices.Sort(items)
	return items, nil
}

func (x *reverseIndex) reset() {
	x.loaded, x.file, x.lines, x.edges, x.changes = true, "", 0, plumbing.ZeroHash, 0
	x.added, x.removed = map[string]map[string]string{}, map[string]bool{}
}

// moveTo brings the index to another edges/ tree.
func (x *reverseIndex) moveTo(ctx context.Context, edges plumbing.Hash) error {
	if !x.loaded {
		x.reset()
		x.load()
	}
	if x.edges == edges {
		return nil
	}
	err := x.follow(ctx, edges)
	if isNotFound(err) && !x.edges.IsZero() { // a tree that it came from is gone with a git gc
		x.reset()
		err = x.follow(ctx, edges)
	}
	if err != nil {
		x.loaded = false // half way between two trees
		return err
	}
	x.edges = edges
	if x.dir != "" && x.changes > max(256, x.lines/4) {
		if err := x.save(); err != nil {
			x.changes = 0 // where nothing can be written memory is as good; it is tried again after as many changes
		}
	}
	return nil
}

func (x *reverseIndex) follow(ctx context.Context, edges plumbing.Hash) error {
	return x.objects.diffEdges(ctx, x.edges, edges, func(p jitos.ItemParts, a, b plumbing.Hash) error {
		if !a.IsZero() && !b.IsZero() {
			return nil // only its attributes changed
		}
		blob := a
		if a.IsZero() {
			blob = b
		}
		data, err := x.objects.Blob(ctx, blob)
		if err != nil {
			return err
		}
		e, err := decodeEdge(p.Node, p.Label, p.Edge, data)
		if err != nil {
			return err
		}
		to, item := e.To.String(), string(e.Item())
		line := to + " " + item
		x.changes++
		switch {
		case a.IsZero() && x.removed[line]:
			delete(x.removed, line)
		case a.IsZero():
			if x.added[to] == nil {
				x.added[to] = map[string]string{}
			}
			x.added[to][item] = line
		case x.added[to][item] != "":
			delete(x.added[to], item)
		default:
			x.removed[line] = true
		}
		return nil
	})
}

// load looks for the file of an earlier time.
func (x *reverseIndex) load() {
	names, err := os.ReadDir(x.dir)
	if x.dir == "" || err != nil {
		return
	}
	var newest time.Time
	for _, n := range names {
		info, err := n.Info()
		if err != nil {
			continue
		}
		hash, size, _ := strings.Cut(n.Name(), "-")
		whole := plumbing.IsHash(hash) && size == strconv.FormatInt(info.Size(), 10)
		if whole && info.ModTime().After(newest) {
			newest = info.ModTime()
			x.file, x.edges, x.lines = filepath.Join(x.dir, n.Name()), plumbing.NewHash(hash), int(info.Size()/80)
		} else if time.Since(info.ModTime()) > time.Hour { // older than another, cut off, or left by a process that was killed
			os.Remove(filepath.Join(x.dir, n.Name()))
		}
	}
}

// save writes all lines, those of the file merged with what is in memory, to a file for the present tree.
func (x *reverseIndex) save() error {
	var lines []string
	if x.file != "" {
		data, err := os.ReadFile(x.file)
		if err != nil {
			return err // somebody deleted it
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSuffix(line, "\n"); !x.removed[line] {
				lines = append(lines, line)
			}
		}
	}
	for _, items := range x.added {
		for _, line := range items {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	if err := x.perm.mkdirAll(x.dir); err != nil {
		return err
	}
	var b bytes.Buffer
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	old, name := x.file, filepath.Join(x.dir, fmt.Sprintf("%s-%d", x.edges, b.Len()))
	if err := x.perm.replace(name, b.Bytes(), 0o666); err != nil {
		return err
	}
	if old != "" && old != name {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	edges := x.edges
	x.reset()
	x.file, x.edges, x.lines = name, edges, len(lines)
	return nil
}

// inFile finds the lines of a target by bisection: the file is sorted, so they stand together.
func (x *reverseIndex) inFile(to string) ([]string, error) {
	if x.file == "" {
		return nil, nil
	}
	f, err := os.Open(x.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	prefix := to + " "
	lo, hi := int64(0), info.Size() // lo begins a line; all before it are before prefix, none from hi on is
	for lo < hi {
		mid := (lo + hi) / 2
		line, next, err := lineAfter(f, mid)
		if err != nil {
			return nil, err
		}
		if line != "" && line < prefix {
			lo = next
		} else {
			hi = mid
		}
	}
	var found []string
	r := bufio.NewScanner(&readFrom{f, lo})
	r.Buffer(nil, 4096)
	for r.Scan() && strings.HasPrefix(r.Text(), prefix) {
		found = append(found, r.Text())
	}
	return found, r.Err()
}

// lineAfter returns the first whole line that begins at or after an offset, and the offset behind it; "" at the end.
func lineAfter(f *os.File, at int64) (string, int64, error) {
	r := bufio.NewReaderSize(&readFrom{f, max(0, at-1)}, 1024)
	pos := max(0, at-1)
	if at > 0 {
		skipped, err := r.ReadString('\n')
		pos += int64(len(skipped))
		if err != nil {
			return "", pos, nil
		}
	}
	line, err := r.ReadString('\n')
	if err != nil {
		return "", pos, nil
	}
	return strings.TrimSuffix(line, "\n"), pos + int64(len(line)), nil
}

// readFrom reads a file from an offset on.
type readFrom struct {
	f  *os.File
	at int64
}

func (r *readFrom) Read(b []byte) (int, error) {
	n, err := r.f.ReadAt(b, r.at)
	r.at += int64(n)
	return n, err
}
