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
	path  string // without .pack or .idx
	idx   []byte // nil until it is wanted, where a multi-pack-index knows the pack
	data  []byte // nil until an object is wanted
	large int    // where the table of 8-byte offsets starts
	count int
	opens *error // see openable
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
	idx, err := mapFile(p.path + ".idx")
	if err != nil {
		return err
	}
	bad := func(format string, args ...any) error {
		unix.Munmap(idx)
		return fmt.Errorf("%s.idx: "+format, append([]any{filepath.Base(p.path)}, args...)...)
	}
	if len(idx) < idxHashes+40 {
		return bad("only %d bytes", len(idx))
	}
	if !bytes.HasPrefix(idx, []byte("\xfftOc\x00\x00\x00\x02")) {
		return bad("not an index of version 2")
	}
	count := int(binary.BigEndian.Uint32(idx[idxFanout+4*255:]))
	if rest := len(idx) - idxHashes - 40; count > rest/28 || (rest-count*28)%8 != 0 {
		return bad("not whole, for %d objects", count)
	}
	p.idx, p.count, p.large = idx, count, idxHashes+count*28
	return nil
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
	if err := p.openIndex(); err != nil {
		return 0, err
	}
	i, ok := searchIDs(p.idx[idxFanout:idxHashes], p.idx[idxHashes:p.large], p.count, id)
	if !ok {
		return 0, plumbing.ErrObjectNotFound
	}
	return p.offset(i)
}

// searchIDs finds a hash in a sorted table of count, of which fanout tells for each first byte how many come before its end.
//
// Hashes are spread evenly, so where one stands between two others is guessed from its value: three looks find it in a table of
// any size, where halving takes a dozen, each in another page of a file that may not be in memory. A table that is made to
// mislead is halved after a few guesses.
func searchIDs(fanout, ids []byte, count int, id plumbing.Hash) (int, bool) {
	lo, hi := 0, int(binary.BigEndian.Uint32(fanout[4*int(id[0]):]))
	if id[0] > 0 {
		lo = int(binary.BigEndian.Uint32(fanout[4*int(id[0])-4:]))
	}
	const guesses = 8
	want := binary.BigEndian.Uint64(id[:])
	least, most := uint64(id[0])<<56, uint64(id[0])<<56|1<<56-1 // what the first 8 bytes from lo to hi can be
	for try := 0; ; try++ {
		if hi = min(hi, count); lo >= hi {
			return 0, false
		}
		mid := int(uint(lo+hi) / 2)
		if try < guesses && least < most {
			share := float64(want-least) / float64(most-least)
			mid = lo + min(int(share*float64(hi-lo)), hi-lo-1)
		}
		at := binary.BigEndian.Uint64(ids[mid*20:])
		order := cmp.Compare(at, want)
		if order == 0 {
			order = bytes.Compare(ids[mid*20+8:][:12], id[8:])
		}
		switch {
		case order == 0:
			return mid, true
		case order < 0:
			lo, least = mid+1, at
		default:
			hi, most = mid, at
		}
	}
}

func (p *pack) offset(i int) (int64, error) {
	v := binary.BigEndian.Uint32(p.idx[idxHashes+p.count*24+i*4:])
	if v&(1<<31) == 0 {
		return int64(v), nil
	}
	at := p.large + int(v&^(1<<31))*8
	if at+8 > len(p.idx)-40 {
		return 0, fmt.Errorf("%s.idx: an offset out of range", filepath.Base(p.path))
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
