package warpgit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/sys/unix"
)

// midx is git's multi-pack-index: one table for the objects of many packs, so that none of their own indexes is opened. Its
// form is in git's gitformat-pack(5).
type midx struct {
	dir    string
	info   os.FileInfo // which file it is
	data   []byte
	count  int
	names  []string // of the packs, without .idx
	packs  []*pack
	fanout []byte
	ids    []byte
	places []byte // per object 4 bytes of pack, 4 of offset
	large  []byte
}

// openMidx reads the multi-pack-index of a pack directory. One that is not understood is an error; the packs are read by their
// own indexes then.
func openMidx(dir string) (*midx, error) {
	path := filepath.Join(dir, "multi-pack-index")
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	data, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	m := &midx{dir: dir, info: info, data: data}
	if err := m.parse(); err != nil {
		m.close()
		return nil, fmt.Errorf("multi-pack-index: %w", err)
	}
	for _, name := range m.names {
		m.packs = append(m.packs, &pack{path: filepath.Join(dir, name)})
	}
	return m, nil
}

// current tells whether the file is still the one that was read.
func (m *midx) current() bool {
	info, err := os.Stat(filepath.Join(m.dir, "multi-pack-index"))
	return err == nil && os.SameFile(info, m.info) && info.ModTime().Equal(m.info.ModTime())
}

func (m *midx) parse() error {
	d := m.data
	if len(d) < 12 || !bytes.HasPrefix(d, []byte("MIDX\x01\x01")) || d[7] != 0 {
		return fmt.Errorf("not of version 1, for SHA-1 and without a base")
	}
	chunks, err := chunksOf(d, 12, int(d[6]))
	if err != nil {
		return err
	}
	m.fanout, m.ids, m.places, m.large = chunks["OIDF"], chunks["OIDL"], chunks["OOFF"], chunks["LOFF"]
	if len(m.fanout) != 4*256 {
		return errCut
	}
	m.count = int(binary.BigEndian.Uint32(m.fanout[4*255:]))
	if len(m.ids) != 20*m.count || len(m.places) != 8*m.count {
		return errCut
	}
	for _, name := range strings.Split(strings.TrimRight(string(chunks["PNAM"]), "\x00"), "\x00") {
		name, ok := strings.CutSuffix(name, ".idx")
		if !ok || filepath.Base(name) != name {
			return fmt.Errorf("a pack named %.80q", name)
		}
		m.names = append(m.names, name)
	}
	if len(m.names) != int(binary.BigEndian.Uint32(d[8:])) {
		return errCut
	}
	return nil
}

// find returns the place of an object, or plumbing.ErrObjectNotFound.
func (m *midx) find(id plumbing.Hash) (packPlace, error) {
	i, ok := searchIDs(m.fanout, m.ids, m.count, id)
	if !ok {
		return packPlace{}, plumbing.ErrObjectNotFound
	}
	which := int(binary.BigEndian.Uint32(m.places[8*i:]))
	offset := int64(binary.BigEndian.Uint32(m.places[8*i+4:]))
	if m.large != nil && offset&(1<<31) != 0 {
		at := int(offset&^(1<<31)) * 8
		if at+8 > len(m.large) {
			return packPlace{}, errCut
		}
		offset = int64(binary.BigEndian.Uint64(m.large[at:]))
	}
	if which >= len(m.packs) {
		return packPlace{}, fmt.Errorf("multi-pack-index: pack %d of %d", which, len(m.packs))
	}
	return packPlace{m.packs[which], offset}, nil
}

func (m *midx) close() error {
	for _, p := range m.packs {
		p.close()
	}
	data := m.data
	m.data = nil
	return unix.Munmap(data)
}
