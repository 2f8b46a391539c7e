package warpgit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// A segment is a sorted table in a file that never changes: what the index (index.go) knows of a stretch of the system line,
// from one commit, which is not part of it, to another. A look-up reads a dozen blocks at any size, which is cheaper than to map
// the file for them.
//
//	file    blocks of 4096 bytes; the first is the head
//	head    "jitosix2", from, to (20 bytes each), number of rows, number of blocks, ended (8 bytes each, big endian),
//	        length and bytes of the clone's name
//	block   length of its rows (2 bytes), rows, zeros
//	row     n of bytes that its key has in common with the row before in this block, 2 × n of others + gone, n of bytes of the
//	        value (each a varint); the others; the value
//
// The last 4 bytes of every block are the CRC-32 of the rest (that of IEEE: the tables of Castagnoli's cost a
// cold command more than its look-ups). A row that is gone takes back one of an earlier segment.
type segment struct {
	path     string
	from, to plumbing.Hash
	rows     int64
	ended    int64 // tasks that ended less those that began again
	file     *os.File
	size     int64
}

// row is a key with what is known of it.
type row struct {
	key, value []byte
	gone       bool
}

const (
	blockSize   = 4096
	blockRows   = blockSize - 6
	segmentMark = "jitosix2"
)

// errSegment is a file that is not what was written: whatever the reason, it is made anew.
var errSegment = errors.New("damaged index")

func segmentName(from, to plumbing.Hash) string { return from.String() + "-" + to.String() }

// parseSegmentName reads the name of a file; ok is false where it is none of a segment.
func parseSegmentName(name string) (from, to plumbing.Hash, ok bool) {
	a, b, ok := strings.Cut(name, "-")
	if !ok || len(a) != 40 || len(b) != 40 || !plumbing.IsHash(a) || !plumbing.IsHash(b) {
		return from, to, false
	}
	return plumbing.NewHash(a), plumbing.NewHash(b), true
}

// openSegment opens a file. The error Is errSegment where the file is not whole, or another clone's.
func openSegment(path, clone string) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &segment{path: path, file: f}
	info, err := f.Stat()
	if err == nil {
		s.size = info.Size()
		err = s.readHead(clone)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *segment) readHead(clone string) error {
	if s.size < blockSize || s.size%blockSize != 0 || s.size > 1<<40 {
		return fmt.Errorf("%w: %s has %d bytes", errSegment, filepath.Base(s.path), s.size)
	}
	var b [blockSize]byte
	if err := s.block(0, &b); err != nil {
		return err
	}
	from, to, _ := parseSegmentName(filepath.Base(s.path))
	copy(s.from[:], b[8:])
	copy(s.to[:], b[28:])
	s.rows = int64(binary.BigEndian.Uint64(b[48:]))
	s.ended = int64(binary.BigEndian.Uint64(b[64:]))
	length := int(binary.BigEndian.Uint16(b[72:]))
	if string(b[:8]) != segmentMark || s.from != from || s.to != to || binary.BigEndian.Uint64(b[56:]) != uint64(s.blocks()) ||
		length > blockRows-74 || string(b[74:74+length]) != clone {
		return fmt.Errorf("%w: %s", errSegment, filepath.Base(s.path))
	}
	return nil
}

func (s *segment) close() { _ = s.file.Close() }

// blocks counts the blocks behind the head.
func (s *segment) blocks() int { return int(s.size/blockSize) - 1 }

// block reads a block, or the head, into b, and looks at its checksum. A file that was cut since is a damaged one as well, and one
// that the disk does not give.
func (s *segment) block(i int, b *[blockSize]byte) error {
	if _, err := s.file.ReadAt(b[:], int64(i)*blockSize); err != nil {
		return fmt.Errorf("%w: %s, block %d: %v", errSegment, filepath.Base(s.path), i, err)
	}
	if crc32.ChecksumIEEE(b[:blockSize-4]) != binary.BigEndian.Uint32(b[blockSize-4:]) {
		return fmt.Errorf("%w: %s, block %d", errSegment, filepath.Base(s.path), i)
	}
	return nil
}

// seek returns a cursor that stands before the first row whose key is not less than key.
func (s *segment) seek(key string) (*cursor, error) {
	c := &cursor{}
	lo, hi := 0, s.blocks() // the first row of each block before lo is less than key, that of hi is not
	for lo < hi {
		mid := (lo + hi) / 2
		*c = cursor{segment: s, at: mid}
		if more, err := c.next(); err != nil {
			return nil, err
		} else if more && string(c.row.key) < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	*c = cursor{segment: s, at: max(0, lo-1)}
	for {
		more, err := c.next()
		if err != nil || !more || string(c.row.key) >= key {
			c.held = more
			return c, err
		}
	}
}

// cursor walks the rows of a segment. Its row is good until the next step.
type cursor struct {
	segment *segment
	at      int // the block after the one that is being read
	block   [blockSize]byte
	left    []byte // the rows of that one that are still to come
	row     row
	held    bool // next has been called already
}

func (c *cursor) next() (bool, error) {
	if c.held {
		c.held = false
		return true, nil
	}
	for len(c.left) == 0 {
		if c.at >= c.segment.blocks() {
			return false, nil
		}
		c.at++
		if err := c.segment.block(c.at, &c.block); err != nil {
			return false, err
		}
		n := int(binary.BigEndian.Uint16(c.block[:]))
		if n > blockRows {
			return false, errSegment
		}
		c.left, c.row.key = c.block[2:2+n], c.row.key[:0]
	}
	shared, n1 := binary.Uvarint(c.left)
	others, n2 := binary.Uvarint(c.left[max(0, n1):])
	value, n3 := binary.Uvarint(c.left[max(0, n1)+max(0, n2):])
	head := n1 + n2 + n3
	if n1 <= 0 || n2 <= 0 || n3 <= 0 || shared > uint64(len(c.row.key)) || others/2 > blockSize || value > blockSize ||
		head+int(others/2)+int(value) > len(c.left) {
		return false, errSegment
	}
	end := head + int(others/2)
	c.row.key = append(c.row.key[:shared], c.left[head:end]...)
	c.row.gone = others&1 == 1
	c.row.value = c.left[end : end+int(value)]
	c.left = c.left[end+int(value):]
	return true, nil
}

func (c *cursor) current() row { return c.row }

// segmentWriter writes a segment to a file of its own; rows come in order of their keys.
type segmentWriter struct {
	file   *os.File
	block  []byte // 2 bytes for the length, rows
	last   []byte
	rows   int64
	blocks int64
	out    []byte
}

func (w *segmentWriter) add(r row) error {
	shared := 0
	if len(w.block) > 2 {
		for shared < len(w.last) && shared < len(r.key) && w.last[shared] == r.key[shared] {
			shared++
		}
	}
	if size := 9 + len(r.key) - shared + len(r.value); len(w.block)+size > blockRows+2 && len(w.block) > 2 {
		if err := w.flush(); err != nil {
			return err
		}
		shared = 0
	}
	if len(w.block) == 0 {
		w.block = append(w.block, 0, 0)
	}
	others := uint64(len(r.key)-shared) << 1
	if r.gone {
		others |= 1
	}
	w.block = binary.AppendUvarint(w.block, uint64(shared))
	w.block = binary.AppendUvarint(w.block, others)
	w.block = binary.AppendUvarint(w.block, uint64(len(r.value)))
	w.block = append(append(w.block, r.key[shared:]...), r.value...)
	if len(w.block) > blockRows+2 {
		return fmt.Errorf("index: a row of %d bytes", len(r.key)+len(r.value))
	}
	w.last = append(w.last[:0], r.key...)
	w.rows++
	return nil
}

// flush ends a block.
func (w *segmentWriter) flush() error {
	if len(w.block) <= 2 {
		return nil
	}
	binary.BigEndian.PutUint16(w.block, uint16(len(w.block)-2))
	w.out = append(w.out, sealed(w.block)...)
	w.block = w.block[:0]
	w.blocks++
	if len(w.out) < 64*blockSize {
		return nil
	}
	return w.write()
}

func (w *segmentWriter) write() error {
	_, err := w.file.WriteAt(w.out, (w.blocks+1)*blockSize-int64(len(w.out)))
	w.out = w.out[:0]
	return err
}

// finish writes what is left, and the head.
func (w *segmentWriter) finish(from, to plumbing.Hash, ended int64, clone string) error {
	if err := w.flush(); err != nil {
		return err
	}
	head := append([]byte(segmentMark), from[:]...)
	head = append(head, to[:]...)
	for _, n := range []int64{w.rows, w.blocks, ended} {
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	head = binary.BigEndian.AppendUint16(head, uint16(len(clone)))
	head = sealed(append(head, clone...))
	if w.blocks*blockSize == int64(len(w.out)) { // all in one write
		_, err := w.file.WriteAt(append(head, w.out...), 0)
		return err
	}
	if err := w.write(); err != nil {
		return err
	}
	_, err := w.file.WriteAt(head, 0)
	return err
}

// sealed fills a block up and adds its checksum.
func sealed(b []byte) []byte {
	b = append(bytes.Clone(b), make([]byte, blockSize-len(b))...)
	binary.BigEndian.PutUint32(b[blockSize-4:], crc32.ChecksumIEEE(b[:blockSize-4]))
	return b
}
