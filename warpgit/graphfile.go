package warpgit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/sys/unix"
)

// graphFile is git's commit-graph in one file: the parents of commits by their places in a table, so that a line of a million
// commits is listed without reading one. git and jitos gc write it; what is younger is read from the commits themselves. Its form is
// in git's gitformat-commit-graph(5).
type graphFile struct {
	data    []byte
	count   int
	fanout  []byte
	ids     []byte
	commits []byte // per commit 20 bytes of tree, 4 and 4 of places of parents, 8 of generation and time
}

const graphRow = 36

// openGraphFile maps the commit-graph of an object directory. An error says that there is none which is understood.
func openGraphFile(objects string) (*graphFile, error) {
	data, err := mapFile(filepath.Join(objects, "info", "commit-graph"))
	if err != nil {
		return nil, err
	}
	g := &graphFile{data: data}
	if err := g.parse(); err != nil {
		g.close()
		return nil, fmt.Errorf("commit-graph: %w", err)
	}
	return g, nil
}

func (g *graphFile) parse() error {
	d := g.data
	if len(d) < 8 || !bytes.HasPrefix(d, []byte("CGPH\x01\x01")) || d[7] != 0 {
		return errors.New("not of version 1, for SHA-1 and without a base")
	}
	chunks, err := chunksOf(d, 8, int(d[6]))
	if err != nil {
		return err
	}
	g.fanout, g.ids, g.commits = chunks["OIDF"], chunks["OIDL"], chunks["CDAT"]
	if len(g.fanout) != 4*256 {
		return errCut
	}
	g.count = int(binary.BigEndian.Uint32(g.fanout[4*255:]))
	if len(g.ids) != 20*g.count || len(g.commits) != graphRow*g.count {
		return errCut
	}
	return nil
}

// place is where a commit stands, false where it is not in the file.
func (g *graphFile) place(id plumbing.Hash) (int, bool) {
	return searchIDs(g.fanout, g.ids, g.count, id)
}

func (g *graphFile) id(at int) (id plumbing.Hash) {
	copy(id[:], g.ids[20*at:])
	return id
}

// first is where the first parent of a commit stands, false where it has none.
func (g *graphFile) first(at int) (int, bool) {
	const none = 0x70000000
	parent := int(binary.BigEndian.Uint32(g.commits[graphRow*at+20:]))
	return parent, parent != none
}

// line calls fn for a commit and those behind it along first parents, until fn says false.
func (g *graphFile) line(at int, fn func(plumbing.Hash) bool) error {
	for range g.count {
		if !fn(g.id(at)) {
			return nil
		}
		parent, ok := g.first(at)
		if !ok {
			return nil
		}
		if parent >= g.count {
			return fmt.Errorf("commit-graph: %w: a parent of %s is not in it", errCut, g.id(at))
		}
		at = parent
	}
	return errors.New("commit-graph: a line without end")
}

func (g *graphFile) close() { _ = unix.Munmap(g.data) }

// chunksOf reads the table of chunks that git's multi-pack-index and commit-graph have behind a head: so many, by their names.
func chunksOf(d []byte, head, count int) (map[string][]byte, error) {
	const entry, tail = 12, 20
	if len(d) < head+(count+1)*entry+tail {
		return nil, errCut
	}
	table, chunks := d[head:], map[string][]byte{}
	for i := range count {
		start := binary.BigEndian.Uint64(table[i*entry+4:])
		end := binary.BigEndian.Uint64(table[(i+1)*entry+4:])
		if start > end || end > uint64(len(d)-tail) {
			return nil, errCut
		}
		chunks[string(table[i*entry:][:4])] = d[start:end]
	}
	return chunks, nil
}
