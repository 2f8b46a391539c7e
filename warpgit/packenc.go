package warpgit

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"io"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
)

// packEncoder writes a pack of whole objects, and then its index. git's own repack makes deltas of them when it likes.
type packEncoder struct {
	w       io.Writer // to the file and the checksum
	sum     hash.Hash
	offset  int64
	entries []packEntry
	zw      *zlib.Writer
	buf     bytes.Buffer
}

type packEntry struct {
	id     plumbing.Hash
	crc    uint32
	offset int64
}

// newPackEncoder starts a pack of count objects.
func newPackEncoder(w io.Writer, count int) (*packEncoder, error) {
	e := &packEncoder{sum: sha1.New()}
	e.w = io.MultiWriter(w, e.sum)
	var err error
	if e.zw, err = zlib.NewWriterLevel(&e.buf, zlib.BestSpeed); err != nil {
		return nil, err
	}
	head := []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00")
	binary.BigEndian.PutUint32(head[8:], uint32(count))
	_, err = e.w.Write(head)
	e.offset = int64(len(head))
	return e, err
}

// add writes one object.
func (e *packEncoder) add(id plumbing.Hash, r rawObject) error {
	e.buf.Reset()
	size := uint64(len(r.data))
	b := byte(r.kind)<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		e.buf.WriteByte(b | 0x80)
		b = byte(size & 0x7f)
	}
	e.buf.WriteByte(b)
	if err := e.deflate(r); err != nil {
		return err
	}
	if _, err := e.w.Write(e.buf.Bytes()); err != nil {
		return fmt.Errorf("write pack: %w", err)
	}
	e.entries = append(e.entries, packEntry{id, crc32.ChecksumIEEE(e.buf.Bytes()), e.offset})
	e.offset += int64(e.buf.Len())
	return nil
}

// deflate appends the bytes of an object as a zlib stream. Trees are mostly hashes and small blobs have nothing to repeat: to
// store them as they are costs a twentieth of the time and hardly more space. git compresses them when it repacks.
func (e *packEncoder) deflate(r rawObject) error {
	if r.kind != plumbing.TreeObject && len(r.data) > 160 || len(r.data) > 0xffff {
		e.zw.Reset(&e.buf)
		if _, err := e.zw.Write(r.data); err != nil {
			return err
		}
		return e.zw.Close()
	}
	n := uint16(len(r.data))
	e.buf.Write([]byte{0x78, 0x01, 0x01, byte(n), byte(n >> 8), byte(^n), byte(^n >> 8)}) // one final block, stored
	e.buf.Write(r.data)
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], adler32.Checksum(r.data))
	e.buf.Write(sum[:])
	return nil
}

// finish writes the checksum of the pack to raw, the writer given at the start, and returns it: the pack's name.
func (e *packEncoder) finish(raw io.Writer) (plumbing.Hash, error) {
	var name plumbing.Hash
	copy(name[:], e.sum.Sum(nil))
	_, err := raw.Write(name[:])
	return name, err
}

// index returns the bytes of the pack's index, version 2.
func (e *packEncoder) index(name plumbing.Hash) []byte {
	sort.Slice(e.entries, func(i, j int) bool { return bytes.Compare(e.entries[i].id[:], e.entries[j].id[:]) < 0 })
	b := make([]byte, 0, idxHashes+len(e.entries)*28+40)
	b = append(b, "\xfftOc\x00\x00\x00\x02"...)
	n := 0
	for first := range 256 {
		for n < len(e.entries) && int(e.entries[n].id[0]) <= first {
			n++
		}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, o := range e.entries {
		b = append(b, o.id[:]...)
	}
	for _, o := range e.entries {
		b = binary.BigEndian.AppendUint32(b, o.crc)
	}
	var large []byte
	for _, o := range e.entries {
		if o.offset < 1<<31 {
			b = binary.BigEndian.AppendUint32(b, uint32(o.offset))
			continue
		}
		b = binary.BigEndian.AppendUint32(b, 1<<31|uint32(len(large)/8))
		large = binary.BigEndian.AppendUint64(large, uint64(o.offset))
	}
	b = append(b, large...)
	b = append(b, name[:]...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}
