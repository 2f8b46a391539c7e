package warpgit

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/sys/unix"
)

// pack is one pack with its index (version 2). Both are mapped: only the pages that a search touches are read, and what git
// removes meanwhile can still be read.
type pack struct {
	path   string  // without .pack or .idx
	glance *glance // for the first looks, where there is one, see glance.go
	idx    []byte  // nil until it is wanted
	data   []byte  // nil until an object is wanted
	large  int     // where the table of 8-byte offsets starts
	count  int
	opens  *error // see openable

	removed bool // its file was gone at the last scan
}

// Places in an index: 8 bytes of head, 256 × 4 of fanout, then per object 20 of hash, 4 of CRC, 4 of offset.
const (
	idxFanout = 8
	idxHashes = idxFanout + 256*4
)

func openPack(path string) (*pack, error) {
	p := &pack{path: path}
	if err := p.openIndex(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *pack) openIndex() error {
	if p.idx != nil {
		return nil
	}
	idx, err := p.mapIndex()
	if err != nil {
		return err
	}
	count, err := checkIndex(idx, int64(len(idx)))
	if err != nil {
		unix.Munmap(idx)
		return fmt.Errorf("%s.idx: %w", filepath.Base(p.path), err)
	}
	p.idx, p.count, p.large = idx, count, idxHashes+count*28
	return nil
}

// mapIndex maps the index: the file that was looked into, where one was, for it may be gone by now.
func (p *pack) mapIndex() ([]byte, error) {
	if p.glance == nil {
		return mapFile(p.path + ".idx")
	}
	idx, err := unix.Mmap(p.glance.fd, 0, int(p.glance.size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%s.idx: map: %w", filepath.Base(p.path), err)
	}
	err, p.glance = p.glance.close(), nil
	return idx, err
}

// checkIndex looks at the head of an index of so many bytes, and returns how many objects it names.
func checkIndex(head []byte, size int64) (int, error) {
	if size < idxHashes+40 {
		return 0, fmt.Errorf("only %d bytes", size)
	}
	if !bytes.HasPrefix(head, []byte("\xfftOc\x00\x00\x00\x02")) {
		return 0, errors.New("not an index of version 2")
	}
	count := int64(binary.BigEndian.Uint32(head[idxFanout+4*255:]))
	if rest := size - idxHashes - 40; count > rest/28 || (rest-count*28)%8 != 0 {
		return 0, fmt.Errorf("not whole, for %d objects", count)
	}
	return int(count), nil
}

// mapFile maps a file that must not be empty.
func mapFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 || info.Size() > 1<<40 {
		return nil, fmt.Errorf("%s: %d bytes", filepath.Base(path), info.Size())
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%s: map: %w", filepath.Base(path), err)
	}
	return data, nil
}

// find returns the offset of an object in the pack, or plumbing.ErrObjectNotFound.
func (p *pack) find(id plumbing.Hash) (int64, error) {
	if g := p.glance; g != nil && g.looks < manyLooks {
		g.looks++
		offset, err := g.find(id)
		if err != nil && !errors.Is(err, plumbing.ErrObjectNotFound) {
			err = fmt.Errorf("%s.idx: %w", filepath.Base(p.path), err)
		}
		return offset, err
	}
	if err := p.openIndex(); err != nil {
		return 0, err
	}
	i, ok := searchIDs(p.idx[idxFanout:idxHashes], p.idx[idxHashes:p.large], p.count, id)
	if !ok {
		return 0, plumbing.ErrObjectNotFound
	}
	return p.offset(i)
}

// hashSearch finds a hash in a sorted table.
//
// Hashes are spread evenly, so where one stands between two others is guessed from its value: three looks find it in a table of
// any size, where halving takes a dozen, each in another page of a file that may not be in memory. A table that is made to
// mislead is halved after a few guesses.
type hashSearch struct {
	lo, hi            int    // it stands in front of hi, and not in front of lo
	want, least, most uint64 // its first 8 bytes, and what those from lo to hi can be
	tries             int
}

// newHashSearch begins in a table of count, of which fanout tells for each first byte how many come before its end.
func newHashSearch(fanout []byte, count int, id plumbing.Hash) hashSearch {
	first := uint64(id[0]) << 56
	s := hashSearch{want: binary.BigEndian.Uint64(id[:]), least: first, most: first | 1<<56 - 1}
	s.hi = min(count, int(binary.BigEndian.Uint32(fanout[4*int(id[0]):])))
	if id[0] > 0 {
		s.lo = int(binary.BigEndian.Uint32(fanout[4*int(id[0])-4:]))
	}
	return s
}

// next guesses where the hash stands; false says that it is not there.
func (s *hashSearch) next() (guess int, more bool) {
	if s.lo >= s.hi {
		return 0, false
	}
	if s.tries++; s.tries > 8 || s.least >= s.most {
		return int(uint(s.lo+s.hi) / 2), true
	}
	share := float64(s.want-s.least) / float64(s.most-s.least)
	return s.lo + max(0, min(int(share*float64(s.hi-s.lo)), s.hi-s.lo-1)), true
}

// above says that it stands behind at, where a hash begins with so.
func (s *hashSearch) above(at int, begins uint64) { s.lo, s.least = at+1, begins }

// below says that it stands in front of at.
func (s *hashSearch) below(at int, begins uint64) { s.hi, s.most = at, begins }

// searchIDs finds a hash in a table.
func searchIDs(fanout, ids []byte, count int, id plumbing.Hash) (int, bool) {
	s := newHashSearch(fanout, count, id)
	for {
		at, more := s.next()
		if !more {
			return 0, false
		}
		begins := binary.BigEndian.Uint64(ids[at*20:])
		order := cmp.Compare(begins, s.want)
		if order == 0 {
			order = bytes.Compare(ids[at*20+8:][:12], id[8:])
		}
		switch {
		case order == 0:
			return at, true
		case order < 0:
			s.above(at, begins)
		default:
			s.below(at, begins)
		}
	}
}

var errOffset = errors.New("an offset out of range")

func (p *pack) offset(i int) (int64, error) {
	v := binary.BigEndian.Uint32(p.idx[idxHashes+p.count*24+i*4:])
	if v&(1<<31) == 0 {
		return int64(v), nil
	}
	at := p.large + int(v&^(1<<31))*8
	if at+8 > len(p.idx)-40 {
		return 0, fmt.Errorf("%s.idx: %w", filepath.Base(p.path), errOffset)
	}
	return int64(binary.BigEndian.Uint64(p.idx[at:])), nil
}

// ids lists the objects of a pack whose index is open.
func (p *pack) ids() []plumbing.Hash {
	ids := make([]plumbing.Hash, p.count)
	for i := range ids {
		copy(ids[i][:], p.idx[idxHashes+i*20:])
	}
	return ids
}

// packTail is the checksum that a pack ends with.
const packTail = 20

// at returns the bytes of the pack from the head of an object on.
func (p *pack) at(offset int64) ([]byte, error) {
	if err := p.openData(); err != nil {
		return nil, err
	}
	if offset < 12 || offset >= int64(len(p.data))-packTail {
		return nil, fmt.Errorf("%s.pack has no object at %d", filepath.Base(p.path), offset)
	}
	return p.data[offset : len(p.data)-packTail], nil
}

func (p *pack) openData() error {
	if p.data != nil {
		return nil
	}
	data, err := mapFile(p.path + ".pack")
	p.data = data
	return err
}

func (p *pack) close() error {
	var err error
	if p.glance != nil {
		err, p.glance = p.glance.close(), nil
	}
	for _, m := range []*[]byte{&p.data, &p.idx} {
		if *m != nil {
			err = errors.Join(err, unix.Munmap(*m))
			*m = nil
		}
	}
	return err
}

// packHeader is what stands before an object's compressed bytes.
type packHeader struct {
	kind plumbing.ObjectType
	size int64
	back int64         // of an offset delta: how far back its base starts
	base plumbing.Hash // of a reference delta
}

func (h packHeader) isDelta() bool {
	return h.kind == plumbing.OFSDeltaObject || h.kind == plumbing.REFDeltaObject
}

// readHeader reads a header and returns what follows it.
func readHeader(data []byte) (packHeader, []byte, error) {
	var h packHeader
	size, rest, ok := readSize(data, 4)
	if !ok {
		return h, nil, errCut
	}
	h.kind, h.size = plumbing.ObjectType(data[0]>>4&7), size
	switch h.kind {
	case plumbing.OFSDeltaObject:
		for i, b := range rest {
			if i > 8 {
				break
			}
			h.back = h.back<<7 | int64(b&0x7f)
			if b&0x80 == 0 {
				return h, rest[i+1:], nil
			}
			h.back++
		}
		return h, nil, errCut
	case plumbing.REFDeltaObject:
		if len(rest) < len(h.base) {
			return h, nil, errCut
		}
		copy(h.base[:], rest)
		return h, rest[len(h.base):], nil
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		return h, rest, nil
	}
	return h, nil, fmt.Errorf("no object of git's is of type %d", h.kind)
}

// readSize reads a number of seven bits a byte, the first byte having only some of them.
func readSize(data []byte, first int) (int64, []byte, bool) {
	var v int64
	shift, mask := 0, byte(1<<first-1)
	for i, b := range data {
		if shift > 56 {
			break
		}
		v |= int64(b&mask) << shift
		if shift += 7; i == 0 {
			shift, mask = first, 0x7f
		}
		if b&0x80 == 0 {
			return v, data[i+1:], true
		}
	}
	return 0, nil, false
}
