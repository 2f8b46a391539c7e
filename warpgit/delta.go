package warpgit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/go-git/go-git/v5/plumbing"
)

// appendDelta appends a delta, in the form of git's packs, that makes dst of src. The two are selves of one thing, so no search
// for where they are alike is needed: trees differ in single hashes or entries, commits and records in single lines.
func appendDelta(b []byte, kind plumbing.ObjectType, src, dst []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(src)))
	b = binary.AppendUvarint(b, uint64(len(dst)))
	d := deltaWriter{out: b, dst: dst}
	switch {
	case len(src) == len(dst):
		d.inPlace(src)
	case kind == plumbing.TreeObject:
		d.ends(src)
	default:
		d.lines(src)
	}
	d.insert(len(dst))
	return d.out
}

// deltaWriter writes instructions; what is not copied is inserted.
type deltaWriter struct {
	out  []byte
	dst  []byte
	done int // how much of dst the instructions make so far
}

// worthCopying is from how many equal bytes on a copy is shorter than to go on inserting.
const worthCopying = 8

// inPlace compares byte by byte two texts of one length.
func (d *deltaWriter) inPlace(src []byte) {
	for i := 0; i < len(src); {
		n := commonPrefix(src[i:], d.dst[i:])
		if n >= worthCopying {
			d.copy(i, i, n)
		}
		for i += n; i < len(src) && src[i] != d.dst[i]; i++ {
		}
	}
}

// ends copies what the two begin and end with.
func (d *deltaWriter) ends(src []byte) {
	head := commonPrefix(src, d.dst)
	tail := 0
	for most := min(len(src), len(d.dst)) - head; tail < most && src[len(src)-1-tail] == d.dst[len(d.dst)-1-tail]; tail++ {
	}
	if head >= worthCopying {
		d.copy(0, 0, head)
	}
	if tail >= worthCopying {
		d.copy(len(src)-tail, len(d.dst)-tail, tail)
	}
}

// lines compares line by line.
func (d *deltaWriter) lines(src []byte) {
	from, to := 0, 0                    // where the lines compared now begin
	startFrom, startTo, same := 0, 0, 0 // equal lines that are not copied yet
	flush := func() {
		if same >= worthCopying {
			d.copy(startFrom, startTo, same)
		}
		same = 0
	}
	for from < len(src) && to < len(d.dst) {
		a, b := lineLength(src[from:]), lineLength(d.dst[to:])
		if bytes.Equal(src[from:from+a], d.dst[to:to+b]) {
			if same == 0 {
				startFrom, startTo = from, to
			}
			same += a
		} else {
			flush()
		}
		from, to = from+a, to+b
	}
	flush()
}

func lineLength(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

func commonPrefix(a, b []byte) int {
	n, most := 0, min(len(a), len(b))
	for ; n+8 <= most; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for ; n < most && a[n] == b[n]; n++ {
	}
	return n
}

// copy makes dst[at:at+size] of what src has from an offset on, and inserts what comes before.
func (d *deltaWriter) copy(offset, at, size int) {
	d.insert(at)
	for d.done += size; size > 0; {
		n := min(size, 0xffff)
		op := len(d.out)
		d.out = append(d.out, 0x80)
		for i := range 4 {
			if v := byte(offset >> (8 * i)); v != 0 {
				d.out[op] |= 1 << i
				d.out = append(d.out, v)
			}
		}
		for i := range 2 {
			if v := byte(n >> (8 * i)); v != 0 {
				d.out[op] |= 0x10 << i
				d.out = append(d.out, v)
			}
		}
		offset, size = offset+n, size-n
	}
}

// insert makes dst up to an offset of bytes that the delta carries.
func (d *deltaWriter) insert(until int) {
	for d.done < until {
		n := min(until-d.done, 127)
		d.out = append(append(d.out, byte(n)), d.dst[d.done:d.done+n]...)
		d.done += n
	}
}

var errDelta = errors.New("a broken delta")

// applyDelta makes what a delta says of its base.
func applyDelta(base, delta []byte) ([]byte, error) {
	from, delta, ok := readSize(delta, 7)
	to, delta, ok2 := readSize(delta, 7)
	if !ok || !ok2 || from != int64(len(base)) || to > maxObject {
		return nil, errDelta
	}
	out := make([]byte, 0, min(to, int64(len(base)+len(delta))+1<<16)) // more only where there are copies to fill it
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		if op&0x80 == 0 {
			if op == 0 || int(op) > len(delta) {
				return nil, errDelta
			}
			out, delta = append(out, delta[:op]...), delta[op:]
			continue
		}
		var v [7]byte // four of the offset, three of the size
		for i := range v {
			if op&(1<<i) != 0 {
				if len(delta) == 0 {
					return nil, errDelta
				}
				v[i], delta = delta[0], delta[1:]
			}
		}
		offset := int64(binary.LittleEndian.Uint32(v[:]))
		size := int64(v[4]) | int64(v[5])<<8 | int64(v[6])<<16
		if size == 0 {
			size = 0x10000
		}
		if offset+size > int64(len(base)) || int64(len(out))+size > to {
			return nil, errDelta
		}
		out = append(out, base[offset:offset+size]...)
	}
	if int64(len(out)) != to {
		return nil, errDelta
	}
	return out, nil
}
