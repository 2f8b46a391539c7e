package warpgit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"golang.org/x/sys/unix"
)

// pack is one pack with its index (version 2).
type pack struct {
	path  string   // without .pack or .idx
	idx   []byte   // mapped: only the pages that a search touches are read
	file  *os.File // opened when an object of it is wanted
	large int      // where the table of 8-byte offsets starts
	count int
	opens *error // see openable
}

// Places in an index: 8 bytes of head, 256 × 4 of fanout, then per object 20 of hash, 4 of CRC, 4 of offset.
const (
	idxFanout = 8
	idxHashes = idxFanout + 256*4
)

func openPack(path string) (*pack, error) {
	f, err := os.Open(path + ".idx")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < idxHashes+40 || info.Size() > 1<<40 {
		return nil, fmt.Errorf("%s: index of %d bytes", filepath.Base(path), info.Size())
	}
	p := &pack{path: path}
	if p.idx, err = unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("%s: map index: %w", filepath.Base(path), err)
	}
	p.count = p.fanout(255)
	p.large = idxHashes + p.count*28
	if !bytes.HasPrefix(p.idx, []byte("\xfftOc\x00\x00\x00\x02")) || len(p.idx) < p.large+40 {
		p.close()
		return nil, fmt.Errorf("%s: not a whole index of version 2", filepath.Base(path))
	}
	return p, nil
}

// fanout is how many objects have a hash that begins with a byte, or with a lesser one.
func (p *pack) fanout(first int) int {
	return int(binary.BigEndian.Uint32(p.idx[idxFanout+4*first:]))
}

// find returns the offset of an object in the pack, or plumbing.ErrObjectNotFound.
func (p *pack) find(id plumbing.Hash) (int64, error) {
	lo, hi := 0, p.fanout(int(id[0]))
	if id[0] > 0 {
		lo = p.fanout(int(id[0]) - 1)
	}
	if hi > p.count {
		return 0, fmt.Errorf("%s: index is not in order", filepath.Base(p.path))
	}
	for lo < hi {
		mid := (lo + hi) / 2
		switch c := bytes.Compare(p.idx[idxHashes+mid*20:][:20], id[:]); {
		case c == 0:
			return p.offset(mid)
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0, plumbing.ErrObjectNotFound
}

func (p *pack) offset(i int) (int64, error) {
	v := binary.BigEndian.Uint32(p.idx[idxHashes+p.count*24+i*4:])
	if v&(1<<31) == 0 {
		return int64(v), nil
	}
	at := p.large + int(v&^(1<<31))*8
	if at+8 > len(p.idx) {
		return 0, fmt.Errorf("%s: index is cut off", filepath.Base(p.path))
	}
	return int64(binary.BigEndian.Uint64(p.idx[at:])), nil
}

// ids lists the objects of a pack.
func (p *pack) ids() []plumbing.Hash {
	ids := make([]plumbing.Hash, p.count)
	for i := range ids {
		copy(ids[i][:], p.idx[idxHashes+i*20:])
	}
	return ids
}

func (p *pack) open() (*os.File, error) {
	if p.file == nil {
		f, err := os.Open(p.path + ".pack")
		if err != nil {
			return nil, err
		}
		p.file = f
	}
	return p.file, nil
}

func (p *pack) close() error {
	var err error
	if p.file != nil {
		err = p.file.Close()
	}
	if p.idx != nil {
		err = errors.Join(err, unix.Munmap(p.idx))
		p.idx = nil
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

func readHeader(r io.ByteReader) (packHeader, error) {
	var h packHeader
	b, err := r.ReadByte()
	if err != nil {
		return h, err
	}
	h.kind = plumbing.ObjectType(b >> 4 & 7)
	h.size = int64(b & 15)
	for shift := 4; b&0x80 != 0; shift += 7 {
		if b, err = r.ReadByte(); err != nil {
			return h, err
		}
		h.size |= int64(b&0x7f) << shift
	}
	switch h.kind {
	case plumbing.OFSDeltaObject:
		if b, err = r.ReadByte(); err != nil {
			return h, err
		}
		h.back = int64(b & 0x7f)
		for b&0x80 != 0 {
			if b, err = r.ReadByte(); err != nil {
				return h, err
			}
			h.back = (h.back+1)<<7 | int64(b&0x7f)
		}
	case plumbing.REFDeltaObject:
		for i := range h.base {
			if h.base[i], err = r.ReadByte(); err != nil {
				return h, err
			}
		}
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	default:
		return h, fmt.Errorf("type %d", h.kind)
	}
	return h, nil
}

func applyDelta(base, delta []byte) ([]byte, error) {
	out, err := packfile.PatchDelta(base, delta)
	if err != nil {
		return nil, fmt.Errorf("delta: %w", err)
	}
	return out, nil
}
