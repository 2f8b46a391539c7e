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
)

// pack is one pack with its index (version 2).
type pack struct {
	path   string // without .pack or .idx
	idx    io.ReaderAt
	file   *os.File // opened when an object of it is wanted
	idxFd  *os.File // nil where the index is held in memory
	fanout [256]uint32
	large  int64 // where the table of 8-byte offsets starts
	count  int64
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
	p := &pack{path: path, idx: f, idxFd: f}
	if err := p.readFanout(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return p, nil
}

func (p *pack) readFanout() error {
	var head [idxHashes]byte
	if _, err := p.idx.ReadAt(head[:], 0); err != nil {
		return err
	}
	if !bytes.Equal(head[:8], []byte("\xfftOc\x00\x00\x00\x02")) {
		return errors.New("not an index of version 2")
	}
	for i := range p.fanout {
		p.fanout[i] = binary.BigEndian.Uint32(head[idxFanout+4*i:])
		if i > 0 && p.fanout[i] < p.fanout[i-1] {
			return errors.New("index is not in order")
		}
	}
	p.count = int64(p.fanout[255])
	p.large = idxHashes + p.count*28
	info, err := p.idxFd.Stat()
	if err != nil {
		return err
	}
	if info.Size() < p.large+40 {
		return errors.New("index is cut off")
	}
	if info.Size() > 1<<20 {
		return nil
	}
	all := make([]byte, info.Size()) // small: one read instead of ten for each search
	if _, err := p.idx.ReadAt(all, 0); err != nil {
		return err
	}
	err = p.idxFd.Close()
	p.idx, p.idxFd = bytes.NewReader(all), nil
	return err
}

// find returns the offset of an object in the pack, or plumbing.ErrObjectNotFound.
func (p *pack) find(id plumbing.Hash) (int64, error) {
	lo, hi := int64(0), int64(p.fanout[id[0]])
	if id[0] > 0 {
		lo = int64(p.fanout[id[0]-1])
	}
	var h plumbing.Hash
	for lo < hi {
		mid := (lo + hi) / 2
		if _, err := p.idx.ReadAt(h[:], idxHashes+mid*20); err != nil {
			return 0, err
		}
		switch c := bytes.Compare(h[:], id[:]); {
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

func (p *pack) offset(i int64) (int64, error) {
	var b [8]byte
	if _, err := p.idx.ReadAt(b[:4], idxHashes+p.count*24+i*4); err != nil {
		return 0, err
	}
	v := binary.BigEndian.Uint32(b[:4])
	if v&(1<<31) == 0 {
		return int64(v), nil
	}
	if _, err := p.idx.ReadAt(b[:], p.large+int64(v&^(1<<31))*8); err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b[:])), nil
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
	if p.idxFd != nil {
		err = errors.Join(err, p.idxFd.Close())
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
