package warpgit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/sys/unix"
)

// glance looks into the index of a pack without mapping it. A command that reads a dozen objects looks a dozen times into the
// index of each pack, far apart; the kernel maps sixteen pages around each such look, whatever it is advised, and with forty
// packs held fifty megabytes. So the first looks read what they need, which is cheaper than a fault, too; whoever looks often
// has the index mapped.
type glance struct {
	fd     int
	fanout [256 * 4]byte
	count  int
	size   int64
	looks  int
}

// manyLooks is how many are made before an index is mapped, manyGlances how many packs may hold a descriptor for that.
const manyLooks, manyGlances = 200, 64

// glancePack opens a pack for a few looks. The errors are those of openPack.
func glancePack(path string) (*pack, error) {
	fd, err := unix.Open(path+".idx", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path + ".idx", Err: err}
	}
	g := &glance{fd: fd}
	p := &pack{path: path, glance: g}
	var info unix.Stat_t
	var head [idxHashes]byte
	if err = unix.Fstat(fd, &info); err == nil {
		g.size = info.Size
		err = g.read(head[:], 0)
	}
	if err == nil {
		p.count, err = checkIndex(head[:], g.size)
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("%s.idx: %w", filepath.Base(path), err)
	}
	copy(g.fanout[:], head[idxFanout:])
	g.count = p.count
	return p, nil
}

func (g *glance) read(b []byte, at int64) error {
	for len(b) > 0 {
		n, err := unix.Pread(g.fd, b, at)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n == 0:
			return errCut
		}
		b, at = b[n:], at+int64(n)
	}
	return nil
}

// glanceWindow is how many hashes are read at once: where a hash stands is guessed to within some dozen.
const glanceWindow = 150

// find returns the offset of an object, or plumbing.ErrObjectNotFound.
func (g *glance) find(id plumbing.Hash) (int64, error) {
	var room [glanceWindow * 20]byte
	s := newHashSearch(g.fanout[:], g.count, id)
	for {
		guess, more := s.next()
		if !more {
			return 0, plumbing.ErrObjectNotFound
		}
		first := max(s.lo, min(guess-glanceWindow/2, s.hi-glanceWindow))
		last := min(first+glanceWindow, s.hi)
		ids := room[:(last-first)*20]
		if err := g.read(ids, int64(idxHashes+first*20)); err != nil {
			return 0, err
		}
		at := sort.Search(last-first, func(i int) bool { return bytes.Compare(ids[i*20:][:20], id[:]) >= 0 })
		switch {
		case at < last-first && plumbing.Hash(ids[at*20:][:20]) == id:
			return g.offset(first + at)
		case at == 0:
			s.below(first, binary.BigEndian.Uint64(ids))
		case at == last-first:
			s.above(last-1, binary.BigEndian.Uint64(ids[len(ids)-20:]))
		default:
			return 0, plumbing.ErrObjectNotFound
		}
	}
}

func (g *glance) offset(i int) (int64, error) {
	var b [8]byte
	if err := g.read(b[:4], int64(idxHashes+g.count*24+i*4)); err != nil {
		return 0, err
	}
	v := binary.BigEndian.Uint32(b[:])
	if v&(1<<31) == 0 {
		return int64(v), nil
	}
	at := int64(idxHashes+g.count*28) + int64(v&^(1<<31))*8
	if at+8 > g.size-40 {
		return 0, errOffset
	}
	err := g.read(b[:], at)
	return int64(binary.BigEndian.Uint64(b[:])), err
}

func (g *glance) close() error { return unix.Close(g.fd) }
