package warpgit

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/klauspost/compress/zlib"
)

// packEncoder writes a pack, and then its index. Of the selves of one thing the youngest is stored whole, and each older one
// as a delta against the one after it: what is read most is read fastest. Delta chains are at most maxChain long, as git's are.
type packEncoder struct {
	w       io.Writer
	sum     hash.Hash
	buf     []byte // what is not written yet
	delta   []byte
	offset  int64 // of the end of buf in the pack
	entries []*staged
	salt    int // see deflate
	zw      *zlib.Writer
	zbuf    bytes.Buffer
}

// slot is where the encoder put an object.
type slot struct {
	offset int64 // 0: nowhere yet
	crc    uint32
	depth  int32 // how many deltas it takes
}

const maxChain = 50

// encodePack writes a pack of objects, whose former selves come before their later ones, and returns its checksum, which is its
// name, and its index. Packs of the same objects have the same bytes where their salt is the same.
func encodePack(w io.Writer, objects []*staged, salt int) (plumbing.Hash, []byte, error) {
	e := &packEncoder{w: w, sum: sha1.New(), salt: salt, entries: make([]*staged, 0, len(objects))}
	e.buf = binary.BigEndian.AppendUint32(append(make([]byte, 0, 1<<17), "PACK\x00\x00\x00\x02"...), uint32(len(objects)))
	e.offset = int64(len(e.buf))
	for _, s := range objects {
		s.pack = slot{}
	}
	for _, kind := range []plumbing.ObjectType{plumbing.CommitObject, plumbing.TagObject, plumbing.TreeObject, plumbing.BlobObject} {
		for _, s := range slices.Backward(objects) { // the youngest first: a delta's base stands before it
			if s.kind != kind {
				continue
			}
			if err := e.add(s); err != nil {
				return plumbing.ZeroHash, nil, err
			}
		}
	}
	return e.finish()
}

func (e *packEncoder) add(s *staged) error {
	start := len(e.buf)
	kind, data := s.kind, s.data
	at := slot{offset: e.offset}
	if base := s.next; base != nil && base.pack.offset > 0 && base.pack.depth < maxChain {
		e.delta = appendDelta(e.delta[:0], s.kind, base.data, s.data)
		if len(e.delta) < len(data)*3/4 {
			kind, data, at.depth = plumbing.OFSDeltaObject, e.delta, base.pack.depth+1
		}
	}
	size := len(data)
	b := byte(kind)<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		e.buf = append(e.buf, b|0x80)
		b = byte(size & 0x7f)
	}
	e.buf = append(e.buf, b)
	if kind == plumbing.OFSDeltaObject {
		e.buf = appendBack(e.buf, e.offset-s.next.pack.offset)
	}
	if err := e.deflate(kind, data); err != nil {
		return err
	}
	at.crc = crc32.ChecksumIEEE(e.buf[start:])
	e.offset += int64(len(e.buf) - start)
	s.pack = at
	e.entries = append(e.entries, s)
	if len(e.buf) < 1<<16 {
		return nil
	}
	return e.flush()
}

// appendBack writes how far back a delta's base is, in git's own kind of number.
func appendBack(b []byte, back int64) []byte {
	var room [10]byte
	i := len(room) - 1
	room[i] = byte(back & 0x7f)
	for back >>= 7; back > 0; back >>= 7 {
		back--
		i--
		room[i] = byte(back&0x7f) | 0x80
	}
	return append(b, room[i:]...)
}

func (e *packEncoder) flush() error {
	e.sum.Write(e.buf)
	_, err := e.w.Write(e.buf)
	e.buf = e.buf[:0]
	return err
}

// deflate appends the bytes of an object as a zlib stream. Trees are mostly hashes and small texts have nothing to repeat: to
// store them as they are costs a twentieth of the time and hardly more space. git compresses them when it repacks.
//
// The salt, empty blocks at the start of the first object, gives a pack a name of its own where another has the same objects.
func (e *packEncoder) deflate(kind plumbing.ObjectType, data []byte) error {
	whole := len(data) > 0xffff || len(data) > 600 && kind != plumbing.TreeObject && kind != plumbing.OFSDeltaObject
	e.buf = append(e.buf, 0x78, 0x01)
	for ; e.salt > 0; e.salt-- {
		e.buf = append(e.buf, 0, 0, 0, 0xff, 0xff)
	}
	if whole {
		e.zbuf.Reset()
		if e.zw == nil {
			var err error
			if e.zw, err = zlib.NewWriterLevel(&e.zbuf, zlib.BestSpeed); err != nil {
				return err
			}
		} else {
			e.zw.Reset(&e.zbuf)
		}
		_, err := e.zw.Write(data)
		if cerr := e.zw.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("deflate: %w", err)
		}
		e.buf = append(e.buf, e.zbuf.Bytes()[2:]...) // the two bytes of the head stand there already
		return nil
	}
	n := uint16(len(data))
	e.buf = append(e.buf, 1, byte(n), byte(n>>8), byte(^n), byte(^n>>8)) // one last block, stored
	e.buf = append(e.buf, data...)
	e.buf = binary.BigEndian.AppendUint32(e.buf, adler32.Checksum(data))
	return nil
}

func (e *packEncoder) finish() (plumbing.Hash, []byte, error) {
	var name plumbing.Hash
	if err := e.flush(); err != nil {
		return name, nil, err
	}
	e.sum.Sum(name[:0])
	if _, err := e.w.Write(name[:]); err != nil {
		return name, nil, err
	}
	return name, e.index(name), nil
}

// index returns the bytes of the pack's index, version 2.
func (e *packEncoder) index(name plumbing.Hash) []byte {
	sortByID(e.entries)
	b := make([]byte, 0, idxHashes+len(e.entries)*28+40)
	b = append(b, "\xfftOc\x00\x00\x00\x02"...)
	n := 0
	for first := range 256 {
		for n < len(e.entries) && int(e.entries[n].id[0]) <= first {
			n++
		}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, s := range e.entries {
		b = append(b, s.id[:]...)
	}
	for _, s := range e.entries {
		b = binary.BigEndian.AppendUint32(b, s.pack.crc)
	}
	var large []byte
	for _, s := range e.entries {
		if s.pack.offset < 1<<31 {
			b = binary.BigEndian.AppendUint32(b, uint32(s.pack.offset))
			continue
		}
		b = binary.BigEndian.AppendUint32(b, 1<<31|uint32(len(large)/8))
		large = binary.BigEndian.AppendUint64(large, uint64(s.pack.offset))
	}
	b = append(b, large...)
	b = append(b, name[:]...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

// sortByID sorts by the first eight bytes, kept side by side, and rarely by the rest: that is what an index costs.
func sortByID(entries []*staged) {
	type keyed struct {
		key uint64
		s   *staged
	}
	keys := make([]keyed, len(entries))
	for i, s := range entries {
		keys[i] = keyed{binary.BigEndian.Uint64(s.id[:]), s}
	}
	slices.SortFunc(keys, func(a, b keyed) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return bytes.Compare(a.s.id[8:], b.s.id[8:])
	})
	for i, k := range keys {
		entries[i] = k.s
	}
}
