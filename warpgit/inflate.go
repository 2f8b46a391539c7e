package warpgit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"io"

	"github.com/klauspost/compress/zlib"
)

// inflater reads zlib streams out of memory, one after another.
type inflater struct {
	in bytes.Reader
	zr io.ReadCloser // made with the first stream, and reset with each
}

// maxObject bounds what a header may make us allocate.
const maxObject = 2 << 30

var errCut = errors.New("compressed bytes are cut off")

// inflate returns the size bytes that the stream at the head of data holds; a stream that ends elsewhere, or whose checksum is
// wrong, is an error.
func (f *inflater) inflate(data []byte, size int64) ([]byte, error) {
	if size < 0 || size > maxObject {
		return nil, fmt.Errorf("object of %d bytes is too large", size)
	}
	if out, ok := stored(data, size); ok {
		return out, nil
	}
	r, err := f.open(data)
	if err != nil {
		return nil, err
	}
	// A broken header may claim a gigabyte: the room grows with what is there.
	var out []byte
	if most := int64(len(data))*1032 + 64; size <= most && size <= 1<<26 {
		out = make([]byte, size)
		_, err = io.ReadFull(r, out)
	} else {
		out, err = io.ReadAll(io.LimitReader(r, size))
		if err == nil && int64(len(out)) < size {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		return nil, inflateError(err)
	}
	return out, f.end(r)
}

// open begins a stream.
func (f *inflater) open(data []byte) (io.Reader, error) {
	f.in.Reset(data)
	var err error
	if f.zr == nil {
		f.zr, err = zlib.NewReader(&f.in)
	} else {
		err = f.zr.(zlib.Resetter).Reset(&f.in, nil)
	}
	if err != nil {
		f.zr = nil
		return nil, inflateError(err)
	}
	return f.zr, nil
}

// end wants a stream to end here: only then has its checksum been looked at.
func (f *inflater) end(r io.Reader) error {
	var more [1]byte
	n, err := io.ReadFull(r, more[:])
	switch {
	case n > 0:
		return errors.New("there are bytes behind an object's end")
	case errors.Is(err, io.EOF):
		return nil
	}
	return inflateError(err)
}

func inflateError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

// stored reads a stream of a single block that is not compressed, as our own packs have for all that is small. It says false for
// every other, and for a broken one.
func stored(data []byte, size int64) ([]byte, bool) {
	if size > 0xffff || int64(len(data)) < size+11 || data[0] != 0x78 || data[1] != 0x01 || data[2] != 1 {
		return nil, false
	}
	n := binary.LittleEndian.Uint16(data[3:])
	if int64(n) != size || binary.LittleEndian.Uint16(data[5:]) != ^n {
		return nil, false
	}
	out := append(make([]byte, 0, size), data[7:7+size]...)
	return out, adler32.Checksum(out) == binary.BigEndian.Uint32(data[7+size:])
}
